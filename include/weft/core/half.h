// SPDX-License-Identifier: Apache-2.0
// 16-bit floating point storage types: IEEE binary16 (half) and bfloat16.
//
// Arithmetic is done in float: both convert to float without loss and from float with rounding to
// nearest even, so `half c(a * b)` rounds once, as TensorFlow's CPU kernels do.
#pragma once

#include <bit>
#include <concepts>
#include <cstdint>
#include <limits>
#if defined(__F16C__)
#include <immintrin.h>
#endif

namespace weft {
namespace internal {

inline float HalfBitsToFloat(uint16_t h) {
#if defined(__F16C__)
  return _cvtsh_ss(h);
#else
  const uint32_t sign = static_cast<uint32_t>(h & 0x8000u) << 16;
  const uint32_t exponent = (h >> 10) & 0x1fu;
  uint32_t mantissa = h & 0x3ffu;
  if (exponent == 0x1f) return std::bit_cast<float>(sign | 0x7f800000u | (mantissa << 13));
  if (exponent != 0)
    return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (mantissa << 13));
  // Subnormal or zero: the value is mantissa * 2^-24, exact in float.
  const float magnitude = static_cast<float>(mantissa) * 0x1p-24f;
  return std::bit_cast<float>(std::bit_cast<uint32_t>(magnitude) | sign);
#endif
}

inline uint16_t FloatToHalfBits(float f) {
#if defined(__F16C__)
  return static_cast<uint16_t>(_cvtss_sh(f, 0));
#else
  const uint32_t bits = std::bit_cast<uint32_t>(f);
  const uint16_t sign = static_cast<uint16_t>((bits >> 16) & 0x8000u);
  const uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u)
    return static_cast<uint16_t>(sign | 0x7e00u | ((magnitude >> 13) & 0x3ffu));
  if (magnitude >= 0x477ff000u) return static_cast<uint16_t>(sign | 0x7c00u);  // rounds to infinity
  if (magnitude < 0x38800000u) {
    // Subnormal result: adding 0.5 aligns the mantissa to 2^-24 with the FPU's own rounding.
    const float aligned = std::bit_cast<float>(magnitude) + 0.5f;
    return static_cast<uint16_t>(sign | (std::bit_cast<uint32_t>(aligned) - 0x3f000000u));
  }
  const uint32_t odd = (magnitude >> 13) & 1u;
  return static_cast<uint16_t>(sign | ((magnitude + 0xc8000fffu + odd) >> 13));
#endif
}

inline uint16_t FloatToBfloat16Bits(float f) {
  const uint32_t bits = std::bit_cast<uint32_t>(f);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<uint16_t>((bits >> 16) | 0x40u);
  return static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

}  // namespace internal

struct half {
  uint16_t bits = 0;

  half() = default;
  half(float f) : bits(internal::FloatToHalfBits(f)) {}  // NOLINT
  explicit half(double d) : half(static_cast<float>(d)) {}
  explicit half(int i) : half(static_cast<float>(i)) {}
  explicit half(int64_t i) : half(static_cast<float>(i)) {}
  operator float() const { return internal::HalfBitsToFloat(bits); }  // NOLINT
  template <std::same_as<half> H>
  friend bool operator==(H a, H b) {  // a template: h == 1.f converts h only
    return float(a) == float(b);
  }
  static half FromBits(uint16_t b) {
    half h;
    h.bits = b;
    return h;
  }
  half& operator+=(half o) { return *this = half(float(*this) + float(o)); }
  half& operator-=(half o) { return *this = half(float(*this) - float(o)); }
  half& operator*=(half o) { return *this = half(float(*this) * float(o)); }
  half& operator/=(half o) { return *this = half(float(*this) / float(o)); }
};

struct bfloat16 {
  uint16_t bits = 0;

  bfloat16() = default;
  bfloat16(float f) : bits(internal::FloatToBfloat16Bits(f)) {}  // NOLINT
  explicit bfloat16(double d) : bfloat16(static_cast<float>(d)) {}
  explicit bfloat16(int i) : bfloat16(static_cast<float>(i)) {}
  explicit bfloat16(int64_t i) : bfloat16(static_cast<float>(i)) {}
  operator float() const {
    return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
  }  // NOLINT
  template <std::same_as<bfloat16> H>
  friend bool operator==(H a, H b) {
    return float(a) == float(b);
  }
  static bfloat16 FromBits(uint16_t b) {
    bfloat16 h;
    h.bits = b;
    return h;
  }
  bfloat16& operator+=(bfloat16 o) { return *this = bfloat16(float(*this) + float(o)); }
  bfloat16& operator-=(bfloat16 o) { return *this = bfloat16(float(*this) - float(o)); }
  bfloat16& operator*=(bfloat16 o) { return *this = bfloat16(float(*this) * float(o)); }
  bfloat16& operator/=(bfloat16 o) { return *this = bfloat16(float(*this) / float(o)); }
};

}  // namespace weft

template <>
class std::numeric_limits<weft::half> {
 public:
  static constexpr bool is_specialized = true;
  static constexpr bool is_signed = true;
  static constexpr bool is_integer = false;
  static constexpr bool has_infinity = true;
  static constexpr bool has_quiet_NaN = true;
  static weft::half max() { return weft::half::FromBits(0x7bff); }
  static weft::half lowest() { return weft::half::FromBits(0xfbff); }
  static weft::half min() { return weft::half::FromBits(0x0400); }
  static weft::half epsilon() { return weft::half::FromBits(0x1400); }
  static weft::half infinity() { return weft::half::FromBits(0x7c00); }
  static weft::half quiet_NaN() { return weft::half::FromBits(0x7e00); }
};

template <>
class std::numeric_limits<weft::bfloat16> {
 public:
  static constexpr bool is_specialized = true;
  static constexpr bool is_signed = true;
  static constexpr bool is_integer = false;
  static constexpr bool has_infinity = true;
  static constexpr bool has_quiet_NaN = true;
  static weft::bfloat16 max() { return weft::bfloat16::FromBits(0x7f7f); }
  static weft::bfloat16 lowest() { return weft::bfloat16::FromBits(0xff7f); }
  static weft::bfloat16 min() { return weft::bfloat16::FromBits(0x0080); }
  static weft::bfloat16 epsilon() { return weft::bfloat16::FromBits(0x3c00); }
  static weft::bfloat16 infinity() { return weft::bfloat16::FromBits(0x7f80); }
  static weft::bfloat16 quiet_NaN() { return weft::bfloat16::FromBits(0x7fc0); }
};
