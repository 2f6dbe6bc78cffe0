// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/gemm.h"

#include <dnnl.h>
#include <omp.h>

#include <algorithm>
#include <limits>
#include <mutex>
#include <shared_mutex>

#include "kernels/cpu/gemv.h"
#include "kernels/cpu/openblas.h"
#include "kernels/cpu/small_gemm.h"
#include "kernels/cpu/team_size.h"
#include "kernels/cpu/thin_gemm.h"
#include "src/core/parallel.h"
#include "weft/core/complex.h"

namespace weft::cpu {
namespace {

// OpenBLAS resizes process-wide buffers when it is called for another number of threads than
// before, and must not do that while another call is running: calls of one team size share the
// lock, a change of size waits for them. One-thread calls never touch those buffers.
class OpenBlasCall {
 public:
  explicit OpenBlasCall(int threads) : team_(threads) {
    if (threads <= 1) return;
    static std::shared_mutex mu;
    static int current = 0;
    shared_ = std::shared_lock(mu);
    while (current != threads) {
      shared_.unlock();
      {
        std::unique_lock exclusive(mu);
        blas::openblas_set_num_threads(threads);
        current = threads;
      }
      shared_.lock();
    }
  }

 private:
  TeamSize team_;
  std::shared_lock<std::shared_mutex> shared_;
};

// OpenBLAS counts in int.
bool FitsBlas(int64_t m, int64_t n, int64_t k, int64_t lda, int64_t ldb, int64_t ldc) {
  return std::max({m, n, k, lda, ldb, ldc}) <= std::numeric_limits<int>::max();
}

CBLAS_TRANSPOSE BlasOp(MatrixOp op) {
  switch (op) {
    case MatrixOp::kNone:
      return CblasNoTrans;
    case MatrixOp::kTranspose:
      return CblasTrans;
    case MatrixOp::kAdjoint:
      return CblasConjTrans;
  }
  return CblasNoTrans;
}

// An element of a stored matrix as op() presents it.
template <typename T>
struct View {
  View(const T* data, int64_t ld, MatrixOp op)
      : data(data),
        row_stride(op == MatrixOp::kNone ? ld : 1),
        column_stride(op == MatrixOp::kNone ? 1 : ld),
        conjugate(op == MatrixOp::kAdjoint) {}
  T operator()(int64_t row, int64_t column) const {
    const T value = data[row * row_stride + column * column_stride];
    if constexpr (kGemmIsComplex<T>) {
      return conjugate ? std::conj(value) : value;
    } else {
      return value;
    }
  }
  const T* data;
  int64_t row_stride, column_stride;
  bool conjugate;
};

// By the definition: for products too small for a library call, and for sizes that OpenBLAS can't
// count.
template <typename T>
void PlainGemm(MatrixOp op_a, MatrixOp op_b, int64_t m, int64_t n, int64_t k, const T* a,
               int64_t lda, const T* b, int64_t ldb, T* c, int64_t ldc, bool accumulate) {
  const View<T> left(a, lda, op_a), right(b, ldb, op_b);
  for (int64_t i = 0; i < m; ++i) {
    T* row = c + i * ldc;
    for (int64_t j = 0; j < n; ++j) {
      T sum = accumulate ? row[j] : T(0);
      for (int64_t p = 0; p < k; ++p) sum += left(i, p) * right(p, j);
      row[j] = sum;
    }
  }
}

template <typename T>
void Clear(int64_t m, int64_t n, T* c, int64_t ldc) {
  for (int64_t i = 0; i < m; ++i) std::fill_n(c + i * ldc, n, T(0));
}

// True if nothing is left to multiply.
template <typename T>
bool IsTrivial(int64_t m, int64_t n, int64_t k, T* c, int64_t ldc, bool accumulate) {
  if (m > 0 && n > 0 && k > 0) return false;
  if (!accumulate) Clear(m, n, c, ldc);
  return true;
}

// m * n * k without overflow, for comparisons with small thresholds.
double Work(int64_t m, int64_t n, int64_t k) {
  return static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k);
}

MatrixOp Op(bool transpose) { return transpose ? MatrixOp::kTranspose : MatrixOp::kNone; }

// What stays in a core's caches goes to small_gemm.h (microseconds of one thread):
//   m x n x k          OpenBLAS  small        m x n x k         OpenBLAS  small
//   8^3            NN      0.21   0.10        8^3           NT      0.43   0.21
//   64^3           NN      3.8    3.9         64^3          NT      7.7    6.5
//   32 x 120 x 60  NN      4.6    3.8         32 x 60 x 120 NT      9.2    4.7
//   60 x 120 x 320 TN     36.6   34.8         128^3         NT     35     55
//   500 x 10 x 100 TN     11.8   16.4         4 x 64 x 64   NT      0.88   1.5
bool StaysInCaches(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k) {
  const double work = Work(m, n, k);
  if (work > 256 * 1024 || m < 4 || n < 8) return false;
  if (!transpose_b) return n >= 32 || !transpose_a;
  // Turning a and c must cost little beside the product.
  return m >= 8 && m <= 64 && (work <= 8192 || n * k >= 16 * (n + k));
}

void DnnlGemm(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, const float* a,
              int64_t lda, const float* b, int64_t ldb, float* c, int64_t ldc, int threads,
              bool accumulate) {
  const TeamSize team(threads);
  const dnnl_status_t status = dnnl_sgemm(transpose_a ? 'T' : 'N', transpose_b ? 'T' : 'N', m, n, k,
                                          1.f, a, lda, b, ldb, accumulate ? 1.f : 0.f, c, ldc);
  if (status == dnnl_success) return;
  // oneDNN declines where it can't have its scratch memory.
  PlainGemm(Op(transpose_a), Op(transpose_b), m, n, k, a, lda, b, ldb, c, ldc, accumulate);
}

// Columns of the result that a thread makes alone; n if oneDNN shares the product out itself. It
// does that badly where a wide right operand is transposed (100 x 3136 x 512 on two threads: 2.7 of
// one thread's 3.4 ms); a product of each thread's columns takes 0.51 times as long as one thread,
// and has its bits.
int64_t ColumnPiece(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int threads) {
  constexpr int64_t kMultiple = 48;  // three vectors of oneDNN's inner loop
  if (threads <= 1 || transpose_a || !transpose_b || n < m || n < 2 * kMultiple * threads) return n;
  return ((n + threads - 1) / threads + kMultiple - 1) / kMultiple * kMultiple;
}

}  // namespace

