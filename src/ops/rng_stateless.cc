// SPDX-License-Identifier: Apache-2.0
// Random numbers that follow from a seed given as an input: the same inputs give the same numbers
// in each run. The V2 ops take the key and counter that a seed stands for.
// kernels: kernels/cpu/rng_stateless.cc   test: tests/ops/rng_test.cc
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "src/ops/rng.h"

namespace weft {
namespace {

// Input i is a vector of `size` elements.
absl::Status CheckVector(ShapeContext& c, int i, int64_t size) {
  WEFT_ASSIGN_OR_RETURN(const PartialShape vector, c.InputWithRank(i, 1));
  return c.MergeDim(vector.dim(0), size).status();
}

absl::Status SeededShape(ShapeContext& c) {
  WEFT_RETURN_IF_ERROR(CheckVector(c, 1, 2));
  return ShapeFromFirstInput(c);
}

absl::Status KeyedShape(ShapeContext& c) {
  WEFT_RETURN_IF_ERROR(CheckVector(c, 1, 1));
  WEFT_RETURN_IF_ERROR(c.InputWithRank(2, 1).status());
  WEFT_RETURN_IF_ERROR(c.InputWithRank(3, 0).status());
  return ShapeFromFirstInput(c);
}

OpDefBuilder&& Seeded(OpDefBuilder&& op) {
  return std::move(op).Input("shape: T").Input("seed: Tseed");
}
OpDefBuilder&& Keyed(OpDefBuilder&& op) {
  return std::move(op)
      .Input("shape: Tshape")
      .Input("key: uint64")
      .Input("counter: uint64")
      .Input("alg: int32");
}

void RegisterFloats(OpRegistry& ops, const std::string& name, const std::string& summary) {
  const char* dtypes = "dtype: {half, bfloat16, float, double} = DT_FLOAT";
  ops.Add(name)
      .Summary(summary)
      .Apply(Seeded)
      .Output("output: dtype")
      .Attr(dtypes)
      .Attr("T: {int32, int64} = DT_INT32")
      .Attr("Tseed: {int32, int64} = DT_INT64")
      .Shape(SeededShape)
      .NoGradient(kRandomSource);
  ops.Add(name + "V2")
      .Summary(summary)
      .Apply(Keyed)
      .Output("output: dtype")
      .Attr(dtypes)
      .Attr("Tshape: {int32, int64} = DT_INT32")
      .Shape(KeyedShape)
      .NoGradient(kRandomSource);
}

void RegisterIntegers(OpRegistry& ops) {
  ops.Add("StatelessRandomUniformInt")
      .Summary("Integers distributed evenly over [minval, maxval).")
      .Apply(Seeded)
      .Input("minval: dtype")
      .Input("maxval: dtype")
      .Output("output: dtype")
      .Attr("dtype: {int32, int64}")
      .Attr("T: {int32, int64}")
      .Attr("Tseed: {int32, int64} = DT_INT64")
      .Shape([](ShapeContext& c) {
        WEFT_RETURN_IF_ERROR(CheckScalarBounds(c, 2));
        return SeededShape(c);
      })
      .NoGradient(kRandomSource);
  ops.Add("StatelessRandomUniformIntV2")
      .Summary("Integers distributed evenly over [minval, maxval).")
      .Apply(Keyed)
      .Input("minval: dtype")
      .Input("maxval: dtype")
      .Output("output: dtype")
      .Attr("dtype: {int32, int64, uint32, uint64}")
      .Attr("Tshape: {int32, int64} = DT_INT32")
      .Shape([](ShapeContext& c) {
        WEFT_RETURN_IF_ERROR(CheckScalarBounds(c, 4));
        return KeyedShape(c);
      })
      .NoGradient(kRandomSource);
  ops.Add("StatelessRandomUniformFullInt")
      .Summary("Integers distributed evenly over all values of the dtype.")
      .Apply(Seeded)
      .Output("output: dtype")
      .Attr("dtype: {int32, int64, uint32, uint64} = DT_UINT64")
      .Attr("T: {int32, int64} = DT_INT32")
      .Attr("Tseed: {int32, int64, uint32, uint64} = DT_INT64")
      .Shape(SeededShape)
      .NoGradient(kRandomSource);
  ops.Add("StatelessRandomUniformFullIntV2")
      .Summary("Integers distributed evenly over all values of the dtype.")
      .Apply(Keyed)
      .Output("output: dtype")
      .Attr("dtype: {int32, int64, uint32, uint64} = DT_UINT64")
      .Attr("Tshape: {int32, int64} = DT_INT32")
      .Shape(KeyedShape)
      .NoGradient(kRandomSource);
  ops.Add("StatelessMultinomial")
      .Summary("Classes drawn for each row of unnormalised log probabilities.")
      .Input("logits: T")
      .Input("num_samples: int32")
      .Input("seed: Tseed")
      .Output("output: output_dtype")
      .Attr("T: realnumbertype")
      .Attr("Tseed: {int32, int64} = DT_INT64")
      .Attr("output_dtype: {int32, int64} = DT_INT64")
      .Shape([](ShapeContext& c) {
        WEFT_RETURN_IF_ERROR(CheckVector(c, 2, 2));
        return MultinomialShape(c);
      })
      .NoGradient(kRandomSource);
}

// `alpha` is this input; `shape`, input 0, ends with its shape.
void StatelessGammaGradient(GradientContext& g, int alpha_input) {
  const Tensor shape = g.input(0), alpha = g.input(alpha_input);
  const PartialShape sizes = shape.shape(), parameters = alpha.shape();
  int lead = -1;
  if (sizes.known_rank() && sizes.dim(0) >= 0 && parameters.known_rank())
    lead = static_cast<int>(sizes.dim(0)) - parameters.rank();
  g.SetDx(alpha_input,
          GammaAlphaGradient(g, alpha, lead,
                             lead < 0 ? g.Sub(g.Size(shape), g.Rank(alpha)) : Tensor()));
}

void RegisterParametric(OpRegistry& ops) {
  ops.Add("StatelessRandomGammaV2")
      .Summary("Gamma numbers; `shape` ends with alpha's shape.")
      .Apply(Seeded)
      .Input("alpha: dtype")
      .Output("output: dtype")
      .Attr("dtype: {half, float, double}")
      .Attr("T: {int32, int64}")
      .Attr("Tseed: {int32, int64} = DT_INT64")
      .Shape(SeededShape)
      .Gradient([](GradientContext& g) { StatelessGammaGradient(g, 2); });
  ops.Add("StatelessRandomGammaV3")
      .Summary("Gamma numbers; `shape` ends with alpha's shape.")
      .Input("shape: shape_dtype")
      .Input("key: uint64")
      .Input("counter: uint64")
      .Input("alg: int32")
      .Input("alpha: dtype")
      .Output("output: dtype")
      .Attr("dtype: {half, float, double}")
      .Attr("shape_dtype: {int32, int64} = DT_INT32")
      .Shape(KeyedShape)
      .Gradient([](GradientContext& g) { StatelessGammaGradient(g, 4); });
  ops.Add("StatelessRandomPoisson")
      .Summary("Poisson numbers; `shape` ends with the shape of the rates lam.")
      .Apply(Seeded)
      .Input("lam: Rtype")
      .Output("output: dtype")
      .Attr("Rtype: {half, float, double, int32, int64}")
      .Attr("dtype: {half, float, double, int32, int64}")
      .Attr("T: {int32, int64}")
      .Attr("Tseed: {int32, int64} = DT_INT64")
      .Shape(SeededShape)
      .NoGradient(kRandomSource);
}

// The standard normal distribution function.
Tensor NormalCdf(GradientContext& g, Tensor x) {
  const Tensor half_root = g.ConstLike(std::sqrt(0.5), x, "half_sqrt_2");
  const Tensor w = g.Mul(x, half_root);
  const Tensor z = g.Op("Abs", {w});
  const Tensor middle = g.Op("Less", {z, half_root}),
               right = g.Op("Greater", {w, g.ConstLike(0, w)});
  const Tensor near = g.Add(g.ConstLike(1, w), g.Op("Erf", {w}));
  const Tensor far = g.Op("Erfc", {z});
  const Tensor above = g.Sub(g.ConstLike(2, far), far);
  const Tensor tails = g.Op("SelectV2", {right, above, far});
  return g.Mul(g.ConstLike(0.5, tails), g.Op("SelectV2", {middle, near, tails}));
}

// dx summed over what a parameter was repeated along: the first dimensions, then those where it is
// smaller than all parameters together (`all_sizes`).
Tensor SumToParameter(GradientContext& g, Tensor dx, Tensor extra, Tensor all_sizes,
                      Tensor parameter) {
  const Tensor sizes = g.Shape(parameter);
  const std::vector<Tensor> axes = g.Ops("BroadcastGradientArgs", {all_sizes, sizes});
  if (!g.ok()) return Tensor();
  return g.Reshape(g.Sum(g.Sum(dx, extra), axes[1], true), sizes);
}

// Implicit differentiation of the distribution function, as of gamma numbers.
void TruncatedNormalGradient(GradientContext& g) {
  const Tensor mean = g.input(2), stddev = g.input(3), low = g.input(4), high = g.input(5);
  auto standard = [&](Tensor x) { return g.Div(g.Sub(x, mean), stddev); };
  const Tensor low_z = standard(low), high_z = standard(high), z = standard(g.output(0));
  const Tensor low_p = NormalCdf(g, low_z), high_p = NormalCdf(g, high_z), p = NormalCdf(g, z);
  const Tensor part = g.Sub(p, low_p), whole = g.Sub(high_p, low_p);
  Tensor cdf = g.Div(part, whole);
  // Away from 0 and 1, whose logarithms are to be taken.
  const bool single = z.dtype() == kFloat32, half = z.dtype() == kFloat16;
  const double tiny = half ? 0x1p-14 : single ? 0x1p-126 : 0x1p-1022;
  const double epsilon = half ? 0x1p-10 : single ? 0x1p-23 : 0x1p-52;
  cdf = g.Op("Minimum", {cdf, g.ConstLike(1 - epsilon, cdf)});
  cdf = g.Op("Maximum", {cdf, g.ConstLike(tiny, cdf)});
  const Tensor square = g.Op("Square", {z});
  auto bound = [&](Tensor at, Tensor log_weight) {
    const Tensor exponent = g.Sub(square, g.Op("Square", {at}));
    return g.Op("Exp", {g.Add(g.Mul(g.ConstLike(0.5, exponent), exponent), log_weight)});
  };
  const Tensor d_high = bound(high_z, g.Op("Log", {cdf}));
  const Tensor d_low = bound(low_z, g.Op("Log1p", {g.Neg(cdf)}));
  Tensor all_sizes = g.Op("BroadcastArgs", {g.Shape(mean), g.Shape(stddev)});
  all_sizes = g.Op("BroadcastArgs", {g.Shape(low), all_sizes});
  all_sizes = g.Op("BroadcastArgs", {g.Shape(high), all_sizes});
  const Tensor rank = g.Size(g.input(0));
  const Tensor lead = g.Sub(rank, g.Size(all_sizes));
  const Tensor extra = g.Op("Range", {g.ConstInt(0), lead, g.ConstInt(1)}, {}, "range");
  const Tensor dy = g.dy(0);
  const Tensor slopes[] = {g.OnesLike(z), z, d_low, d_high};
  for (int i = 0; i < 4; ++i)
    g.SetDx(2 + i, SumToParameter(g, g.Mul(dy, slopes[i]), extra, all_sizes, g.input(2 + i)));
}

void RegisterBounded(OpRegistry& ops) {
  ops.Add("StatelessParameterizedTruncatedNormal")
      .Summary("Normal numbers between bounds; `shape` ends with the parameters' common shape.")
      .Input("shape: S")
      .Input("seed: Tseed")
      .Input("means: dtype")
      .Input("stddevs: dtype")
      .Input("minvals: dtype")
      .Input("maxvals: dtype")
      .Output("output: dtype")
      .Attr("S: {int32, int64}")
      .Attr("Tseed: {int32, int64} = DT_INT64")
      .Attr("dtype: {half, float, double}")
      .Shape(SeededShape)
      .Gradient(TruncatedNormalGradient);
  ops.Add("StatelessRandomBinomial")
      .Summary("Successes among `counts` trials; `shape` ends with the parameters' common shape.")
      .Input("shape: S")
      .Input("seed: Tseed")
      .Input("counts: T")
      .Input("probs: T")
      .Output("output: dtype")
      .Attr("S: {int32, int64}")
      .Attr("Tseed: {int32, int64} = DT_INT64")
      .Attr("T: {half, float, double, int32, int64} = DT_DOUBLE")
      .Attr("dtype: {half, float, double, int32, int64} = DT_INT64")
      .Shape(SeededShape)
      .NoGradient(kRandomSource);
  ops.Add("StatelessShuffle")
      .Summary("The rows of a tensor (its slices along dimension 0) in a random order.")
      .Input("value: T")
      .Input("key: uint64")
      .Input("counter: uint64")
      .Input("alg: int32")
      .Output("output: T")
      .Attr("T: type")
      .Shape(shape::SameAsInput);
}

absl::Status KeyCounterShape(ShapeContext& c) {
  WEFT_RETURN_IF_ERROR(CheckVector(c, 0, 2));
  c.set_output(0, PartialShape({1}));
  c.set_output(1, PartialShape({2}));
  if (c.num_outputs() > 2) c.set_output(2, PartialShape::Scalar());
  return absl::OkStatus();
}

void RegisterKeys(OpRegistry& ops) {
  ops.Add("StatelessRandomGetKeyCounter")
      .Summary("The key and the counter that a seed stands for.")
      .Input("seed: Tseed")
      .Output("key: uint64")
      .Output("counter: uint64")
      .Attr("Tseed: {int32, int64} = DT_INT64")
      .Shape(KeyCounterShape);
  ops.Add("StatelessRandomGetKeyCounterAlg")
      .Summary("The key, the counter and the algorithm that a seed stands for.")
      .Input("seed: Tseed")
      .Output("key: uint64")
      .Output("counter: uint64")
      .Output("alg: int32")
      .Attr("Tseed: {int32, int64} = DT_INT64")
      .Shape(KeyCounterShape);
  ops.Add("StatelessRandomGetAlg")
      .Summary("The number of the algorithm that the device prefers: 1, Philox.")
      .Output("alg: int32")
      .Stateful()
      .Shape(shape::Scalar);
}

}  // namespace

void RegisterStatelessRngOps(OpRegistry& ops) {
  RegisterFloats(ops, "StatelessRandomUniform", "Numbers distributed evenly over [0, 1).");
  RegisterFloats(ops, "StatelessRandomNormal",
                 "Normal numbers of mean 0 and standard deviation 1.");
  RegisterFloats(ops, "StatelessTruncatedNormal",
                 "Standard normal numbers; those beyond 2 standard deviations are drawn again.");
  RegisterIntegers(ops);
  RegisterParametric(ops);
  RegisterBounded(ops);
  RegisterKeys(ops);
}

}  // namespace weft
