// SPDX-License-Identifier: Apache-2.0
// The stores of the kinds of queue, and moving elements in and out of batches.
#pragma once

#include <memory>

#include "kernels/common/queue.h"

namespace weft {

std::unique_ptr<QueueStore> MakeQueueStore(const QueueSpec& spec);

// Row `index` of an array of rank >= 1, in memory of its own. ResourceExhausted if there is none.
absl::StatusOr<Array> CopyRow(const Array& batch, int64_t index, Allocator* allocator);
// An array of `shape` = [n, ...] whose row i is rows[i]; a row that is smaller stands at the
// beginning of its place, and zeros (empty strings) fill the rest.
absl::StatusOr<Array> JoinRows(DataType dtype, const Shape& shape,
                               const std::vector<const Array*>& rows, Allocator* allocator);

}  // namespace weft
