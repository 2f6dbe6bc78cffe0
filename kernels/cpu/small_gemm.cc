// SPDX-License-Identifier: Apache-2.0
// clang-format off
// Each instruction set costs compile time; those left cover the machines of the last fifteen years.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_AVX3_DL)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/small_gemm.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
#include "kernels/cpu/simd_target.h"
#include "kernels/cpu/vector_part-inl.h"
// clang-format on

#include <algorithm>
#include <span>
#include <vector>

#include "kernels/cpu/product.h"
#include "kernels/cpu/small_gemm.h"

#ifndef WEFT_SMALL_PRODUCT
#define WEFT_SMALL_PRODUCT
namespace weft::cpu {
struct SmallProduct {
  std::span<const LeftOperand> a;
  int64_t m, n;
  const float* b;
  int64_t ldb;
  float* c;
  int64_t ldc;
  bool accumulate;
};
}  // namespace weft::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace weft::cpu::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;

// A tile of so many rows of c, two vectors wide, stays in registers over all of k.
constexpr int kTileRows = HWY_TARGET <= HWY_AVX3 ? 12 : 5;

// Rows [i, i + kRows) and kVectors vectors of columns from j on; of the last vector what `part`
// says, if it isn't whole.
template <int kRows, int kVectors, bool kWhole>
HWY_INLINE void Tile(const SmallProduct& t, int64_t i, int64_t j,
                     const weft::HWY_NAMESPACE::VectorPart<D>& part) {
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto load = [&](int v, const float* p) HWY_ATTR {
    return kWhole || v < kVectors - 1 ? hn::LoadU(d, p + v * lanes) : part.Load(p + v * lanes);
  };
  float* HWY_RESTRICT const c = t.c + i * t.ldc + j;
  V sums[kRows][kVectors];
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 16
    for (int v = 0; v < kVectors; ++v)
      sums[r][v] = t.accumulate ? load(v, c + r * t.ldc) : hn::Zero(d);
  }
  const float* HWY_RESTRICT b = t.b + j;
  for (const LeftOperand& a : t.a) {
    // Four rows to a pointer: an address is then a pointer and at most three times a distance.
    const int64_t row = a.row, step = a.step;
    const float *HWY_RESTRICT a0 = a.data + i * row, *HWY_RESTRICT a4 = a0 + 4 * row,
                              *HWY_RESTRICT a8 = a4 + 4 * row;
    for (int64_t p = a.k; p > 0; --p) {
      V y[kVectors];
#pragma GCC unroll 16
      for (int v = 0; v < kVectors; ++v) y[v] = load(v, b);
#pragma GCC unroll 16
      for (int r = 0; r < kRows; ++r) {
        const V factor = hn::Set(d, (r < 4 ? a0 : r < 8 ? a4 : a8)[r % 4 * row]);
#pragma GCC unroll 16
        for (int v = 0; v < kVectors; ++v) sums[r][v] = hn::MulAdd(factor, y[v], sums[r][v]);
      }
      a0 += step, a4 += step, a8 += step;
      b += t.ldb;
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 16
    for (int v = 0; v < kVectors; ++v) {
      if (kWhole || v < kVectors - 1)
        hn::StoreU(sums[r][v], d, c + r * t.ldc + v * lanes);
      else
        part.Store(sums[r][v], c + r * t.ldc + v * lanes);
    }
  }
}

void Tiles(const SmallProduct& t) {
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const int64_t tiles = (t.m + kTileRows - 1) / kTileRows;
  const int64_t rows = (t.m + tiles - 1) / tiles;  // of a tile; the last may have fewer
  for (int64_t j = 0; j < t.n; j += 2 * lanes) {
    const int64_t columns = std::min(2 * lanes, t.n - j);
    const bool two = columns > lanes;
    const weft::HWY_NAMESPACE::VectorPart<D> part(
        d, static_cast<size_t>(two ? columns - lanes : columns));
    for (int64_t i = 0; i < t.m; i += rows) {
      WithConstant<kTileRows>(std::min(rows, t.m - i), [&]<int kRows>() HWY_ATTR {
        if (columns == 2 * lanes)
          Tile<kRows, 2, true>(t, i, j, part);
        else if (two)
          Tile<kRows, 2, false>(t, i, j, part);
        else
          Tile<kRows, 1, false>(t, i, j, part);
      });
    }
  }
}

