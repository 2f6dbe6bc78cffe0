// SPDX-License-Identifier: Apache-2.0
// Probabilities as their logarithms.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

namespace weft::cpu {

template <typename T>
inline constexpr T kLogZero = -std::numeric_limits<T>::infinity();

// log(e^a + e^b).
template <typename T>
T LogSum(T a, T b) {
  const T high = std::max(a, b), low = std::min(a, b);
  if (low == kLogZero<T>) return high;
  return high + std::log1p(std::exp(low - high));
}

}  // namespace weft::cpu
