// SPDX-License-Identifier: Apache-2.0
// Factorisations, inverses and solutions of systems. The last two dimensions are matrices, the
// others count them.
//
//   auto [q, r] = wf::Qr(a);
//   wf::Tensor x = wf::MatrixSolve(a, b);
//
// T: float32, float64, complex64, complex128 (Qr and MatrixInverse also half). All have gradients.
// The bits of a result don't depend on the number of threads.
#pragma once

#include <string>

#include "weft/graph/input.h"

namespace weft {

struct QrFactors {
  Tensor q;  // unitary columns
  Tensor r;  // upper triangular
};
struct QrOptions {
  // q is [m, m] and r as large as the input; else q is [m, min(m, n)] and r [min(m, n), n].
  bool full_matrices = false;
  std::string name = {};
};
// input = q r. The gradient needs static sizes, and full_matrices only if m <= n.
QrFactors Qr(const Input& input, const QrOptions& options = {});

// Lower triangular l with input = l l^H. Only the lower triangle is looked at. Fails at run unless
// the input is positive definite.
Tensor Cholesky(const Input& input, const NameOptions& options = {});

struct AdjointOptions {
  bool adjoint = false;  // of the matrix's conjugate transpose
  std::string name = {};
};
// Fails at run if the matrix is singular.
Tensor MatrixInverse(const Input& input, const AdjointOptions& options = {});
// x with matrix x = rhs; rhs is [..., m, k]. Fails at run if the matrix is singular.
Tensor MatrixSolve(const Input& matrix, const Input& rhs, const AdjointOptions& options = {});

struct TriangularSolveOptions {
  bool lower = true;  // which triangle of the matrix counts
  bool adjoint = false;
  std::string name = {};
};
// x with matrix x = rhs. The leading dimensions of both are broadcast. Divides by the diagonal as
// it is: 0 gives infinities.
Tensor MatrixTriangularSolve(const Input& matrix, const Input& rhs,
                             const TriangularSolveOptions& options = {});

}  // namespace weft
