// SPDX-License-Identifier: Apache-2.0
#include "weft/nn/losses.h"

#include <vector>

#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/nn/weights.h"
#include "src/ops/op_scope.h"
#include "src/ops/operators.h"
#include "weft/framework/regularizers.h"
#include "weft/graph/op_builder.h"
#include "weft/ops/activation.h"
#include "weft/ops/array.h"
#include "weft/ops/basic.h"
#include "weft/ops/logical.h"
#include "weft/ops/math_unary.h"
#include "weft/ops/nn.h"
#include "weft/ops/reduction.h"

namespace weft::losses {
namespace {

using internal::AssertBroadcastable;
using internal::BroadcastWeights;
using internal::CheckCompatible;
using internal::Minus;
using internal::Plus;
using internal::Times;
using internal::ToDtype;

// ---- dividing by the number of losses ----

// 1 for each loss whose weight is not 0: their sum; with per_batch that of each row.
Tensor NumPresent(const Tensor& losses, const Tensor& weights, bool per_batch = false) {
  const Input a(losses), b(weights);
  const OpScope scope("", "num_present", {&a, &b});
  const Tensor is_zero = Equal(weights, 0.0f);
  const Tensor none = ZerosLike(weights), one = OnesLike(weights);
  const Tensor present = BroadcastWeights(Where(is_zero, none, one), losses);
  if (!per_batch) return ReduceSum(present, {.name = scope.name()});
  const Tensor rows = Range(1, Rank(present), 1);
  return ReduceSum(present, {.axis = rows, .keep_dims = true, .name = scope.name()});
}

Tensor NumElements(const Tensor& losses) {
  const Input operand(losses);
  const OpScope scope("", "num_elements", {&operand});
  return ToDtype(Size(losses, {.name = scope.name()}), losses.dtype());
}

Tensor SafeMean(const Tensor& losses, const Tensor& count) {
  return DivideNoNan(ReduceSum(losses), count, "value");
}

Tensor Reduced(const Tensor& weighted, const Tensor& losses, const Tensor& weights,
               Reduction reduction) {
  if (reduction == Reduction::kNone) return weighted;
  const Tensor sum = ReduceSum(weighted);
  switch (reduction) {
    case Reduction::kMean:
      return SafeMean(sum, ReduceSum(Times(OnesLike(losses), weights)));
    case Reduction::kSumByNonzeroWeights:
      return SafeMean(sum, NumPresent(losses, weights));
    case Reduction::kSumOverBatchSize:
      return SafeMean(sum, NumElements(losses));
    default:
      return sum;
  }
}

Tensor Joined(const Tensor& loss, const LossOptions& o) {
  if (!o.loss_collection.empty()) AddLoss(loss, o.loss_collection);
  return loss;
}

// ---- what the losses share ----

// Two operands of one shape, as float32, in a scope of their own.
struct Operands {
  Operands(const Input& labels_in, const Input& predictions_in, const LossOptions& options,
           const char* default_scope)
      : scope(options.scope, default_scope, {&predictions_in, &labels_in, &options.weights}),
        predictions(ToDtype(predictions_in, kFloat32)),
        labels(ToDtype(labels_in, kFloat32)) {
    CheckCompatible(predictions, labels);
  }
  // The end of the loss, in the same scope.
  Tensor Finish(const Tensor& losses, const LossOptions& options) const {
    LossOptions inside = options;
    inside.scope = scope.name();
    return ComputeWeightedLoss(losses, inside);
  }

