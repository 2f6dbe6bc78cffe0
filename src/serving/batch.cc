// SPDX-License-Identifier: Apache-2.0
#include "src/serving/batch.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "src/core/strings.h"
#include "weft/core/handle.h"

namespace weft::serving {
namespace {

// Copies n elements of the dtype that both have.
void CopyElements(const Array& from, int64_t first, int64_t n, Array* to, int64_t at) {
  if (n == 0) return;
  if (from.dtype() == kString) {
    std::copy_n(from.data<std::string>() + first, n, to->mutable_data<std::string>() + at);
    return;
  }
  const auto size = DTypeSize(from.dtype());
  std::memcpy(static_cast<char*>(to->raw_data()) + static_cast<size_t>(at) * size,
              static_cast<const char*>(from.raw_data()) + static_cast<size_t>(first) * size,
              static_cast<size_t>(n) * size);
}

Shape WithRows(const Shape& shape, int64_t rows) {
  std::vector<int64_t> dims(shape.dims().begin(), shape.dims().end());
  dims[0] = rows;
  return Shape(dims);
}

}  // namespace

absl::StatusOr<Array> StackRows(const std::vector<const Array*>& parts) {
  const Array& first = *parts[0];
  if (first.rank() == 0) return absl::InvalidArgumentError("a scalar has no rows to put together");
  if (!IsPlain(first.dtype()) && first.dtype() != kString) {
    return absl::InvalidArgumentError(
        StrCat("arrays of ", DTypeName(first.dtype()), " can't be put together"));
  }
  int64_t rows = 0;
  for (const Array* part : parts) {
    const bool fits = part->dtype() == first.dtype() && part->rank() == first.rank() &&
                      WithRows(part->shape(), 1) == WithRows(first.shape(), 1);
    if (!fits) {
      return absl::InvalidArgumentError(
          StrCat("the requests have ", DTypeName(first.dtype()), " of shape ",
                 first.shape().ToString(), " and ", DTypeName(part->dtype()), " of shape ",
                 part->shape().ToString(), "; they may differ in the first dimension only"));
    }
    if (__builtin_add_overflow(rows, part->dim(0), &rows)) {
      return absl::InvalidArgumentError("too many rows");
    }
  }
  Array all(first.dtype(), WithRows(first.shape(), rows));
  int64_t at = 0;
  for (const Array* part : parts) {
    CopyElements(*part, 0, part->num_elements(), &all, at);
    at += part->num_elements();
  }
  return all;
}

Array CopyRows(const Array& array, int64_t begin, int64_t end) {
  Array rows(array.dtype(), WithRows(array.shape(), end - begin));
  const int64_t row_size = array.dim(0) == 0 ? 0 : array.num_elements() / array.dim(0);
  CopyElements(array, begin * row_size, rows.num_elements(), &rows, 0);
  return rows;
}

}  // namespace weft::serving
