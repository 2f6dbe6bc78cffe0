// SPDX-License-Identifier: Apache-2.0
// Joining and parting arrays along one dimension.
#pragma once

#include <span>

#include "weft/core/array.h"
#include "weft/runtime/kernel.h"

namespace weft {

// The row-major array *out is `outer` blocks; each block is one block of every
// part, one after the other. Parts of no elements are allowed; the numbers of
// elements must add up, and each must be a multiple of `outer`.
void ConcatBlocks(KernelContext& ctx, std::span<const Array* const> parts, int64_t outer,
                  Array* out);

// The reverse: parts[i] gets its block of every block of `whole`.
void SplitBlocks(KernelContext& ctx, const Array& whole, int64_t outer,
                 std::span<Array* const> parts);

}  // namespace weft
