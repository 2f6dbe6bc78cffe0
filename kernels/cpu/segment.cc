// SPDX-License-Identifier: Apache-2.0
// Reductions of the rows of segments, by sorted and by unsorted ids.
#include "kernels/cpu/segment.h"

#include <algorithm>
#include <cstddef>
#include <initializer_list>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <type_traits>

#include "kernels/cpu/wrapping.h"
#include "weft/core/complex.h"
#include "weft/runtime/kernel.h"

namespace weft {
namespace {

using arithmetic::Accumulator;

template <typename T>
struct Sum {
  static Accumulator<T> Identity() { return Accumulator<T>(0); }
  static Accumulator<T> Combine(Accumulator<T> a, Accumulator<T> b) {
    return arithmetic::Add(a, b);
  }
};
template <typename T>
struct Product {
  static Accumulator<T> Identity() { return Accumulator<T>(1); }
  static Accumulator<T> Combine(Accumulator<T> a, Accumulator<T> b) {
    return arithmetic::Multiply(a, b);
  }
};
// The identity is the last finite number, as in TensorFlow, not an infinity.
template <typename T, bool kGreatest>
struct Extremum {
  using A = Accumulator<T>;
  static A Identity() {
    return kGreatest ? static_cast<A>(std::numeric_limits<T>::lowest())
                     : static_cast<A>(std::numeric_limits<T>::max());
  }
  static A Combine(A a, A b) { return (kGreatest ? b > a : b < a) ? b : a; }
};

// The sum, over the number of rows at the end.
template <typename T>
struct Average : Sum<T> {};
template <typename R>
inline constexpr bool kIsAverage = false;
template <typename T>
inline constexpr bool kIsAverage<Average<T>> = true;

template <typename T>
T DividedBy(Accumulator<T> sum, int64_t count) {
  if constexpr (std::is_integral_v<T>) {
    return static_cast<T>(static_cast<int64_t>(sum) / count);
  } else if constexpr (arithmetic::kIsComplex<T>) {
    return sum / static_cast<typename T::value_type>(count);
  } else {
    return static_cast<T>(sum / static_cast<Accumulator<T>>(count));
  }
}

// The loops of one reduction of one dtype; the kernels around them are the same code for all.
struct SegmentLoops {
  // out[c] = the reduction of x[0][c], ..., x[rows - 1][c]; rows > 0; acc: room for a row of
  // accumulators.
  void (*reduce)(const void* x, int64_t rows, int64_t inner, void* acc, void* out);
  // acc[ids[r]][c] meets x[r][c] for all r whose id isn't negative and c in [begin, end).
  void (*add_rows)(const void* x, std::span<const int64_t> ids, int64_t inner, int64_t begin,
                   int64_t end, void* acc);
  void (*fill_accumulators)(void* acc, int64_t n);           // with the identity
  void (*finish)(const void* acc, int64_t n, void* out);     // null: accumulators are the output
  void (*fill_output)(void* out, int64_t n, bool identity);  // with that, or what absent ones get
  DataType dtype;
  DataType acc_dtype;
  size_t size;  // bytes of an element
};

template <typename T, typename R>
void ReduceRows(const void* data, int64_t rows, int64_t inner, void* accumulators, void* output) {
  const T* x = static_cast<const T*>(data);
  auto* acc = static_cast<Accumulator<T>*>(accumulators);
  T* out = static_cast<T*>(output);
  for (int64_t c = 0; c < inner; ++c) acc[c] = static_cast<Accumulator<T>>(x[c]);
  for (int64_t r = 1; r < rows; ++r) {
    const T* row = x + r * inner;
    for (int64_t c = 0; c < inner; ++c) {
      acc[c] = R::Combine(acc[c], static_cast<Accumulator<T>>(row[c]));
    }
  }
  for (int64_t c = 0; c < inner; ++c) {
    if constexpr (kIsAverage<R>) {
      out[c] = DividedBy<T>(acc[c], rows);
    } else {
      out[c] = static_cast<T>(acc[c]);
    }
  }
}

template <typename T, typename R>
void AddRows(const void* data, std::span<const int64_t> ids, int64_t inner, int64_t begin,
             int64_t end, void* accumulators) {
  const T* row = static_cast<const T*>(data);
  auto* acc = static_cast<Accumulator<T>*>(accumulators);
  for (const int64_t id : ids) {
    if (id >= 0) {
      Accumulator<T>* to = acc + id * inner;
      for (int64_t c = begin; c < end; ++c) {
        to[c] = R::Combine(to[c], static_cast<Accumulator<T>>(row[c]));
      }
    }
    row += inner;
  }
}

template <typename T, typename R, int kAbsent>
inline constexpr SegmentLoops kSegmentLoops = {
    .reduce = ReduceRows<T, R>,
    .add_rows = AddRows<T, R>,
    .fill_accumulators =
        [](void* acc, int64_t n) {
          std::fill_n(static_cast<Accumulator<T>*>(acc), n, R::Identity());
        },
    .finish = std::is_same_v<Accumulator<T>, T>
                  ? nullptr
                  : +[](const void* acc, int64_t n, void* out) {
                      const auto* from = static_cast<const Accumulator<T>*>(acc);
                      for (int64_t i = 0; i < n; ++i)
                        static_cast<T*>(out)[i] = static_cast<T>(from[i]);
                    },
    .fill_output =
        [](void* out, int64_t n, bool identity) {
          const auto value = identity ? R::Identity() : static_cast<Accumulator<T>>(kAbsent);
          std::fill_n(static_cast<T*>(out), n, static_cast<T>(value));
        },
    .dtype = dtype_of<T>,
    .acc_dtype = dtype_of<Accumulator<T>>,
    .size = sizeof(T)};

// data[rows, ...] with `segments` rows instead; an error if that is too large for a shape.
absl::StatusOr<Shape> WithRows(KernelContext& ctx, const Shape& data, int64_t segments, int first) {
  std::vector<int64_t> sizes = {segments};
  for (int d = first; d < data.rank(); ++d) sizes.push_back(data.dim(d));
  Shape shape;
  std::string error;
  if (!Shape::Make(sizes, &shape, &error)) return ctx.InvalidArgument(error);
  return shape;
}

// The scalar number of segments, input 2.
absl::StatusOr<int64_t> NumSegments(KernelContext& ctx) {
  const Array& n = ctx.input(2);
  if (n.rank() != 0) {
    return ctx.InvalidArgument(
        StrCat("num_segments should be a scalar, not shape ", n.shape().ToString()));
  }
  if (n.AsInt64() < 0) {
    return ctx.InvalidArgument(
        StrCat("Input num_segments == ", n.AsInt64(), " must not be negative."));
  }
  return n.AsInt64();
}

absl::Status CheckSortedOperands(KernelContext& ctx) {
  const Array &data = ctx.input(0), &ids = ctx.input(1);
  if (ids.rank() != 1) return ctx.InvalidArgument("segment_ids should be a vector.");
  if (data.rank() < 1) return ctx.InvalidArgument("input must be at least rank 1");
  if (ids.dim(0) != data.dim(0)) {
    return ctx.InvalidArgument(
        StrCat("segment_ids should be the same size as dimension 0 of input. data: ",
               data.shape().ToString(), ", segment_ids: ", ids.shape().ToString()));
  }
  return absl::OkStatus();
}

// `limit`: the number of segments, if the op is told (-1 if not). Those without rows are the
// identity then, else what the op says.
absl::Status SortedSegments(KernelContext& ctx, const SegmentLoops& loops, int64_t limit) {
  const Array data = ctx.input(0);
  WEFT_RETURN_IF_ERROR(CheckSortedOperands(ctx));
  std::vector<SegmentRun> runs;
  WEFT_RETURN_IF_ERROR(FindSegmentRuns(ctx, Int64Values(ctx.input(1)).values(), limit, &runs));
  const int64_t segments = limit >= 0 ? limit : runs.empty() ? 0 : runs.back().segment + 1;
  WEFT_ASSIGN_OR_RETURN(const Shape shape, WithRows(ctx, data.shape(), segments, 1));
  WEFT_ASSIGN_OR_RETURN(Array * y, ctx.AllocateOutput(0, shape));
  if (y->num_elements() == 0) return absl::OkStatus();
  auto* out = static_cast<std::byte*>(y->raw_data());
  const auto* in = static_cast<const std::byte*>(data.raw_data());
  const int64_t inner = y->num_elements() / segments;
  const auto row_bytes = static_cast<size_t>(inner) * loops.size;
  const auto n = static_cast<int64_t>(runs.size());
  if (n < segments) loops.fill_output(out, y->num_elements(), limit >= 0);
  const double cost = static_cast<double>(data.num_elements()) / static_cast<double>(n + 1);
  ctx.ParallelFor(n, cost, [&](int64_t begin, int64_t end) {
    std::vector<complex128> acc(static_cast<size_t>(inner));  // as wide as any accumulator
    for (int64_t i = begin; i < end; ++i) {
      const SegmentRun& run = runs[static_cast<size_t>(i)];
      loops.reduce(in + run.begin * row_bytes, run.end - run.begin, inner, acc.data(),
                   out + run.segment * row_bytes);
    }
  });
  return absl::OkStatus();
}

absl::Status SegmentOp(KernelContext& ctx, const SegmentLoops& loops) {
  return SortedSegments(ctx, loops, -1);
}
absl::Status CountedSegmentOp(KernelContext& ctx, const SegmentLoops& loops) {
  WEFT_ASSIGN_OR_RETURN(const int64_t segments, NumSegments(ctx));
  return SortedSegments(ctx, loops, segments);
}

absl::Status CheckUnsortedOperands(KernelContext& ctx) {
  const Shape &data = ctx.input(0).shape(), &ids = ctx.input(1).shape();
  bool prefix = ids.rank() <= data.rank();
  for (int d = 0; prefix && d < ids.rank(); ++d) prefix = ids.dim(d) == data.dim(d);
  if (prefix) return absl::OkStatus();
  return ctx.InvalidArgument(StrCat("data.shape = ", data.ToString(),
                                    " does not start with segment_ids.shape = ", ids.ToString()));
}

// "[1,0]" of element i.
std::string IndexText(const Shape& shape, int64_t i) {
  std::string text = "]";
  for (int d = shape.rank() - 1; d >= 0; --d) {
    text = StrCat(d > 0 ? "," : "[", i % shape.dim(d), text);
    i /= shape.dim(d);
  }
  return shape.rank() == 0 ? "" : text;
}

absl::Status CheckUnsortedIds(KernelContext& ctx, std::span<const int64_t> ids, int64_t segments) {
  for (size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] < segments) continue;
    return ctx.InvalidArgument(StrCat("segment_ids",
                                      IndexText(ctx.input(1).shape(), static_cast<int64_t>(i)),
                                      " = ", ids[i], " is out of range [0, ", segments, ")"));
  }
  return absl::OkStatus();
}

