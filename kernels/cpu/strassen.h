// SPDX-License-Identifier: Apache-2.0
// Products of many rows with one constant matrix in Strassen's form, one level deep: both matrices
// are cut into quarters, and seven products of sums of quarters stand for the eight of plain sums.
// The rows' quarters are those with even and odd numbers, so that rows make pairs wherever a part
// of the product begins. The matrix's sums are made once; a tile of the result stays near the
// registers from the first product to the last, so of the form's 18 sums only five cost anything.
//
// Source: Strassen, "Gaussian Elimination is not Optimal", 1969. Winograd's variant has three sums
// fewer, but is off by half as much again.
//
// Results are off by 1.4 to 1.8 times as much as plain sums. An infinity or NaN among the rows, or
// sums of two elements beyond the range of floats, spoil both rows of the pair in all columns: NaN
// or infinity where plain sums are finite, NaN (0 behind an activation) where they are infinite. An
// infinite weight does so to its column and the one half of the columns away, in all rows.
#pragma once

#include <cstdint>

#include "kernels/cpu/packed_gemm.h"

namespace weft::cpu {

// Whether the form is there for [m, k] x [k, n], faster, and allowed (winograd.h). Depends on
// sizes alone, so that equal runs give equal bits.
bool StrassenPays(int64_t m, int64_t n, int64_t k);

// What the sums of a matrix [k, n] take, and which they are. n is a multiple of 64, k of 32.
int64_t StrassenFloats(int64_t n, int64_t k);
void StrassenPack(int64_t n, int64_t k, const float* b, int64_t ldb, float* panels);
// Parts of the columns that can be multiplied on their own.
int64_t StrassenPanels(int64_t n);

// The sums of m rows of a, which begin lda elements apart, and what they take. Where m is odd there
// must be room for a row more, which becomes zeros.
int64_t StrassenSumFloats(int64_t m, int64_t k);
void StrassenSums(int64_t m, int64_t k, float* a, int64_t lda, float* sums);

// c = a times a packed matrix: parts [begin, end) of the columns. `finish` without `add`. The bits
// of an element depend on its row's pair and its pair of columns alone.
void StrassenRows(const PackedProduct& t, float* sums, const SumFinish& finish, int64_t begin,
                  int64_t end);

}  // namespace weft::cpu
