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

// delta != 0 and points from start to limit. The distance of two int64 fits in uint64.
template <typename T>
uint64_t CountSteps(T start, T limit, T delta) {
  if constexpr (std::is_integral_v<T>) {
    const uint64_t a = static_cast<uint64_t>(start), b = static_cast<uint64_t>(limit),
                   d = static_cast<uint64_t>(delta);
    const uint64_t distance = delta > 0 ? b - a : a - b;
    const uint64_t step = delta > 0 ? d : uint64_t{0} - d;
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
