// SPDX-License-Identifier: Apache-2.0
// Eigenvalues, singular values, LU factors, of stacks of matrices.
// kernels: kernels/cpu/linalg_decompose.cc   test: tests/ops/linalg_decompose_test.cc
#include <algorithm>
#include <string>
#include <vector>

#include "src/core/strings.h"
#include "src/ops/linalg.h"
#include "src/ops/matmul.h"

namespace weft {
namespace {

absl::Status EigShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(const PartialShape a, c.WithRankAtLeast(c.input(0), 2));
  WEFT_ASSIGN_OR_RETURN(const int64_t n, c.MergeDim(a.dim(-2), a.dim(-1)));
  c.set_output(0, BatchDims(a).Concatenate(PartialShape::Vector(n)));
  c.set_output(1, c.Attr<bool>("compute_v") ? BatchDims(a).Concatenate(MatrixOf(n, n))
                                            : PartialShape::Vector(0));
  return absl::OkStatus();
}

int64_t Lesser(int64_t m, int64_t n) {
  if (m == 0 || n == 0) return 0;
  return m < 0 || n < 0 ? kUnknownDim : std::min(m, n);
}

absl::Status SvdShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(const PartialShape a, c.WithRankAtLeast(c.input(0), 2));
  const int64_t m = a.dim(-2), n = a.dim(-1), p = Lesser(m, n);
  const PartialShape batch = BatchDims(a);
  c.set_output(0, batch.Concatenate(PartialShape::Vector(p)));
  if (!c.Attr<bool>("compute_uv")) {
    c.set_output(1, PartialShape::Vector(0));
    c.set_output(2, PartialShape::Vector(0));
    return absl::OkStatus();
  }
  const bool full = c.Attr<bool>("full_matrices");
  c.set_output(1, batch.Concatenate(MatrixOf(m, full ? m : p)));
  c.set_output(2, batch.Concatenate(MatrixOf(n, full ? n : p)));
  return absl::OkStatus();
}

absl::Status LuShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(const PartialShape a, c.WithRankAtLeast(c.input(0), 2));
  WEFT_ASSIGN_OR_RETURN(const int64_t n, c.MergeDim(a.dim(-2), a.dim(-1)));
  c.set_output(0, BatchDims(a).Concatenate(MatrixOf(n, n)));
  c.set_output(1, BatchDims(a).Concatenate(PartialShape::Vector(n)));
  return absl::OkStatus();
}

// ---- gradients ----

Tensor DiagonalMatrix(GradientContext& g, Tensor diagonal) {
  const Tensor k = g.ConstInt(0), size = g.ConstInt(-1), padding = g.ConstOf(diagonal.dtype(), 0);
  return g.Op("MatrixDiagV3", {diagonal, k, size, size, padding}, {}, "MatrixDiag");
}

// 1 / x, and 0 where x is 0.
Tensor SafeReciprocal(GradientContext& g, Tensor x) {
  return g.Mul(x, g.Op("Reciprocal", {g.Add(g.Mul(x, x), g.ConstLike(1e-20, x))}));
}

// The matrix of 1 / (x_j - x_i), 0 on the diagonal.
Tensor ReciprocalDifferences(GradientContext& g, Tensor x) {
  const Tensor rows = g.Op("ExpandDims", {x, g.ConstInt(-2)}),
               columns = g.Op("ExpandDims", {x, g.ConstInt(-1)});
  return SetDiagonal(g, SafeReciprocal(g, g.Sub(rows, columns)), g.ZerosLike(x));
}

Tensor Product(GradientContext& g, Tensor a, Tensor b, bool adjoint_a = false,
               bool adjoint_b = false) {
  return AdjointProduct(g, a, b, adjoint_a, adjoint_b);
}

// da = v (diag(de) + f o v^H dv) v^H, f_ij = 1 / (e_j - e_i) (Giles, "Collected matrix derivative
// results for forward and reverse mode algorithmic differentiation", 2008). The op reads the lower
// triangle, so the gradient is put there.
void EigGradient(GradientContext& g) {
  const bool has_v = g.Attr<bool>("compute_v");
  Tensor v, inner = DiagonalMatrix(g, g.dy(0));
  if (has_v) {
    v = g.output(1);
    const Tensor f = ReciprocalDifferences(g, g.output(0));
    inner = g.Add(inner, g.Mul(f, Product(g, v, g.dy(1), true)));
  } else {
    const std::vector<Tensor> eig = g.Ops("SelfAdjointEigV2", {g.input(0)}, {{"compute_v", true}});
    if (!g.ok()) return;
    v = eig[1];
  }
  const Tensor da = Product(g, v, Product(g, inner, v, false, true));
  const Tensor both = TriangleOf(g, g.Add(da, AdjointOf(g, da)), true);
  const Tensor diagonal = DiagonalOf(g, both);
  g.SetDx(0, SetDiagonal(g, both, g.Mul(g.ConstLike(0.5, diagonal), diagonal)));
}

