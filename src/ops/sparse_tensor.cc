// SPDX-License-Identifier: Apache-2.0
// Sparse tensors as three tensors: SparseReorder, SparseReshape, SparseFillEmptyRows.
// kernels: kernels/cpu/sparse_tensor.cc   test: tests/ops/sparse_tensor_test.cc
#include "src/ops/sparse.h"

namespace weft {

absl::Status CheckSparseShapes(ShapeContext& c, int indices, int values, int shape, int64_t* n,
                               int64_t* rank) {
  WEFT_ASSIGN_OR_RETURN(const PartialShape i, c.InputWithRank(indices, 2));
  WEFT_ASSIGN_OR_RETURN(const PartialShape s, c.InputWithRank(shape, 1));
  *n = i.dim(0);
  WEFT_ASSIGN_OR_RETURN(*rank, c.MergeDim(i.dim(1), s.dim(0)));
  if (values < 0) return absl::OkStatus();
  WEFT_ASSIGN_OR_RETURN(const PartialShape v, c.InputWithRank(values, 1));
  WEFT_ASSIGN_OR_RETURN(*n, c.MergeDim(*n, v.dim(0)));
  return absl::OkStatus();
}

namespace {

absl::Status ReorderShape(ShapeContext& c) {
  int64_t n = kUnknownDim, rank = kUnknownDim;
  WEFT_RETURN_IF_ERROR(CheckSparseShapes(c, 0, 1, 2, &n, &rank));
  c.set_output(0, PartialShape::Matrix(n, rank));
  c.set_output(1, PartialShape::Vector(n));
  return absl::OkStatus();
}

absl::Status ReshapeShape(ShapeContext& c) {
  int64_t n = kUnknownDim, rank = kUnknownDim;
  WEFT_RETURN_IF_ERROR(CheckSparseShapes(c, 0, -1, 1, &n, &rank));
  WEFT_ASSIGN_OR_RETURN(const PartialShape wanted, c.InputWithRank(2, 1));
  c.set_output(0, PartialShape::Matrix(n, wanted.dim(0)));
  c.set_output(1, wanted);
  return absl::OkStatus();
}

absl::Status FillEmptyRowsShape(ShapeContext& c) {
  int64_t n = kUnknownDim, rank = kUnknownDim;
  WEFT_RETURN_IF_ERROR(CheckSparseShapes(c, 0, 1, 2, &n, &rank));
  WEFT_RETURN_IF_ERROR(c.InputWithRank(3, 0).status());
  WEFT_ASSIGN_OR_RETURN(const PartialShape dense, c.input_as_shape(2));
  c.set_output(0, PartialShape::Matrix(kUnknownDim, rank));
  c.set_output(1, PartialShape::Vector(kUnknownDim));
  c.set_output(
      2, PartialShape::Vector(dense.known_rank() && dense.rank() > 0 ? dense.dim(0) : kUnknownDim));
  c.set_output(3, PartialShape::Vector(n));
  return absl::OkStatus();
}

absl::Status FillEmptyRowsGradShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(const PartialShape map, c.InputWithRank(0, 1));
  WEFT_RETURN_IF_ERROR(c.InputWithRank(1, 1).status());
  c.set_output(0, map);
  c.set_output(1, PartialShape::Scalar());
  return absl::OkStatus();
}

// The same reordering of 0, 1, ... tells where each value went.
void ReorderGradient(GradientContext& g) {
  const Tensor indices = g.input(0);
  const Tensor count =
      g.Op("StridedSlice", {g.Shape(indices), g.ConstInts({0}), g.ConstInts({1}), g.ConstInts({1})},
           {{"shrink_axis_mask", int64_t{1}}});
  const Tensor places = g.Op("Range", {g.ConstInt(0), count, g.ConstInt(1)}, {}, "range");
  const Tensor moved = g.Ops("SparseReorder", {indices, places, g.input(2)})[1];
  const Tensor back = g.Op("InvertPermutation", {moved});
  g.SetDx(1, g.Op("GatherV2", {g.dy(1), back, g.ConstInt(0)}));
}

void FillEmptyRowsGradient(GradientContext& g) {
  const std::vector<Tensor> d = g.Ops("SparseFillEmptyRowsGrad", {g.output(3), g.dy(1)});
  if (!g.ok()) return;
  g.SetDx(1, d[0]);
  g.SetDx(3, d[1]);
}

}  // namespace

void RegisterSparseTensorOps(OpRegistry& ops) {
  ops.Add("SparseReorder")
      .Summary("The values of a sparse tensor in row-major order.")
      .Input("input_indices: int64")
      .Input("input_values: T")
      .Input("input_shape: int64")
      .Output("output_indices: int64")
      .Output("output_values: T")
      .Attr("T: type")
      .Shape(ReorderShape)
      .Gradient(ReorderGradient);
  ops.Add("SparseReshape")
      .Summary("A sparse tensor in another shape: its indices, and the shape.")
      .Input("input_indices: int64")
      .Input("input_shape: int64")
      .Input("new_shape: int64")
      .Output("output_indices: int64")
      .Output("output_shape: int64")
      .Shape(ReshapeShape)
      .NoGradient("indices are integers");
  ops.Add("SparseFillEmptyRows")
      .Summary("A sparse tensor with a default value in rows that have none.")
      .Input("indices: int64")
      .Input("values: T")
      .Input("dense_shape: int64")
      .Input("default_value: T")
      .Output("output_indices: int64")
      .Output("output_values: T")
      .Output("empty_row_indicator: bool")
      .Output("reverse_index_map: int64")
      .Attr("T: type")
      .Shape(FillEmptyRowsShape)
      .Gradient(FillEmptyRowsGradient);
  ops.Add("SparseFillEmptyRowsGrad")
      .Summary("The gradients of SparseFillEmptyRows: of its values and of the default value.")
      .Input("reverse_index_map: int64")
      .Input("grad_values: T")
      .Output("d_values: T")
      .Output("d_default_value: T")
      .Attr("T: type")
      .Shape(FillEmptyRowsGradShape);
  RegisterSparseMathOps(ops);
  RegisterSparsePartsOps(ops);
  RegisterSetOps(ops);
  RegisterSparseCountOps(ops);
  RegisterRaggedOps(ops);
  RegisterSparseTensorsMapOps(ops);
  RegisterSparseMatrixOps(ops);
}

}  // namespace weft
