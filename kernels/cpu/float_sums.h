// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace weft {

// The sums of rows of n floats, as vector code: a FoldRunsFn (reduce.h), with the bits of the
// template's.
void SumFloatRuns(const void* x, int64_t rows, int64_t n, void* sums);

}  // namespace weft
