// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <complex>
#include <numbers>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/arrays.h"
#include "weft/core/error.h"
#include "weft/ops/basic.h"
#include "weft/ops/math_unary.h"
#include "weft/ops/signal.h"
#include "weft/runtime/session.h"

namespace weft {
namespace {

class SignalApi : public ::testing::Test {
 protected:
  Graph graph_;
  GraphScope use_{graph_};
  Session session_{graph_};
};

TEST_F(SignalApi, RealTransformsAndBack) {
  const Tensor x = Constant(F32({1, 2, 3, 4}));
  const Tensor y = signal::Rfft(x);
  EXPECT_EQ(y.shape(), PartialShape({3}));
  EXPECT_TRUE(ArraysNear(session_.Run(Real(y)), F32({10, -2, -2}), {1e-5, 1e-5}));
  EXPECT_TRUE(ArraysNear(session_.Run(Imag(y)), F32({0, 2, 0}), {1e-5, 1e-5}));
  EXPECT_TRUE(ArraysNear(session_.Run(signal::Irfft(y)), F32({1, 2, 3, 4}), {1e-5, 1e-5}));
  // Filled up with zeros, and cut.
  EXPECT_EQ(signal::Rfft(x, {.fft_length = IntList{8}}).shape(), PartialShape({5}));
  EXPECT_TRUE(ArraysNear(session_.Run(Real(signal::Rfft(x, {.fft_length = IntList{2}}))),
                         F32({3, -1}), {1e-5, 1e-5}));
  // Sizes that are known in the run only.
  const Tensor fed = Placeholder(kFloat64, {-1, -1});
  const Tensor back = signal::Irfft2d(signal::Rfft2d(fed));
  const Array image = F64({{1, 2, 0, 1}, {3, -1, 2, 5}});
  EXPECT_TRUE(ArraysNear(session_.Run(back, {{fed, image}}), image, {1e-12, 1e-12}));
}

TEST_F(SignalApi, ComplexTransforms) {
  const Tensor x = Complex(F64({1, 0, 0, 0}), F64({0, 1, 0, 0}));
  const Tensor y = signal::Fft(x);
  EXPECT_EQ(y.dtype(), kComplex128);
  EXPECT_TRUE(ArraysNear(session_.Run(Real(y)), F64({1, 2, 1, 0}), {1e-12, 1e-12}));
  EXPECT_TRUE(ArraysNear(session_.Run(Imag(signal::Ifft(y))), F64({0, 1, 0, 0}), {1e-12, 1e-12}));
}

TEST_F(SignalApi, Windows) {
  EXPECT_TRUE(ArraysNear(session_.Run(signal::HannWindow(4)), F32({0, 0.5, 1, 0.5}), {1e-6, 1e-6}));
  EXPECT_TRUE(ArraysNear(session_.Run(signal::HannWindow(5, {.periodic = false})),
                         F32({0, 0.5, 1, 0.5, 0}), {1e-6, 1e-6}));
  EXPECT_TRUE(ArraysNear(session_.Run(signal::HammingWindow(4, {.dtype = kFloat64})),
                         F64({0.08, 0.54, 1, 0.54}), {1e-12, 1e-12}));
  EXPECT_TRUE(ArraysEqual(session_.Run(signal::HannWindow(1)), F32({1})));
  EXPECT_THROW(signal::HannWindow(0), Error);
}

TEST_F(SignalApi, Frames) {
  const Tensor x = Constant(F32({{1, 2, 3, 4, 5}, {6, 7, 8, 9, 10}}));
  const Tensor frames = signal::Frame(x, 3, 2);
  EXPECT_EQ(frames.shape(), PartialShape({2, 2, 3}));
  EXPECT_TRUE(ArraysEqual(session_.Run(frames),
                          F32(Shape({2, 2, 3}), {1, 2, 3, 3, 4, 5, 6, 7, 8, 8, 9, 10})));
  const Tensor padded =
      signal::Frame(Constant(F32({1, 2, 3, 4})), 3, 2, {.pad_end = true, .pad_value = 9.0f});
  EXPECT_TRUE(ArraysEqual(session_.Run(padded), F32({{1, 2, 3}, {3, 4, 9}})));
  EXPECT_EQ(signal::Frame(F32({1, 2}), 3, 2).shape(), PartialShape({0, 3}));
  EXPECT_THROW(signal::Frame(x, 0, 2), Error);
}

TEST_F(SignalApi, ShortTimeTransform) {
  // A cosine of 2 periods a frame of 8: all of it is frequency 2.
  std::vector<float> wave;
  for (int i = 0; i < 16; ++i)
    wave.push_back(static_cast<float>(std::cos(2 * std::numbers::pi * 2 * i / 8)));
  const Tensor y = signal::Stft(Constant(Array::FromVector(wave)), 8, 4, {.window = nullptr});
  EXPECT_EQ(y.shape(), PartialShape({3, 5}));
  EXPECT_TRUE(ArraysNear(session_.Run(Abs(y)),
                         F32({{0, 0, 4, 0, 0}, {0, 0, 4, 0, 0}, {0, 0, 4, 0, 0}}), {1e-5, 1e-5}));
  // Hann's window spreads it over the neighbours.
  EXPECT_TRUE(ArraysNear(session_.Run(Abs(signal::Stft(Constant(Array::FromVector(wave)), 8, 8))),
                         F32({{0, 1, 2, 1, 0}, {0, 1, 2, 1, 0}}), {1e-5, 1e-5}));
}

}  // namespace
}  // namespace weft
