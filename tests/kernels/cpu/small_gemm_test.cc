// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/small_gemm.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "kernels/cpu/gemm.h"

namespace weft::cpu {
namespace {

std::vector<float> Waves(int64_t n, float seed) {
  std::vector<float> x(static_cast<size_t>(n));
  for (size_t i = 0; i < x.size(); ++i) x[i] = std::sin(static_cast<float>(i) * 0.7f + seed);
  return x;
}

struct Form {
  bool transpose_a, transpose_b, accumulate;
};

// Rows are further apart than they are long, and what lies between them must stay.
void CheckSmall(const Form& f, int64_t m, int64_t n, int64_t k) {
  const int64_t lda = (f.transpose_a ? m : k) + 3, ldb = (f.transpose_b ? k : n) + 1, ldc = n + 2;
  const std::vector<float> a = Waves((f.transpose_a ? k : m) * lda, 1),
                           b = Waves((f.transpose_b ? n : k) * ldb, 2), before = Waves(m * ldc, 3);
  std::vector<float> c = before;
  SmallGemm(f.transpose_a, f.transpose_b, m, n, k, a.data(), lda, b.data(), ldb, c.data(), ldc,
            f.accumulate);
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t j = 0; j < ldc; ++j) {
      const auto at = static_cast<size_t>(i * ldc + j);
      if (j >= n) {
        ASSERT_EQ(c[at], before[at]);
        continue;
      }
      double want = f.accumulate ? before[at] : 0, size = std::abs(want);
      for (int64_t p = 0; p < k; ++p) {
        const double term =
            static_cast<double>(a[static_cast<size_t>(f.transpose_a ? p * lda + i : i * lda + p)]) *
            static_cast<double>(b[static_cast<size_t>(f.transpose_b ? j * ldb + p : p * ldb + j)]);
        want += term;
        size += std::abs(term);
      }
      ASSERT_NEAR(c[at], want, 1e-6 * (1 + size))
          << m << " x " << n << " x " << k << " at " << i << ", " << j;
    }
  }
}

class SmallGemmForms : public testing::TestWithParam<int> {
 protected:
  Form form() const {
    return {(GetParam() & 1) != 0, (GetParam() & 2) != 0, (GetParam() & 4) != 0};
  }
};

TEST_P(SmallGemmForms, AllTilesAndRemainders) {
  for (const int64_t m : {1, 2, 3, 4, 5, 6, 7, 11, 12, 13, 25, 33}) {
    for (const int64_t n : {1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 60}) {
      for (const int64_t k : {1, 2, 5, 31}) CheckSmall(form(), m, n, k);
    }
  }
}

TEST_P(SmallGemmForms, TheLargest) {
  CheckSmall(form(), 64, 64, 64);
  CheckSmall(form(), 32, 120, 61);
}

INSTANTIATE_TEST_SUITE_P(All, SmallGemmForms, testing::Range(0, 8));

// Rows that are there to fill a vector must not be seen, and each row is for itself.
TEST(SmallGemm, WhatIsNoNumberStaysInItsRow) {
  constexpr int64_t kRows = 5, kColumns = 9, kDepth = 7;
  std::vector<float> a = Waves(kRows * kDepth, 1);
  const std::vector<float> b = Waves(kColumns * kDepth, 2);
  a[2 * kDepth + 3] = std::numeric_limits<float>::quiet_NaN();
  for (const bool transpose_b : {false, true}) {
    std::vector<float> c(kRows * kColumns);
    SmallGemm(false, transpose_b, kRows, kColumns, kDepth, a.data(), kDepth, b.data(),
              transpose_b ? kDepth : kColumns, c.data(), kColumns, false);
    for (int64_t i = 0; i < kRows; ++i) {
      for (int64_t j = 0; j < kColumns; ++j)
        EXPECT_EQ(std::isnan(c[static_cast<size_t>(i * kColumns + j)]), i == 2);
    }
  }
}

TEST(SmallGemm, ServesWhatStaysInTheCaches) {
  EXPECT_EQ(ChooseGemmPath(false, false, 32, 120, 60), GemmPath::kSmall);
  EXPECT_EQ(ChooseGemmPath(false, true, 32, 60, 120), GemmPath::kSmall);
  EXPECT_EQ(ChooseGemmPath(true, false, 60, 120, 32), GemmPath::kSmall);
  EXPECT_NE(ChooseGemmPath(false, true, 100, 500, 10), GemmPath::kSmall);
  EXPECT_NE(ChooseGemmPath(true, false, 500, 10, 50), GemmPath::kSmall);
  EXPECT_NE(ChooseGemmPath(false, false, 256, 256, 64), GemmPath::kSmall);
}

}  // namespace
}  // namespace weft::cpu
