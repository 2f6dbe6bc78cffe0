// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/strassen.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

namespace weft::cpu {
namespace {

std::vector<float> Noise(int64_t n, uint32_t seed) {
  std::mt19937 bits(seed);
  std::uniform_real_distribution<float> values(-1, 1);
  std::vector<float> x(static_cast<size_t>(n));
  for (float& v : x) v = values(bits);
  return x;
}

// Operands whose rows are further apart than they are long.
struct Operands {
  Operands(int64_t rows, int64_t columns, int64_t inner)
      : m(rows),
        n(columns),
        k(inner),
        lda(inner + 16),
        ldc(columns + 3),
        a(Noise((rows + 1) * lda, 1)),
        b(Noise(inner * columns, 2)),
        bias(Noise(columns, 3)),
        panels(static_cast<size_t>(StrassenFloats(columns, inner)), NAN) {
    StrassenPack(n, k, b.data(), n, panels.data());
  }
  // Rows [first, first + count) of the product, parts [begin, end) of it.
  void Multiply(int64_t first, int64_t count, const SumFinish& finish, int64_t begin, int64_t end,
                std::vector<float>* c) {
    std::vector<float> rows(a.begin() + first * lda, a.begin() + (first + count) * lda);
    rows.resize(static_cast<size_t>((count + 1) * lda), NAN);
    std::vector<float> sums(static_cast<size_t>(StrassenSumFloats(count, k)), NAN);
    StrassenSums(count, k, rows.data(), lda, sums.data());
    StrassenRows({count, n, k, rows.data(), lda, panels.data(), c->data() + first * ldc, ldc},
                 sums.data(), finish, begin, end);
  }
  double Exact(int64_t row, int64_t column) const {
    double sum = 0;
    for (int64_t p = 0; p < k; ++p) {
      sum += static_cast<double>(a[static_cast<size_t>(row * lda + p)]) *
             static_cast<double>(b[static_cast<size_t>(p * n + column)]);
    }
    return sum;
  }

  int64_t m, n, k, lda, ldc;
  std::vector<float> a, b, bias, panels;
};

void CheckProduct(int64_t m, int64_t n, int64_t k, SumFinish finish) {
  SCOPED_TRACE(testing::Message() << m << " x " << n << " x " << k);
  Operands t(m, n, k);
  if (finish.bias) finish.bias = t.bias.data();
  // A row more, which must stay.
  const std::vector<float> before = Noise((m + 1) * t.ldc, 4);
  std::vector<float> whole = before, single = before;
  t.Multiply(0, m, finish, 0, StrassenPanels(n), &whole);
  for (int64_t i = StrassenPanels(n); i-- > 0;) t.Multiply(0, m, finish, i, i + 1, &single);
  ASSERT_EQ(whole, single);
  double most = 0, off = 0;
  for (int64_t i = 0; i <= m; ++i) {
    for (int64_t j = 0; j < t.ldc; ++j) {
      const auto at = static_cast<size_t>(i * t.ldc + j);
      if (i == m || j >= n) {
        ASSERT_EQ(whole[at], before[at]) << i << ", " << j;
        continue;
      }
      double want = t.Exact(i, j);
      most = std::max(most, std::abs(want));
      if (finish.bias) want += static_cast<double>(t.bias[static_cast<size_t>(j)]);
      if (finish.clamp) want = std::clamp(want, 0., static_cast<double>(finish.most));
      off = std::max(off, std::abs(static_cast<double>(whole[at]) - want));
    }
  }
  EXPECT_LT(off, 3e-6 * most);
}

TEST(Strassen, AllTilesAndEndings) {
  const float given = 0;  // stands for a bias
  for (const int64_t m : {1, 2, 3, 11, 12, 13, 24, 27, 28, 29, 30, 31, 49, 57}) {
    CheckProduct(m, 64, 32, {});
    CheckProduct(m, 128, 96, {.bias = &given});
    CheckProduct(m, 192, 160, {.clamp = true, .most = INFINITY});
    CheckProduct(m, 64, 128, {.bias = &given, .clamp = true, .most = 1.5f});
  }
  CheckProduct(49, 256, 1024, {.bias = &given});
  CheckProduct(98, 512, 512, {.bias = &given, .clamp = true, .most = 6});
}

// Rounding, beside that of plain sums, over all elements.
TEST(Strassen, ErrorsAreAboutTwiceThoseOfPlainSums) {
  for (const int64_t k : {128, 512, 1024}) {
    Operands t(64, 64, k);
    std::vector<float> fast(static_cast<size_t>(t.m * t.ldc)),
        plain = fast, panels(static_cast<size_t>(PackedFloats(t.n, k)));
    t.Multiply(0, t.m, {}, 0, StrassenPanels(t.n), &fast);
    PackMatrix(false, t.n, k, t.b.data(), t.n, panels.data());
    PackedRows({t.m, t.n, k, t.a.data(), t.lda, panels.data(), plain.data(), t.ldc}, {}, 0,
               PackedPanels(t.n));
    double fast_error = 0, plain_error = 0;
    for (int64_t i = 0; i < t.m; ++i) {
      for (int64_t j = 0; j < t.n; ++j) {
        const double exact = t.Exact(i, j);
        const auto at = static_cast<size_t>(i * t.ldc + j);
        fast_error += std::pow(static_cast<double>(fast[at]) - exact, 2);
        plain_error += std::pow(static_cast<double>(plain[at]) - exact, 2);
      }
    }
    EXPECT_LT(std::sqrt(fast_error), 2.5 * std::sqrt(plain_error)) << k;
  }
}

// The bits of a pair of rows are the same whichever pairs it is multiplied with.
TEST(Strassen, PairsAreIndependent) {
  Operands t(63, 128, 160);
  std::vector<float> whole(static_cast<size_t>(t.m * t.ldc)), parts = whole;
  t.Multiply(0, t.m, {}, 0, StrassenPanels(t.n), &whole);
  for (int64_t i = 0; i < t.m; i += 10)
    t.Multiply(i, std::min<int64_t>(10, t.m - i), {}, 0, StrassenPanels(t.n), &parts);
  EXPECT_EQ(whole, parts);
}

TEST(Strassen, WhatIsNotANumberStaysInItsPair) {
  for (const float odd : {NAN, INFINITY}) {
    Operands t(30, 64, 64);
    std::vector<float> want(static_cast<size_t>(t.m * t.ldc)), got = want;
    t.Multiply(0, t.m, {}, 0, StrassenPanels(t.n), &want);
    t.a[static_cast<size_t>(9 * t.lda + 5)] = odd;
    t.Multiply(0, t.m, {}, 0, StrassenPanels(t.n), &got);
    for (int64_t i = 0; i < t.m; ++i) {
      for (int64_t j = 0; j < t.n; ++j) {
        const auto at = static_cast<size_t>(i * t.ldc + j);
        if (i == 9) {
          EXPECT_FALSE(std::isfinite(got[at]));
        } else if (i != 8) {
          EXPECT_EQ(got[at], want[at]);
        }
      }
    }
  }
}

TEST(Strassen, SizesThatFit) {
  EXPECT_FALSE(StrassenPays(27, 512, 512));
  EXPECT_FALSE(StrassenPays(196, 512, 64));
  EXPECT_FALSE(StrassenPays(196, 64, 512));
  EXPECT_FALSE(StrassenPays(196, 128, 128));
  EXPECT_FALSE(StrassenPays(196, 160, 512));
  EXPECT_FALSE(StrassenPays(196, 512, 144));
}

}  // namespace
}  // namespace weft::cpu
