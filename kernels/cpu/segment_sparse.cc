// SPDX-License-Identifier: Apache-2.0
// Segment reductions of gathered rows, and their gradients.
#include <algorithm>
#include <cmath>
#include <string>
#include <type_traits>

#include "kernels/cpu/segment.h"
#include "kernels/cpu/wrapping.h"

namespace weft {
namespace {

using arithmetic::Accumulator;

enum class Scale { kNone, kMean, kSqrt };

// What the sum of `count` rows is multiplied with.
template <typename A>
A ScaleOf(Scale scale, int64_t count) {
  if (scale == Scale::kMean) return A(1) / static_cast<A>(count);
  if (scale == Scale::kSqrt) return A(1) / static_cast<A>(std::sqrt(static_cast<double>(count)));
  return A(1);
}

absl::Status CheckIdVectors(KernelContext& ctx) {
  const Array &indices = ctx.input(1), &ids = ctx.input(2);
  if (indices.rank() != 1) return ctx.InvalidArgument("indices should be a vector.");
  if (ids.rank() != 1) return ctx.InvalidArgument("segment_ids should be a vector.");
  if (indices.dim(0) != ids.dim(0)) {
    return ctx.InvalidArgument(StrCat(
        "segment_ids and indices should have same size. indices: ", indices.shape().ToString(),
        ", segment_ids: ", ids.shape().ToString()));
  }
  if (ctx.input(0).rank() < 1) return ctx.InvalidArgument("data must be at least rank 1");
  return absl::OkStatus();
}

// data's shape with `rows` rows.
absl::StatusOr<Shape> WithRows(KernelContext& ctx, int64_t rows) {
  const Shape& data = ctx.input(0).shape();
  std::vector<int64_t> sizes(data.dims().begin(), data.dims().end());
  sizes[0] = rows;
  Shape shape;
  std::string error;
  if (!Shape::Make(sizes, &shape, &error)) return ctx.InvalidArgument(error);
  return shape;
}

// The number of segments that input 3 asks for; -1 if the op has none.
absl::StatusOr<int64_t> AskedSegments(KernelContext& ctx) {
  if (ctx.num_inputs() < 4) return -1;
  const Array& n = ctx.input(3);
  if (n.rank() != 0) {
    return ctx.InvalidArgument(
        StrCat("num_segments should be a scalar, not shape ", n.shape().ToString()));
  }
  if (n.AsInt64() < 0) {
    return ctx.InvalidArgument(StrCat("segment ids must be >= 0: num_segments is ", n.AsInt64()));
  }
  return n.AsInt64();
}

absl::Status CheckIndices(KernelContext& ctx, std::span<const int64_t> indices, int64_t rows) {
  for (size_t i = 0; i < indices.size(); ++i) {
    if (indices[i] >= 0 && indices[i] < rows) continue;
    return ctx.InvalidArgument(
        StrCat("Bad: indices[", i, "] == ", indices[i], " out of range [0, ", rows, ")"));
  }
  return absl::OkStatus();
}

template <typename T>
void SumGathered(const T* data, const int64_t* indices, int64_t count, int64_t inner, Scale scale,
                 Accumulator<T>* acc, T* out) {
  using A = Accumulator<T>;
  const T* first = data + indices[0] * inner;
  for (int64_t c = 0; c < inner; ++c) acc[c] = static_cast<A>(first[c]);
  for (int64_t i = 1; i < count; ++i) {
    const T* row = data + indices[i] * inner;
    for (int64_t c = 0; c < inner; ++c) acc[c] = arithmetic::Add(acc[c], static_cast<A>(row[c]));
  }
  if (scale == Scale::kNone) {
    for (int64_t c = 0; c < inner; ++c) out[c] = static_cast<T>(acc[c]);
  } else if constexpr (!std::is_integral_v<T>) {
    const A factor = ScaleOf<A>(scale, count);
    for (int64_t c = 0; c < inner; ++c) out[c] = static_cast<T>(acc[c] * factor);
  }
}

template <typename T, Scale kScale>
absl::Status Forward(KernelContext& ctx) {
  WEFT_RETURN_IF_ERROR(CheckIdVectors(ctx));
  WEFT_ASSIGN_OR_RETURN(const int64_t asked, AskedSegments(ctx));
  const Array data = ctx.input(0);
  const Int64Values index_values(ctx.input(1));
  const std::span<const int64_t> indices = index_values.values();
  std::vector<SegmentRun> runs;
  WEFT_RETURN_IF_ERROR(FindSegmentRuns(ctx, Int64Values(ctx.input(2)).values(), asked, &runs));
  WEFT_RETURN_IF_ERROR(CheckIndices(ctx, indices, data.dim(0)));
  const int64_t segments = asked >= 0 ? asked : runs.empty() ? 0 : runs.back().segment + 1;
  WEFT_ASSIGN_OR_RETURN(const Shape shape, WithRows(ctx, segments));
  WEFT_ASSIGN_OR_RETURN(Array * y, ctx.AllocateOutput(0, shape));
  if (y->num_elements() == 0) return absl::OkStatus();
  const int64_t inner = y->num_elements() / segments;
  T* out = y->mutable_data<T>();
  const auto n = static_cast<int64_t>(runs.size());
  if (n < segments) std::fill_n(out, y->num_elements(), T(Accumulator<T>(0)));
  const double cost = static_cast<double>(indices.size()) * static_cast<double>(inner) / (n + 1.0);
  ctx.ParallelFor(n, cost, [&](int64_t begin, int64_t end) {
    std::vector<Accumulator<T>> acc(static_cast<size_t>(inner));
    for (int64_t i = begin; i < end; ++i) {
      const SegmentRun& run = runs[static_cast<size_t>(i)];
      SumGathered<T>(data.data<T>(), indices.data() + run.begin, run.end - run.begin, inner, kScale,
                     acc.data(), out + run.segment * inner);
    }
  });
  return absl::OkStatus();
}

// How many rows each segment of the gradient had. Ids need not be sorted here.
absl::StatusOr<std::vector<int64_t>> CountRows(KernelContext& ctx, std::span<const int64_t> ids) {
  const int64_t segments = ctx.input(0).dim(0);
  std::vector<int64_t> counts(static_cast<size_t>(segments), 0);
  for (const int64_t id : ids) {
    if (id < 0 || id >= segments) {
      return ctx.InvalidArgument(StrCat("Invalid number of segments: Segment id ", id,
                                        " out of range [0, ", segments, ")."));
    }
    ++counts[static_cast<size_t>(id)];
  }
  return counts;
}

// acc[targets[i]] += dy[segment of i] * scale, for all i.
template <typename T, Scale kScale>
absl::Status SpreadRows(KernelContext& ctx, std::span<const int64_t> targets, int64_t rows,
                        int64_t inner, T* out) {
  using A = Accumulator<T>;
  const Int64Values id_values(ctx.input(2));
  const std::span<const int64_t> ids = id_values.values();
  WEFT_ASSIGN_OR_RETURN(const std::vector<int64_t> counts, CountRows(ctx, ids));
  const T* dy = ctx.input(0).data<T>();
  A* acc = nullptr;
  Array temp;
  if constexpr (std::is_same_v<A, T>) {
    acc = out;
  } else {
    WEFT_ASSIGN_OR_RETURN(temp, ctx.AllocateTemp(dtype_of<A>, Shape({rows, inner})));
    acc = temp.mutable_data<A>();
  }
  std::fill_n(acc, rows * inner, A(0));
  // Threads share the columns, so that rows always meet in the same order.
  ctx.ParallelFor(inner, static_cast<double>(targets.size()), [&](int64_t begin, int64_t end) {
    for (size_t i = 0; i < targets.size(); ++i) {
      const int64_t segment = ids[i];
      const A factor = ScaleOf<A>(kScale, counts[static_cast<size_t>(segment)]);
      const T* from = dy + segment * inner;
      A* to = acc + targets[i] * inner;
      for (int64_t c = begin; c < end; ++c) to[c] += static_cast<A>(from[c]) * factor;
    }
  });
  if constexpr (!std::is_same_v<A, T>) {
    for (int64_t i = 0; i < rows * inner; ++i) out[i] = static_cast<T>(acc[i]);
  }
  return absl::OkStatus();
}

// The number of rows of the data, scalar input 3, and all indices within it.
absl::StatusOr<int64_t> RowsOfData(KernelContext& ctx, std::span<const int64_t> indices) {
  WEFT_RETURN_IF_ERROR(CheckIdVectors(ctx));
  const Array& n = ctx.input(3);
  if (n.rank() != 0) return ctx.InvalidArgument("output_dim0 should be a scalar.");
  const int64_t rows = *n.data<int32_t>();
  if (rows < 0) return ctx.InvalidArgument(StrCat("Expected a non-negative size, got ", rows));
  for (const int64_t index : indices) {
    if (index >= 0 && index < rows) continue;
    return ctx.InvalidArgument(StrCat("Index ", index, " out of range [0, ", rows, ")."));
  }
  return rows;
}

int64_t InnerSize(const Shape& shape) {
  int64_t inner = 1;
  for (int d = 1; d < shape.rank(); ++d) inner *= shape.dim(d);
  return inner;
}

template <typename T, Scale kScale>
absl::Status Backward(KernelContext& ctx) {
  const Int64Values indices(ctx.input(1));
  WEFT_ASSIGN_OR_RETURN(const int64_t rows, RowsOfData(ctx, indices.values()));
  WEFT_ASSIGN_OR_RETURN(const Shape shape, WithRows(ctx, rows));
  WEFT_ASSIGN_OR_RETURN(Array * y, ctx.AllocateOutput(0, shape));
  return SpreadRows<T, kScale>(ctx, indices.values(), rows, InnerSize(shape), y->mutable_data<T>());
}

template <typename T, Scale kScale>
absl::Status BackwardV2(KernelContext& ctx) {
  const Int64Values indices(ctx.input(1));
  WEFT_RETURN_IF_ERROR(RowsOfData(ctx, indices.values()).status());
  std::vector<int64_t> unique(indices.values().begin(), indices.values().end());
  std::sort(unique.begin(), unique.end());
  unique.erase(std::unique(unique.begin(), unique.end()), unique.end());
  const auto rows = static_cast<int64_t>(unique.size());
  WEFT_ASSIGN_OR_RETURN(const Shape shape, WithRows(ctx, rows));
  WEFT_ASSIGN_OR_RETURN(Array * y, ctx.AllocateOutput(0, shape));
  WEFT_ASSIGN_OR_RETURN(Array * occurring, ctx.AllocateOutput(1, Shape({rows})));
  if (occurring->dtype() == kInt64)
    std::copy(unique.begin(), unique.end(), occurring->mutable_data<int64_t>());
  else
    std::copy(unique.begin(), unique.end(), occurring->mutable_data<int32_t>());
  std::vector<int64_t> targets;
  for (const int64_t index : indices.values()) {
    targets.push_back(std::lower_bound(unique.begin(), unique.end(), index) - unique.begin());
  }
  return SpreadRows<T, kScale>(ctx, targets, rows, InnerSize(shape), y->mutable_data<T>());
}

template <typename T, Scale kScale>
void AddKernels(KernelRegistry& k, const std::string& op) {
  ForTypes<int32_t, int64_t>([&]<typename I>() {
    ForTypes<int32_t, int64_t>([&]<typename S>() {
      const KernelConstraints types = {
          {"T", dtype_of<T>}, {"Tidx", dtype_of<I>}, {"Tsegmentids", dtype_of<S>}};
      k.Add(op, kCpu, types, Forward<T, kScale>);
      k.Add(op + "WithNumSegments", kCpu, types, Forward<T, kScale>,
            {.host_arguments = {"num_segments"}});
      if constexpr (!std::is_integral_v<T>) {
        k.Add(op + "Grad", kCpu, types, Backward<T, kScale>, {.host_arguments = {"output_dim0"}});
        k.Add(op + "GradV2", kCpu, types, BackwardV2<T, kScale>,
              {.host_arguments = {"dense_output_dim0"}});
      }
    });
  });
}

}  // namespace

void RegisterSparseSegmentKernels(KernelRegistry& k) {
  ForTypes<float, double, half, bfloat16>([&]<typename T>() {
    AddKernels<T, Scale::kNone>(k, "SparseSegmentSum");
    AddKernels<T, Scale::kMean>(k, "SparseSegmentMean");
    AddKernels<T, Scale::kSqrt>(k, "SparseSegmentSqrtN");
  });
  ForTypes<int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t>(
      [&]<typename T>() { AddKernels<T, Scale::kNone>(k, "SparseSegmentSum"); });
}

}  // namespace weft
