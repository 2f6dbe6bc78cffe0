// SPDX-License-Identifier: Apache-2.0
// Determinants, square roots of matrices, tridiagonal systems.
// kernels: kernels/cpu/linalg_decompose.cc, linalg_tridiagonal.cc
// test: tests/ops/linalg_decompose_test.cc
#include <string>
#include <vector>

#include "src/core/strings.h"
#include "src/ops/linalg.h"
#include "src/ops/matmul.h"

namespace weft {
namespace {

// A number for each square matrix.
absl::Status NumbersShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(const PartialShape a, c.WithRankAtLeast(c.input(0), 2));
  WEFT_RETURN_IF_ERROR(c.MergeDim(a.dim(-2), a.dim(-1)).status());
  for (int i = 0; i < c.num_outputs(); ++i) c.set_output(i, BatchDims(a));
  return absl::OkStatus();
}

absl::Status SquareShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(const PartialShape a, c.WithRankAtLeast(c.input(0), 2));
  WEFT_ASSIGN_OR_RETURN(const int64_t n, c.MergeDim(a.dim(-2), a.dim(-1)));
  c.set_output(0, BatchDims(a).Concatenate(PartialShape({n, n})));
  return absl::OkStatus();
}

// Diagonals [..., 3, m], right sides [..., m, k].
absl::Status TridiagonalShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(const PartialShape lhs, c.WithRankAtLeast(c.input(0), 2));
  WEFT_ASSIGN_OR_RETURN(const PartialShape rhs, c.WithRankAtLeast(c.input(1), 2));
  WEFT_ASSIGN_OR_RETURN(const PartialShape batch, c.Merge(BatchDims(lhs), BatchDims(rhs)));
  WEFT_RETURN_IF_ERROR(c.MergeDim(lhs.dim(-2), 3).status());
  WEFT_ASSIGN_OR_RETURN(const int64_t m, c.MergeDim(lhs.dim(-1), rhs.dim(-2)));
  c.set_output(0, batch.Concatenate(PartialShape({m, rhs.dim(-1)})));
  return absl::OkStatus();
}

// x, a number for each matrix, with two dimensions of size 1 more.
Tensor AsMatrices(GradientContext& g, Tensor x) {
  const Tensor ones = g.ConstInts({1, 1});
  return g.Reshape(x, g.Op("ConcatV2", {g.Shape(x), ones, g.ConstInt(0)}, {}, "concat"));
}

// d det a = det a trace(a^-1 da).
void DeterminantGradient(GradientContext& g) {
  const Tensor inverse = g.Op("MatrixInverse", {g.input(0)}, {{"adjoint", true}});
  g.SetDx(0, g.Mul(AsMatrices(g, g.Mul(g.dy(0), g.Conj(g.output(0)))), inverse));
}
void LogDeterminantGradient(GradientContext& g) {
  const Tensor inverse = g.Op("MatrixInverse", {g.input(0)}, {{"adjoint", true}});
  g.SetDx(0, g.Mul(AsMatrices(g, g.dy(1)), inverse));
}

// With y y = a, the gradient x of a solves y^H x + x y^H = dy, a system of n^2 equations:
// (y^H (x) 1 + 1 (x) conj y) vec x = vec dy, row by row.
void SquareRootGradient(GradientContext& g) {
  const Tensor y = g.output(0);
  const PartialShape shape = y.shape();
  if (!shape.IsFullyKnown()) {
    return g.Fail(absl::UnimplementedError(
        StrCat("the gradient of MatrixSquareRoot needs a known shape, not ", shape.ToString())));
  }
  const int64_t n = shape.dim(-1);
  std::vector<int32_t> system, vector;
  for (int d = 0; d < shape.rank() - 2; ++d) {
    system.push_back(static_cast<int32_t>(shape.dim(d)));
    vector.push_back(static_cast<int32_t>(shape.dim(d)));
  }
  system.insert(system.end(), 2, static_cast<int32_t>(n * n));
  vector.insert(vector.end(), {static_cast<int32_t>(n * n), 1});
  const Tensor one = SetDiagonal(g, g.ZerosLike(y), g.OnesLike(DiagonalOf(g, y)));
  const auto kronecker = [&](Tensor a, Tensor b) {
    const Tensor product = g.Op("Einsum", {a, b}, {{"equation", "...ij,...kl->...ikjl"}});
    return g.Reshape(product, g.ConstInts(system));
  };
  const Tensor matrix = g.Add(kronecker(AdjointOf(g, y), one), kronecker(one, g.Conj(y)));
  const Tensor solution =
      g.Op("MatrixSolve", {matrix, g.Reshape(g.dy(0), g.ConstInts(vector))}, {{"adjoint", false}});
  g.SetDx(0, g.Reshape(solution, g.Shape(y)));
}

