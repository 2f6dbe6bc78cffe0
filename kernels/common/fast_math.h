// SPDX-License-Identifier: Apache-2.0
// Elementary functions of float32 without branches, tables or calls, so that the compiler turns a
// loop over them into vector code. The same argument gives the same bits on every instruction set.
#pragma once

#include <bit>
#include <cstdint>

namespace weft {

// e^x with an error below 1 ulp over the whole range: overflows to infinity, underflows through
// the subnormal numbers to 0, and keeps NaN.
//
// x = n ln 2 + r with |r| <= ln(2)/2; e^r by a polynomial (minimax coefficients of the Cephes
// library's expf), and 2^n as two factors so that the exponents of both stay in range.
inline float FastExp(float x) {
  constexpr float kLog2E = 1.44269504088896341f;
  // ln 2 = kLn2High + kLn2Low; n * kLn2High is exact for the n that occur.
  constexpr float kLn2High = 0.693359375f;
  constexpr float kLn2Low = -2.12194440e-4f;
  // Adding 1.5 * 2^23 leaves the nearest integer in the low bits of the sum.
  constexpr float kRounder = 12582912.f;
  constexpr int32_t kRounderBits = 0x4b400000;

  x = x > 89.f ? 89.f : x;
  x = x < -104.f ? -104.f : x;
  const float shifted = x * kLog2E + kRounder;
  const float n = shifted - kRounder;
  const float r = (x - n * kLn2High) - n * kLn2Low;
  // In pairs of terms, which don't wait for each other.
  const float r2 = r * r;
  const float high = 1.9875691500e-4f * r + 1.3981999507e-3f;
  const float middle = 8.3334519073e-3f * r + 4.1665795894e-2f;
  const float low = 1.6666665459e-1f * r + 5.0000001201e-1f;
  float p = (high * r2 + middle) * r2 + low;
  p = p * r2 + r + 1.f;
  const int32_t exponent = std::bit_cast<int32_t>(shifted) - kRounderBits;
  const int32_t half = exponent >> 1;
  const float scale = std::bit_cast<float>((half + 127) << 23);
  const float rest = std::bit_cast<float>((exponent - half + 127) << 23);
  return p * scale * rest;
}

// 1 / (1 + e^-x), from e^-|x| so that neither tail is lost. Keeps NaN.
inline float FastSigmoid(float x) {
  const float e = FastExp(x < 0.f ? x : -x);
  const float r = 1.f / (1.f + e);
  return x < 0.f ? e * r : r;
}

// The hyperbolic tangent: near 0 x times a polynomial of x^2 (fitted to relative error), else
// 1 - 2 / (e^2|x| + 1) with x's sign. Keeps NaN and the sign of 0.
inline float FastTanh(float x) {
  const float a = x < 0.f ? -x : x;
  const float s = x * x;
  float p = 0.002147541849f;
  p = p * s - 0.008182679788f;
  p = p * s + 0.02170296975f;
  p = p * s - 0.05394720482f;
  p = p * s + 0.1333320977f;
  p = p * s - 0.3333333091f;
  const float small = x * s * p + x;
  const float magnitude = 1.f - 2.f / (FastExp(a > 20.f ? 40.f : a + a) + 1.f);
  const float large = x < 0.f ? -magnitude : magnitude;
  return a < 0.625f ? small : large;
}

}  // namespace weft
