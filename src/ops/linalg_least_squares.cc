// SPDX-License-Identifier: Apache-2.0
// Least squares, and triangular systems of which a few diagonals are stored, for stacks of
// matrices.
// kernels: kernels/cpu/linalg_least_squares.cc   test: tests/ops/linalg_least_squares_test.cc
#include <string>

#include "src/core/strings.h"
#include "src/ops/linalg.h"
#include "src/ops/matmul.h"
#include "weft/core/complex.h"

namespace weft {
namespace {

absl::Status LeastSquaresShape(ShapeContext& c) {
  WEFT_RETURN_IF_ERROR(c.InputWithRank(2, 0).status());
  WEFT_ASSIGN_OR_RETURN(const PartialShape a, c.WithRankAtLeast(c.input(0), 2));
  WEFT_ASSIGN_OR_RETURN(const PartialShape b, c.WithRankAtLeast(c.input(1), 2));
  WEFT_ASSIGN_OR_RETURN(const PartialShape batch, c.Merge(BatchDims(a), BatchDims(b)));
  WEFT_RETURN_IF_ERROR(c.MergeDim(a.dim(-2), b.dim(-2)).status());
  c.set_output(0, batch.Concatenate(MatrixOf(a.dim(-1), b.dim(-1))));
  return absl::OkStatus();
}

absl::Status BandedShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(const PartialShape a, c.WithRankAtLeast(c.input(0), 2));
  WEFT_ASSIGN_OR_RETURN(const PartialShape b, c.WithRankAtLeast(c.input(1), 2));
  WEFT_ASSIGN_OR_RETURN(const int64_t rows, c.MergeDim(a.dim(-1), b.dim(-2)));
  WEFT_ASSIGN_OR_RETURN(const PartialShape batch,
                        shape::BroadcastShapes(BatchDims(a), BatchDims(b)));
  c.set_output(0, batch.Concatenate(MatrixOf(rows, b.dim(-1))));
  return absl::OkStatus();
}

// (l l^H)^-1 x.
Tensor CholeskySolve(GradientContext& g, Tensor l, Tensor x) {
  const Tensor half = g.Op("MatrixTriangularSolve", {l, x}, {{"lower", true}, {"adjoint", false}});
  return g.Op("MatrixTriangularSolve", {l, half}, {{"lower", true}, {"adjoint", true}});
}

// By the normal equations. With z = (a^H a + r)^-1 dx: db = a z and da = b z^H - a (x z^H + z x^H);
// or with fewer equations than unknowns and y = (a a^H + r)^-1 b: db = (a a^H + r)^-1 a dx and
// da = y (dx - a^H db)^H - db (y^H a).
void LeastSquaresGradient(GradientContext& g) {
  if (!g.Attr<bool>("fast")) {
    return g.Fail(
        absl::UnimplementedError("there is no gradient of MatrixSolveLs with fast=False"));
  }
  const Tensor a = g.input(0), b = g.input(1), x = g.output(0), dx = g.dy(0);
  const int64_t rows = a.shape().dim(-2), columns = a.shape().dim(-1);
  if (rows < 0 || columns < 0) {
    return g.Fail(absl::UnimplementedError(
        StrCat("the gradient of MatrixSolveLs needs known numbers of rows and columns; the matrix "
               "has the shape ",
               a.shape().ToString())));
  }
  const bool tall = rows >= columns;
  const Tensor gram = AdjointProduct(g, a, a, tall, !tall);
  const Tensor diagonal = DiagonalOf(g, gram);
  const Tensor regularizer = g.Cast(g.input(2), a.dtype());
  const Tensor l = g.Op("Cholesky", {SetDiagonal(g, gram, g.Add(diagonal, regularizer))});
  if (tall) {
    const Tensor z = CholeskySolve(g, l, dx);
    const Tensor xz = AdjointProduct(g, x, z, false, true);
    const Tensor inner = AdjointProduct(g, a, g.Add(xz, AdjointOf(g, xz)), false, false);
    g.SetDx(0, g.Sub(AdjointProduct(g, b, z, false, true), inner));
    g.SetDx(1, AdjointProduct(g, a, z, false, false));
    return;
  }
  const Tensor db = CholeskySolve(g, l, AdjointProduct(g, a, dx, false, false));
  const Tensor y = CholeskySolve(g, l, b);
  const Tensor rest = g.Sub(dx, AdjointProduct(g, a, db, true, false));
  const Tensor inner = AdjointProduct(g, db, AdjointProduct(g, y, a, true, false), false, false);
  g.SetDx(0, g.Sub(AdjointProduct(g, y, rest, false, true), inner));
  g.SetDx(1, db);
}

// As of a dense triangular system; of da the stored diagonals are taken.
void BandedGradient(GradientContext& g) {
  const bool lower = g.Attr<bool>("lower"), adjoint = g.Attr<bool>("adjoint");
  const Tensor a = g.input(0), x = g.output(0);
  const Tensor db =
      g.Op("BandedTriangularSolve", {a, g.dy(0)}, {{"lower", lower}, {"adjoint", !adjoint}});
  const Tensor da = g.Neg(adjoint ? AdjointProduct(g, x, db, false, true)
                                  : AdjointProduct(g, db, x, false, true));
  const Tensor bands =
      g.Op("StridedSlice", {g.Shape(a), g.ConstInts({-2}), g.ConstInts({-1}), g.ConstInts({1})},
           {{"shrink_axis_mask", int64_t{1}}}, "strided_slice");
  const Tensor last = g.Sub(bands, g.ConstInt(1)), zero = g.ConstInt(0);
  const Tensor k = g.Op("Pack", {lower ? g.Neg(last) : zero, lower ? zero : last}, {}, "stack");
  Tensor diagonals = g.Op("MatrixDiagPartV3", {da, k, g.ConstOf(a.dtype(), 0)},
                          {{"align", std::string("LEFT_RIGHT")}}, "MatrixDiagPart");
  // A single diagonal comes without a dimension of its own.
  if (a.shape().dim(-2) == 1) diagonals = g.Op("ExpandDims", {diagonals, g.ConstInt(-2)});
  SetBroadcastBatchDx(g, diagonals, db);
}

OpDefBuilder&& OfLeastSquares(OpDefBuilder&& op) {
  return std::move(op)
      .Input("matrix: T")
      .Input("rhs: T")
      .Input("l2_regularizer: double")
      .Output("output: T");
}

}  // namespace

void RegisterLeastSquaresOps(OpRegistry& ops) {
  ops.Add("MatrixSolveLs")
      .Summary("x for which |a x - rhs|^2 + l2_regularizer |x|^2 is least.")
      .Apply(OfLeastSquares)
      .Attr("T: {double, float, half, complex64, complex128}")
      .Attr("fast: bool = true")
      .Shape(LeastSquaresShape)
      .Gradient(LeastSquaresGradient);
  ops.Add("BatchMatrixSolveLs")
      .Summary("MatrixSolveLs's old name.")
      .Apply(OfLeastSquares)
      .Attr("T: {double, float}")
      .Attr("fast: bool = true")
      .Shape(LeastSquaresShape);
  ops.Add("BandedTriangularSolve")
      .Summary(
          "x with a x = rhs, or a^H x = rhs, for triangular a of which the diagonals are given.")
      .Input("matrix: T")
      .Input("rhs: T")
      .Output("output: T")
      .Attr("lower: bool = true")
      .Attr("adjoint: bool = false")
      .Attr("T: {double, float, half, complex64, complex128}")
      .Shape(BandedShape)
      .Gradient(BandedGradient);
}

}  // namespace weft
