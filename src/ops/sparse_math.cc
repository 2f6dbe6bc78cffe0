// SPDX-License-Identifier: Apache-2.0
// Arithmetic of sparse tensors: sums, products with dense tensors, reductions.
// kernels: kernels/cpu/sparse_math.cc, sparse_reduce.cc   test: tests/ops/sparse_math_test.cc
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "src/core/strings.h"
#include "src/ops/sparse.h"

namespace weft {
namespace {

// ---- shapes ----

absl::Status AddShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(const PartialShape shape, c.InputWithRank(2, 1));
  c.set_output(0, PartialShape::Matrix(kUnknownDim, shape.dim(0)));
  c.set_output(1, PartialShape::Vector(kUnknownDim));
  c.set_output(2, shape);
  return absl::OkStatus();
}

absl::Status AddGradShape(ShapeContext& c) {
  for (const int i : {1, 2}) {
    WEFT_ASSIGN_OR_RETURN(const PartialShape indices, c.InputWithRank(i, 2));
    c.set_output(i - 1, PartialShape::Vector(indices.dim(0)));
  }
  return absl::OkStatus();
}

absl::Status ExtremumShape(ShapeContext& c) {
  for (const int i : {0, 3}) {
    WEFT_RETURN_IF_ERROR(c.InputWithRank(i, 2).status());
    WEFT_RETURN_IF_ERROR(c.InputWithRank(i + 1, 1).status());
    WEFT_RETURN_IF_ERROR(c.InputWithRank(i + 2, 1).status());
  }
  c.set_output(0, PartialShape::Matrix(kUnknownDim, kUnknownDim));
  c.set_output(1, PartialShape::Vector(kUnknownDim));
  return absl::OkStatus();
}

absl::Status MatMulShape(ShapeContext& c) {
  WEFT_RETURN_IF_ERROR(c.InputWithRank(0, 2).status());
  WEFT_RETURN_IF_ERROR(c.InputWithRank(1, 1).status());
  WEFT_ASSIGN_OR_RETURN(PartialShape a, c.input_as_shape(2));
  WEFT_ASSIGN_OR_RETURN(a, c.WithRank(a, 2));
  WEFT_ASSIGN_OR_RETURN(const PartialShape b, c.InputWithRank(3, 2));
  const bool adjoint_a = c.Attr<bool>("adjoint_a"), adjoint_b = c.Attr<bool>("adjoint_b");
  WEFT_RETURN_IF_ERROR(c.MergeDim(a.dim(adjoint_a ? 0 : 1), b.dim(adjoint_b ? 1 : 0)).status());
  c.set_output(0, PartialShape::Matrix(a.dim(adjoint_a ? 1 : 0), b.dim(adjoint_b ? 0 : 1)));
  return absl::OkStatus();
}

absl::Status CwiseShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(const PartialShape indices, c.InputWithRank(0, 2));
  c.set_output(0, PartialShape::Vector(indices.dim(0)));
  return absl::OkStatus();
}

absl::Status SoftmaxShape(ShapeContext& c) {
  WEFT_RETURN_IF_ERROR(c.InputWithRank(0, 2).status());
  WEFT_ASSIGN_OR_RETURN(const PartialShape values, c.InputWithRank(1, 1));
  WEFT_RETURN_IF_ERROR(c.InputWithRank(2, 1).status());
  c.set_output(0, values);
  return absl::OkStatus();
}

absl::Status ReduceShape(ShapeContext& c) {
  const Array *sizes = c.input_constant(2), *axes = c.input_constant(3);
  if (sizes == nullptr || axes == nullptr) return shape::Unknown(c);
  const int64_t rank = sizes->num_elements();
  if (rank == 0) {
    return absl::InvalidArgumentError("Number of dims in shape tensor must not be 0");
  }
  std::vector<bool> is_reduced(static_cast<size_t>(rank));
  for (int64_t i = 0; i < axes->num_elements(); ++i) {
    WEFT_ASSIGN_OR_RETURN(const int axis,
                          shape::NormalizeAxis(axes->AsInt64(i), static_cast<int>(rank)));
    is_reduced[static_cast<size_t>(axis)] = true;
  }
  PartialShape out = PartialShape::Scalar();
  for (int64_t d = 0; d < rank; ++d) {
    if (!is_reduced[static_cast<size_t>(d)]) {
      out.AddDim(sizes->AsInt64(d));
    } else if (c.Attr<bool>("keep_dims")) {
      out.AddDim(1);
    }
  }
  c.set_output(0, out);
  return absl::OkStatus();
}

