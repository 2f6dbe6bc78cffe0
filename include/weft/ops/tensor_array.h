// SPDX-License-Identifier: Apache-2.0
// TensorArray: a list of tensors that loops write and read element by element (tf.TensorArray).
//
//   auto loop = wf::WhileLoop(
//       [&](const std::vector<Tensor>& v) { return wf::Less(v[0], 10); },
//       [&](const std::vector<Tensor>& v) {
//         auto squares = array.WithFlow(v[1]).Write(v[0], wf::Square(v[0]));
//         return std::vector<Tensor>{v[0] + 1, squares.flow()};
//       },
//       {0, array.flow()});
//   Tensor all = array.WithFlow(loop[1]).Stack();
//
// The list itself lives in the run. A TensorArray is a handle to it and a `flow`: a scalar that
// orders the ops on it. Each change returns a new TensorArray; use that one, or the change may not
// happen before your reading, or at all. Loop variables are the flows.
//
// An element is written once, and read once unless clear_after_read is false. Gradients flow
// through all methods. Mistakes throw InvalidArgumentError when the graph is built, or fail the
// run.
#pragma once

#include <memory>
#include <string>

#include "weft/core/shape.h"
#include "weft/graph/input.h"
#include "weft/graph/tensor.h"

namespace weft {

struct TensorArrayOptions {
  bool dynamic_size = false;  // writes beyond the end make the list longer
  bool clear_after_read = true;
  std::string tensor_array_name = {};
  // All elements have one shape, which the first write tells.
  bool infer_shape = true;
  PartialShape element_shape = PartialShape::Unknown();
  std::string name = {};
};

class TensorArray {
 public:
  // `size`: an int32 scalar.
  TensorArray(DataType dtype, const Input& size, const TensorArrayOptions& options = {});

  DataType dtype() const;
  const Tensor& handle() const;
  const Tensor& flow() const { return flow_; }
  // What is known of the elements' shape.
  PartialShape element_shape() const;
  // The same list at another point of its history.
  TensorArray WithFlow(const Tensor& flow) const;

  TensorArray Write(const Input& index, const Input& value, const NameOptions& name = {}) const;
  Tensor Read(const Input& index, const NameOptions& name = {}) const;
  // [n, ...] <-> n elements of one shape.
  Tensor Stack(const NameOptions& name = {}) const;
  TensorArray Unstack(const Input& value, const NameOptions& name = {}) const;
  // Elements of these indices only.
  Tensor Gather(const Input& indices, const NameOptions& name = {}) const;
  TensorArray Scatter(const Input& indices, const Input& value, const NameOptions& name = {}) const;
  // Elements one after the other along their first dimension; `lengths` says how many rows each
  // has.
  Tensor Concat(const NameOptions& name = {}) const;
  TensorArray Split(const Input& value, const Input& lengths, const NameOptions& name = {}) const;
  Tensor Size(const NameOptions& name = {}) const;
  Operation Close(const NameOptions& name = {}) const;

 private:
  struct List;
  void CheckElement(const PartialShape& shape) const;
  std::shared_ptr<List> list_;  // shared by all points of its history
  Tensor flow_;
};

}  // namespace weft
