// SPDX-License-Identifier: Apache-2.0
// Sets along the last dimension: tf.sets.
//
//   // Rows of class numbers: which of the guesses are right?
//   wf::SparseTensor hits = wf::sets::Intersection(guesses, labels);
//   wf::Tensor how_many = wf::sets::Size(hits);
//
// Each row of the last dimension is a set; the dimensions before it must be those of the other
// operand. A sparse tensor may have sets of any size, and its indices must be in order. Values:
// integers (int8, int16, int32, int64, uint8, uint16) or strings, of one dtype. Results hold each
// set in rising order. Nothing here has a gradient.
#pragma once

#include <optional>
#include <string>

#include "weft/graph/input.h"
#include "weft/graph/sparse_tensor.h"

namespace weft::sets {

// The rows of a tensor, dense or sparse.
class Rows {
 public:
  Rows(const Tensor& dense) : dense_(dense) {}           // NOLINT: conversions are the point
  Rows(const Input& dense) : dense_(dense) {}            // NOLINT
  Rows(const Array& dense) : dense_(dense) {}            // NOLINT
  Rows(const SparseTensor& sparse) : sparse_(sparse) {}  // NOLINT
  bool is_sparse() const { return sparse_.has_value(); }
  const SparseTensor& sparse() const { return *sparse_; }
  const Input& dense() const { return *dense_; }

 private:
  std::optional<Input> dense_;
  std::optional<SparseTensor> sparse_;
};

struct SetOptions {
  bool validate_indices = true;  // fail if indices are out of order or out of bounds
  std::string name = {};
};

// How many different values each set has: int32, of the shape before the last dimension.
Tensor Size(const SparseTensor& a, const SetOptions& options = {});
SparseTensor Intersection(const Rows& a, const Rows& b, const SetOptions& options = {});
SparseTensor Union(const Rows& a, const Rows& b, const SetOptions& options = {});
// What a has and b has not.
SparseTensor Difference(const Rows& a, const Rows& b, const SetOptions& options = {});

}  // namespace weft::sets
