// SPDX-License-Identifier: Apache-2.0
#include "examples/support/mt19937.h"

#include <bit>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <string>

namespace weft::examples {

double RandomState::RandomSample() {
  const double high = Next32() >> 5;  // 27 bits
  const double low = Next32() >> 6;   // 26 bits
  return (high * 0x1p26 + low) / 0x1p53;
}

std::vector<double> RandomState::Rand(int64_t count) {
  std::vector<double> values(count);
  for (double& value : values) value = RandomSample();
  return values;
}

int64_t RandomState::RandInt(int64_t low, int64_t high) {
  if (low >= high) {
    throw std::invalid_argument("RandInt: low is " + std::to_string(low) + ", high is " +
                                std::to_string(high) + "; low must be below high");
  }
  // Unsigned, so that the full range of int64 does not overflow.
  const uint64_t last = static_cast<uint64_t>(high) - static_cast<uint64_t>(low) - 1;
  return static_cast<int64_t>(static_cast<uint64_t>(low) + Interval(last));
}

std::vector<int64_t> RandomState::Permutation(int64_t count) {
  std::vector<int64_t> order(count);
  std::iota(order.begin(), order.end(), int64_t{0});
  Shuffle(std::span<int64_t>(order));
  return order;
}

uint64_t RandomState::Interval(uint64_t max) {
  if (max == 0) return 0;  // no bits are drawn
  const uint64_t mask = ~uint64_t{0} >> std::countl_zero(max);
  const bool narrow = max <= std::numeric_limits<uint32_t>::max();
  while (true) {
    uint64_t bits = Next32();
    if (!narrow) bits = (bits << 32) | Next32();
    if ((bits & mask) <= max) return bits & mask;
  }
}

}  // namespace weft::examples
