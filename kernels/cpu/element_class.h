// SPDX-License-Identifier: Apache-2.0
// Element classes: kernels that only move elements are compiled once for each
// size of plain elements, and once for each kind of object.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <type_traits>

#include "kernels/common/copy_plan.h"
#include "weft/core/array.h"
#include "weft/core/complex.h"
#include "weft/core/dtype.h"
#include "weft/core/handle.h"

namespace weft {

// An element of 16 bytes (complex128).
struct Bytes16 {
  uint64_t low = 0;
  uint64_t high = 0;
};

// Returns f.template operator()<U>() with U = uint8_t, uint16_t, uint32_t,
// uint64_t or Bytes16 by the size of a plain dtype, or std::string,
// ResourceHandle, Variant.
template <typename F>
decltype(auto) WithElementClass(DataType dtype, F&& f) {
  switch (dtype) {
    case kString:
      return f.template operator()<std::string>();
    case kResource:
      return f.template operator()<ResourceHandle>();
    case kVariant:
      return f.template operator()<Variant>();
    default:
      break;
  }
  switch (DTypeSize(dtype)) {
    case 2:
      return f.template operator()<uint16_t>();
    case 4:
      return f.template operator()<uint32_t>();
    case 8:
      return f.template operator()<uint64_t>();
    case 16:
      return f.template operator()<Bytes16>();
    default:
      return f.template operator()<uint8_t>();
  }
}

// The elements of an array as an element class; dtypes are not compared.
template <typename U>
const U* ElementsOf(const Array& a) {
  return static_cast<const U*>(a.raw_data());
}
template <typename U>
U* MutableElementsOf(Array& a) {
  return static_cast<U*>(a.raw_data());
}

// dst[0..n) = src[0..n); the ranges don't overlap.
template <typename U>
inline void CopyRun(U* dst, const U* src, int64_t n) {
  if constexpr (std::is_trivially_copyable_v<U>) {
    // A call costs more than a few moves.
    if (n > 8) {
      std::memcpy(dst, src, static_cast<size_t>(n) * sizeof(U));
    } else {
      for (int64_t i = 0; i < n; ++i) dst[i] = src[i];
    }
  } else {
    std::copy_n(src, n, dst);
  }
}

// A rough cost of moving one element, in nanoseconds, for
// KernelContext::ParallelFor.
template <typename U>
constexpr double kMoveCost = std::is_trivially_copyable_v<U> ? 0.1 * sizeof(U) : 20.0;

// The elements of a small integer array (axes, sizes, paddings) as int64.
inline IndexVector ReadInts(const Array& a) {
  const int64_t n = a.num_elements();
  IndexVector values(static_cast<size_t>(n));
  switch (a.dtype()) {
    case kInt32:
      std::copy_n(a.data<int32_t>(), n, values.begin());
      break;
    case kInt64:
      std::copy_n(a.data<int64_t>(), n, values.begin());
      break;
    default:
      for (int64_t i = 0; i < n; ++i) values[i] = a.AsInt64(i);
  }
  return values;
}

}  // namespace weft
