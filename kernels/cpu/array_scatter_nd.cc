// SPDX-License-Identifier: Apache-2.0
// Kernels that change slices of a value at given indices: ScatterNd, ScatterNdNonAliasingAdd,
// TensorScatter*, Inplace*.
#include <cstdint>
#include <utility>

#include "kernels/cpu/array_util.h"
#include "kernels/cpu/element_class.h"
#include "kernels/cpu/index_tuples.h"
#include "kernels/cpu/scatter_nd.h"
#include "src/core/strings.h"
#include "weft/core/complex.h"
#include "weft/runtime/kernel.h"

namespace weft {

absl::StatusOr<ScatterNdPlan> PlanScatterNd(KernelContext& ctx, const Array& indices,
                                            const Shape& updates, const Shape& shape) {
  if (indices.rank() < 1) {
    return ctx.InvalidArgument(
        StrCat("Indices shape must have rank at least one. Found: ", indices.shape().ToString()));
  }
  const int outer = indices.rank() > 1 ? indices.rank() - 1 : 1;
  const int64_t depth = indices.rank() > 1 ? indices.dim(outer) : 1;
  const auto mismatch = [&] {
    return ctx.InvalidArgument(StrCat(
        "Dimensions [0,", outer, ") of indices[shape=", indices.shape().ToString(),
        "] must match dimensions [0,", outer, ") of updates[shape=", updates.ToString(),
        "], and dimensions [", depth, ",", shape.rank(), ") of input[shape=", shape.ToString(),
        "] must match dimensions [", outer, ",", updates.rank(), ") of the updates"));
  };
  if (depth > shape.rank() || updates.rank() != outer + shape.rank() - depth) return mismatch();
  ScatterNdPlan plan;
  int64_t count = 1;
  for (int i = 0; i < outer; ++i) {
    if (updates.dim(i) != indices.dim(i)) return mismatch();
    count *= indices.dim(i);
  }
  for (int i = static_cast<int>(depth); i < shape.rank(); ++i) {
    if (updates.dim(outer + i - static_cast<int>(depth)) != shape.dim(i)) return mismatch();
    plan.inner *= shape.dim(i);
  }
  if (shape.num_elements() == 0 && updates.num_elements() > 0) {
    return ctx.InvalidArgument(
        StrCat("Indices and updates specified for empty output.  indices shape: ",
               indices.shape().ToString()));
  }
  WEFT_ASSIGN_OR_RETURN(plan.offsets,
                        TupleOffsets(ctx, indices, static_cast<int>(depth), count, shape, "shape"));
  return plan;
}

namespace {

absl::Status ScatterInto(KernelContext& ctx, ScatterOp op, const Array& indices,
                         const Array& updates, Array* target) {
  WEFT_ASSIGN_OR_RETURN(const ScatterNdPlan plan,
                        PlanScatterNd(ctx, indices, updates.shape(), target->shape()));
  ApplyScatterNd(ctx, *FindScatterLoops(op, target->dtype()), plan, updates, target);
  return absl::OkStatus();
}

// Output 0 is input 0 to be changed: in its own memory if nobody else needs it.
absl::StatusOr<Array*> CopyOfInput(KernelContext& ctx) {
  const Array& x = ctx.input(0);
  WEFT_ASSIGN_OR_RETURN(Array * out, ctx.ForwardOrAllocate({0}, 0, x.shape()));
  if (out->raw_data() != x.raw_data()) CopyElements(ctx, x, out);
  return out;
}

absl::Status ScatterNd(KernelContext& ctx) {
  const Array& sizes = ctx.input(2);
  if (sizes.rank() != 1) {
    return ctx.InvalidArgument(
        StrCat("Shape must be a vector, got shape ", sizes.shape().ToString()));
  }
  WEFT_ASSIGN_OR_RETURN(const Shape shape, ShapeFromSizes(ctx, ReadInts(sizes)));
  WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, shape));
  FillWithZero(ctx, out);
  return ScatterInto(ctx, ScatterOp::kAdd, ctx.input(0), ctx.input(1), out);
}

// TensorScatterAdd, ..., ScatterNdNonAliasingAdd.
template <ScatterOp kOp>
absl::Status TensorScatter(KernelContext& ctx) {
  if (ctx.input(0).rank() < 1) {
    return ctx.InvalidArgument(
        StrCat("Inner dimensions of output shape must match inner dimensions of updates shape. "
               "Output: [] updates: ",
               ctx.input(2).shape().ToString()));
  }
  WEFT_ASSIGN_OR_RETURN(Array * out, CopyOfInput(ctx));
  return ScatterInto(ctx, kOp, ctx.input(1), ctx.input(2), out);
}

