// SPDX-License-Identifier: Apache-2.0
// Floats as small integers and back, and floats rounded as if they had been there.
// kernels: kernels/cpu/quantize.cc, fake_quant.cc   test: tests/ops/quantize_test.cc
#include "weft/ops/quantize.h"
#include "weft/graph/op_builder.h"
#include "weft/graph/op_def.h"

#include "src/core/strings.h"

namespace weft {

void RegisterFakeQuantOps(OpRegistry& ops);
void RegisterQuantizedMathOps(OpRegistry& ops);

namespace {

// The ranges are scalars, or vectors with an element for each slice of input 0 along the axis.
// Returns the shape of inputs `low` and `high`.
absl::StatusOr<PartialShape> RangeShape(ShapeContext& c, int low, int high) {
  const int64_t axis = c.Attr<int64_t>("axis");
  if (axis < -1)
    return absl::InvalidArgumentError(StrCat("axis should be at least -1, got ", axis));
  if (axis >= kMaxRank)
    return absl::InvalidArgumentError(StrCat("Axis cannot be >= ", kMaxRank, ", got ", axis));
  WEFT_ASSIGN_OR_RETURN(PartialShape range, c.InputWithRank(low, axis == -1 ? 0 : 1));
  WEFT_ASSIGN_OR_RETURN(range, c.Merge(range, c.input(high)));
  if (axis == -1) return range;
  WEFT_ASSIGN_OR_RETURN(const PartialShape input,
                        c.WithRankAtLeast(c.input(0), static_cast<int>(axis) + 1));
  if (input.known_rank()) {
    WEFT_ASSIGN_OR_RETURN(const int64_t slices,
                          c.MergeDim(range.dim(0), input.dim(static_cast<int>(axis))));
    range.set_dim(0, slices);
  }
  return range;
}

absl::Status QuantizeShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(PartialShape range, RangeShape(c, 1, 2));
  c.set_output(0, c.input(0));
  c.set_output(1, range);
  c.set_output(2, std::move(range));
  return absl::OkStatus();
}

absl::Status DequantizeShape(ShapeContext& c) {
  WEFT_RETURN_IF_ERROR(RangeShape(c, 1, 2).status());
  c.set_output(0, c.input(0));
  return absl::OkStatus();
}

absl::Status RoundTripShape(ShapeContext& c) {
  WEFT_RETURN_IF_ERROR(DequantizeShape(c));
  // num_bits, where it is an input.
  return c.num_inputs() > 3 ? c.InputWithRank(3, 0).status() : absl::OkStatus();
}

absl::Status RoundTripGradShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(PartialShape range, RangeShape(c, 2, 3));
  WEFT_ASSIGN_OR_RETURN(PartialShape both, c.Merge(c.input(0), c.input(1)));
  c.set_output(0, std::move(both));
  c.set_output(1, range);
  c.set_output(2, std::move(range));
  return absl::OkStatus();
}

// Rounding is taken for the identity: its own derivative is 0 almost everywhere and of no use.
void StraightThrough(GradientContext& g) { g.SetDx(0, g.dy_raw(0)); }

// As above, but nothing flows where the input was clamped.
void RoundTripV4Gradient(GradientContext& g) {
  const std::vector<Tensor> d =
      g.Ops("QuantizeAndDequantizeV4Grad", {g.dy(0), g.input(0), g.input(1), g.input(2)},
            {{"axis", g.attr("axis")}});
  if (!g.ok()) return;
  for (int i = 0; i < 3; ++i) g.SetDx(i, d[static_cast<size_t>(i)]);
}
// The op above is linear in the gradient that it is given.
void RoundTripV4GradGradient(GradientContext& g) {
  g.SetDx(0, g.Op("QuantizeAndDequantizeV4Grad", {g.dy(0), g.input(1), g.input(2), g.input(3)},
                  {{"axis", g.attr("axis")}}));
}

constexpr const char* kModes = "mode: {'MIN_COMBINED', 'MIN_FIRST', 'SCALED'} = 'MIN_COMBINED'";
constexpr const char* kQuantizableFloats = "T: {bfloat16, half, float, double}";

void RegisterIntegerOps(OpRegistry& ops) {
  ops.Add("QuantizeV2")
      .Summary("Floats of a range as integers, and the range that these stand for.")
      .Input("input: float")
      .Input("min_range: float")
      .Input("max_range: float")
      .Output("output: T")
      .Output("output_min: float")
      .Output("output_max: float")
      .Attr("T: quantizedtype")
      .Attr(kModes)
      .Attr("round_mode: {'HALF_AWAY_FROM_ZERO', 'HALF_TO_EVEN'} = 'HALF_AWAY_FROM_ZERO'")
      .Attr("narrow_range: bool = false")
      .Attr("axis: int = -1")
      .Attr("ensure_minimum_range: float = 0.01")
      .Shape(QuantizeShape);
  ops.Add("Dequantize")
      .Summary("Integers that stand for a range, as floats.")
      .Input("input: T")
      .Input("min_range: float")
      .Input("max_range: float")
      .Output("output: dtype")
      .Attr("T: quantizedtype")
      .Attr(kModes)
      .Attr("narrow_range: bool = false")
      .Attr("axis: int = -1")
      .Attr("dtype: {bfloat16, float} = DT_FLOAT")
      .Shape(DequantizeShape);
}

