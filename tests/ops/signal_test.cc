// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <vector>

#include "tests/support/op_case.h"
#include "weft/core/complex.h"

namespace weft {
namespace {

// Any values that are not symmetric.
std::vector<complex128> Signal(int n) {
  std::vector<complex128> x;
  for (int j = 0; j < n; ++j) x.emplace_back(std::sin(1.0 + j * j), std::cos(2.0 * j) - 0.25 * j);
  return x;
}

// The sums as they are written.
std::vector<complex128> Slowly(const std::vector<complex128>& x, int sign) {
  const size_t n = x.size();
  std::vector<complex128> y;
  for (size_t k = 0; k < n; ++k) {
    complex128 sum;
    for (size_t j = 0; j < n; ++j) {
      const double turns = static_cast<double>(j * k % n) / static_cast<double>(n);
      sum += x[j] * std::polar(1.0, sign * 2 * std::numbers::pi * turns);
    }
    y.push_back(sign > 0 ? sum / static_cast<double>(n) : sum);
  }
  return y;
}

// Lengths of small factors, of large primes, and mixed.
TEST(FFT, AllLengths) {
  for (const int n : {1, 2, 3, 4, 5, 6, 8, 12, 16, 30, 31, 37, 49, 64, 74, 97, 121, 1009}) {
    SCOPED_TRACE(n);
    const std::vector<complex128> x = Signal(n);
    OpCase("FFT")
        .In(Array::FromVector(x))
        .Out(Array::FromVector(Slowly(x, -1)))
        .Within(1e-9, 1e-8)
        .RunEverywhere();
    OpCase("IFFT")
        .In(Array::FromVector(x))
        .Out(Array::FromVector(Slowly(x, 1)))
        .Within(1e-9, 1e-9)
        .RunEverywhere();
  }
}

TEST(FFT, Errors) {
  OpCase("FFT2D")
      .In(C64({1, 2}))
      .ExpectRunError(Code::kInvalidArgument, "Input must have rank of at least 2");
  ExpectShape("FFT", {"complex64[?,3]"}, "[?,3]");
}

// Of a wave along each of two dimensions.
TEST(FFT2D, OneWaveIsOneValue) {
  std::vector<complex128> x, y(12, 0);
  for (int a = 0; a < 3; ++a) {
    for (int b = 0; b < 4; ++b)
      x.push_back(std::polar(1.0, 2 * std::numbers::pi * (a / 3.0 + 3 * b / 4.0)));
  }
  y[1 * 4 + 3] = 12;
  OpCase("FFT2D")
      .In(Array::FromVector(x, Shape({3, 4})))
      .Out(Array::FromVector(y, Shape({3, 4})))
      .Within(0, 1e-12)
      .RunEverywhere();
  OpCase("IFFT2D")
      .In(Array::FromVector(y, Shape({3, 4})))
      .Out(Array::FromVector(x, Shape({3, 4})))
      .Within(0, 1e-12)
      .RunEverywhere();
}

TEST(RFFT, HalfOfTheSpectrum) {
  for (const int n : {1, 2, 5, 6, 37}) {
    SCOPED_TRACE(n);
    std::vector<complex128> x = Signal(n);
    std::vector<double> real;
    for (complex128& v : x) {
      v = v.real();
      real.push_back(v.real());
    }
    std::vector<complex128> half = Slowly(x, -1);
    half.resize(static_cast<size_t>(n / 2 + 1));
    OpCase("RFFT")
        .In(Array::FromVector(real))
        .In(I32({n}))
        .Attr("Treal", kFloat64)
        .Attr("Tcomplex", kComplex128)
        .Out(Array::FromVector(half))
        .Within(1e-9, 1e-9)
        .RunEverywhere();
    OpCase("IRFFT")
        .In(Array::FromVector(half))
        .In(I32({n}))
        .Attr("Treal", kFloat64)
        .Attr("Tcomplex", kComplex128)
        .Out(Array::FromVector(real))
        .Within(1e-9, 1e-9)
        .RunEverywhere();
  }
}

TEST(RFFT, TakesTheFirstSamples) {
  OpCase("RFFT").In(F32({1, 2, 100})).In(I32({2})).Out(C64({3, -1})).RunEverywhere();
  OpCase("RFFT")
      .In(F32({1, 2}))
      .In(I32({3}))
      .ExpectRunError(Code::kInvalidArgument, "must have length of at least 3 but got: 2");
  OpCase("RFFT")
      .In(F32({1, 2}))
      .In(I32({-1}))
      .ExpectRunError(Code::kInvalidArgument, "fft_length[0] must >= 0, but got: -1");
  ExpectShape("RFFT", {"[5,7]", I32({6})}, "[5,4]");
  ExpectShape("RFFT2D", {"[5,7,8]", "int32[2]"}, "[5,?,?]");
  ExpectShape("IRFFT", {"complex64[5,4]", I32({7})}, "[5,7]");
}

TEST(AudioSpectrogram, OneWindow) {
  // Two samples under the window 0, 1: the second one alone.
  OpCase("AudioSpectrogram")
      .In(F32({{5, 1}, {2, 3}}))
      .Attr("window_size", int64_t{2})
      .Attr("stride", int64_t{1})
      .Attr("magnitude_squared", true)
      .Out(F32(Shape({2, 1, 2}), {4, 4, 9, 9}))
      .RunEverywhere();
  ExpectShape("AudioSpectrogram", {"[100,2]"}, "[2,7,33]",
              {{"window_size", int64_t{40}}, {"stride", int64_t{10}}});
}

TEST(Mfcc, SilenceIsTheFloor) {
  // Each channel's logarithm is that of 1e-12; only the first cosine's sum is not 0.
  const auto first = static_cast<float>(std::sqrt(2.0 / 4) * 4 * std::log(1e-12));
  OpCase("Mfcc")
      .In(F32(Shape({1, 1, 17}), {0}))
      .In(I32(16000))
      .Attr("filterbank_channel_count", int64_t{4})
      .Attr("dct_coefficient_count", int64_t{2})
      .Out(F32(Shape({1, 1, 2}), {first, 0}))
      .Within(1e-5, 1e-4)
      .RunEverywhere();
  OpCase("Mfcc")
      .In(F32(Shape({1, 1, 17}), {0}))
      .In(I32(1000))
      .ExpectRunError(Code::kInvalidArgument, "the spectrum ends below the upper frequency limit");
}

}  // namespace
}  // namespace weft