// Rows i of x (modulo their number) changed by the rows of v.
template <ScatterOp kOp>
absl::Status Inplace(KernelContext& ctx) {
  const Array& x = ctx.input(0);
  const Array& rows = ctx.input(1);
  const Array& v = ctx.input(2);
  if (rows.rank() != 1)
    return ctx.InvalidArgument(StrCat("i must be a vector. ", rows.shape().ToString()));
  if (x.rank() != v.rank() || x.rank() == 0) {
    return ctx.InvalidArgument(StrCat("x and v shape doesn't match (ranks differ): ",
                                      x.shape().ToString(), " vs. ", v.shape().ToString()));
  }
  for (int d = 1; d < x.rank(); ++d) {
    if (x.dim(d) != v.dim(d)) {
      return ctx.InvalidArgument(StrCat("x and v shape doesn't match at index ", d, " : ",
                                        x.shape().ToString(), " vs. ", v.shape().ToString()));
    }
  }
  if (rows.dim(0) != v.dim(0)) {
    return ctx.InvalidArgument(StrCat("i and x shape doesn't match at index 0: ",
                                      rows.shape().ToString(), " vs. ", v.shape().ToString()));
  }
  WEFT_ASSIGN_OR_RETURN(Array * out, CopyOfInput(ctx));
  if (v.num_elements() == 0) return absl::OkStatus();
  if (x.dim(0) == 0)
    return ctx.InvalidArgument(StrCat("x has no rows to change: ", x.shape().ToString()));
  ScatterNdPlan plan;
  plan.inner = Product(x.shape().dims(), 1, x.rank());
  for (int64_t row : ReadInts(rows)) {
    plan.offsets.push_back((row % x.dim(0) + x.dim(0)) % x.dim(0) * plan.inner);
  }
  ApplyScatterNd(ctx, *FindScatterLoops(kOp, v.dtype()), plan, v, out);
  return absl::OkStatus();
}

// For each dtype whose elements can be changed so.
void AddFor(KernelRegistry& kernels, std::string_view op, ScatterOp change, KernelFn fn) {
  for (const DataType dtype :
       {kFloat32, kFloat64, kFloat16, kBfloat16, kInt8, kInt16, kInt32, kInt64, kUint8, kUint16,
        kUint32, kUint64, kComplex64, kComplex128, kBool, kString}) {
    if (FindScatterLoops(change, dtype)) kernels.Add(op, kCpu, {{"T", dtype}}, fn);
  }
}

void AddForNumbers(KernelRegistry& kernels, std::string_view op, ScatterOp change, KernelFn fn) {
  for (const DataType dtype :
       {kFloat32, kFloat64, kFloat16, kBfloat16, kInt8, kInt16, kInt32, kInt64, kUint8, kUint16,
        kUint32, kUint64, kComplex64, kComplex128}) {
    if (FindScatterLoops(change, dtype)) kernels.Add(op, kCpu, {{"T", dtype}}, fn);
  }
}

}  // namespace

void RegisterArrayScatterNdKernels(KernelRegistry& kernels) {
  AddFor(kernels, "ScatterNd", ScatterOp::kAdd, ScatterNd);
  AddFor(kernels, "ScatterNdNonAliasingAdd", ScatterOp::kAdd, TensorScatter<ScatterOp::kAdd>);
  AddForNumbers(kernels, "TensorScatterAdd", ScatterOp::kAdd, TensorScatter<ScatterOp::kAdd>);
  AddForNumbers(kernels, "TensorScatterSub", ScatterOp::kSub, TensorScatter<ScatterOp::kSub>);
  AddForNumbers(kernels, "InplaceAdd", ScatterOp::kAdd, Inplace<ScatterOp::kAdd>);
  AddForNumbers(kernels, "InplaceSub", ScatterOp::kSub, Inplace<ScatterOp::kSub>);
  AddForNumbers(kernels, "TensorScatterMin", ScatterOp::kMin, TensorScatter<ScatterOp::kMin>);
  AddForNumbers(kernels, "TensorScatterMax", ScatterOp::kMax, TensorScatter<ScatterOp::kMax>);
  kernels.Add("TensorScatterUpdate", kCpu, {}, TensorScatter<ScatterOp::kAssign>);
  kernels.Add("InplaceUpdate", kCpu, {}, Inplace<ScatterOp::kAssign>);
}

}  // namespace weft
