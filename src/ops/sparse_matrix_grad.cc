// SPDX-License-Identifier: Apache-2.0
// Gradients of sparse matrices. The gradient of a sparse matrix is a sparse matrix with elements
// where the matrix itself has some: elsewhere it is constantly 0.
#include <cstdint>
#include <limits>
#include <vector>

#include "src/ops/array_nodes.h"
#include "src/ops/sparse_matrix.h"

namespace weft {
namespace {

// The parts of a matrix, as a sparse tensor.
struct MatrixParts {
  Tensor indices, values, shape;
};
MatrixParts PartsOf(GradientContext& g, Tensor matrix, DataType dtype) {
  const std::vector<Tensor> parts =
      g.Ops("CSRSparseMatrixToSparseTensor", {matrix}, {{"type", dtype}});
  return {parts[0], parts[1], parts[2]};
}

Tensor FromParts(GradientContext& g, const MatrixParts& parts) {
  return g.Op("SparseTensorToCSRSparseMatrix", {parts.indices, parts.values, parts.shape});
}

// The number of each index in the row-major order of all elements.
Tensor RowMajorNumbers(GradientContext& g, Tensor indices, Tensor shape) {
  const Tensor minus_one = ConstVector(g, kInt64, {-1});
  const Tensor numbers = g.Op("SparseReshape", {indices, shape, minus_one});
  return g.Op("Reshape", {numbers, g.ConstInts({-1})});
}

// The matrix's values at these indices, 0 where it has no element.
Tensor ValuesAt(GradientContext& g, Tensor matrix, Tensor indices, DataType dtype) {
  const MatrixParts parts = PartsOf(g, matrix, dtype);
  // One more element of value 0, behind all others, is found where a number lies behind them.
  const Tensor behind = ConstVector(g, kInt64, {std::numeric_limits<int64_t>::max()});
  const Tensor axis = g.ConstInt(0, "concat/axis"), row = g.ConstInts({1, -1});
  const Tensor zero = g.Reshape(g.ConstOf(dtype, 0), g.ConstInts({1}));
  const Tensor numbers =
                   g.Op("ConcatV2", {RowMajorNumbers(g, parts.indices, parts.shape), behind, axis}),
               values = g.Op("ConcatV2", {parts.values, zero, axis});
  const Tensor wanted = RowMajorNumbers(g, indices, parts.shape);
  const Tensor found =
      g.Op("LowerBound", {g.Reshape(numbers, row), g.Reshape(wanted, row)}, {{"out_type", kInt64}});
  const Tensor places = g.Reshape(found, g.ConstInts({-1}));
  const Tensor there = g.Op("Equal", {g.Op("GatherV2", {numbers, places, axis}), wanted});
  const Tensor picked = g.Op("GatherV2", {values, places, axis});
  return g.Op("Select", {there, picked, g.ZerosLike(picked)});
}

// `matrix` at the places of `like`.
Tensor AtPlacesOf(GradientContext& g, Tensor matrix, Tensor like, DataType dtype) {
  MatrixParts parts = PartsOf(g, like, dtype);
  parts.values = ValuesAt(g, matrix, parts.indices, dtype);
  return FromParts(g, parts);
}

// ---- Products: C = op(A) op(B), op(X) = X, X^T or X^H
// ---------------------------------------------------------------------------------------------------

// A matrix, seen through a transposition, a conjugation or both.
struct SeenMatrix {
  Tensor matrix;
  bool transposed, conjugated;
};
SeenMatrix TransposeSeen(const SeenMatrix& s) { return {s.matrix, !s.transposed, s.conjugated}; }
SeenMatrix AdjointSeen(const SeenMatrix& s) { return {s.matrix, !s.transposed, !s.conjugated}; }

// How an operand of the op was turned.
struct MatrixTurn {
  bool transpose, adjoint;

