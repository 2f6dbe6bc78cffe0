// SPDX-License-Identifier: Apache-2.0
// Rows dealt out to several tensors, and put together again.
#include <algorithm>
#include <string>
#include <vector>

#include "kernels/cpu/element_class.h"
#include "kernels/cpu/segment.h"

namespace weft {
namespace {

bool StartsWith(const Shape& whole, const Shape& prefix) {
  if (whole.rank() < prefix.rank()) return false;
  for (int d = 0; d < prefix.rank(); ++d) {
    if (whole.dim(d) != prefix.dim(d)) return false;
  }
  return true;
}

// `rows`, then the dimensions of `whole` from `first` on.
absl::StatusOr<Shape> RowsOf(KernelContext& ctx, int64_t rows, const Shape& whole, int first) {
  std::vector<int64_t> sizes = {rows};
  for (int d = first; d < whole.rank(); ++d) sizes.push_back(whole.dim(d));
  Shape shape;
  std::string error;
  if (!Shape::Make(sizes, &shape, &error)) return ctx.InvalidArgument(error);
  return shape;
}

int64_t RowSize(const Shape& whole, int first) {
  int64_t size = 1;
  for (int d = first; d < whole.rank(); ++d) size *= whole.dim(d);
  return size;
}

absl::Status CheckStitch(KernelContext& ctx, int n) {
  const Shape &first_data = ctx.input(n).shape(), &first_indices = ctx.input(0).shape();
  for (int i = 0; i < n; ++i) {
    const Shape &data = ctx.input(n + i).shape(), &indices = ctx.input(i).shape();
    if (!StartsWith(data, indices)) {
      return ctx.InvalidArgument(StrCat("data[", i, "].shape = ", data.ToString(),
                                        " does not start with indices[", i,
                                        "].shape = ", indices.ToString()));
    }
    const auto rest = data.dims().subspan(static_cast<size_t>(indices.rank()));
    const auto first = first_data.dims().subspan(static_cast<size_t>(first_indices.rank()));
    if (!std::ranges::equal(rest, first)) {
      return ctx.InvalidArgument(StrCat("Need data[0].shape[", first_indices.rank(), ":] = data[",
                                        i, "].shape[", indices.rank(),
                                        ":], got data[0].shape = ", first_data.ToString(),
                                        ", data[", i, "].shape = ", data.ToString()));
    }
    for (const int32_t index : ctx.input(i).values<int32_t>()) {
      if (index < 0) {
        return ctx.InvalidArgument(StrCat("indices[", i, "] is out of range: ", index));
      }
    }
  }
  return absl::OkStatus();
}

absl::Status DynamicStitch(KernelContext& ctx) {
  const int n = ctx.num_inputs() / 2;
  WEFT_RETURN_IF_ERROR(CheckStitch(ctx, n));
  int64_t rows = 0;
  int64_t given = 0;
  for (int i = 0; i < n; ++i) {
    given += ctx.input(i).num_elements();
    for (const int32_t index : ctx.input(i).values<int32_t>()) {
      rows = std::max<int64_t>(rows, int64_t{index} + 1);
    }
  }
  const int first = ctx.input(0).rank();
  WEFT_ASSIGN_OR_RETURN(const Shape shape, RowsOf(ctx, rows, ctx.input(n).shape(), first));
  const int64_t size = RowSize(ctx.input(n).shape(), first);
  WEFT_ASSIGN_OR_RETURN(Array * merged, ctx.AllocateOutput(0, shape));
  return WithElementClass(merged->dtype(), [&]<typename U>() -> absl::Status {
    U* out = MutableElementsOf<U>(*merged);
    std::vector<bool> filled(static_cast<size_t>(rows), false);
    for (int i = 0; i < n; ++i) {
      const auto indices = ctx.input(i).values<int32_t>();
      const U* data = ElementsOf<U>(ctx.input(n + i));
      for (size_t k = 0; k < indices.size(); ++k) {
        const auto row = static_cast<size_t>(indices[k]);
        std::copy_n(data + static_cast<int64_t>(k) * size, size,
                    out + static_cast<int64_t>(row) * size);
        filled[row] = true;
      }
    }
    for (int64_t r = 0; r < rows; ++r) {
      if (!filled[static_cast<size_t>(r)]) std::fill_n(out + r * size, size, U());
    }
    return absl::OkStatus();
  });
}

absl::Status DynamicPartition(KernelContext& ctx) {
  const Array data = ctx.input(0), partitions = ctx.input(1);
  const int64_t n = ctx.num_outputs();
  if (!StartsWith(data.shape(), partitions.shape())) {
    return ctx.InvalidArgument(StrCat(
        "data.shape must start with partitions.shape, got data.shape = ", data.shape().ToString(),
        ", partitions.shape = ", partitions.shape().ToString()));
  }
  const auto targets = partitions.values<int32_t>();
  std::vector<int64_t> counts(static_cast<size_t>(n), 0);
  for (size_t i = 0; i < targets.size(); ++i) {
    if (targets[i] < 0 || targets[i] >= n) {
      return ctx.InvalidArgument(
          StrCat("partitions[", i, "] = ", targets[i], " is not in [0, ", n, ")"));
    }
    ++counts[static_cast<size_t>(targets[i])];
  }
  std::vector<Array*> outputs(static_cast<size_t>(n));
  for (int64_t o = 0; o < n; ++o) {
    const auto k = static_cast<size_t>(o);
    WEFT_ASSIGN_OR_RETURN(const Shape shape,
                          RowsOf(ctx, counts[k], data.shape(), partitions.rank()));
    WEFT_ASSIGN_OR_RETURN(outputs[k], ctx.AllocateOutput(static_cast<int>(o), shape));
  }
  const int64_t size = RowSize(data.shape(), partitions.rank());
  return WithElementClass(data.dtype(), [&]<typename U>() -> absl::Status {
    std::vector<U*> next;
    for (Array* output : outputs) next.push_back(MutableElementsOf<U>(*output));
    const U* from = ElementsOf<U>(data);
    for (const int32_t target : targets) {
      U*& to = next[static_cast<size_t>(target)];
      to = std::copy_n(from, size, to);
      from += size;
    }
    return absl::OkStatus();
  });
}

}  // namespace

void RegisterDynamicStitchKernels(KernelRegistry& k) {
  k.Add("DynamicStitch", kCpu, {}, DynamicStitch, {.host_arguments = {"indices"}});
  k.Add("ParallelDynamicStitch", kCpu, {}, DynamicStitch, {.host_arguments = {"indices"}});
  k.Add("DynamicPartition", kCpu, {}, DynamicPartition);
}

}  // namespace weft
