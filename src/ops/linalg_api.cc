// SPDX-License-Identifier: Apache-2.0
#include "src/ops/op_scope.h"
#include "weft/graph/op_builder.h"
#include "weft/ops/linalg.h"

namespace weft {

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

}  // namespace weft
