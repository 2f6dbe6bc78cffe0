// SPDX-License-Identifier: Apache-2.0
// Matrix products for the CPU kernels: the one place that picks the library which computes them.
//
// All matrices are row-major. A leading dimension ("ld") is the distance, in elements, between the
// rows of a matrix as it is stored. `threads` is the size of the OpenMP team that a product may
// use; 1 keeps it on the caller's thread, which is what code inside a ParallelFor must ask for. The
// bits of a result depend on shape, operand order and `threads`, never on a race or on the load.
#pragma once

#include <cstdint>
#include <type_traits>

#include "absl/status/status.h"
#include "weft/core/complex.h"
#include "weft/core/dtype.h"

namespace weft::cpu {

// How an operand enters the product. For real types kAdjoint is kTranspose.
enum class MatrixOp : uint8_t { kNone, kTranspose, kAdjoint };

// C[m,n] = op(A)[m,k] * op(B)[k,n], or C += ... if `accumulate`. A is stored [m,k], or [k,m] if
// transposed; B likewise. Sizes may be 0: a product over k = 0 is 0. C must not overlap A or B.
void Gemm(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, const float* a,
          int64_t lda, const float* b, int64_t ldb, float* c, int64_t ldc, int threads,
          bool accumulate = false);
void Gemm(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, const double* a,
          int64_t lda, const double* b, int64_t ldb, double* c, int64_t ldc, int threads,
          bool accumulate = false);
void Gemm(MatrixOp op_a, MatrixOp op_b, int64_t m, int64_t n, int64_t k, const complex64* a,
          int64_t lda, const complex64* b, int64_t ldb, complex64* c, int64_t ldc, int threads,
          bool accumulate = false);
void Gemm(MatrixOp op_a, MatrixOp op_b, int64_t m, int64_t n, int64_t k, const complex128* a,
          int64_t lda, const complex128* b, int64_t ldb, complex128* c, int64_t ldc, int threads,
          bool accumulate = false);

// Which way a float product goes; Gemm follows it. In the header for its test.
enum class GemmPath : uint8_t { kZero, kPlain, kRow, kSmall, kThin, kOpenBlas, kDnnl };
GemmPath ChooseGemmPath(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k);

// One dense product (ld = row length) of any element types.
struct GemmArgs {
  MatrixOp op_a = MatrixOp::kNone;
  MatrixOp op_b = MatrixOp::kNone;
  int64_t m = 0, n = 0, k = 0;
  int threads = 1;  // as above
  int64_t lda() const { return op_a == MatrixOp::kNone ? k : m; }
  int64_t ldb() const { return op_b == MatrixOp::kNone ? n : k; }
};

// Products of half, bfloat16 and mixed floating types: multiplied and summed as float, in blocks,
// and rounded once. Fails only where memory for the blocks can't be had. Instantiated for the types
// that the ops have.
template <typename A, typename B, typename C>
absl::Status GemmViaFloat(const GemmArgs& args, const A* a, const B* b, C* c);

// Rows [begin, end) of a product of integers, which wraps around. On the caller's thread.
template <typename A, typename B, typename C>
void GemmIntegers(const GemmArgs& args, int64_t begin, int64_t end, const A* a, const B* b, C* c);

template <typename T>
inline constexpr bool kGemmIsNative = std::is_same_v<T, float> || std::is_same_v<T, double>;
template <typename T>
inline constexpr bool kGemmIsComplex =
    std::is_same_v<T, complex64> || std::is_same_v<T, complex128>;
template <typename T>
inline constexpr bool kGemmIsInteger = std::is_integral_v<T>;

// Dense product of one triple of types by whichever of the above fits.
template <typename A, typename B, typename C>
absl::Status GemmAny(const GemmArgs& g, const A* a, const B* b, C* c) {
  constexpr bool kSame = std::is_same_v<A, B> && std::is_same_v<B, C>;
  if constexpr (kSame && kGemmIsNative<C>) {
    Gemm(g.op_a != MatrixOp::kNone, g.op_b != MatrixOp::kNone, g.m, g.n, g.k, a, g.lda(), b,
         g.ldb(), c, g.n, g.threads);
    return absl::OkStatus();
  } else if constexpr (kSame && kGemmIsComplex<C>) {
    Gemm(g.op_a, g.op_b, g.m, g.n, g.k, a, g.lda(), b, g.ldb(), c, g.n, g.threads);
    return absl::OkStatus();
  } else if constexpr (kGemmIsInteger<C>) {
    GemmIntegers(g, 0, g.m, a, b, c);
    return absl::OkStatus();
  } else {
    return GemmViaFloat(g, a, b, c);
  }
}

}  // namespace weft::cpu
