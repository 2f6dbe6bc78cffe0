// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/lu.h"

#include <algorithm>
#include <cmath>
#include <complex>
#include <numeric>
#include <type_traits>

#include "kernels/cpu/lapack.h"
#include "kernels/cpu/openblas.h"
#include "kernels/cpu/team_size.h"
#include "weft/core/complex.h"

namespace weft::cpu {
namespace {

enum class Triangle : uint8_t { kLower, kUnitLower, kUpper };

// x [m, n] = op(a)^-1 x (side: left) or x op(a)^-1 (right); lda and ldx are the distances between
// rows.
template <typename T>
void Trsm(CBLAS_SIDE side, Triangle triangle, bool adjoint, int64_t m, int64_t n, const T* a,
          int64_t lda, T* x, int64_t ldx) {
  const auto call = [&](const auto& routine, auto one) {
    routine(CblasRowMajor, side, triangle == Triangle::kUpper ? CblasUpper : CblasLower,
            adjoint ? CblasConjTrans : CblasNoTrans,
            triangle == Triangle::kUnitLower ? CblasUnit : CblasNonUnit, static_cast<int>(m),
            static_cast<int>(n), one, a, static_cast<int>(lda), x, static_cast<int>(ldx));
  };
  const T one(1);
  if constexpr (std::is_same_v<T, float>)
    call(blas::cblas_strsm, one);
  else if constexpr (std::is_same_v<T, double>)
    call(blas::cblas_dtrsm, one);
  else if constexpr (std::is_same_v<T, complex64>)
    call(blas::cblas_ctrsm, &one);
  else
    call(blas::cblas_ztrsm, &one);
}

// c [m, n] -= a [m, k] b [k, n], all with rows `ld` apart.
template <typename T>
void SubtractProduct(int64_t m, int64_t n, int64_t k, const T* a, const T* b, T* c, int64_t ld) {
  const auto call = [&](const auto& routine, auto minus_one, auto one) {
    const int distance = static_cast<int>(ld);
    routine(CblasRowMajor, CblasNoTrans, CblasNoTrans, static_cast<int>(m), static_cast<int>(n),
            static_cast<int>(k), minus_one, a, distance, b, distance, one, c, distance);
  };
  const T one(1), minus_one(-1);
  if constexpr (std::is_same_v<T, float>)
    call(blas::cblas_sgemm, minus_one, one);
  else if constexpr (std::is_same_v<T, double>)
    call(blas::cblas_dgemm, minus_one, one);
  else if constexpr (std::is_same_v<T, complex64>)
    call(blas::cblas_cgemm, &minus_one, &one);
  else
    call(blas::cblas_zgemm, &minus_one, &one);
}

// to -= factor * from. std::complex's own product looks at each one for NaN.
template <typename T>
void SubtractMultiple(int64_t count, T factor, const T* __restrict from, T* __restrict to) {
  if constexpr (std::is_same_v<T, Real<T>>) {
    for (int64_t i = 0; i < count; ++i) to[i] -= factor * from[i];
  } else {
    const Real<T> re = factor.real(), im = factor.imag();
    const auto* f = reinterpret_cast<const Real<T>*>(from);
    auto* t = reinterpret_cast<Real<T>*>(to);
    for (int64_t i = 0; i < 2 * count; i += 2) {
      t[i] -= re * f[i] - im * f[i + 1];
      t[i + 1] -= re * f[i + 1] + im * f[i];
    }
  }
}

// The lower triangle of c [n, n] -= a a^H, a [n, k], with rows `ld` apart.
template <typename T>
void SubtractSquare(int64_t n, int64_t k, const T* a, T* c, int64_t ld) {
  const auto call = [&](const auto& routine) {
    routine(CblasRowMajor, CblasLower, CblasNoTrans, static_cast<int>(n), static_cast<int>(k),
            Real<T>(-1), a, static_cast<int>(ld), Real<T>(1), c, static_cast<int>(ld));
  };
  if constexpr (std::is_same_v<T, float>)
    call(blas::cblas_ssyrk);
  else if constexpr (std::is_same_v<T, double>)
    call(blas::cblas_dsyrk);
  else if constexpr (std::is_same_v<T, complex64>)
    call(blas::cblas_cherk);
  else
    call(blas::cblas_zherk);
}

// The sum of a conj(b).
template <typename T>
T DotConjugate(int64_t count, const T* a, const T* b) {
  if constexpr (std::is_same_v<T, Real<T>>) {
    return std::inner_product(a, a + count, b, T(0));
  } else {
    Real<T> re = 0, im = 0;
    for (int64_t i = 0; i < count; ++i) {
      re += a[i].real() * b[i].real() + a[i].imag() * b[i].imag();
      im += a[i].imag() * b[i].real() - a[i].real() * b[i].imag();
    }
    return T(re, im);
  }
}

// SolveTriangular by the definition. OpenBLAS multiplies by reciprocals, and its reciprocal of a
// complex 0 is NaN, where a quotient is infinite.
template <typename T>
void Substitute(bool lower, bool adjoint, int64_t n, int64_t k, const T* a, T* x) {
  const bool forward = lower != adjoint;
  const auto element = [&](int64_t i, int64_t j) {
    return adjoint ? std::conj(a[j * n + i]) : a[i * n + j];
  };
  for (int64_t step = 0; step < n; ++step) {
    const int64_t i = forward ? step : n - 1 - step;
    T* row = x + i * k;
    for (int64_t known = 0; known < step; ++known) {
      const int64_t j = forward ? known : n - 1 - known;
      SubtractMultiple(k, element(i, j), x + j * k, row);
    }
    const T diagonal = element(i, i);
    for (int64_t column = 0; column < k; ++column) row[column] /= diagonal;
  }
}

// Recursive as LuFactors is.
template <typename T>
class CholeskyFactor {
 public:
  CholeskyFactor(int64_t n, T* a) : n_(n), a_(a) {}