// ---- gradients ----

Tensor GatherRows(GradientContext& g, Tensor params, Tensor indices) {
  return g.Op("GatherV2", {params, indices, g.ConstInt(0)});
}
Tensor GatherNd(GradientContext& g, Tensor params, Tensor indices) {
  return g.Op("GatherNd", {params, indices});
}

void AddGradient(GradientContext& g) {
  const std::vector<Tensor> d =
      g.Ops("SparseAddGrad", {g.dy(1), g.input(0), g.input(3), g.output(0)});
  if (!g.ok()) return;
  g.SetDx(1, d[0]);
  g.SetDx(4, d[1]);
}

// The gradient goes to the operand that was chosen. a - b has the indices of the result.
void SparseExtremumGradient(GradientContext& g) {
  const bool is_maximum = g.op().type() == "SparseSparseMaximum";
  const Tensor zero = g.ConstOf(g.input(1).dtype(), 0);
  const std::vector<Tensor> added =
      g.Ops("SparseAdd",
            {g.input(0), g.input(1), g.input(2), g.input(3), g.Neg(g.input(4)), g.input(5), zero});
  if (!g.ok()) return;
  const Tensor difference = added[1];
  const Tensor dy = g.dy(1), none = g.ZerosLike(dy);
  const Tensor is_a =
      g.Op(is_maximum ? "GreaterEqual" : "LessEqual", {difference, g.ConstLike(0, difference)});
  const Tensor da = g.Op("Select", {is_a, dy, none}), db = g.Op("Select", {is_a, none, dy});
  const auto part = [&](Tensor d, size_t which) {
    const auto both = g.Ops("SparseAddGrad", {d, g.input(0), g.input(3), g.output(0)});
    return g.ok() ? both[which] : Tensor();
  };
  const Tensor a = part(da, 0), b = part(db, 1);
  if (!g.ok()) return;
  g.SetDx(1, a);
  g.SetDx(4, b);
}

void DenseAddGradient(GradientContext& g) {
  g.SetDx(1, GatherNd(g, g.dy(0), g.input(0)));
  g.SetDx(3, g.dy(0));
}

Tensor Column(GradientContext& g, Tensor indices, int32_t column) {
  const Tensor begin = g.ConstInts({0, column}), end = g.ConstInts({0, column + 1});
  return g.Op(
      "StridedSlice", {indices, begin, end, g.ConstInts({1, 1})},
      {{"begin_mask", int64_t{1}}, {"end_mask", int64_t{1}}, {"shrink_axis_mask", int64_t{2}}},
      "strided_slice");
}

Tensor Adjoint(GradientContext& g, Tensor matrix) {
  return g.Op(IsComplex(matrix.dtype()) ? "ConjugateTranspose" : "Transpose",
              {matrix, g.ConstInts({1, 0})});
}

// With y = op(a) op(b): db = op(a)^H dy, and the gradient of a is taken where a has values.
void MatMulGradient(GradientContext& g) {
  const bool adjoint_a = g.Attr<bool>("adjoint_a"), adjoint_b = g.Attr<bool>("adjoint_b");
  const Tensor dy = g.dy(0), b = g.input(3), indices = g.input(0);
  const Tensor db = g.Op("SparseTensorDenseMatMul", {indices, g.input(1), g.input(2), dy},
                         {{"adjoint_a", !adjoint_a}, {"adjoint_b", false}});
  const Tensor rows = Column(g, indices, 0), columns = Column(g, indices, 1);
  const Tensor left = GatherRows(g, dy, adjoint_a ? columns : rows);
  const Tensor right = GatherRows(g, adjoint_b ? Adjoint(g, b) : b, adjoint_a ? rows : columns);
  const Tensor da = g.Sum(g.Mul(left, g.Conj(right)), g.ConstInt(1));
  g.SetDx(1, adjoint_a ? g.Conj(da) : da);
  g.SetDx(3, adjoint_b ? Adjoint(g, db) : db);
}

// What of the dense operand, which is broadcast, lies at the sparse one's indices.
struct DensePlaces {
  Tensor indices;  // in the dense operand
  Tensor shape;    // of the dense operand
};
DensePlaces PlacesInDense(GradientContext& g) {
  const Tensor x_shape = g.input(2), y_shape = g.Cast(g.Shape(g.input(3)), kInt64);
  const Tensor zero = g.ConstInt(0);
  const Tensor more = g.Op("ExpandDims", {g.Sub(g.Size(x_shape), g.Size(y_shape)), zero});
  const Tensor ones = g.Op("Fill", {more, g.ConstOf(kInt64, 1)}, {}, "ones");
  const Tensor full = g.Op("ConcatV2", {ones, y_shape, zero}, {}, "concat");
  const Tensor scaling = g.Op("FloorDiv", {x_shape, full}, {}, "floordiv");
  const Tensor scaled = g.Op("FloorDiv", {g.input(0), scaling}, {}, "floordiv");
  const Tensor begin = g.Op("ConcatV2", {g.ConstInts({0}), more, zero}, {}, "concat");
  return {g.Op("Slice", {scaled, begin, g.ConstInts({-1, -1})}), y_shape};
}

