// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/packed_gemm.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace weft::cpu {
namespace {

std::vector<float> Sines(int64_t n, float seed) {
  std::vector<float> x(static_cast<size_t>(n));
  for (size_t i = 0; i < x.size(); ++i) x[i] = std::sin(static_cast<float>(i) * 0.7f + seed);
  return x;
}

// Rows are further apart than they are long, and what lies between them must stay.
void CheckPacked(bool transpose, int64_t m, int64_t n, int64_t k, bool accumulate) {
  const int64_t lda = k + 3, ldb = (transpose ? k : n) + 1, ldc = n + 2;
  const std::vector<float> a = Sines(m * lda, 1), b = Sines((transpose ? n : k) * ldb, 2);
  const std::vector<float> before = Sines(m * ldc, 3);
  std::vector<float> panels(static_cast<size_t>(PackedFloats(n, k)), NAN);
  PackMatrix(transpose, n, k, b.data(), ldb, panels.data());
  std::vector<float> one = before, two = before;
  PackedGemm(m, n, k, a.data(), lda, panels.data(), one.data(), ldc, 1, accumulate);
  PackedGemm(m, n, k, a.data(), lda, panels.data(), two.data(), ldc, 2, accumulate);
  ASSERT_EQ(one, two) << "bits depend on the number of threads";
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t j = 0; j < ldc; ++j) {
      const auto at = static_cast<size_t>(i * ldc + j);
      if (j >= n) {
        ASSERT_EQ(one[at], before[at]);
        continue;
      }
      double want = accumulate ? before[at] : 0, size = std::abs(want);
      for (int64_t p = 0; p < k; ++p) {
        const double term =
            static_cast<double>(a[static_cast<size_t>(i * lda + p)]) *
            static_cast<double>(b[static_cast<size_t>(transpose ? j * ldb + p : p * ldb + j)]);
        want += term;
        size += std::abs(term);
      }
      // k roundings of half a unit each, of which most cancel.
      const double roundings = std::sqrt(static_cast<double>(k + 1)) * std::ldexp(1.0, -23);
      ASSERT_NEAR(one[at], want, roundings * (1 + size))
          << m << " x " << n << " x " << k << " at " << i << ", " << j;
    }
  }
}

TEST(PackedGemm, AllTilesAndRemainders) {
  for (const bool transpose : {false, true}) {
    for (const bool accumulate : {false, true}) {
      for (const int64_t m : {1, 2, 5, 11, 12, 13, 20, 24, 25}) {
        for (const int64_t n : {1, 8, 31, 32, 33, 70}) {
          for (const int64_t k : {1, 15, 17, 170}) CheckPacked(transpose, m, n, k, accumulate);
        }
      }
    }
  }
}

TEST(PackedGemm, SizesOfRecurrentNets) {
  CheckPacked(false, 20, 2600, 65, true);
  CheckPacked(true, 20, 65, 2600, false);
}

}  // namespace
}  // namespace weft::cpu
