// SPDX-License-Identifier: Apache-2.0
// Systems of linear equations, for float, double and their complex types. Matrices are stored by
// rows, without gaps; n and k fit an int. Each call runs on the caller's thread alone, so bits
// depend on no number of threads.
#pragma once

#include <cstdint>

namespace weft::cpu {

// x [n, k] = a^-1 x, or (a^H)^-1 x if `adjoint`, of the lower or upper triangle of a [n, n].
// Elements outside are not read. A zero on the diagonal divides: to infinities and NaN.
template <typename T>
void SolveTriangular(bool lower, bool adjoint, int64_t n, int64_t k, const T* a, T* x);

// Gaussian elimination of `a` [n, n], which is replaced by u and, below the diagonal, by l without
// its diagonal of ones: row i of l u is row order[i] of a. A column's pivot is the first of its
// elements of largest absolute value, NaN before all. Returns the sign of that exchange of rows, 1
// or -1.
template <typename T>
int FactorLu(int64_t n, T* a, int64_t* order);

// Whether no pivot is 0 and the first is not NaN; n > 0. NaN elsewhere goes on to solutions.
template <typename T>
bool IsInvertible(int64_t n, const T* lu);

// x [n, k] = (l u)^-1 x.
template <typename T>
void SolveLu(int64_t n, int64_t k, const T* lu, T* x);

// The factor l of the positive definite Hermitian matrix a = l l^H whose lower triangle is in `a`
// [n, n], which l replaces; the rest stays. False if a isn't positive definite.
template <typename T>
bool FactorCholesky(int64_t n, T* a);

}  // namespace weft::cpu
