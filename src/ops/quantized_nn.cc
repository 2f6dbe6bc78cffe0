// SPDX-License-Identifier: Apache-2.0
// Layers of networks whose tensors are small integers of a range.
// kernels: kernels/cpu/quantized_nn.cc   test: tests/ops/quantized_nn_test.cc
//
// Each tensor has its range beside it, as two scalars; so has each result. None has a gradient.
#include <string>

#include "src/ops/array_concat_grad.h"
#include "src/ops/matmul.h"
#include "src/ops/nn_conv.h"
#include "src/ops/nn_pool.h"
#include "weft/graph/op_def.h"

namespace weft {
namespace {

// The ends of ranges: inputs first .. last; and outputs 1 and 2.
absl::Status RangeShapes(ShapeContext& c, int first, int last) {
  for (int i = first; i <= last; ++i) WEFT_RETURN_IF_ERROR(c.InputWithRank(i, 0).status());
  c.set_output(1, PartialShape::Scalar());
  c.set_output(2, PartialShape::Scalar());
  return absl::OkStatus();
}

absl::Status QuantizedMatMulShape(ShapeContext& c) {
  WEFT_RETURN_IF_ERROR(MatMulShape(c));
  return RangeShapes(c, 2, 5);
}
absl::Status QuantizedConvShape(ShapeContext& c) {
  WEFT_RETURN_IF_ERROR(Conv2DShape(c));
  return RangeShapes(c, 2, 5);
}
absl::Status QuantizedPoolShape(ShapeContext& c) {
  WEFT_RETURN_IF_ERROR(Pool2DShape(c));
  return RangeShapes(c, 1, 2);
}
absl::Status QuantizedConcatShape(ShapeContext& c) {
  const int n = (c.num_inputs() - 1) / 3;
  WEFT_RETURN_IF_ERROR(ConcatShapeOf(c, 1, n + 1, 0));
  return RangeShapes(c, n + 1, c.num_inputs() - 1);
}

absl::Status QuantizedBatchNormShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(PartialShape x, c.InputWithRank(0, 4));
  int64_t channels = x.dim(3);
  for (int i = 3; i < c.num_inputs(); i += 3) {
    WEFT_ASSIGN_OR_RETURN(const PartialShape v, c.InputWithRank(i, 1));
    WEFT_ASSIGN_OR_RETURN(channels, c.MergeDim(channels, v.dim(0)));
  }
  if (x.known_rank()) x.set_dim(3, channels);
  c.set_output(0, std::move(x));
  for (int i = 1; i < c.num_inputs(); i += 3) WEFT_RETURN_IF_ERROR(RangeShapes(c, i, i + 1));
  return absl::OkStatus();
}

// Ranges of a and of b, the latter perhaps by columns, and of the output, which is not looked at.
absl::Status QuantizedMatMulBiasShape(ShapeContext& c) {
  WEFT_RETURN_IF_ERROR(MatMulShape(c));
  WEFT_RETURN_IF_ERROR(c.InputWithRank(2, 1).status());
  for (const int i : {3, 4, 7, 8}) WEFT_RETURN_IF_ERROR(c.InputWithRank(i, 0).status());
  for (const int i : {5, 6}) WEFT_RETURN_IF_ERROR(c.WithRankAtMost(c.input(i), 1).status());
  return absl::OkStatus();
}

void RegisterProducts(OpRegistry& ops) {
  ops.Add("QuantizedMatMul")
      .Summary("The product of matrices of quantized values.")
      .Input("a: T1")
      .Input("b: T2")
      .Input("min_a: float")
      .Input("max_a: float")
      .Input("min_b: float")
      .Input("max_b: float")
      .Output("out: Toutput")
      .Output("min_out: float")
      .Output("max_out: float")
      .Attr("T1: quantizedtype")
      .Attr("T2: quantizedtype")
      .Attr("Toutput: quantizedtype = DT_QINT32")
      .Attr("transpose_a: bool = false")
      .Attr("transpose_b: bool = false")
      .Attr("Tactivation: quantizedtype = DT_QUINT8")
      .Shape(QuantizedMatMulShape);
  ops.Add("QuantizedMatMulWithBiasAndDequantize")
      .Summary("The product of matrices of quantized values plus a bias of each column, as float.")
      .Input("a: T1")
      .Input("b: T2")
      .Input("bias: Tbias")
      .Input("min_a: float")
      .Input("max_a: float")
      .Input("min_b: float")
      .Input("max_b: float")
      .Input("min_freezed_output: float")
      .Input("max_freezed_output: float")
      .Output("out: Toutput")
      .Attr("T1: quantizedtype")
      .Attr("T2: quantizedtype")
      .Attr("Tbias: {float, qint32}")
      .Attr("Toutput: {float}")
      .Attr("transpose_a: bool = false")
      .Attr("transpose_b: bool = false")
      .Attr("input_quant_mode: {'MIN_FIRST', 'SCALED'} = 'MIN_FIRST'")
      .Shape(QuantizedMatMulBiasShape);
  ops.Add("QuantizedConv2D")
      .Summary("The convolution of quantized images with a quantized filter.")
      .Input("input: Tinput")
      .Input("filter: Tfilter")
      .Input("min_input: float")
      .Input("max_input: float")
      .Input("min_filter: float")
      .Input("max_filter: float")
      .Output("output: out_type")
      .Output("min_output: float")
      .Output("max_output: float")
      .Attr("Tinput: quantizedtype")
      .Attr("Tfilter: quantizedtype")
      .Attr("out_type: quantizedtype = DT_QINT32")
      .Attr("strides: list(int)")
      .Attr("padding: {'SAME', 'VALID'}")
      .Attr("dilations: list(int) = [1, 1, 1, 1]")
      .Shape(QuantizedConvShape);
}

// A tensor with its range, for each of these.
OpDefBuilder&& BatchNormInputs(OpDefBuilder&& op) {
  for (const std::string name : {"t", "m", "v", "beta", "gamma"}) {
    std::move(op).Input(name + ": Tinput").Input(name + "_min: float").Input(name + "_max: float");
  }
  return std::move(op);
}

void RegisterBatchNorm(OpRegistry& ops) {
  ops.Add("QuantizedBatchNormWithGlobalNormalization")
      .Summary("Quantized images, normalised by a mean and a variance for each channel.")
      .Apply(BatchNormInputs)
      .Output("result: out_type")
      .Output("result_min: float")
      .Output("result_max: float")
      .Attr("Tinput: quantizedtype")
      .Attr("out_type: quantizedtype")
      .Attr("variance_epsilon: float")
      .Attr("scale_after_normalization: bool")
      .Shape(QuantizedBatchNormShape);
}

}  // namespace

