// SPDX-License-Identifier: Apache-2.0
// The arithmetic of numpy's broadcasting: which output shape, and which element of each operand
// goes into which output element.
//
//   const Shape* shapes[] = {&a.shape(), &b.shape()};
//   WEFT_ASSIGN_OR_RETURN(BroadcastPlan plan, PlanBroadcast(shapes));
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/status/statusor.h"
#include "weft/core/shape.h"

namespace weft {

inline constexpr int kMaxBroadcastOperands = 3;

// One dimension of the collapsed space. A stride is the distance, in elements of that operand, of
// neighbours along the dimension; 0 where the operand is repeated.
struct BroadcastDim {
  int64_t size = 1;
  std::array<int64_t, kMaxBroadcastOperands> strides{};
};

// The output of row-major operands and the space to walk through it, outermost dimension first.
// Dimensions of size 1 are left out and neighbours in which each operand is repeated alike are
// merged, so equal shapes have one dimension, a scalar operand costs none, and a matrix with a row
// has two. A scalar output, and an empty one, has one dimension.
struct BroadcastPlan {
  Shape output;
  int num_operands = 0;
  absl::InlinedVector<BroadcastDim, 5> dims;
};

// At most kMaxBroadcastOperands shapes. InvalidArgument "Incompatible shapes: [2,3] vs. [4]" if
// they don't fit each other or the output would have too many elements.
absl::StatusOr<BroadcastPlan> PlanBroadcast(std::span<const Shape* const> shapes);

// The dimensions of the output along which each of two operands was repeated, ascending: the axes
// to sum a gradient over. As TensorFlow has it, a dimension of size 1 in both counts for both,
// unless the shapes are equal.
struct BroadcastAxes {
  std::vector<int64_t> a;
  std::vector<int64_t> b;
};
absl::StatusOr<BroadcastAxes> BroadcastReductionAxes(std::span<const int64_t> a,
                                                     std::span<const int64_t> b);

// The broadcast of two shapes given by their sizes.
absl::StatusOr<std::vector<int64_t>> BroadcastSizes(std::span<const int64_t> a,
                                                    std::span<const int64_t> b);

}  // namespace weft
