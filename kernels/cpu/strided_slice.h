// SPDX-License-Identifier: Apache-2.0
// Strided slices of arrays: what the kernels that read them and those that assign to them share.
#pragma once

#include <cstdint>
#include <span>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kernels/common/copy_plan.h"
#include "src/core/strided_slice.h"
#include "weft/core/array.h"
#include "weft/runtime/kernel.h"

namespace weft {

// The attributes begin_mask, ..., shrink_axis_mask.
StridedSliceMasks ReadStridedSliceMasks(KernelConstruction& c);

// The slice of a value of these sizes that inputs [first, first + 3) of the node (begin, end,
// strides) ask for.
absl::StatusOr<StridedSlicePlan> PlanStridedSliceInputs(KernelContext& ctx,
                                                        std::span<const int64_t> sizes, int first,
                                                        const StridedSliceMasks& masks);

// The elements of a slice, as a view of the sliced row-major array.
struct SliceView {
  int64_t offset = 0;
  IndexVector sizes;
  IndexVector strides;
};
SliceView ViewOfSlice(const StridedSlicePlan& plan, std::span<const int64_t> sizes);

// InvalidArgument unless a value of this shape can be broadcast to the slice.
absl::Status CheckAssignable(KernelContext& ctx, const StridedSlicePlan& plan, const Shape& value);

// target[slice] = value, broadcast if need be. The value must not share the target's memory.
absl::Status AssignSlice(KernelContext& ctx, const StridedSlicePlan& plan, const Array& value,
                         Array* target);

}  // namespace weft
