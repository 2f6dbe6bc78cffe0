// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/streamed_softmax.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>

#include "kernels/cpu/row_math.h"
#include "kernels/cpu/vector_math.h"

// Each instruction set costs compile time; those left cover the machines of the last fifteen years.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_AVX3_DL)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/streamed_softmax.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
// After foreach_target.h.
#include "hwy/highway.h"
#include "kernels/cpu/simd_target.h"
#include "kernels/cpu/vector_math-inl.h"
#include "kernels/cpu/vector_part-inl.h"

HWY_BEFORE_NAMESPACE();
namespace weft {
namespace HWY_NAMESPACE {
namespace {

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;
constexpr D d;

// The floats of a cache line, in vectors.
constexpr int64_t kLine = 16;
constexpr int kLanes = static_cast<int>(hn::MaxLanes(d)), kVectors = kLine / kLanes;
static_assert(kLine == VectorMath::kSumLanes && kLine % kLanes == 0);

// How far ahead the next row is fetched, in floats: some hundred nanoseconds of work.
constexpr int64_t kAhead = 1024;

// y[i] = x[i] factor, in plain stores.
void ScalePart(const float* x, V factor, int64_t n, float* y) {
  for (int64_t i = 0; i < n; i += kLanes) {
    const VectorPart<D> part(d, static_cast<size_t>(std::min<int64_t>(kLanes, n - i)));
    part.Store(hn::Mul(part.Load(x + i), factor), y + i);
  }
}

// One line that begins at a multiple of its size.
HWY_INLINE void StreamLine(const float* x, V factor, float* y) {
#pragma GCC unroll 16
  for (int k = 0; k < kVectors; ++k)
    hn::Stream(hn::Mul(hn::LoadU(d, x + k * kLanes), factor), d, y + k * kLanes);
}

// The floats before the first whole line.
int64_t HeadOf(const float* y, int64_t n) {
  const auto bytes = static_cast<int64_t>(-reinterpret_cast<uintptr_t>(y) % 64);
  return std::min(n, bytes / static_cast<int64_t>(sizeof(float)));
}

// y[i] = x[i] factor, past the caches.
void StreamScaled(const float* x, float factor, int64_t n, float* y) {
  const V scale = hn::Set(d, factor);
  int64_t i = HeadOf(y, n);
  ScalePart(x, scale, i, y);
  for (; i + kLine <= n; i += kLine) StreamLine(x + i, scale, y + i);
  ScalePart(x + i, scale, n - i, y + i);
}

// e^(x - top) for x <= top, or NaN.
HWY_INLINE V ExpBelow(V x, V top) { return ExpWithin(d, AtLeast(C(d, -105.0f), hn::Sub(x, top))); }

// What is done while a row's exponentials are computed, so that memory is never idle.
struct Meanwhile {
  // Where the row before goes, past the caches: what `made` still holds of it, times the factor.
  float* before;
  float factor;
  // The row whose largest number is wanted next; `readable` floats from there on may be fetched.
  const float* next;
  int64_t readable;
};

// made[i] = e^(x[i] - top); returns their sum. kWrites: there is a row before.
template <bool kWrites>
float ExpRow(const float* x, float top, int64_t n, float* made, const Meanwhile& also,
             float* next_top) {
  const V shift = hn::Set(d, top), factor = hn::Set(d, also.factor);
  const float* const next = also.next;
  const int64_t last = also.readable - 1;
  V sums[kVectors], most[kVectors];
#pragma GCC unroll 16
  for (int k = 0; k < kVectors; ++k) {
    sums[k] = hn::Zero(d);
    most[k] = hn::Set(d, -std::numeric_limits<float>::infinity());
  }
  // What is in `made` is read `head` floats before it is overwritten, or more.
  const int64_t head = kWrites ? HeadOf(also.before, n) : 0;
  if constexpr (kWrites) ScalePart(made, factor, head, also.before);
  int64_t i = 0;
  for (; i + 2 * kLine <= n; i += kLine) {
    __builtin_prefetch(next + std::min(i + kAhead, last));
    if constexpr (kWrites) StreamLine(made + head + i, factor, also.before + head + i);
#pragma GCC unroll 16
    for (int k = 0; k < kVectors; ++k) {
      const int64_t at = i + k * kLanes;
      most[k] = AtLeast(hn::LoadU(d, next + at), most[k]);  // NaNs are passed over
      const V e = ExpBelow(hn::LoadU(d, x + at), shift);
      hn::StoreU(e, d, made + at);
      sums[k] = hn::Add(sums[k], e);
    }
  }
  if constexpr (kWrites)
    StreamScaled(made + head + i, also.factor, n - head - i, also.before + head + i);
  HWY_ALIGN float parts[kLine], largest[kLine];
#pragma GCC unroll 16
  for (int k = 0; k < kVectors; ++k) {
    hn::Store(sums[k], d, parts + k * kLanes);
    hn::Store(most[k], d, largest + k * kLanes);
  }
  for (int64_t j = i; j < n; j += kLanes) {
    const VectorPart<D> part(d, static_cast<size_t>(std::min<int64_t>(kLanes, n - j)));
    part.Store(ExpBelow(part.Load(x + j), shift), made + j);
  }
  for (; i < n; ++i) {
    parts[i % kLine] += made[i];
    largest[0] = next[i] > largest[0] ? next[i] : largest[0];
  }
  *next_top = cpu::RowMax(largest, kLine);
  for (int64_t w = kLine / 2; w > 0; w /= 2) {
    for (int64_t j = 0; j < w; ++j) parts[j] += parts[j + w];
  }
  return parts[0];
}

}  // namespace

void SoftmaxRows(const float* x, int64_t rows, int64_t n, float* y) {
  struct alignas(64) Line {
    float numbers[kLine];
  };
  const auto lines =
      std::make_unique_for_overwrite<Line[]>(static_cast<size_t>((n + kLine - 1) / kLine));
  float* const made = lines[0].numbers;
  float top = cpu::RowMax(x, n), factor = 0;
  for (int64_t row = 0; row < rows; ++row) {
    const bool more = row + 1 < rows;
    const float* const from = x + row * n;
    float* const to = y + row * n;
    const Meanwhile also = {row > 0 ? to - n : nullptr, factor, more ? from + n : from,
                            more ? (rows - row - 1) * n : n};
    const float sum = row > 0 ? ExpRow<true>(from, top, n, made, also, &top)
                              : ExpRow<false>(from, top, n, made, also, &top);
    factor = 1.0f / sum;
  }
  StreamScaled(made, factor, n, y + (rows - 1) * n);
}

}  // namespace HWY_NAMESPACE
}  // namespace weft
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace weft::cpu {

void StreamSoftmaxRows(const float* x, int64_t rows, int64_t n, float* y) {
  WEFT_CHOOSE_SIMD(SoftmaxRows)(x, rows, n, y);
}

}  // namespace weft::cpu
#endif
