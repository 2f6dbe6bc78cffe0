// SPDX-License-Identifier: Apache-2.0
// Simulated quantization for training: values are clamped to a range and rounded to its steps.
// kernels: kernels/cpu/fake_quant.cc   test: tests/ops/quantize_test.cc
#include "src/core/strings.h"
#include "weft/graph/op_builder.h"
#include "weft/graph/op_def.h"
#include "weft/ops/quantize.h"

namespace weft {
namespace {

absl::Status VarsShape(ShapeContext& c) {
  WEFT_RETURN_IF_ERROR(c.InputWithRank(1, 0).status());
  WEFT_RETURN_IF_ERROR(c.InputWithRank(2, 0).status());
  c.set_output(0, c.input(0));
  return absl::OkStatus();
}

absl::Status VarsGradShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(PartialShape both, c.Merge(c.input(0), c.input(1)));
  WEFT_RETURN_IF_ERROR(c.InputWithRank(2, 0).status());
  WEFT_RETURN_IF_ERROR(c.InputWithRank(3, 0).status());
  c.set_output(0, std::move(both));
  c.set_output(1, PartialShape::Scalar());
  c.set_output(2, PartialShape::Scalar());
  return absl::OkStatus();
}

// `low`: the input that holds the minima; the maxima follow. They are as long as the last
// dimension.
absl::StatusOr<int64_t> Channels(ShapeContext& c, const PartialShape& input, int low) {
  int64_t channels = input.dim(-1);
  for (int i = low; i <= low + 1; ++i) {
    WEFT_ASSIGN_OR_RETURN(const PartialShape bound, c.InputWithRank(i, 1));
    WEFT_ASSIGN_OR_RETURN(channels, c.MergeDim(channels, bound.dim(0)));
  }
  return channels;
}

absl::Status PerChannelShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(PartialShape s, c.WithRankAtLeast(c.input(0), 1));
  WEFT_ASSIGN_OR_RETURN(const int64_t channels, Channels(c, s, 1));
  if (s.known_rank()) s.set_dim(-1, channels);
  c.set_output(0, std::move(s));
  return absl::OkStatus();
}

absl::Status PerChannelGradShape(ShapeContext& c) {
  // Either input may be the one whose rank is known.
  WEFT_ASSIGN_OR_RETURN(PartialShape s, c.Merge(c.input(0), c.input(1)));
  WEFT_ASSIGN_OR_RETURN(s, c.WithRankAtLeast(s, 1));
  WEFT_ASSIGN_OR_RETURN(s, c.WithRankAtMost(s, 4));
  WEFT_ASSIGN_OR_RETURN(const int64_t channels, Channels(c, s, 2));
  if (s.known_rank()) s.set_dim(-1, channels);
  c.set_output(0, std::move(s));
  c.set_output(1, PartialShape::Vector(channels));
  c.set_output(2, PartialShape::Vector(channels));
  return absl::OkStatus();
}

void ArgsGradient(GradientContext& g) {
  g.SetDx(0, g.Op("FakeQuantWithMinMaxArgsGradient", {g.dy(0), g.input(0)},
                  {{"min", g.attr("min")},
                   {"max", g.attr("max")},
                   {"num_bits", g.attr("num_bits")},
                   {"narrow_range", g.attr("narrow_range")}}));
}

// The bounds get what their clamped values were given.
GradientFn VarsGradient(const char* op) {
  return [op](GradientContext& g) {
    const std::vector<Tensor> d =
        g.Ops(op, {g.dy(0), g.input(0), g.input(1), g.input(2)},
              {{"num_bits", g.attr("num_bits")}, {"narrow_range", g.attr("narrow_range")}});
    if (!g.ok()) return;
    for (int i = 0; i < 3; ++i) g.SetDx(i, d[static_cast<size_t>(i)]);
  };
}

OpDefBuilder&& BitAttrs(OpDefBuilder&& op) {
  return std::move(op).Attr("num_bits: int = 8").Attr("narrow_range: bool = false");
}
OpDefBuilder&& ArgsAttrs(OpDefBuilder&& op) {
  return BitAttrs(std::move(op).Attr("min: float = -6").Attr("max: float = 6"));
}

void RegisterArgsOps(OpRegistry& ops) {
  ops.Add("FakeQuantWithMinMaxArgs")
      .Summary("Clamps to [min, max] and rounds to its 2^num_bits steps.")
      .Apply(ArgsAttrs)
      .Input("inputs: float")
      .Output("outputs: float")
      .Shape(shape::SameAsInput)
      .Gradient(ArgsGradient);
  ops.Add("FakeQuantWithMinMaxArgsGradient")
      .Summary("The gradient of FakeQuantWithMinMaxArgs: 0 where values were clamped.")
      .Apply(ArgsAttrs)
      .Input("gradients: float")
      .Input("inputs: float")
      .Output("backprops: float")
      .Shape(shape::SameAsInput);
}

// Both forms with bounds that are inputs: one for all elements, or one for each channel.
void RegisterVarsOps(OpRegistry& ops, const std::string& name, ShapeFn shape, ShapeFn grad_shape,
                     const char* grad_name) {
  ops.Add(name)
      .Summary("Clamps to [min, max] and rounds to its 2^num_bits steps.")
      .Apply(BitAttrs)
      .Input("inputs: float")
      .Input("min: float")
      .Input("max: float")
      .Output("outputs: float")
      .Shape(std::move(shape))
      .Gradient(VarsGradient(grad_name));
  ops.Add(grad_name)
      .Summary("The gradient of " + name + " for the values and for both bounds.")
      .Apply(BitAttrs)
      .Input("gradients: float")
      .Input("inputs: float")
      .Input("min: float")
      .Input("max: float")
      .Output("backprops_wrt_input: float")
      .Output("backprop_wrt_min: float")
      .Output("backprop_wrt_max: float")
      .Shape(std::move(grad_shape));
}

}  // namespace

void RegisterFakeQuantOps(OpRegistry& ops) {
  RegisterArgsOps(ops);
  RegisterVarsOps(ops, "FakeQuantWithMinMaxVars", VarsShape, VarsGradShape,
                  "FakeQuantWithMinMaxVarsGradient");
  RegisterVarsOps(ops, "FakeQuantWithMinMaxVarsPerChannel", PerChannelShape, PerChannelGradShape,
                  "FakeQuantWithMinMaxVarsPerChannelGradient");
}

// ---- the public functions ----

Tensor FakeQuantWithMinMaxArgs(const Input& inputs, const FakeQuantArgsOptions& options) {
  return OpBuilder("FakeQuantWithMinMaxArgs", options.name)
      .In(inputs)
      .Attr("min", options.min)
      .Attr("max", options.max)
      .Attr("num_bits", options.num_bits)
      .Attr("narrow_range", options.narrow_range)
      .Output();
}

Tensor FakeQuantWithMinMaxVars(const Input& inputs, const Input& min, const Input& max,
                               const FakeQuantOptions& options) {
  return OpBuilder("FakeQuantWithMinMaxVars", options.name)
      .In(inputs)
      .In(min)
      .In(max)
      .Attr("num_bits", options.num_bits)
      .Attr("narrow_range", options.narrow_range)
      .Output();
}

Tensor FakeQuantWithMinMaxVarsPerChannel(const Input& inputs, const Input& min, const Input& max,
                                         const FakeQuantOptions& options) {
  return OpBuilder("FakeQuantWithMinMaxVarsPerChannel", options.name)
      .In(inputs)
      .In(min)
      .In(max)
      .Attr("num_bits", options.num_bits)
      .Attr("narrow_range", options.narrow_range)
      .Output();
}

}  // namespace weft
