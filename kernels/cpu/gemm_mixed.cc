// SPDX-License-Identifier: Apache-2.0
// Products of element types that no library multiplies.
#include <algorithm>
#include <memory>
#include <new>

#include "kernels/cpu/gemm.h"

namespace weft::cpu {
namespace {

// Rows and columns of C that are computed at a time: converted operands stay small beside the
// originals.
constexpr int64_t kRowBlock = 256;
constexpr int64_t kColumnBlock = 1024;

std::unique_ptr<float[]> TryFloats(int64_t n) {
  return std::unique_ptr<float[]>(new (std::nothrow) float[static_cast<size_t>(n)]);
}

// A part of an operand as floats. Float operands are used as they are.
struct FloatBlock {
  const float* data;
  int64_t ld;
};

// The `count` rows or columns of a [rows, ld] matrix that begin at `first`, as floats.
template <typename T>
FloatBlock Convert(const T* matrix, int64_t rows, int64_t ld, int64_t first, int64_t count,
                   bool along_rows, float* out) {
  const int64_t block_rows = along_rows ? count : rows;
  const int64_t block_columns = along_rows ? ld : count;
  const T* begin = matrix + (along_rows ? first * ld : first);
  if constexpr (std::is_same_v<T, float>) {
    return {begin, ld};
  } else {
    for (int64_t r = 0; r < block_rows; ++r) {
      const T* in = begin + r * ld;
      float* to = out + r * block_columns;
      for (int64_t i = 0; i < block_columns; ++i) to[i] = static_cast<float>(in[i]);
    }
    return {out, block_columns};
  }
}

}  // namespace

template <typename A, typename B, typename C>
absl::Status GemmViaFloat(const GemmArgs& g, const A* a, const B* b, C* c) {
  if (g.m == 0 || g.n == 0) return absl::OkStatus();
  if (g.k == 0) {
    std::fill_n(c, g.m * g.n, C(0.f));
    return absl::OkStatus();
  }
  const int64_t row_block = std::min(g.m, kRowBlock), column_block = std::min(g.n, kColumnBlock);
  const std::unique_ptr<float[]> left = TryFloats(row_block * g.k),
                                 right = TryFloats(column_block * g.k),
                                 product = TryFloats(row_block * column_block);
  if (!left || !right || !product) {
    return absl::ResourceExhaustedError("no memory for the blocks of a matrix product in float");
  }
  const bool transpose_a = g.op_a != MatrixOp::kNone, transpose_b = g.op_b != MatrixOp::kNone;
  for (int64_t j = 0; j < g.n; j += column_block) {
    const int64_t columns = std::min(column_block, g.n - j);
    const FloatBlock y =
        Convert(b, transpose_b ? g.n : g.k, g.ldb(), j, columns, transpose_b, right.get());
    for (int64_t i = 0; i < g.m; i += row_block) {
      const int64_t rows = std::min(row_block, g.m - i);
      const FloatBlock x =
          Convert(a, transpose_a ? g.k : g.m, g.lda(), i, rows, !transpose_a, left.get());
      Gemm(transpose_a, transpose_b, rows, columns, g.k, x.data, x.ld, y.data, y.ld, product.get(),
           columns, g.threads);
      for (int64_t r = 0; r < rows; ++r) {
        const float* from = product.get() + r * columns;
        C* to = c + (i + r) * g.n + j;
        for (int64_t s = 0; s < columns; ++s) to[s] = C(from[s]);
      }
    }
  }
  return absl::OkStatus();
}

template <typename A, typename B, typename C>
void GemmIntegers(const GemmArgs& g, int64_t begin, int64_t end, const A* a, const B* b, C* c) {
  // Unsigned, so that wrapping is defined; of at least 32 bits, so that no promotion makes it
  // signed again.
  using Sum = std::conditional_t<sizeof(C) == 8, uint64_t, uint32_t>;
  constexpr int64_t kInner = 64,
                    kColumns = 256;  // a packed block of B stays in the second-level cache
  const bool transpose_a = g.op_a != MatrixOp::kNone, transpose_b = g.op_b != MatrixOp::kNone;
  const auto left = [&](int64_t i, int64_t p) {
    return static_cast<Sum>(transpose_a ? a[p * g.m + i] : a[i * g.k + p]);
  };
  const auto right = [&](int64_t p, int64_t j) {
    return static_cast<Sum>(transpose_b ? b[j * g.k + p] : b[p * g.n + j]);
  };
  Sum block[kInner * kColumns];
  Sum sums[kColumns];
  for (int64_t j0 = 0; j0 < g.n; j0 += kColumns) {
    const int64_t columns = std::min(kColumns, g.n - j0);
    for (int64_t i = begin; i < end; ++i) std::fill_n(c + i * g.n + j0, columns, C(0));
    for (int64_t p0 = 0; p0 < g.k; p0 += kInner) {
      const int64_t inner = std::min(kInner, g.k - p0);
      for (int64_t p = 0; p < inner; ++p) {
        for (int64_t j = 0; j < columns; ++j) block[p * kColumns + j] = right(p0 + p, j0 + j);
      }
      for (int64_t i = begin; i < end; ++i) {
        C* row = c + i * g.n + j0;
        for (int64_t j = 0; j < columns; ++j) sums[j] = static_cast<Sum>(row[j]);
        for (int64_t p = 0; p < inner; ++p) {
          const Sum factor = left(i, p0 + p);
          const Sum* from = block + p * kColumns;
          for (int64_t j = 0; j < columns; ++j) sums[j] += factor * from[j];
        }
        for (int64_t j = 0; j < columns; ++j) row[j] = static_cast<C>(sums[j]);
      }
    }
  }
}

template absl::Status GemmViaFloat(const GemmArgs&, const half*, const half*, half*);
template absl::Status GemmViaFloat(const GemmArgs&, const bfloat16*, const bfloat16*, bfloat16*);
template absl::Status GemmViaFloat(const GemmArgs&, const bfloat16*, const int8_t*, bfloat16*);
template absl::Status GemmViaFloat(const GemmArgs&, const bfloat16*, const uint8_t*, bfloat16*);
template absl::Status GemmViaFloat(const GemmArgs&, const int8_t*, const bfloat16*, bfloat16*);
template absl::Status GemmViaFloat(const GemmArgs&, const uint8_t*, const bfloat16*, bfloat16*);
template absl::Status GemmViaFloat(const GemmArgs&, const bfloat16*, const bfloat16*, float*);
template absl::Status GemmViaFloat(const GemmArgs&, const bfloat16*, const float*, float*);
template absl::Status GemmViaFloat(const GemmArgs&, const float*, const bfloat16*, float*);
template void GemmIntegers(const GemmArgs&, int64_t, int64_t, const int16_t*, const int16_t*,
                           int16_t*);
template void GemmIntegers(const GemmArgs&, int64_t, int64_t, const int32_t*, const int32_t*,
                           int32_t*);
template void GemmIntegers(const GemmArgs&, int64_t, int64_t, const int64_t*, const int64_t*,
                           int64_t*);
template void GemmIntegers(const GemmArgs&, int64_t, int64_t, const int8_t*, const int8_t*,
                           int32_t*);
template void GemmIntegers(const GemmArgs&, int64_t, int64_t, const int8_t*, const uint8_t*,
                           int32_t*);
template void GemmIntegers(const GemmArgs&, int64_t, int64_t, const uint8_t*, const int8_t*,
                           int32_t*);
template void GemmIntegers(const GemmArgs&, int64_t, int64_t, const uint8_t*, const uint8_t*,
                           int32_t*);

}  // namespace weft::cpu
