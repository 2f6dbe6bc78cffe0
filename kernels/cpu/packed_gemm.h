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

// ---- parts of a product, on this thread ---------------------------------------------------------

// c [m, n] = a [m, k] times a packed matrix; rows of a and c begin lda and ldc elements apart.
struct PackedProduct {
  int64_t m, n, k;
  const float* a;
  int64_t lda;
  const float* panels;
  float* c;
  int64_t ldc;
};

// What is done to each sum of products before it is stored.
struct SumFinish {
  const float* bias = nullptr;  // + bias[column], if there is one
  bool add = false;             // + what c held before
  bool clamp = false;           // to [0, most]; NaN becomes 0
  float most = 0;
};

// Panels that n columns make.
int64_t PackedPanels(int64_t n);
// Rows that are multiplied at a time: fewer cost as much.
int64_t PackedTileRows();

// The columns of panels [first_panel, end_panel). The bits of an element depend on its row and
// column of the operands alone.
void PackedRows(const PackedProduct& t, const SumFinish& finish, int64_t first_panel,
                int64_t end_panel);

}  // namespace weft::cpu
