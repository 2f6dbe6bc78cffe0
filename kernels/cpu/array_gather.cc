// SPDX-License-Identifier: Apache-2.0
// Kernels that pick slices by index: Gather, GatherV2, GatherNd.
#include <algorithm>
#include <atomic>
#include <cstdint>
#include <limits>

#include "kernels/cpu/array_util.h"
#include "kernels/cpu/element_class.h"
#include "kernels/cpu/gather.h"
#include "kernels/cpu/index_tuples.h"
#include "src/core/strings.h"
#include "weft/runtime/kernel.h"

namespace weft {

// The other files of the family.
void RegisterArrayScatterNdKernels(KernelRegistry& kernels);
void RegisterArrayTransposeKernels(KernelRegistry& kernels);
void RegisterArrayDiagKernels(KernelRegistry& kernels);

namespace {

// params is [batch, outer, size, inner], indices [batch, count], the result [batch, outer, count,
// inner].
struct GatherSizes {
  int64_t batch = 1, outer = 1, size = 0, inner = 1, count = 1;
};

// Gathers rows [begin, end) of the result. The position in `indices` of an index that is outside,
// or -1.
template <typename U, typename Index>
int64_t GatherRows(const GatherSizes& g, const U* params, const Index* indices, U* out,
                   int64_t begin, int64_t end) {
  constexpr int64_t kAhead = 8;  // rows: about the latency of memory
  int64_t block = begin / g.count;
  int64_t first = begin % g.count;
  while (begin < end) {
    const U* rows = params + block * g.size * g.inner;
    const Index* index = indices + block / g.outer * g.count;
    const int64_t last = std::min(g.count, first + end - begin);
    for (int64_t k = first; k < last; ++k, ++begin) {
      const uint64_t row = static_cast<uint64_t>(static_cast<int64_t>(index[k]));
      if (row >= static_cast<uint64_t>(g.size)) return index + k - indices;
      if (g.inner == 1) {
        out[begin] = rows[row];
        continue;
      }
      if (k + kAhead < last &&
          static_cast<uint64_t>(index[k + kAhead]) < static_cast<uint64_t>(g.size)) {
        __builtin_prefetch(rows + static_cast<int64_t>(index[k + kAhead]) * g.inner);
      }
      CopyRun(out + begin * g.inner, rows + row * g.inner, g.inner);
    }
    ++block;
    first = 0;
  }
  return -1;
}

// -1, or the position of the first index that is outside.
template <typename Index>
int64_t GatherInto(KernelContext& ctx, const GatherSizes& g, const Array& params,
                   const Array& indices, Array* out) {
  constexpr int64_t kNone = std::numeric_limits<int64_t>::max();
  std::atomic<int64_t> bad = kNone;
  WithElementClass(params.dtype(), [&]<typename U>() {
    const U* from = ElementsOf<U>(params);
    U* to = MutableElementsOf<U>(*out);
    const double cost = 2.0 + kMoveCost<U> * static_cast<double>(g.inner);
    ctx.ParallelFor(g.batch * g.outer * g.count, cost, [&](int64_t begin, int64_t end) {
      const int64_t found = GatherRows(g, from, indices.data<Index>(), to, begin, end);
      if (found < 0) return;
      int64_t known = bad.load();
      while (found < known && !bad.compare_exchange_weak(known, found)) {
      }
    });
  });
  return bad == kNone ? -1 : bad.load();
}

}  // namespace

absl::Status GatherAlong(KernelContext& ctx, const Array& params, Array indices, int64_t axis_value,
                         int64_t batch_value) {
  if (params.rank() < 1) return ctx.InvalidArgument("params must be at least 1 dimensional");
  if (axis_value < -params.rank() || axis_value >= params.rank()) {
    return ctx.InvalidArgument(StrCat("Expected axis in the range [", -params.rank(), ", ",
                                      params.rank(), "), but got ", axis_value));
  }
  const int axis = static_cast<int>(axis_value < 0 ? axis_value + params.rank() : axis_value);
  if (batch_value < -indices.rank() || batch_value > indices.rank()) {
    return ctx.InvalidArgument(StrCat("Expected batch_dims in the range [", -indices.rank(), ", ",
                                      indices.rank(), "], but got ", batch_value));
  }
  const int batch_dims =
      static_cast<int>(batch_value < 0 ? batch_value + indices.rank() : batch_value);
  if (batch_dims >= params.rank()) {
    return ctx.InvalidArgument(StrCat("batch_dims (", batch_dims,
                                      ") must be less than rank(params) (", params.rank(), ")."));
  }
  if (batch_dims > axis) {
    return ctx.InvalidArgument(
        StrCat("batch_dims (", batch_dims, ") must be less than or equal to axis (", axis, ")."));
  }
  for (int i = 0; i < batch_dims; ++i) {
    if (params.dim(i) != indices.dim(i)) {
      return ctx.InvalidArgument(StrCat("params.shape[", i, "]: ", params.dim(i),
                                        " should be equal to indices.shape[", i,
                                        "]: ", indices.dim(i)));
    }
  }
  const std::span<const int64_t> p = params.shape().dims(), i = indices.shape().dims();
  IndexVector sizes(p.begin(), p.begin() + axis);
  sizes.insert(sizes.end(), i.begin() + batch_dims, i.end());
  sizes.insert(sizes.end(), p.begin() + axis + 1, p.end());
  WEFT_ASSIGN_OR_RETURN(const Shape shape, ShapeFromSizes(ctx, sizes));
  WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, shape));
  const GatherSizes g = {.batch = Product(p, 0, batch_dims),
                         .outer = Product(p, batch_dims, axis),
                         .size = p[axis],
                         .inner = Product(p, axis + 1, params.rank()),
                         .count = Product(i, batch_dims, indices.rank())};
  // Indices are checked even if the slices have no elements, but not if there is no slice.
  if (g.batch * g.outer * g.count == 0) return absl::OkStatus();
  if (indices.dtype() == kInt16) {
    WEFT_ASSIGN_OR_RETURN(indices, WidenIndices(ctx, indices));
  }
  const int64_t bad = indices.dtype() == kInt32 ? GatherInto<int32_t>(ctx, g, params, indices, out)
                                                : GatherInto<int64_t>(ctx, g, params, indices, out);
  if (bad < 0) return absl::OkStatus();
  return ctx.InvalidArgument(StrCat("indices", PositionText(indices.shape().dims(), bad), " = ",
                                    indices.AsInt64(bad), " is not in [0, ", g.size, ")"));
}

