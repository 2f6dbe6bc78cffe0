// SPDX-License-Identifier: Apache-2.0
// clang-format off
// Each instruction set costs compile time; those left cover the machines of the last fifteen years.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_AVX3_DL)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/packed_gemm.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
#include "kernels/cpu/simd_target.h"
// clang-format on

#include <algorithm>
#include <vector>

#include "kernels/cpu/packed_gemm.h"
#include "kernels/cpu/product.h"

HWY_BEFORE_NAMESPACE();
namespace weft::cpu::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;

// A panel is two vectors of columns, row by row; columns beyond the last one are zeros. A tile of
// so many rows of c and the columns of a panel stays in registers over a block of k, which is short
// enough for the panel's part to stay in the first cache for the next tile.
constexpr int kTileRows = HWY_TARGET <= HWY_AVX3 ? 12 : 5;
constexpr int64_t kBlock = 160;

int64_t PanelWidth() { return static_cast<int64_t>(2 * hn::Lanes(D())); }

template <int kRows>
void Tile(int64_t k, const float* HWY_RESTRICT a, int64_t lda, const float* HWY_RESTRICT panel,
          float* HWY_RESTRICT c, int64_t ldc, bool add) {
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  V sums[kRows][2];
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
    sums[i][0] = add ? hn::LoadU(d, c + i * ldc) : hn::Zero(d);
    sums[i][1] = add ? hn::LoadU(d, c + i * ldc + lanes) : hn::Zero(d);
  }
  for (int64_t p = 0; p < k; ++p) {
    const V left = hn::LoadU(d, panel + 2 * p * lanes),
            right = hn::LoadU(d, panel + (2 * p + 1) * lanes);
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i) {
      const V factor = hn::Set(d, a[i * lda + p]);
      sums[i][0] = hn::MulAdd(factor, left, sums[i][0]);
      sums[i][1] = hn::MulAdd(factor, right, sums[i][1]);
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
    hn::StoreU(sums[i][0], d, c + i * ldc);
    hn::StoreU(sums[i][1], d, c + i * ldc + lanes);
  }
}

void Panels(const Product& t, int64_t begin, int64_t end) {
  const int64_t width = PanelWidth();
  const int64_t tiles = (t.m + kTileRows - 1) / kTileRows;
  const int64_t rows = (t.m + tiles - 1) / tiles;  // of a tile; the last may have fewer
  std::vector<float> last;                         // the result of a panel with fewer columns
  for (int64_t i = begin; i < end; ++i) {
    const float* const panel = t.b + i * width * t.k;
    const int64_t columns = std::min(width, t.n - i * width);
    const bool part = columns < width;
    if (part) last.assign(static_cast<size_t>(t.m * width), 0.0f);
    float* const c = part ? last.data() : t.c + i * width;
    const int64_t ldc = part ? width : t.ldc;
    for (int64_t p = 0; p < t.k; p += kBlock) {
      for (int64_t first = 0; first < t.m; first += rows) {
        WithConstant<kTileRows>(std::min(rows, t.m - first), [&]<int kRows>() {
          Tile<kRows>(std::min(kBlock, t.k - p), t.a + first * t.lda + p, t.lda, panel + p * width,
                      c + first * ldc, ldc, p > 0 || (t.accumulate && !part));
        });
      }
    }
    if (!part) continue;
    for (int64_t r = 0; r < t.m; ++r) {
      float* const to = t.c + r * t.ldc + i * width;
      for (int64_t j = 0; j < columns; ++j)
        to[j] = (t.accumulate ? to[j] : 0) + last[static_cast<size_t>(r * width + j)];
    }
  }
}

}  // namespace weft::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace weft::cpu {
namespace {

int64_t Width() {
  static const int64_t width = WEFT_CHOOSE_SIMD(PanelWidth)();
  return width;
}

// Columns [first, first + width) of op(b) as a panel.
void PackPanel(bool transpose, int64_t first, int64_t n, int64_t k, const float* b, int64_t ldb,
               float* panel) {
  const int64_t width = Width(), columns = std::min(width, n - first);
  if (!transpose) {
    for (int64_t p = 0; p < k; ++p) {
      float* const end = std::copy_n(b + p * ldb + first, columns, panel + p * width);
      std::fill_n(end, width - columns, 0.0f);
    }
    return;
  }
  constexpr int64_t kLine = 16;  // floats of a cache line: read whole, while the rows stay near
  for (int64_t p = 0; p < k; p += kLine) {
    const int64_t rows = std::min(kLine, k - p);
    for (int64_t j = 0; j < width; ++j) {
      for (int64_t q = 0; q < rows; ++q)
        panel[(p + q) * width + j] = j < columns ? b[(first + j) * ldb + p + q] : 0.0f;
    }
  }
}

}  // namespace

int64_t PackedFloats(int64_t n, int64_t k) { return (n + Width() - 1) / Width() * Width() * k; }

void PackMatrix(bool transpose, int64_t n, int64_t k, const float* b, int64_t ldb, float* panels) {
  const int64_t width = Width();
  constexpr double kFloatNs = 0.5;
  ParallelFor((n + width - 1) / width, static_cast<double>(k * width) * kFloatNs,
              [&](int64_t begin, int64_t end) {
                for (int64_t i = begin; i < end; ++i)
                  PackPanel(transpose, i * width, n, k, b, ldb, panels + i * width * k);
              });
}

void PackedGemm(int64_t m, int64_t n, int64_t k, const float* a, int64_t lda, const float* panels,
                float* c, int64_t ldc, int threads, bool accumulate) {
  static const auto run = WEFT_CHOOSE_SIMD(Panels);
  const Product t{m, n, k, a, lda, panels, /*ldb=*/0, c, ldc, accumulate};
  constexpr double kMultiplicationNs = 0.02;
  ShareOut(t, kMultiplicationNs, (n + Width() - 1) / Width(), threads,
           [&](int64_t begin, int64_t end) { run(t, begin, end); });
}

}  // namespace weft::cpu
#endif  // HWY_ONCE
