// SPDX-License-Identifier: Apache-2.0
// Softmax, its logarithm, and cross entropy of logits.
// kernels: kernels/cpu/nn_softmax.cc   test: tests/ops/nn_softmax_test.cc
#include "src/core/strings.h"
#include "weft/graph/op_def.h"

namespace weft {
namespace {

constexpr const char* kFloats = "T: {half, bfloat16, float, double}";

absl::Status SoftmaxShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(PartialShape s, c.WithRankAtLeast(c.input(0), 1));
  c.set_output(0, std::move(s));
  return absl::OkStatus();
}

// Loss: a vector, one element a row; backprop: the matrix.
void SetLossShapes(ShapeContext& c, const PartialShape& matrix) {
  c.set_output(0, PartialShape::Vector(matrix.dim(0)));
  c.set_output(1, matrix);
}

absl::StatusOr<PartialShape> EqualMatrices(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(const PartialShape logits, c.InputWithRank(0, 2));
  return c.Merge(logits, c.input(1));
}

absl::Status CrossEntropyShape(ShapeContext& c) {
  if (absl::StatusOr<PartialShape> equal = EqualMatrices(c); equal.ok()) {
    SetLossShapes(c, *equal);
    return absl::OkStatus();
  }
  WEFT_ASSIGN_OR_RETURN(const PartialShape both, shape::BroadcastShapes(c.input(0), c.input(1)));
  if (!both.known_rank())
    return absl::InvalidArgumentError(
        "Shape must be broadcasted with rank 2, but is rank is unknown.");
  if (both.rank() != 2) {
    return absl::InvalidArgumentError(
        StrCat("Shape must be broadcasted with rank 2, but is rank ", both.rank()));
  }
  SetLossShapes(c, both);
  return absl::OkStatus();
}

absl::Status SparseCrossEntropyShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(PartialShape logits, c.InputWithRank(0, 2));
  WEFT_ASSIGN_OR_RETURN(const PartialShape labels, c.InputWithRank(1, 1));
  WEFT_ASSIGN_OR_RETURN(const int64_t batch, c.MergeDim(logits.dim(0), labels.dim(0)));
  logits.set_dim(0, batch);
  SetLossShapes(c, logits);
  return absl::OkStatus();
}

Tensor LastAxisSum(NodeAdder& g, Tensor x) {
  return g.Sum(x, g.ConstInts({-1}, "Sum/reduction_indices"), /*keep_dims=*/true);
}

// y = softmax(x): dx = (dy - sum(dy * y)) * y.
void SoftmaxGradient(GradientContext& g) {
  const Tensor dy = g.dy(0), y = g.output(0);
  g.SetDx(0, g.Mul(g.Sub(dy, LastAxisSum(g, g.Mul(dy, y))), y));
}

// y = log softmax(x): dx = dy - sum(dy) * e^y.
void LogSoftmaxGradient(GradientContext& g) {
  const Tensor dy = g.dy(0), softmax = g.Op("Exp", {g.output(0)});
  g.SetDx(0, g.Sub(dy, g.Mul(LastAxisSum(g, dy), softmax)));
}

Tensor ScaleRows(NodeAdder& g, Tensor factors, Tensor matrix) {
  return g.Mul(g.Op("ExpandDims", {factors, g.ConstInt(-1, "ExpandDims/dim")}), matrix);
}

// True if the operands are known to differ in shape, so that one of them was broadcast.
bool WereBroadcast(Tensor a, Tensor b) {
  return a.shape().IsFullyKnown() && b.shape().IsFullyKnown() && !(a.shape() == b.shape());
}

// The logits in the shape of the result.
Tensor FullLogits(GradientContext& g) {
  const Tensor logits = g.input(0);
  if (!WereBroadcast(logits, g.output(1))) return logits;
  return g.Op("BroadcastTo", {logits, g.Shape(g.output(1))});
}

// The gradient for the logits. Output 1 is softmax - labels, computed beside the loss; where a
// gradient flows into it too (second order), that passes the Jacobian of softmax.
Tensor LogitsGradient(GradientContext& g) {
  Tensor dx = ScaleRows(g, g.dy(0), g.output(1));
  if (g.dy_raw(1).none()) return dx;
  const Tensor v = g.dy(1), softmax = g.Op("Softmax", {FullLogits(g)});
  const Tensor row = g.Op("ExpandDims", {v, g.ConstInt(1, "ExpandDims/dim")});
  const Tensor column = g.Op("ExpandDims", {softmax, g.ConstInt(2, "ExpandDims/dim")});
  const Tensor dot = g.Op("Squeeze", {g.Op("BatchMatMulV2", {row, column}, {}, "MatMul")},
                          {{"squeeze_dims", std::vector<int64_t>{1}}});
  return g.Add(dx, g.Mul(g.Sub(v, dot), softmax));
}

void CrossEntropyGradient(GradientContext& g) {
  const Tensor d_logits = LogitsGradient(g);
  const Tensor negative_log = g.needs_dx(1) ? g.Neg(g.Op("LogSoftmax", {FullLogits(g)})) : Tensor();
  const Tensor d_labels = negative_log.valid() ? ScaleRows(g, g.dy(0), negative_log) : Tensor();
  if (WereBroadcast(g.input(0), g.input(1))) {
    g.SetBroadcastDx(0, d_logits, 1, d_labels);
    return;
  }
  g.SetDx(0, d_logits);
  if (d_labels.valid()) g.SetDx(1, d_labels);
}

void SparseCrossEntropyGradient(GradientContext& g) { g.SetDx(0, LogitsGradient(g)); }

}  // namespace

void RegisterNnSoftmaxOps(OpRegistry& ops) {
  ops.Add("Softmax")
      .Summary("e^logits divided by their sum, along the last dimension.")
      .Input("logits: T")
      .Output("softmax: T")
      .Attr(kFloats)
      .Shape(SoftmaxShape)
      .Gradient(SoftmaxGradient);
  ops.Add("LogSoftmax")
      .Summary("logits - log(sum(e^logits)), along the last dimension.")
      .Input("logits: T")
      .Output("logsoftmax: T")
      .Attr(kFloats)
      .Shape(SoftmaxShape)
      .Gradient(LogSoftmaxGradient);
  ops.Add("SoftmaxCrossEntropyWithLogits")
      .Summary(
          "The cross entropy of each row's softmax and its label distribution, and the "
          "gradient of that for the logits.")
      .Input("features: T")
      .Input("labels: T")
      .Output("loss: T")
      .Output("backprop: T")
      .Attr(kFloats)
      .Shape(CrossEntropyShape)
      .Gradient(CrossEntropyGradient);
  ops.Add("SparseSoftmaxCrossEntropyWithLogits")
      .Summary("-log of each row's softmax at its label, and the gradient of that for the logits.")
      .Input("features: T")
      .Input("labels: Tlabels")
      .Output("loss: T")
      .Output("backprop: T")
      .Attr(kFloats)
      .Attr("Tlabels: {int32, int64} = DT_INT64")
      .Shape(SparseCrossEntropyShape)
      .Gradient(SparseCrossEntropyGradient);
}

}  // namespace weft
