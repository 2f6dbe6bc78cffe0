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

#include "weft/graph/input.h"

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

enum class Curve { kRoc, kPr };
struct AucOptions {
  int num_thresholds = 200;  // at least 2: that many points of the curve
  Curve curve = Curve::kRoc;
};
// The area below the curve of recall over false positive rate, or of precision over recall, by
// trapezoids. Predictions in [0, 1], of any shape.
Metric Auc(const Input& labels, const Input& predictions, const AucOptions& auc = {},
           const MetricOptions& options = {});

// The mean over classes of tp / (tp + fp + fn). Labels and predictions are class numbers; the
// update op is the sum of the confusion matrices.
Metric MeanIou(const Input& labels, const Input& predictions, int64_t num_classes,
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