void CwiseGradient(GradientContext& g) {
  const std::string& type = g.op().type();
  const Tensor dy = g.dy(0), x = g.input(1), y = g.input(3);
  const DensePlaces places = PlacesInDense(g);
  Tensor dx = dy, d_dense = dy;
  if (type != "SparseDenseCwiseAdd") {
    const Tensor values = GatherNd(g, y, places.indices);
    const bool is_product = type == "SparseDenseCwiseMul";
    dx = is_product ? g.Mul(dy, values) : g.Div(dy, values);
    d_dense = g.Mul(dy, is_product ? x : g.Div(g.Neg(x), g.Op("Square", {values})));
  }
  g.SetDx(1, dx);
  // Several values may fall on one element of y.
  g.SetDx(3, g.Op("SparseTensorDenseAdd", {places.indices, d_dense, places.shape, g.ZerosLike(y)}));
}

void ReduceSumGradient(GradientContext& g) {
  const Tensor indices = g.input(0), sizes = g.input(2);
  // The shape with the reduced dimensions set to 1.
  const Tensor rank = g.Size(sizes);
  const Tensor axes = g.Op("FloorMod", {g.Add(g.input(3), rank), rank}, {}, "floormod");
  const Tensor all = g.Op("Range", {g.ConstInt(0), rank, g.ConstInt(1)}, {}, "range");
  const Tensor flat_axes = g.Reshape(axes, g.ConstInts({-1}));
  const Tensor ones = g.Op("Fill", {g.Shape(flat_axes), g.ConstOf(kInt64, 1)}, {}, "ones");
  const Tensor kept = g.Op("DynamicStitch", {all, flat_axes, sizes, ones}, {{"N", int64_t{2}}});
  const Tensor scale = g.Op("FloorDiv", {sizes, kept}, {}, "floordiv");
  const Tensor places = g.Op("FloorDiv", {indices, scale}, {}, "floordiv");
  g.SetDx(1, GatherNd(g, g.Reshape(g.dy(0), kept), places));
}

// dx = (dy - sum over the row of y dy) y.
void SoftmaxGradient(GradientContext& g) {
  const Tensor indices = g.input(0), sizes = g.input(2), y = g.output(0), dy = g.dy(0);
  const Tensor sum = g.Op("SparseReduceSum", {indices, g.Mul(y, dy), sizes, g.ConstInts({-1})},
                          {{"keep_dims", true}});
  const Tensor off = g.Op("SparseDenseCwiseAdd", {indices, dy, sizes, g.Neg(sum)});
  g.SetDx(1, g.Mul(off, y));
}

// ---- schemas ----

OpDefBuilder&& TwoSparse(OpDefBuilder&& op) {
  return std::move(op)
      .Input("a_indices: int64")
      .Input("a_values: T")
      .Input("a_shape: int64")
      .Input("b_indices: int64")
      .Input("b_values: T")
      .Input("b_shape: int64");
}
OpDefBuilder&& Extremum(OpDefBuilder&& op) {
  return std::move(op)
      .Apply(TwoSparse)
      .Output("output_indices: int64")
      .Output("output_values: T")
      .Shape(ExtremumShape)
      .Gradient(SparseExtremumGradient);
}
OpDefBuilder&& Cwise(OpDefBuilder&& op) {
  return std::move(op)
      .Input("sp_indices: int64")
      .Input("sp_values: T")
      .Input("sp_shape: int64")
      .Input("dense: T")
      .Output("output: T")
      .Attr("T: numbertype")
      .Shape(CwiseShape)
      .Gradient(CwiseGradient);
}
OpDefBuilder&& Reduced(OpDefBuilder&& op) {
  return std::move(op)
      .Input("input_indices: int64")
      .Input("input_values: T")
      .Input("input_shape: int64")
      .Input("reduction_axes: int32")
      .Attr("keep_dims: bool = false");
}
OpDefBuilder&& SparseResult(OpDefBuilder&& op) {
  return std::move(op)
      .Apply(Reduced)
      .Output("output_indices: int64")
      .Output("output_values: T")
      .Output("output_shape: int64")
      .Shape(shape::Unknown);
}

}  // namespace

