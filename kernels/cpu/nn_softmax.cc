// SPDX-License-Identifier: Apache-2.0
// Softmax, its logarithm, and cross entropy with both gradients in one pass over the rows.
// 16-bit types are computed in float and rounded once.
#include <algorithm>
#include <cmath>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "kernels/cpu/row_math.h"
#include "kernels/cpu/stream.h"
#include "kernels/cpu/streamed_softmax.h"
#include "kernels/cpu/widen.h"
#include "src/core/strings.h"
#include "weft/runtime/kernel.h"

namespace weft {
namespace {

// A rough cost of one logit, in nanoseconds.
template <typename T>
constexpr double kLogitCost = std::is_same_v<T, double> ? 8.0 : 1.5;

// Rows of more bytes leave the second-level cache.
constexpr int64_t kMaxCachedRow = int64_t{256} << 10;

// e^(x - max) / sum, or its logarithm: no logit overflows, and the largest contributes 1 to the
// sum.
template <bool kLog, typename W>
void SoftmaxRow(const W* x, int64_t n, W* y) {
  const W top = cpu::RowMax(x, n);
  if constexpr (kLog) {
    const W log_sum = std::log(cpu::RowExpSum(x, top, n));
    for (int64_t i = 0; i < n; ++i) y[i] = (x[i] - top) - log_sum;
  } else {
    const W sum = cpu::RowExp(x, top, n, y);
    cpu::RowScale(W(1) / sum, n, y);
  }
}

// The same of all rows, each made in the caches and written past them.
template <bool kLog, typename W>
void StreamRows(const W* x, int64_t rows, int64_t n, W* y) {
  if constexpr (!kLog && std::is_same_v<W, float>) {
    cpu::StreamSoftmaxRows(x, rows, n, y);
  } else {
    std::vector<W> made(static_cast<size_t>(n));
    for (int64_t i = 0; i < rows * n; i += n) {
      SoftmaxRow<kLog>(x + i, n, made.data());
      cpu::StreamCopy(made.data(), n * static_cast<int64_t>(sizeof(W)), y + i);
    }
  }
  cpu::EndStreams();
}

template <typename T, bool kLog>
absl::Status SoftmaxKernel(KernelContext& ctx) {
  const Array& logits = ctx.input(0);
  if (logits.rank() < 1) {
    return ctx.InvalidArgument(
        StrCat("logits must have >= 1 dimension, got ", logits.shape().ToString()));
  }
  WEFT_ASSIGN_OR_RETURN(Array * y, ctx.ForwardOrAllocate({0}, 0, logits.shape()));
  if (logits.num_elements() == 0) return absl::OkStatus();
  WEFT_ASSIGN_OR_RETURN(const Array wide_x, WidenArray<T>(ctx, logits));
  WEFT_ASSIGN_OR_RETURN(Array wide_y, WideOutput<T>(ctx, *y));
  const Wide<T>* in = wide_x.data<Wide<T>>();
  Wide<T>* out = wide_y.mutable_data<Wide<T>>();
  const int64_t n = logits.dim(logits.rank() - 1);
  const auto row_bytes = n * static_cast<int64_t>(sizeof(Wide<T>));
  const bool streams = static_cast<int64_t>(wide_y.num_bytes()) >= cpu::kStreamBytes &&
                       row_bytes <= kMaxCachedRow && out != in;
  ctx.ParallelFor(logits.num_elements() / n, static_cast<double>(n) * kLogitCost<T>,
                  [=](int64_t begin, int64_t end) {
                    const Wide<T>* const x = in + begin * n;
                    Wide<T>* const y = out + begin * n;
                    if (streams) return StreamRows<kLog>(x, end - begin, n, y);
                    for (int64_t i = 0; i < (end - begin) * n; i += n)
                      SoftmaxRow<kLog>(x + i, n, y + i);
                  });
  NarrowInto<T>(wide_y, y);
  return absl::OkStatus();
}

// A matrix that may be repeated along either dimension to fill [rows, columns].
template <typename W>
class BroadcastRows {
 public:
  BroadcastRows(const W* data, int64_t rows, int64_t columns, int64_t full_columns)
      : data_(data),
        columns_(columns),
        full_columns_(full_columns),
        row_stride_(rows == 1 ? 0 : columns) {}
  bool needs_buffer() const { return columns_ != full_columns_; }
  // The row in full; `buffer` has room for one if needs_buffer().
  const W* Row(int64_t i, W* buffer) const {
    const W* row = data_ + i * row_stride_;
    if (!needs_buffer()) return row;
    std::fill_n(buffer, full_columns_, *row);
    return buffer;
  }