void RegisterRoundTripOps(OpRegistry& ops) {
  ops.Add("QuantizeAndDequantize")
      .Summary("Rounds as quantization would.")
      .Input("input: T")
      .Attr("signed_input: bool = true")
      .Attr("num_bits: int = 8")
      .Attr("range_given: bool = false")
      .Attr("input_min: float = 0")
      .Attr("input_max: float = 0")
      .Output("output: T")
      .Attr(kQuantizableFloats)
      .Deprecated(22, "Replaced by QuantizeAndDequantizeV2")
      .Shape(shape::SameAsInput)
      .Gradient(StraightThrough);
  for (const bool v4 : {false, true}) {
    ops.Add(v4 ? "QuantizeAndDequantizeV4" : "QuantizeAndDequantizeV2")
        .Summary("Rounds as quantization to num_bits would.")
        .Input("input: T")
        .Input("input_min: T")
        .Input("input_max: T")
        .Attr("signed_input: bool = true")
        .Attr("num_bits: int = 8")
        .Attr("range_given: bool = false")
        .Output("output: T")
        .Attr(kQuantizableFloats)
        .Attr("round_mode: {'HALF_TO_EVEN', 'HALF_UP'} = 'HALF_TO_EVEN'")
        .Attr("narrow_range: bool = false")
        .Attr("axis: int = -1")
        .Shape(RoundTripShape)
        .Gradient(v4 ? RoundTripV4Gradient : StraightThrough);
  }
  ops.Add("QuantizeAndDequantizeV3")
      .Summary("Rounds as quantization to num_bits, an input, would.")
      .Input("input: T")
      .Input("input_min: T")
      .Input("input_max: T")
      .Input("num_bits: int32")
      .Attr("signed_input: bool = true")
      .Attr("range_given: bool = true")
      .Output("output: T")
      .Attr(kQuantizableFloats)
      .Attr("narrow_range: bool = false")
      .Attr("axis: int = -1")
      .Shape(RoundTripShape)
      .Gradient(StraightThrough);
  ops.Add("QuantizeAndDequantizeV4Grad")
      .Summary("The gradient of QuantizeAndDequantizeV4: 0 outside of the range.")
      .Input("gradients: T")
      .Input("input: T")
      .Input("input_min: T")
      .Input("input_max: T")
      .Output("input_backprop: T")
      .Output("input_min_backprop: T")
      .Output("input_max_backprop: T")
      .Attr(kQuantizableFloats)
      .Attr("axis: int = -1")
      .Shape(RoundTripGradShape)
      .Gradient(RoundTripV4GradGradient);
}

}  // namespace

void RegisterQuantizeOps(OpRegistry& ops) {
  RegisterIntegerOps(ops);
  RegisterRoundTripOps(ops);
  RegisterFakeQuantOps(ops);
  RegisterQuantizedMathOps(ops);
}

// ---- the public functions ----

QuantizeResult Quantize(const Input& input, const Input& min_range, const Input& max_range,
                        DataType dtype, const QuantizeOptions& options) {
  const Operation op = OpBuilder("QuantizeV2", options.name, "quantize")
                           .In(input)
                           .In(min_range)
                           .In(max_range)
                           .Attr("T", dtype)
                           .Attr("mode", options.mode)
                           .Attr("round_mode", options.round_mode)
                           .Attr("narrow_range", options.narrow_range)
                           .Attr("axis", options.axis)
                           .Attr("ensure_minimum_range", options.ensure_minimum_range)
                           .Build();
  return {.output = op.output(0), .output_min = op.output(1), .output_max = op.output(2)};
}

Tensor Dequantize(const Input& input, const Input& min_range, const Input& max_range,
                  const DequantizeOptions& options) {
  return OpBuilder("Dequantize", options.name, "dequantize")
      .In(input)
      .In(min_range)
      .In(max_range)
      .Attr("mode", options.mode)
      .Attr("narrow_range", options.narrow_range)
      .Attr("axis", options.axis)
      .Attr("dtype", options.dtype)
      .Output();
}

Tensor QuantizeAndDequantize(const Input& input, const Input& input_min, const Input& input_max,
                             const QuantizeAndDequantizeOptions& options) {
  return OpBuilder("QuantizeAndDequantizeV2", options.name)
      .In(input)
      .In(input_min)
      .In(input_max)
      .Attr("signed_input", options.signed_input)
      .Attr("num_bits", options.num_bits)
      .Attr("range_given", options.range_given)
      .Attr("round_mode", options.round_mode)
      .Attr("narrow_range", options.narrow_range)
      .Attr("axis", options.axis)
      .Output();
}

}  // namespace weft
