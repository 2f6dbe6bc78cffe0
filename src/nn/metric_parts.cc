// SPDX-License-Identifier: Apache-2.0
#include "src/nn/metric_parts.h"

#include "weft/framework/regularizers.h"
#include "weft/ops/array.h"

namespace weft::metrics {
namespace {

bool HasOneMore(const PartialShape& a, const PartialShape& b) {
  return a.known_rank() && b.known_rank() && a.rank() == b.rank() + 1 && a.dim(-1) <= 1;
}

}  // namespace

Variable LocalZeros(const std::string& name, const Shape& shape, DataType dtype) {
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

}  // namespace weft::metrics
