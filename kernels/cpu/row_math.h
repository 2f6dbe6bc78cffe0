// SPDX-License-Identifier: Apache-2.0
// Vectorised arithmetic on one contiguous row: the pieces of softmax and of losses built on it.
//
// Sums are taken in 16 (float) or 8 (double) interleaved parts that are then added in a fixed tree,
// so a result depends on the row alone.
#pragma once

#include <cstdint>

namespace weft::cpu {

// The largest element, -infinity for an empty row. NaNs are passed over.
float RowMax(const float* x, int64_t n);
double RowMax(const double* x, int64_t n);

// y[i] = exp(x[i] - shift); returns the sum of y. y may be x.
float RowExp(const float* x, float shift, int64_t n, float* y);
double RowExp(const double* x, double shift, int64_t n, double* y);

// The sum of exp(x[i] - shift).
float RowExpSum(const float* x, float shift, int64_t n);
double RowExpSum(const double* x, double shift, int64_t n);

// x[i] *= factor.
void RowScale(float factor, int64_t n, float* x);
void RowScale(double factor, int64_t n, double* x);

// The sum of weight[i] * (log_sum - (x[i] - top)).
float RowWeightedGap(const float* weight, const float* x, float top, float log_sum, int64_t n);
double RowWeightedGap(const double* weight, const double* x, double top, double log_sum, int64_t n);

// y[i] = y[i] * factor - x[i].
void RowScaleSubtract(const float* x, float factor, int64_t n, float* y);
void RowScaleSubtract(const double* x, double factor, int64_t n, double* y);

}  // namespace weft::cpu
