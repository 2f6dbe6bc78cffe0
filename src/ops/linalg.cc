// SPDX-License-Identifier: Apache-2.0
// Factorisations, inverses and solutions of systems, for stacks of matrices.
// kernels: kernels/cpu/linalg_qr.cc, linalg_solve.cc   test: tests/ops/linalg_test.cc
#include <algorithm>
#include <string>
#include <utility>

#include "src/core/strings.h"
#include "src/ops/linalg.h"
#include "src/ops/matmul.h"
#include "weft/core/complex.h"
#include "weft/graph/op_def.h"

namespace weft {

// The conjugate transpose of each matrix.
Tensor AdjointOf(GradientContext& g, Tensor a) {
  const char* type = IsComplex(a.dtype()) ? "ConjugateTranspose" : "Transpose";
  const PartialShape s = a.shape();
  if (s.known_rank()) {
    std::vector<int32_t> order;
    for (int i = 0; i < s.rank(); ++i) order.push_back(i);
    std::swap(order[order.size() - 1], order[order.size() - 2]);
    return g.Op(type, {a, g.ConstInts(order, "transpose/perm")}, {}, "transpose");
  }
  const Tensor rank = g.Rank(a), two = g.ConstInt(2);
  const Tensor lead = g.Sub(rank, two);
  const Tensor range = g.Op("Range", {g.ConstInt(0), lead, g.ConstInt(1)}, {}, "range");
  const Tensor last = g.Sub(rank, g.ConstInt(1));
  const Tensor one = g.ConstInts({1});
  const Tensor ends[] = {g.Reshape(last, one), g.Reshape(lead, one)};
  const Tensor order = g.Op("ConcatV2", {range, ends[0], ends[1], g.ConstInt(0)}, {}, "concat");
  return g.Op(type, {a, order}, {}, "transpose");
}

// The entries on and below (lower) or on and above the diagonals.
Tensor TriangleOf(GradientContext& g, Tensor a, bool lower) {
  const Tensor below = g.ConstOf(kInt64, lower ? -1 : 0), above = g.ConstOf(kInt64, lower ? 0 : -1);
  return g.Op("MatrixBandPart", {a, below, above});
}
Tensor DiagonalOf(GradientContext& g, Tensor a) {
  const Tensor k = g.ConstInt(0), padding = g.ConstOf(a.dtype(), 0);
  return g.Op("MatrixDiagPartV3", {a, k, padding}, {}, "MatrixDiagPart");
}
Tensor SetDiagonal(GradientContext& g, Tensor a, Tensor diagonal) {
  return g.Op("MatrixSetDiagV3", {a, diagonal, g.ConstInt(0)}, {}, "MatrixSetDiag");
}

namespace {

constexpr char kMatrixTypes[] = "T: {double, float, half, complex64, complex128}";

// Input i as a stack of square matrices: its leading dimensions and the matrices' size.
struct SquareStack {
  PartialShape batch;
  int64_t size;
};
absl::StatusOr<SquareStack> SquareInput(ShapeContext& c, int i) {
  WEFT_ASSIGN_OR_RETURN(const PartialShape s, c.WithRankAtLeast(c.input(i), 2));
  WEFT_ASSIGN_OR_RETURN(const int64_t size, c.MergeDim(s.dim(-2), s.dim(-1)));
  return SquareStack{BatchDims(s), size};
}

absl::Status SameSquareShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(const SquareStack a, SquareInput(c, 0));
  c.set_output(0, a.batch.Concatenate(MatrixOf(a.size, a.size)));
  return absl::OkStatus();
}

// Input 0: square matrices, input 1: right sides of as many rows. `broadcast`: leading dimensions
// follow numpy's rule; else they are equal.
absl::Status SolveShape(ShapeContext& c, bool broadcast) {
  WEFT_ASSIGN_OR_RETURN(const SquareStack a, SquareInput(c, 0));
  WEFT_ASSIGN_OR_RETURN(const PartialShape b, c.WithRankAtLeast(c.input(1), 2));
  WEFT_ASSIGN_OR_RETURN(const int64_t rows, c.MergeDim(a.size, b.dim(-2)));
  PartialShape batch;
  if (broadcast) {
    WEFT_ASSIGN_OR_RETURN(batch, shape::BroadcastShapes(a.batch, BatchDims(b)));
  } else {
    WEFT_ASSIGN_OR_RETURN(batch, c.Merge(a.batch, BatchDims(b)));
  }
  c.set_output(0, batch.Concatenate(MatrixOf(rows, b.dim(-1))));
  return absl::OkStatus();
}

absl::Status QrShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(const PartialShape a, c.WithRankAtLeast(c.input(0), 2));
  const int64_t m = a.dim(-2), n = a.dim(-1);
  int64_t inner = m;
  if (!c.Attr<bool>("full_matrices")) {
    const bool known = (m >= 0 && n >= 0) || m == 0 || n == 0;
    inner = known ? (m < 0 || n < 0 ? 0 : std::min(m, n)) : -1;
  }
  c.set_output(0, BatchDims(a).Concatenate(MatrixOf(m, inner)));
  c.set_output(1, BatchDims(a).Concatenate(MatrixOf(inner, n)));
  return absl::OkStatus();
}

