// SPDX-License-Identifier: Apache-2.0
// Products of a matrix of few rows (a batch of a recurrent net, say) with a large transposed one.
// Libraries of general products first bring the large matrix into blocks, which costs more than the
// product itself if each element is used a few times only. Here it is read as it lies.
#pragma once

#include <cstdint>

namespace weft::cpu {

// c [m, n] = a [m, k] times the transpose of b [n, k], or += if `accumulate`; rows begin lda, ldb
// and ldc elements apart. The bits depend on no thread count.
void ThinGemm(int64_t m, int64_t n, int64_t k, const float* a, int64_t lda, const float* b,
              int64_t ldb, float* c, int64_t ldc, int threads, bool accumulate);

}  // namespace weft::cpu
