// SPDX-License-Identifier: Apache-2.0
// Factorisations by the LAPACK that is part of OpenBLAS, for float, double and their complex
// types: https://netlib.org/lapack/explore-html. Matrices are stored by columns, without gaps.
// Each call runs on the caller's thread alone, so bits depend on no number of threads. False: the
// iteration did not converge. Elements must be finite.
#pragma once

#include <complex>
#include <cstdint>

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

}  // namespace weft::cpu
