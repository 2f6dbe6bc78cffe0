// SPDX-License-Identifier: Apache-2.0
// Segment reductions of gathered rows, and their gradients.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
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

// The loops of one dtype; the kernels around them are the same code for all.
struct GatheredLoops {
  // out = the scaled sum of the `count` > 0 rows `indices` of `inner` elements; acc: room for a row
  // of accumulators.
  void (*sum)(const void* data, const int64_t* indices, int64_t count, int64_t inner, Scale scale,
              void* acc, void* out);
  // acc[targets[i]][c] += dy[ids[i]][c] * the scale of counts[ids[i]] rows, for all i and c in
  // [begin, end). Null for integers.
  void (*spread)(const void* dy, std::span<const int64_t> ids, std::span<const int64_t> targets,
                 const std::vector<int64_t>& counts, Scale scale, int64_t inner, int64_t begin,
                 int64_t end, void* acc);
  void (*finish)(const void* acc, int64_t n, void* out);  // null: accumulators are the output
  DataType dtype;
  DataType acc_dtype;
  size_t size;  // bytes of an element
  size_t acc_size;
};

template <typename T>
void SumGathered(const void* rows, const int64_t* indices, int64_t count, int64_t inner,
                 Scale scale, void* accumulators, void* output) {
  using A = Accumulator<T>;
  const T* data = static_cast<const T*>(rows);
  A* acc = static_cast<A*>(accumulators);
  T* out = static_cast<T*>(output);
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

template <typename T>
void SpreadScaled(const void* gradient, std::span<const int64_t> ids,
                  std::span<const int64_t> targets, const std::vector<int64_t>& counts, Scale scale,
                  int64_t inner, int64_t begin, int64_t end, void* accumulators) {
  using A = Accumulator<T>;
  const T* dy = static_cast<const T*>(gradient);
  for (size_t i = 0; i < targets.size(); ++i) {
    const int64_t segment = ids[i];
    const A factor = ScaleOf<A>(scale, counts[static_cast<size_t>(segment)]);
    const T* from = dy + segment * inner;
    A* to = static_cast<A*>(accumulators) + targets[i] * inner;
    for (int64_t c = begin; c < end; ++c) to[c] += static_cast<A>(from[c]) * factor;
  }
}

template <typename T>
constexpr GatheredLoops MakeGatheredLoops() {
  using A = Accumulator<T>;
  GatheredLoops loops = {.sum = SumGathered<T>,
                         .spread = nullptr,
                         .finish = nullptr,
                         .dtype = dtype_of<T>,
                         .acc_dtype = dtype_of<A>,
                         .size = sizeof(T),
                         .acc_size = sizeof(A)};
  if constexpr (!std::is_integral_v<T>) loops.spread = SpreadScaled<T>;
  if constexpr (!std::is_same_v<A, T>) {
    loops.finish = [](const void* acc, int64_t n, void* out) {
      for (int64_t i = 0; i < n; ++i)
        static_cast<T*>(out)[i] = static_cast<T>(static_cast<const A*>(acc)[i]);
    };
  }
  return loops;
}
template <typename T>
inline constexpr GatheredLoops kGatheredLoops = MakeGatheredLoops<T>();

absl::Status Forward(KernelContext& ctx, const GatheredLoops& loops, Scale scale) {
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
  auto* out = static_cast<std::byte*>(y->raw_data());
  const auto n = static_cast<int64_t>(runs.size());
  if (n < segments) std::memset(out, 0, static_cast<size_t>(y->num_elements()) * loops.size);
  const double cost = static_cast<double>(indices.size()) * static_cast<double>(inner) / (n + 1.0);
  ctx.ParallelFor(n, cost, [&](int64_t begin, int64_t end) {
    std::vector<double> acc(static_cast<size_t>(inner));  // as wide as any accumulator
    for (int64_t i = begin; i < end; ++i) {
      const SegmentRun& run = runs[static_cast<size_t>(i)];
      loops.sum(data.raw_data(), indices.data() + run.begin, run.end - run.begin, inner, scale,
                acc.data(), out + static_cast<size_t>(run.segment * inner) * loops.size);
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

// y[targets[i]] = the sum of dy[segment of i] * scale, over all i.
absl::Status SpreadRows(KernelContext& ctx, const GatheredLoops& loops, Scale scale,
                        std::span<const int64_t> targets, int64_t rows, int64_t inner, Array* y) {
  const Int64Values ids(ctx.input(2));
  WEFT_ASSIGN_OR_RETURN(const std::vector<int64_t> counts, CountRows(ctx, ids.values()));
  Array sums;
  void* acc = y->raw_data();
  if (loops.finish) {
    WEFT_ASSIGN_OR_RETURN(sums, ctx.AllocateTemp(loops.acc_dtype, Shape({rows, inner})));
    acc = sums.raw_data();
  }
  const int64_t n = rows * inner;
  if (n == 0) return absl::OkStatus();
  std::memset(acc, 0, static_cast<size_t>(n) * loops.acc_size);
  // Threads share the columns, so that rows always meet in the same order.
  ctx.ParallelFor(inner, static_cast<double>(targets.size()), [&](int64_t begin, int64_t end) {
    loops.spread(ctx.input(0).raw_data(), ids.values(), targets, counts, scale, inner, begin, end,
                 acc);
  });
  if (loops.finish) loops.finish(acc, n, y->raw_data());
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

absl::Status Backward(KernelContext& ctx, const GatheredLoops& loops, Scale scale) {
  const Int64Values indices(ctx.input(1));
  WEFT_ASSIGN_OR_RETURN(const int64_t rows, RowsOfData(ctx, indices.values()));
  WEFT_ASSIGN_OR_RETURN(const Shape shape, WithRows(ctx, rows));
  WEFT_ASSIGN_OR_RETURN(Array * y, ctx.AllocateOutput(0, shape));
  return SpreadRows(ctx, loops, scale, indices.values(), rows, InnerSize(shape), y);
}

absl::Status BackwardV2(KernelContext& ctx, const GatheredLoops& loops, Scale scale) {
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
  return SpreadRows(ctx, loops, scale, targets, rows, InnerSize(shape), y);
}

using GatheredFn = absl::Status (*)(KernelContext&, const GatheredLoops&, Scale);

class SparseSegmentKernel final : public Kernel {
 public:
  SparseSegmentKernel(GatheredFn fn, const GatheredLoops& loops, Scale scale)
      : fn_(fn), loops_(loops), scale_(scale) {}
  absl::Status Compute(KernelContext& ctx) override { return fn_(ctx, loops_, scale_); }

 private:
  GatheredFn fn_;
  const GatheredLoops& loops_;
  Scale scale_;
};

void AddOp(KernelRegistry& k, const std::string& op, GatheredFn fn, const GatheredLoops& loops,
           Scale scale, const KernelOptions& options) {
  for (const DataType indices : {kInt32, kInt64}) {
    for (const DataType ids : {kInt32, kInt64}) {
      k.AddFactory(
          op, kCpu, {{"T", loops.dtype}, {"Tidx", indices}, {"Tsegmentids", ids}},
          [=, &loops](KernelConstruction&) {
            return std::make_unique<SparseSegmentKernel>(fn, loops, scale);
          },
          options);
    }
  }
}

void AddKernels(KernelRegistry& k, const std::string& op, const GatheredLoops& loops, Scale scale) {
  AddOp(k, op, Forward, loops, scale, {});
  AddOp(k, op + "WithNumSegments", Forward, loops, scale, {.host_arguments = {"num_segments"}});
  if (!loops.spread) return;
  AddOp(k, op + "Grad", Backward, loops, scale, {.host_arguments = {"output_dim0"}});
  AddOp(k, op + "GradV2", BackwardV2, loops, scale, {.host_arguments = {"dense_output_dim0"}});
}

}  // namespace

void RegisterSparseSegmentKernels(KernelRegistry& k) {
  ForTypes<float, double, half, bfloat16>([&]<typename T>() {
    AddKernels(k, "SparseSegmentSum", kGatheredLoops<T>, Scale::kNone);
    AddKernels(k, "SparseSegmentMean", kGatheredLoops<T>, Scale::kMean);
    AddKernels(k, "SparseSegmentSqrtN", kGatheredLoops<T>, Scale::kSqrt);
  });
  ForTypes<int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t>(
      [&]<typename T>() { AddKernels(k, "SparseSegmentSum", kGatheredLoops<T>, Scale::kNone); });
}

}  // namespace weft
