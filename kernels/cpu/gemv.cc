// SPDX-License-Identifier: Apache-2.0
// clang-format off
// Each instruction set costs compile time; those left cover the machines of the last fifteen years.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_AVX3_DL)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/gemv.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
// clang-format on

#include <algorithm>
#include <utility>

#include "kernels/cpu/gemv.h"
#include "src/core/parallel.h"

HWY_BEFORE_NAMESPACE();
namespace weft::cpu::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// `kVectors` vectors of columns of b: as many sums as stay in registers, over all rows. Of the last
// vector only the lanes in `mask` count.
template <int kVectors, class D>
void Block(D d, hn::Mask<D> mask, int64_t k, const float* HWY_RESTRICT a,
           const float* HWY_RESTRICT b, int64_t ldb, float* HWY_RESTRICT c, bool accumulate) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  constexpr int kLast = kVectors - 1;
  hn::Vec<D> sums[kVectors];
#pragma GCC unroll 16
  for (int v = 0; v < kLast; ++v)
    sums[v] = accumulate ? hn::LoadU(d, c + v * lanes) : hn::Zero(d);
  sums[kLast] = accumulate ? hn::MaskedLoad(mask, d, c + kLast * lanes) : hn::Zero(d);
  for (int64_t p = 0; p < k; ++p) {
    const auto factor = hn::Set(d, a[p]);
    const float* row = b + p * ldb;
#pragma GCC unroll 16
    for (int v = 0; v < kLast; ++v)
      sums[v] = hn::MulAdd(factor, hn::LoadU(d, row + v * lanes), sums[v]);
    sums[kLast] = hn::MulAdd(factor, hn::MaskedLoad(mask, d, row + kLast * lanes), sums[kLast]);
  }
#pragma GCC unroll 16
  for (int v = 0; v < kLast; ++v) hn::StoreU(sums[v], d, c + v * lanes);
  hn::BlendedStore(sums[kLast], mask, d, c + kLast * lanes);
}

// Half of the registers are sums. The more there are, the longer the piece of a row that is read at
// a time, and the fewer pages a column of pieces touches.
constexpr int kMostVectors = HWY_TARGET <= HWY_AVX3 ? 16 : 8;

void Columns(int64_t n, int64_t k, const float* a, const float* b, int64_t ldb, float* c,
             bool accumulate) {
  const hn::ScalableTag<float> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto all = hn::FirstN(d, static_cast<size_t>(lanes));
  const int64_t step = kMostVectors * lanes;
  int64_t j = 0;
  for (; j + step <= n; j += step)
    Block<kMostVectors>(d, all, k, a, b + j, ldb, c + j, accumulate);
  if (j == n) return;
  const int64_t vectors = (n - j + lanes - 1) / lanes;
  const auto some = hn::FirstN(d, static_cast<size_t>(n - j - (vectors - 1) * lanes));
  const auto rest = [&]<int... kVectors>(std::integer_sequence<int, kVectors...>) {
    const auto one = [&]<int kThese>() {
      Block<kThese>(d, some, k, a, b + j, ldb, c + j, accumulate);
      return true;
    };
    (void)((vectors == kVectors + 1 && one.template operator()<kVectors + 1>()) || ...);
  };
  rest(std::make_integer_sequence<int, kMostVectors>());
}

}  // namespace weft::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace weft::cpu {

HWY_EXPORT(Columns);

void RowTimesMatrix(int64_t n, int64_t k, const float* a, const float* b, int64_t ldb, float* c,
                    int threads, bool accumulate) {
  const auto columns = [=](int64_t begin, int64_t end) {
    HWY_DYNAMIC_DISPATCH(Columns)
    (end - begin, k, a, b + begin, ldb, c + begin, accumulate);
  };
  // Four bytes an element at what a core reads from its second-level cache.
  constexpr double kElementNs = 0.06;
  if (threads <= 1) return columns(0, n);
  ParallelFor(n, static_cast<double>(k) * kElementNs, columns);
}

}  // namespace weft::cpu
#endif  // HWY_ONCE