// Measured with two threads on an AVX-512 Xeon at 2.5 GHz, Debian's oneDNN 2.6.3 and OpenBLAS
// 0.3.21, microseconds (best of many runs; N, T: operand as it is, transposed):
//   m x n x k            oneDNN  OpenBLAS      m x n x k             oneDNN  OpenBLAS
//   8^3            NN      1.1       0.12      100 x 500 x 784   NN     380       506
//   32^3           NN      1.9       0.60      784 x 500 x 100   TN     609       708
//   64^3           NN      6.4       3.7       100 x 784 x 500   NT     686       765
//   64^3           NT      9.6       7.6       20 x 2600 x 1300  NN    1190      4097
//   96^3           NN     10.8      12.7       16 x 1024 x 1024  NN     288       659
//   128^3          NN     31        41         256^3             NN     124       168
//   100 x 10 x 500 NN     19.0      18.6       512^3             NN    1007      1255
//   500 x 10 x 100 TN     19.1      16.0       1024^3            NN   12525     15448
//   100 x 500 x 10 NT     15.2      20.0       700 x 10000 x 650 NN   36433     40914
//   1 x 64 x 64    NN      0.53      0.17      1 x 500 x 784     NN      24        59
//   1 x 256 x 256  NN      7.3       3.1       1 x 512 x 512     NN      13        19
//   256 x 1 x 256  NN      9.5       4.5       1 x 2600 x 1300   NN     294      1172
// A plain loop beats both up to 4^3. OpenBLAS has special kernels for small products, oneDNN starts
// its team late and packs little. Few rows times a large transposed matrix go past both
// (thin_gemm.h; GFLOP/s of one thread):
//   m x n x k          oneDNN   thin      m x n x k          oneDNN   thin
//   4 x 1300 x 2600      22      30       20 x 512 x 1024      49      72
//   20 x 1300 x 2600     19      47       32 x 512 x 1024      66      70
//   32 x 1300 x 2600     28      50       20 x 1000 x 300      81      59
GemmPath ChooseGemmPath(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k) {
  if (m <= 0 || n <= 0 || k <= 0) return GemmPath::kZero;
  const double work = Work(m, n, k);
  if (work <= 64) return GemmPath::kPlain;
  // A row times a matrix as it lies: the libraries start their teams late, or not at all.
  if (m == 1 && !transpose_b && n >= 4) return GemmPath::kRow;
  if (StaysInCaches(transpose_a, transpose_b, m, n, k)) return GemmPath::kSmall;
  if (!transpose_a && transpose_b && m >= 4 && m <= 32 && n >= 64 && k >= 512 && work / m >= 1e5)
    return GemmPath::kThin;
  const bool vector = m == 1 || n == 1;
  const double limit = vector ? 128 * 1024 : transpose_b ? 256 * 1024 : 512 * 1024;
  return work <= limit ? GemmPath::kOpenBlas : GemmPath::kDnnl;
}

