// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/float_sums.h"

#include <cstring>

#include "kernels/cpu/reduce.h"
#include "kernels/cpu/simd.h"

namespace weft {
namespace {

// Adds the upper half of the lanes to the lower one until one is left.
template <int64_t kLanes>
__attribute__((always_inline)) inline float AddHalves(float* lanes) {
  for (int64_t half = kLanes / 2; half > 0; half /= 2) {
    for (int64_t l = 0; l < half; ++l) lanes[l] += lanes[l + half];
  }
  return lanes[0];
}

// n >= kLanes. Element i goes into lane i % kLanes.
template <int64_t kLanes>
__attribute__((always_inline)) inline float SumInLanes(const float* x, int64_t n) {
  constexpr int64_t kParts = kLanes / cpu::kFloatLanes;
  cpu::FloatLanes part[kParts], more;
  for (int64_t p = 0; p < kParts; ++p) cpu::LoadLanes(x + p * cpu::kFloatLanes, &part[p]);
  int64_t i = kLanes;
  for (; i + kLanes <= n; i += kLanes) {
    for (int64_t p = 0; p < kParts; ++p) {
      cpu::LoadLanes(x + i + p * cpu::kFloatLanes, &more);
      part[p] += more;
    }
  }
  float lanes[kLanes];
  std::memcpy(lanes, part, sizeof lanes);
  for (int64_t l = 0; i < n; ++i, ++l) lanes[l] += x[i];
  return AddHalves<kLanes>(lanes);
}

__attribute__((always_inline)) inline float SumShort(const float* x, int64_t n) {
  constexpr int64_t kFewLanes = 8;
  if (n < 2 * kFewLanes) {
    float sum = n > 0 ? x[0] : 0.0f;
    for (int64_t i = 1; i < n; ++i) sum += x[i];
    return sum;
  }
  float lanes[kFewLanes];
  std::memcpy(lanes, x, sizeof lanes);
  int64_t i = kFewLanes;
  for (; i + kFewLanes <= n; i += kFewLanes) {
    for (int64_t l = 0; l < kFewLanes; ++l) lanes[l] += x[i + l];
  }
  for (int64_t l = 0; i < n; ++i, ++l) lanes[l] += x[i];
  return AddHalves<kFewLanes>(lanes);
}

struct AddingFloats {
  using Acc = float;
  static float Identity() { return 0; }
  static float Combine(float a, float b) { return a + b; }
};

}  // namespace

WEFT_SIMD void SumFloatRuns(const void* x, int64_t rows, int64_t n, void* sums) {
  constexpr int64_t kLanes = 64;
  const auto* const from = static_cast<const float*>(x);
  auto* const to = static_cast<float*>(sums);
  for (int64_t r = 0; r < rows; ++r)
    to[r] = n >= 2 * kLanes ? SumInLanes<kLanes>(from + r * n, n) : SumShort(from + r * n, n);
}

WEFT_SIMD void SumFloatColumns(const void* x, int64_t rows, int64_t stride, int64_t columns,
                               bool more, void* sums) {
  reduce_internal::FoldColumnsInline<AddingFloats, float, AsPartialResult<float, float>>(
      x, rows, stride, columns, more, sums);
}

}  // namespace weft