// An identity matrix for each of the square matrices of `a`.
Tensor IdentityLike(GradientContext& g, Tensor a) {
  return SetDiagonal(g, g.ZerosLike(a), g.OnesLike(DiagonalOf(g, a)));
}

// Of x a = b: dx = a^-H db, da = -dx b^H; `solve` is the op.
struct SolveGradients {
  Tensor matrix, rhs;
};
SolveGradients GradientsOfSolve(GradientContext& g, const char* op, AttrList attrs) {
  const bool adjoint = g.Attr<bool>("adjoint");
  const Tensor x = g.output(0);
  SolveGradients d;
  d.rhs = g.Op(op, {g.input(0), g.dy(0)}, attrs);
  d.matrix = g.Neg(adjoint ? AdjointProduct(g, x, d.rhs, false, true)
                           : AdjointProduct(g, d.rhs, x, false, true));
  return d;
}
void MatrixSolveGradient(GradientContext& g) {
  const SolveGradients d =
      GradientsOfSolve(g, "MatrixSolve", {{"adjoint", !g.Attr<bool>("adjoint")}});
  g.SetDx(0, d.matrix);
  g.SetDx(1, d.rhs);
}
void TriangularSolveGradient(GradientContext& g) {
  const bool lower = g.Attr<bool>("lower");
  const SolveGradients d = GradientsOfSolve(
      g, "MatrixTriangularSolve", {{"lower", lower}, {"adjoint", !g.Attr<bool>("adjoint")}});
  SetBroadcastBatchDx(g, TriangleOf(g, d.matrix, lower), d.rhs);
}

void InverseGradient(GradientContext& g) {
  const bool adjoint = g.Attr<bool>("adjoint");
  const Tensor inverse = g.output(0);
  const Tensor inner = AdjointProduct(g, g.dy(0), inverse, adjoint, !adjoint);
  g.SetDx(0, g.Neg(AdjointProduct(g, inverse, inner, !adjoint, false)));
}

// da = L^-H (Phi(L^H dL)) L^-1, made Hermitian; Phi takes the lower triangle with half the diagonal
// (Murray, "Differentiation of the Cholesky decomposition", 2016).
void CholeskyGradient(GradientContext& g) {
  const Tensor l = g.output(0);
  const Tensor inverse = g.Op("MatrixTriangularSolve", {l, IdentityLike(g, l)});
  Tensor middle = AdjointProduct(g, l, g.dy(0), true, false);
  const Tensor diagonal = DiagonalOf(g, middle);
  middle = SetDiagonal(g, middle, g.Mul(g.ConstLike(0.5, diagonal), diagonal));
  middle = TriangleOf(g, middle, true);
  const Tensor da =
      AdjointProduct(g, AdjointProduct(g, inverse, middle, true, false), inverse, false, false);
  const Tensor both = g.Add(da, AdjointOf(g, da));
  g.SetDx(0, g.Mul(both, g.ConstLike(0.5, both)));
}

