// SPDX-License-Identifier: Apache-2.0
// Changes of parts of a variable: rows (Scatter*), slices (ScatterNd*), strided slices
// (StridedSliceAssign); by reference and by handle. kernels: kernels/cpu/scatter.cc,
// scatter_nd_update.cc, strided_slice_assign.cc   test: tests/ops/scatter_test.cc
#include <string>

#include "src/ops/variable_shapes.h"
#include "weft/core/status_macros.h"
#include "weft/graph/op_def.h"

namespace weft {
namespace {

absl::Status ScatterShape(ShapeContext& c) {
  WEFT_RETURN_IF_ERROR(CheckRowUpdates(c, c.input(0), c.input(1), c.input(2)));
  c.set_output(0, c.input(0));
  return absl::OkStatus();
}

absl::Status ResourceScatterShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(const HandleData variable, VariableBehind(c, 0, "dtype"));
  return CheckRowUpdates(c, variable.shape, c.input(1), c.input(2));
}

absl::Status ScatterNdUpdateShape(ShapeContext& c) {
  const PartialShape variable = VariableShapeOf(c, 0);
  WEFT_ASSIGN_OR_RETURN(const PartialShape indices, c.WithRankAtLeast(c.input(1), 1));
  WEFT_ASSIGN_OR_RETURN(const PartialShape updates, c.WithRankAtLeast(c.input(2), 1));
  WEFT_RETURN_IF_ERROR(CheckSliceUpdates(variable, indices, updates));
  if (c.num_outputs() > 0) c.set_output(0, variable);
  return absl::OkStatus();
}

OpDefBuilder&& ByReference(OpDefBuilder&& op) {
  return std::move(op)
      .Input("ref: Ref(T)")
      .Input("indices: Tindices")
      .Input("updates: T")
      .Output("output_ref: Ref(T)");
}

OpDefBuilder&& RowArithmetic(OpDefBuilder&& op) {
  return ByReference(std::move(op))
      .Attr("T: numbertype")
      .Attr("Tindices: {int32, int64}")
      .Attr("use_locking: bool = false")
      .Shape(ScatterShape)
      .NoGradient(kChangesVariable);
}

OpDefBuilder&& RowExtremum(OpDefBuilder&& op) {
  return ByReference(std::move(op))
      .Attr("T: {half, bfloat16, float, double, int32, int64}")
      .Attr("Tindices: {int32, int64}")
      .Attr("use_locking: bool = false")
      .Shape(ScatterShape);
}

OpDefBuilder&& ResourceRows(OpDefBuilder&& op) {
  return std::move(op)
      .Input("resource: resource")
      .Input("indices: Tindices")
      .Input("updates: dtype")
      .Stateful()
      .Shape(ResourceScatterShape);
}

OpDefBuilder&& ResourceRowArithmetic(OpDefBuilder&& op) {
  return ResourceRows(std::move(op)).Attr("dtype: numbertype").Attr("Tindices: {int32, int64}");
}

OpDefBuilder&& SliceArithmetic(OpDefBuilder&& op) {
  return ByReference(std::move(op))
      .Attr("T: numbertype")
      .Attr("Tindices: {int32, int64}")
      .Attr("use_locking: bool = false")
      .Shape(ScatterNdUpdateShape);
}

OpDefBuilder&& ResourceSlices(OpDefBuilder&& op) {
  return std::move(op)
      .Input("ref: resource")
      .Input("indices: Tindices")
      .Input("updates: T")
      .Attr("T: type")
      .Attr("Tindices: {int32, int64}")
      .Attr("use_locking: bool = true")
      .Stateful()
      .Shape(ScatterNdUpdateShape);
}

OpDefBuilder&& StridedSliceMaskAttrs(OpDefBuilder&& op) {
  return std::move(op)
      .Attr("T: type")
      .Attr("Index: {int32, int64}")
      .Attr("begin_mask: int = 0")
      .Attr("end_mask: int = 0")
      .Attr("ellipsis_mask: int = 0")
      .Attr("new_axis_mask: int = 0")
      .Attr("shrink_axis_mask: int = 0");
}

void RegisterRows(OpRegistry& ops) {
  ops.Add("ScatterAdd")
      .Summary("ref[indices[i], ...] += updates[i, ...], one i after the other.")
      .Apply(RowArithmetic);
  ops.Add("ScatterSub")
      .Summary("ref[indices[i], ...] -= updates[i, ...], one i after the other.")
      .Apply(RowArithmetic);
  ops.Add("ScatterMul")
      .Summary("ref[indices[i], ...] *= updates[i, ...], one i after the other.")
      .Apply(RowArithmetic);
  ops.Add("ScatterDiv")
      .Summary("ref[indices[i], ...] /= updates[i, ...], one i after the other.")
      .Apply(RowArithmetic);
  ops.Add("ScatterMin")
      .Summary("ref[indices[i], ...] = min(itself, updates[i, ...]).")
      .Apply(RowExtremum);
  ops.Add("ScatterMax")
      .Summary("ref[indices[i], ...] = max(itself, updates[i, ...]).")
      .Apply(RowExtremum);
  ops.Add("ScatterUpdate")
      .Summary("ref[indices[i], ...] = updates[i, ...]; of equal indices the last one counts.")
      .Apply(ByReference)
      .Attr("T: type")
      .Attr("Tindices: {int32, int64}")
      .Attr("use_locking: bool = true")
      .Shape(ScatterShape);
  ops.Add("ResourceScatterAdd")
      .Summary("ScatterAdd of a variable given by its handle.")
      .Apply(ResourceRowArithmetic);
  ops.Add("ResourceScatterSub")
      .Summary("ScatterSub of a variable given by its handle.")
      .Apply(ResourceRowArithmetic);
  ops.Add("ResourceScatterMul")
      .Summary("ScatterMul of a variable given by its handle.")
      .Apply(ResourceRowArithmetic);
  ops.Add("ResourceScatterDiv")
      .Summary("ScatterDiv of a variable given by its handle.")
      .Apply(ResourceRowArithmetic);
  ops.Add("ResourceScatterMin")
      .Summary("ScatterMin of a variable given by its handle.")
      .Apply(ResourceRowArithmetic);
  ops.Add("ResourceScatterMax")
      .Summary("ScatterMax of a variable given by its handle.")
      .Apply(ResourceRowArithmetic);
  ops.Add("ResourceScatterUpdate")
      .Summary("ScatterUpdate of a variable given by its handle.")
      .Apply(ResourceRows)
      .Attr("dtype: type")
      .Attr("Tindices: {int32, int64}");
}

void RegisterSlices(OpRegistry& ops) {
  ops.Add("ScatterNdAdd")
      .Summary("ref[indices[i]] += updates[i]; indices[i] names a slice.")
      .Apply(SliceArithmetic)
      .NoGradient(kChangesVariable);
  ops.Add("ScatterNdSub")
      .Summary("ref[indices[i]] -= updates[i]; indices[i] names a slice.")
      .Apply(SliceArithmetic)
      .NoGradient(kChangesVariable);
  ops.Add("ScatterNdMin")
      .Summary("ref[indices[i]] = min(itself, updates[i]); indices[i] names a slice.")
      .Apply(SliceArithmetic);
  ops.Add("ScatterNdMax")
      .Summary("ref[indices[i]] = max(itself, updates[i]); indices[i] names a slice.")
      .Apply(SliceArithmetic);
  ops.Add("ScatterNdUpdate")
      .Summary(
          "ref[indices[i]] = updates[i]; indices[i] names a slice, and of equal ones the last "
          "counts.")
      .Apply(ByReference)
      .Attr("T: type")
      .Attr("Tindices: {int32, int64}")
      .Attr("use_locking: bool = true")
      .Shape(ScatterNdUpdateShape)
      .NoGradient(kChangesVariable);
  ops.Add("ResourceScatterNdAdd")
      .Summary("ScatterNdAdd of a variable given by its handle.")
      .Apply(ResourceSlices);
  ops.Add("ResourceScatterNdSub")
      .Summary("ScatterNdSub of a variable given by its handle.")
      .Apply(ResourceSlices);
  ops.Add("ResourceScatterNdMin")
      .Summary("ScatterNdMin of a variable given by its handle.")
      .Apply(ResourceSlices);
  ops.Add("ResourceScatterNdMax")
      .Summary("ScatterNdMax of a variable given by its handle.")
      .Apply(ResourceSlices);
  ops.Add("ResourceScatterNdUpdate")
      .Summary("ScatterNdUpdate of a variable given by its handle.")
      .Apply(ResourceSlices);
}

}  // namespace

void RegisterScatterOps(OpRegistry& ops) {
  RegisterRows(ops);
  RegisterSlices(ops);
  ops.Add("StridedSliceAssign")
      .Summary("ref[begin:end:strides] = value, broadcast to the slice.")
      .Input("ref: Ref(T)")
      .Input("begin: Index")
      .Input("end: Index")
      .Input("strides: Index")
      .Input("value: T")
      .Output("output_ref: Ref(T)")
      .Apply(StridedSliceMaskAttrs)
      .Shape(shape::SameAsInput);
  ops.Add("ResourceStridedSliceAssign")
      .Summary("StridedSliceAssign of a variable given by its handle.")
      .Input("ref: resource")
      .Input("begin: Index")
      .Input("end: Index")
      .Input("strides: Index")
      .Input("value: T")
      .Apply(StridedSliceMaskAttrs)
      .Stateful()
      .Shape(shape::NoOutputs);
}

}  // namespace weft
