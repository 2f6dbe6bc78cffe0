// SPDX-License-Identifier: Apache-2.0
// Random numbers that follow from a seed given as an input: the same inputs give the same numbers
// in each run. The V2 ops take the key and counter that a seed stands for.
// kernels: kernels/cpu/rng_stateless.cc   test: tests/ops/rng_test.cc
#include <string>
#include <utility>

#include "src/ops/rng.h"

namespace weft {
namespace {

constexpr char kSource[] = "a source of random numbers";

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
      .NoGradient(kSource);
  ops.Add(name + "V2")
      .Summary(summary)
      .Apply(Keyed)
      .Output("output: dtype")
      .Attr(dtypes)
      .Attr("Tshape: {int32, int64} = DT_INT32")
      .Shape(KeyedShape)
      .NoGradient(kSource);
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
      .NoGradient(kSource);
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
      .NoGradient(kSource);
  ops.Add("StatelessRandomUniformFullInt")
      .Summary("Integers distributed evenly over all values of the dtype.")
      .Apply(Seeded)
      .Output("output: dtype")
      .Attr("dtype: {int32, int64, uint32, uint64} = DT_UINT64")
      .Attr("T: {int32, int64} = DT_INT32")
      .Attr("Tseed: {int32, int64, uint32, uint64} = DT_INT64")
      .Shape(SeededShape)
      .NoGradient(kSource);
  ops.Add("StatelessRandomUniformFullIntV2")
      .Summary("Integers distributed evenly over all values of the dtype.")
      .Apply(Keyed)
      .Output("output: dtype")
      .Attr("dtype: {int32, int64, uint32, uint64} = DT_UINT64")
      .Attr("Tshape: {int32, int64} = DT_INT32")
      .Shape(KeyedShape)
      .NoGradient(kSource);
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
      .NoGradient(kSource);
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
      .NoGradient(kSource);
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
  RegisterKeys(ops);
}

}  // namespace weft
