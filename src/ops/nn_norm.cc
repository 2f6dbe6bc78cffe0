// SPDX-License-Identifier: Apache-2.0
// Public functions of linear layers, moments, normalisation and dropout, in TensorFlow's nodes.
#include <string>
#include <vector>

#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/ops/op_scope.h"
#include "src/ops/operators.h"
#include "weft/graph/op_builder.h"
#include "weft/ops/array.h"
#include "weft/ops/basic.h"
#include "weft/ops/logical.h"
#include "weft/ops/matmul.h"
#include "weft/ops/nn.h"
#include "weft/ops/random.h"
#include "weft/ops/reduction.h"

namespace weft::nn {
namespace {

using internal::CastUnlessSame;
using internal::Minus;
using internal::Plus;
using internal::PreciseDtype;
using internal::Times;
using internal::Unary;

bool IsGiven(const Input& in) { return in.is_tensor() || in.array().valid(); }

Tensor Binary(const char* op, const char* name, const Input& a, const Input& b) {
  return OpBuilder(op, NameOptions(name)).In(a).In(b).Output();
}

Tensor KeptSum(const Tensor& x, const IntList& axes, const char* name) {
  return ReduceSum(x, {.axis = axes, .keep_dims = true, .name = name});
}

// The sizes of the reduced dimensions are 1: they go, unless they are to be kept.
Tensor Reduced(const Tensor& x, const IntList& axes, bool keep_dims) {
  if (keep_dims) return x;
  const std::optional<std::vector<int64_t>> known = axes.Known();
  if (!known) ThrowError(Code::kInvalidArgument, "moments: axes must be constant");
  return Squeeze(x, *known);
}

}  // namespace

namespace {
// Operands are made in the composite's scope before the product.
Tensor Linear(const Input& x, const Input& weights, const Input& biases, const std::string& name) {
  const DataType dtype = DtypeOf({&x, &weights, &biases});
  const Tensor a = AsTensor(x, dtype, "x"), w = AsTensor(weights, dtype, "weights"),
               b = AsTensor(biases, dtype, "biases");
  return BiasAdd(MatMul(a, w), b, {.name = name});
}
}  // namespace

Tensor XwPlusB(const Input& x, const Input& weights, const Input& biases,
               const NameOptions& options) {
  const OpScope scope(options.name, "xw_plus_b", {&x, &weights, &biases});
  return Linear(x, weights, biases, scope.name());
}
Tensor ReluLayer(const Input& x, const Input& weights, const Input& biases,
                 const NameOptions& options) {
  const OpScope scope(options.name, "relu_layer", {&x, &weights, &biases});
  return OpBuilder("Relu", scope.self()).In(Linear(x, weights, biases, "")).Output();
}

// ---- moments ------------------------------------------------------------------------------------

MomentsResult Moments(const Input& x, const IntList& axes, const MomentsOptions& o) {
  const OpScope scope(o.name, "moments", GraphOf(x, {&axes}));
  const Tensor given = AsTensor(x, kInvalidType, "x");
  const DataType dtype = RemoveRef(given.dtype());
  const Tensor y = CastUnlessSame(given, PreciseDtype(dtype));
  Tensor mean = ReduceMean(y, {.axis = axes, .keep_dims = true, .name = "mean"});
  const Tensor squares = Binary("SquaredDifference", "", y, Unary("StopGradient", mean));
  Tensor variance = ReduceMean(squares, {.axis = axes, .keep_dims = true, .name = "variance"});
  mean = Reduced(mean, axes, o.keep_dims);
  variance = Reduced(variance, axes, o.keep_dims);
  mean = CastUnlessSame(mean, dtype);
  return {mean, CastUnlessSame(variance, dtype)};
}

MomentsResult WeightedMoments(const Input& x, const IntList& axes, const Input& frequency_weights,
                              const MomentsOptions& o) {
  const OpScope scope(o.name, "weighted_moments", GraphOf(x, {&axes}));
  const Tensor given = AsTensor(x, kInvalidType, "x");
  const DataType dtype = RemoveRef(given.dtype());
  Tensor w = AsTensor(frequency_weights, dtype, "frequency_weights");
  const Tensor y = CastUnlessSame(given, PreciseDtype(dtype));
  w = CastUnlessSame(w, RemoveRef(y.dtype()));
  const Tensor weighted = KeptSum(Times(w, y), axes, "weighted_input_sum");
  // Weights that broadcast count for each element of x.
  const Tensor total = KeptSum(Plus(w, ZerosLike(y)), axes, "sum_of_weights");
  Tensor mean = Binary("DivNoNan", "div_no_nan", weighted, total);
  const Tensor off = Binary("SquaredDifference", "", y, mean);
  const Tensor squares = KeptSum(Times(w, off), axes, "weighted_distsq");
  Tensor variance = Binary("DivNoNan", "div_no_nan", squares, total);
  mean = Reduced(mean, axes, o.keep_dims);
  variance = Reduced(variance, axes, o.keep_dims);
  mean = CastUnlessSame(mean, dtype);
  return {mean, CastUnlessSame(variance, dtype)};
}

MomentsResult NormalizeMoments(const Input& counts, const Input& mean_ss, const Input& variance_ss,
                               const Input& shift, const NameOptions& options) {
  const OpScope scope(options.name, "normalize", {&counts, &mean_ss, &variance_ss, &shift});
  const Tensor divisor = OpBuilder("Reciprocal", "divisor").In(counts).Output();
  Tensor mean, shifted;
  if (IsGiven(shift)) {
    shifted = Binary("Mul", "shifted_mean", mean_ss, divisor);
    mean = Binary("AddV2", "mean", shifted, shift);
  } else {
    shifted = mean = Binary("Mul", "mean", mean_ss, divisor);
  }
  const Tensor squares = Binary("Mul", "Mul", variance_ss, divisor);
  return {mean, Binary("Sub", "variance", squares, Unary("Square", shifted))};
}

// ---- normalisation ------------------------------------------------------------------------------

Tensor BatchNormalization(const Input& x, const Input& mean, const Input& variance,
                          const Input& offset, const Input& scale, const Input& variance_epsilon,
                          const NameOptions& options) {
  const OpScope scope(options.name, "batchnorm", {&x, &mean, &variance, &scale, &offset});
  Tensor inverse = Unary("Rsqrt", Plus(variance, variance_epsilon));
  if (IsGiven(scale)) inverse = Times(inverse, scale);
  const DataType dtype = x.dtype();
  const Tensor scaled = Times(x, CastUnlessSame(inverse, dtype));
  const Tensor moved =
      IsGiven(offset) ? Minus(offset, Times(mean, inverse)) : Times(Unary("Neg", mean), inverse);
  return Plus(scaled, CastUnlessSame(moved, dtype));
}

Tensor L2Normalize(const Input& x, const Axes& axis, const L2NormalizeOptions& o) {
  const OpScope scope(o.name, "l2_normalize", GraphOf(x, {&axis.list()}));
  const Tensor t = AsTensor(x, kInvalidType, "x");
  const auto inverse_norm = [&](const Tensor& squares) {
    const Tensor sum = ReduceSum(squares, {.axis = axis, .keep_dims = true});
    return Unary("Rsqrt", Binary("Maximum", "", sum, o.epsilon));
  };
  const DataType dtype = RemoveRef(t.dtype());
  if (!IsComplex(dtype)) {
    const Tensor inverse = inverse_norm(Unary("Square", t));
    return OpBuilder("Mul", scope.self()).In(t).In(inverse).Output();
  }
  const DataType part = dtype == kComplex64 ? kFloat32 : kFloat64;
  const auto part_of = [&](const char* op) {
    return OpBuilder(op, NameOptions()).In(t).Attr("Tout", part).Output();
  };
  const Tensor real_square = Unary("Square", part_of("Real"));
  const Tensor imag_square = Unary("Square", part_of("Imag"));
  const Tensor inverse = inverse_norm(Plus(real_square, imag_square));
  const Tensor real = Binary("Mul", "Mul", part_of("Real"), inverse);
  const Tensor imag = Binary("Mul", "Mul", part_of("Imag"), inverse);
  return OpBuilder("Complex", scope.self()).In(real).In(imag).Attr("Tout", dtype).Output();
}

// ---- zero fraction ------------------------------------------------------------------------------

namespace {

// Counts what is not 0 in one branch of a cond: in `dtype`, which is fast or wide enough.
Tensor CountInBranch(const Tensor& x, const Tensor& pred, bool taken, const Tensor& pivot,
                     DataType dtype) {
  const ControlDependencies in_branch({pivot.op()});
  const OpScope scope("", "count_nonzero", x.graph());
  const Tensor zero = AsTensor(Array::Zeros(RemoveRef(x.dtype()), Shape()), kInvalidType, "zeros");
  Tensor here;
  {
    const ControlDependencies outside(nullptr);
    const ColocateWith place(x.op(), /*ignore_existing=*/true);
    const Operation branches =
        OpBuilder("Switch", NameOptions("NotEqual/Switch")).In(x).In(pred).Build();
    here = branches.output(taken ? 1 : 0);
  }
  const Tensor counted =
      CastUnlessSame(OpBuilder("NotEqual", NameOptions()).In(here).In(zero).Output(), dtype);
  return ReduceSum(counted, {.name = "nonzero_count"});
}

}  // namespace

Tensor ZeroFraction(const Input& value, const NameOptions& options) {
  const OpScope scope(options.name, "zero_fraction", {&value});
  const Tensor x = AsTensor(value, kInvalidType, "value");
  const Tensor size = Size(x, {.out_type = kInt64});
  const Tensor fits =
      OpBuilder("LessEqual", NameOptions()).In(size).In(int64_t{0x7fffffff}).Output();
  Tensor nonzero;
  {
    const OpScope cond("", "cond", x.graph());
    const Operation pivot = OpBuilder("Switch", NameOptions()).In(fits).In(fits).Build();
    const Tensor yes = OpBuilder("Identity", NameOptions("switch_t")).In(pivot.output(1)).Output();
    const Tensor no = OpBuilder("Identity", NameOptions("switch_f")).In(pivot.output(0)).Output();
    const Tensor pred = OpBuilder("Identity", NameOptions("pred_id")).In(fits).Output();
    const Tensor small = CastUnlessSame(CountInBranch(x, pred, true, yes, kInt32), kInt64);
    const Tensor large = CountInBranch(x, pred, false, no, kInt64);
    nonzero = OpBuilder("Merge", NameOptions()).InList({large, small}).Outputs()[0];
  }
  Tensor fraction;
  {
    const OpScope ratio("", "counts_to_fraction", x.graph());
    const Tensor zeros = CastUnlessSame(Minus(size, nonzero), kFloat32);
    fraction = Divide(zeros, CastUnlessSame(size, kFloat32), "truediv");
  }
  return OpBuilder("Identity", NameOptions("fraction")).In(fraction).Output();
}

// ---- dropout ------------------------------------------------------------------------------------

namespace {

// The sizes of the random choice, with x's where -1 is asked for.
IntList NoiseShape(const Tensor& x, const IntList& asked) {
  const std::optional<std::vector<int64_t>> known = asked.Known();
  const PartialShape& shape = x.shape();
  if (!known || !shape.known_rank() || shape.rank() != static_cast<int>(known->size()))
    return asked;
  std::vector<int64_t> sizes = *known;
  for (size_t i = 0; i < sizes.size(); ++i) {
    if (sizes[i] != -1) continue;
    sizes[i] = shape.dim(static_cast<int>(i));
    if (sizes[i] < 0) {
      ThrowError(Code::kInvalidArgument,
                 StrCat("Dropout: noise_shape[", i, "] is -1, and x '", x.name(), "' of shape ",
                        shape.ToString(), " has no known size there"));
    }
  }
  return sizes;
}

}  // namespace

Tensor Dropout(const Input& x, const Input& keep_prob, const DropoutOptions& o) {
  const Graph graph = GraphOf({&x, &keep_prob});
  const GraphScope use(graph);
  const bool is_number = !keep_prob.is_tensor();
  double rate = 0;
  Input chosen_rate = Tensor();
  if (is_number) {
    if (!keep_prob.array().valid() || keep_prob.array().num_elements() != 1)
      ThrowError(Code::kInvalidArgument, "Dropout: keep_prob must be a scalar");
    rate = 1 - keep_prob.array().AsDouble();
    if (!(rate >= 0 && rate < 1)) {
      ThrowError(Code::kInvalidArgument,
                 StrCat("Dropout: `keep_prob` must be a scalar tensor or a number in the range "
                        "(0, 1], got ",
                        1 - rate));
    }
  } else {
    chosen_rate = Minus(1, keep_prob);
  }
  const OpScope scope(o.name, "dropout", graph);
  const Tensor t = AsTensor(x, kInvalidType, "x");
  const DataType dtype = RemoveRef(t.dtype());
  if (!IsFloating(dtype)) {
    ThrowError(Code::kInvalidArgument,
               StrCat("Dropout: x has to be a floating point tensor since it's going to be scaled. "
                      "Got a ",
                      DTypeName(dtype), " tensor instead."));
  }
  if (is_number && rate == 0) return t;
  Tensor scaled;
  if (is_number) {
    scaled = Binary("Mul", "Mul", t, AsTensor(1 / (1 - rate), dtype));
    chosen_rate = rate;
  } else {
    if (chosen_rate.dtype() != dtype)
      chosen_rate = OpBuilder("Cast", "rate").In(chosen_rate).Attr("DstT", dtype).Output();
    const Tensor one = AsTensor(1, dtype);
    scaled = Binary("RealDiv", "RealDiv", t, Binary("Sub", "Sub", one, chosen_rate));
  }
  const IntList noise = o.noise_shape ? NoiseShape(t, *o.noise_shape) : IntList(ShapeOf(t));
  const Tensor random = RandomUniform(noise, {.dtype = dtype, .seed = o.seed});
  const Tensor kept = OpBuilder("GreaterEqual", NameOptions()).In(random).In(chosen_rate).Output();
  const Tensor zero = AsTensor(0, dtype);
  const Tensor result = OpBuilder("SelectV2", NameOptions()).In(kept).In(scaled).In(zero).Output();
  result.set_shape(t.shape());
  return result;
}

}  // namespace weft::nn
