// SPDX-License-Identifier: Apache-2.0
// Factorisations by the LAPACK that is part of OpenBLAS, for float, double and their complex
// types: https://netlib.org/lapack/explore-html. Matrices are stored by columns, without gaps.
// Each call runs on the caller's thread alone, so bits depend on no number of threads.
#pragma once

#include <complex>
#include <cstdint>
#include <limits>

namespace weft::cpu {

template <typename T>
struct RealOf {
  using type = T;
};
template <typename T>
struct RealOf<std::complex<T>> {
  using type = T;
};
template <typename T>
using Real = typename RealOf<T>::type;

// ---- Iterations. False: it did not converge. Elements must be finite. ----

// LAPACK counts working memory in int: 4 n^2 elements must fit, where n is the shorter side.
inline constexpr int64_t kMaxLapackSize = 16384;

// Of the Hermitian matrix whose upper triangle is in `a` [n, n]: eigenvalues in rising order, and
// if wanted eigenvectors, as columns that replace a.
template <typename T>
bool HermitianEigen(int64_t n, T* a, Real<T>* values, bool vectors);

enum class SvdVectors : char { kNone = 'N', kThin = 'S', kFull = 'A' };
// a [m, n] = u diag(s) vt, s in falling order; a is overwritten. u [m, m or min(m, n)], vt [n or
// min(m, n), n]; neither is touched for kNone.
template <typename T>
bool SingularValues(int64_t m, int64_t n, SvdVectors vectors, T* a, Real<T>* s, T* u, T* vt);

// Schur's form of `a` [n, n], complex, by which it is replaced: a = z t z^H, t upper triangular.
template <typename T>
bool ComplexSchur(int64_t n, std::complex<T>* a, std::complex<T>* z);

// ---- Factors in a fixed number of steps. Elements that aren't finite need not spread. ----

// Sides of the matrices below: working memory of 32 rows of them is counted in int.
inline constexpr int64_t kMaxLqSize = std::numeric_limits<int>::max() / 32;

// a [m, n] = l q with orthonormal rows of q; k = min(m, n). l replaces the lower triangle of a; the
// rest of its first k rows and tau [k] describe q for LqRows.
template <typename T>
void LqFactor(int64_t m, int64_t n, T* a, T* tau);

// The first m rows of that q, n >= m >= k. q [m, n] holds the first k rows that LqFactor left.
template <typename T>
void LqRows(int64_t m, int64_t n, int64_t k, T* q, const T* tau);

}  // namespace weft::cpu
