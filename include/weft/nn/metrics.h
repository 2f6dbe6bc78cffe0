// SPDX-License-Identifier: Apache-2.0
// Measures over many batches: tf.metrics.
//
//   auto accuracy = wf::metrics::Accuracy(labels, predictions);
//   session.Run(wf::LocalVariablesInitializer());
//   for (...) session.Run(accuracy.update_op, {{x, batch}, ...});
//   wf::Array result = session.Run(accuracy.value);
//
// Each function makes local variables ("accuracy/total", "accuracy/count", which also join
// GraphKeys::kMetricVariables), an op that adds a batch to them, and the measure of all batches so
// far; 0 before the first one. Weights are a scalar or fit the values as those of losses do; a last
// dimension of size 1 that labels, predictions or weights have too much is taken off. Nothing here
// has a gradient. Two sessions, and two runs at once, share no more than the variables: updates
// that run at the same time are both counted.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "weft/graph/input.h"
#include "weft/ops/sets.h"

namespace weft::metrics {

struct Metric {
  Tensor value;      // of what the variables hold
  Tensor update_op;  // adds this run's batch; the measure after it
};

struct MetricOptions {
  std::optional<Input> weights = {};    // none: all are 1
  std::string metrics_collection = {};  // that `value` joins; "" for none
  std::string updates_collection = {};  // that `update_op` joins; "" for none
  std::string name = {};
};

// The weighted mean of all elements.
Metric Mean(const Input& values, const MetricOptions& options = {});
// The weighted mean of each element. Values have a known shape.
Metric MeanTensor(const Input& values, const MetricOptions& options = {});
// The part of the predictions that equal the labels.
Metric Accuracy(const Input& labels, const Input& predictions, const MetricOptions& options = {});
// The mean of |p - l|, of (p - l)^2, its root, and of |l - p| / normalizer (0 where that is 0).
Metric MeanAbsoluteError(const Input& labels, const Input& predictions,
                         const MetricOptions& options = {});
Metric MeanSquaredError(const Input& labels, const Input& predictions,
                        const MetricOptions& options = {});
Metric RootMeanSquaredError(const Input& labels, const Input& predictions,
                            const MetricOptions& options = {});
Metric MeanRelativeError(const Input& labels, const Input& predictions, const Input& normalizer,
                         const MetricOptions& options = {});
// 1 - mean of sum(l p) along a dimension, of vectors of length 1.
Metric MeanCosineDistance(const Input& labels, const Input& predictions, int dim,
                          const MetricOptions& options = {});
// The part of the values that are below the threshold.
Metric PercentageBelow(const Input& values, const Input& threshold,
                       const MetricOptions& options = {});

// Sums of weights. Labels and predictions count as false if they are 0.
Metric TruePositives(const Input& labels, const Input& predictions,
                     const MetricOptions& options = {});
Metric FalsePositives(const Input& labels, const Input& predictions,
                      const MetricOptions& options = {});
Metric TrueNegatives(const Input& labels, const Input& predictions,
                     const MetricOptions& options = {});
Metric FalseNegatives(const Input& labels, const Input& predictions,
                      const MetricOptions& options = {});
// tp / (tp + fp) and tp / (tp + fn); 0 where that is 0 / 0.
Metric Precision(const Input& labels, const Input& predictions, const MetricOptions& options = {});
Metric Recall(const Input& labels, const Input& predictions, const MetricOptions& options = {});

// Sums of weights, and shares of them, at each of the thresholds: predictions above a threshold
// count as true. Predictions are in [0, 1], of any shape, or the update fails; values are
// [thresholds]. What would be x / 0 is 0.
using Thresholds = std::vector<float>;
Metric TruePositivesAtThresholds(const Input& labels, const Input& predictions,
                                 const Thresholds& thresholds, const MetricOptions& options = {});
Metric FalsePositivesAtThresholds(const Input& labels, const Input& predictions,
                                  const Thresholds& thresholds, const MetricOptions& options = {});
Metric TrueNegativesAtThresholds(const Input& labels, const Input& predictions,
                                 const Thresholds& thresholds, const MetricOptions& options = {});
Metric FalseNegativesAtThresholds(const Input& labels, const Input& predictions,
                                  const Thresholds& thresholds, const MetricOptions& options = {});
Metric PrecisionAtThresholds(const Input& labels, const Input& predictions,
                             const Thresholds& thresholds, const MetricOptions& options = {});
Metric RecallAtThresholds(const Input& labels, const Input& predictions,
                          const Thresholds& thresholds, const MetricOptions& options = {});

enum class Curve { kRoc, kPr };
enum class Summation {
  kTrapezoidal,           // too large for the curve of precision and recall
  kCarefulInterpolation,  // that curve between points as Davis and Goadrich (2006) give it
  kMinoring,              // rectangles below the curve
  kMajoring,              // and above it
};
struct AucOptions {
  int num_thresholds = 200;  // at least 2: that many points of the curve, evenly spread
  Curve curve = Curve::kRoc;
  Summation summation = Summation::kTrapezoidal;
  Thresholds thresholds = {};  // instead of them, in any order; ends below 0 and above 1 are added
};
// The area below the curve of recall over false positive rate, or of precision over recall.
Metric Auc(const Input& labels, const Input& predictions, const AucOptions& auc = {},
           const MetricOptions& options = {});

// The recall where the specificity, tn / (tn + fp), is nearest to the one given, and the other way
// round. Both of [0, 1]; `num_thresholds` as for Auc.
Metric SensitivityAtSpecificity(const Input& labels, const Input& predictions, float specificity,
                                int num_thresholds = 200, const MetricOptions& options = {});
Metric SpecificityAtSensitivity(const Input& labels, const Input& predictions, float sensitivity,
                                int num_thresholds = 200, const MetricOptions& options = {});

// Of the k best guesses. Labels are class numbers, int64: [..., number of labels], or without that
// dimension where each row has one, or sparse with rows of any number. Predictions are scores of
// all classes, [..., classes]; of the AtTopK forms, their class numbers, [..., k]. With a class_id
// only that class counts. Weights are a scalar or one for each row. Sums are float64, and the
// measure of none is NaN.
struct AtKOptions {
  std::optional<int64_t> class_id = {};
};
// Guesses that are labels, by all guesses.
Metric PrecisionAtK(const sets::Rows& labels, const Input& predictions, int k,
                    const AtKOptions& at = {}, const MetricOptions& options = {});
Metric PrecisionAtTopK(const sets::Rows& labels, const Input& predictions, int k,
                       const AtKOptions& at = {}, const MetricOptions& options = {});
// Labels that are among the guesses, by all labels.
Metric RecallAtK(const sets::Rows& labels, const Input& predictions, int k,
                 const AtKOptions& at = {}, const MetricOptions& options = {});
Metric RecallAtTopK(const sets::Rows& labels, const Input& predictions, int k,
                    const AtKOptions& at = {}, const MetricOptions& options = {});
// The mean over rows of the precision at each of the first k guesses that is right, by the number
// of labels, at most k. Labels that are no class are not looked for. 0 before the first batch.
Metric AveragePrecisionAtK(const sets::Rows& labels, const Input& predictions, int k,
                           const MetricOptions& options = {});

// The mean over classes of tp / (tp + fp + fn). Labels and predictions are class numbers; the
// update op is the sum of the confusion matrices.
Metric MeanIou(const Input& labels, const Input& predictions, int64_t num_classes,
               const MetricOptions& options = {});

// The mean over classes of the part of a class's labels that were predicted, 0 for one that never
// came. The update op has the part of each class. Weights have the shape of the labels.
Metric MeanPerClassAccuracy(const Input& labels, const Input& predictions, int64_t num_classes,
                            const MetricOptions& options = {});

struct ConfusionMatrixOptions {
  int64_t num_classes = -1;  // -1: the largest number there is, plus 1
  DataType dtype = kInt32;
  std::optional<Input> weights = {};
  std::string name = {};
};
// tf.math.confusion_matrix: at [i, j] how many of label i were predicted as j. Vectors of class
// numbers; one out of range fails when it runs.
Tensor ConfusionMatrix(const Input& labels, const Input& predictions,
                       const ConfusionMatrixOptions& options = {});

}  // namespace weft::metrics
