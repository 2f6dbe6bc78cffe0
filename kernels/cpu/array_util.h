// SPDX-License-Identifier: Apache-2.0
// Small things that the array kernels share.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "absl/status/statusor.h"
#include "weft/core/array.h"
#include "weft/runtime/kernel.h"

namespace weft {

// Sizes that come from a tensor; InvalidArgument if they are no valid shape.
absl::StatusOr<Shape> ShapeFromSizes(KernelContext& ctx, std::span<const int64_t> sizes);

// Every element of *out becomes the one element of `value` (of the same dtype)
// / zero or empty.
void FillWith(KernelContext& ctx, Array* out, const Array& value);
void FillWithZero(KernelContext& ctx, Array* out);

// dst = src, element by element; same dtype and number of elements.
void CopyElements(KernelContext& ctx, const Array& src, Array* dst);

// The bytes of `a` from element `first` on, seen as another array. No copy.
Array ViewElements(const Array& a, int64_t first, DataType dtype, const Shape& shape);

// A view of elements [first, ...) if kernels may read it where it is: it begins
// at an aligned address (see kAllocatorAlignment).
std::optional<Array> TryShareElements(const Array& a, int64_t first, const Shape& shape);

// The product of sizes[begin, end).
int64_t Product(std::span<const int64_t> sizes, int begin, int end);

}  // namespace weft
