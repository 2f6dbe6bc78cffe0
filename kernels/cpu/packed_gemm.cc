// SPDX-License-Identifier: Apache-2.0
// clang-format off
// Each instruction set costs compile time; those left cover the machines of the last fifteen years.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_AVX3_DL)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/packed_gemm.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
#include "kernels/cpu/simd_target.h"
#include "kernels/cpu/positive-inl.h"
#include "kernels/cpu/product_tile-inl.h"
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

// A panel is two vectors of columns, row by row; columns beyond the last one are zeros. A tile is
// so many rows of c and the columns of a panel.
using weft::HWY_NAMESPACE::kTileRows;

int64_t PanelWidth() { return static_cast<int64_t>(2 * hn::Lanes(D())); }
int64_t TileRows() { return kTileRows; }

// Where the sums of a tile begin and end.
struct TileEnds {
  const float* bias = nullptr;  // a panel's columns, or none
  bool clamp = false;           // to [0, most]
  float most = 0;
  // See AddProducts.
  const float* ahead = nullptr;
  int64_t ahead_step = 0;
};

// kAdd: to what c holds.
template <int kRows, bool kAdd>
void Tile(int64_t k, const float* HWY_RESTRICT a, int64_t lda, const float* HWY_RESTRICT panel,
          float* HWY_RESTRICT c, int64_t ldc, const TileEnds& ends) {
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  V sums[kRows][2];
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 2
    for (int v = 0; v < 2; ++v)
      sums[i][v] = ends.bias ? hn::LoadU(d, ends.bias + v * lanes) : hn::Zero(d);
  }
  if constexpr (kAdd) {
    const float* from = c;
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i, from += ldc) {
      sums[i][0] = hn::Add(sums[i][0], hn::LoadU(d, from));
      sums[i][1] = hn::Add(sums[i][1], hn::LoadU(d, from + lanes));
    }
  }
  weft::HWY_NAMESPACE::AddProducts<kRows>(d, k, a, lda, panel, ends.ahead, ends.ahead_step, sums);
  if (ends.clamp) {
    const V most = hn::Set(d, ends.most);
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 2
      for (int v = 0; v < 2; ++v) {
        sums[i][v] = hn::Min(weft::HWY_NAMESPACE::Positive(d, sums[i][v]), most);
      }
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i, c += ldc) {
    hn::StoreU(sums[i][0], d, c);
    hn::StoreU(sums[i][1], d, c + lanes);
  }
}

void Panels(const Product& t, int64_t begin, int64_t end) {
  // Short enough for a panel's part to stay in the first cache for the next tile.
  constexpr int64_t kBlock = 160;
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
          const bool add = p > 0 || (t.accumulate && !part);
          const auto tile = add ? Tile<kRows, true> : Tile<kRows, false>;
          tile(std::min(kBlock, t.k - p), t.a + first * t.lda + p, t.lda, panel + p * width,
               c + first * ldc, ldc, {});
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

// As Panels, but over all of k at once: panels that leave the first cache come from the second one
// fast enough for tiles of fourteen rows, and c is written once.
void Rows(const Product& t, const SumFinish& finish, int64_t begin, int64_t end) {
  const int64_t width = PanelWidth();
  const int64_t tiles = (t.m + kTileRows - 1) / kTileRows;
  HWY_ALIGN float last[kTileRows * 2 * hn::MaxLanes(D())], last_bias[2 * hn::MaxLanes(D())];
  for (int64_t i = begin; i < end; ++i) {
    const float* const panel = t.b + i * width * t.k;
    const int64_t columns = std::min(width, t.n - i * width);
    const bool part = columns < width;
    const float* bias = finish.bias ? finish.bias + i * width : nullptr;
    if (part && bias) {
      std::fill(std::copy_n(bias, columns, last_bias), last_bias + width, 0.0f);
      bias = last_bias;
    }
    int64_t tile = 0, first = 0;
    // Tiles have one of two sizes, the larger ones first.
    for (int64_t rows = (t.m + tiles - 1) / tiles; first < t.m; --rows) {
      const int64_t same = tile == 0 ? tiles - (rows * tiles - t.m) : tiles - tile;
      WithConstant<kTileRows>(rows, [&]<int kRows>() {
        for (const int64_t stop = tile + same; tile < stop; ++tile, first += kRows) {
          float* const c = t.c + first * t.ldc + i * width;
          if (part && t.accumulate) {
            for (int64_t r = 0; r < kRows; ++r)
              std::copy_n(c + r * t.ldc, columns, last + r * width);
          }
          // Where the next tile will be stored.
          if (!part && tile + 1 < tiles) {
            for (int64_t r = 0; r < kRows; ++r) {
              const float* const next = c + (kRows + r) * t.ldc;
              __builtin_prefetch(next, 1, 3);
              __builtin_prefetch(next + width / 2, 1, 3);
            }
          }
          // The tiles of a panel fetch the next panel.
          const float* const ahead =
              i + 1 < end ? panel + width * t.k * (tiles + tile) / tiles : nullptr;
          const auto multiply = t.accumulate ? Tile<kRows, true> : Tile<kRows, false>;
          multiply(t.k, t.a + first * t.lda, t.lda, panel, part ? last : c, part ? width : t.ldc,
                   {bias, finish.clamp, finish.most, ahead,
                    std::min<int64_t>(16, (width + tiles - 1) / tiles)});
          if (!part) continue;
          for (int64_t r = 0; r < kRows; ++r) std::copy_n(last + r * width, columns, c + r * t.ldc);
        }
      });
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

int64_t PackedTileRows() {
  static const int64_t rows = WEFT_CHOOSE_SIMD(TileRows)();
  return rows;
}

int64_t PackedPanels(int64_t n) { return (n + Width() - 1) / Width(); }

void PackedRows(const PackedProduct& t, const SumFinish& finish, int64_t first_panel,
                int64_t end_panel) {
  static const auto run = WEFT_CHOOSE_SIMD(Rows);
  run({t.m, t.n, t.k, t.a, t.lda, t.panels, /*ldb=*/0, t.c, t.ldc, finish.add}, finish, first_panel,
      end_panel);
}

}  // namespace weft::cpu
#endif  // HWY_ONCE
