// SPDX-License-Identifier: Apache-2.0
// The length of start, start + delta, ... up to but not including limit: shared by Range's shape
// function and kernel.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "src/core/strings.h"

namespace weft {

namespace internal {
inline constexpr uint64_t kRangeTooLong = std::numeric_limits<uint64_t>::max();

// |v|, also of the lowest value.
template <typename T>
uint64_t Magnitude(T v) {
  using U = std::make_unsigned_t<T>;
  return v < 0 ? static_cast<U>(U{0} - static_cast<U>(v)) : static_cast<U>(v);
}

// delta != 0 and points from start to limit. A distance of integers that does not fit in T wraps
// around, as it does in TensorFlow: from the lowest to the highest int64 it is one step of any
// size.
template <typename T>
uint64_t CountSteps(T start, T limit, T delta) {
  if constexpr (std::is_integral_v<T>) {
    using U = std::make_unsigned_t<T>;
    const U difference = static_cast<U>(static_cast<U>(limit) - static_cast<U>(start));
    const uint64_t distance =
        std::is_signed_v<T> ? Magnitude(static_cast<T>(difference)) : difference;
    const uint64_t step = Magnitude(delta);
    return distance / step + (distance % step != 0 ? 1 : 0);
  } else {
    const T steps = std::ceil(std::abs((limit - start) / delta));
    return steps < static_cast<T>(std::numeric_limits<int64_t>::max())
               ? static_cast<uint64_t>(steps)
               : kRangeTooLong;
  }
}
}  // namespace internal

template <typename T>
absl::StatusOr<int64_t> RangeSize(T start, T limit, T delta) {
  if (delta == 0) return absl::InvalidArgumentError("Requires delta != 0: 0");
  if (delta > 0 ? !(start <= limit) : !(start >= limit)) {
    return absl::InvalidArgumentError(StrCat("Requires start ",
                                             delta > 0 ? "<=" : ">=", " limit when delta ",
                                             delta > 0 ? ">" : "<", " 0: ", start, "/", limit));
  }
  const uint64_t count = internal::CountSteps(start, limit, delta);
  if (count > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
    return absl::InvalidArgumentError(
        StrCat("Requires ((limit - start) / delta) <= ", std::numeric_limits<int64_t>::max()));
  }
  return static_cast<int64_t>(count);
}

}  // namespace weft