absl::Status GatherTuples(KernelContext& ctx, const Array& params, const Array& indices) {
  if (params.rank() < 1) return ctx.InvalidArgument("params must be at least a vector");
  if (indices.rank() < 1) return ctx.InvalidArgument("indices must be at least a vector");
  const int64_t depth = indices.dim(indices.rank() - 1);
  if (depth > params.rank()) {
    return ctx.InvalidArgument(
        StrCat("index innermost dimension length must be <= params rank; saw: ", depth, " vs. ",
               params.rank()));
  }
  const std::span<const int64_t> p = params.shape().dims(), i = indices.shape().dims();
  IndexVector sizes(i.begin(), i.end() - 1);
  const int64_t count = Product(sizes, 0, static_cast<int>(sizes.size()));
  sizes.insert(sizes.end(), p.begin() + depth, p.end());
  WEFT_ASSIGN_OR_RETURN(const Shape shape, ShapeFromSizes(ctx, sizes));
  WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, shape));
  if (count == 0) return absl::OkStatus();
  if (params.num_elements() == 0) {
    return ctx.InvalidArgument(
        StrCat("Requested more than 0 entries, but params is empty.  Params shape: ",
               params.shape().ToString()));
  }
  WEFT_ASSIGN_OR_RETURN(
      const std::vector<int64_t> offsets,
      TupleOffsets(ctx, indices, static_cast<int>(depth), count, params.shape(), "param shape"));
  const int64_t inner = Product(p, static_cast<int>(depth), params.rank());
  WithElementClass(params.dtype(), [&]<typename U>() {
    const U* from = ElementsOf<U>(params);
    U* to = MutableElementsOf<U>(*out);
    ctx.ParallelFor(count, 2.0 + kMoveCost<U> * static_cast<double>(inner),
                    [&](int64_t begin, int64_t end) {
                      for (int64_t k = begin; k < end; ++k)
                        CopyRun(to + k * inner, from + offsets[k], inner);
                    });
  });
  return absl::OkStatus();
}

namespace {

absl::Status Gather(KernelContext& ctx) {
  return GatherAlong(ctx, ctx.input(0), ctx.input(1), /*axis=*/0, /*batch_dims=*/0);
}

absl::Status GatherNd(KernelContext& ctx) { return GatherTuples(ctx, ctx.input(0), ctx.input(1)); }

class GatherV2 : public Kernel {
 public:
  explicit GatherV2(KernelConstruction& c) : batch_dims_(c.AttrOr<int64_t>("batch_dims", 0)) {}

  absl::Status Compute(KernelContext& ctx) override {
    const Array& axis = ctx.input(2);
    if (!axis.shape().IsScalar()) {
      return ctx.InvalidArgument(
          StrCat("axis must be scalar, got shape ", axis.shape().ToString()));
    }
    return GatherAlong(ctx, ctx.input(0), ctx.input(1), axis.AsInt64(), batch_dims_);
  }

 private:
  int64_t batch_dims_;
};

}  // namespace

void RegisterArrayGatherKernels(KernelRegistry& kernels) {
  kernels.Add("Gather", kCpu, {}, Gather);
  kernels.Add<GatherV2>("GatherV2", kCpu, {});
  kernels.Add("GatherNd", kCpu, {}, GatherNd);
  RegisterArrayScatterNdKernels(kernels);
  RegisterArrayTransposeKernels(kernels);
  RegisterArrayDiagKernels(kernels);
}

}  // namespace weft
