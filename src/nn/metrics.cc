// SPDX-License-Identifier: Apache-2.0
#include "weft/nn/metrics.h"

#include <utility>
#include <vector>

#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/nn/weights.h"
#include "src/ops/op_scope.h"
#include "src/ops/operators.h"
#include "weft/framework/regularizers.h"
#include "weft/framework/variable.h"
#include "weft/ops/array.h"
#include "weft/ops/basic.h"
#include "weft/ops/logical.h"
#include "weft/ops/math_unary.h"
#include "weft/ops/reduction.h"

namespace weft::metrics {
namespace {

using internal::BroadcastWeights;
using internal::Minus;
using internal::Plus;
using internal::ToDtype;

Variable LocalZeros(const char* name, const Shape& shape, DataType dtype) {
  return Variable([shape, dtype] { return Zeros(shape, dtype); },
                  {.name = name,
                   .trainable = false,
                   .collections = std::vector<std::string>{GraphKeys::kLocalVariables,
                                                           GraphKeys::kMetricVariables}});
}

Metric Joined(Metric metric, const MetricOptions& o) {
  if (!o.metrics_collection.empty()) AddToCollection(o.metrics_collection, metric.value);
  if (!o.updates_collection.empty()) AddToCollection(o.updates_collection, metric.update_op);
  return metric;
}

// Predictions, labels and weights, each without a last dimension of size 1 that it has too much.
struct Operands {
  Tensor predictions, labels;
  std::optional<Input> weights;
};

bool HasOneMore(const PartialShape& a, const PartialShape& b) {
  return a.known_rank() && b.known_rank() && a.rank() == b.rank() + 1 && a.dim(-1) <= 1;
}

std::optional<Input> FittingWeights(const std::optional<Input>& weights, const Tensor& values) {
  if (!weights || !HasOneMore(weights->shape(), values.shape())) return weights;
  if (weights->shape().rank() == 0) return weights;
  return Input(Squeeze(*weights, {-1}));
}

Operands Fitting(Tensor predictions, Tensor labels, const std::optional<Input>& weights) {
  if (HasOneMore(predictions.shape(), labels.shape())) {
    predictions = Squeeze(predictions, {-1});
  } else if (HasOneMore(labels.shape(), predictions.shape())) {
    labels = Squeeze(labels, {-1});
  }
  internal::CheckCompatible(predictions, labels);
  return {predictions, labels, FittingWeights(weights, predictions)};
}

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

// Those of a measure inside: it joins no collection itself.
MetricOptions Inside(const MetricOptions& o) { return {.weights = o.weights}; }

// ---- area below a curve ----

// Sums at each threshold, all of one kind.
struct Counts {
  Tensor tp, fn, tn, fp;
};

Tensor Area(const Counts& c, Curve curve, int points, const char* name) {
  // Keeps 0 / 0 away.
  constexpr float kEpsilon = 1e-6f;
  const Tensor recall = RealDiv(Plus(c.tp, kEpsilon), Plus(Plus(c.tp, c.fn), kEpsilon));
  Tensor x = recall, y;
  if (curve == Curve::kRoc) {
    x = RealDiv(c.fp, Plus(Plus(c.fp, c.tn), kEpsilon));
    y = recall;
  } else {
    y = RealDiv(Plus(c.tp, kEpsilon), Plus(Plus(c.tp, c.fp), kEpsilon));
  }
  const auto first = [points](const Tensor& t) { return Slice(t, {0}, {points - 1}); };
  const auto last = [points](const Tensor& t) { return Slice(t, {1}, {points - 1}); };
  const Tensor widths = Minus(first(x), last(x));
  const Tensor heights = internal::DivideOperator(Plus(first(y), last(y)), 2.0f);
  return ReduceSum(Multiply(widths, heights), {.name = name});
}

std::vector<float> Thresholds(int points) {
  std::vector<float> thresholds = {-1e-7f};
  for (int i = 1; i + 1 < points; ++i)
    thresholds.push_back(static_cast<float>(i) / static_cast<float>(points - 1));
  thresholds.push_back(1 + 1e-7f);
  return thresholds;
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

Metric Auc(const Input& labels, const Input& predictions, const AucOptions& auc,
           const MetricOptions& o) {
  if (auc.num_thresholds < 2) {
    ThrowError(Code::kInvalidArgument,
               StrCat("Auc needs 2 thresholds at least, not ", auc.num_thresholds));
  }
  const OpScope scope(o.name, "auc", {&predictions, &labels});
  const Operands in = Fitting(ToDtype(predictions, kFloat32), ToDtype(labels, kBool), o.weights);
  // [1, n] against thresholds [points, 1].
  const Tensor guess = Reshape(in.predictions, {1, -1}), truth = Reshape(in.labels, {1, -1});
  const int points = auc.num_thresholds;
  const Tensor thresholds =
      Constant(Array::FromVector(Thresholds(points), Shape({points, 1})), "thresholds");
  const Tensor positive = Greater(guess, thresholds), negative = LogicalNot(positive);
  const Tensor is_false = LogicalNot(truth);
  Tensor weights;
  if (in.weights) weights = Reshape(BroadcastWeights(*in.weights, in.predictions), {1, -1});
  Counts now, then;
  const auto count = [&](const char* name, const Tensor& a, const Tensor& b, Tensor* value,
                         Tensor* update) {
    const Variable sum = LocalZeros(name, Shape({points}), kFloat32);
    Tensor hits = ToDtype(LogicalAnd(a, b), kFloat32);
    if (weights.valid()) hits = Multiply(hits, weights);
    *update = sum.AssignAdd(ReduceSum(hits, {.axis = {1}}));
    *value = sum.AsTensor();
  };
  count("true_positives", positive, truth, &now.tp, &then.tp);
  count("false_negatives", negative, truth, &now.fn, &then.fn);
  count("true_negatives", negative, is_false, &now.tn, &then.tn);
  count("false_positives", positive, is_false, &now.fp, &then.fp);
  const Tensor value = Area(now, auc.curve, points, "value");
  return Joined({value, Area(then, auc.curve, points, "update_op")}, o);
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

}  // namespace weft::metrics
