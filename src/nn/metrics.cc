// SPDX-License-Identifier: Apache-2.0
#include "weft/nn/metrics.h"

#include <vector>

#include "src/core/status.h"
#include "src/nn/metric_parts.h"
#include "weft/ops/array.h"

namespace weft::metrics {
namespace {

using internal::BroadcastWeights;
using internal::Minus;
using internal::Plus;
using internal::ToDtype;

Operands AsFloats(const Input& labels, const Input& predictions, const MetricOptions& o) {
  const GraphScope use(GraphOf({&predictions, &labels}));
  return Fitting(ToDtype(predictions, kFloat32), ToDtype(labels, kFloat32), o.weights);
}

// The mean under a name of its own where the user gave none.
Metric MeanOf(const Tensor& values, const std::optional<Input>& weights, MetricOptions o,
              const char* name) {
  o.weights = weights;
  if (o.name.empty()) o.name = name;
  return Mean(values, o);
}

// ---- counts ----

// The sum of the weights where the condition holds.
Metric Count(const Tensor& condition, const std::optional<Input>& weights) {
  const Variable count = LocalZeros("count", {}, kFloat32);
  Tensor values = ToDtype(condition, kFloat32);
  if (weights) values = Multiply(values, BroadcastWeights(*weights, values));
  const Tensor value = Identity(count);
  return {value, count.AssignAdd(ReduceSum(values))};
}

Metric CountWhere(const char* name, bool label, bool prediction, const Input& labels,
                  const Input& predictions, const MetricOptions& o) {
  const OpScope scope(o.name, name, {&predictions, &labels});
  const Operands in = Fitting(ToDtype(predictions, kBool), ToDtype(labels, kBool), o.weights);
  const auto where = [](const Tensor& x, bool wanted) { return wanted ? x : LogicalNot(x); };
  const Tensor both = LogicalAnd(where(in.labels, label), where(in.predictions, prediction));
  return Joined(Count(both, in.weights), o);
}

// part / (part + rest), 0 if there are none.
Tensor Share(const Tensor& part, const Tensor& rest, const char* name) {
  return DivideNoNan(part, Plus(part, rest), name);
}

Metric ShareOf(const Metric& part, const Metric& rest, const MetricOptions& o) {
  const Tensor value = Share(part.value, rest.value, "value");
  return Joined({value, Share(part.update_op, rest.update_op, "update_op")}, o);
}

}  // namespace

Metric Mean(const Input& values, const MetricOptions& o) {
  const OpScope scope(o.name, "mean", {&values});
  Tensor x = ToDtype(values, kFloat32);
  const Variable total = LocalZeros("total", {}, kFloat32);
  const Variable count = LocalZeros("count", {}, kFloat32);
  Tensor number;
  if (o.weights) {
    const Tensor weights = BroadcastWeights(*FittingWeights(o.weights, x), x);
    x = Multiply(x, weights);
    number = ReduceSum(weights);
  } else {
    number = ToDtype(Size(x), kFloat32);
  }
  const Tensor new_total = total.AssignAdd(ReduceSum(x));
  Tensor new_count;
  {
    const ControlDependencies after(std::vector<Tensor>{x}, scope.graph());
    new_count = count.AssignAdd(number);
  }
  const Tensor value = DivideNoNan(total, Maximum(count, 0), "value");
  return Joined({value, DivideNoNan(new_total, Maximum(new_count, 0), "update_op")}, o);
}

Metric MeanTensor(const Input& values, const MetricOptions& o) {
  const OpScope scope(o.name, "mean", {&values});
  Tensor x = ToDtype(values, kFloat32);
  if (!x.shape().IsFullyKnown()) {
    ThrowError(Code::kInvalidArgument, StrCat("MeanTensor needs values of a known shape, not ",
                                              x.shape().ToPythonString()));
  }
  const Shape shape = x.shape().ToShape();
  const Variable total = LocalZeros("total_tensor", shape, kFloat32);
  const Variable count = LocalZeros("count_tensor", shape, kFloat32);
  Tensor number = OnesLike(x);
  if (o.weights) {
    const Tensor weights = BroadcastWeights(*FittingWeights(o.weights, x), x);
    x = Multiply(x, weights);
    number = Multiply(number, weights);
  }
  const Tensor new_total = total.AssignAdd(x);
  Tensor new_count;
  {
    const ControlDependencies after(std::vector<Tensor>{x}, scope.graph());
    new_count = count.AssignAdd(number);
  }
  const Tensor value = DivideNoNan(total, Maximum(count, 0), "value");
  return Joined({value, DivideNoNan(new_total, Maximum(new_count, 0), "update_op")}, o);
}

Metric Accuracy(const Input& labels, const Input& predictions, const MetricOptions& o) {
  const GraphScope use(GraphOf({&predictions, &labels}));
  const Operands in = Fitting(AsTensor(predictions), AsTensor(labels), o.weights);
  const Tensor guess = ToDtype(in.predictions, RemoveRef(in.labels.dtype()));
  return MeanOf(ToDtype(Equal(guess, in.labels), kFloat32), in.weights, o, "accuracy");
}

Metric MeanAbsoluteError(const Input& labels, const Input& predictions, const MetricOptions& o) {
  const Operands in = AsFloats(labels, predictions, o);
  const GraphScope use(in.labels.graph());
  return MeanOf(Abs(Subtract(in.predictions, in.labels)), in.weights, o, "mean_absolute_error");
}

Metric MeanSquaredError(const Input& labels, const Input& predictions, const MetricOptions& o) {
  const Operands in = AsFloats(labels, predictions, o);
  const GraphScope use(in.labels.graph());
  return MeanOf(SquaredDifference(in.predictions, in.labels), in.weights, o, "mean_squared_error");
}

Metric RootMeanSquaredError(const Input& labels, const Input& predictions, const MetricOptions& o) {
  MetricOptions inside = Inside(o);
  inside.name = o.name.empty() ? "root_mean_squared_error" : o.name;
  const Metric square = MeanSquaredError(labels, predictions, inside);
  const GraphScope use(square.value.graph());
  return Joined({Sqrt(square.value), Sqrt(square.update_op)}, o);
}

Metric MeanRelativeError(const Input& labels, const Input& predictions, const Input& normalizer,
                         const MetricOptions& o) {
  const Operands in = AsFloats(labels, predictions, o);
  const GraphScope use(in.labels.graph());
  const Operands scaled = Fitting(in.predictions, ToDtype(normalizer, kFloat32), {});
  const Tensor error = DivideNoNan(Abs(Subtract(in.labels, scaled.predictions)), scaled.labels);
  return MeanOf(error, in.weights, o, "mean_relative_error");
}

Metric MeanCosineDistance(const Input& labels, const Input& predictions, int dim,
                          const MetricOptions& o) {
  const Operands in = AsFloats(labels, predictions, o);
  const GraphScope use(in.labels.graph());
  const Tensor products =
      ReduceSum(Multiply(in.predictions, in.labels), {.axis = {dim}, .keep_dims = true});
  MetricOptions inside = Inside(o);
  inside.name = o.name;
  const Metric mean = MeanOf(products, in.weights, inside, "mean_cosine_distance");
  return Joined({Subtract(1.0f, mean.value), Subtract(1.0f, mean.update_op)}, o);
}

Metric PercentageBelow(const Input& values, const Input& threshold, const MetricOptions& o) {
  const GraphScope use(GraphOf({&values, &threshold}));
  return MeanOf(ToDtype(Less(values, threshold), kFloat32), o.weights, o,
                "percentage_below_threshold");
}

Metric TruePositives(const Input& labels, const Input& predictions, const MetricOptions& o) {
  return CountWhere("true_positives", true, true, labels, predictions, o);
}
Metric FalsePositives(const Input& labels, const Input& predictions, const MetricOptions& o) {
  return CountWhere("false_positives", false, true, labels, predictions, o);
}
Metric TrueNegatives(const Input& labels, const Input& predictions, const MetricOptions& o) {
  return CountWhere("true_negatives", false, false, labels, predictions, o);
}
Metric FalseNegatives(const Input& labels, const Input& predictions, const MetricOptions& o) {
  return CountWhere("false_negatives", true, false, labels, predictions, o);
}

Metric Precision(const Input& labels, const Input& predictions, const MetricOptions& o) {
  const OpScope scope(o.name, "precision", {&predictions, &labels});
  const Metric right = TruePositives(labels, predictions, Inside(o));
  return ShareOf(right, FalsePositives(labels, predictions, Inside(o)), o);
}

Metric Recall(const Input& labels, const Input& predictions, const MetricOptions& o) {
  const OpScope scope(o.name, "recall", {&predictions, &labels});
  const Metric found = TruePositives(labels, predictions, Inside(o));
  return ShareOf(found, FalseNegatives(labels, predictions, Inside(o)), o);
}

Tensor ConfusionMatrix(const Input& labels, const Input& predictions,
                       const ConfusionMatrixOptions& o) {
  const OpScope scope(o.name, "confusion_matrix", {&predictions, &labels});
  const Operands in = Fitting(ToDtype(predictions, kInt64), ToDtype(labels, kInt64), o.weights);
  Tensor classes;
  if (o.num_classes >= 0) {
    classes = AsTensor(Input(Array(o.num_classes)), kInt64, "num_classes");
  } else {
    classes = Plus(Maximum(ReduceMax(in.predictions), ReduceMax(in.labels)), 1);
  }
  const Tensor shape = Stack({classes, classes});
  const Tensor indices = Stack({in.labels, in.predictions}, {.axis = 1});
  const Tensor values = in.weights ? BroadcastWeights(ToDtype(*in.weights, o.dtype),
                                                      OnesLike(in.predictions, o.dtype))
                                   : OnesLike(in.predictions, o.dtype);
  return ScatterNd(indices, values, shape);
}

Metric MeanIou(const Input& labels, const Input& predictions, int64_t num_classes,
               const MetricOptions& o) {
  const OpScope scope(o.name, "mean_iou", {&predictions, &labels});
  const Operands in = Fitting(ToDtype(predictions, kInt64), ToDtype(labels, kInt64), o.weights);
  const Variable total =
      LocalZeros("total_confusion_matrix", Shape({num_classes, num_classes}), kFloat64);
  ConfusionMatrixOptions matrix{.num_classes = num_classes, .dtype = kFloat64};
  if (in.weights) {
    const Tensor ones = OnesLike(in.predictions, kFloat64);
    matrix.weights = Reshape(BroadcastWeights(ToDtype(*in.weights, kFloat64), ones), {-1});
  }
  const Tensor batch =
      ConfusionMatrix(Reshape(in.labels, {-1}), Reshape(in.predictions, {-1}), matrix);
  const Tensor update = total.AssignAdd(batch);
  const auto sum = [&](int axis) { return ToDtype(ReduceSum(total, {.axis = {axis}}), kFloat32); };
  const Tensor right = ToDtype(DiagPart(total), kFloat32);
  const Tensor any = Minus(Plus(sum(0), sum(1)), right);
  // Classes that never came count neither way.
  const Tensor present = ReduceSum(ToDtype(NotEqual(any, 0.0f), kFloat32));
  const Tensor mean = DivideNoNan(ReduceSum(DivideNoNan(right, any)), present, "mean_iou");
  return Joined({mean, update}, o);
}

Metric MeanPerClassAccuracy(const Input& labels, const Input& predictions, int64_t num_classes,
                            const MetricOptions& o) {
  const OpScope scope(o.name, "mean_accuracy", {&predictions, &labels});
  const auto flat = [](const Tensor& x) {
    return x.shape().known_rank() && x.shape().rank() == 1 ? x : Reshape(x, {-1});
  };
  const Tensor truth = flat(ToDtype(labels, kInt64)), guess = flat(ToDtype(predictions, kInt64));
  internal::CheckCompatible(guess, truth);
  const Variable total = LocalZeros("total", Shape({num_classes}), kFloat32);
  const Variable count = LocalZeros("count", Shape({num_classes}), kFloat32);
  Tensor ones = OnesLike(truth, kFloat32);
  Tensor right = ToDtype(Equal(guess, truth), kFloat32);
  if (o.weights) {
    Tensor weights = ToDtype(*o.weights, kFloat32);
    if (!weights.shape().known_rank() || weights.shape().rank() > 1) weights = flat(weights);
    right = Multiply(right, weights);
    ones = Multiply(ones, weights);
  }
  const Tensor new_total = total.ScatterAdd({.values = ones, .indices = truth, .dense_shape = {}});
  const Tensor new_count = count.ScatterAdd({.values = right, .indices = truth, .dense_shape = {}});
  const Tensor mean = ReduceMean(DivideNoNan(count, Maximum(total, 0)), {.name = "mean_accuracy"});
  return Joined({mean, DivideNoNan(new_count, Maximum(new_total, 0), "update_op")}, o);
}

}  // namespace weft::metrics
