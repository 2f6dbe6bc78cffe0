// SPDX-License-Identifier: Apache-2.0
// Merging of rows by indices.
#include <algorithm>
#include <cstring>
#include <string>

#include "kernels/cpu/register.h"
#include "src/core/strings.h"
#include "weft/core/handle.h"

namespace weft {
namespace {

template <typename T>
void CopyObjects(const Array& from, int64_t row, Array* to, int64_t at, int64_t n) {
  std::copy_n(from.data<T>() + row * n, n, to->mutable_data<T>() + at * n);
}

void CopyRow(const Array& from, int64_t row, Array* to, int64_t at, int64_t n) {
  if (n == 0) return;
  switch (from.dtype()) {
    case kString:
      return CopyObjects<std::string>(from, row, to, at, n);
    case kResource:
      return CopyObjects<ResourceHandle>(from, row, to, at, n);
    case kVariant:
      return CopyObjects<Variant>(from, row, to, at, n);
    default:
      break;
  }
  const size_t bytes = static_cast<size_t>(n) * DTypeSize(from.dtype());
  std::memcpy(static_cast<char*>(to->raw_data()) + static_cast<size_t>(at) * bytes,
              static_cast<const char*>(from.raw_data()) + static_cast<size_t>(row) * bytes, bytes);
}

// The shape of one row, after checking that all inputs agree on it; `rows` is one more than the
// greatest index.
absl::StatusOr<Shape> RowShape(KernelContext& ctx, int64_t* rows) {
  const int n = ctx.num_inputs() / 2;
  Shape row;
  *rows = 0;
  for (int i = 0; i < n; ++i) {
    const Array &indices = ctx.input(i), &data = ctx.input(n + i);
    const auto outer = static_cast<size_t>(indices.rank());
    const bool starts = data.rank() >= indices.rank() &&
                        std::equal(indices.shape().dims().begin(), indices.shape().dims().end(),
                                   data.shape().dims().begin());
    if (!starts) {
      return ctx.InvalidArgument(StrCat("data[", i, "].shape = ", data.shape().ToString(),
                                        " does not start with indices[", i,
                                        "].shape = ", indices.shape().ToString()));
    }
    const Shape inner(data.shape().dims().subspan(outer));
    if (i == 0)
      row = inner;
    else if (!(inner == row)) {
      return ctx.InvalidArgument(StrCat("Need data[0].shape[", ctx.input(0).rank(), ":] = data[", i,
                                        "].shape[", indices.rank(),
                                        ":], got data[0].shape = ", ctx.input(n).shape().ToString(),
                                        ", data[", i, "].shape = ", data.shape().ToString()));
    }
    for (const int32_t k : indices.values<int32_t>()) {
      if (k < 0) return ctx.InvalidArgument(StrCat("indices[", i, "] has the negative index ", k));
      *rows = std::max<int64_t>(*rows, int64_t{k} + 1);
    }
  }
  return row;
}

absl::Status Stitch(KernelContext& ctx) {
  int64_t rows = 0;
  WEFT_ASSIGN_OR_RETURN(const Shape row, RowShape(ctx, &rows));
  std::vector<int64_t> dims = row.ToVector();
  dims.insert(dims.begin(), rows);
  Shape shape;
  std::string why;
  if (!Shape::Make(dims, &shape, &why)) return ctx.InvalidArgument(why);
  WEFT_ASSIGN_OR_RETURN(Array * merged, ctx.AllocateOutput(0, shape));
  // Rows that no index names hold zeros rather than what was in memory.
  if (IsPlain(merged->dtype()) && merged->num_bytes() > 0)
    std::memset(merged->raw_data(), 0, merged->num_bytes());
  const int n = ctx.num_inputs() / 2;
  for (int i = 0; i < n; ++i) {
    const auto indices = ctx.input(i).values<int32_t>();
    for (size_t k = 0; k < indices.size(); ++k)
      CopyRow(ctx.input(n + i), static_cast<int64_t>(k), merged, indices[k], row.num_elements());
  }
  return absl::OkStatus();
}

}  // namespace

void RegisterDataFlowKernels(KernelRegistry& k) {
  k.Add("DynamicStitch", kCpu, {}, Stitch, {.host_arguments = {"indices"}});
  k.Add("ParallelDynamicStitch", kCpu, {}, Stitch, {.host_arguments = {"indices"}});
}

}  // namespace weft
