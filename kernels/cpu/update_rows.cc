// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/update_rows.h"

#include "src/core/strings.h"

namespace weft {
namespace {

template <typename Index>
absl::StatusOr<std::vector<int64_t>> ReadAs(KernelContext& ctx, const Array& indices,
                                            int64_t rows) {
  const std::span<const Index> from = indices.values<Index>();
  std::vector<int64_t> numbers(from.size());
  for (size_t k = 0; k < from.size(); ++k) {
    // Read once: fed memory is the caller's and might change between the check and the use.
    const int64_t row = numbers[k] = from[k];
    if (row < 0 || row >= rows) {
      return ctx.InvalidArgument(
          StrCat("Index ", row, " at offset ", k, " in indices is out of range: [0, ", rows, ")"));
    }
  }
  return numbers;
}

// A number in [0, parts) that spreads neighbouring rows.
int64_t PartOf(int64_t row, int64_t parts) {
  const uint64_t mixed = (static_cast<uint64_t>(row) * 0x9E3779B97F4A7C15u) >> 32;
  return static_cast<int64_t>((mixed * static_cast<uint64_t>(parts)) >> 32);
}

}  // namespace

absl::StatusOr<std::vector<int64_t>> ReadRowNumbers(KernelContext& ctx, const Array& indices,
                                                    int64_t rows) {
  return indices.dtype() == kInt32 ? ReadAs<int32_t>(ctx, indices, rows)
                                   : ReadAs<int64_t>(ctx, indices, rows);
}

void ForOwnRows(KernelContext& ctx, std::span<const int64_t> rows, double cost_ns,
                absl::FunctionRef<void(std::span<const int64_t>)> work) {
  const int64_t parts = ctx.num_threads();
  const double total = cost_ns * static_cast<double>(rows.size());
  ctx.ParallelFor(parts, total / static_cast<double>(parts), [&](int64_t begin, int64_t end) {
    std::vector<int64_t> own;
    own.reserve(rows.size() / static_cast<size_t>(parts) * static_cast<size_t>(end - begin) + 16);
    for (size_t k = 0; k < rows.size(); ++k) {
      const int64_t part = PartOf(rows[k], parts);
      if (begin <= part && part < end) own.push_back(static_cast<int64_t>(k));
    }
    work(own);
  });
}

}  // namespace weft
