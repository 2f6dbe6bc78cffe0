// SPDX-License-Identifier: Apache-2.0
// Arithmetic on integers that stand for the values of a range.
// kernels: kernels/cpu/quantized_math.cc, requantize.cc   test: tests/ops/quantized_math_test.cc
//
// Each tensor has its range beside it, as two scalars; so has each result. None has a gradient.
#include "src/ops/nn_bias.h"
#include "weft/graph/op_def.h"

namespace weft {

void RegisterQuantizedNnOps(OpRegistry& ops);

namespace {

// Inputs first .. last are scalars.
absl::Status CheckScalars(ShapeContext& c, int first, int last) {
  for (int i = first; i <= last; ++i) WEFT_RETURN_IF_ERROR(c.InputWithRank(i, 0).status());
  return absl::OkStatus();
}

void SetRange(ShapeContext& c, int first_output) {
  for (int o = first_output; o < first_output + 2; ++o) c.set_output(o, PartialShape::Scalar());
}

absl::Status BroadcastShape(ShapeContext& c) {
  WEFT_RETURN_IF_ERROR(CheckScalars(c, 2, 5));
  WEFT_RETURN_IF_ERROR(shape::Broadcast(c));
  SetRange(c, 1);
  return absl::OkStatus();
}

absl::Status QuantizedBiasAddShape(ShapeContext& c) {
  WEFT_RETURN_IF_ERROR(BiasAddShape(c, /*channels_first=*/false));
  WEFT_RETURN_IF_ERROR(CheckScalars(c, 2, 5));
  SetRange(c, 1);
  return absl::OkStatus();
}

// As input 0; all others are scalars.
absl::Status ElementShape(ShapeContext& c) {
  WEFT_RETURN_IF_ERROR(CheckScalars(c, 1, c.num_inputs() - 1));
  c.set_output(0, c.input(0));
  SetRange(c, 1);
  return absl::OkStatus();
}

absl::Status RangeOfShape(ShapeContext& c) {
  WEFT_RETURN_IF_ERROR(CheckScalars(c, 1, 2));
  SetRange(c, 0);
  return absl::OkStatus();
}

absl::Status CheckChannelRanges(ShapeContext& c) {
  WEFT_RETURN_IF_ERROR(c.InputWithRank(1, 1).status());
  return c.InputWithRank(2, 1).status();
}

absl::Status RequantizePerChannelShape(ShapeContext& c) {
  WEFT_RETURN_IF_ERROR(CheckChannelRanges(c));
  WEFT_RETURN_IF_ERROR(CheckScalars(c, 3, 4));
  c.set_output(0, c.input(0));
  SetRange(c, 1);
  return absl::OkStatus();
}

absl::Status RangePerChannelShape(ShapeContext& c) {
  WEFT_RETURN_IF_ERROR(CheckChannelRanges(c));
  SetRange(c, 0);
  return absl::OkStatus();
}

absl::Status InstanceNormShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(PartialShape x, c.InputWithRank(0, 4));
  WEFT_RETURN_IF_ERROR(CheckScalars(c, 1, 2));
  c.set_output(0, std::move(x));
  SetRange(c, 1);
  return absl::OkStatus();
}

void RegisterArithmetic(OpRegistry& ops) {
  for (const bool mul : {false, true}) {
    ops.Add(mul ? "QuantizedMul" : "QuantizedAdd")
        .Summary(mul ? "x * y of quantized values, element by element."
                     : "x + y of quantized values, element by element.")
        .Input("x: T1")
        .Input("y: T2")
        .Input("min_x: float")
        .Input("max_x: float")
        .Input("min_y: float")
        .Input("max_y: float")
        .Output("z: Toutput")
        .Output("min_z: float")
        .Output("max_z: float")
        .Attr("T1: quantizedtype")
        .Attr("T2: quantizedtype")
        .Attr("Toutput: quantizedtype = DT_QINT32")
        .Shape(BroadcastShape);
  }
  ops.Add("QuantizedBiasAdd")
      .Summary("Adds bias[c] to every quantized value of channel c, the last dimension.")
      .Input("input: T1")
      .Input("bias: T2")
      .Input("min_input: float")
      .Input("max_input: float")
      .Input("min_bias: float")
      .Input("max_bias: float")
      .Output("output: out_type")
      .Output("min_out: float")
      .Output("max_out: float")
      .Attr("T1: quantizedtype")
      .Attr("T2: quantizedtype")
      .Attr("out_type: quantizedtype")
      .Shape(QuantizedBiasAddShape);
  for (const bool six : {false, true}) {
    ops.Add(six ? "QuantizedRelu6" : "QuantizedRelu")
        .Summary(six ? "min(max(features, 0), 6) of quantized values."
                     : "max(features, 0) of quantized values.")
        .Input("features: Tinput")
        .Input("min_features: float")
        .Input("max_features: float")
        .Output("activations: out_type")
        .Output("min_activations: float")
        .Output("max_activations: float")
        .Attr("Tinput: quantizedtype")
        .Attr("out_type: quantizedtype = DT_QUINT8")
        .Shape(ElementShape);
  }
  ops.Add("QuantizedInstanceNorm")
      .Summary("Each channel of each image, less its mean, by its standard deviation.")
      .Input("x: T")
      .Input("x_min: float")
      .Input("x_max: float")
      .Output("y: T")
      .Output("y_min: float")
      .Output("y_max: float")
      .Attr("T: quantizedtype")
      .Attr("output_range_given: bool = false")
      .Attr("given_y_min: float = 0")
      .Attr("given_y_max: float = 0")
      .Attr("variance_epsilon: float = 1e-5")
      .Attr("min_separation: float = 1e-3")
      .Shape(InstanceNormShape);
}

void RegisterRequantize(OpRegistry& ops) {
  ops.Add("QuantizeDownAndShrinkRange")
      .Summary("Quantized values in fewer bits, over the range that they use.")
      .Input("input: Tinput")
      .Input("input_min: float")
      .Input("input_max: float")
      .Output("output: out_type")
      .Output("output_min: float")
      .Output("output_max: float")
      .Attr("Tinput: quantizedtype")
      .Attr("out_type: quantizedtype")
      .Shape(ElementShape);
  ops.Add("Requantize")
      .Summary("Quantized values in fewer bits, over a range that is asked for.")
      .Input("input: Tinput")
      .Input("input_min: float")
      .Input("input_max: float")
      .Input("requested_output_min: float")
      .Input("requested_output_max: float")
      .Output("output: out_type")
      .Output("output_min: float")
      .Output("output_max: float")
      .Attr("Tinput: quantizedtype")
      .Attr("out_type: quantizedtype")
      .Shape(ElementShape);
  ops.Add("RequantizationRange")
      .Summary("The part of their range that quantized values use.")
      .Input("input: Tinput")
      .Input("input_min: float")
      .Input("input_max: float")
      .Output("output_min: float")
      .Output("output_max: float")
      .Attr("Tinput: quantizedtype")
      .Shape(RangeOfShape);
  ops.Add("RequantizePerChannel")
      .Summary("Quantized values with a range a channel, in fewer bits over one range.")
      .Input("input: T")
      .Input("input_min: float")
      .Input("input_max: float")
      .Input("requested_output_min: float")
      .Input("requested_output_max: float")
      .Output("output: out_type")
      .Output("output_min: float")
      .Output("output_max: float")
      .Attr("T: quantizedtype = DT_QINT32")
      .Attr("out_type: quantizedtype = DT_QUINT8")
      .Shape(RequantizePerChannelShape);
  ops.Add("RequantizationRangePerChannel")
      .Summary("The range that quantized values with a range a channel use.")
      .Input("input: T")
      .Input("input_min: float")
      .Input("input_max: float")
      .Output("output_min: float")
      .Output("output_max: float")
      .Attr("T: quantizedtype = DT_QINT32")
      .Attr("clip_value_max: float")
      .Shape(RangePerChannelShape);
}

}  // namespace

void RegisterQuantizedMathOps(OpRegistry& ops) {
  RegisterArithmetic(ops);
  RegisterRequantize(ops);
  RegisterQuantizedNnOps(ops);
}

}  // namespace weft
