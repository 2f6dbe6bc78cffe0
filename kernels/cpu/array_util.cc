// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/array_util.h"

#include <string>

#include "kernels/cpu/element_class.h"
#include "src/core/strings.h"

namespace weft {

absl::StatusOr<Shape> ShapeFromSizes(KernelContext& ctx, std::span<const int64_t> sizes) {
  for (int64_t size : sizes) {
    if (size < 0) return ctx.InvalidArgument(StrCat("Dimension ", size, " must be >= 0"));
  }
  Shape shape;
  std::string error;
  if (!Shape::Make(sizes, &shape, &error)) return ctx.InvalidArgument(error);
  return shape;
}

void FillWith(KernelContext& ctx, Array* out, const Array& value) {
  WithElementClass(out->dtype(), [&]<typename U>() {
    U* to = MutableElementsOf<U>(*out);
    const U& element = *ElementsOf<U>(value);
    ctx.ParallelFor(out->num_elements(), kMoveCost<U>,
                    [&](int64_t begin, int64_t end) { std::fill(to + begin, to + end, element); });
  });
}

void FillWithZero(KernelContext& ctx, Array* out) {
  WithElementClass(out->dtype(), [&]<typename U>() {
    U* to = MutableElementsOf<U>(*out);
    ctx.ParallelFor(out->num_elements(), kMoveCost<U>,
                    [&](int64_t begin, int64_t end) { std::fill(to + begin, to + end, U()); });
  });
}

void CopyElements(KernelContext& ctx, const Array& src, Array* dst) {
  WithElementClass(src.dtype(), [&]<typename U>() {
    const U* from = ElementsOf<U>(src);
    U* to = MutableElementsOf<U>(*dst);
    ctx.ParallelFor(src.num_elements(), kMoveCost<U>, [&](int64_t begin, int64_t end) {
      CopyRun(to + begin, from + begin, end - begin);
    });
  });
}

Array ViewElements(const Array& a, int64_t first, DataType dtype, const Shape& shape) {
  const char* base = static_cast<const char*>(a.buffer()->data());
  const size_t offset = static_cast<const char*>(a.raw_data()) - base +
                        static_cast<size_t>(first) * DTypeSize(a.dtype());
  return Array::FromBuffer(dtype, shape, BufferPtr::Share(a.buffer()), offset);
}

std::optional<Array> TryShareElements(const Array& a, int64_t first, const Shape& shape) {
  // A small part is copied: it should not keep a large buffer alive.
  constexpr size_t kLeastBytes = 1024;
  const size_t bytes = static_cast<size_t>(shape.num_elements()) * DTypeSize(a.dtype());
  if (a.buffer() == nullptr || bytes < kLeastBytes) return std::nullopt;
  const char* begin =
      static_cast<const char*>(a.raw_data()) + static_cast<size_t>(first) * DTypeSize(a.dtype());
  if (IsPlain(a.dtype()) && reinterpret_cast<uintptr_t>(begin) % kAllocatorAlignment != 0)
    return std::nullopt;
  return ViewElements(a, first, a.dtype(), shape);
}

int64_t Product(std::span<const int64_t> sizes, int begin, int end) {
  int64_t product = 1;
  for (int i = begin; i < end; ++i) product *= sizes[i];
  return product;
}

}  // namespace weft
