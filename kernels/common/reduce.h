// SPDX-License-Identifier: Apache-2.0
// The arithmetic of reductions: which dimensions go, what is left, and the steps that get there.
//
//   WEFT_ASSIGN_OR_RETURN(ReductionPlan plan, PlanReduction(x.shape(), axes, keep_dims));
#pragma once

#include <cstdint>
#include <span>

#include "absl/container/inlined_vector.h"
#include "absl/status/statusor.h"
#include "weft/core/array.h"
#include "weft/core/shape.h"

namespace weft {

// The axes that an int32 or int64 vector (or scalar) names, as a flag for each of `rank`
// dimensions; negative axes count from the end. InvalidArgument for an axis outside [-rank, rank)
// and for one that comes twice.
using AxisFlags = absl::InlinedVector<bool, 8>;
absl::StatusOr<AxisFlags> ReductionAxes(const Array& axes, int rank);

// A row-major [outer, reduced, inner] array becomes [outer, inner].
struct ReductionStep {
  int64_t outer = 1;
  int64_t reduced = 1;
  int64_t inner = 1;
};

struct ReductionPlan {
  Shape output;
  // Elements that go into one of the output.
  int64_t reduced = 1;
  // Each works on the result of the one before. Dimensions of size 1 count for nothing,
  // neighbouring dimensions of the same fate are one, and the innermost dimension to go goes first,
  // so that memory is read in order and most is gone after the first step. None if no element meets
  // another one, or there is none.
  absl::InlinedVector<ReductionStep, 2> steps;
};

ReductionPlan PlanReduction(const Shape& input, const AxisFlags& reduce, bool keep_dims);
absl::StatusOr<ReductionPlan> PlanReduction(const Shape& input, const Array& axes, bool keep_dims);

}  // namespace weft
