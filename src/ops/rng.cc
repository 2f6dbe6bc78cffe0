// SPDX-License-Identifier: Apache-2.0
// Random numbers that depend on a state: each run goes on where the last one stopped.
// kernels: kernels/cpu/rng*.cc   test: tests/ops/rng_test.cc
#include "src/ops/rng.h"

#include <numeric>
#include <utility>
#include <vector>

#include "src/core/strings.h"
#include "weft/graph/op_def.h"

namespace weft {

absl::Status ShapeFromFirstInput(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(PartialShape shape, c.input_as_shape(0));
  c.set_output(0, std::move(shape));
  return absl::OkStatus();
}

absl::Status CheckScalarBounds(ShapeContext& c, int first) {
  for (int i : {0, 1}) {
    if (!c.InputWithRank(first + i, 0).ok())
      return absl::InvalidArgumentError(StrCat(i == 0 ? "minval" : "maxval",
                                               " must be a scalar; got a tensor of shape ",
                                               c.input(first + i).ToString()));
  }
  return absl::OkStatus();
}

absl::Status MultinomialShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(const PartialShape logits, c.InputWithRank(0, 2));
  WEFT_RETURN_IF_ERROR(c.InputWithRank(1, 0).status());
  int64_t samples = -1;
  if (const Array* count = c.input_constant(1); count && count->rank() == 0) {
    samples = count->AsInt64();
    if (samples < 0)
      return absl::InvalidArgumentError(
          StrCat("Dimension size, given by scalar input 1, must be non-negative but is ", samples));
  }
  c.set_output(0, PartialShape({logits.dim(0), samples}));
  return absl::OkStatus();
}

Tensor GammaAlphaGradient(GradientContext& g, Tensor alpha, int lead, Tensor lead_tensor) {
  Tensor ones, axes;
  if (lead >= 0) {
    std::vector<int32_t> numbers(static_cast<size_t>(lead), 1);
    ones = g.ConstInts(numbers, "ones");
    std::iota(numbers.begin(), numbers.end(), 0);
    axes = g.ConstInts(numbers, "range");
  } else {
    ones =
        g.Op("Fill", {g.Op("Reshape", {lead_tensor, g.ConstInts({1})}), g.ConstInt(1)}, {}, "ones");
    axes = g.Op("Range", {g.ConstInt(0), lead_tensor, g.ConstInt(1)}, {}, "range");
  }
  const Tensor shape = g.Op("ConcatV2", {ones, g.Shape(alpha), g.ConstInt(0)}, {}, "concat");
  const Tensor slope = g.Op("RandomGammaGrad", {g.Reshape(alpha, shape), g.output(0)});
  return g.Sum(g.Mul(g.dy(0), slope), axes);
}