// x r^-H for an upper triangular r.
Tensor DivideByAdjoint(GradientContext& g, Tensor x, Tensor r) {
  const Tensor solution =
      g.Op("MatrixTriangularSolve", {r, AdjointOf(g, x)}, {{"lower", false}, {"adjoint", false}});
  return AdjointOf(g, solution);
}

// For at least as many rows as columns (Roberts and Roberts, "QR and LQ decomposition matrix
// backpropagation algorithms for square, wide, and deep matrices", 2020).
Tensor DeepQrGradient(GradientContext& g, Tensor q, Tensor r, Tensor dq, Tensor dr) {
  const Tensor qdq = AdjointProduct(g, q, dq, true, false);
  const Tensor skew_q = g.Sub(qdq, AdjointOf(g, qdq));
  const Tensor rdr = AdjointProduct(g, r, dr, false, true);
  const Tensor skew_r = g.Sub(rdr, AdjointOf(g, rdr));
  const Tensor lower = TriangleOf(g, g.Add(skew_q, skew_r), true);
  const Tensor inside = g.Add(dr, DivideByAdjoint(g, lower, r));
  const Tensor along = AdjointProduct(g, q, inside, false, false);
  const Tensor rest = g.Sub(dq, AdjointProduct(g, q, qdq, false, false));
  const Tensor sum = g.Add(along, DivideByAdjoint(g, rest, r));
  if (!IsComplex(q.dtype())) return sum;
  // R's diagonal is real: what the formula says of its imaginary part is taken out.
  const Tensor m = g.Sub(rdr, AdjointOf(g, qdq));
  const Tensor diagonal = SetDiagonal(g, g.ZerosLike(m), DiagonalOf(g, m));
  const DataType real = q.dtype() == kComplex64 ? kFloat32 : kFloat64;
  const Tensor real_part = g.Cast(g.Op("Real", {diagonal}, {{"Tout", real}}), q.dtype());
  const Tensor correction = g.Sub(diagonal, real_part);
  const Tensor product = AdjointProduct(g, q, AdjointOf(g, correction), false, false);
  return g.Add(sum, DivideByAdjoint(g, product, r));
}

// a[..., :, :n] or a[..., :, n:].
Tensor Columns(GradientContext& g, Tensor a, int64_t n, bool first) {
  const auto end = static_cast<int32_t>(n);
  const Tensor begin = g.ConstInts({0, 0, first ? 0 : end}, "strided_slice/stack"),
               stop = g.ConstInts({0, 0, first ? end : 0}, "strided_slice/stack_1"),
               step = g.ConstInts({1, 1, 1}, "strided_slice/stack_2");
  return g.Op("StridedSlice", {a, begin, stop, step},
              {{"begin_mask", first ? 6 : 2}, {"end_mask", first ? 2 : 6}, {"ellipsis_mask", 1}},
              "strided_slice");
}

void QrGradient(GradientContext& g) {
  const Tensor q = g.output(0), r = g.output(1);
  const int64_t rows = q.shape().dim(-2), columns = r.shape().dim(-1);
  if (rows < 0 || columns < 0)
    return g.Fail(absl::UnimplementedError(
        StrCat("the gradient of Qr needs known numbers of rows and columns; r has the shape ",
               r.shape().ToString())));
  if (rows > columns && g.Attr<bool>("full_matrices"))
    return g.Fail(absl::UnimplementedError(
        StrCat("there is no gradient of Qr with full_matrices for more rows (", rows,
               ") than columns (", columns, ")")));
  const Tensor dq = g.dy(0), dr = g.dy(1);
  if (rows >= columns) return g.SetDx(0, DeepQrGradient(g, q, r, dq, dr));
  // a = [x, y] and r = [u, v], x and u square: x = q u, y = q v.
  const Tensor y = Columns(g, g.input(0), rows, false), u = Columns(g, r, rows, true);
  const Tensor dv = Columns(g, dr, rows, false), du = Columns(g, dr, rows, true);
  const Tensor dy = AdjointProduct(g, q, dv, false, false);
  const Tensor dq_all = g.Add(dq, AdjointProduct(g, y, dv, false, true));
  const Tensor dx = DeepQrGradient(g, q, u, dq_all, du);
  g.SetDx(0, g.Op("ConcatV2", {dx, dy, g.ConstInt(-1)}, {}, "concat"));
}

}  // namespace