void RegisterQuantizedNnOps(OpRegistry& ops) {
  RegisterProducts(ops);
  RegisterBatchNorm(ops);
  for (const bool max : {true, false}) {
    ops.Add(max ? "QuantizedMaxPool" : "QuantizedAvgPool")
        .Summary(max ? "The greatest quantized value of each window."
                     : "The mean of the quantized values of each window, rounded down.")
        .Input("input: T")
        .Input("min_input: float")
        .Input("max_input: float")
        .Output("output: T")
        .Output("min_output: float")
        .Output("max_output: float")
        .Attr("T: quantizedtype")
        .Attr("ksize: list(int)")
        .Attr("strides: list(int)")
        .Attr("padding: {'SAME', 'VALID'}")
        .Shape(QuantizedPoolShape);
  }
  ops.Add("QuantizedConcat")
      .Summary("Quantized values joined along one dimension, in a range that holds all of theirs.")
      .Input("concat_dim: int32")
      .Input("values: N * T")
      .Input("input_mins: N * float32")
      .Input("input_maxes: N * float32")
      .Output("output: T")
      .Output("output_min: float")
      .Output("output_max: float")
      .Attr("N: int >= 2")
      .Attr("T: type")
      .Shape(QuantizedConcatShape);
}

}  // namespace weft
