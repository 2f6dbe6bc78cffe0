// SPDX-License-Identifier: Apache-2.0
// The rest of tf.linalg: norms, ranks, pseudo-inverses, least squares, functions of matrices, and
// solutions by factors that are there already. Most add several nodes, with TensorFlow's names. Not
// part of weft.h.
//
//   auto [lu, p] = wf::linalg::Lu(a);
//   wf::Tensor x = wf::linalg::LuSolve(lu, p, b);
//   wf::Tensor length = wf::linalg::Norm(x, {.axis = {-1}});
//
// The last two dimensions of operands are matrices, the others count them. Floating and complex
// dtypes, where nothing else is said. Sizes that contradict each other throw InvalidArgumentError
// when the node is made, or fail its run.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "weft/graph/input.h"
#include "weft/ops/array.h"
#include "weft/ops/linalg.h"
#include "weft/ops/matmul.h"
#include "weft/ops/reduction.h"

namespace weft::linalg {

// ---- Functions that other headers have, under tf.linalg's names

using weft::Einsum;
using weft::Eye;
using weft::GlobalNorm;
using weft::Tensordot;
inline Tensor Matmul(const Input& a, const Input& b, const MatMulOptions& options = {}) {
  return MatMul(a, b, options);
}
inline Tensor Matvec(const Input& a, const Input& x, const MatVecOptions& options = {}) {
  return MatVec(a, x, options);
}
inline Tensor Diag(const Input& diagonal, const MatrixDiagOptions& options = {}) {
  return MatrixDiag(diagonal, options);
}
inline Tensor DiagPart(const Input& input, const MatrixDiagOptions& options = {}) {
  return MatrixDiagPart(input, options);
}
inline Tensor SetDiag(const Input& input, const Input& diagonal,
                      const MatrixDiagOptions& options = {}) {
  return MatrixSetDiag(input, diagonal, options);
}
inline Tensor BandPart(const Input& input, int64_t num_lower, int64_t num_upper,
                       const NameOptions& options = {}) {
  return MatrixBandPart(input, num_lower, num_upper, options);
}
// Of tensors of any rank; see wf::Diag.
inline Tensor TensorDiag(const Input& diagonal, const NameOptions& options = {}) {
  return weft::Diag(diagonal, options);
}
inline Tensor TensorDiagPart(const Input& input, const NameOptions& options = {}) {
  return weft::DiagPart(input, options);
}
inline EigenPairs Eigh(const Input& input, const NameOptions& options = {}) {
  return weft::SelfAdjointEig(input, options);
}
inline Tensor Eigvalsh(const Input& input, const NameOptions& options = {}) {
  return weft::SelfAdjointEigvals(input, options);
}

// ---- Transposes, traces, eigenvalues

// The cross products of vectors of three elements, the last dimension. Real numbers.
Tensor Cross(const Input& a, const Input& b, const NameOptions& options = {});

struct MatrixTransposeOptions {
  bool conjugate = false;
  std::string name = {};
};
// Rows become columns. Any dtype.
Tensor MatrixTranspose(const Input& a, const MatrixTransposeOptions& options = {});
// The conjugate transpose. Any dtype.
Tensor Adjoint(const Input& matrix, const NameOptions& options = {});
// The sum of the diagonal. Numbers.
Tensor Trace(const Input& x, const NameOptions& options = {});

// Eigenvalues, in no order, and eigenvectors of length 1 as columns, of any square matrices;
// complex. The gradient is infinite where eigenvalues are equal.
EigenPairs Eig(const Input& input, const NameOptions& options = {});
Tensor Eigvals(const Input& input, const NameOptions& options = {});

// ---- Norms

struct NormOptions {
  // 0: the root of the sum of squares, which of matrices is Frobenius' norm. Of vectors any p > 0:
  // (sum |x|^p)^(1/p), infinity for the greatest |x|. Of matrices 1: the greatest sum of a column's
  // |x|, infinity: of a row's, 2: the greatest singular value, for which the rank must be known.
  double ord = 0;
  // One: vectors along this dimension; two: matrices of these rows and columns; none: all elements
  // as one vector.
  std::vector<int> axis = {};
  bool keepdims = false;
  std::string name = {};
};
// Of the operand's dtype; real for complex operands unless `ord` is 0 or 2. Differentiable where it
// is not 0. InvalidArgumentError for another `ord` or more than two axes.
Tensor Norm(const Input& tensor, const NormOptions& options = {});

struct Normalized {
  Tensor normalized;
  Tensor norm;  // with dimensions of size 1 where it was taken
};
// tensor / norm; `keepdims` does not matter.
Normalized Normalize(const Input& tensor, const NormOptions& options = {});

// ---- Ranks and pseudo-inverses, by singular values

struct MatrixRankOptions {
  // Singular values up to it count as 0. By default the dtype's epsilon times the longer side times
  // the greatest singular value.
  std::optional<Input> tol = {};
  std::string name = {};
};
// How many singular values are not 0; int32. Floating.
Tensor MatrixRank(const Input& a, const MatrixRankOptions& options = {});

struct PinvOptions {
  // Singular values up to it, times the greatest one, count as 0. By default 10 times the dtype's
  // epsilon times the longer side.
  std::optional<Input> rcond = {};
  std::string name = {};
};
// Moore's and Penrose's: v diag(1 / s) u^H of the singular values that are not 0. Floating.
Tensor Pinv(const Input& a, const PinvOptions& options = {});

// ---- Solutions

// x with l l^H x = rhs; chol holds the lower triangles l.
Tensor CholeskySolve(const Input& chol, const Input& rhs, const NameOptions& options = {});

// x with matrix x = rhs, for matrices of which `bands` [..., diagonals, m] holds the main diagonal
// and those below it (lower; the main one first) or above it (the main one last). Elements beyond
// the matrix are not looked at.
Tensor BandedTriangularSolve(const Input& bands, const Input& rhs,
                             const TriangularSolveOptions& options = {});

struct LstsqOptions {
  double l2_regularizer = 0;
  // By Cholesky's factor of matrix^H matrix, which loses half of the digits; else by a complete
  // orthogonal decomposition, which ignores l2_regularizer and has no gradient.
  bool fast = true;
  std::string name = {};
};
// x of least |matrix x - rhs|^2 + l2_regularizer |x|^2; of fewer rows than columns that of least
// norm. Complex128 has no regularizer: UnimplementedError.
Tensor Lstsq(const Input& matrix, const Input& rhs, const LstsqOptions& options = {});

// Of what Lu returns: x with a x = rhs; a^-1; a. The stacks of LuReconstruct have one shape each;
// those of the others are broadcast.
Tensor LuSolve(const Input& lower_upper, const Input& perm, const Input& rhs,
               const NameOptions& options = {});
Tensor LuMatrixInverse(const Input& lower_upper, const Input& perm,
                       const NameOptions& options = {});
Tensor LuReconstruct(const Input& lower_upper, const Input& perm, const NameOptions& options = {});

// The three diagonals of matrices [..., m, m], as TridiagonalSolve takes them: [..., 3, m].
Tensor CompactTridiagonals(const Input& matrix, const NameOptions& options = {});
// The same one by one: superdiag[i] is a[i, i + 1], subdiag[i] is a[i, i - 1], so that the last of
// the former and the first of the latter don't count.
struct Tridiagonals {
  Input superdiag, maindiag, subdiag;  // [..., m]
};
// a rhs.
Tensor TridiagonalMatmul(const Input& diagonals, const Input& rhs, const NameOptions& options = {});
Tensor TridiagonalMatmul(const Tridiagonals& diagonals, const Input& rhs,
                         const NameOptions& options = {});
// x with a x = rhs; fails at run if a pivot is 0. The outer diagonals may be of length m - 1, then
// without the elements that don't count.
Tensor TridiagonalSolve(const Tridiagonals& diagonals, const Input& rhs,
                        const TridiagonalSolveOptions& options = {});

// ---- Functions of square matrices

// The principal logarithm: y with exp(y) = input and imaginary parts of eigenvalues in (-pi, pi].
// NaN for singular matrices. Complex; no gradient.
Tensor Logm(const Input& input, const NameOptions& options = {});

// The sum of input^k / k!, by Pade approximants and squaring (Higham, SIAM Journal on Matrix
// Analysis and Applications 26, 2005). Differentiable.
Tensor Expm(const Input& input, const NameOptions& options = {});

}  // namespace weft::linalg
