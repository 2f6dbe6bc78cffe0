// SPDX-License-Identifier: Apache-2.0
// clang-format off
// Each instruction set costs compile time; those left cover the machines of the last fifteen years.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_AVX3_DL)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/thin_gemm.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
#include "kernels/cpu/simd_target.h"
#include "kernels/cpu/vector_part-inl.h"
// clang-format on

#include <algorithm>

#include "kernels/cpu/product.h"
#include "kernels/cpu/thin_gemm.h"

HWY_BEFORE_NAMESPACE();
namespace weft::cpu::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;

constexpr bool kManyRegisters = HWY_TARGET <= HWY_AVX3;

// Elements of c are products of two rows: vectors of partial sums, added at the end of a block.

constexpr int kTileRows = kManyRegisters ? 4 : 2, kTileColumns = kManyRegisters ? 6 : 4;
constexpr int64_t kBlock = 1024;  // of k: so many rows of b of such a tile fit the first cache

// Rows of b that are wanted soon: asked into the second cache while others are multiplied.
struct Ahead {
  const float* first;
  int64_t count, distance;
};

template <int kRows, int kColumns>
void Tile(int64_t k, const float* HWY_RESTRICT a, int64_t lda, const float* HWY_RESTRICT b,
          int64_t ldb, float* HWY_RESTRICT c, int64_t ldc, bool add, const Ahead& ahead) {
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  V sums[kRows][kColumns];
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 16
    for (int j = 0; j < kColumns; ++j) sums[i][j] = hn::Zero(d);
  }
  const auto step = [&](const auto& load) HWY_ATTR {
    V x[kRows];
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i) x[i] = load(a + i * lda);
#pragma GCC unroll 16
    for (int j = 0; j < kColumns; ++j) {
      const V y = load(b + j * ldb);
#pragma GCC unroll 16
      for (int i = 0; i < kRows; ++i) sums[i][j] = hn::MulAdd(x[i], y, sums[i][j]);
    }
  };
  int64_t p = 0;
  for (; p + lanes <= k; p += lanes) {
    for (int64_t r = 0; r < ahead.count; ++r)
      __builtin_prefetch(ahead.first + r * ahead.distance + p, 0, 2);
    step([&](const float* row) HWY_ATTR { return hn::LoadU(d, row + p); });
  }
  if (p < k) {
    const weft::HWY_NAMESPACE::VectorPart<D> some(d, static_cast<size_t>(k - p));
    step([&](const float* row) HWY_ATTR { return some.Load(row + p); });
  }
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 16
    for (int j = 0; j < kColumns; ++j) {
      const float sum = hn::GetLane(hn::SumOfLanes(d, sums[i][j]));
      c[i * ldc + j] = (add ? c[i * ldc + j] : 0) + sum;
    }
  }
}

void Columns(const Product& t, int64_t begin, int64_t end) {
  const int64_t tiles = (t.m + kTileRows - 1) / kTileRows;
  for (int64_t p = 0; p < t.k; p += kBlock) {
    const int64_t size = std::min(kBlock, t.k - p);
    const bool add = t.accumulate || p > 0;
    for (int64_t j = begin; j < end; j += kTileColumns) {
      const int64_t columns = std::min<int64_t>(kTileColumns, end - j);
      const int64_t next = std::min<int64_t>(kTileColumns, end - j - columns);
      for (int64_t tile = 0; tile < tiles; ++tile) {
        const int64_t i = tile * kTileRows;
        // The rows of the next columns are shared out among the tiles.
        const int64_t share = (next + tiles - 1) / tiles, from = std::min(next, tile * share);
        const Ahead ahead{t.b + (j + columns + from) * t.ldb + p, std::min(share, next - from),
                          t.ldb};
        WithConstant<kTileRows>(std::min<int64_t>(kTileRows, t.m - i), [&]<int kRows>() {
          WithConstant<kTileColumns>(columns, [&]<int kColumns>() {
            Tile<kRows, kColumns>(size, t.a + i * t.lda + p, t.lda, t.b + j * t.ldb + p, t.ldb,
                                  t.c + i * t.ldc + j, t.ldc, add, ahead);
          });
        });
      }
    }
  }
}

}  // namespace weft::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace weft::cpu {

void ThinGemm(int64_t m, int64_t n, int64_t k, const float* a, int64_t lda, const float* b,
              int64_t ldb, float* c, int64_t ldc, int threads, bool accumulate) {
  static const auto columns = WEFT_CHOOSE_SIMD(Columns);
  const Product t{m, n, k, a, lda, b, ldb, c, ldc, accumulate};
  constexpr int64_t kPiece = 24;  // columns are shared out in whole tiles
  constexpr double kMultiplicationNs = 0.03;
  ShareOut(
      t, kMultiplicationNs, (n + kPiece - 1) / kPiece, threads,
      [&](int64_t begin, int64_t end) { columns(t, begin * kPiece, std::min(n, end * kPiece)); });
}

}  // namespace weft::cpu
#endif  // HWY_ONCE
