// SPDX-License-Identifier: Apache-2.0
// Connectionist temporal classification: loss and decoders.
// kernels: kernels/cpu/nn_ctc.cc, nn_ctc_decode.cc   test: tests/ops/nn_ctc_test.cc
#include <utility>

#include "weft/graph/op_def.h"

namespace weft {
namespace {

absl::Status LossShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(PartialShape inputs, c.InputWithRank(0, 3));
  WEFT_ASSIGN_OR_RETURN(const PartialShape indices, c.InputWithRank(1, 2));
  WEFT_ASSIGN_OR_RETURN(const PartialShape values, c.InputWithRank(2, 1));
  WEFT_ASSIGN_OR_RETURN(const PartialShape lengths, c.InputWithRank(3, 1));
  WEFT_RETURN_IF_ERROR(c.MergeDim(indices.dim(0), values.dim(0)).status());
  WEFT_ASSIGN_OR_RETURN(const int64_t batch, c.MergeDim(inputs.dim(1), lengths.dim(0)));
  inputs.set_dim(1, batch);
  c.set_output(0, PartialShape::Vector(batch));
  c.set_output(1, std::move(inputs));
  return absl::OkStatus();
}

absl::Status DecoderShape(ShapeContext& c, int64_t paths) {
  WEFT_ASSIGN_OR_RETURN(const PartialShape inputs, c.InputWithRank(0, 3));
  WEFT_ASSIGN_OR_RETURN(const PartialShape lengths, c.InputWithRank(1, 1));
  WEFT_ASSIGN_OR_RETURN(const int64_t batch, c.MergeDim(inputs.dim(1), lengths.dim(0)));
  const int n = static_cast<int>(paths);
  for (int p = 0; p < n; ++p) {
    c.set_output(p, PartialShape({-1, 2}));
    c.set_output(n + p, PartialShape::Vector(-1));
    c.set_output(2 * n + p, PartialShape::Vector(2));
  }
  c.set_output(3 * n, PartialShape({batch, paths}));
  return absl::OkStatus();
}

// Output 1 is the gradient for the inputs, computed beside the loss. Its own derivative is not
// known.
void LossGradient(GradientContext& g) {
  const Tensor fixed = g.Op(
      "PreventGradient", {g.output(1)},
      {{"message",
        "Currently there is no way to take the second  derivative of ctc_loss due to the fused "
        "implementation's interaction  with tf.gradients()"}});
  const Tensor factors = g.Op("ExpandDims", {g.dy(0), g.ConstInt(-1, "ExpandDims/dim")});
  g.SetDx(0, g.Mul(factors, fixed));
}

OpDefBuilder&& LabelInputs(OpDefBuilder&& op) {
  return std::move(op)
      .Input("labels_indices: int64")
      .Input("labels_values: int32")
      .Input("sequence_length: int32")
      .Attr("preprocess_collapse_repeated: bool = false")
      .Attr("ctc_merge_repeated: bool = true")
      .Attr("ignore_longer_outputs_than_inputs: bool = false");
}

}  // namespace

void RegisterCtcOps(OpRegistry& ops) {
  ops.Add("CTCLoss")
      .Summary(
          "-log of the probability that a sequence of unnormalised log probabilities "
          "[time, batch, classes] gives the labels; the last class is the blank.")
      .Input("inputs: T")
      .Apply(LabelInputs)
      .Output("loss: T")
      .Output("gradient: T")
      .Attr("T: {float, double} = DT_FLOAT")
      .Shape(LossShape)
      .Gradient(LossGradient);
  ops.Add("CTCLossV2")
      .Summary("As CTCLoss, where class 0 is the blank.")
      .Input("inputs: float")
      .Apply(LabelInputs)
      .Output("loss: float")
      .Output("gradient: float")
      .Shape(LossShape)
      .Gradient(LossGradient);
  ops.Add("CTCGreedyDecoder")
      .Summary("The likeliest class at each time step, without blanks (and repetitions).")
      .Input("inputs: T")
      .Input("sequence_length: int32")
      .Attr("merge_repeated: bool = false")
      .Attr("blank_index: int = -1")
      .Output("decoded_indices: int64")
      .Output("decoded_values: int64")
      .Output("decoded_shape: int64")
      .Output("log_probability: T")
      .Attr("T: {float, double} = DT_FLOAT")
      .Shape([](ShapeContext& c) { return DecoderShape(c, 1); })
      .NoGradient("What is decoded are classes.");
  ops.Add("CTCBeamSearchDecoder")
      .Summary("The likeliest sequences of labels among those that a beam of prefixes keeps.")
      .Input("inputs: T")
      .Input("sequence_length: int32")
      .Attr("beam_width: int >= 1")
      .Attr("top_paths: int >= 1")
      .Attr("merge_repeated: bool = true")
      .Output("decoded_indices: top_paths * int64")
      .Output("decoded_values: top_paths * int64")
      .Output("decoded_shape: top_paths * int64")
      .Output("log_probability: T")
      .Attr("T: {float, double} = DT_FLOAT")
      .Shape([](ShapeContext& c) { return DecoderShape(c, c.Attr<int64_t>("top_paths")); })
      .NoGradient("What is decoded are classes.");
}

}  // namespace weft
