// SPDX-License-Identifier: Apache-2.0
// Softmax whose result is too large for the caches.
#pragma once

#include <cstdint>

namespace weft::cpu {

// y = softmax(x) for one row or more of n floats, n at least one; y doesn't overlap x. A row takes
// room in the caches twice. The bits are those of RowMax, RowExp and RowScale (row_math.h).
// EndStreams() (stream.h) must follow.
void StreamSoftmaxRows(const float* x, int64_t rows, int64_t n, float* y);

}  // namespace weft::cpu