void RegisterSparseMathOps(OpRegistry& ops) {
  ops.Add("SparseAdd")
      .Summary("The sum of sparse tensors, without values whose magnitude is below a threshold.")
      .Apply(TwoSparse)
      .Input("thresh: Treal")
      .Output("sum_indices: int64")
      .Output("sum_values: T")
      .Output("sum_shape: int64")
      .Attr("T: numbertype")
      .Attr("Treal: realnumbertype")
      .Shape(AddShape)
      .Gradient(AddGradient);
  ops.Add("SparseAddGrad")
      .Summary("The gradients of SparseAdd: of the values of either operand.")
      .Input("backprop_val_grad: T")
      .Input("a_indices: int64")
      .Input("b_indices: int64")
      .Input("sum_indices: int64")
      .Output("a_val_grad: T")
      .Output("b_val_grad: T")
      .Attr("T: numbertype")
      .Shape(AddGradShape)
      .NoGradient("no second derivatives of SparseAdd");
  ops.Add("SparseSparseMaximum")
      .Summary("The greater of two sparse tensors' elements wherever one of them has a value.")
      .Apply(Extremum)
      .Attr("T: realnumbertype");
  ops.Add("SparseSparseMinimum")
      .Summary("The lesser of two sparse tensors' elements wherever one of them has a value.")
      .Apply(Extremum)
      .Attr("T: numbertype");
  ops.Add("SparseTensorDenseMatMul")
      .Summary("A sparse matrix times a dense one.")
      .Input("a_indices: Tindices")
      .Input("a_values: T")
      .Input("a_shape: int64")
      .Input("b: T")
      .Output("product: T")
      .Attr("T: type")
      .Attr("Tindices: {int32, int64} = DT_INT64")
      .Attr("adjoint_a: bool = false")
      .Attr("adjoint_b: bool = false")
      .Shape(MatMulShape)
      .Gradient(MatMulGradient);
  ops.Add("SparseTensorDenseAdd")
      .Summary("A sparse tensor plus a dense one of the same shape.")
      .Input("a_indices: Tindices")
      .Input("a_values: T")
      .Input("a_shape: Tindices")
      .Input("b: T")
      .Output("output: T")
      .Attr("T: numbertype")
      .Attr("Tindices: {int32, int64}")
      .Shape([](ShapeContext& c) {
        c.set_output(0, c.input(3));
        return absl::OkStatus();
      })
      .Gradient(DenseAddGradient);
  ops.Add("SparseDenseCwiseAdd")
      .Summary("The values of a sparse tensor plus what a dense one, broadcast, has there.")
      .Apply(Cwise);
  ops.Add("SparseDenseCwiseMul")
      .Summary("The values of a sparse tensor times what a dense one, broadcast, has there.")
      .Apply(Cwise);
  ops.Add("SparseDenseCwiseDiv")
      .Summary("The values of a sparse tensor divided by what a dense one, broadcast, has there.")
      .Apply(Cwise);
  ops.Add("SparseReduceSum")
      .Summary("The sums of a sparse tensor's values along dimensions, as a dense tensor.")
      .Apply(Reduced)
      .Output("output: T")
      .Attr("T: numbertype")
      .Shape(ReduceShape)
      .Gradient(ReduceSumGradient);
  ops.Add("SparseReduceMax")
      .Summary("The greatest of a sparse tensor's values along dimensions; 0 where it has none.")
      .Apply(Reduced)
      .Output("output: T")
      .Attr("T: realnumbertype")
      .Shape(ReduceShape);
  ops.Add("SparseReduceSumSparse")
      .Summary("The sums of a sparse tensor's values along dimensions, as a sparse tensor.")
      .Apply(SparseResult)
      .Attr("T: numbertype");
  ops.Add("SparseReduceMaxSparse")
      .Summary("The greatest of a sparse tensor's values along dimensions, as a sparse tensor.")
      .Apply(SparseResult)
      .Attr("T: realnumbertype");
  ops.Add("SparseSoftmax")
      .Summary("Softmax over the values of each row, the last dimension.")
      .Input("sp_indices: int64")
      .Input("sp_values: T")
      .Input("sp_shape: int64")
      .Output("output: T")
      .Attr("T: {half, bfloat16, float, double}")
      .Shape(SoftmaxShape)
      .Gradient(SoftmaxGradient);
}

}  // namespace weft
