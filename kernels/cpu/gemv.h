// SPDX-License-Identifier: Apache-2.0
// A row vector times a matrix, for answers to single requests: the matrix is read once, by all
// threads, each of which always takes the same columns, so that what fits their caches stays there.
#pragma once

#include <cstdint>

namespace weft::cpu {

// c[j] = sum over p of a[p] * b[p * ldb + j] for j in [0, n), or c[j] += ... if `accumulate`. Each
// product is added in the order of p, with one rounding a step: the bits depend on no thread count.
void RowTimesMatrix(int64_t n, int64_t k, const float* a, const float* b, int64_t ldb, float* c,
                    int threads, bool accumulate);

}  // namespace weft::cpu
