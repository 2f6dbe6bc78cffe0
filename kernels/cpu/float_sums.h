// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace weft {

// The sums of rows of n floats, and of columns, as vector code: a FoldRunsFn and a FoldColumnsFn
// (reduce.h), with the bits of the templates'.
void SumFloatRuns(const void* x, int64_t rows, int64_t n, void* sums);
void SumFloatColumns(const void* x, int64_t rows, int64_t stride, int64_t columns, bool more,
                     void* sums);

}  // namespace weft