absl::Status UnsortedSegments(KernelContext& ctx, const SegmentLoops& loops) {
  const Array data = ctx.input(0);
  const int ids_rank = ctx.input(1).rank();
  const Int64Values ids(ctx.input(1));
  WEFT_ASSIGN_OR_RETURN(const int64_t segments, NumSegments(ctx));
  WEFT_RETURN_IF_ERROR(CheckUnsortedOperands(ctx));
  WEFT_RETURN_IF_ERROR(CheckUnsortedIds(ctx, ids.values(), segments));
  WEFT_ASSIGN_OR_RETURN(const Shape shape, WithRows(ctx, data.shape(), segments, ids_rank));
  WEFT_ASSIGN_OR_RETURN(Array * y, ctx.AllocateOutput(0, shape));
  if (y->num_elements() == 0) return absl::OkStatus();
  const int64_t inner = y->num_elements() / segments;
  Array sums;
  void* acc = y->raw_data();
  if (loops.finish) {
    WEFT_ASSIGN_OR_RETURN(sums, ctx.AllocateTemp(loops.acc_dtype, shape));
    acc = sums.raw_data();
  }
  loops.fill_accumulators(acc, y->num_elements());
  // Threads share the columns, so that the order of the rows is always theirs.
  const auto rows = static_cast<double>(ids.values().size());
  ctx.ParallelFor(inner, rows, [&](int64_t begin, int64_t end) {
    loops.add_rows(data.raw_data(), ids.values(), inner, begin, end, acc);
  });
  if (loops.finish) loops.finish(acc, y->num_elements(), y->raw_data());
  return absl::OkStatus();
}

