// SPDX-License-Identifier: Apache-2.0
// The benchmark's numbers: a counter through splitmix64, so that all programs have the same without
// any file.
#pragma once

#include <cstdint>
#include <vector>

#include "weft/core/array.h"

namespace weft::bench {

// u(stream, i) in [0, 1), a multiple of 2^-24.
float Uniform01(uint64_t stream, uint64_t i);
// u * (hi - lo) + lo in float, row-major.
Array Uniform(uint64_t stream, const Shape& shape, float lo, float hi);
// Uniform in +-sqrt(6 / (fan_in + fan_out)); for a matrix its own two sizes.
Array Glorot(uint64_t stream, const Shape& shape);

}  // namespace weft::bench
