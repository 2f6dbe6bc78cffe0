// SPDX-License-Identifier: Apache-2.0
// Rows of several requests in one array.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "weft/core/array.h"

namespace weft::serving {

// One below the other along the first dimension. InvalidArgument unless all have the same dtype and
// the same other dimensions. At least one part.
absl::StatusOr<Array> StackRows(const std::vector<const Array*>& parts);

// Rows [begin, end) in memory of their own.
Array CopyRows(const Array& array, int64_t begin, int64_t end);

}  // namespace weft::serving
