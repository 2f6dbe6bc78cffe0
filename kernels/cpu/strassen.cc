// SPDX-License-Identifier: Apache-2.0
// clang-format off
// Each instruction set costs compile time; those left cover the machines of the last fifteen years.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_AVX3_DL)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/strassen.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
#include "kernels/cpu/simd_target.h"
#include "kernels/cpu/positive-inl.h"
#include "kernels/cpu/product_tile-inl.h"
// clang-format on

#include <algorithm>

#include "kernels/cpu/product.h"
#include "kernels/cpu/strassen.h"
#include "kernels/cpu/winograd.h"

// Once for all instruction sets.
#ifndef WEFT_STRASSEN_FORM
#define WEFT_STRASSEN_FORM
namespace weft::cpu {

// With quarters a, b, c, d of the rows (a, b of even ones) and A, B, C, D of the matrix, the
// products in the order in which they are made:
//
//   p0 = (a + d)(A + D)   p1 = (c + d) A         p2 = d (C - A)     p3 = (a + b) D
//   p4 = (b - d)(C + D)   p5 = a (B - D)         p6 = (c - a)(A + B)
//
//   even rows: p0 + p2 - p3 + p4 | p3 + p5      odd rows: p1 + p2 | p0 - p1 + p5 + p6
constexpr int kStrassenProducts = 7, kStrassenSums = 5;

// Rows of sums begin so far apart, in floats: see RowDistance in pixel_product.cc.
constexpr int64_t StrassenDistance(int64_t k) { return k / 2 + 16; }

}  // namespace weft::cpu
#endif

// Lambdas whose arrays of vectors must be registers.
#ifndef WEFT_INLINED
#define WEFT_INLINED HWY_ATTR __attribute__((always_inline))
#endif

HWY_BEFORE_NAMESPACE();
namespace weft::cpu::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;
using weft::HWY_NAMESPACE::kTileRows;

int64_t StrassenWidth() { return static_cast<int64_t>(2 * hn::Lanes(D())); }

void SumRows(int64_t m, int64_t k, const float* a, int64_t lda, float* sums) {
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const int64_t half = k / 2, distance = StrassenDistance(k), size = (m + 1) / 2 * distance;
  for (int64_t row = 0; row < m; row += 2, sums += distance) {
    const float *const even = a + row * lda, *const odd = even + lda;
    for (int64_t i = 0; i < half; i += lanes) {
      const V a0 = hn::LoadU(d, even + i), b0 = hn::LoadU(d, even + half + i),
              c0 = hn::LoadU(d, odd + i), d0 = hn::LoadU(d, odd + half + i);
      float* const to = sums + i;
      hn::StoreU(hn::Add(a0, d0), d, to);
      hn::StoreU(hn::Add(c0, d0), d, to + size);
      hn::StoreU(hn::Add(a0, b0), d, to + 2 * size);
      hn::StoreU(hn::Sub(b0, d0), d, to + 3 * size);
      hn::StoreU(hn::Sub(c0, a0), d, to + 4 * size);
    }
  }
}

// What a step of the product has in common: product p of the pair of panels `part`.
struct StrassenStep {
  const PackedProduct& t;
  const SumFinish& finish;
  int64_t part;
  int p;
  const float* a;  // the factor's rows, and how far apart they begin
  int64_t distance;
  const float* panel;
  int64_t ahead_step;
  float* between;  // four quarters of the result, a row of a panel's width for each pair
};

// kRows pairs of rows from `pair` on.
template <int kRows>
void StrassenTile(const StrassenStep& s, int64_t pair, const float* ahead) {
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const PackedProduct& t = s.t;
  const int64_t width = 2 * lanes, size = (t.m + 1) / 2 * width;
  float* const between = s.between + pair * width;
  V acc[kRows][2];
  const auto each = [&](const auto& f) WEFT_INLINED {
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 2
      for (int v = 0; v < 2; ++v) f(acc[i][v], between + i * width + v * lanes);
    }
  };
  // Stores quarter q: the sums in registers and what was kept of it before.
  const auto store = [&](int64_t q) WEFT_INLINED {
    const int64_t column = q % 2 * (t.n / 2) + s.part * width;
    float* c = t.c + (2 * pair + q / 2) * t.ldc + column;
    // The last row may be one that only fills a pair.
    const int64_t rows = q < 2 ? kRows : t.m / 2 - pair;
    const float* kept = between + q * size;
    const V most = hn::Set(d, s.finish.most);
    V bias[2] = {hn::Zero(d), hn::Zero(d)};
    if (s.finish.bias) {
      bias[0] = hn::LoadU(d, s.finish.bias + column);
      bias[1] = hn::LoadU(d, s.finish.bias + column + lanes);
    }
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i, c += 2 * t.ldc, kept += width) {
      if (i >= rows) break;
#pragma GCC unroll 2
      for (int v = 0; v < 2; ++v) {
        V sum = hn::Add(hn::Add(hn::LoadU(d, kept + v * lanes), acc[i][v]), bias[v]);
        if (s.finish.clamp) sum = hn::Min(weft::HWY_NAMESPACE::Positive(d, sum), most);
        hn::StoreU(sum, d, c + v * lanes);
      }
    }
  };
  each([&](V& sum, float*) WEFT_INLINED { sum = hn::Zero(d); });
  weft::HWY_NAMESPACE::AddProducts<kRows>(d, t.k / 2, s.a + pair * s.distance, s.distance, s.panel,
                                          ahead, s.ahead_step, acc);
  switch (s.p) {
    case 0:
      each([&](V& sum, float* at) WEFT_INLINED { hn::StoreU(sum, d, at); });
      break;
    case 1:
      each([&](V& sum, float* at) WEFT_INLINED {
        hn::StoreU(sum, d, at + 2 * size);
        hn::StoreU(hn::Sub(hn::LoadU(d, at), sum), d, at + 3 * size);
      });
      break;
    case 2:
      store(2);
      each([&](V& sum, float* at)
               WEFT_INLINED { hn::StoreU(hn::Add(hn::LoadU(d, at), sum), d, at); });
      break;
    case 3:
      each([&](V& sum, float* at) WEFT_INLINED {
        hn::StoreU(sum, d, at + size);
        hn::StoreU(hn::Sub(hn::LoadU(d, at), sum), d, at);
      });
      break;
    case 4:
      store(0);
      break;
    case 5:
      store(1);
      each([&](V& sum, float* at) WEFT_INLINED {
        hn::StoreU(hn::Add(hn::LoadU(d, at + 3 * size), sum), d, at + 3 * size);
      });
      break;
    default:
      store(3);
  }
}

