// SPDX-License-Identifier: Apache-2.0
// Kernels that take or replace a part of a value: Slice, StridedSlice, its gradient,
// TensorStridedSliceUpdate.
#include <cstdint>

#include "kernels/cpu/array_util.h"
#include "kernels/cpu/element_class.h"
#include "kernels/cpu/strided_copy.h"
#include "kernels/cpu/strided_slice.h"
#include "src/core/strings.h"
#include "weft/runtime/kernel.h"

namespace weft {

// The other files of the family.
void RegisterArrayConcatKernels(KernelRegistry& kernels);
void RegisterArrayPadKernels(KernelRegistry& kernels);

namespace {

absl::Status Slice(KernelContext& ctx) {
  const Array& x = ctx.input(0);
  const Array& begin_input = ctx.input(1);
  const Array& size_input = ctx.input(2);
  const int rank = x.rank();
  if (begin_input.rank() != 1 || size_input.rank() != 1 || begin_input.num_elements() != rank ||
      size_input.num_elements() != rank) {
    return ctx.InvalidArgument(StrCat(
        "Expected begin and size arguments to be 1-D tensors of size ", rank, ", but got shapes ",
        begin_input.shape().ToString(), " and ", size_input.shape().ToString(), " instead."));
  }
  const IndexVector begin = ReadInts(begin_input);
  IndexVector size = ReadInts(size_input);
  bool whole = true, row_range = true;
  for (int i = 0; i < rank; ++i) {
    const int64_t dim = x.dim(i);
    if (begin[i] < 0 || begin[i] > dim) {
      return ctx.InvalidArgument(
          StrCat("Expected begin[", i, "] in [0, ", dim, "], but got ", begin[i]));
    }
    if (size[i] == -1) size[i] = dim - begin[i];
    if (size[i] < 0 || size[i] > dim - begin[i]) {
      return ctx.InvalidArgument(
          StrCat("Expected size[", i, "] in [0, ", dim - begin[i], "], but got ", size[i]));
    }
    whole &= size[i] == dim;
    row_range &= i == 0 || size[i] == dim;
  }
  if (whole) {
    ctx.set_output(0, x);
    return absl::OkStatus();
  }
  const weft::Shape shape{std::span<const int64_t>(size)};
  const IndexVector src = RowMajorStrides(x.shape().dims());
  int64_t offset = 0;
  for (int i = 0; i < rank; ++i) offset += begin[i] * src[i];
  if (row_range) {
    if (std::optional<Array> shared = TryShareElements(x, offset, shape)) {
      ctx.set_output(0, *std::move(shared));
      return absl::OkStatus();
    }
  }
  WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, shape));
  const IndexVector dst = RowMajorStrides(size);
  CopyDims dims;
  for (int i = 0; i < rank; ++i) dims.push_back({size[i], dst[i], src[i]});
  StridedCopy(ctx, x, offset, *out, 0, std::move(dims));
  return absl::OkStatus();
}

class StridedSlice : public Kernel {
 public:
  explicit StridedSlice(KernelConstruction& c) : masks_(ReadStridedSliceMasks(c)) {}

  absl::Status Compute(KernelContext& ctx) override {
    const Array& x = ctx.input(0);
    WEFT_ASSIGN_OR_RETURN(const StridedSlicePlan plan,
                          PlanStridedSliceInputs(ctx, x.shape().dims(), 1, masks_));
    WEFT_ASSIGN_OR_RETURN(const weft::Shape shape, ShapeFromSizes(ctx, plan.result));
    if (plan.is_identity) {
      ctx.set_output(0, x.Reshaped(shape));
      return absl::OkStatus();
    }
    const SliceView view = ViewOfSlice(plan, x.shape().dims());
    if (plan.is_row_range) {
      if (std::optional<Array> shared = TryShareElements(x, view.offset, shape)) {
        ctx.set_output(0, *std::move(shared));
        return absl::OkStatus();
      }
    }
    WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, shape));
    const IndexVector packed = RowMajorStrides(view.sizes);
    CopyDims dims;
    for (size_t i = 0; i < packed.size(); ++i)
      dims.push_back({view.sizes[i], packed[i], view.strides[i]});
    StridedCopy(ctx, x, view.offset, *out, 0, std::move(dims));
    return absl::OkStatus();
  }

 private:
  StridedSliceMasks masks_;
};

class StridedSliceGrad : public Kernel {
 public:
  explicit StridedSliceGrad(KernelConstruction& c) : masks_(ReadStridedSliceMasks(c)) {}

  absl::Status Compute(KernelContext& ctx) override {
    const Array& sizes = ctx.input(0);
    const Array& dy = ctx.input(4);
    if (sizes.rank() != 1) {
      return ctx.InvalidArgument(
          StrCat("shape must be 1-D, got shape.shape = ", sizes.shape().ToString()));
    }
    WEFT_ASSIGN_OR_RETURN(const weft::Shape shape, ShapeFromSizes(ctx, ReadInts(sizes)));
    WEFT_ASSIGN_OR_RETURN(const StridedSlicePlan plan,
                          PlanStridedSliceInputs(ctx, shape.dims(), 1, masks_));
    WEFT_ASSIGN_OR_RETURN(const weft::Shape wanted, ShapeFromSizes(ctx, plan.result));
    if (!(dy.shape() == wanted)) {
      return ctx.InvalidArgument(
          StrCat("shape of dy was ", dy.shape().ToString(), " instead of ", wanted.ToString()));
    }
    if (plan.is_identity) {
      ctx.set_output(0, dy.Reshaped(shape));
      return absl::OkStatus();
    }
    WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, shape));
    FillWithZero(ctx, out);
    return AssignSlice(ctx, plan, dy, out);
  }

 private:
  StridedSliceMasks masks_;
};

class TensorStridedSliceUpdate : public Kernel {
 public:
  explicit TensorStridedSliceUpdate(KernelConstruction& c) : masks_(ReadStridedSliceMasks(c)) {}

  absl::Status Compute(KernelContext& ctx) override {
    const Array& x = ctx.input(0);
    WEFT_ASSIGN_OR_RETURN(const StridedSlicePlan plan,
                          PlanStridedSliceInputs(ctx, x.shape().dims(), 1, masks_));
    WEFT_RETURN_IF_ERROR(CheckAssignable(ctx, plan, ctx.input(4).shape()));
    WEFT_ASSIGN_OR_RETURN(Array * out, ctx.ForwardOrAllocate({0}, 0, x.shape()));
    if (out->raw_data() != x.raw_data()) CopyElements(ctx, x, out);
    return AssignSlice(ctx, plan, ctx.input(4), out);
  }

 private:
  StridedSliceMasks masks_;
};

}  // namespace

void RegisterArraySliceKernels(KernelRegistry& kernels) {
  kernels.Add("Slice", kCpu, {}, Slice);
  kernels.Add<StridedSlice>("StridedSlice", kCpu, {});
  kernels.Add<StridedSliceGrad>("StridedSliceGrad", kCpu, {});
  kernels.Add<TensorStridedSliceUpdate>("TensorStridedSliceUpdate", kCpu, {});
  RegisterArrayConcatKernels(kernels);
  RegisterArrayPadKernels(kernels);
}

}  // namespace weft
