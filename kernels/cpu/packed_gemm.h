// SPDX-License-Identifier: Apache-2.0
// Products with one matrix that is used many times: it is brought once into panels that are read
// from their beginning to their end. The libraries of general products do that at each call, which
// costs as much as the product itself where the other matrix has few rows.
#pragma once

#include <cstdint>

namespace weft::cpu {

// How many floats the panels of a matrix [k, n] have.
int64_t PackedFloats(int64_t n, int64_t k);

// Brings op(b) [k, n] into panels; rows of b begin ldb elements apart.
void PackMatrix(bool transpose, int64_t n, int64_t k, const float* b, int64_t ldb, float* panels);

// c [m, n] = a [m, k] times that matrix, or += if `accumulate`; rows begin lda and ldc elements
// apart. The bits depend on no thread count.
void PackedGemm(int64_t m, int64_t n, int64_t k, const float* a, int64_t lda, const float* panels,
                float* c, int64_t ldc, int threads, bool accumulate);

}  // namespace weft::cpu
