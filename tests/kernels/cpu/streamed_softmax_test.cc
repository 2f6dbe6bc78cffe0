// SPDX-License-Identifier: Apache-2.0
// Rows that are written past the caches have the bits of rows that are not.
#include "kernels/cpu/streamed_softmax.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include "kernels/cpu/row_math.h"
#include "kernels/cpu/stream.h"

namespace weft::cpu {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kUntouched = 77.0f;

bool SameFloat(float a, float b) {
  return std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b) || (a != a && b != b);
}

std::vector<float> Normal(int64_t n, float deviation) {
  std::mt19937 bits(static_cast<uint32_t>(n));
  std::normal_distribution<float> normal(0, deviation);
  std::vector<float> values(static_cast<size_t>(n));
  for (float& v : values) v = normal(bits);
  return values;
}

// Rows that begin at these distances, in floats, from the beginning of cache lines.
void CheckRows(const std::vector<float>& values, int64_t n, size_t x_begin, size_t y_begin) {
  struct alignas(64) Line {
    float numbers[16];
  };
  const auto rows = static_cast<int64_t>(values.size()) / n;
  std::vector<Line> x_lines(values.size() / 16 + 3), y_lines(values.size() / 16 + 3);
  float* const x = x_lines[0].numbers + x_begin;
  float* const all = y_lines[0].numbers;
  float* const y = all + y_begin;
  std::copy(values.begin(), values.end(), x);
  std::fill_n(all, y_lines.size() * 16, kUntouched);
  StreamSoftmaxRows(x, rows, n, y);
  EndStreams();
  std::vector<float> want(static_cast<size_t>(n));
  for (int64_t row = 0; row < rows; ++row) {
    const float sum = RowExp(x + row * n, RowMax(x + row * n, n), n, want.data());
    RowScale(1.0f / sum, n, want.data());
    for (int64_t i = 0; i < n; ++i) {
      ASSERT_TRUE(SameFloat(y[row * n + i], want[static_cast<size_t>(i)]))
          << "row " << row << " of " << rows << ", element " << i << " of " << n << ": "
          << y[row * n + i] << " instead of " << want[static_cast<size_t>(i)];
    }
  }
  for (const float* p = all; p < y; ++p) EXPECT_EQ(*p, kUntouched);
  for (const float* p = y + rows * n; p < all + y_lines.size() * 16; ++p) EXPECT_EQ(*p, kUntouched);
}

TEST(StreamedSoftmax, AllLengthsAndPlaces) {
  for (int64_t n = 1; n <= 100; ++n) {
    for (int64_t rows : {1, 2, 5}) {
      const auto some = static_cast<size_t>(n * rows);
      CheckRows(Normal(n * rows, 3), n, some % 16, some / 3 % 16);
      CheckRows(Normal(n * rows, 3), n, 0, 0);
    }
  }
  for (int64_t n : {1007, 1024, 10000, 20011}) {
    CheckRows(Normal(3 * n, 3), n, 0, 0);
    CheckRows(Normal(3 * n, 3), n, 1, 15);
  }
}

// Exponentials among the subnormals and below.
TEST(StreamedSoftmax, FarApart) {
  for (float deviation : {20.0f, 60.0f, 1e4f, 1e38f})
    CheckRows(Normal(4 * 203, deviation), 203, 3, 5);
}

TEST(StreamedSoftmax, InfinitiesAndNaNs) {
  const float odd[] = {kInfinity, -kInfinity, std::nanf(""), 0.0f, -0.0f, 1e-42f, -3e38f};
  for (int64_t n : {7, 64, 75}) {
    std::vector<float> values;
    // One odd number somewhere, rows of nothing else, and two of a kind.
    for (float number : odd) {
      for (int64_t place = 0; place < n; place += 3) {
        const auto begin = static_cast<int64_t>(values.size());
        const std::vector<float> row = Normal(n, 2);
        values.insert(values.end(), row.begin(), row.end());
        values[static_cast<size_t>(begin + place)] = number;
        if (place % 2 == 0) values[static_cast<size_t>(begin + n - 1)] = odd[place % 7];
      }
      values.insert(values.end(), static_cast<size_t>(n), number);
    }
    CheckRows(values, n, 2, 9);
  }
}

}  // namespace
}  // namespace weft::cpu
