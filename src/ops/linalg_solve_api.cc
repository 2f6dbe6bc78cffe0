// SPDX-License-Identifier: Apache-2.0
// Solutions by factors, least squares, tridiagonal systems.
#include <algorithm>

#include "src/core/strings.h"
#include "src/ops/linalg_api.h"
#include "src/ops/op_scope.h"
#include "src/ops/operators.h"
#include "weft/core/error.h"
#include "weft/ops/control_flow.h"
#include "weft/ops/linalg_functions.h"
#include "weft/ops/logical.h"

namespace weft::linalg {
namespace {

using internal::PartOf;

// The lower triangle of packed factors, with ones on its diagonal.
Tensor UnitLower(const Tensor& packed) {
  const Tensor lower = MatrixBandPart(packed, -1, 0);
  const Tensor sizes = PartOf(ShapeOf(packed), 0, -1, "begin_mask");
  return MatrixSetDiag(lower, Ones(sizes, packed.dtype()));
}

bool IsMatrixAndVector(const Tensor& matrix, const Tensor& vector) {
  return matrix.shape().known_rank() && vector.shape().known_rank() && matrix.shape().rank() == 2 &&
         vector.shape().rank() == 1;
}

// 0, 1, ... count - 1 as rows [count, columns] of equal numbers.
Tensor RowNumbers(const Tensor& count, const Tensor& columns) {
  const Tensor column = internal::Indexed(
      Range(count),
      {{{0, 0}, {0, 0}, {1, 1}}, {{"begin_mask", 1}, {"end_mask", 1}, {"new_axis_mask", 2}}});
  return BroadcastTo(column, IntList({count, columns}));
}

// Row i of each matrix of rhs becomes its row perm[i]; stacks are broadcast.
Tensor PermutedRows(const Tensor& rhs, const Tensor& perm) {
  if (IsMatrixAndVector(rhs, perm)) return Gather(rhs, perm, {.axis = -2});
  const Tensor sizes = ShapeOf(rhs);
  const Tensor own = PartOf(sizes, 0, -2, "begin_mask");
  const Tensor batch = OpBuilder("BroadcastArgs", NameOptions())
                           .In(own)
                           .In(PartOf(ShapeOf(perm), 0, -1, "begin_mask"))
                           .Output();
  const Tensor rows = PartOf(sizes, -2, -1, "shrink_axis_mask"),
               columns = PartOf(sizes, -1, 0, "shrink_axis_mask");
  const Tensor whole = internal::ConcatSizes(batch, {rows, columns});
  const Tensor all = Reshape(BroadcastTo(rhs, whole), IntList({-1, rows, columns}));
  const Tensor orders =
      Reshape(BroadcastTo(perm, PartOf(whole, 0, -1, "begin_mask")), IntList({-1, rows}));
  const Tensor count = ReduceProd(batch);
  const Tensor places = Stack({RowNumbers(count, rows), orders}, {.axis = -1});
  return Reshape(GatherNd(all, places), whole);
}

void CheckFactors(const Tensor& lu, const Tensor& perm) {
  const PartialShape &a = lu.shape(), &p = perm.shape();
  if (!a.known_rank()) return;
  if (a.rank() < 2) {
    ThrowError(Code::kInvalidArgument, "Input `lower_upper` must have at least 2 dimensions.");
  }
  if (p.known_rank() && a.rank() != p.rank() + 1)
    ThrowError(Code::kInvalidArgument, "`rank(lower_upper)` must equal `rank(perm) + 1`");
  if (a.dim(-1) >= 0 && a.dim(-2) >= 0 && a.dim(-1) != a.dim(-2))
    ThrowError(Code::kInvalidArgument, "`lower_upper` must be square.");
}

}  // namespace

Tensor CholeskySolve(const Input& chol, const Input& rhs, const NameOptions& o) {
  const OpScope scope(o.name, "cholesky_solve", {&chol, &rhs});
  const auto solve = [&](const Input& b, bool adjoint) {
    return OpBuilder("MatrixTriangularSolve", NameOptions())
        .In(chol)
        .In(b)
        .Attr("lower", true)
        .Attr("adjoint", adjoint)
        .Output();
  };
  return solve(solve(rhs, false), true);
}

Tensor BandedTriangularSolve(const Input& bands, const Input& rhs,
                             const TriangularSolveOptions& o) {
  const OpScope scope(o.name, "banded_triangular_solve", {&bands, &rhs});
  return OpBuilder("BandedTriangularSolve", NameOptions())
      .In(bands)
      .In(rhs)
      .Attr("lower", o.lower)
      .Attr("adjoint", o.adjoint)
      .Output();
}

// ---- Least squares
// --------------------------------------------------------------------------------------

namespace {

// Cholesky's factor of a^H a or a a^H, plus a multiple of 1.
Tensor GramFactor(const Tensor& a, double regularizer, bool columns) {
  Tensor gram = MatMul(a, a, {.adjoint_a = columns, .adjoint_b = !columns});
  if (regularizer != 0) {
    const Tensor sizes = ShapeOf(a);
    const Tensor batch = PartOf(sizes, 0, -2, "begin_mask");
    const Tensor n = columns ? PartOf(sizes, -1, 0, "shrink_axis_mask")
                             : PartOf(sizes, -2, -1, "shrink_axis_mask");
    gram = internal::Plus(gram, internal::Times(regularizer, internal::EyeOf(n, batch, a.dtype())));
  }
  return OpBuilder("Cholesky", NameOptions()).In(gram).Output();
}

Tensor Overdetermined(const Tensor& a, const Input& rhs, double regularizer) {
  const Tensor factor = GramFactor(a, regularizer, true);
  return CholeskySolve(factor, MatMul(a, rhs, {.adjoint_a = true}));
}
Tensor Underdetermined(const Tensor& a, const Input& rhs, double regularizer) {
  const Tensor factor = GramFactor(a, regularizer, false);
  return MatMul(a, CholeskySolve(factor, rhs), {.adjoint_a = true});
}

// Many small matrices, so large together that they leave the cache, are better solved one by one.
bool IsManySmall(const Tensor& a) {
  constexpr int64_t kCache = 256000;  // bytes
  const PartialShape& s = a.shape();
  if (!s.IsFullyKnown()) return false;
  const int64_t side = std::min(s.dim(-1), s.dim(-2)), elements = s.num_elements();
  const int64_t one = s.dim(-1) * s.dim(-2), count = one == 0 ? 0 : elements / one;
  return elements * static_cast<int64_t>(DTypeSize(a.dtype())) > kCache && count > side;
}

}  // namespace

Tensor Lstsq(const Input& matrix, const Input& rhs, const LstsqOptions& o) {
  const GraphScope use(GraphOf({&matrix, &rhs}));
  const Tensor a = AsTensor(matrix, DtypeOf({&matrix, &rhs}), "matrix");
  if (a.dtype() == kComplex128 && o.l2_regularizer != 0) {
    ThrowError(
        Code::kUnimplemented,
        "matrix_solve_ls is currently disabled for complex128 and l2_regularizer != 0 due to "
        "poor accuracy.");
  }
  if (!o.fast || IsManySmall(a)) {
    return OpBuilder("MatrixSolveLs", o.name)
        .In(a)
        .In(rhs)
        .In(Array(o.l2_regularizer))
        .Attr("fast", o.fast)
        .Output();
  }
  const OpScope scope(o.name, "matrix_solve_ls", a.graph());
  const PartialShape& s = a.shape();
  if (s.known_rank() && s.rank() >= 2 && s.dim(-1) >= 0 && s.dim(-2) >= 0) {
    return s.dim(-2) >= s.dim(-1) ? Overdetermined(a, rhs, o.l2_regularizer)
                                  : Underdetermined(a, rhs, o.l2_regularizer);
  }
  const Tensor sizes = PartOf(ShapeOf(a), -2, 0, "end_mask");
  const Tensor rows = PartOf(sizes, -2, -1, "shrink_axis_mask"),
               columns = PartOf(sizes, -1, 0, "shrink_axis_mask");
  const Tensor is_tall = GreaterEqual(rows, columns);
  return Cond(
      is_tall, [&]() -> Input { return Overdetermined(a, rhs, o.l2_regularizer); },
      [&]() -> Input { return Underdetermined(a, rhs, o.l2_regularizer); });
}

// ---- By factors that Lu returns
// --------------------------------------------------------------------------------------

Tensor LuSolve(const Input& lower_upper, const Input& perm, const Input& rhs,
               const NameOptions& o) {
  const OpScope scope(o.name, "lu_solve", {&lower_upper, &perm, &rhs});
  const Tensor lu = AsTensor(lower_upper, kFloat32, "lower_upper"),
               order = AsTensor(perm, kInt32, "perm"), b = AsTensor(rhs, lu.dtype(), "rhs");
  CheckFactors(lu, order);
  const Tensor permuted = PermutedRows(b, order);
  return MatrixTriangularSolve(lu, MatrixTriangularSolve(UnitLower(lu), permuted),
                               {.lower = false});
}

Tensor LuMatrixInverse(const Input& lower_upper, const Input& perm, const NameOptions& o) {
  const OpScope scope(o.name, "lu_matrix_inverse", {&lower_upper, &perm});
  const Tensor lu = AsTensor(lower_upper, kFloat32, "lower_upper"),
               order = AsTensor(perm, kInt32, "perm");
  CheckFactors(lu, order);
  const Tensor sizes = ShapeOf(lu);
  const Tensor n = PartOf(sizes, -1, 0, "shrink_axis_mask"),
               batch = PartOf(sizes, 0, -2, "begin_mask");
  return LuSolve(lu, order, internal::EyeOf(n, batch, lu.dtype()));
}

Tensor LuReconstruct(const Input& lower_upper, const Input& perm, const NameOptions& o) {
  const OpScope scope(o.name, "lu_reconstruct", {&lower_upper, &perm});
  const Tensor lu = AsTensor(lower_upper, kFloat32, "lower_upper"),
               order = AsTensor(perm, kInt32, "perm");
  CheckFactors(lu, order);
  const Tensor sizes = ShapeOf(lu);
  const Tensor lower = MatrixBandPart(lu, -1, 0);
  const Tensor unit = MatrixSetDiag(lower, Ones(PartOf(sizes, 0, -1, "begin_mask"), lu.dtype()));
  const Tensor product = MatMul(unit, MatrixBandPart(lu, 0, -1));
  if (IsMatrixAndVector(lu, order)) return Gather(product, InvertPermutation(order));
  // Row i of the product is row perm[i] of the result.
  const Tensor count = ReduceProd(PartOf(sizes, 0, -2, "begin_mask")),
               n = PartOf(sizes, -1, 0, "shrink_axis_mask");
  const Tensor rows = Reshape(product, IntList({count, n, n})),
               orders = Reshape(order, IntList({count, n}));
  const Tensor places = Stack({RowNumbers(count, n), orders}, {.axis = -1});
  return Reshape(ScatterNd(places, rows, IntList({count, n, n})), sizes);
}

// ---- Tridiagonal matrices
// --------------------------------------------------------------------------------------

namespace {

// A diagonal in the middle of [..., 3, m].
Tensor RowOf(const Tensor& compact, int row) {
  return internal::Indexed(
      compact,
      {{{0, row, 0}, {0, row + 1, 0}, {1, 1, 1}},
       {{"ellipsis_mask", 1}, {"shrink_axis_mask", 2}, {"begin_mask", 4}, {"end_mask", 4}}});
}

// A diagonal of m - 1 elements with a zero before (1) or behind (0) them.
Input Padded(const Input& diagonal, const Tensor& main, bool before) {
  const Tensor t = AsTensor(diagonal, main.dtype());
  const PartialShape &own = t.shape(), &whole = main.shape();
  if (!own.known_rank() || !whole.known_rank() || own.rank() < 1 || whole.rank() < 1) return t;
  const int64_t n = own.dim(-1), m = whole.dim(-1);
  if (n < 0 || m < 0 || n == m) return t;
  if (n != m - 1) {
    ThrowError(Code::kInvalidArgument,
               StrCat("Expected ", before ? "subdiagonal" : "superdiagonal", " to have length ", m,
                      " or ", m - 1, ", got ", n, "."));
  }
  std::vector<int32_t> sizes(static_cast<size_t>(2 * own.rank()));
  sizes[sizes.size() - (before ? 2 : 1)] = 1;
  return Pad(t, Array::FromVector(sizes, Shape({own.rank(), 2})));
}

}  // namespace

Tensor CompactTridiagonals(const Input& matrix, const NameOptions& o) {
  return MatrixDiagPart(matrix, {.k = {-1, 1}, .align = "LEFT_RIGHT", .name = o.name});
}

Tensor TridiagonalMatmul(const Tridiagonals& d, const Input& rhs, const NameOptions& o) {
  const GraphScope use(GraphOf({&d.superdiag, &d.maindiag, &d.subdiag, &rhs}));
  const Tensor super = ExpandDims(d.superdiag, -2), main = ExpandDims(d.maindiag, -2),
               sub = ExpandDims(d.subdiag, -2);
  return OpBuilder("TridiagonalMatMul", o).In(super).In(main).In(sub).In(rhs).Output();
}

Tensor TridiagonalMatmul(const Input& diagonals, const Input& rhs, const NameOptions& o) {
  const GraphScope use(GraphOf({&diagonals, &rhs}));
  const Tensor all = AsTensor(diagonals, DtypeOf({&diagonals, &rhs}));
  const Tensor super = RowOf(all, 0), main = RowOf(all, 1), sub = RowOf(all, 2);
  return TridiagonalMatmul(Tridiagonals{super, main, sub}, rhs, o);
}

Tensor TridiagonalSolve(const Tridiagonals& d, const Input& rhs, const TridiagonalSolveOptions& o) {
  const GraphScope use(GraphOf({&d.superdiag, &d.maindiag, &d.subdiag, &rhs}));
  const Tensor main = AsTensor(d.maindiag, DtypeOf({&d.maindiag, &rhs}));
  const Input sub = Padded(d.subdiag, main, true), super = Padded(d.superdiag, main, false);
  return weft::TridiagonalSolve(Stack({super, main, sub}, {.axis = -2}), rhs, o);
}

}  // namespace weft::linalg
