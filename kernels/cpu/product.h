// SPDX-License-Identifier: Apache-2.0
// What Weft's own matrix products (gemv.cc, small_gemm.cc, thin_gemm.cc, packed_gemm.cc) have in
// common. Included once for all instruction sets.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>

#include "src/core/parallel.h"

namespace weft::cpu {

// c [m, n] = a [m, k] times a matrix, or +=: what all threads share. How the matrix b lies, each
// product says; rows of a and c begin lda and ldc elements apart.
struct Product {
  int64_t m, n, k;
  const float* a;
  int64_t lda;
  const float* b;
  int64_t ldb;
  float* c;
  int64_t ldc;
  bool accumulate;
};

// Runs run(begin, end) over ranges of [0, pieces), a range for each thread. One multiplication
// takes `ns` on one of them.
template <typename F>
void ShareOut(const Product& t, double ns, int64_t pieces, int threads, const F& run) {
  if (threads <= 1) return run(int64_t{0}, pieces);
  const int64_t parts = std::min<int64_t>(threads, pieces);
  const double work =
      static_cast<double>(t.m) * static_cast<double>(t.n) * static_cast<double>(t.k);
  ParallelFor(parts, work * ns / static_cast<double>(parts), [&](int64_t begin, int64_t end) {
    run(begin * pieces / parts, end * pieces / parts);
  });
}

// Calls f.template operator()<value>() for a value in [1, kMost]: the number of rows or columns of
// a tile that stays in registers.
template <int kMost, typename F>
void WithConstant(int64_t value, const F& f) {
  [&]<int... i>(std::integer_sequence<int, i...>) {
    const auto one = [&]<int kValue>() {
      f.template operator()<kValue>();
      return true;
    };
    (void)((value == i + 1 && one.template operator()<i + 1>()) || ...);
  }
  (std::make_integer_sequence<int, kMost>());
}

}  // namespace weft::cpu
