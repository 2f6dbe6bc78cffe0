// SPDX-License-Identifier: Apache-2.0
// A copy in which every dimension of the result is a sequence of pieces of the source: what
// paddings and rolls have in common.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "weft/core/array.h"
#include "weft/runtime/kernel.h"

namespace weft {

// `size` positions of the result come from positions first, first + step, ... of the source; step
// is 1 or -1, or 0: the fill value.
struct Piece {
  int64_t size = 0;
  int64_t first = 0;
  int step = 1;
};
// The pieces of one dimension, in order.
using Pieces = absl::InlinedVector<Piece, 3>;

// *out, whose sizes are the sums of the pieces' sizes, from src. `fill` is one element of the same
// dtype; it may be invalid if no piece needs it.
void PiecewiseCopy(KernelContext& ctx, const Array& src, const std::vector<Pieces>& dims,
                   const Array& fill, Array* out);

}  // namespace weft
