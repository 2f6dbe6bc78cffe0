// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/update_loops.h"

#include "kernels/cpu/simd.h"

namespace weft::cpu {

// The output may be an operand, but then it is so element by element: no iteration needs another.

WEFT_SIMD void AddRows(const float* a, const float* b, int64_t n, float* out) {
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) out[i] = a[i] + b[i];
}
WEFT_SIMD void AddRows(const double* a, const double* b, int64_t n, double* out) {
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) out[i] = a[i] + b[i];
}

WEFT_SIMD void SubtractRows(const float* a, const float* b, int64_t n, float* out) {
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) out[i] = a[i] - b[i];
}
WEFT_SIMD void SubtractRows(const double* a, const double* b, int64_t n, double* out) {
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) out[i] = a[i] - b[i];
}

WEFT_SIMD void SubtractScaledRows(const float* a, const float* b, float factor, int64_t n,
                                  float* out) {
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) out[i] = a[i] - b[i] * factor;
}
WEFT_SIMD void SubtractScaledRows(const double* a, const double* b, double factor, int64_t n,
                                  double* out) {
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) out[i] = a[i] - b[i] * factor;
}

}  // namespace weft::cpu
