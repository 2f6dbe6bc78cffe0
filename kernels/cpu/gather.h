// SPDX-License-Identifier: Apache-2.0
// Picking slices by index: what Gather, GatherNd and the gathers of variables share.
#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "weft/core/array.h"
#include "weft/runtime/kernel.h"

namespace weft {

// Output 0 becomes the slices of `params` along `axis` that `indices` name; the first `batch_dims`
// dimensions of both go together. Negative axes and batch_dims count from the end. InvalidArgument
// "indices[0] = 5 is not in [0, 3)" if one is outside.
absl::Status GatherAlong(KernelContext& ctx, const Array& params, Array indices, int64_t axis,
                         int64_t batch_dims);

// Output 0 becomes the slices of `params` that the innermost vectors of `indices` name.
absl::Status GatherTuples(KernelContext& ctx, const Array& params, const Array& indices);

}  // namespace weft
