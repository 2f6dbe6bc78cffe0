// SPDX-License-Identifier: Apache-2.0
// Products of matrices that stay in a core's first two caches: those of small nets and of single
// steps of recurrent ones. Libraries of general products bring operands into blocks first, or
// multiply transposed ones element by element; here all are read as they lie, and of a transposed
// right operand the other, smaller two matrices are turned.
#pragma once

#include <cstdint>
#include <span>

namespace weft::cpu {

// A matrix of k columns: element [i, p] is data[i * row + p * step].
struct LeftOperand {
  const float* data;
  int64_t k, row, step;
};

// c [m, n] = the operands' columns side by side, [m, k], times b [k, n], or += if `accumulate`.
// Stored rows of b and c begin ldb and ldc elements apart. On the caller's thread; each element's
// sum is made in the order of k, wherever one operand ends.
void SmallGemm(std::span<const LeftOperand> a, int64_t m, int64_t n, const float* b, int64_t ldb,
               float* c, int64_t ldc, bool accumulate);

// The same of one operand and with op(b), of stored rows that begin lda and ldb elements apart.
void SmallGemm(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, const float* a,
               int64_t lda, const float* b, int64_t ldb, float* c, int64_t ldc, bool accumulate);

}  // namespace weft::cpu
