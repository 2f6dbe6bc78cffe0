// SPDX-License-Identifier: Apache-2.0
// Tensors of indices, as GatherNd and the scatters take them.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "weft/core/array.h"
#include "weft/runtime/kernel.h"

namespace weft {

// "[1,2]": the place of row-major element `position` of an array of these sizes.
std::string PositionText(std::span<const int64_t> sizes, int64_t position);

// Indices of a narrow type (int16, uint16) as int32.
absl::StatusOr<Array> WidenIndices(KernelContext& ctx, const Array& indices);

// `indices` holds `count` tuples of `depth` indices, one after the other, into the first `depth`
// dimensions of `shape`: the offset of the slice that each one names, in elements. InvalidArgument
// "indices[0] = [5] does not index into shape [3]" if one is outside; `what` names the shape.
absl::StatusOr<std::vector<int64_t>> TupleOffsets(KernelContext& ctx, const Array& indices,
                                                  int depth, int64_t count, const Shape& shape,
                                                  const char* what);

}  // namespace weft