 private:
  const W* data_;
  int64_t columns_, full_columns_, row_stride_;
};

// The two sizes of a shape of rank 0, 1 or 2 with 1s put in front.
struct MatrixSizes {
  int64_t rows = 1, columns = 1;
};
MatrixSizes SizesOf(const Shape& s) {
  return {s.rank() == 2 ? s.dim(0) : 1, s.rank() >= 1 ? s.dim(s.rank() - 1) : 1};
}

// The shape that logits and labels have together, or why there is none.
absl::StatusOr<MatrixSizes> CommonSizes(KernelContext& ctx, const Shape& logits,
                                        const Shape& labels) {
  const auto shapes = [&] {
    return StrCat("logits_size=", logits.ToString(), " labels_size=", labels.ToString());
  };
  if (logits.rank() > 2 || labels.rank() > 2 || (logits.rank() != 2 && labels.rank() != 2)) {
    return ctx.InvalidArgument(StrCat(
        "logits and labels must be either 2-dimensional, or broadcasted to be 2-dimensional: ",
        shapes()));
  }
  const MatrixSizes a = SizesOf(logits), b = SizesOf(labels);
  const auto fit = [](int64_t x, int64_t y) { return x == y || x == 1 || y == 1; };
  if (!fit(a.rows, b.rows) || !fit(a.columns, b.columns)) {
    return ctx.InvalidArgument(StrCat("logits and labels must be broadcastable: ", shapes()));
  }
  return MatrixSizes{a.rows == 1 ? b.rows : a.rows, a.columns == 1 ? b.columns : a.columns};
}

// loss = sum(labels * -log softmax(x)), backprop = softmax(x) - labels.
template <typename W>
W CrossEntropyRow(const W* x, const W* labels, int64_t n, W* backprop) {
  const W top = cpu::RowMax(x, n);
  const W sum = cpu::RowExp(x, top, n, backprop);
  cpu::RowScaleSubtract(labels, W(1) / sum, n, backprop);
  return cpu::RowWeightedGap(labels, x, top, std::log(sum), n);
}

template <typename T>
absl::Status SoftmaxCrossEntropy(KernelContext& ctx) {
  using W = Wide<T>;
  const Array &logits = ctx.input(0), &labels = ctx.input(1);
  WEFT_ASSIGN_OR_RETURN(const MatrixSizes m, CommonSizes(ctx, logits.shape(), labels.shape()));
  WEFT_ASSIGN_OR_RETURN(Array * loss, ctx.AllocateOutput(0, Shape({m.rows})));
  Shape full;
  std::string why;
  if (!Shape::Make({{m.rows, m.columns}}, &full, &why)) return ctx.InvalidArgument(why);
  WEFT_ASSIGN_OR_RETURN(Array * backprop, ctx.AllocateOutput(1, full));
  WEFT_ASSIGN_OR_RETURN(const Array wide_x, WidenArray<T>(ctx, logits));
  WEFT_ASSIGN_OR_RETURN(const Array wide_labels, WidenArray<T>(ctx, labels));
  WEFT_ASSIGN_OR_RETURN(Array wide_loss, WideOutput<T>(ctx, *loss));
  WEFT_ASSIGN_OR_RETURN(Array wide_backprop, WideOutput<T>(ctx, *backprop));
  const W *x = wide_x.data<W>(), *p = wide_labels.data<W>();
  W *l = wide_loss.mutable_data<W>(), *b = wide_backprop.mutable_data<W>();
  if (m.columns == 0) {
    std::fill_n(l, m.rows, W(0));
  } else {
    const MatrixSizes xs = SizesOf(logits.shape()), ps = SizesOf(labels.shape());
    const BroadcastRows<W> x_rows(x, xs.rows, xs.columns, m.columns);
    const BroadcastRows<W> p_rows(p, ps.rows, ps.columns, m.columns);
    ctx.ParallelFor(
        m.rows, static_cast<double>(m.columns) * kLogitCost<T>, [&](int64_t begin, int64_t end) {
          std::vector<W> x_buffer(x_rows.needs_buffer() ? m.columns : 0);
          std::vector<W> p_buffer(p_rows.needs_buffer() ? m.columns : 0);
          for (int64_t i = begin; i < end; ++i) {
            l[i] = CrossEntropyRow(x_rows.Row(i, x_buffer.data()), p_rows.Row(i, p_buffer.data()),
                                   m.columns, b + i * m.columns);
          }
        });
  }
  NarrowInto<T>(wide_loss, loss);
  NarrowInto<T>(wide_backprop, backprop);
  return absl::OkStatus();
}

// loss = log(sum e^x) - x[label], backprop = softmax(x) with 1 taken off at the label.
template <typename W>
W SparseCrossEntropyRow(const W* x, int64_t label, int64_t n, W* backprop) {
  const W top = cpu::RowMax(x, n);
  const W gap = top - x[label];
  const W sum = cpu::RowExp(x, top, n, backprop);
  cpu::RowScale(W(1) / sum, n, backprop);
  backprop[label] -= W(1);
  return std::log(sum) + gap;
}

template <typename L>
absl::Status CheckLabels(KernelContext& ctx, const Array& labels, int64_t classes) {
  const L* label = labels.data<L>();
  for (int64_t i = 0; i < labels.num_elements(); ++i) {
    if (label[i] < 0 || label[i] >= classes) {
      return ctx.InvalidArgument(StrCat("Received a label value of ", label[i],
                                        " which is outside the valid range of [0, ", classes,
                                        ").  Label values: ", labels.Summarize(128)));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckSparseShapes(KernelContext& ctx, const Shape& logits, const Shape& labels) {
  if (logits.rank() != 2)
    return ctx.InvalidArgument(StrCat("logits must be 2-D, but got shape ", logits.ToString()));
  if (labels.rank() != 1)
    return ctx.InvalidArgument(StrCat("labels must be 1-D, but got shape ", labels.ToString()));
  if (logits.dim(0) != labels.dim(0)) {
    return ctx.InvalidArgument(
        StrCat("logits and labels must have the same first dimension, got logits shape ",
               logits.ToString(), " and labels shape ", labels.ToString()));
  }
  if (logits.dim(1) == 0) {
    return ctx.InvalidArgument(
        StrCat("Must have at least one class, but got logits shape ", logits.ToString()));
  }
  return absl::OkStatus();
}

template <typename T, typename L>
absl::Status SparseSoftmaxCrossEntropy(KernelContext& ctx) {
  using W = Wide<T>;
  const Array &logits = ctx.input(0), &labels = ctx.input(1);
  WEFT_RETURN_IF_ERROR(CheckSparseShapes(ctx, logits.shape(), labels.shape()));
  const int64_t n = logits.dim(1);
  WEFT_RETURN_IF_ERROR(CheckLabels<L>(ctx, labels, n));
  WEFT_ASSIGN_OR_RETURN(Array * loss, ctx.AllocateOutput(0, labels.shape()));
  WEFT_ASSIGN_OR_RETURN(Array * backprop, ctx.ForwardOrAllocate({0}, 1, logits.shape()));
  WEFT_ASSIGN_OR_RETURN(const Array wide_x, WidenArray<T>(ctx, logits));
  WEFT_ASSIGN_OR_RETURN(Array wide_loss, WideOutput<T>(ctx, *loss));
  WEFT_ASSIGN_OR_RETURN(Array wide_backprop, WideOutput<T>(ctx, *backprop));
  const W* x = wide_x.data<W>();
  W *l = wide_loss.mutable_data<W>(), *b = wide_backprop.mutable_data<W>();
  const L* label = labels.data<L>();
  ctx.ParallelFor(logits.dim(0), static_cast<double>(n) * kLogitCost<T>,
                  [=](int64_t begin, int64_t end) {
                    for (int64_t i = begin; i < end; ++i)
                      l[i] = SparseCrossEntropyRow(x + i * n, label[i], n, b + i * n);
                  });
  NarrowInto<T>(wide_loss, loss);
  NarrowInto<T>(wide_backprop, backprop);
  return absl::OkStatus();
}

}  // namespace

void RegisterNnSoftmaxKernels(KernelRegistry& kernels) {
  ForTypes<float, double, half, bfloat16>([&]<typename T>() {
    const KernelConstraint type = {"T", dtype_of<T>};
    kernels.Add("Softmax", kCpu, {type}, SoftmaxKernel<T, false>);
    kernels.Add("LogSoftmax", kCpu, {type}, SoftmaxKernel<T, true>);
    kernels.Add("SoftmaxCrossEntropyWithLogits", kCpu, {type}, SoftmaxCrossEntropy<T>);
    kernels.Add("SparseSoftmaxCrossEntropyWithLogits", kCpu, {type, {"Tlabels", kInt32}},
                SparseSoftmaxCrossEntropy<T, int32_t>);
    kernels.Add("SparseSoftmaxCrossEntropyWithLogits", kCpu, {type, {"Tlabels", kInt64}},
                SparseSoftmaxCrossEntropy<T, int64_t>);
  });
}

}  // namespace weft
