// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/lapack.h"

#include <algorithm>
#include <cmath>
#include <type_traits>
#include <vector>

#include "kernels/cpu/openblas.h"
#include "kernels/cpu/team_size.h"
#include "weft/core/complex.h"

// OpenBLAS installs no header for these. After the arguments come the lengths of those that are
// texts, as Fortran passes them.
extern "C" {
void ssyevd_(const char* jobz, const char* uplo, const int* n, float* a, const int* lda, float* w,
             float* work, const int* lwork, int* iwork, const int* liwork, int* info, size_t,
             size_t);
void dsyevd_(const char* jobz, const char* uplo, const int* n, double* a, const int* lda, double* w,
             double* work, const int* lwork, int* iwork, const int* liwork, int* info, size_t,
             size_t);
void cheevd_(const char* jobz, const char* uplo, const int* n, weft::complex64* a, const int* lda,
             float* w, weft::complex64* work, const int* lwork, float* rwork, const int* lrwork,
             int* iwork, const int* liwork, int* info, size_t, size_t);
void zheevd_(const char* jobz, const char* uplo, const int* n, weft::complex128* a, const int* lda,
             double* w, weft::complex128* work, const int* lwork, double* rwork, const int* lrwork,
             int* iwork, const int* liwork, int* info, size_t, size_t);
void sgesdd_(const char* jobz, const int* m, const int* n, float* a, const int* lda, float* s,
             float* u, const int* ldu, float* vt, const int* ldvt, float* work, const int* lwork,
             int* iwork, int* info, size_t);
void dgesdd_(const char* jobz, const int* m, const int* n, double* a, const int* lda, double* s,
             double* u, const int* ldu, double* vt, const int* ldvt, double* work, const int* lwork,
             int* iwork, int* info, size_t);
void cgesdd_(const char* jobz, const int* m, const int* n, weft::complex64* a, const int* lda,
             float* s, weft::complex64* u, const int* ldu, weft::complex64* vt, const int* ldvt,
             weft::complex64* work, const int* lwork, float* rwork, int* iwork, int* info, size_t);
void zgesdd_(const char* jobz, const int* m, const int* n, weft::complex128* a, const int* lda,
             double* s, weft::complex128* u, const int* ldu, weft::complex128* vt, const int* ldvt,
             weft::complex128* work, const int* lwork, double* rwork, int* iwork, int* info,
             size_t);
void cgees_(const char* jobvs, const char* sort, void* select, const int* n, weft::complex64* a,
            const int* lda, int* sdim, weft::complex64* w, weft::complex64* vs, const int* ldvs,
            weft::complex64* work, const int* lwork, float* rwork, int* bwork, int* info, size_t,
            size_t);
void zgees_(const char* jobvs, const char* sort, void* select, const int* n, weft::complex128* a,
            const int* lda, int* sdim, weft::complex128* w, weft::complex128* vs, const int* ldvs,
            weft::complex128* work, const int* lwork, double* rwork, int* bwork, int* info, size_t,
            size_t);
void sgelqf_(const int* m, const int* n, float* a, const int* lda, float* tau, float* work,
             const int* lwork, int* info);
void dgelqf_(const int* m, const int* n, double* a, const int* lda, double* tau, double* work,
             const int* lwork, int* info);
void cgelqf_(const int* m, const int* n, weft::complex64* a, const int* lda, weft::complex64* tau,
             weft::complex64* work, const int* lwork, int* info);
void zgelqf_(const int* m, const int* n, weft::complex128* a, const int* lda, weft::complex128* tau,
             weft::complex128* work, const int* lwork, int* info);
void sorglq_(const int* m, const int* n, const int* k, float* a, const int* lda, const float* tau,
             float* work, const int* lwork, int* info);
void dorglq_(const int* m, const int* n, const int* k, double* a, const int* lda, const double* tau,
             double* work, const int* lwork, int* info);
void cunglq_(const int* m, const int* n, const int* k, weft::complex64* a, const int* lda,
             const weft::complex64* tau, weft::complex64* work, const int* lwork, int* info);
void zunglq_(const int* m, const int* n, const int* k, weft::complex128* a, const int* lda,
             const weft::complex128* tau, weft::complex128* work, const int* lwork, int* info);
}