using SegmentFn = absl::Status (*)(KernelContext&, const SegmentLoops&);

class SegmentKernel final : public Kernel {
 public:
  SegmentKernel(SegmentFn fn, const SegmentLoops& loops) : fn_(fn), loops_(loops) {}
  absl::Status Compute(KernelContext& ctx) override { return fn_(ctx, loops_); }

 private:
  SegmentFn fn_;
  const SegmentLoops& loops_;
};

void AddSegments(KernelRegistry& k, const std::string& op, SegmentFn fn, const SegmentLoops& loops,
                 std::initializer_list<DataType> ids) {
  const KernelOptions count_on_host = {.host_arguments = {"num_segments"}};
  for (const DataType id : ids) {
    k.AddFactory(
        op, kCpu, {{"T", loops.dtype}, {"Tindices", id}},
        [fn, &loops](KernelConstruction&) { return std::make_unique<SegmentKernel>(fn, loops); },
        fn == SegmentOp ? kDefaultKernelOptions : count_on_host);
  }
}

// SegmentX, SegmentXV2 and UnsortedSegmentX.
void AddReduction(KernelRegistry& k, const std::string& op, const SegmentLoops& loops) {
  AddSegments(k, op, SegmentOp, loops, {kInt32, kInt64});
  AddSegments(k, op + "V2", CountedSegmentOp, loops, {kInt32, kInt64});
  AddSegments(k, "Unsorted" + op, UnsortedSegments, loops, {kInt32, kInt64});
}

}  // namespace

void RegisterSegmentKernels(KernelRegistry& k) {
  ForTypes<float, double, half, bfloat16, int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t,
           uint32_t, uint64_t, complex64, complex128>([&]<typename T>() {
    AddReduction(k, "SegmentSum", kSegmentLoops<T, Sum<T>, 0>);
    AddSegments(k, "UnsortedSegmentSum", UnsortedSegments, kSegmentLoops<T, Sum<T>, 0>, {kInt16});
    AddReduction(k, "SegmentProd", kSegmentLoops<T, Product<T>, 1>);
    AddSegments(k, "SegmentMean", SegmentOp, kSegmentLoops<T, Average<T>, 0>, {kInt32, kInt64});
    if constexpr (!arithmetic::kIsComplex<T>) {
      AddReduction(k, "SegmentMax", kSegmentLoops<T, Extremum<T, true>, 0>);
      AddReduction(k, "SegmentMin", kSegmentLoops<T, Extremum<T, false>, 0>);
    }
  });
  RegisterSparseSegmentKernels(k);
  RegisterDynamicStitchKernels(k);
}

}  // namespace weft
