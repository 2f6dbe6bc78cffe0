// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/thin_gemm.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "kernels/cpu/gemm.h"

namespace weft::cpu {
namespace {

std::vector<float> Numbers(int64_t n, float seed) {
  std::vector<float> x(static_cast<size_t>(n));
  for (size_t i = 0; i < x.size(); ++i) x[i] = std::sin(static_cast<float>(i) * 0.7f + seed);
  return x;
}

// Rows are further apart than they are long, and what lies between them must stay.
void Check(int64_t m, int64_t n, int64_t k, bool accumulate) {
  const int64_t lda = k + 3, ldb = k + 1, ldc = n + 2;
  const std::vector<float> a = Numbers(m * lda, 1), b = Numbers(n * ldb, 2);
  const std::vector<float> before = Numbers(m * ldc, 3);
  std::vector<float> one = before, two = before;
  ThinGemm(m, n, k, a.data(), lda, b.data(), ldb, one.data(), ldc, 1, accumulate);
  ThinGemm(m, n, k, a.data(), lda, b.data(), ldb, two.data(), ldc, 2, accumulate);
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
        const double term = static_cast<double>(a[static_cast<size_t>(i * lda + p)]) *
                            static_cast<double>(b[static_cast<size_t>(j * ldb + p)]);
        want += term;
        size += std::abs(term);
      }
      // Where vectors have one lane, a sum is a chain of up to 1024 roundings of 2^-24, which add
      // up like steps of a random walk.
      ASSERT_NEAR(one[at], want, 4e-6 * (1 + size))
          << m << " x " << n << " x " << k << " at " << i << ", " << j;
    }
  }
}

TEST(ThinGemm, AllTilesAndRemainders) {
  for (const bool accumulate : {false, true}) {
    for (int64_t m = 1; m <= 9; ++m) {
      for (const int64_t n : {1, 5, 6, 7, 24, 29}) {
        for (const int64_t k : {1, 15, 16, 17, 130}) Check(m, n, k, accumulate);
      }
    }
  }
}

TEST(ThinGemm, ManyBlocks) {
  Check(20, 101, 2600, false);
  Check(20, 101, 2600, true);
  Check(4, 30, 1024, false);
  Check(5, 30, 1025, true);
}

TEST(ThinGemm, ServesFewRowsTimesALargeTransposedMatrix) {
  EXPECT_EQ(ChooseGemmPath(false, true, 20, 1300, 2600), GemmPath::kThin);
  EXPECT_NE(ChooseGemmPath(false, false, 20, 1300, 2600), GemmPath::kThin);
  EXPECT_NE(ChooseGemmPath(true, true, 20, 1300, 2600), GemmPath::kThin);
  EXPECT_NE(ChooseGemmPath(false, true, 700, 1300, 2600), GemmPath::kThin);
  EXPECT_NE(ChooseGemmPath(false, true, 20, 13, 2600), GemmPath::kThin);
}

}  // namespace
}  // namespace weft::cpu
