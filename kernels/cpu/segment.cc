// SPDX-License-Identifier: Apache-2.0
// Reductions of the rows of segments, by sorted and by unsorted ids.
#include "kernels/cpu/segment.h"

#include <algorithm>
#include <limits>
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
template <typename T>
using Greatest = Extremum<T, true>;
template <typename T>
using Least = Extremum<T, false>;

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

// One segment: rows [0, rows) of `inner` elements.
template <typename T, typename R>
void ReduceRows(const T* x, int64_t rows, int64_t inner, Accumulator<T>* acc, T* out) {
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

// Segments without rows get `absent`.
template <typename T, typename R>
absl::Status SortedSegments(KernelContext& ctx, int64_t limit, T absent) {
  const Array data = ctx.input(0);
  WEFT_RETURN_IF_ERROR(CheckSortedOperands(ctx));
  std::vector<SegmentRun> runs;
  WEFT_RETURN_IF_ERROR(FindSegmentRuns(ctx, Int64Values(ctx.input(1)).values(), limit, &runs));
  const int64_t segments = limit >= 0 ? limit : runs.empty() ? 0 : runs.back().segment + 1;
  WEFT_ASSIGN_OR_RETURN(const Shape shape, WithRows(ctx, data.shape(), segments, 1));
  WEFT_ASSIGN_OR_RETURN(Array * y, ctx.AllocateOutput(0, shape));
  if (y->num_elements() == 0) return absl::OkStatus();
  T* out = y->mutable_data<T>();
  const T* in = data.data<T>();
  const int64_t inner = y->num_elements() / segments;
  if (static_cast<int64_t>(runs.size()) < segments) std::fill_n(out, y->num_elements(), absent);
  const auto n = static_cast<int64_t>(runs.size());
  const double cost = static_cast<double>(data.num_elements()) / static_cast<double>(n + 1);
  ctx.ParallelFor(n, cost, [&](int64_t begin, int64_t end) {
    std::vector<Accumulator<T>> acc(static_cast<size_t>(inner));
    for (int64_t i = begin; i < end; ++i) {
      const SegmentRun& run = runs[static_cast<size_t>(i)];
      ReduceRows<T, R>(in + run.begin * inner, run.end - run.begin, inner, acc.data(),
                       out + run.segment * inner);
    }
  });
  return absl::OkStatus();
}

template <typename T, typename R, int kAbsent>
absl::Status SegmentOp(KernelContext& ctx) {
  return SortedSegments<T, R>(ctx, -1, T(static_cast<Accumulator<T>>(kAbsent)));
}
template <typename T, typename R>
absl::Status CountedSegmentOp(KernelContext& ctx) {
  WEFT_ASSIGN_OR_RETURN(const int64_t segments, NumSegments(ctx));
  return SortedSegments<T, R>(ctx, segments, static_cast<T>(R::Identity()));
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

// Adds all rows up in `acc` [segments, inner]. Threads share the columns, so that the order of the
// rows is always theirs.
template <typename T, typename R>
void AddRows(KernelContext& ctx, const T* x, std::span<const int64_t> ids, int64_t inner,
             Accumulator<T>* acc) {
  const auto rows = static_cast<int64_t>(ids.size());
  ctx.ParallelFor(inner, static_cast<double>(rows), [&](int64_t begin, int64_t end) {
    for (int64_t r = 0; r < rows; ++r) {
      if (ids[r] < 0) continue;
      const T* row = x + r * inner;
      Accumulator<T>* to = acc + ids[r] * inner;
      for (int64_t c = begin; c < end; ++c) {
        to[c] = R::Combine(to[c], static_cast<Accumulator<T>>(row[c]));
      }
    }
  });
}

template <typename T, typename R>
absl::Status UnsortedSegments(KernelContext& ctx) {
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
  T* out = y->mutable_data<T>();
  using Acc = Accumulator<T>;
  if constexpr (std::is_same_v<Acc, T>) {
    std::fill_n(out, y->num_elements(), R::Identity());
    AddRows<T, R>(ctx, data.data<T>(), ids.values(), inner, out);
  } else {
    WEFT_ASSIGN_OR_RETURN(Array temp, ctx.AllocateTemp(dtype_of<Acc>, shape));
    Acc* acc = temp.mutable_data<Acc>();
    std::fill_n(acc, y->num_elements(), R::Identity());
    AddRows<T, R>(ctx, data.data<T>(), ids.values(), inner, acc);
    for (int64_t i = 0; i < y->num_elements(); ++i) out[i] = static_cast<T>(acc[i]);
  }
  return absl::OkStatus();
}

template <template <typename> typename R, typename T, int kAbsent>
void AddSorted(KernelRegistry& k, std::string_view op) {
  ForTypes<int32_t, int64_t>([&]<typename I>() {
    k.Add(op, kCpu, {{"T", dtype_of<T>}, {"Tindices", dtype_of<I>}}, SegmentOp<T, R<T>, kAbsent>);
  });
}

template <template <typename> typename R, typename T, typename... I>
void AddCounted(KernelRegistry& k, const std::string& op) {
  const KernelOptions count_on_host = {.host_arguments = {"num_segments"}};
  ForTypes<I...>([&]<typename Id>() {
    k.Add("Unsorted" + op, kCpu, {{"T", dtype_of<T>}, {"Tindices", dtype_of<Id>}},
          UnsortedSegments<T, R<T>>, count_on_host);
  });
  ForTypes<int32_t, int64_t>([&]<typename Id>() {
    k.Add(op + "V2", kCpu, {{"T", dtype_of<T>}, {"Tindices", dtype_of<Id>}},
          CountedSegmentOp<T, R<T>>, count_on_host);
  });
}

}  // namespace

void RegisterSegmentKernels(KernelRegistry& k) {
  ForTypes<float, double, half, bfloat16, int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t,
           uint32_t, uint64_t, complex64, complex128>([&]<typename T>() {
    AddSorted<Sum, T, 0>(k, "SegmentSum");
    AddSorted<Average, T, 0>(k, "SegmentMean");
    AddSorted<Product, T, 1>(k, "SegmentProd");
    AddCounted<Sum, T, int16_t, int32_t, int64_t>(k, "SegmentSum");
    AddCounted<Product, T, int32_t, int64_t>(k, "SegmentProd");
    if constexpr (!arithmetic::kIsComplex<T>) {
      AddSorted<Greatest, T, 0>(k, "SegmentMax");
      AddSorted<Least, T, 0>(k, "SegmentMin");
      AddCounted<Greatest, T, int32_t, int64_t>(k, "SegmentMax");
      AddCounted<Least, T, int32_t, int64_t>(k, "SegmentMin");
    }
  });
  RegisterSparseSegmentKernels(k);
  RegisterDynamicStitchKernels(k);
}

}  // namespace weft
