// SPDX-License-Identifier: Apache-2.0
// Rows of variables that a sparse training op changes.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "weft/core/array.h"
#include "weft/runtime/kernel.h"

namespace weft {

// The elements of `indices`, int32 or int64; InvalidArgument if one is not in [0, rows).
absl::StatusOr<std::vector<int64_t>> ReadRowNumbers(KernelContext& ctx, const Array& indices,
                                                    int64_t rows);

// Shares positions of `rows` out to threads and calls work(positions) on each; positions ascend.
// All positions of one row go to one thread, so updates of a row are applied in their order and the
// result does not depend on the number of threads. `cost_ns`: a rough cost of one update.
void ForOwnRows(KernelContext& ctx, std::span<const int64_t> rows, double cost_ns,
                absl::FunctionRef<void(std::span<const int64_t>)> work);

}  // namespace weft