namespace weft::cpu {

namespace blas {
WEFT_OPENBLAS(sgesdd_);
WEFT_OPENBLAS(dgesdd_);
WEFT_OPENBLAS(cgesdd_);
WEFT_OPENBLAS(zgesdd_);
WEFT_OPENBLAS(sgelqf_);
WEFT_OPENBLAS(dgelqf_);
WEFT_OPENBLAS(cgelqf_);
WEFT_OPENBLAS(zgelqf_);
WEFT_OPENBLAS(ssyevd_);
WEFT_OPENBLAS(dsyevd_);
WEFT_OPENBLAS(cheevd_);
WEFT_OPENBLAS(zheevd_);
WEFT_OPENBLAS(cgees_);
WEFT_OPENBLAS(zgees_);
WEFT_OPENBLAS(sorglq_);
WEFT_OPENBLAS(dorglq_);
WEFT_OPENBLAS(cunglq_);
WEFT_OPENBLAS(zunglq_);
}  // namespace blas

namespace {

// The routine of this element type.
template <typename T, typename S, typename D, typename C, typename Z>
constexpr const auto& Pick(const S& s, const D& d, const C& c, const Z& z) {
  if constexpr (std::is_same_v<T, float>)
    return s;
  else if constexpr (std::is_same_v<T, double>)
    return d;
  else if constexpr (std::is_same_v<T, complex64>)
    return c;
  else
    return z;
}

template <typename T>
inline constexpr bool kIsComplex = !std::is_same_v<T, Real<T>>;

// Sizes of working memory are answered as elements, rounded to their precision.
template <typename T>
int WorkSize(const T& answer) {
  return static_cast<int>(std::ceil(std::real(answer) * (1 + 1e-6))) + 1;
}

// LAPACK takes `k` reflections of m rows 32 at a time, where they are more than that. m <=
// kMaxLqSize.
template <typename T>
std::vector<T> LqWork(int64_t m, int64_t k) {
  return std::vector<T>(m * (k > 32 ? 32 : 1));
}

}  // namespace

template <typename T>
bool HermitianEigen(int64_t size, T* a, Real<T>* values, bool vectors) {
  const TeamSize alone(1);
  const char jobz = vectors ? 'V' : 'N', uplo = 'U';
  const int n = static_cast<int>(size);
  int info = 0;
  std::vector<T> work(1);
  std::vector<Real<T>> real_work(1);
  std::vector<int> int_work(1);
  const auto call = [&](bool ask) {
    const int lwork = ask ? -1 : static_cast<int>(work.size());
    const int lrwork = ask ? -1 : static_cast<int>(real_work.size());
    const int liwork = ask ? -1 : static_cast<int>(int_work.size());
    const auto& routine = Pick<T>(blas::ssyevd_, blas::dsyevd_, blas::cheevd_, blas::zheevd_);
    if constexpr (kIsComplex<T>) {
      routine(&jobz, &uplo, &n, a, &n, values, work.data(), &lwork, real_work.data(), &lrwork,
              int_work.data(), &liwork, &info, 1, 1);
    } else {
      routine(&jobz, &uplo, &n, a, &n, values, work.data(), &lwork, int_work.data(), &liwork, &info,
              1, 1);
    }
  };
  call(true);
  if (info != 0) return false;
  work.resize(WorkSize(work[0]));
  real_work.resize(WorkSize(real_work[0]));
  int_work.resize(std::max(int_work[0], 1));
  call(false);
  return info == 0;
}

template <typename T>
bool SingularValues(int64_t rows, int64_t columns, SvdVectors vectors, T* a, Real<T>* s, T* u,
                    T* vt) {
  const TeamSize alone(1);
  const char jobz = static_cast<char>(vectors);
  const int m = static_cast<int>(rows), n = static_cast<int>(columns);
  const int p = std::min(m, n), q = std::max(m, n);
  const int ldvt = vectors == SvdVectors::kThin ? p : n;
  int info = 0;
  std::vector<T> work(1);
  std::vector<int> int_work(8 * static_cast<size_t>(p));
  std::vector<Real<T>> real_work;
  if constexpr (kIsComplex<T>) {
    const size_t short_side = p, long_side = q;
    real_work.resize(vectors == SvdVectors::kNone
                         ? 7 * short_side
                         : short_side *
                               std::max(5 * short_side + 7, 2 * long_side + 2 * short_side + 1));
  }
  const auto call = [&](bool ask) {
    const int lwork = ask ? -1 : static_cast<int>(work.size());
    const auto& routine = Pick<T>(blas::sgesdd_, blas::dgesdd_, blas::cgesdd_, blas::zgesdd_);
    if constexpr (kIsComplex<T>) {
      routine(&jobz, &m, &n, a, &m, s, u, &m, vt, &ldvt, work.data(), &lwork, real_work.data(),
              int_work.data(), &info, 1);
    } else {
      routine(&jobz, &m, &n, a, &m, s, u, &m, vt, &ldvt, work.data(), &lwork, int_work.data(),
              &info, 1);
    }
  };
  call(true);
  if (info != 0) return false;
  work.resize(WorkSize(work[0]));
  call(false);
  return info == 0;
}

template <typename T>
bool ComplexSchur(int64_t size, std::complex<T>* a, std::complex<T>* z) {
  const TeamSize alone(1);
  const char jobvs = 'V', sort = 'N';
  const int n = static_cast<int>(size);
  int info = 0, sorted = 0, unused = 0;
  std::vector<std::complex<T>> work(1), values(n);
  std::vector<T> real_work(n);
  const auto call = [&](int lwork) {
    const auto run = [&](const auto& routine) {
      routine(&jobvs, &sort, nullptr, &n, a, &n, &sorted, values.data(), z, &n, work.data(), &lwork,
              real_work.data(), &unused, &info, 1, 1);
    };
    if constexpr (std::is_same_v<T, float>)
      run(blas::cgees_);
    else
      run(blas::zgees_);
  };
  call(-1);
  if (info != 0) return false;
  work.resize(WorkSize(work[0]));
  call(static_cast<int>(work.size()));
  return info == 0;
}

template <typename T>
void LqFactor(int64_t rows, int64_t columns, T* a, T* tau) {
  const TeamSize alone(1);
  const int m = static_cast<int>(rows), n = static_cast<int>(columns);
  std::vector<T> work = LqWork<T>(m, std::min(m, n));
  const int lwork = static_cast<int>(work.size());
  int info = 0;
  Pick<T>(blas::sgelqf_, blas::dgelqf_, blas::cgelqf_, blas::zgelqf_)(&m, &n, a, &m, tau,
                                                                      work.data(), &lwork, &info);
}

template <typename T>
void LqRows(int64_t rows, int64_t columns, int64_t reflections, T* q, const T* tau) {
  const TeamSize alone(1);
  const int m = static_cast<int>(rows), n = static_cast<int>(columns);
  const int k = static_cast<int>(reflections);
  std::vector<T> work = LqWork<T>(m, k);
  const int lwork = static_cast<int>(work.size());
  int info = 0;
  Pick<T>(blas::sorglq_, blas::dorglq_, blas::cunglq_, blas::zunglq_)(&m, &n, &k, q, &m, tau,
                                                                      work.data(), &lwork, &info);
}

template bool HermitianEigen(int64_t, float*, float*, bool);
template bool HermitianEigen(int64_t, double*, double*, bool);
template bool HermitianEigen(int64_t, complex64*, float*, bool);
template bool HermitianEigen(int64_t, complex128*, double*, bool);
template bool SingularValues(int64_t, int64_t, SvdVectors, float*, float*, float*, float*);
template bool SingularValues(int64_t, int64_t, SvdVectors, double*, double*, double*, double*);
template bool SingularValues(int64_t, int64_t, SvdVectors, complex64*, float*, complex64*,
                             complex64*);
template bool SingularValues(int64_t, int64_t, SvdVectors, complex128*, double*, complex128*,
                             complex128*);
template bool ComplexSchur(int64_t, complex64*, complex64*);
template bool ComplexSchur(int64_t, complex128*, complex128*);
template void LqFactor(int64_t, int64_t, float*, float*);
template void LqFactor(int64_t, int64_t, double*, double*);
template void LqFactor(int64_t, int64_t, complex64*, complex64*);
template void LqFactor(int64_t, int64_t, complex128*, complex128*);
template void LqRows(int64_t, int64_t, int64_t, float*, const float*);
template void LqRows(int64_t, int64_t, int64_t, double*, const double*);
template void LqRows(int64_t, int64_t, int64_t, complex64*, const complex64*);
template void LqRows(int64_t, int64_t, int64_t, complex128*, const complex128*);

}  // namespace weft::cpu