  bool any() const { return transpose || adjoint; }
  // op is its own inverse.
  SeenMatrix operator()(const SeenMatrix& s) const {
    if (adjoint) return AdjointSeen(s);
    return transpose ? TransposeSeen(s) : s;
  }
};
MatrixTurn MatrixTurnOf(const GradientContext& g, bool of_a) {
  return {g.Attr<bool>(of_a ? "transpose_a" : "transpose_b"),
          g.Attr<bool>(of_a ? "adjoint_a" : "adjoint_b")};
}

// The matrix whose transpose, adjoint or self is meant: products can't conjugate without a turn.
Tensor ConjugatedSeen(GradientContext& g, const SeenMatrix& s) {
  return s.conjugated && !s.transposed ? g.Op("Conj", {s.matrix}) : s.matrix;
}

Tensor ProductOfSeen(GradientContext& g, const SeenMatrix& a, const SeenMatrix& b,
                     const AttrValue& dtype) {
  return g.Op("SparseMatrixSparseMatMul", {ConjugatedSeen(g, a), ConjugatedSeen(g, b)},
              {{"type", dtype},
               {"transpose_a", a.transposed && !a.conjugated},
               {"adjoint_a", a.transposed && a.conjugated},
               {"transpose_b", b.transposed && !b.conjugated},
               {"adjoint_b", b.transposed && b.conjugated}});
}

Tensor TransposeDenseMatrix(GradientContext& g, Tensor x, bool stack) {
  const std::vector<int32_t> order =
      stack ? std::vector<int32_t>{0, 2, 1} : std::vector<int32_t>{1, 0};
  return g.Op("Transpose", {x, g.ConstInts(order, "transpose/perm")}, {}, "transpose");
}

// With P = op(A), Q = op(B) of shape [k, n] and D the gradient of P Q, of shape [m, n], that of P
// is D Q^H, whose element (i, j) is the sum over rows i of D and j of conj(Q). Only the elements
// that A has are computed.
Tensor DenseProductDa(GradientContext& g, Tensor d, const MatrixTurn& turn_a,
                      const MatrixTurn& turn_b) {
  const Tensor a = g.input(0), b = g.input(1);
  if (!b.shape().known_rank() && !d.shape().known_rank()) {
    g.Fail(absl::InvalidArgumentError(
        "the gradient of SparseMatrixMatMul needs an operand b of known rank"));
    return {};
  }
  const bool stack = (b.shape().known_rank() ? b : d).shape().rank() == 3;
  const std::vector<int32_t> rows = stack ? std::vector<int32_t>{0, 1} : std::vector<int32_t>{0},
                             columns = stack ? std::vector<int32_t>{0, 2} : std::vector<int32_t>{1};
  if (g.Attr<bool>("transpose_output")) d = TransposeDenseMatrix(g, d, stack);
  Tensor q = turn_b.any() ? TransposeDenseMatrix(g, b, stack) : b;
  // Of the adjoint of A the conjugate gradient.
  if (turn_a.adjoint) d = g.Conj(d);
  if (turn_b.adjoint == turn_a.adjoint) q = g.Conj(q);
  const MatrixParts places = PartsOf(g, a, b.dtype());
  const auto at = [&](Tensor x, const std::vector<int32_t>& which) {
    const Tensor axis = g.ConstInt(1, "axis");
    return g.Op("GatherNd", {x, g.Op("GatherV2", {places.indices, g.ConstInts(which), axis})});
  };
  const Tensor products =
      g.Mul(at(d, turn_a.any() ? columns : rows), at(q, turn_a.any() ? rows : columns));
  return FromParts(g, {places.indices, g.Sum(products, g.ConstInts({1})), places.shape});
}

// The gradient of Q is P^H D. The adjoint of op(A) is that of A, its conjugate, or A itself.
Tensor DenseProductDb(GradientContext& g, Tensor d, const MatrixTurn& turn_a,
                      const MatrixTurn& turn_b) {
  const SeenMatrix left = AdjointSeen(turn_a({g.input(0), false, false}));
  return g.Op("SparseMatrixMatMul", {ConjugatedSeen(g, left), d},
              {{"adjoint_a", left.transposed},
               {"transpose_b", g.Attr<bool>("transpose_output")},
               {"transpose_output", turn_b.any()},
               {"conjugate_output", turn_b.adjoint}});
}

}  // namespace

void SparseTensorToSparseMatrixGradient(GradientContext& g) {
  g.SetDx(1, ValuesAt(g, g.dy(0), g.input(0), g.input(1).dtype()));
}

void SparseMatrixToSparseTensorGradient(GradientContext& g) {
  g.SetDx(0, FromParts(g, {g.output(0), g.dy(1), g.output(2)}));
}

void DenseToSparseMatrixGradient(GradientContext& g) {
  g.SetDx(0, g.Op("CSRSparseMatrixToDense", {g.dy(0)}, {{"type", g.input(0).dtype()}}));
}

void SparseMatrixToDenseGradient(GradientContext& g) {
  const Tensor dy = g.dy(0);
  const Tensor indices = PartsOf(g, g.input(0), dy.dtype()).indices;
  g.SetDx(0, FromParts(g, {indices, g.Op("GatherNd", {dy, indices}), ShapeAs(g, dy, kInt64)}));
}

void SparseMatrixMatMulGradient(GradientContext& g) {
  const MatrixTurn turn_a = MatrixTurnOf(g, true), turn_b = MatrixTurnOf(g, false);
  const Tensor d = g.Attr<bool>("conjugate_output") ? g.Conj(g.dy(0)) : g.dy(0);
  g.SetDx(0, DenseProductDa(g, d, turn_a, turn_b));
  g.SetDx(1, DenseProductDb(g, d, turn_a, turn_b));
}

// With P = op(A), Q = op(B) the gradients of P and Q are D Q^H and P^H D. Those of A and B are
// turned like A and B themselves, which turns the factors and exchanges them.
void SparseMatrixSparseMatMulGradient(GradientContext& g) {
  const AttrValue& dtype = g.attr("type");
  const MatrixTurn turn_a = MatrixTurnOf(g, true), turn_b = MatrixTurnOf(g, false);
  const SeenMatrix d{g.dy(0), false, false}, p = turn_a({g.input(0), false, false}),
                                             q = turn_b({g.input(1), false, false});
  const Tensor da = turn_a.any() ? ProductOfSeen(g, turn_a(AdjointSeen(q)), turn_a(d), dtype)
                                 : ProductOfSeen(g, d, AdjointSeen(q), dtype);
  const Tensor db = turn_b.any() ? ProductOfSeen(g, turn_b(d), turn_b(AdjointSeen(p)), dtype)
                                 : ProductOfSeen(g, AdjointSeen(p), d, dtype);
  g.SetDx(0, AtPlacesOf(g, da, g.input(0), g.Attr<DataType>("type")));
  g.SetDx(1, AtPlacesOf(g, db, g.input(1), g.Attr<DataType>("type")));
}

void SparseMatrixMulGradient(GradientContext& g) {
  g.Fail(absl::UnimplementedError("there is no gradient of SparseMatrixMul, as in TensorFlow"));
}

// As in TensorFlow, none flows to alpha and beta.
void SparseMatrixAddGradient(GradientContext& g) {
  for (const int i : {0, 1}) {
    const Tensor factor = g.Conj(g.input(2 + i));
    const Tensor dx = AtPlacesOf(g, g.dy(0), g.input(i), factor.dtype());
    g.SetDx(i, g.Op("SparseMatrixMul", {dx, factor}));
  }
}

void SparseMatrixTransposeGradient(GradientContext& g) {
  g.SetDx(0, g.Op("SparseMatrixTranspose", {g.dy(0)},
                  {{"conjugate", g.attr("conjugate")}, {"type", g.attr("type")}}));
}

void SparseMatrixSoftmaxGradient(GradientContext& g) {
  g.SetDx(0, g.Op("SparseMatrixSoftmaxGrad", {g.output(0), g.dy(0)}, {{"type", g.attr("type")}}));
}

}  // namespace weft
