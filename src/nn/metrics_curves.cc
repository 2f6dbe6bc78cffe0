// SPDX-License-Identifier: Apache-2.0
// Measures at thresholds, and the curves that they are points of.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "src/core/status.h"
#include "src/nn/metric_parts.h"
#include "weft/nn/metrics.h"
#include "weft/ops/array.h"
#include "weft/ops/logging.h"

namespace weft::metrics {
namespace {

using internal::BroadcastWeights;
using internal::Minus;
using internal::Plus;
using internal::Times;
using internal::ToDtype;

// Keeps thresholds off 0 and 1, and divisors off 0.
constexpr float kTiny = 1e-7f;

// ---- counts at thresholds ----

struct Kinds {
  bool tp = false, fn = false, tn = false, fp = false;
};
constexpr Kinds kAll = {true, true, true, true};

// Sums at each threshold; those that were asked for.
struct Counts {
  Tensor tp, fn, tn, fp;
};
struct CountsAt {
  Counts value, update;
};

Operation Require(const Tensor& holds, const char* relation, const Tensor& x, float bound) {
  return Assert(ReduceAll(holds),
                {"predictions must be in [0, 1]",
                 StrCat("Condition x ", relation, " y did not hold element-wise:"),
                 StrCat("x (", x.name(), ") = "), x, "y = ", bound});
}

// The predictions, after they were found to be in [0, 1].
Tensor Checked(const Input& predictions) {
  const Tensor x = ToDtype(predictions, kFloat32);
  const ControlDependencies after(
      {Require(GreaterEqual(x, 0.0f), ">=", x, 0), Require(LessEqual(x, 1.0f), "<=", x, 1)},
      x.graph());
  return Identity(x);
}

// Needs a scope. Values are the variables, updates add this batch to them.
CountsAt CountAt(const Input& labels, const Input& predictions, const Thresholds& at,
                 const std::optional<Input>& weights_in, Kinds kinds) {
  const int points = static_cast<int>(at.size());
  const Operands in = Fitting(Checked(predictions), ToDtype(labels, kBool), weights_in);
  // [1, n] against thresholds [points, 1].
  const Tensor guess = Reshape(in.predictions, {1, -1}), truth = Reshape(in.labels, {1, -1});
  const Tensor thresholds =
      Constant(Array::FromVector(std::vector<float>(at), Shape({points, 1})), "thresholds");
  const Tensor positive = Greater(guess, thresholds);
  Tensor negative, is_false, weights;
  if (kinds.fn || kinds.tn) negative = LogicalNot(positive);
  if (kinds.tn || kinds.fp) is_false = LogicalNot(truth);
  if (in.weights) {
    const Tensor each = ToDtype(*in.weights, kFloat32);
    weights = Reshape(BroadcastWeights(each, in.predictions), {1, -1});
  }
  CountsAt counts;
  const auto count = [&](const char* name, const Tensor& a, const Tensor& b, Tensor Counts::*kind) {
    const Variable sum = LocalZeros(name, Shape({points}), kFloat32);
    Tensor hits = ToDtype(LogicalAnd(a, b), kFloat32);
    if (weights.valid()) hits = Multiply(hits, weights);
    counts.update.*kind = sum.AssignAdd(ReduceSum(hits, {.axis = {1}}));
    counts.value.*kind = sum.AsTensor();
  };
  if (kinds.tp) count("true_positives", positive, truth, &Counts::tp);
  if (kinds.fn) count("false_negatives", negative, truth, &Counts::fn);
  if (kinds.tn) count("true_negatives", negative, is_false, &Counts::tn);
  if (kinds.fp) count("false_positives", positive, is_false, &Counts::fp);
  return counts;
}

Metric OneKind(const char* name, Kinds kinds, Tensor Counts::*kind, const Input& labels,
               const Input& predictions, const Thresholds& at, const MetricOptions& o) {
  const OpScope scope(o.name, name, {&predictions, &labels});
  const CountsAt counts = CountAt(labels, predictions, at, o.weights, kinds);
  return Joined({counts.value.*kind, counts.update.*kind}, o);
}

// part / (part + rest).
Metric ShareAt(const char* name, Kinds kinds, Tensor Counts::*rest, const char* prefix,
               const Input& labels, const Input& predictions, const Thresholds& at,
               const MetricOptions& o) {
  const OpScope scope(o.name, name, {&predictions, &labels});
  const CountsAt counts = CountAt(labels, predictions, at, o.weights, kinds);
  const auto share = [&](const Counts& c, const char* which) {
    return RealDiv(c.tp, Plus(Plus(kTiny, c.tp), c.*rest), StrCat(prefix, which));
  };
  return Joined({share(counts.value, "value"), share(counts.update, "update_op")}, o);
}

// ---- curves ----

// That many, evenly spread, the first below 0; the last is `end`.
Thresholds Spread(int points, float end) {
  if (points < 2) {
    ThrowError(Code::kInvalidArgument, StrCat("num_thresholds must be 2 at least, not ", points));
  }
  Thresholds thresholds = {-kTiny};
  for (int i = 1; i + 1 < points; ++i)
    thresholds.push_back(static_cast<float>(i * 1.0 / (points - 1)));
  thresholds.push_back(end);
  return thresholds;
}

// Points of a curve but the last one, and but the first one.
struct Ends {
  Tensor first, last;
};
Ends EndsOf(const Tensor& t, int points) {
  return {Slice(t, {0}, {points - 1}), Slice(t, {1}, {points - 1})};
}

// Between two points of the curve of precision and recall the positives grow evenly, true and
// false ones, but precision does not: https://doi.org/10.1145/1143844.1143874.
Tensor InterpolatedArea(const Counts& c, int points) {
  const Ends tp = EndsOf(c.tp, points), p = EndsOf(Plus(c.tp, c.fp), points);
  const Tensor more = Minus(tp.first, tp.last);
  const Tensor slope = DivideNoNan(more, Maximum(Minus(p.first, p.last), 0), "prec_slope");
  const Tensor intercept = Minus(tp.last, Multiply(slope, p.last));
  const Tensor both = LogicalAnd(Greater(p.first, 0.0f), Greater(p.last, 0.0f));
  const Tensor ratio = Where(
      both, DivideNoNan(p.first, Maximum(p.last, 0), "recall_relative_ratio"), OnesLike(p.last));
  const Tensor area = Times(slope, Plus(more, Times(intercept, Log(ratio))));
  const Tensor positives = Maximum(Plus(tp.last, EndsOf(c.fn, points).last), 0);
  return ReduceSum(DivideNoNan(area, positives, "pr_auc_increment"),
                   {.name = "interpolate_pr_auc"});
}

Tensor Area(const Counts& c, const AucOptions& auc, int points, const char* name) {
  const bool is_roc = auc.curve == Curve::kRoc;
  if (!is_roc && auc.summation == Summation::kCarefulInterpolation)
    return InterpolatedArea(c, points);
  constexpr float kEpsilon = 1e-6f;
  const Tensor recall = RealDiv(Plus(c.tp, kEpsilon), Plus(Plus(c.tp, c.fn), kEpsilon));
  const Tensor other = is_roc ? RealDiv(c.fp, Plus(Plus(c.fp, c.tn), kEpsilon))
                              : RealDiv(Plus(c.tp, kEpsilon), Plus(Plus(c.tp, c.fp), kEpsilon));
  const Ends x = EndsOf(is_roc ? other : recall, points),
             y = EndsOf(is_roc ? recall : other, points);
  Tensor heights;
  switch (auc.summation) {
    case Summation::kMinoring:
      heights = Minimum(y.first, y.last);
      break;
    case Summation::kMajoring:
      heights = Maximum(y.first, y.last);
      break;
    default:
      heights = internal::DivideOperator(Plus(y.first, y.last), 2.0f);
  }
  return ReduceSum(Multiply(Minus(x.first, x.last), heights), {.name = name});
}

void CheckShare(const char* name, float x) {
  if (x >= 0 && x <= 1) return;
  ThrowError(Code::kInvalidArgument, StrCat("`", name, "` must be in the range [0, 1], not ", x));
}

// part / (part + rest) at one point of the curve.
Tensor ShareOfPoint(const Tensor& part, const Tensor& rest, const Tensor& point, const char* name) {
  const Tensor one = Gather(part, point);
  return RealDiv(one, Plus(Plus(one, Gather(rest, point)), kTiny), name);
}

Tensor DistanceFrom(float goal, const Tensor& part, const Tensor& rest) {
  return Abs(Minus(RealDiv(part, Plus(Plus(part, rest), kTiny)), goal));
}

}  // namespace

Metric TruePositivesAtThresholds(const Input& labels, const Input& predictions,
                                 const Thresholds& at, const MetricOptions& o) {
  return OneKind("true_positives", {.tp = true}, &Counts::tp, labels, predictions, at, o);
}
Metric FalsePositivesAtThresholds(const Input& labels, const Input& predictions,
                                  const Thresholds& at, const MetricOptions& o) {
  return OneKind("false_positives", {.fp = true}, &Counts::fp, labels, predictions, at, o);
}
Metric TrueNegativesAtThresholds(const Input& labels, const Input& predictions,
                                 const Thresholds& at, const MetricOptions& o) {
  return OneKind("true_negatives", {.tn = true}, &Counts::tn, labels, predictions, at, o);
}
Metric FalseNegativesAtThresholds(const Input& labels, const Input& predictions,
                                  const Thresholds& at, const MetricOptions& o) {
  return OneKind("false_negatives", {.fn = true}, &Counts::fn, labels, predictions, at, o);
}

Metric PrecisionAtThresholds(const Input& labels, const Input& predictions, const Thresholds& at,
                             const MetricOptions& o) {
  return ShareAt("precision_at_thresholds", {.tp = true, .fp = true}, &Counts::fp, "precision_",
                 labels, predictions, at, o);
}
Metric RecallAtThresholds(const Input& labels, const Input& predictions, const Thresholds& at,
                          const MetricOptions& o) {
  return ShareAt("recall_at_thresholds", {.tp = true, .fn = true}, &Counts::fn, "recall_", labels,
                 predictions, at, o);
}

Metric Auc(const Input& labels, const Input& predictions, const AucOptions& auc,
           const MetricOptions& o) {
  Thresholds thresholds;
  if (auc.thresholds.empty()) {
    thresholds = Spread(auc.num_thresholds, 1 + kTiny);
  } else {
    thresholds = auc.thresholds;
    thresholds.insert(thresholds.end(), {-kTiny, 1 + kTiny});
    std::sort(thresholds.begin(), thresholds.end());
  }
  const int points = static_cast<int>(thresholds.size());
  const OpScope scope(o.name, "auc", {&predictions, &labels});
  const CountsAt counts = CountAt(labels, predictions, thresholds, o.weights, kAll);
  const Tensor value = Area(counts.value, auc, points, "value");
  return Joined({value, Area(counts.update, auc, points, "update_op")}, o);
}

Metric SensitivityAtSpecificity(const Input& labels, const Input& predictions, float specificity,
                                int num_thresholds, const MetricOptions& o) {
  CheckShare("specificity", specificity);
  const Thresholds thresholds = Spread(num_thresholds, 1 + kTiny);
  const OpScope scope(o.name, "sensitivity_at_specificity", {&predictions, &labels});
  const CountsAt counts = CountAt(labels, predictions, thresholds, o.weights, kAll);
  const auto at = [&](const Counts& c, const char* name) {
    const Tensor point = ArgMin(DistanceFrom(specificity, c.tn, c.fp), 0);
    return ShareOfPoint(c.tp, c.fn, point, name);
  };
  return Joined({at(counts.value, "value"), at(counts.update, "update_op")}, o);
}

Metric SpecificityAtSensitivity(const Input& labels, const Input& predictions, float sensitivity,
                                int num_thresholds, const MetricOptions& o) {
  CheckShare("sensitivity", sensitivity);
  const Thresholds thresholds = Spread(num_thresholds, 1 - kTiny);
  const OpScope scope(o.name, "specificity_at_sensitivity", {&predictions, &labels});
  const CountsAt counts = CountAt(labels, predictions, thresholds, o.weights, kAll);
  const auto at = [&](const Counts& c, const char* name) {
    const Tensor distance = DistanceFrom(sensitivity, c.tp, c.fn);
    // Of equal distances the one of the highest threshold.
    const Tensor nearest = ToDtype(Equal(distance, ReduceMin(distance)), kInt64);
    return ShareOfPoint(c.tn, c.fp, ArgMax(Cumsum(nearest), 0), name);
  };
  return Joined({at(counts.value, "value"), at(counts.update, "update_op")}, o);
}

}  // namespace weft::metrics
