// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/depthwise.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

namespace weft::cpu {
namespace {

std::vector<float> Uniform(int64_t n, uint32_t seed) {
  std::mt19937 bits(seed);
  std::uniform_real_distribution<float> values(-1, 1);
  std::vector<float> x(static_cast<size_t>(n));
  for (float& v : x) v = values(bits);
  return x;
}

struct Image {
  int64_t batch, rows, columns, channels;
};

// `before` pixels of zeros above and left of the image, and as many windows as begin inside.
ConvGeometry Geometry(const Image& image, int64_t stride, int64_t before) {
  ConvGeometry g{.batch = image.batch,
                 .in_channels = image.channels,
                 .filter_channels = 1,
                 .out_channels = image.channels};
  for (size_t d : {1, 2}) {
    const int64_t in = d == 1 ? image.rows : image.columns;
    g.space[d] = {.in = in,
                  .out = (in - 1 + before) / stride + 1,
                  .size = 3,
                  .stride = stride,
                  .before = before};
  }
  return g;
}

// Element c of pixel number `pixel` of the result.
double Expected(const Depthwise& t, int64_t pixel, int64_t c) {
  const SlideDim &down = t.g.space[1], &across = t.g.space[2];
  const int64_t column = pixel % across.out, row = pixel / across.out % down.out,
                image = pixel / (across.out * down.out);
  double sum = t.finish.bias ? static_cast<double>(t.finish.bias[c]) : 0;
  for (int64_t i = 0; i < 3; ++i) {
    for (int64_t j = 0; j < 3; ++j) {
      const int64_t y = row * down.stride - down.before + i,
                    x = column * across.stride - across.before + j;
      if (y < 0 || y >= down.in || x < 0 || x >= across.in) continue;
      const int64_t at = ((image * down.in + y) * across.in + x) * t.g.in_channels + c;
      sum += static_cast<double>(t.x[at]) *
             static_cast<double>(t.filter[(i * 3 + j) * t.g.in_channels + c]);
    }
  }
  return t.finish.clamp ? std::clamp(sum, 0.0, static_cast<double>(t.finish.most)) : sum;
}

void Check(const Image& image, int64_t stride, int64_t before, const SumFinish& ending) {
  const ConvGeometry g = Geometry(image, stride, before);
  ASSERT_TRUE(DepthwiseFits(g));
  const int64_t n = image.channels, ld = n + 3;
  const std::vector<float> x = Uniform(image.batch * image.rows * image.columns * n, 1),
                           filter = Uniform(9 * n, 2), bias = Uniform(n, 3),
                           zeros(static_cast<size_t>(n), 0.f);
  Depthwise t{g, x.data(), filter.data(), ending, zeros.data()};
  if (ending.add) {  // stands for a bias here
    t.finish.add = false;
    t.finish.bias = bias.data();
  }
  const int64_t pixels = g.pixels();
  const auto size = static_cast<size_t>(pixels * ld);
  std::vector<float> whole(size, -7.f);
  DepthwiseRows(t, 0, pixels, whole.data(), ld);
  for (int64_t p = 0; p < pixels; ++p) {
    for (int64_t c = 0; c < ld; ++c) {
      const float got = whole[static_cast<size_t>(p * ld + c)];
      if (c >= n)
        ASSERT_EQ(got, -7.f) << "what lies between rows is written";
      else
        ASSERT_NEAR(got, Expected(t, p, c), 2e-6) << p << ", " << c;
    }
  }
  // Some at a time, from the middle of a line on: the same bits.
  for (const int64_t step : {int64_t{1}, int64_t{5}, 2 * g.space[2].out + 1}) {
    std::vector<float> parts(size, -7.f);
    for (int64_t p = 0; p < pixels; p += step)
      DepthwiseRows(t, p, std::min(pixels, p + step), parts.data() + p * ld, ld);
    ASSERT_EQ(parts, whole) << "by " << step;
  }
}

TEST(Depthwise, AllBlocksAndRemainders) {
  for (const int64_t channels : {1, 3, 4, 8, 15, 16, 17, 40}) {
    for (const int64_t stride : {1, 2}) {
      for (const int64_t before : {0, 1}) {
        Check({1, 1, 1, channels}, stride, before, {});
        Check({2, 5, 7, channels}, stride, before, {.add = true});
        Check({1, 9, 4, channels}, stride, before, {.clamp = true, .most = 6});
        Check({3, 11, 13, channels}, stride, before, {.add = true, .clamp = true, .most = 0.5f});
      }
    }
  }
}

TEST(Depthwise, ActivationMakesNanZero) {
  const ConvGeometry g = Geometry({1, 2, 2, 18}, 1, 1);
  const std::vector<float> x(4 * 18, std::numeric_limits<float>::quiet_NaN()), filter(9 * 18, 1.f),
      zeros(18, 0.f);
  Depthwise t{g, x.data(), filter.data(), {.clamp = true, .most = 6}, zeros.data()};
  std::vector<float> y(4 * 18, -1.f);
  DepthwiseRows(t, 0, 4, y.data(), 18);
  EXPECT_EQ(y, std::vector<float>(4 * 18, 0.f));
  t.finish = {};
  DepthwiseRows(t, 0, 4, y.data(), 18);
  for (const float v : y) EXPECT_TRUE(std::isnan(v));
}

TEST(Depthwise, WhatFits) {
  const ConvGeometry g = Geometry({1, 8, 8, 4}, 2, 0);
  EXPECT_TRUE(DepthwiseFits(g));
  ConvGeometry other = g;
  other.out_channels = 8;  // a multiplier
  EXPECT_FALSE(DepthwiseFits(other));
  other = g;
  other.space[1].stride = 1;
  EXPECT_FALSE(DepthwiseFits(other));
  other = g;
  other.space[1].stride = other.space[2].stride = 3;
  EXPECT_FALSE(DepthwiseFits(other));
  other = g;
  other.space[2].dilation = 2;
  EXPECT_FALSE(DepthwiseFits(other));
  other = g;
  other.space[2].size = 5;
  EXPECT_FALSE(DepthwiseFits(other));
  other = g;
  other.space[0].in = other.space[0].out = 2;
  EXPECT_FALSE(DepthwiseFits(other));
}

}  // namespace
}  // namespace weft::cpu
