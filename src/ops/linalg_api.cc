// SPDX-License-Identifier: Apache-2.0
#include "src/ops/op_scope.h"
#include "src/ops/operators.h"
#include "weft/graph/op_builder.h"
#include "weft/ops/array.h"
#include "weft/ops/linalg.h"
#include "weft/ops/math_unary.h"
#include "weft/ops/reduction.h"

namespace weft {
namespace {

PartialShape ShapeOfOperand(const Input& x) {
  return x.is_tensor() ? x.tensor().shape() : PartialShape(x.array().shape());
}

}  // namespace

QrFactors Qr(const Input& input, const QrOptions& o) {
  const Operation node =
      OpBuilder("Qr", o.name).In(input).Attr("full_matrices", o.full_matrices).Build();
  return {node.output(0), node.output(1)};
}

Tensor Cholesky(const Input& input, const NameOptions& options) {
  return OpBuilder("Cholesky", options).In(input).Output();
}

Tensor MatrixInverse(const Input& input, const AdjointOptions& o) {
  return OpBuilder("MatrixInverse", o.name).In(input).Attr("adjoint", o.adjoint).Output();
}

Tensor MatrixSolve(const Input& matrix, const Input& rhs, const AdjointOptions& o) {
  return OpBuilder("MatrixSolve", o.name).In(matrix).In(rhs).Attr("adjoint", o.adjoint).Output();
}

Tensor MatrixTriangularSolve(const Input& matrix, const Input& rhs,
                             const TriangularSolveOptions& o) {
  const OpScope scope(o.name, "triangular_solve", {&matrix, &rhs});
  return OpBuilder("MatrixTriangularSolve", NameOptions())
      .In(matrix)
      .In(rhs)
      .Attr("lower", o.lower)
      .Attr("adjoint", o.adjoint)
      .Output();
}

Tensor MatrixDeterminant(const Input& input, const NameOptions& o) {
  return OpBuilder("MatrixDeterminant", o).In(input).Output();
}

LogDeterminant LogMatrixDeterminant(const Input& input, const NameOptions& o) {
  const Operation node = OpBuilder("LogMatrixDeterminant", o).In(input).Build();
  return {node.output(0), node.output(1)};
}

EigenPairs SelfAdjointEig(const Input& input, const NameOptions& o) {
  const Operation node = OpBuilder("SelfAdjointEigV2", o).In(input).Attr("compute_v", true).Build();
  return {node.output(0), node.output(1)};
}

Tensor SelfAdjointEigvals(const Input& input, const NameOptions& o) {
  return OpBuilder("SelfAdjointEigV2", o).In(input).Attr("compute_v", false).Build().output(0);
}

SvdFactors Svd(const Input& input, const SvdOptions& o) {
  const Operation node = OpBuilder("Svd", o.name)
                             .In(input)
                             .Attr("compute_uv", true)
                             .Attr("full_matrices", o.full_matrices)
                             .Build();
  return {node.output(0), node.output(1), node.output(2)};
}

Tensor SingularValues(const Input& input, const NameOptions& o) {
  return OpBuilder("Svd", o).In(input).Attr("compute_uv", false).Build().output(0);
}

LuFactors Lu(const Input& input, const LuOptions& o) {
  const Operation node =
      OpBuilder("Lu", o.name).In(input).Attr("output_idx_type", o.output_idx_type).Build();
  return {node.output(0), node.output(1)};
}

Tensor MatrixSquareRoot(const Input& input, const NameOptions& o) {
  return OpBuilder("MatrixSquareRoot", o).In(input).Output();
}

Tensor TridiagonalSolve(const Input& diagonals, const Input& rhs,
                        const TridiagonalSolveOptions& o) {
  const auto solve = [&](const Input& b) {
    return OpBuilder("TridiagonalSolve", o.name)
        .In(diagonals)
        .In(b)
        .Attr("partial_pivoting", o.partial_pivoting)
        .Output();
  };
  const PartialShape a_shape = ShapeOfOperand(diagonals), b_shape = ShapeOfOperand(rhs);
  const bool is_vector = a_shape.known_rank() && b_shape.known_rank() && a_shape.rank() >= 2 &&
                         b_shape.rank() == a_shape.rank() - 1;
  if (!is_vector) return solve(rhs);
  return Squeeze(solve(ExpandDims(rhs, -1)), {-1});
}

// Twice the sum of the logarithms of Cholesky's diagonal.
Tensor linalg::Logdet(const Input& matrix, const NameOptions& o) {
  const OpScope scope(o.name, "logdet", {&matrix});
  const Tensor diagonal = Real(MatrixDiagPart(Cholesky(matrix)));
  return internal::Times(2, ReduceSum(Log(diagonal), {.axis = {-1}}));
}

}  // namespace weft
