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

// ---- determinants, eigenvalues, singular values ----

Tensor MatrixDeterminant(const Input& input, const NameOptions& options = {});

struct LogDeterminant {
  Tensor sign;                 // complex numbers of length 1; 0 of singular matrices
  Tensor log_abs_determinant;  // -inf of singular matrices
};
LogDeterminant LogMatrixDeterminant(const Input& input, const NameOptions& options = {});

struct EigenPairs {
  Tensor values;   // in rising order
  Tensor vectors;  // columns
};
// Of Hermitian matrices; only the lower triangle is looked at. Eigenvectors' signs are arbitrary.
EigenPairs SelfAdjointEig(const Input& input, const NameOptions& options = {});
Tensor SelfAdjointEigvals(const Input& input, const NameOptions& options = {});

struct SvdFactors {
  Tensor s;     // in falling order, of the input's dtype
  Tensor u, v;  // columns
};
struct SvdOptions {
  // u [m, m] and v [n, n]; else both have min(m, n) columns.
  bool full_matrices = false;
  std::string name = {};
};
// input = u diag(s) v^H.
SvdFactors Svd(const Input& input, const SvdOptions& options = {});
Tensor SingularValues(const Input& input, const NameOptions& options = {});

struct LuFactors {
  Tensor lu;  // both triangles in one; l has ones on its diagonal
  Tensor p;   // row i of l u is row p[i] of the input
};
struct LuOptions {
  DataType output_idx_type = kInt32;  // or kInt64
  std::string name = {};
};
// Fails at run if the matrix is singular.
LuFactors Lu(const Input& input, const LuOptions& options = {});

// The principal root: y with y y = input, no eigenvalue of y left of the imaginary axis. NaN if a
// real matrix has none that is real.
Tensor MatrixSquareRoot(const Input& input, const NameOptions& options = {});

struct TridiagonalSolveOptions {
  bool partial_pivoting = true;
  std::string name = {};
};
// x with a x = rhs, a given by `diagonals` [..., 3, m]: a[i, i + 1], a[i, i] and a[i, i - 1] at
// column i. Fails at run if a pivot is 0.
Tensor TridiagonalSolve(const Input& diagonals, const Input& rhs,
                        const TridiagonalSolveOptions& options = {});

// tf.linalg's names.
namespace linalg {
using weft::Cholesky;
using weft::Lu;
using weft::Qr;
using weft::SelfAdjointEig;
using weft::SelfAdjointEigvals;
using weft::Svd;
using weft::TridiagonalSolve;
inline Tensor Det(const Input& input, const NameOptions& options = {}) {
  return MatrixDeterminant(input, options);
}
inline LogDeterminant Slogdet(const Input& input, const NameOptions& options = {}) {
  return LogMatrixDeterminant(input, options);
}
inline Tensor Inv(const Input& input, const AdjointOptions& options = {}) {
  return MatrixInverse(input, options);
}
inline Tensor Solve(const Input& matrix, const Input& rhs, const AdjointOptions& options = {}) {
  return MatrixSolve(matrix, rhs, options);
}
inline Tensor Sqrtm(const Input& input, const NameOptions& options = {}) {
  return MatrixSquareRoot(input, options);
}
inline Tensor TriangularSolve(const Input& matrix, const Input& rhs,
                              const TriangularSolveOptions& options = {}) {
  return MatrixTriangularSolve(matrix, rhs, options);
}
// log(det(a)) of Hermitian positive definite matrices.
Tensor Logdet(const Input& matrix, const NameOptions& options = {});
}  // namespace linalg

}  // namespace weft
