// SPDX-License-Identifier: Apache-2.0
// Values whose rows lie in several places: what the row lanes of a loop's body
// (src/runtime/row_lanes.h) push for its gradient. Each lane has its rows in memory that lies apart
// from the other lanes', as no processor should read ahead into what another one writes. Between
// the stack and lanes of the same division such a value is handed on as it is; for all others its
// rows are brought together (WithRowsTogether).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "weft/core/array.h"
#include "weft/core/buffer.h"

namespace weft {

struct RowDivision {
  int64_t rows = 0;
  std::vector<int64_t> parts;  // the first row of each

  size_t size() const { return parts.size(); }
  int64_t rows_of(size_t part) const {
    return (part + 1 < parts.size() ? parts[part + 1] : rows) - parts[part];
  }
  int64_t most_rows() const;
  int64_t fewest_rows() const;
  friend bool operator==(const RowDivision&, const RowDivision&) = default;
};

// Between the memory of two parts: further than processors read ahead.
inline constexpr size_t kBetweenParts = 1024;

// Memory of several values in parts. An Array over it begins where its first part does; the next
// parts lie step() bytes further each.
class PartedRows final : public Buffer {
 public:
  // With so many bytes a part. Null without memory.
  static BufferPtr Allocate(std::shared_ptr<const RowDivision> division, size_t bytes);

  const RowDivision& division() const { return *division_; }
  size_t step() const { return step_; }

 private:
  PartedRows(void* memory, size_t size, std::shared_ptr<const RowDivision> division, size_t step)
      : Buffer(memory, size, HostAllocator(), /*transient=*/false, /*parted=*/true),
        division_(std::move(division)),
        step_(step) {}
  ~PartedRows() override { allocator()->Deallocate(data(), size()); }

  const std::shared_ptr<const RowDivision> division_;
  const size_t step_;
};

// Null if the rows lie one behind the other.
inline const PartedRows* PartsOf(const Array& a) {
  const Buffer* const buffer = a.buffer();
  return buffer && buffer->parted() ? static_cast<const PartedRows*>(buffer) : nullptr;
}

// Copies the rows of each part, the first one's from `first` on and the others' `step` bytes
// further each, to one place.
void BringRowsTogether(const RowDivision& division, size_t row_bytes, const char* first,
                       size_t step, char* to);

// The value with its rows one behind the other: itself, or a copy.
absl::StatusOr<Array> WithRowsTogether(const Array& a);

}  // namespace weft