// to[j, i] = from[i, j], or +=, for a matrix [rows, columns].
void Turn(int64_t rows, int64_t columns, const float* from, int64_t ld, float* to, int64_t ld_to,
          bool add) {
  const auto one = [&](int64_t i, int64_t j) {
    float& y = to[j * ld_to + i];
    y = (add ? y : 0) + from[i * ld + j];
  };
  int64_t i = 0;
#if HWY_TARGET != HWY_SCALAR
  // Four by four: longer vectors would need more exchanges between their parts than they save.
  const hn::Full128<float> d;
  for (; i + 4 <= rows; i += 4) {
    const float* const row = from + i * ld;
    const auto put = [&](hn::Vec<hn::Full128<float>> four, int64_t column) HWY_ATTR {
      float* const out = to + column * ld_to + i;
      hn::StoreU(add ? hn::Add(hn::LoadU(d, out), four) : four, d, out);
    };
    int64_t j = 0;
    for (; j + 4 <= columns; j += 4) {
      const auto r0 = hn::LoadU(d, row + j), r1 = hn::LoadU(d, row + ld + j),
                 r2 = hn::LoadU(d, row + 2 * ld + j), r3 = hn::LoadU(d, row + 3 * ld + j);
      const auto low02 = hn::InterleaveLower(d, r0, r2), low13 = hn::InterleaveLower(d, r1, r3),
                 high02 = hn::InterleaveUpper(d, r0, r2), high13 = hn::InterleaveUpper(d, r1, r3);
      put(hn::InterleaveLower(d, low02, low13), j);
      put(hn::InterleaveUpper(d, low02, low13), j + 1);
      put(hn::InterleaveLower(d, high02, high13), j + 2);
      put(hn::InterleaveUpper(d, high02, high13), j + 3);
    }
    for (; j < columns; ++j) {
      for (int64_t r = 0; r < 4; ++r) one(i + r, j);
    }
  }
#endif
  for (; i < rows; ++i) {
    for (int64_t j = 0; j < columns; ++j) one(i, j);
  }
}

int64_t VectorFloats() { return static_cast<int64_t>(hn::Lanes(D())); }

}  // namespace weft::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace weft::cpu {

void SmallGemm(std::span<const LeftOperand> a, int64_t m, int64_t n, const float* b, int64_t ldb,
               float* c, int64_t ldc, bool accumulate) {
  static const auto tiles = WEFT_CHOOSE_SIMD(Tiles);
  tiles({a, m, n, b, ldb, c, ldc, accumulate});
}

void SmallGemm(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, const float* a,
               int64_t lda, const float* b, int64_t ldb, float* c, int64_t ldc, bool accumulate) {
  if (!transpose_b) {
    const LeftOperand left{a, k, transpose_a ? 1 : lda, transpose_a ? lda : 1};
    SmallGemm({&left, 1}, m, n, b, ldb, c, ldc, accumulate);
    return;
  }
  // The transpose of c is b times the transpose of op(a).
  static const auto turn = WEFT_CHOOSE_SIMD(Turn);
  static const int64_t vector = WEFT_CHOOSE_SIMD(VectorFloats)();
  const int64_t width = (m + vector - 1) / vector * vector;
  static thread_local std::vector<float> scratch;
  scratch.resize(std::max(scratch.size(), static_cast<size_t>((k + n) * width)));
  float* const turned_c = scratch.data();
  const float* right = a;
  int64_t ld_right = lda;
  if (!transpose_a) {
    float* const turned_a = turned_c + n * width;
    turn(m, k, a, lda, turned_a, width, /*add=*/false);
    right = turned_a;
    ld_right = width;
  }
  const LeftOperand left{b, k, ldb, 1};
  SmallGemm({&left, 1}, n, m, right, ld_right, turned_c, width, /*accumulate=*/false);
  turn(n, m, turned_c, width, c, ldc, accumulate);
}

}  // namespace weft::cpu
#endif  // HWY_ONCE