// x[..., begin:end, :] (rows) or x[..., begin:end] of the last dimension.
Tensor Part(GradientContext& g, Tensor x, int32_t begin, int32_t end, bool rows) {
  std::vector<int32_t> from = {0, begin}, to = {0, end}, step = {1, 1};
  // The first entry stands for the ellipsis.
  int64_t begin_mask = 0, end_mask = end == 0 ? 2 : 0;
  if (rows) {
    from.push_back(0);
    to.push_back(0);
    step.push_back(1);
    begin_mask |= 4;
    end_mask |= 4;
  }
  return g.Op("StridedSlice", {x, g.ConstInts(from), g.ConstInts(to), g.ConstInts(step)},
              {{"begin_mask", begin_mask}, {"end_mask", end_mask}, {"ellipsis_mask", int64_t{1}}},
              "strided_slice");
}
Tensor Join(GradientContext& g, const std::vector<Tensor>& parts, int axis) {
  std::vector<Tensor> inputs = parts;
  inputs.push_back(g.ConstInt(axis));
  return g.Op("ConcatV2", inputs, {}, "concat");
}
// Row `i` of the three diagonals, as [..., 1, m].
Tensor DiagonalRow(GradientContext& g, Tensor diagonals, int32_t i) {
  return Part(g, diagonals, i, i + 1, true);
}

// A row [..., 1, m] moved by one: element i - 1, or i + 1, comes to place i.
Tensor MovedRight(GradientContext& g, Tensor row) {
  return Join(g, {g.ZerosLike(Part(g, row, 0, 1, false)), Part(g, row, 0, -1, false)}, -1);
}
Tensor MovedLeft(GradientContext& g, Tensor row) {
  return Join(g, {Part(g, row, 1, 0, false), g.ZerosLike(Part(g, row, 0, 1, false))}, -1);
}

absl::Status TridiagonalProductShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(const PartialShape rhs, c.WithRankAtLeast(c.input(3), 2));
  PartialShape batch = BatchDims(rhs);
  int64_t m = rhs.dim(-2);
  for (int i = 0; i < 3; ++i) {
    WEFT_ASSIGN_OR_RETURN(const PartialShape row, c.WithRankAtLeast(c.input(i), 2));
    WEFT_ASSIGN_OR_RETURN(batch, c.Merge(batch, BatchDims(row)));
    WEFT_RETURN_IF_ERROR(c.MergeDim(row.dim(-2), 1).status());
    WEFT_ASSIGN_OR_RETURN(m, c.MergeDim(m, row.dim(-1)));
  }
  c.set_output(0, batch.Concatenate(PartialShape({m, rhs.dim(-1)})));
  return absl::OkStatus();
}

// y[i] = lower[i] x[i - 1] + middle[i] x[i] + upper[i] x[i + 1].
void TridiagonalProductGradient(GradientContext& g) {
  const Tensor upper = g.input(0), middle = g.input(1), lower = g.input(2), dy = g.dy(0);
  const Tensor x = AdjointOf(g, g.input(3)), left = g.Conj(AdjointOf(g, dy));  // [..., k, m]
  const auto sum = [&](Tensor moved) { return g.Sum(g.Mul(left, moved), g.ConstInts({-2}), true); };
  g.SetDx(0, sum(MovedLeft(g, x)));
  g.SetDx(1, sum(x));
  g.SetDx(2, sum(MovedRight(g, x)));
  g.SetDx(3, g.Op("TridiagonalMatMul",
                  {g.Conj(MovedLeft(g, lower)), g.Conj(middle), g.Conj(MovedRight(g, upper)), dy}));
}

