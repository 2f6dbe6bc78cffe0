// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/packed_gemm.h"

#include <gtest/gtest.h>

#include <algorithm>
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
      for (const int64_t m : {1, 2, 5, 11, 12, 13, 14, 15, 20, 24, 25, 29}) {
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

// Bias, sum and bounds, as single steps give them; panels one by one or all at once.
void CheckRows(int64_t m, int64_t n, int64_t k, const SumFinish& ending) {
  const int64_t lda = k + 3, ldc = n + 2;
  const std::vector<float> a = Sines(m * lda, 1), b = Sines(k * n, 2), bias = Sines(n, 4);
  const std::vector<float> before = Sines(m * ldc, 3);
  std::vector<float> panels(static_cast<size_t>(PackedFloats(n, k)), NAN);
  PackMatrix(false, n, k, b.data(), n, panels.data());
  SumFinish finish = ending;
  if (finish.bias) finish.bias = bias.data();
  std::vector<float> whole = before, single = before;
  const auto product = [&](std::vector<float>* c) {
    return PackedProduct{m, n, k, a.data(), lda, panels.data(), c->data(), ldc};
  };
  PackedRows(product(&whole), finish, 0, PackedPanels(n));
  for (int64_t i = PackedPanels(n); i-- > 0;) PackedRows(product(&single), finish, i, i + 1);
  ASSERT_EQ(whole, single);
  std::vector<float> sums = before;
  if (!finish.add) std::fill(sums.begin(), sums.end(), 0.f);
  PackedGemm(m, n, k, a.data(), lda, panels.data(), sums.data(), ldc, 1, finish.add);
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t j = 0; j < ldc; ++j) {
      const auto at = static_cast<size_t>(i * ldc + j);
      if (j >= n) {
        ASSERT_EQ(whole[at], before[at]);
        continue;
      }
      float want = sums[at] + (finish.bias ? bias[static_cast<size_t>(j)] : 0.f);
      if (finish.clamp) want = std::clamp(want, 0.f, finish.most);
      ASSERT_NEAR(whole[at], want, 1e-6 * std::sqrt(static_cast<double>(k + 8)))
          << m << " x " << n << " x " << k << " at " << i << ", " << j;
    }
  }
}

TEST(PackedRows, AllTilesAndEndings) {
  const float given = 0;  // stands for a bias
  for (const int64_t m : {1, 5, 6, 13, 14, 15, 27, 29, 49}) {
    for (const int64_t n : {1, 8, 31, 32, 33, 70}) {
      for (const int64_t k : {1, 17, 40}) {
        CheckRows(m, n, k, {});
        CheckRows(m, n, k, {.bias = &given});
        CheckRows(m, n, k, {.add = true, .clamp = true, .most = INFINITY});
        CheckRows(m, n, k, {.bias = &given, .add = true, .clamp = true, .most = 1.5f});
      }
    }
  }
}

// The bits of a row are the same whichever rows it is multiplied with.
TEST(PackedRows, RowsAreIndependent) {
  constexpr int64_t kM = 31, kN = 45, kK = 50;
  const std::vector<float> a = Sines(kM * kK, 1), b = Sines(kK * kN, 2);
  std::vector<float> panels(static_cast<size_t>(PackedFloats(kN, kK)));
  PackMatrix(false, kN, kK, b.data(), kN, panels.data());
  std::vector<float> whole(kM * kN), parts(kM * kN);
  PackedRows({kM, kN, kK, a.data(), kK, panels.data(), whole.data(), kN}, {}, 0, PackedPanels(kN));
  for (int64_t i = 0; i < kM; i += 3) {
    PackedRows({std::min<int64_t>(3, kM - i), kN, kK, a.data() + i * kK, kK, panels.data(),
                parts.data() + i * kN, kN},
               {}, 0, PackedPanels(kN));
  }
  EXPECT_EQ(whole, parts);
}

TEST(PackedRows, BoundsMakeNanZero) {
  const std::vector<float> a(3 * 4, NAN), b(4 * 5, 1.f);
  std::vector<float> panels(static_cast<size_t>(PackedFloats(5, 4))), c(3 * 5, 9.f);
  PackMatrix(false, 5, 4, b.data(), 5, panels.data());
  PackedRows({3, 5, 4, a.data(), 4, panels.data(), c.data(), 5}, {.clamp = true, .most = 6}, 0,
             PackedPanels(5));
  EXPECT_EQ(c, std::vector<float>(3 * 5, 0.f));
}

}  // namespace
}  // namespace weft::cpu