namespace {

OpDefBuilder&& Seeds(OpDefBuilder&& op) {
  return std::move(op).Attr("seed: int = 0").Attr("seed2: int = 0").Stateful();
}

OpDefBuilder&& FloatSource(OpDefBuilder&& op) {
  return std::move(op)
      .Input("shape: T")
      .Output("output: dtype")
      .Apply(Seeds)
      .Attr("dtype: {half, bfloat16, float, double}")
      .Attr("T: {int32, int64}")
      .Shape(ShapeFromFirstInput)
      .NoGradient(kRandomSource);
}

// The shape of what is drawn for each element of input 1, and then input 1's.
absl::Status ShapeThenParameter(ShapeContext& c) {
  WEFT_RETURN_IF_ERROR(c.InputWithRank(0, 1).status());
  WEFT_ASSIGN_OR_RETURN(const PartialShape outer, c.input_as_shape(0));
  c.set_output(0, outer.Concatenate(c.input(1)));
  return absl::OkStatus();
}

void RandomGammaGradient(GradientContext& g) {
  const Tensor shape = g.input(0);
  const PartialShape sizes = shape.shape();
  const int lead = sizes.known_rank() && sizes.dim(0) >= 0 ? static_cast<int>(sizes.dim(0)) : -1;
  g.SetDx(1, GammaAlphaGradient(g, g.input(1), lead, lead < 0 ? g.Size(shape) : Tensor()));
}

void RegisterParametricOps(OpRegistry& ops) {
  ops.Add("RandomGamma")
      .Summary("Gamma numbers: a tensor of `shape` of them for each element of alpha.")
      .Input("shape: S")
      .Input("alpha: T")
      .Output("output: T")
      .Apply(Seeds)
      .Attr("S: {int32, int64}")
      .Attr("T: {half, float, double}")
      .Shape(ShapeThenParameter)
      .Gradient(RandomGammaGradient);
  ops.Add("RandomGammaGrad")
      .Summary("The derivative of a gamma number by its distribution's alpha.")
      .Input("alpha: T")
      .Input("sample: T")
      .Output("output: T")
      .Attr("T: {float, double}")
      .Shape(shape::Broadcast);
  ops.Add("RandomPoisson")
      .Summary("RandomPoissonV2 with rates of the result's dtype.")
      .Input("shape: S")
      .Input("rate: dtype")
      .Output("output: dtype")
      .Apply(Seeds)
      .Attr("S: {int32, int64}")
      .Attr("dtype: {half, float, double}")
      .Shape(ShapeThenParameter)
      .Deprecated(25, "Replaced by RandomPoissonV2");
  ops.Add("RandomPoissonV2")
      .Summary("Poisson numbers: a tensor of `shape` of them for each element of rate.")
      .Input("shape: S")
      .Input("rate: R")
      .Output("output: dtype")
      .Apply(Seeds)
      .Attr("S: {int32, int64}")
      .Attr("R: {half, float, double, int32, int64} = DT_DOUBLE")
      .Attr("dtype: {half, float, double, int32, int64} = DT_INT64")
      .Shape(ShapeThenParameter);
  ops.Add("ParameterizedTruncatedNormal")
      .Summary(
          "Normal numbers between bounds; the first dimension of `shape` may have parameters of "
          "its own for each row.")
      .Input("shape: T")
      .Input("means: dtype")
      .Input("stdevs: dtype")
      .Input("minvals: dtype")
      .Input("maxvals: dtype")
      .Output("output: dtype")
      .Apply(Seeds)
      .Attr("dtype: {half, bfloat16, float, double}")
      .Attr("T: {int32, int64}")
      .Shape([](ShapeContext& c) {
        for (int i = 1; i < 5; ++i) WEFT_RETURN_IF_ERROR(c.WithRankAtMost(c.input(i), 1).status());
        return ShapeFromFirstInput(c);
      })
      .NoGradient(kRandomSource);
}

void RegisterChoiceOps(OpRegistry& ops) {
  ops.Add("RandomShuffle")
      .Summary("The rows of a tensor (its slices along dimension 0) in a random order.")
      .Input("value: T")
      .Output("output: T")
      .Apply(Seeds)
      .Attr("T: type")
      .Shape(shape::SameAsInput)
      .NoGradient(kRandomSource);
  ops.Add("Multinomial")
      .Summary("Classes drawn for each row of unnormalised log probabilities.")
      .Input("logits: T")
      .Input("num_samples: int32")
      .Output("output: output_dtype")
      .Apply(Seeds)
      .Attr("T: realnumbertype")
      .Attr("output_dtype: {int32, int64} = DT_INT64")
      .Shape(MultinomialShape)
      .NoGradient(kRandomSource);
}

}  // namespace

void RegisterRngOps(OpRegistry& ops) {
  ops.Add("RandomUniform").Summary("Numbers distributed evenly over [0, 1).").Apply(FloatSource);
  ops.Add("RandomStandardNormal")
      .Summary("Normal numbers of mean 0 and standard deviation 1.")
      .Apply(FloatSource);
  ops.Add("TruncatedNormal")
      .Summary("Standard normal numbers; those beyond 2 standard deviations are drawn again.")
      .Apply(FloatSource);
  ops.Add("RandomUniformInt")
      .Summary("Integers distributed evenly over [minval, maxval).")
      .Input("shape: T")
      .Input("minval: Tout")
      .Input("maxval: Tout")
      .Output("output: Tout")
      .Apply(Seeds)
      .Attr("Tout: {int32, int64}")
      .Attr("T: {int32, int64}")
      .Shape([](ShapeContext& c) {
        WEFT_RETURN_IF_ERROR(c.InputWithRank(1, 0).status());
        WEFT_RETURN_IF_ERROR(c.InputWithRank(2, 0).status());
        return ShapeFromFirstInput(c);
      })
      .NoGradient(kRandomSource);
  RegisterParametricOps(ops);
  RegisterChoiceOps(ops);
  RegisterStatelessRngOps(ops);
}

}  // namespace weft
