// SPDX-License-Identifier: Apache-2.0
// Input: what an op's argument may be: a Tensor, a Variable, an Array, a number, a string, nested
// initialiser lists. (OpBuilder, which makes a node of them, is in op_builder.h.)
#pragma once

#include <concepts>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <utility>
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
  // Anything with AsInput(): Variables.
  template <typename V>
  requires requires(const V& v) { v.AsInput().is_tensor(); }
  Input(const V& v) : Input(v.AsInput()) {}  // NOLINT

  // A tensor that is not there yet: `read` adds its node, once, in the scopes of the op that wants
  // it first. `source` is of the graph where that will be; dtype and shape are what the tensor will
  // have. Resource variables are read in this way.
  static Input Deferred(Tensor source, DataType dtype, PartialShape shape,
                        std::function<Tensor()> read) {
    Input input{Tensor()};
    input.deferred_ = std::make_shared<DeferredTensor>(
        DeferredTensor{source, dtype, std::move(shape), std::move(read), {}});
    return input;
  }

  // Whether it is a tensor, or will be one.
  bool is_tensor() const { return deferred_ || tensor_.valid(); }
  // Adds the node of a deferred tensor.
  Tensor tensor() const {
    if (!deferred_) return tensor_;
    if (!deferred_->tensor.valid()) deferred_->tensor = deferred_->read();
    return deferred_->tensor;
  }
  // Of a tensor (of any node of its graph), without adding a deferred one; invalid for a literal.
  Tensor source() const { return deferred_ ? deferred_->source : tensor_; }
  // Of the tensor, without reference, or of the literal.
  DataType dtype() const {
    if (deferred_) return deferred_->dtype;
    if (tensor_.valid()) return RemoveRef(tensor_.dtype());
    return array_.valid() ? array_.dtype() : kInvalidType;
  }
  PartialShape shape() const {
    if (deferred_) return deferred_->shape;
    return tensor_.valid() ? tensor_.shape() : PartialShape(array_.shape());
  }
  const Array& array() const { return array_; }
  // A literal that takes the op's dtype.
  bool weak() const { return weak_; }

 private:
  struct DeferredTensor {
    Tensor source;
    DataType dtype;
    PartialShape shape;
    std::function<Tensor()> read;
    Tensor tensor;
  };
  Tensor tensor_;
  // Copies of an Input share it, so that all of them mean one read.
  std::shared_ptr<DeferredTensor> deferred_;
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

// The Tensor of an Input: itself, or a new Const (dtype as given unless it is weak and `dtype` is
// valid).
Tensor AsTensor(const Input& input, DataType dtype = kInvalidType, std::string_view name = "Const");

}  // namespace weft