// a^T dx = dy for the right side; of the matrix only the three diagonals of -dx y^T.
void TridiagonalGradient(GradientContext& g) {
  const Tensor diagonals = g.input(0), x = g.output(0);
  const auto zero_before = [&](Tensor row) { return MovedRight(g, row); };
  const auto zero_behind = [&](Tensor row) { return MovedLeft(g, row); };
  // Element i of the superdiagonal is a[i, i + 1], that of the subdiagonal a[i, i - 1].
  const Tensor upper = zero_behind(DiagonalRow(g, diagonals, 2)),
               middle = DiagonalRow(g, diagonals, 1),
               lower = zero_before(DiagonalRow(g, diagonals, 0));
  const Tensor transposed = Join(g, {upper, middle, lower}, -2);
  const Tensor d_rhs = g.Op("TridiagonalSolve", {g.Conj(transposed), g.dy(0)},
                            {{"partial_pivoting", g.attr("partial_pivoting")},
                             {"perturb_singular", g.attr("perturb_singular")}});
  // Sums over the right sides of d_rhs[i] conj(x[i + offset]).
  const Tensor rhs = AdjointOf(g, d_rhs), solution = AdjointOf(g, x);  // [..., k, m], conjugated
  const Tensor left = g.Conj(rhs);
  const auto sum = [&](Tensor shifted) {
    return g.Sum(g.Mul(left, shifted), g.ConstInts({-2}), true);
  };
  const Tensor d_upper = sum(zero_behind(solution)), d_middle = sum(solution),
               d_lower = sum(zero_before(solution));
  g.SetDx(0, g.Neg(Join(g, {d_upper, d_middle, d_lower}, -2)));
  g.SetDx(1, d_rhs);
}

}  // namespace

void RegisterDeterminantOps(OpRegistry& ops) {
  ops.Add("MatrixDeterminant")
      .Summary("The determinant of each matrix.")
      .Input("input: T")
      .Output("output: T")
      .Attr("T: {half, float, double, complex64, complex128}")
      .Shape(NumbersShape)
      .Gradient(DeterminantGradient);
  ops.Add("BatchMatrixDeterminant")
      .Summary("MatrixDeterminant's old name.")
      .Input("input: T")
      .Output("output: T")
      .Attr("T: {float, double, complex64, complex128}")
      .Shape(NumbersShape);
  ops.Add("LogMatrixDeterminant")
      .Summary("The sign of each determinant, and the logarithm of its absolute value.")
      .Input("input: T")
      .Output("sign: T")
      .Output("log_abs_determinant: T")
      .Attr("T: {half, float, double, complex64, complex128}")
      .Shape(NumbersShape)
      .Gradient(LogDeterminantGradient);
  ops.Add("MatrixSquareRoot")
      .Summary("y with y y = a for each matrix a, its principal root.")
      .Input("input: T")
      .Output("output: T")
      .Attr("T: {double, float, half, complex64, complex128}")
      .Shape(SquareShape)
      .Gradient(SquareRootGradient);
  ops.Add("TridiagonalMatMul")
      .Summary("The product with a matrix given by its super-, main and subdiagonal.")
      .Input("superdiag: T")
      .Input("maindiag: T")
      .Input("subdiag: T")
      .Input("rhs: T")
      .Output("output: T")
      .Attr("T: {double, float, complex64, complex128}")
      .Shape(TridiagonalProductShape)
      .Gradient(TridiagonalProductGradient);
  ops.Add("TridiagonalSolve")
      .Summary("x with a x = rhs for matrices given by their super-, main and subdiagonal.")
      .Input("diagonals: T")
      .Input("rhs: T")
      .Output("output: T")
      .Attr("partial_pivoting: bool = true")
      .Attr("perturb_singular: bool = false")
      .Attr("T: {double, float, complex64, complex128}")
      .Shape(TridiagonalShape)
      .Gradient(TridiagonalGradient);
}

}  // namespace weft