  // The block of rows and columns [begin, end), from which the columns before are eliminated.
  bool Factor(int64_t begin, int64_t end) {
    if (end - begin <= kLeaf) return FactorLeaf(begin, end);
    const int64_t middle = begin + ((end - begin) / 2 + 7) / 8 * 8;
    if (!Factor(begin, middle)) return false;
    Trsm(CblasRight, Triangle::kLower, /*adjoint=*/true, end - middle, middle - begin,
         At(begin, begin), n_, At(middle, begin), n_);
    SubtractSquare(end - middle, middle - begin, At(middle, begin), At(middle, middle), n_);
    return Factor(middle, end);
  }

 private:
  static constexpr int64_t kLeaf = 16;

  T* At(int64_t row, int64_t column) const { return a_ + row * n_ + column; }

  bool FactorLeaf(int64_t begin, int64_t end) {
    for (int64_t k = begin; k < end; ++k) {
      const T* row = At(k, begin);
      const Real<T> square = std::real(*At(k, k)) - std::real(DotConjugate(k - begin, row, row));
      if (square <= 0) return false;  // NaN goes on to the factor
      const Real<T> root = std::sqrt(square);
      *At(k, k) = T(root);
      for (int64_t i = k + 1; i < end; ++i)
        *At(i, k) = (*At(i, k) - DotConjugate(k - begin, At(i, begin), row)) / root;
    }
    return true;
  }

  const int64_t n_;
  T* const a_;
};

// Recursive by columns (Toledo 1997), so that most of the work is products of matrices.
template <typename T>
class LuFactors {
 public:
  LuFactors(int64_t n, T* a, int64_t* order) : n_(n), a_(a), order_(order) {
    std::iota(order, order + n, int64_t{0});
  }

  // Columns [begin, end) of the rows from `begin` on, from which the columns before are eliminated.
  void Factor(int64_t begin, int64_t end) {
    if (end - begin <= kLeaf) return FactorLeaf(begin, end);
    const int64_t middle = begin + ((end - begin) / 2 + 7) / 8 * 8;
    Factor(begin, middle);
    Trsm(CblasLeft, Triangle::kUnitLower, false, middle - begin, end - middle, At(begin, begin), n_,
         At(begin, middle), n_);
    SubtractProduct(n_ - middle, end - middle, middle - begin, At(middle, begin), At(begin, middle),
                    At(middle, middle), n_);
    Factor(middle, end);
  }

  int sign() const { return sign_; }

 private:
  // Columns that are eliminated one by one.
  static constexpr int64_t kLeaf = 16;

