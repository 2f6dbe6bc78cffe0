// SPDX-License-Identifier: Apache-2.0
#include "src/core/parted_rows.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "src/core/strings.h"

namespace weft {

int64_t RowDivision::most_rows() const {
  int64_t most = 0;
  for (size_t p = 0; p < size(); ++p) most = std::max(most, rows_of(p));
  return most;
}

int64_t RowDivision::fewest_rows() const {
  int64_t fewest = rows;
  for (size_t p = 0; p < size(); ++p) fewest = std::min(fewest, rows_of(p));
  return fewest;
}

void BringRowsTogether(const RowDivision& division, size_t row_bytes, const char* first,
                       size_t step, char* to) {
  for (size_t p = 0; p < division.size(); ++p, first += step) {
    const size_t bytes = static_cast<size_t>(division.rows_of(p)) * row_bytes;
    std::memcpy(to, first, bytes);
    to += bytes;
  }
}

BufferPtr PartedRows::Allocate(std::shared_ptr<const RowDivision> division, size_t bytes) {
  const size_t step =
      (bytes + kAllocatorAlignment - 1) / kAllocatorAlignment * kAllocatorAlignment + kBetweenParts;
  const size_t size = step * division->size();
  void* const memory = HostAllocator()->Allocate(size);
  if (!memory) return {};
  return BufferPtr(new PartedRows(memory, size, std::move(division), step));
}

absl::StatusOr<Array> WithRowsTogether(const Array& a) {
  const PartedRows* const parts = PartsOf(a);
  if (!parts) return a;
  BufferPtr buffer = AllocateBuffer(HostAllocator(), a.dtype(), a.num_elements());
  if (!buffer) {
    return absl::ResourceExhaustedError(
        StrCat("out of memory for a value of shape ", a.shape().ToString()));
  }
  Array whole = Array::FromBuffer(a.dtype(), a.shape(), std::move(buffer));
  const RowDivision& division = parts->division();
  const size_t row_bytes = a.num_bytes() / static_cast<size_t>(division.rows);
  BringRowsTogether(division, row_bytes, static_cast<const char*>(a.raw_data()), parts->step(),
                    static_cast<char*>(whole.raw_data()));
  return whole;
}

}  // namespace weft
