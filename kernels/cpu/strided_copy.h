// SPDX-License-Identifier: Apache-2.0
// Copies between strided views on the CPU: long runs by memcpy, transposes in
// register tiles, in parallel where it is worth it.
#pragma once

#include <span>

#include "absl/status/status.h"
#include "kernels/common/copy_plan.h"
#include "weft/core/array.h"
#include "weft/runtime/kernel.h"

namespace weft {

// Copies as `dims` says; offsets are in elements from the arrays' first
// elements. The arrays have one dtype. Every element that is addressed must be
// inside its array, no two index tuples may address one element of dst, and the
// views must not overlap.
void StridedCopy(KernelContext& ctx, const Array& src, int64_t src_offset, Array& dst,
                 int64_t dst_offset, CopyDims dims);

// *out = x with dimension perm[k] at place k. perm must be a permutation of x's
// dimensions and out must have that shape and x's dtype.
void TransposeInto(KernelContext& ctx, const Array& x, std::span<const int64_t> perm, Array* out);

}  // namespace weft