  T* At(int64_t row, int64_t column) const { return a_ + row * n_ + column; }

  void FactorLeaf(int64_t begin, int64_t end) {
    for (int64_t k = begin; k < end; ++k) {
      const bool divide = Pivot(k);
      const T pivot = *At(k, k);
      for (int64_t row = k + 1; row < n_; ++row) {
        T& factor = *At(row, k);
        if (divide) factor /= pivot;
        SubtractMultiple(end - k - 1, factor, At(k, k + 1), At(row, k + 1));
      }
    }
  }

  // Brings the pivot of column k to row k. False if there's none: all elements from there are 0.
  bool Pivot(int64_t k) {
    int64_t best = k;
    Real<T> largest = std::abs(*At(k, k));
    for (int64_t row = k + 1; row < n_ && !std::isnan(largest); ++row) {
      const Real<T> size = std::abs(*At(row, k));
      if (!(size <= largest)) {
        largest = size;
        best = row;
      }
    }
    if (best != k) {
      std::swap_ranges(At(k, 0), At(k, 0) + n_, At(best, 0));
      std::swap(order_[k], order_[best]);
      sign_ = -sign_;
    }
    return largest != 0;
  }

  const int64_t n_;
  T* const a_;
  int64_t* const order_;
  int sign_ = 1;
};

}  // namespace

template <typename T>
void SolveTriangular(bool lower, bool adjoint, int64_t n, int64_t k, const T* a, T* x) {
  if constexpr (!std::is_same_v<T, Real<T>>) {
    bool zero = false;
    for (int64_t i = 0; i < n; ++i) zero = zero || a[i * n + i] == T(0);
    if (zero) return Substitute(lower, adjoint, n, k, a, x);
  }
  const TeamSize alone(1);
  Trsm(CblasLeft, lower ? Triangle::kLower : Triangle::kUpper, adjoint, n, k, a, n, x, k);
}

template <typename T>
int FactorLu(int64_t n, T* a, int64_t* order) {
  const TeamSize alone(1);
  LuFactors<T> factors(n, a, order);
  factors.Factor(0, n);
  return factors.sign();
}

template <typename T>
bool IsInvertible(int64_t n, const T* lu) {
  if (!(std::abs(lu[0]) > 0)) return false;
  for (int64_t i = 1; i < n; ++i) {
    if (lu[i * n + i] == T(0)) return false;
  }
  return true;
}

template <typename T>
void SolveLu(int64_t n, int64_t k, const T* lu, T* x) {
  const TeamSize alone(1);
  Trsm(CblasLeft, Triangle::kUnitLower, false, n, k, lu, n, x, k);
  Trsm(CblasLeft, Triangle::kUpper, false, n, k, lu, n, x, k);
}

template <typename T>
bool FactorCholesky(int64_t n, T* a) {
  const TeamSize alone(1);
  return CholeskyFactor<T>(n, a).Factor(0, n);
}

template void SolveTriangular(bool, bool, int64_t, int64_t, const float*, float*);
template void SolveTriangular(bool, bool, int64_t, int64_t, const double*, double*);
template void SolveTriangular(bool, bool, int64_t, int64_t, const complex64*, complex64*);
template void SolveTriangular(bool, bool, int64_t, int64_t, const complex128*, complex128*);
template int FactorLu(int64_t, float*, int64_t*);
template int FactorLu(int64_t, double*, int64_t*);
template int FactorLu(int64_t, complex64*, int64_t*);
template int FactorLu(int64_t, complex128*, int64_t*);
template bool IsInvertible(int64_t, const float*);
template bool IsInvertible(int64_t, const double*);
template bool IsInvertible(int64_t, const complex64*);
template bool IsInvertible(int64_t, const complex128*);
template void SolveLu(int64_t, int64_t, const float*, float*);
template void SolveLu(int64_t, int64_t, const double*, double*);
template void SolveLu(int64_t, int64_t, const complex64*, complex64*);
template void SolveLu(int64_t, int64_t, const complex128*, complex128*);
template bool FactorCholesky(int64_t, float*);
template bool FactorCholesky(int64_t, double*);
template bool FactorCholesky(int64_t, complex64*);
template bool FactorCholesky(int64_t, complex128*);

}  // namespace weft::cpu