// da = v^-H (diag(de) + conj(f) o (v^H dv - v^H v diag(Re(v^H dv)))) v^H, f_ij = 1 / (e_j - e_i)
// (Boeddeker et al., "On the computation of complex-valued gradients with application to
// statistically optimum beamforming", 2017, 4.77).
void GeneralEigGradient(GradientContext& g) {
  Tensor v, inner = DiagonalMatrix(g, g.dy(0));
  if (g.Attr<bool>("compute_v")) {
    v = g.output(1);
    const Tensor f = g.Conj(ReciprocalDifferences(g, g.output(0)));
    const Tensor vdv = Product(g, v, g.dy(1), true);
    const DataType real = v.dtype() == kComplex64 ? kFloat32 : kFloat64;
    const Tensor diagonal = g.Cast(g.Op("Real", {DiagonalOf(g, vdv)}, {{"Tout", real}}), v.dtype());
    const Tensor along = Product(g, Product(g, v, v, true), DiagonalMatrix(g, diagonal));
    inner = g.Add(inner, g.Mul(f, g.Sub(vdv, along)));
  } else {
    const std::vector<Tensor> eig =
        g.Ops("Eig", {g.input(0)}, {{"compute_v", true}, {"Tout", g.attr("Tout")}});
    if (!g.ok()) return;
    v = eig[1];
  }
  const Tensor adjoint = AdjointOf(g, v);
  const Tensor da = g.Op("MatrixSolve", {adjoint, Product(g, inner, adjoint)});
  const Tensor x = g.input(0);
  g.SetDx(0, IsComplex(x.dtype()) ? da : g.Op("Real", {da}, {{"Tout", x.dtype()}}));
}

// x with its columns divided by the singular values.
Tensor DivideColumns(GradientContext& g, Tensor x, Tensor s) {
  return g.Mul(x, g.Op("ExpandDims", {SafeReciprocal(g, s), g.ConstInt(-2)}));
}

// Townsend, "Differentiating the singular value decomposition", 2016: with f_ij = 1 / (s_j^2 -
// s_i^2)
//   da = u (f o (u^T du - du^T u) s + s f o (v^T dv - dv^T v) + ds) v^T
//        + (1 - u u^T) du s^-1 v^T + u s^-1 dv^T (1 - v v^T).
void SvdGradient(GradientContext& g) {
  Tensor s = g.output(0);
  if (!g.Attr<bool>("compute_uv")) {
    const std::vector<Tensor> svd =
        g.Ops("Svd", {g.input(0)}, {{"compute_uv", true}, {"full_matrices", false}});
    if (!g.ok()) return;
    const Tensor left = Product(g, svd[1], DiagonalMatrix(g, g.dy(0)));
    return g.SetDx(0, Product(g, left, svd[2], false, true));
  }
  if (IsComplex(s.dtype())) {
    return g.Fail(absl::UnimplementedError(
        "there is no gradient of Svd with u and v for complex matrices: their phases are free"));
  }
  const PartialShape in = g.input(0).shape();
  if (g.Attr<bool>("full_matrices") && (in.dim(-1) < 0 || in.dim(-1) != in.dim(-2))) {
    return g.Fail(absl::UnimplementedError(StrCat(
        "the gradient of Svd with full_matrices needs square matrices, not ", in.ToString())));
  }
  const Tensor u = g.output(1), v = g.output(2), du = g.dy(1), dv = g.dy(2);
  const Tensor f = ReciprocalDifferences(g, g.Mul(s, s));
  const Tensor udu = Product(g, u, du, true), vdv = Product(g, v, dv, true);
  const Tensor as_row = g.Op("ExpandDims", {s, g.ConstInt(-2)}),
               as_column = g.Op("ExpandDims", {s, g.ConstInt(-1)});
  const Tensor of_u = g.Mul(g.Mul(f, g.Sub(udu, AdjointOf(g, udu))), as_row);
  const Tensor of_v = g.Mul(as_column, g.Mul(f, g.Sub(vdv, AdjointOf(g, vdv))));
  const Tensor core = g.Add(g.Add(of_u, of_v), DiagonalMatrix(g, g.dy(0)));
  const Tensor off_u = DivideColumns(g, g.Sub(du, Product(g, u, udu)), s);
  const Tensor off_v = DivideColumns(g, g.Sub(dv, Product(g, v, vdv)), s);
  const Tensor left = g.Add(Product(g, u, core), off_u);
  g.SetDx(0, g.Add(Product(g, left, v, false, true), Product(g, u, off_v, false, true)));
}

