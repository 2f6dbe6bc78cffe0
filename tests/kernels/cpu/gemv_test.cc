// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/gemv.h"

#include <gtest/gtest.h>

#include <cmath>
#include <thread>
#include <vector>

namespace weft::cpu {
namespace {

// The same sums, in the same order and with the same roundings, one at a time.
void Plain(int64_t n, int64_t k, const float* a, const float* b, int64_t ldb, float* c,
           bool accumulate) {
  for (int64_t j = 0; j < n; ++j) {
    float sum = accumulate ? c[j] : 0.0f;
    for (int64_t p = 0; p < k; ++p) sum = std::fma(a[p], b[p * ldb + j], sum);
    c[j] = sum;
  }
}

float Value(int64_t i) { return std::sin(static_cast<float>(i) * 0.7f); }

TEST(RowTimesMatrix, AllSizesOfRemainders) {
  for (const int64_t k : {0, 1, 5, 130}) {
    for (int64_t n = 1; n <= 150; ++n) {
      const int64_t ldb = n + 3;
      std::vector<float> a(static_cast<size_t>(k)), b(static_cast<size_t>(k * ldb));
      for (size_t i = 0; i < a.size(); ++i) a[i] = Value(static_cast<int64_t>(i));
      for (size_t i = 0; i < b.size(); ++i) b[i] = Value(static_cast<int64_t>(i) + 77);
      for (const bool accumulate : {false, true}) {
        // What lies behind the row must stay.
        std::vector<float> want(static_cast<size_t>(n) + 1, 2.5f), got = want;
        Plain(n, k, a.data(), b.data(), ldb, want.data(), accumulate);
        RowTimesMatrix(n, k, a.data(), b.data(), ldb, got.data(), 2, accumulate);
        for (int64_t j = 0; j <= n; ++j) {
          const float w = want[static_cast<size_t>(j)];
          ASSERT_NEAR(got[static_cast<size_t>(j)], w, 1e-5f * (1 + std::abs(w)))
              << "k " << k << " n " << n << " column " << j;
        }
      }
    }
  }
}

TEST(RowTimesMatrix, BitsDependOnNoThreads) {
  constexpr int64_t kN = 500, kK = 784;
  std::vector<float> a(kK), b(kK * kN), one(kN), two(kN);
  for (int64_t i = 0; i < kK; ++i) a[static_cast<size_t>(i)] = Value(i);
  for (int64_t i = 0; i < kK * kN; ++i) b[static_cast<size_t>(i)] = Value(i + 5);
  RowTimesMatrix(kN, kK, a.data(), b.data(), kN, one.data(), 1, false);
  RowTimesMatrix(kN, kK, a.data(), b.data(), kN, two.data(), 2, false);
  EXPECT_EQ(one, two);
}

TEST(RowWeights, PanelsGiveTheBitsOfTheMatrix) {
  for (const int64_t k : {0, 1, 7, 130}) {
    for (const int64_t n : {1, 3, 15, 16, 17, 63, 64, 65, 127, 129, 255, 256, 257, 300, 511, 513}) {
      std::vector<float> a(static_cast<size_t>(k)), b(static_cast<size_t>(k * n));
      for (size_t i = 0; i < b.size(); ++i) b[i] = Value(static_cast<int64_t>(i) + 9);
      RowWeights weights;
      for (int round = 0; round < 4; ++round) {  // the matrix itself, then the panels made of it
        for (size_t i = 0; i < a.size(); ++i) a[i] = Value(static_cast<int64_t>(i) + round);
        std::vector<float> want(static_cast<size_t>(n) + 1, 2.5f), got = want;
        RowTimesMatrix(n, k, a.data(), b.data(), n, want.data(), 1, false);
        weights.Times(n, k, a.data(), b.data(), got.data(), 1 + round % 2);
        ASSERT_EQ(got, want) << "k " << k << " n " << n << " round " << round;
      }
    }
  }
}

TEST(RowWeights, ManyThreadsPackOnce) {
  constexpr int64_t kN = 300, kK = 200;
  std::vector<float> a(kK), b(kK * kN), want(kN);
  for (int64_t i = 0; i < kK; ++i) a[static_cast<size_t>(i)] = Value(i);
  for (int64_t i = 0; i < kK * kN; ++i) b[static_cast<size_t>(i)] = Value(i + 5);
  RowTimesMatrix(kN, kK, a.data(), b.data(), kN, want.data(), 1, false);
  RowWeights weights;
  std::vector<std::vector<float>> got(8, std::vector<float>(kN));
  std::vector<std::thread> threads;
  for (auto& row : got)
    threads.emplace_back([&] { weights.Times(kN, kK, a.data(), b.data(), row.data(), 1); });
  for (std::thread& t : threads) t.join();
  for (const auto& row : got) EXPECT_EQ(row, want);
}

}  // namespace
}  // namespace weft::cpu
