// SPDX-License-Identifier: Apache-2.0
// The numbers that come of one sample (four random words) of a generator. A distribution D has
// D::kGroup numbers a sample; numbers that take an unknown count of words draw from Words.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <type_traits>

#include "src/core/philox.h"

namespace weft {

// Evenly over [0, 1).
template <typename T>
struct Uniform {
  static constexpr int64_t kGroup = std::is_same_v<T, double> ? 2 : 4;
  std::array<T, kGroup> operator()(const Philox::Sample& x) const {
    using namespace random;  // NOLINT: conversions of bits
    if constexpr (std::is_same_v<T, double>)
      return {ToDouble(x[0], x[1]), ToDouble(x[2], x[3])};
    else if constexpr (std::is_same_v<T, half>)
      return {ToHalf(x[0]), ToHalf(x[1]), ToHalf(x[2]), ToHalf(x[3])};
    else if constexpr (std::is_same_v<T, bfloat16>)
      return {ToBfloat16(x[0]), ToBfloat16(x[1]), ToBfloat16(x[2]), ToBfloat16(x[3])};
    else
      return {ToFloat(x[0]), ToFloat(x[1]), ToFloat(x[2]), ToFloat(x[3])};
  }
};

// Of mean 0 and standard deviation 1.
template <typename T>
struct Normal {
  static constexpr int64_t kGroup = std::is_same_v<T, double> ? 2 : 4;
  std::array<T, kGroup> operator()(const Philox::Sample& x) const {
    if constexpr (std::is_same_v<T, double>) {
      return random::BoxMuller(x[0], x[1], x[2], x[3]);
    } else {
      const std::array<float, 2> a = random::BoxMuller(x[0], x[1]),
                                 b = random::BoxMuller(x[2], x[3]);
      return {T(a[0]), T(a[1]), T(b[0]), T(b[1])};
    }
  }
};

// Any value of an integer type of 32 or 64 bits.
template <typename T>
struct FullInt {
  static constexpr int64_t kGroup = sizeof(T) == 8 ? 2 : 4;
  std::array<T, kGroup> operator()(const Philox::Sample& x) const {
    if constexpr (kGroup == 2) {
      auto word = [&x](size_t i) { return static_cast<T>(uint64_t{x[i + 1]} << 32 | x[i]); };
      return {word(0), word(2)};
    } else {
      return {static_cast<T>(x[0]), static_cast<T>(x[1]), static_cast<T>(x[2]),
              static_cast<T>(x[3])};
    }
  }
};

// Over [low, high), low < high; slightly biased unless the range is a power of two.
template <typename T>
struct UniformInt {
  static constexpr int64_t kGroup = FullInt<T>::kGroup;
  using Unsigned = std::make_unsigned_t<T>;
  UniformInt(T from, T to)
      : low(static_cast<Unsigned>(from)),
        range(static_cast<Unsigned>(static_cast<Unsigned>(to) - static_cast<Unsigned>(from))) {}
  Unsigned low, range;
  std::array<T, kGroup> operator()(const Philox::Sample& x) const {
    const auto bits = FullInt<Unsigned>()(x);
    std::array<T, kGroup> numbers;
    for (size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<T>(low + bits[i] % range);
    return numbers;
  }
};

// Draws one 32-bit word after another, in the order of the samples.
class Words {
 public:
  // Leaves out the first `skip` words.
  explicit Words(const Philox& generator, uint64_t skip = 0) : generator_(generator) {
    generator_.Skip(skip / 4);
    for (uint64_t i = 0; i < skip % 4; ++i) (*this)();
  }
  uint32_t operator()() {
    if (used_ == 4) {
      sample_ = generator_();
      used_ = 0;
    }
    return sample_[used_++];
  }
  uint64_t Word64() {
    const uint64_t low = (*this)(), high = (*this)();
    return high << 32 | low;
  }
  // Evenly over [0, 1).
  float Float() { return random::ToFloat((*this)()); }
  double Double() {
    const uint32_t x0 = (*this)(), x1 = (*this)();
    return random::ToDouble(x0, x1);
  }
  // Evenly over [0, n), n > 0, without bias: words that would favour small results are drawn again.
  uint32_t Below(uint32_t n) {
    return Exact(n, [this] { return (*this)(); });
  }
  uint64_t Below64(uint64_t n) {
    return Exact(n, [this] { return Word64(); });
  }

 private:
  template <typename Unsigned, typename Draw>
  static Unsigned Exact(Unsigned n, const Draw& draw) {
    if ((n & (n - 1)) == 0) return draw() & (n - 1);
    // The values from `first` on are a multiple of n in number.
    const Unsigned first = ~Unsigned{0} % n + 1;
    Unsigned bits;
    do bits = draw();
    while (bits < first);
    return bits % n;
  }

  Philox generator_;
  Philox::Sample sample_{};
  size_t used_ = 4;
};

// Hands out the numbers of a distribution one at a time, the last of each sample first: the order
// that TensorFlow's rejection samplers use.
template <typename D>
class LastFirst {
 public:
  auto operator()(Philox* generator) {
    if (left_ == 0) {
      numbers_ = D()((*generator)());
      left_ = numbers_.size();
    }
    return numbers_[--left_];
  }

 private:
  decltype(D()(Philox::Sample())) numbers_{};
  size_t left_ = 0;
};

}  // namespace weft
