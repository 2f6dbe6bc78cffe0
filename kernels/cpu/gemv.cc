// SPDX-License-Identifier: Apache-2.0
// clang-format off
// Each instruction set costs compile time; those left cover the machines of the last fifteen years.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_AVX3_DL)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/gemv.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
#include "kernels/cpu/simd_target.h"
#include "kernels/cpu/vector_part-inl.h"
// clang-format on

#include <algorithm>
#include <new>

#include "kernels/cpu/gemv.h"
#include "kernels/cpu/product.h"

HWY_BEFORE_NAMESPACE();
namespace weft::cpu::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// `kVectors` vectors of columns of b: as many sums as stay in registers, over all rows. Of the last
// vector only the lanes of `part` count.
template <int kVectors, class D>
void Block(D d, const weft::HWY_NAMESPACE::VectorPart<D>& part, int64_t k,
           const float* HWY_RESTRICT a, const float* HWY_RESTRICT b, int64_t ldb,
           float* HWY_RESTRICT c, bool accumulate) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  constexpr int kLast = kVectors - 1;
  hn::Vec<D> sums[kVectors];
#pragma GCC unroll 16
  for (int v = 0; v < kLast; ++v) sums[v] = accumulate ? hn::LoadU(d, c + v * lanes) : hn::Zero(d);
  sums[kLast] = accumulate ? part.Load(c + kLast * lanes) : hn::Zero(d);
  for (int64_t p = 0; p < k; ++p) {
    const auto factor = hn::Set(d, a[p]);
    const float* row = b + p * ldb;
#pragma GCC unroll 16
    for (int v = 0; v < kLast; ++v)
      sums[v] = hn::MulAdd(factor, hn::LoadU(d, row + v * lanes), sums[v]);
    sums[kLast] = hn::MulAdd(factor, part.Load(row + kLast * lanes), sums[kLast]);
  }
#pragma GCC unroll 16
  for (int v = 0; v < kLast; ++v) hn::StoreU(sums[v], d, c + v * lanes);
  part.Store(sums[kLast], c + kLast * lanes);
}

// Half of the registers are sums. The more there are, the longer the piece of a row that is read at
// a time, and the fewer pages a column of pieces touches.
constexpr int kMostVectors = HWY_TARGET <= HWY_AVX3 ? 16 : 8;

// At most kMostVectors of them.
template <class D>
void SomeColumns(D d, int64_t n, int64_t k, const float* a, const float* b, int64_t ldb, float* c,
                 bool accumulate) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const int64_t vectors = (n + lanes - 1) / lanes;
  const weft::HWY_NAMESPACE::VectorPart<D> some(d, static_cast<size_t>(n - (vectors - 1) * lanes));
  WithConstant<kMostVectors>(
      vectors, [&]<int kVectors>() { Block<kVectors>(d, some, k, a, b, ldb, c, accumulate); });
}

void Columns(int64_t n, int64_t k, const float* a, const float* b, int64_t ldb, float* c,
             bool accumulate) {
  const hn::ScalableTag<float> d;
  const auto step = static_cast<int64_t>(kMostVectors * hn::Lanes(d));
  for (int64_t j = 0; j < n; j += step)
    SomeColumns(d, std::min(step, n - j), k, a, b + j, ldb, c + j, accumulate);
}

// ---- Panels: kMostVectors vectors of columns, row by row; in the last panel as many as are
// needed.

struct Panel {
  int64_t first, columns, padded;
};
Panel PanelAt(int64_t i, int64_t n) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(hn::ScalableTag<float>()));
  const int64_t first = i * kMostVectors * lanes;
  const int64_t columns = std::min(kMostVectors * lanes, n - first);
  return {first, columns, (columns + lanes - 1) / lanes * lanes};
}

int64_t CountPanels(int64_t n) {
  const auto step = static_cast<int64_t>(kMostVectors * hn::Lanes(hn::ScalableTag<float>()));
  return (n + step - 1) / step;
}

int64_t PanelFloats(int64_t n, int64_t k) {
  const Panel last = PanelAt(CountPanels(n) - 1, n);
  return (last.first + last.padded) * k;
}

void Pack(int64_t n, int64_t k, const float* b, float* panels) {
  for (int64_t i = 0; i < CountPanels(n); ++i) {
    const Panel p = PanelAt(i, n);
    for (int64_t row = 0; row < k; ++row) {
      float* const to =
          std::copy_n(b + row * n + p.first, p.columns, panels + p.first * k + row * p.padded);
      std::fill_n(to, p.padded - p.columns, 0.0f);
    }
  }
}

void PanelRange(int64_t begin, int64_t end, int64_t n, int64_t k, const float* a,
                const float* panels, float* c) {
  for (int64_t i = begin; i < end; ++i) {
    const Panel p = PanelAt(i, n);
    SomeColumns(hn::ScalableTag<float>(), p.columns, k, a, panels + p.first * k, p.padded,
                c + p.first, false);
  }
}

}  // namespace weft::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace weft::cpu {

namespace {
// Four bytes an element at what a core reads from its second-level cache.
constexpr double kElementNs = 0.06;
// A line of the cache, and an AVX-512 vector.
constexpr std::align_val_t kAlignment{64};
}  // namespace

void RowTimesMatrix(int64_t n, int64_t k, const float* a, const float* b, int64_t ldb, float* c,
                    int threads, bool accumulate) {
  static const auto run = WEFT_CHOOSE_SIMD(Columns);
  const auto columns = [=](int64_t begin, int64_t end) {
    run(end - begin, k, a, b + begin, ldb, c + begin, accumulate);
  };
  if (threads <= 1) return columns(0, n);
  ParallelFor(n, static_cast<double>(k) * kElementNs, columns);
}

void RowWeights::Free::operator()(float* p) const { ::operator delete[](p, kAlignment); }

void RowWeights::Times(int64_t n, int64_t k, const float* a, const float* b, float* c,
                       int threads) {
  static const auto run = WEFT_CHOOSE_SIMD(PanelRange);
  static const auto count = WEFT_CHOOSE_SIMD(CountPanels);
  const float* panels = ready_.load(std::memory_order_acquire);
  if (panels == nullptr) {
    // One answer alone isn't worth a copy.
    if (!used_.exchange(true)) return RowTimesMatrix(n, k, a, b, n, c, threads, false);
    std::call_once(packed_, [&] {
      const int64_t floats = WEFT_CHOOSE_SIMD(PanelFloats)(n, k);
      panels_.reset(new (kAlignment) float[static_cast<size_t>(floats)]);
      WEFT_CHOOSE_SIMD(Pack)(n, k, b, panels_.get());
      ready_.store(panels_.get(), std::memory_order_release);
    });
    panels = panels_.get();
  }
  const int64_t pieces = count(n);
  if (threads <= 1) return run(0, pieces, n, k, a, panels, c);
  ParallelFor(
      pieces,
      static_cast<double>(n) * static_cast<double>(k) * kElementNs / static_cast<double>(pieces),
      [=](int64_t begin, int64_t end) { run(begin, end, n, k, a, panels, c); });
}

}  // namespace weft::cpu
#endif  // HWY_ONCE
