// SPDX-License-Identifier: Apache-2.0
// Vectorised loops of updates over contiguous elements. Products and sums are rounded one by one.
#pragma once

#include <cstdint>

namespace weft::cpu {

// out[i] = a[i] + b[i]. out may be a or b.
void AddRows(const float* a, const float* b, int64_t n, float* out);
void AddRows(const double* a, const double* b, int64_t n, double* out);

// out[i] = a[i] - b[i]. out may be a or b.
void SubtractRows(const float* a, const float* b, int64_t n, float* out);
void SubtractRows(const double* a, const double* b, int64_t n, double* out);

// out[i] = a[i] - b[i] * factor. out may be a or b.
void SubtractScaledRows(const float* a, const float* b, float factor, int64_t n, float* out);
void SubtractScaledRows(const double* a, const double* b, double factor, int64_t n, double* out);

}  // namespace weft::cpu
