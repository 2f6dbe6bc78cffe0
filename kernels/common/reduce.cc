// SPDX-License-Identifier: Apache-2.0
#include "kernels/common/reduce.h"

#include "absl/status/status.h"
#include "src/core/strings.h"
#include "weft/core/status_macros.h"

namespace weft {
namespace {

struct Run {
  int64_t size;
  bool reduced;
};
using Runs = absl::InlinedVector<Run, 8>;

void Append(Runs* runs, Run run) {
  if (!runs->empty() && runs->back().reduced == run.reduced) {
    runs->back().size *= run.size;
  } else {
    runs->push_back(run);
  }
}

// Takes the innermost reduced run away; false if there is none.
bool TakeInnermost(Runs* runs, ReductionStep* step) {
  int at = static_cast<int>(runs->size()) - 1;
  while (at >= 0 && !(*runs)[at].reduced) --at;
  if (at < 0) return false;
  *step = ReductionStep();
  step->reduced = (*runs)[at].size;
  Runs left;
  for (int i = 0; i < static_cast<int>(runs->size()); ++i) {
    if (i == at) continue;
    (i < at ? step->outer : step->inner) *= (*runs)[i].size;
    Append(&left, (*runs)[i]);
  }
  *runs = std::move(left);
  return true;
}

}  // namespace

absl::StatusOr<AxisFlags> ReductionAxes(const Array& axes, int rank) {
  if (axes.dtype() != kInt32 && axes.dtype() != kInt64) {
    return absl::InvalidArgumentError(
        StrCat("reduction axes must be int32 or int64, not ", DTypeName(axes.dtype())));
  }
  AxisFlags flags(rank, false);
  for (int64_t i = 0; i < axes.num_elements(); ++i) {
    const int64_t given = axes.AsInt64(i);
    if (given < -rank || given >= rank) {
      return absl::InvalidArgumentError(StrCat("Invalid reduction dimension (", given,
                                               " for input with ", rank, " dimension(s)"));
    }
    const int64_t axis = given < 0 ? given + rank : given;
    if (flags[axis]) {
      return absl::InvalidArgumentError(
          StrCat("Invalid reduction arguments: Axes contains duplicate dimension: ", axis));
    }
    flags[axis] = true;
  }
  return flags;
}

ReductionPlan PlanReduction(const Shape& input, const AxisFlags& reduce, bool keep_dims) {
  ReductionPlan plan;
  Runs runs;
  absl::InlinedVector<int64_t, 8> kept;
  for (int d = 0; d < input.rank(); ++d) {
    const int64_t size = input.dim(d);
    if (reduce[d]) plan.reduced *= size;
    if (!reduce[d] || keep_dims) kept.push_back(reduce[d] ? 1 : size);
    if (size != 1) Append(&runs, {size, reduce[d]});
  }
  plan.output = Shape(std::span<const int64_t>(kept.data(), kept.size()));
  if (input.num_elements() == 0) return plan;
  ReductionStep step;
  while (TakeInnermost(&runs, &step)) plan.steps.push_back(step);
  return plan;
}

absl::StatusOr<ReductionPlan> PlanReduction(const Shape& input, const Array& axes, bool keep_dims) {
  WEFT_ASSIGN_OR_RETURN(AxisFlags flags, ReductionAxes(axes, input.rank()));
  return PlanReduction(input, flags, keep_dims);
}

}  // namespace weft
