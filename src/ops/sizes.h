// SPDX-License-Identifier: Apache-2.0
// Arithmetic on sizes for shape functions.
#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "src/core/strings.h"
#include "weft/graph/op_def.h"

namespace weft {

// size / divisor, unknown if either is; InvalidArgument if a rest is left.
inline absl::StatusOr<int64_t> DivideEvenly(int64_t size, int64_t divisor) {
  if (size < 0 || divisor < 0) return kUnknownDim;
  if (size % divisor != 0) {
    return absl::InvalidArgumentError(
        StrCat("Dimension size must be evenly divisible by ", divisor, " but is ", size));
  }
  return size / divisor;
}

// Dimensions [begin, end) of s, whose rank is known.
inline PartialShape SubShape(const PartialShape& s, int begin, int end) {
  return PartialShape(
      s.dims().subspan(static_cast<size_t>(begin), static_cast<size_t>(end - begin)));
}

}  // namespace weft
