// SPDX-License-Identifier: Apache-2.0
// Input: what an op's argument may be: a Tensor, a Variable, an Array, a number, a string, nested
// initialiser lists.
#pragma once

#include <concepts>
#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include "weft/core/array.h"
#include "weft/graph/tensor.h"

namespace weft {

// Literals (numbers and lists of numbers) take the dtype that the op needs, as in Python: x * 2
// with a float32 x gives a float32 constant. An Array keeps its dtype.
class Input {
 public:
  Input(Tensor t) : tensor_(t) {}                   // NOLINT: conversions are the point
  Input(Array a) : array_(std::move(a)) {}          // NOLINT
  Input(const char* s) : array_(std::string(s)) {}  // NOLINT
  Input(std::string s) : array_(std::move(s)) {}    // NOLINT
  template <typename T, DataType kType = internal::DTypeOf<T>::value>
  Input(T value) : array_(value), weak_(IsNumeric(kType)) {}  // NOLINT
  template <typename T, DataType kType = internal::DTypeOf<T>::value>
  Input(std::initializer_list<T> v) : array_(v), weak_(IsNumeric(kType)) {}  // NOLINT
  template <typename T, DataType kType = internal::DTypeOf<T>::value>
  Input(std::initializer_list<std::initializer_list<T>> v)
      : array_(v), weak_(IsNumeric(kType)) {}  // NOLINT
  template <typename T, DataType kType = internal::DTypeOf<T>::value>
  Input(const std::vector<T>& v)
      : array_(Array::FromVector(v)), weak_(IsNumeric(kType)) {}  // NOLINT
  // Anything with AsTensor(): Variables.
  template <typename V>
  requires requires(const V& v) {
    { v.AsTensor() } -> std::convertible_to<Tensor>;
  }
  Input(const V& v) : tensor_(v.AsTensor()) {}  // NOLINT

  bool is_tensor() const { return tensor_.valid(); }
  Tensor tensor() const { return tensor_; }
  const Array& array() const { return array_; }
  // A literal that takes the op's dtype.
  bool weak() const { return weak_; }

 private:
  Tensor tensor_;
  Array array_;
  bool weak_ = false;
};

// The name of the node that a function adds; "" for the function's default.
struct NameOptions {
  std::string name;
  NameOptions() = default;
  NameOptions(const char* n) : name(n) {}             // NOLINT
  NameOptions(std::string n) : name(std::move(n)) {}  // NOLINT
};

// Builds one node as Python's generated wrappers do: opens a name scope for it, makes constants of
// literals under it ("mul/y"), infers attributes, and throws wf::Error. The functions of
// include/weft/ops are thin calls of it.
//   return OpBuilder("MatMul", name).In(a).In(b).Attr("transpose_a", true).Output();
class OpBuilder {
 public:
  // `name`: what the user asked for, or `default_name` (the op type if empty).
  OpBuilder(std::string type, const NameOptions& name, std::string default_name = {});
  OpBuilder& In(const Input& input);
  // An argument of several tensors ("N * T" or a list of types).
  OpBuilder& InList(const std::vector<Input>& inputs);
  OpBuilder& Attr(std::string_view name, AttrValue value);
  OpBuilder& ControlInput(Operation op);
  // Literals of this node take this dtype where no input tells.
  OpBuilder& PreferDtype(DataType dtype);
  Operation Build();
  Tensor Output() { return Build().output(0); }
  std::vector<Tensor> Outputs() { return Build().outputs(); }

 private:
  struct Argument {
    std::vector<Input> values;
    bool is_list = false;
  };
  std::string type_, name_;
  std::vector<Argument> arguments_;
  AttrMap attrs_;
  std::vector<Operation> control_inputs_;
  DataType preferred_ = kInvalidType;
};

// The Tensor of an Input: itself, or a new Const (dtype as given unless it is weak and `dtype` is
// valid).
Tensor AsTensor(const Input& input, DataType dtype = kInvalidType, std::string_view name = "Const");

}  // namespace weft
