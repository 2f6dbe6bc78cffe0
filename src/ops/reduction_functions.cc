// SPDX-License-Identifier: Apache-2.0
// The public functions of reductions.
#include <numeric>

#include "src/ops/one_node.h"
#include "src/ops/op_scope.h"
#include "weft/graph/op_builder.h"
#include "weft/ops/reduction.h"

namespace weft {

using weft::internal::UnaryNode;
namespace {

// The axes as the operand of an op; nodes that all of them need are made here, outside of the op's
// own scope, as Python does.
Input AxesOf(const Input& x, const Axes& axes) {
  if (!axes.all()) return axes.AsInput("reduction_indices");
  const PartialShape shape = x.shape();
  if (shape.known_rank()) {
    std::vector<int32_t> all(static_cast<size_t>(shape.rank()));
    std::iota(all.begin(), all.end(), 0);
    return AsTensor(Input(Array::FromVector(all)), kInt32, "Const");
  }
  const Tensor rank = OpBuilder("Rank", "").In(x).Output();
  const OpScope scope("", "range", rank.graph());
  const Tensor start = AsTensor(Input(Array(int32_t{0})), kInt32, "start");
  const Tensor delta = AsTensor(Input(Array(int32_t{1})), kInt32, "delta");
  return OpBuilder("Range", scope.self()).In(start).In(rank).In(delta).Output();
}

Tensor Reduction(const char* op, const Input& input, const ReduceOptions& options,
                 const char* literal_name = "Const") {
  const GraphScope use(GraphOf({&input}));
  const Input x = input.is_tensor() ? input : Input(AsTensor(input, kInvalidType, literal_name));
  const Input axes = AxesOf(x, options.axis);
  return OpBuilder(op, options.name).In(x).In(axes).Attr("keep_dims", options.keep_dims).Output();
}

// mean |x - mean x|^2 in the scope of the caller.
Tensor Variance(const Tensor& x, const ReduceOptions& options) {
  const Tensor mean = Reduction("Mean", x, {.axis = options.axis, .keep_dims = true});
  const Tensor off = OpBuilder("Sub", "sub").In(x).In(mean).Output();
  Tensor squares;
  if (IsComplex(RemoveRef(x.dtype()))) {
    const Tensor conjugate = UnaryNode("Conj", off);
    const Tensor product = OpBuilder("Mul", "Mul").In(conjugate).In(off).Output();
    const DataType part = RemoveRef(x.dtype()) == kComplex64 ? kFloat32 : kFloat64;
    squares = OpBuilder("Real", "").In(product).Attr("Tout", part).Output();
  } else {
    squares = UnaryNode("Square", off);
  }
  return Reduction("Mean", squares, {.axis = options.axis, .keep_dims = options.keep_dims});
}

Tensor Scan(const char* op, const Input& x, const Input& axis, const ScanOptions& options) {
  const OpScope scope(options.name, op, {&x, &axis});
  const Tensor in = AsTensor(x, kInvalidType, "x");
  const Tensor along = AsTensor(axis, kInt32, "axis");
  return OpBuilder(op, scope.self())
      .In(in)
      .In(along)
      .Attr("exclusive", options.exclusive)
      .Attr("reverse", options.reverse)
      .Output();
}

Tensor Arg(const char* op, const Input& input, const Input& axis, const ArgOptions& options) {
  return OpBuilder(op, options.name)
      .In(input)
      .In(axis)
      .Attr("output_type", options.output_type)
      .Output();
}

}  // namespace

Tensor ReduceSum(const Input& input, const ReduceOptions& options) {
  return Reduction("Sum", input, options);
}
Tensor ReduceProd(const Input& input, const ReduceOptions& options) {
  return Reduction("Prod", input, options);
}
Tensor ReduceMean(const Input& input, const ReduceOptions& options) {
  return Reduction("Mean", input, options);
}
Tensor ReduceMax(const Input& input, const ReduceOptions& options) {
  return Reduction("Max", input, options);
}
Tensor ReduceMin(const Input& input, const ReduceOptions& options) {
  return Reduction("Min", input, options);
}
Tensor ReduceAll(const Input& input, const ReduceOptions& options) {
  return Reduction("All", input, options);
}
Tensor ReduceAny(const Input& input, const ReduceOptions& options) {
  return Reduction("Any", input, options);
}
Tensor ReduceEuclideanNorm(const Input& input, const ReduceOptions& options) {
  return Reduction("EuclideanNorm", input, options);
}

Tensor ReduceLogsumexp(const Input& input, const ReduceOptions& options) {
  const OpScope scope(options.name, "ReduceLogSumExp", {&input});
  const Tensor x = AsTensor(input, kInvalidType, "input_tensor");
  const Tensor raw = Reduction("Max", x, {.axis = options.axis, .keep_dims = true});
  const Tensor finite = UnaryNode("IsFinite", raw);
  const Tensor zeros = UnaryNode("ZerosLike", raw);
  const Tensor bounded = OpBuilder("Select", "").In(finite).In(raw).In(zeros).Output();
  Tensor max = UnaryNode("StopGradient", bounded);
  const Tensor small = OpBuilder("Sub", "Sub").In(x).In(max).Output();
  const Tensor sum = Reduction("Sum", UnaryNode("Exp", small),
                               {.axis = options.axis, .keep_dims = options.keep_dims});
  const Tensor log = UnaryNode("Log", sum);
  if (!options.keep_dims) {
    const Tensor shape = UnaryNode("Shape", log);
    max = OpBuilder("Reshape", "").In(max).In(shape).Output();
  }
  return OpBuilder("AddV2", scope.self()).In(log).In(max).Output();
}

Tensor ReduceVariance(const Input& input, const ReduceOptions& options) {
  const OpScope scope(options.name, "reduce_variance", {&input});
  return Variance(AsTensor(input, kInvalidType, "input_tensor"), options);
}
Tensor ReduceStd(const Input& input, const ReduceOptions& options) {
  const OpScope scope(options.name, "reduce_std", {&input});
  const Tensor x = AsTensor(input, kInvalidType, "input_tensor");
  ReduceOptions inner = options;
  inner.name.clear();
  return UnaryNode("Sqrt", ReduceVariance(x, inner));
}

Tensor CountNonzero(const Input& input, const CountNonzeroOptions& options) {
  const OpScope scope(options.name, "count_nonzero", {&input});
  const Tensor x = AsTensor(input, kInvalidType, "input_tensor");
  const DataType dtype = RemoveRef(x.dtype());
  const Tensor zero = AsTensor(Input(Array::Zeros(dtype, Shape())), dtype, "zeros");
  const Tensor counts = OpBuilder("NotEqual", "").In(x).In(zero).Output();
  const Tensor ones = OpBuilder("Cast", "").In(counts).Attr("DstT", kInt64).Output();
  const Tensor sum = Reduction("Sum", ones, {.axis = options.axis, .keep_dims = options.keep_dims});
  if (options.dtype == kInt64) return sum;
  return OpBuilder("Cast", "").In(sum).Attr("DstT", options.dtype).Output();
}

Tensor ArgMax(const Input& input, const Input& axis, const ArgOptions& options) {
  return Arg("ArgMax", input, axis, options);
}
Tensor ArgMin(const Input& input, const Input& axis, const ArgOptions& options) {
  return Arg("ArgMin", input, axis, options);
}

Tensor Cumsum(const Input& x, const Input& axis, const ScanOptions& options) {
  return Scan("Cumsum", x, axis, options);
}
Tensor Cumprod(const Input& x, const Input& axis, const ScanOptions& options) {
  return Scan("Cumprod", x, axis, options);
}
Tensor CumulativeLogsumexp(const Input& x, const Input& axis, const ScanOptions& options) {
  return Scan("CumulativeLogsumexp", x, axis, options);
}

Tensor HistogramFixedWidth(const Input& values, const Input& value_range,
                           const HistogramOptions& options) {
  const OpScope scope(options.name, "histogram_fixed_width",
                      {&values, &value_range, &options.nbins});
  return OpBuilder("HistogramFixedWidth", scope.self())
      .In(values)
      .In(value_range)
      .In(options.nbins)
      .Attr("dtype", options.dtype)
      .Output();
}

}  // namespace weft
