// SPDX-License-Identifier: Apache-2.0
// Products large enough for several threads.
#include "kernels/cpu/gemm.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "src/core/parallel.h"

namespace weft::cpu {
namespace {

std::vector<float> GemmNoise(int64_t n, uint32_t seed) {
  std::mt19937 bits(seed);
  std::uniform_real_distribution<float> values(-1, 1);
  std::vector<float> v(static_cast<size_t>(n));
  for (float& x : v) x = values(bits);
  return v;
}

struct Sizes {
  int64_t m, n, k;
};

// A transposed right operand; rows of all three matrices lie further apart than they are long.
TEST(Gemm, TransposedOnSeveralThreadsHasOneThreadsBits) {
  constexpr int64_t kGap = 5;
  for (const Sizes s : {Sizes{100, 784, 500}, {50, 1001, 257}, {193, 193, 64}, {37, 384, 96}}) {
    const int64_t ld = s.k + kGap, ldc = s.n + kGap;
    const std::vector<float> a = GemmNoise(s.m * ld, 1), b = GemmNoise(s.n * ld, 2);
    for (const bool accumulate : {false, true}) {
      const std::vector<float> before = GemmNoise(s.m * ldc, 3);
      const auto product = [&](int threads) {
        const IntraOpScope scope(threads);
        std::vector<float> c = before;
        Gemm(false, true, s.m, s.n, s.k, a.data(), ld, b.data(), ld, c.data(), ldc, threads,
             accumulate);
        return c;
      };
      const std::vector<float> one = product(1);
      for (const int threads : {2, 3}) {
        if (s.n < 96 * threads) continue;  // the library shares narrow ones out
        EXPECT_EQ(product(threads), one) << s.m << " x " << s.n << " x " << s.k;
      }
      for (int64_t i = 0; i < s.m; ++i) {
        for (int64_t j = 0; j < ldc; ++j) {
          const float start = before[static_cast<size_t>(i * ldc + j)];
          double want = j < s.n && !accumulate ? 0 : start;
          for (int64_t p = 0; j < s.n && p < s.k; ++p) {
            want += static_cast<double>(a[static_cast<size_t>(i * ld + p)]) *
                    static_cast<double>(b[static_cast<size_t>(j * ld + p)]);
          }
          ASSERT_NEAR(one[static_cast<size_t>(i * ldc + j)], want, 1e-4) << i << ", " << j;
        }
      }
    }
  }
}

}  // namespace
}  // namespace weft::cpu
