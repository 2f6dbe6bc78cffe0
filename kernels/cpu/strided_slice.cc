// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/strided_slice.h"

#include <utility>

#include "kernels/cpu/element_class.h"
#include "kernels/cpu/strided_copy.h"
#include "src/core/strings.h"

namespace weft {

StridedSliceMasks ReadStridedSliceMasks(KernelConstruction& c) {
  return {.begin = c.AttrOr<int64_t>("begin_mask", 0),
          .end = c.AttrOr<int64_t>("end_mask", 0),
          .ellipsis = c.AttrOr<int64_t>("ellipsis_mask", 0),
          .new_axis = c.AttrOr<int64_t>("new_axis_mask", 0),
          .shrink_axis = c.AttrOr<int64_t>("shrink_axis_mask", 0)};
}

absl::StatusOr<StridedSlicePlan> PlanStridedSliceInputs(KernelContext& ctx,
                                                        std::span<const int64_t> sizes, int first,
                                                        const StridedSliceMasks& masks) {
  const Array& begin = ctx.input(first);
  const Array& end = ctx.input(first + 1);
  const Array& strides = ctx.input(first + 2);
  if (begin.rank() != 1 || end.rank() != 1 || strides.rank() != 1 ||
      begin.num_elements() != strides.num_elements() ||
      end.num_elements() != strides.num_elements()) {
    return ctx.InvalidArgument(
        StrCat("Expected begin, end, and strides to be 1D equal size tensors, but got shapes ",
               begin.shape().ToString(), ", ", end.shape().ToString(), ", and ",
               strides.shape().ToString(), " instead."));
  }
  const IndexVector begin_values = ReadInts(begin), end_values = ReadInts(end),
                    stride_values = ReadInts(strides);
  absl::StatusOr<StridedSlicePlan> plan = PlanStridedSlice(
      sizes, {.begin = begin_values, .end = end_values, .strides = stride_values, .masks = masks});
  if (!plan.ok()) return ctx.InvalidArgument(std::string(plan.status().message()));
  return plan;
}

SliceView ViewOfSlice(const StridedSlicePlan& plan, std::span<const int64_t> sizes) {
  SliceView view;
  const IndexVector strides = RowMajorStrides(sizes);
  for (size_t i = 0; i < plan.dims.size(); ++i) {
    const StridedSlicePlan::Dim& d = plan.dims[i];
    view.offset += d.begin * strides[i];
    view.sizes.push_back(d.size);
    view.strides.push_back(d.stride * strides[i]);
  }
  return view;
}

absl::Status CheckAssignable(KernelContext& ctx, const StridedSlicePlan& plan, const Shape& value) {
  const int result_rank = static_cast<int>(plan.result.size());
  bool fits = true;
  for (int i = 0; i < value.rank(); ++i) {
    // Broadcasting aligns the last dimensions; what the value has more of must be 1.
    const int at = i + result_rank - value.rank();
    fits &= value.dim(i) == 1 || (at >= 0 && value.dim(i) == plan.result[at]);
  }
  if (fits) return absl::OkStatus();
  return ctx.InvalidArgument(StrCat("Cannot broadcast input shape ", value.ToString(),
                                    " into final shape ", "[", StrJoin(plan.result, ","), "]"));
}

absl::Status AssignSlice(KernelContext& ctx, const StridedSlicePlan& plan, const Array& value,
                         Array* target) {
  WEFT_RETURN_IF_ERROR(CheckAssignable(ctx, plan, value.shape()));
  const SliceView view = ViewOfSlice(plan, target->shape().dims());
  CopyDims dims;
  for (size_t i = 0; i < view.sizes.size(); ++i)
    dims.push_back({view.sizes[i], view.strides[i], 0});
  const IndexVector value_strides = RowMajorStrides(value.shape().dims());
  for (int i = value.rank() - 1, r = static_cast<int>(plan.source.size()) - 1; i >= 0 && r >= 0;
       --i, --r) {
    if (plan.source[r] >= 0 && value.dim(i) != 1)
      dims[plan.source[r]].src_stride = value_strides[i];
  }
  StridedCopy(ctx, value, 0, *target, view.offset, std::move(dims));
  return absl::OkStatus();
}

}  // namespace weft