// With a[p] = l u: da = p^T l^-H (tril(l^H dl, -1) + triu(du u^H)) u^-H, where dl and du are the
// strictly lower and the upper triangle of dy.
void LuGradient(GradientContext& g) {
  const Tensor lu = g.output(0), dy = g.dy(0);
  const Tensor diagonal = DiagonalOf(g, lu), zeros = g.ZerosLike(diagonal);
  const Tensor l = SetDiagonal(g, TriangleOf(g, lu, true), g.OnesLike(diagonal));
  const Tensor u = TriangleOf(g, lu, false);
  const Tensor dl = SetDiagonal(g, TriangleOf(g, dy, true), zeros);
  const Tensor du = TriangleOf(g, dy, false);
  const Tensor lower = SetDiagonal(g, TriangleOf(g, Product(g, l, dl, true), true), zeros);
  const Tensor upper = TriangleOf(g, Product(g, du, u, false, true), false);
  const Tensor left =
      g.Op("MatrixTriangularSolve", {l, g.Add(lower, upper)}, {{"lower", true}, {"adjoint", true}});
  const Tensor both = AdjointOf(g, g.Op("MatrixTriangularSolve", {u, AdjointOf(g, left)},
                                        {{"lower", false}, {"adjoint", false}}));
  const Tensor size =
      g.Op("StridedSlice", {g.Shape(lu), g.ConstInts({-1}), g.ConstInts({0}), g.ConstInts({1})},
           {{"shrink_axis_mask", int64_t{1}}}, "strided_slice");
  const Tensor permutation =
      g.Op("OneHot", {g.output(1), size, g.ConstOf(lu.dtype(), 1), g.ConstOf(lu.dtype(), 0)});
  g.SetDx(0, Product(g, permutation, both, true));
}

}  // namespace

void RegisterDecompositionOps(OpRegistry& ops) {
  ops.Add("SelfAdjointEigV2")
      .Summary("Ascending eigenvalues, and eigenvectors as columns, of Hermitian matrices.")
      .Input("input: T")
      .Output("e: T")
      .Output("v: T")
      .Attr("compute_v: bool = true")
      .Attr("T: {double, float, half, complex64, complex128}")
      .Shape(EigShape)
      .Gradient(EigGradient);
  ops.Add("Eig")
      .Summary("Eigenvalues, and eigenvectors of length 1 as columns, of square matrices.")
      .Input("input: T")
      .Output("e: Tout")
      .Output("v: Tout")
      .Attr("compute_v: bool = true")
      .Attr("T: {float, double, complex64, complex128}")
      .Attr("Tout: {complex64, complex128}")
      .Shape(EigShape)
      .Gradient(GeneralEigGradient);
  ops.Add("Svd")
      .Summary("Descending singular values s, and u and v with a = u diag(s) v^H.")
      .Input("input: T")
      .Output("s: T")
      .Output("u: T")
      .Output("v: T")
      .Attr("compute_uv: bool = true")
      .Attr("full_matrices: bool = false")
      .Attr("T: {double, float, half, complex64, complex128}")
      .Shape(SvdShape)
      .Gradient(SvdGradient);
  ops.Add("BatchSelfAdjointEigV2")
      .Summary("SelfAdjointEigV2's old name.")
      .Input("input: T")
      .Output("e: T")
      .Output("v: T")
      .Attr("compute_v: bool = true")
      .Attr("T: {double, float}")
      .Shape(EigShape);
  ops.Add("BatchSvd")
      .Summary("Svd's old name.")
      .Input("input: T")
      .Output("s: T")
      .Output("u: T")
      .Output("v: T")
      .Attr("compute_uv: bool = true")
      .Attr("full_matrices: bool = false")
      .Attr("T: {double, float, complex64, complex128}")
      .Shape(SvdShape);
  ops.Add("Lu")
      .Summary("Triangular factors of square matrices, packed in one, and the order of the rows.")
      .Input("input: T")
      .Output("lu: T")
      .Output("p: output_idx_type")
      .Attr("output_idx_type: {int32, int64} = DT_INT32")
      .Attr("T: {double, float, half, complex64, complex128}")
      .Shape(LuShape)
      .Gradient(LuGradient);
}

}  // namespace weft