  OpScope scope;
  Tensor predictions, labels;
};

Tensor SqueezeLast(const Tensor& x) { return Squeeze(x, {-1}); }

}  // namespace

Tensor ComputeWeightedLoss(const Input& losses, const LossOptions& o) {
  const OpScope scope(o.scope, "weighted_loss", {&losses, &o.weights});
  const Tensor given = AsTensor(losses, kInvalidType, "losses");
  const ControlDependencies after({AssertBroadcastable(o.weights, given)}, scope.graph());
  const DataType dtype = RemoveRef(given.dtype());
  const Tensor values = ToDtype(given, kFloat32), weights = ToDtype(o.weights, kFloat32);
  const Tensor weighted = OpBuilder("Mul", NameOptions()).In(values).In(weights).Output();
  return Joined(ToDtype(Reduced(weighted, values, weights, o.reduction), dtype), o);
}

Tensor AbsoluteDifference(const Input& labels, const Input& predictions, const LossOptions& o) {
  const Operands in(labels, predictions, o, "absolute_difference");
  return in.Finish(Abs(Subtract(in.predictions, in.labels)), o);
}

Tensor CosineDistance(const Input& labels, const Input& predictions, int axis,
                      const LossOptions& o) {
  const Operands in(labels, predictions, o, "cosine_distance_loss");
  const Tensor products = Multiply(in.predictions, in.labels);
  return in.Finish(Minus(1, ReduceSum(products, {.axis = {axis}, .keep_dims = true})), o);
}

Tensor HingeLoss(const Input& labels, const Input& logits, const LossOptions& o) {
  const Operands in(labels, logits, o, "hinge_loss");
  const Tensor ones = OnesLike(in.labels);
  const Tensor signs = Subtract(Times(2, in.labels), ones);
  return in.Finish(nn::Relu(Subtract(ones, Multiply(signs, in.predictions))), o);
}

Tensor HuberLoss(const Input& labels, const Input& predictions, float delta, const LossOptions& o) {
  const Operands in(labels, predictions, o, "huber_loss");
  const Tensor error = Abs(Subtract(in.predictions, in.labels));
  const Tensor quadratic = Minimum(error, delta);
  const Tensor linear = Subtract(error, quadratic);
  const Tensor half = AsTensor(Input(0.5f), kFloat32);
  const Tensor inside = Multiply(half, Multiply(quadratic, quadratic));
  return in.Finish(Add(inside, Multiply(delta, linear)), o);
}

Tensor LogLoss(const Input& labels, const Input& predictions, float epsilon, const LossOptions& o) {
  const Operands in(labels, predictions, o, "log_loss");
  const Tensor of_one = Multiply(in.labels, Log(Plus(in.predictions, epsilon)));
  const Tensor negative = Negative(of_one);
  const Tensor rest = Minus(1, in.labels);
  const Tensor of_zero = Multiply(rest, Log(Plus(Minus(1, in.predictions), epsilon)));
  return in.Finish(Minus(negative, of_zero), o);
}

Tensor MeanPairwiseSquaredError(const Input& labels, const Input& predictions,
                                const LossOptions& o) {
  const Operands in(labels, predictions, o, "mean_pairwise_squared_error");
  const Tensor weights = ToDtype(o.weights, kFloat32);
  const ControlDependencies after({AssertBroadcastable(weights, in.labels)}, in.scope.graph());
  const Tensor off = Subtract(in.predictions, in.labels);
  const Tensor axes = Range(1, Rank(off), 1);
  const auto sum = [&](const Tensor& x) { return ReduceSum(x, {.axis = axes, .keep_dims = true}); };
  // The mean over pairs of (d_i - d_j)^2 is 2 (n sum d^2 - (sum d)^2) / (n (n - 1)).
  const Tensor squares = sum(Square(off));
  const Tensor present = NumPresent(off, weights, true);
  const Tensor term1 = Times(2, DivideNoNan(squares, Maximum(Minus(present, 1), 0), "value"));
  const Tensor total = sum(off);
  const Tensor pairs = Multiply(present, Minus(present, 1));
  const Tensor term2 = Times(2, DivideNoNan(Square(total), Maximum(pairs, 0), "value"));
  const Tensor loss = ReduceSum(Multiply(Minus(term1, term2), weights));
  const Tensor any = Greater(ReduceSum(present), 0.0f);
  return Joined(Where(any, loss, ZerosLike(loss), "value"), o);
}

Tensor MeanSquaredError(const Input& labels, const Input& predictions, const LossOptions& o) {
  const Operands in(labels, predictions, o, "mean_squared_error");
  return in.Finish(SquaredDifference(in.predictions, in.labels), o);
}

Tensor SigmoidCrossEntropy(const Input& multi_class_labels, const Input& logits,
                           float label_smoothing, const LossOptions& o) {
  const OpScope scope(o.scope, "sigmoid_cross_entropy_loss",
                      {&logits, &multi_class_labels, &o.weights});
  const Tensor x = AsTensor(logits);
  Tensor labels = ToDtype(multi_class_labels, RemoveRef(x.dtype()));
  CheckCompatible(x, labels);
  if (label_smoothing > 0)
    labels = Plus(Times(labels, 1 - label_smoothing), 0.5f * label_smoothing);
  LossOptions inside = o;
  inside.scope = scope.name();
  return ComputeWeightedLoss(nn::SigmoidCrossEntropyWithLogits(labels, x, "xentropy"), inside);
}

Tensor SoftmaxCrossEntropy(const Input& onehot_labels, const Input& logits, float label_smoothing,
                           const LossOptions& o) {
  const OpScope scope(o.scope, "softmax_cross_entropy_loss", {&logits, &onehot_labels, &o.weights});
  const Tensor x = AsTensor(logits);
  const DataType dtype = RemoveRef(x.dtype());
  Tensor labels = ToDtype(onehot_labels, dtype);
  CheckCompatible(x, labels);
  if (label_smoothing > 0) {
    const Tensor shape = ShapeOf(labels);
    const Tensor classes = ToDtype(internal::SliceOf(shape, {-1}, {0}, "shrink_axis_mask"), dtype);
    const Tensor negatives = internal::DivideOperator(label_smoothing, classes);
    labels = Plus(Times(labels, 1 - label_smoothing), negatives);
  }
  labels = StopGradient(labels, "labels_stop_gradient");
  LossOptions inside = o;
  inside.scope = scope.name();
  return ComputeWeightedLoss(nn::SoftmaxCrossEntropyWithLogitsV2(labels, x, {.name = "xentropy"}),
                             inside);
}

Tensor SparseSoftmaxCrossEntropy(const Input& labels, const Input& logits, const LossOptions& o) {
  const OpScope scope(o.scope, "sparse_softmax_cross_entropy_loss", {&logits, &labels, &o.weights});
  Tensor classes = AsTensor(labels), x = AsTensor(logits);
  if (classes.shape().known_rank() && x.shape().known_rank()) {
    const int extra = x.shape().rank() - classes.shape().rank() - 1;
    if (extra == 1 && x.shape().dim(-1) == 1) x = SqueezeLast(x);
    if (extra == -1) classes = SqueezeLast(classes);
  }
  LossOptions inside = o;
  inside.scope = scope.name();
  const PartialShape weights = o.weights.shape();
  if (weights.known_rank() && classes.shape().known_rank() && weights.rank() > 0 &&
      weights.rank() - classes.shape().rank() == 1) {
    inside.weights = SqueezeLast(AsTensor(o.weights));
  }
  return ComputeWeightedLoss(nn::SparseSoftmaxCrossEntropyWithLogits(classes, x, "xentropy"),
                             inside);
}

Tensor GetTotalLoss(const TotalLossOptions& o) {
  std::vector<Tensor> losses = GetLosses(o.scope);
  if (losses.empty()) ThrowError(Code::kInvalidArgument, "No losses found in loss collection.");
  if (o.add_regularization_losses) {
    for (const Tensor& penalty : GetRegularizationLosses(o.scope)) losses.push_back(penalty);
  }
  return AddN(std::vector<Input>(losses.begin(), losses.end()), o.name);
}

}  // namespace weft::losses
