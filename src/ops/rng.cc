// SPDX-License-Identifier: Apache-2.0
// Random numbers that depend on a state: each run goes on where the last one stopped.
// kernels: kernels/cpu/rng.cc   test: tests/ops/rng_test.cc
#include "src/ops/register.h"

namespace weft {
namespace {

absl::Status ShapeOfInput(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(PartialShape shape, c.input_as_shape(0));
  c.set_output(0, std::move(shape));
  return absl::OkStatus();
}

OpDefBuilder&& FloatSource(OpDefBuilder&& op) {
  return std::move(op)
      .Input("shape: T")
      .Output("output: dtype")
      .Attr("seed: int = 0")
      .Attr("seed2: int = 0")
      .Attr("dtype: {half, bfloat16, float, double}")
      .Attr("T: {int32, int64}")
      .Stateful()
      .Shape(ShapeOfInput)
      .NoGradient("a source of random numbers");
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
      .Attr("seed: int = 0")
      .Attr("seed2: int = 0")
      .Attr("Tout: {int32, int64}")
      .Attr("T: {int32, int64}")
      .Stateful()
      .Shape([](ShapeContext& c) {
        WEFT_RETURN_IF_ERROR(c.InputWithRank(1, 0).status());
        WEFT_RETURN_IF_ERROR(c.InputWithRank(2, 0).status());
        return ShapeOfInput(c);
      })
      .NoGradient("a source of random numbers");
}

}  // namespace weft
