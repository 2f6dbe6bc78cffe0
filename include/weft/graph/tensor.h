// SPDX-License-Identifier: Apache-2.0
// Operation and Tensor: handles to a node of a Graph and to one output of it.
//
// Both are as cheap to copy as a pointer and stay valid as long as their Graph lives. Reading them
// is thread-safe.
#pragma once

#include <functional>
#include <iosfwd>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "weft/core/array.h"
#include "weft/core/dtype.h"
#include "weft/core/shape.h"

namespace weft {

// weft/graph/attr_value.h, for programs that look at attributes.
class AttrValue;
using AttrMap = std::map<std::string, AttrValue, std::less<>>;

class Graph;
class Session;
class Tensor;
struct Node;

class Operation {
 public:
  Operation() = default;
  explicit Operation(Node* node) : node_(node) {}
  bool valid() const { return node_ != nullptr; }
  explicit operator bool() const { return valid(); }

  const std::string& name() const;
  const std::string& type() const;
  // The device string as asked for ("/device:GPU:0"), "" if none was.
  const std::string& device() const;
  Graph graph() const;
  int num_inputs() const;
  int num_outputs() const;
  Tensor input(int i) const;
  Tensor output(int i) const;
  std::vector<Tensor> inputs() const;
  std::vector<Tensor> outputs() const;
  std::vector<Operation> control_inputs() const;
  // Throws InvalidArgumentError if the op has no such attribute.
  const AttrValue& attr(std::string_view name) const;
  const AttrMap& attrs() const;
  bool has_attr(std::string_view name) const;
  // Runs the op in the default Session (FailedPreconditionError without one).
  void Run() const;

  Node* node() const { return node_; }
  friend bool operator==(Operation, Operation) = default;

 private:
  Node* node_ = nullptr;
};

class Tensor {
 public:
  Tensor() = default;
  Tensor(Node* node, int index) : node_(node), index_(index) {}
  bool valid() const { return node_ != nullptr; }
  explicit operator bool() const { return valid(); }

  Operation op() const { return Operation(node_); }
  int index() const { return index_; }
  // May be a reference type (IsRef).
  DataType dtype() const;
  const PartialShape& shape() const;
  // "add:0".
  std::string name() const;
  const std::string& device() const;
  Graph graph() const;
  // Refines the static shape; throws InvalidArgumentError if it contradicts what is known.
  void set_shape(const PartialShape& shape) const;
  // The ops that have this tensor as an input.
  std::vector<Operation> consumers() const;
  // The value in `session`, or in the default Session (FailedPreconditionError that says so without
  // one).
  Array Eval() const;
  Array Eval(Session& session) const;
  // Tensor("add:0", shape=(2,), dtype=int32), and device=... if one was asked for.
  std::string ToString() const;

  Node* node() const { return node_; }
  friend bool operator==(const Tensor&, const Tensor&) = default;

 private:
  Node* node_ = nullptr;
  int index_ = 0;
};

std::ostream& operator<<(std::ostream& out, const Tensor& t);

// A gradient of a gathered tensor: rows `values` at `indices` of a tensor of `dense_shape`; rows of
// equal index add up.
struct IndexedSlices {
  Tensor values;
  Tensor indices;
  Tensor dense_shape;  // may be invalid: unknown
};

}  // namespace weft

template <>
struct std::hash<weft::Tensor> {
  size_t operator()(const weft::Tensor& t) const noexcept {
    return std::hash<const void*>()(t.node()) * 31 + static_cast<size_t>(t.index());
  }
};
template <>
struct std::hash<weft::Operation> {
  size_t operator()(const weft::Operation& o) const noexcept {
    return std::hash<const void*>()(o.node());
  }
};