void StrassenParts(const PackedProduct& t, float* sums, const SumFinish& finish, int64_t begin,
                   int64_t end) {
  constexpr int64_t kLine = 16;  // floats of a cache line
  const int64_t pairs = (t.m + 1) / 2, tiles = (pairs + kTileRows - 1) / kTileRows, half = t.k / 2,
                panel = half * StrassenWidth(), distance = StrassenDistance(t.k),
                size = pairs * distance;
  const struct {
    const float* at;
    int64_t distance;
  } factors[kStrassenProducts] = {{sums, distance},
                                  {sums + size, distance},
                                  {t.a + t.lda + half, 2 * t.lda},
                                  {sums + 2 * size, distance},
                                  {sums + 3 * size, distance},
                                  {t.a, 2 * t.lda},
                                  {sums + 4 * size, distance}};
  const int64_t steps = kStrassenProducts * (end - begin);
  for (int64_t i = 0; i < steps; ++i) {
    const int p = static_cast<int>(i % kStrassenProducts);
    const float* const at = t.panels + (begin * kStrassenProducts + i) * panel;
    const StrassenStep step = {t,
                               finish,
                               begin + i / kStrassenProducts,
                               p,
                               factors[p].at,
                               factors[p].distance,
                               at,
                               std::min<int64_t>(kLine, (StrassenWidth() + tiles - 1) / tiles),
                               sums + kStrassenSums * size};
    // Tiles have one of two sizes. Together they fetch the next panel.
    for (int64_t tile = 0; tile < tiles; ++tile) {
      const int64_t pair = (pairs * tile + tiles - 1) / tiles,
                    rows = (pairs * (tile + 1) + tiles - 1) / tiles - pair;
      const float* const ahead = i + 1 < steps ? at + panel + panel * tile / tiles : nullptr;
      WithConstant<kTileRows>(rows, [&]<int kRows>() { StrassenTile<kRows>(step, pair, ahead); });
    }
  }
}

}  // namespace weft::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace weft::cpu {
namespace {

int64_t PanelColumns() {
  static const int64_t width = WEFT_CHOOSE_SIMD(StrassenWidth)();
  return width;
}

}  // namespace

bool StrassenPays(int64_t m, int64_t n, int64_t k) {
  // Below these sizes the sums cost what a product in eight saves.
  constexpr int64_t kFewestRows = 28, kFewest = 128, kFewestPairs = 128 * 256;
  if (m < kFewestRows || n < kFewest || k < kFewest || n * k < kFewestPairs) return false;
  return n % 64 == 0 && k % 32 == 0 && FastFormsAllowed();
}

int64_t StrassenFloats(int64_t n, int64_t k) { return kStrassenProducts * (k / 2) * (n / 2); }

int64_t StrassenPanels(int64_t n) { return n / 2 / PanelColumns(); }

void StrassenPack(int64_t n, int64_t k, const float* b, int64_t ldb, float* panels) {
  const int64_t width = PanelColumns(), rows = k / 2;
  constexpr double kFloatNs = 0.5;
  ParallelFor(StrassenPanels(n), kFloatNs * static_cast<double>(kStrassenProducts * rows * width),
              [&](int64_t begin, int64_t end) {
                for (int64_t part = begin; part < end; ++part) {
                  float* to = panels + part * kStrassenProducts * rows * width;
                  for (int64_t row = 0; row < rows; ++row, to += width) {
                    const float *const upper = b + row * ldb + part * width, *const lower =
                                                                                 upper + rows * ldb;
                    for (int64_t j = 0; j < width; ++j) {
                      const float b00 = upper[j], b01 = upper[n / 2 + j], b10 = lower[j],
                                  b11 = lower[n / 2 + j];
                      const float sums[] = {b00 + b11, b00,       b10 - b00, b11,
                                            b10 + b11, b01 - b11, b00 + b01};
                      for (int p = 0; p < kStrassenProducts; ++p)
                        to[p * rows * width + j] = sums[p];
                    }
                  }
                }
              });
}

int64_t StrassenSumFloats(int64_t m, int64_t k) {
  return (m + 1) / 2 * (kStrassenSums * StrassenDistance(k) + 4 * PanelColumns());
}

void StrassenSums(int64_t m, int64_t k, float* a, int64_t lda, float* sums) {
  static const auto run = WEFT_CHOOSE_SIMD(SumRows);
  if (m % 2 != 0) std::fill_n(a + m * lda, k, 0.f);
  run(m, k, a, lda, sums);
}

void StrassenRows(const PackedProduct& t, float* sums, const SumFinish& finish, int64_t begin,
                  int64_t end) {
  static const auto run = WEFT_CHOOSE_SIMD(StrassenParts);
  run(t, sums, finish, begin, end);
}

}  // namespace weft::cpu
#endif  // HWY_ONCE