void Gemm(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, const float* a,
          int64_t lda, const float* b, int64_t ldb, float* c, int64_t ldc, int threads,
          bool accumulate) {
  GemmPath path = ChooseGemmPath(transpose_a, transpose_b, m, n, k);
  if (path == GemmPath::kOpenBlas && !FitsBlas(m, n, k, lda, ldb, ldc)) path = GemmPath::kDnnl;
  switch (path) {
    case GemmPath::kZero:
      IsTrivial(m, n, k, c, ldc, accumulate);
      return;
    case GemmPath::kPlain:
      PlainGemm(Op(transpose_a), Op(transpose_b), m, n, k, a, lda, b, ldb, c, ldc, accumulate);
      return;
    case GemmPath::kSmall:
      SmallGemm(transpose_a, transpose_b, m, n, k, a, lda, b, ldb, c, ldc, accumulate);
      return;
    case GemmPath::kThin:
      ThinGemm(m, n, k, a, lda, b, ldb, c, ldc, threads, accumulate);
      return;
    case GemmPath::kRow: {
      // A column of k elements is a row of them if they lie side by side.
      if (transpose_a && lda != 1) break;
      RowTimesMatrix(n, k, a, b, ldb, c, threads, accumulate);
      return;
    }
    case GemmPath::kOpenBlas: {
      const OpenBlasCall call(threads);
      blas::cblas_sgemm(CblasRowMajor, BlasOp(Op(transpose_a)), BlasOp(Op(transpose_b)),
                        static_cast<int>(m), static_cast<int>(n), static_cast<int>(k), 1.f, a,
                        static_cast<int>(lda), b, static_cast<int>(ldb), accumulate ? 1.f : 0.f, c,
                        static_cast<int>(ldc));
      return;
    }
    case GemmPath::kDnnl: {
      if (const int64_t piece = ColumnPiece(transpose_a, transpose_b, m, n, threads); piece < n) {
        ParallelFor((n + piece - 1) / piece, 1e6, [&](int64_t begin, int64_t end) {
          for (int64_t j = begin * piece; j < std::min(n, end * piece); j += piece) {
            DnnlGemm(transpose_a, transpose_b, m, std::min(piece, n - j), k, a, lda, b + j * ldb,
                     ldb, c + j, ldc, /*threads=*/1, accumulate);
          }
        });
        return;
      }
      DnnlGemm(transpose_a, transpose_b, m, n, k, a, lda, b, ldb, c, ldc, threads, accumulate);
      return;
    }
  }
  PlainGemm(Op(transpose_a), Op(transpose_b), m, n, k, a, lda, b, ldb, c, ldc, accumulate);
}

void Gemm(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, const double* a,
          int64_t lda, const double* b, int64_t ldb, double* c, int64_t ldc, int threads,
          bool accumulate) {
  if (IsTrivial(m, n, k, c, ldc, accumulate)) return;
  const MatrixOp op_a = Op(transpose_a), op_b = Op(transpose_b);
  if (Work(m, n, k) <= 64 || !FitsBlas(m, n, k, lda, ldb, ldc)) {
    PlainGemm(op_a, op_b, m, n, k, a, lda, b, ldb, c, ldc, accumulate);
    return;
  }
  const OpenBlasCall call(threads);
  blas::cblas_dgemm(CblasRowMajor, BlasOp(op_a), BlasOp(op_b), static_cast<int>(m),
                    static_cast<int>(n), static_cast<int>(k), 1.0, a, static_cast<int>(lda), b,
                    static_cast<int>(ldb), accumulate ? 1.0 : 0.0, c, static_cast<int>(ldc));
}

void Gemm(MatrixOp op_a, MatrixOp op_b, int64_t m, int64_t n, int64_t k, const complex64* a,
          int64_t lda, const complex64* b, int64_t ldb, complex64* c, int64_t ldc, int threads,
          bool accumulate) {
  if (IsTrivial(m, n, k, c, ldc, accumulate)) return;
  if (Work(m, n, k) <= 64 || !FitsBlas(m, n, k, lda, ldb, ldc)) {
    PlainGemm(op_a, op_b, m, n, k, a, lda, b, ldb, c, ldc, accumulate);
    return;
  }
  const OpenBlasCall call(threads);
  const complex64 one(1), scale(accumulate ? 1.f : 0.f);
  blas::cblas_cgemm(CblasRowMajor, BlasOp(op_a), BlasOp(op_b), static_cast<int>(m),
                    static_cast<int>(n), static_cast<int>(k), &one, a, static_cast<int>(lda), b,
                    static_cast<int>(ldb), &scale, c, static_cast<int>(ldc));
}

void Gemm(MatrixOp op_a, MatrixOp op_b, int64_t m, int64_t n, int64_t k, const complex128* a,
          int64_t lda, const complex128* b, int64_t ldb, complex128* c, int64_t ldc, int threads,
          bool accumulate) {
  if (IsTrivial(m, n, k, c, ldc, accumulate)) return;
  if (Work(m, n, k) <= 64 || !FitsBlas(m, n, k, lda, ldb, ldc)) {
    PlainGemm(op_a, op_b, m, n, k, a, lda, b, ldb, c, ldc, accumulate);
    return;
  }
  const OpenBlasCall call(threads);
  const complex128 one(1), scale(accumulate ? 1.0 : 0.0);
  blas::cblas_zgemm(CblasRowMajor, BlasOp(op_a), BlasOp(op_b), static_cast<int>(m),
                    static_cast<int>(n), static_cast<int>(k), &one, a, static_cast<int>(lda), b,
                    static_cast<int>(ldb), &scale, c, static_cast<int>(ldc));
}

}  // namespace weft::cpu
