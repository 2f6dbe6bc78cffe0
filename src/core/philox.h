// SPDX-License-Identifier: Apache-2.0
// Philox 4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011) and the
// distributions that TensorFlow makes of it, bit for bit: the n-th number depends on the seeds and
// on n alone, however many threads fill an array.
#pragma once

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>

#include "weft/core/half.h"

namespace weft {

class Philox {
 public:
  using Sample = std::array<uint32_t, 4>;

  Philox() = default;
  // The key is the first seed; the second one is the upper half of the counter.
  Philox(uint64_t seed, uint64_t seed2)
      : key_{Low(seed), High(seed)}, counter_{0, 0, Low(seed2), High(seed2)} {}
  Philox(std::array<uint32_t, 2> key, Sample counter) : key_(key), counter_(counter) {}

  const Sample& counter() const { return counter_; }
  const std::array<uint32_t, 2>& key() const { return key_; }

  // Leaves out `count` samples.
  void Skip(uint64_t count) {
    const uint64_t low = (uint64_t{counter_[1]} << 32 | counter_[0]) + count;
    const bool carry = low < count;
    counter_[0] = Low(low);
    counter_[1] = High(low);
    if (carry && ++counter_[2] == 0) ++counter_[3];
  }

  Sample operator()() {
    Sample c = counter_;
    std::array<uint32_t, 2> key = key_;
    for (int round = 0; round < 10; ++round) {
      const uint64_t a = uint64_t{0xD2511F53} * c[0], b = uint64_t{0xCD9E8D57} * c[2];
      c = {High(b) ^ c[1] ^ key[0], Low(b), High(a) ^ c[3] ^ key[1], Low(a)};
      key[0] += 0x9E3779B9;
      key[1] += 0xBB67AE85;
    }
    Skip(1);
    return c;
  }

 private:
  static constexpr uint32_t Low(uint64_t x) { return static_cast<uint32_t>(x); }
  static constexpr uint32_t High(uint64_t x) { return static_cast<uint32_t>(x >> 32); }
  std::array<uint32_t, 2> key_{};
  Sample counter_{};
};

namespace random {

// Uniform in [0, 1): random bits as the mantissa of a number in [1, 2), less 1.
inline float ToFloat(uint32_t x) {
  return std::bit_cast<float>(0x3f800000u | (x & 0x7fffffu)) - 1.0f;
}
inline double ToDouble(uint32_t x0, uint32_t x1) {
  return std::bit_cast<double>((uint64_t{1023} << 52) | (uint64_t{x0 & 0xfffffu} << 32) | x1) - 1.0;
}
inline half ToHalf(uint32_t x) {
  return half(static_cast<float>(half::FromBits(static_cast<uint16_t>(0x3c00u | (x & 0x3ffu)))) -
              1.0f);
}
inline bfloat16 ToBfloat16(uint32_t x) {
  return bfloat16(
      static_cast<float>(bfloat16::FromBits(static_cast<uint16_t>(0x3f80u | (x & 0x7fu)))) - 1.0f);
}

// Two normal numbers from two uniform ones (Box and Muller 1958).
inline std::array<float, 2> BoxMuller(uint32_t x0, uint32_t x1) {
  float u = ToFloat(x0);
  if (u < 1.0e-7f) u = 1.0e-7f;
  const float angle = static_cast<float>(2.0f * M_PI * ToFloat(x1));
  const float radius = std::sqrt(-2.0f * std::log(u));
  float sine, cosine;
  sincosf(angle, &sine, &cosine);
  return {sine * radius, cosine * radius};
}
inline std::array<double, 2> BoxMuller(uint32_t x0, uint32_t x1, uint32_t x2, uint32_t x3) {
  double u = ToDouble(x0, x1);
  if (u < 1.0e-7) u = 1.0e-7;
  const double angle = 2 * M_PI * ToDouble(x2, x3);
  const double radius = std::sqrt(-2.0 * std::log(u));
  double sine, cosine;
  sincos(angle, &sine, &cosine);
  return {sine * radius, cosine * radius};
}

}  // namespace random
}  // namespace weft
