// SPDX-License-Identifier: Apache-2.0
// Elements as keys of hash tables: equal keys for values that compare equal.
#pragma once

#include <bit>
#include <complex>
#include <cstdint>
#include <string>
#include <utility>

#include "weft/core/array.h"
#include "weft/core/complex.h"
#include "weft/core/dtype.h"

namespace weft {

// What a key is made of. Integers of a width, booleans and floats of a width are compiled as one.
template <typename T>
struct ValueKey {
  // NaN is no key: it equals nothing.
  static bool HasKey(const T&) { return true; }
  static const T& Of(const T& v) { return v; }
};
template <>
struct ValueKey<float> {
  static bool HasKey(float v) { return v == v; }
  // 0 and -0 are equal.
  static uint32_t Of(float v) { return v == 0 ? 0 : std::bit_cast<uint32_t>(v); }
};
template <>
struct ValueKey<double> {
  static bool HasKey(double v) { return v == v; }
  static uint64_t Of(double v) { return v == 0 ? 0 : std::bit_cast<uint64_t>(v); }
};
template <>
struct ValueKey<half> {
  static bool HasKey(half v) { return ValueKey<float>::HasKey(v); }
  static uint32_t Of(half v) { return ValueKey<float>::Of(v); }
};
template <>
struct ValueKey<bfloat16> {
  static bool HasKey(bfloat16 v) { return ValueKey<float>::HasKey(v); }
  static uint32_t Of(bfloat16 v) { return ValueKey<float>::Of(v); }
};
template <typename R>
struct ValueKey<std::complex<R>> {
  static bool HasKey(const std::complex<R>& v) { return v == v; }
  static std::pair<uint64_t, uint64_t> Of(const std::complex<R>& v) {
    return {ValueKey<R>::Of(v.real()), ValueKey<R>::Of(v.imag())};
  }
};

template <typename T>
bool SameValue(const T& a, const T& b) {
  return ValueKey<T>::HasKey(a) && ValueKey<T>::Of(a) == ValueKey<T>::Of(b);
}

// Returns f.template operator()<T>() with a type that compares as the dtype does. False for a dtype
// whose values can't be compared.
template <typename F>
bool WithValueType(DataType dtype, F&& f) {
  switch (dtype) {
    case kFloat32:
      f.template operator()<float>();
      return true;
    case kFloat64:
      f.template operator()<double>();
      return true;
    case kFloat16:
      f.template operator()<half>();
      return true;
    case kBfloat16:
      f.template operator()<bfloat16>();
      return true;
    case kComplex64:
      f.template operator()<complex64>();
      return true;
    case kComplex128:
      f.template operator()<complex128>();
      return true;
    case kString:
      f.template operator()<std::string>();
      return true;
    default:
      break;
  }
  if (!IsPlain(dtype)) return false;
  switch (DTypeSize(dtype)) {
    case 1:
      f.template operator()<uint8_t>();
      return true;
    case 2:
      f.template operator()<uint16_t>();
      return true;
    case 4:
      f.template operator()<uint32_t>();
      return true;
    case 8:
      f.template operator()<uint64_t>();
      return true;
    default:
      return false;
  }
}

}  // namespace weft
