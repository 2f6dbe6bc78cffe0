// SPDX-License-Identifier: Apache-2.0
// Sums and products of all dtypes: integers wrap around, 16-bit floats are added up as float.
#pragma once

#include <cstdint>
#include <type_traits>

#include "weft/core/complex.h"
#include "weft/core/dtype.h"

namespace weft {

namespace arithmetic {

template <typename T>
inline constexpr bool kIs16Bit = std::is_same_v<T, half> || std::is_same_v<T, bfloat16>;
template <typename T>
inline constexpr bool kIsComplex = std::is_same_v<T, complex64> || std::is_same_v<T, complex128>;

// What sums and products of T are kept in: 16-bit floats as float.
template <typename T>
using Accumulator = std::conditional_t<kIs16Bit<T>, float, T>;

// Integers wrap around: they meet as unsigned ones, the narrow ones not promoted to int, whose
// product may overflow.
template <typename T>
using Wrapping = std::conditional_t<(sizeof(T) < 4), uint32_t, std::make_unsigned_t<T>>;

template <typename T>
T Add(T a, T b) {
  if constexpr (std::is_same_v<T, bool>) {
    return a || b;
  } else if constexpr (std::is_integral_v<T>) {
    using U = Wrapping<T>;
    return static_cast<T>(static_cast<U>(a) + static_cast<U>(b));
  } else {
    return static_cast<T>(a + b);
  }
}

template <typename T>
T Subtract(T a, T b) {
  if constexpr (std::is_same_v<T, bool>) {
    return a != b;
  } else if constexpr (std::is_integral_v<T>) {
    using U = Wrapping<T>;
    return static_cast<T>(static_cast<U>(a) - static_cast<U>(b));
  } else {
    return static_cast<T>(a - b);
  }
}

template <typename T>
T Multiply(T a, T b) {
  if constexpr (std::is_integral_v<T>) {
    using U = Wrapping<T>;
    return static_cast<T>(static_cast<U>(a) * static_cast<U>(b));
  } else if constexpr (kIsComplex<T>) {
    // Without the search for infinities that std::complex does.
    return T(a.real() * b.real() - a.imag() * b.imag(), a.real() * b.imag() + a.imag() * b.real());
  } else {
    return static_cast<T>(a * b);
  }
}

}  // namespace arithmetic
}  // namespace weft