void RegisterLinalgOps(OpRegistry& ops) {
  ops.Add("Qr")
      .Summary("Unitary q and upper triangular r with a = q r, by Householder reflections.")
      .Input("input: T")
      .Output("q: T")
      .Output("r: T")
      .Attr("full_matrices: bool = false")
      .Attr(kMatrixTypes)
      .Shape(QrShape)
      .Gradient(QrGradient);
  ops.Add("Cholesky")
      .Summary("Lower triangular l with a = l l^H, of Hermitian positive definite matrices.")
      .Input("input: T")
      .Output("output: T")
      .Attr(kMatrixTypes)
      .Shape(SameSquareShape)
      .Gradient(CholeskyGradient);
  ops.Add("MatrixInverse")
      .Summary("The inverses of matrices, or of their adjoints.")
      .Input("input: T")
      .Output("output: T")
      .Attr("adjoint: bool = false")
      .Attr(kMatrixTypes)
      .Shape(SameSquareShape)
      .Gradient(InverseGradient);
  ops.Add("MatrixSolve")
      .Summary("x with a x = rhs, or a^H x = rhs.")
      .Input("matrix: T")
      .Input("rhs: T")
      .Output("output: T")
      .Attr("adjoint: bool = false")
      .Attr(kMatrixTypes)
      .Shape([](ShapeContext& c) { return SolveShape(c, false); })
      .Gradient(MatrixSolveGradient);
  ops.Add("MatrixTriangularSolve")
      .Summary("x with a x = rhs, or a^H x = rhs, where only one triangle of a is looked at.")
      .Input("matrix: T")
      .Input("rhs: T")
      .Output("output: T")
      .Attr("lower: bool = true")
      .Attr("adjoint: bool = false")
      .Attr("T: {bfloat16, double, float, half, complex64, complex128}")
      .Shape([](ShapeContext& c) { return SolveShape(c, true); })
      .Gradient(TriangularSolveGradient);
  // The names that graphs of producers before version 13 have; they took stacks, the others did
  // not.
  ops.Add("BatchCholesky")
      .Summary("Cholesky's old name.")
      .Input("input: T")
      .Output("output: T")
      .Attr("T: {double, float}")
      .Shape(SameSquareShape);
  ops.Add("BatchMatrixInverse")
      .Summary("MatrixInverse's old name.")
      .Input("input: T")
      .Output("output: T")
      .Attr("adjoint: bool = false")
      .Attr("T: {double, float}")
      .Shape(SameSquareShape);
  ops.Add("BatchMatrixSolve")
      .Summary("MatrixSolve's old name.")
      .Input("matrix: T")
      .Input("rhs: T")
      .Output("output: T")
      .Attr("adjoint: bool = false")
      .Attr("T: {double, float}")
      .Shape([](ShapeContext& c) { return SolveShape(c, false); });
  ops.Add("BatchMatrixTriangularSolve")
      .Summary("MatrixTriangularSolve's old name.")
      .Input("matrix: T")
      .Input("rhs: T")
      .Output("output: T")
      .Attr("lower: bool = true")
      .Attr("adjoint: bool = false")
      .Attr("T: {double, float}")
      .Shape([](ShapeContext& c) { return SolveShape(c, true); });
  RegisterDecompositionOps(ops);
  RegisterDeterminantOps(ops);
  RegisterLeastSquaresOps(ops);
  RegisterMatrixFunctionOps(ops);
}

}  // namespace weft
