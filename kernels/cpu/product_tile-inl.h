// SPDX-License-Identifier: Apache-2.0
// The inner loop of products with packed matrices, for files that are compiled once an instruction
// set (Highway).
#if defined(WEFT_KERNELS_CPU_PRODUCT_TILE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef WEFT_KERNELS_CPU_PRODUCT_TILE_INL_H_
#undef WEFT_KERNELS_CPU_PRODUCT_TILE_INL_H_
#else
#define WEFT_KERNELS_CPU_PRODUCT_TILE_INL_H_
#endif

#include <cstdint>

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace weft {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// The most rows of a tile, whose sums stay in registers over a block of k.
constexpr int kTileRows = HWY_TARGET <= HWY_AVX3 ? 14 : 6;

// Adds to a tile the products of kRows rows of a, which begin lda elements apart, and k rows of a
// panel, two vectors each. Unless it is null, `ahead` is fetched meanwhile, ahead_step elements for
// each of k. (Into the first cache, which passes it on to the second: AMD's Zen 4 is slower with
// requests for the second one, prefetcht1, than with none.)
template <int kRows, class D>
HWY_INLINE void AddProducts(D d, int64_t k, const float* HWY_RESTRICT a, int64_t lda,
                            const float* HWY_RESTRICT panel, const float* ahead, int64_t ahead_step,
                            hn::Vec<D> (&sums)[kRows][2]) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  // Four rows to a pointer: an address is then a pointer and at most three times a distance.
  const float *HWY_RESTRICT a0 = a, *HWY_RESTRICT a4 = a0 + 4 * lda,
                            *HWY_RESTRICT a8 = a4 + 4 * lda, *HWY_RESTRICT a12 = a8 + 4 * lda;
  const auto step = [&]() HWY_ATTR {
    const hn::Vec<D> left = hn::LoadU(d, panel), right = hn::LoadU(d, panel + lanes);
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i) {
      const float* const row = i < 4 ? a0 : i < 8 ? a4 : i < 12 ? a8 : a12;
      const hn::Vec<D> factor = hn::Set(d, row[i % 4 * lda]);
      sums[i][0] = hn::MulAdd(factor, left, sums[i][0]);
      sums[i][1] = hn::MulAdd(factor, right, sums[i][1]);
    }
    ++a0, ++a4, ++a8, ++a12;
    panel += 2 * lanes;
  };
  if (ahead) {
    for (int64_t p = k; p > 0; --p) {
      __builtin_prefetch(ahead, 0, 3);
      ahead += ahead_step;
      step();
    }
  } else {
    for (int64_t p = k; p > 0; --p) step();
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace weft
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
