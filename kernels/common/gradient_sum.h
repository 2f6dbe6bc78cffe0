// SPDX-License-Identifier: Apache-2.0
// What a gradient accumulator adds up: dense gradients of one shape, or sparse ones (rows of a
// tensor and their indices).
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "weft/core/array.h"

namespace weft {

class Allocator;

// One gradient as it comes: `values` of the accumulator's dtype. Dense: the gradient itself, and
// the rest is invalid. Sparse: values[i, ...] belongs to row indices[i] of a tensor of `shape`;
// `shape` is invalid if that is not known. indices and shape are int64.
struct AccumulatorGradient {
  Array values;
  Array indices = {};
  Array shape = {};
};

// Not thread-safe. A function that fails changes nothing.
class GradientSum {
 public:
  virtual ~GradientSum() = default;
  // InvalidArgument if `g` does not fit the accumulator's shape or, if `is_first` is false, what
  // has been added up.
  virtual absl::Status Check(const AccumulatorGradient& g, bool is_first) const = 0;
  // From now on the sum is that gradient / that much larger. `g` passes Check. Copies; the memory
  // is `allocator`'s, ResourceExhausted if there is none.
  virtual absl::Status Start(const AccumulatorGradient& g, Allocator* allocator) = 0;
  virtual absl::Status Add(const AccumulatorGradient& g, Allocator* allocator) = 0;
  // Hands out the sum, or (`mean`) its mean, and forgets it; `count` gradients were added up.
  // Dense: {gradient}. Sparse: {indices, values, shape}; the mean of a row is over the gradients
  // that have the row, and the first dimension of the shape is the accumulator's (-1: unknown).
  virtual absl::StatusOr<std::vector<Array>> Take(bool mean, int64_t count,
                                                  Allocator* allocator) = 0;
};

// For gradients of half, float or double of `shape`; nullptr for another dtype.
std::unique_ptr<GradientSum> MakeDenseGradientSum(DataType dtype, const PartialShape& shape);
std::unique_ptr<GradientSum> MakeSparseGradientSum(DataType dtype, const PartialShape& shape);

}  // namespace weft
