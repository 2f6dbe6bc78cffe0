// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/row_math.h"

#include <cmath>
#include <cstring>
#include <limits>

#include "kernels/common/fast_math.h"
#include "kernels/cpu/simd.h"
#include "kernels/cpu/vector_math.h"

namespace weft::cpu {
namespace {

inline float Exp(float x) { return FastExp(x); }
inline double Exp(double x) { return std::exp(x); }

// One AVX-512 register of partial results.
template <typename T>
inline constexpr int kLanes = 64 / sizeof(T);

// Adds the lanes in pairs.
template <typename T>
inline T AddLanes(T* lanes) {
  for (int w = kLanes<T> / 2; w > 0; w /= 2) {
    for (int j = 0; j < w; ++j) lanes[j] += lanes[j + w];
  }
  return lanes[0];
}

template <typename T>
inline T Max(const T* x, int64_t n) {
  constexpr int kN = kLanes<T>;
  T lanes[kN];
  for (int j = 0; j < kN; ++j) lanes[j] = -std::numeric_limits<T>::infinity();
  int64_t i = 0;
  for (; i + kN <= n; i += kN) {
    for (int j = 0; j < kN; ++j) lanes[j] = x[i + j] > lanes[j] ? x[i + j] : lanes[j];
  }
  for (; i < n; ++i) lanes[0] = x[i] > lanes[0] ? x[i] : lanes[0];
  for (int w = kN / 2; w > 0; w /= 2) {
    for (int j = 0; j < w; ++j) lanes[j] = lanes[j + w] > lanes[j] ? lanes[j + w] : lanes[j];
  }
  return lanes[0];
}

// The same bits for floats, in registers.
inline float Max(const float* x, int64_t n) {
  constexpr int kN = kLanes<float>;
  static_assert(kN == kFloatLanes);
  FloatLanes most, more;
  for (int j = 0; j < kN; ++j) most[j] = -std::numeric_limits<float>::infinity();
  int64_t i = 0;
  for (; i + kN <= n; i += kN) {
    LoadLanes(x + i, &more);
    most = more > most ? more : most;
  }
  float lanes[kN];
  std::memcpy(lanes, &most, sizeof lanes);
  for (; i < n; ++i) lanes[0] = x[i] > lanes[0] ? x[i] : lanes[0];
  for (int w = kN / 2; w > 0; w /= 2) {
    for (int j = 0; j < w; ++j) lanes[j] = lanes[j + w] > lanes[j] ? lanes[j + w] : lanes[j];
  }
  return lanes[0];
}

// term(i) summed over [0, n).
template <typename T, typename F>
inline T SumOf(int64_t n, F term) {
  constexpr int kN = kLanes<T>;
  T lanes[kN] = {};
  int64_t i = 0;
  for (; i + kN <= n; i += kN) {
    for (int j = 0; j < kN; ++j) lanes[j] += term(i + j);
  }
  for (int j = 0; i < n; ++i, ++j) lanes[j] += term(i);
  return AddLanes(lanes);
}

}  // namespace

WEFT_SIMD float RowMax(const float* x, int64_t n) { return Max(x, n); }
WEFT_SIMD double RowMax(const double* x, int64_t n) { return Max(x, n); }

float RowExp(const float* x, float shift, int64_t n, float* y) {
  static_assert(VectorMath::kSumLanes == kLanes<float>);
  float lanes[kLanes<float>] = {};
  Vec().exp_minus_sum(x, shift, y, n, lanes);
  return AddLanes(lanes);
}
WEFT_SIMD double RowExp(const double* x, double shift, int64_t n, double* y) {
  for (int64_t i = 0; i < n; ++i) y[i] = Exp(x[i] - shift);
  return SumOf<double>(n, [=](int64_t i) { return y[i]; });
}

WEFT_SIMD float RowExpSum(const float* x, float shift, int64_t n) {
  return SumOf<float>(n, [=](int64_t i) { return Exp(x[i] - shift); });
}
WEFT_SIMD double RowExpSum(const double* x, double shift, int64_t n) {
  return SumOf<double>(n, [=](int64_t i) { return Exp(x[i] - shift); });
}

WEFT_SIMD void RowScale(float factor, int64_t n, float* x) {
  for (int64_t i = 0; i < n; ++i) x[i] *= factor;
}
WEFT_SIMD void RowScale(double factor, int64_t n, double* x) {
  for (int64_t i = 0; i < n; ++i) x[i] *= factor;
}

WEFT_SIMD float RowWeightedGap(const float* weight, const float* x, float top, float log_sum,
                               int64_t n) {
  return SumOf<float>(n, [=](int64_t i) { return weight[i] * (log_sum - (x[i] - top)); });
}
WEFT_SIMD double RowWeightedGap(const double* weight, const double* x, double top, double log_sum,
                                int64_t n) {
  return SumOf<double>(n, [=](int64_t i) { return weight[i] * (log_sum - (x[i] - top)); });
}

WEFT_SIMD void RowScaleSubtract(const float* x, float factor, int64_t n, float* y) {
  for (int64_t i = 0; i < n; ++i) y[i] = y[i] * factor - x[i];
}
WEFT_SIMD void RowScaleSubtract(const double* x, double factor, int64_t n, double* y) {
  for (int64_t i = 0; i < n; ++i) y[i] = y[i] * factor - x[i];
}

}  // namespace weft::cpu
