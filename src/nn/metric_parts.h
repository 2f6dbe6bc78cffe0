// SPDX-License-Identifier: Apache-2.0
// What the metrics of several files share.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "src/core/strings.h"
#include "src/nn/weights.h"
#include "src/ops/op_scope.h"
#include "src/ops/operators.h"
#include "weft/framework/variable.h"
#include "weft/nn/metrics.h"
#include "weft/ops/basic.h"
#include "weft/ops/logical.h"
#include "weft/ops/math_unary.h"
#include "weft/ops/reduction.h"

namespace weft::metrics {

// A local variable that also joins GraphKeys::kMetricVariables, 0 at first.
Variable LocalZeros(const std::string& name, const Shape& shape, DataType dtype);
// The metric, after it joined the collections of the options.
Metric Joined(Metric metric, const MetricOptions& o);
// Those of a measure inside: it joins no collection itself.
inline MetricOptions Inside(const MetricOptions& o) { return {.weights = o.weights}; }

// Predictions, labels and weights, each without a last dimension of size 1 that it has too much.
struct Operands {
  Tensor predictions, labels;
  std::optional<Input> weights;
};
Operands Fitting(Tensor predictions, Tensor labels, const std::optional<Input>& weights);
std::optional<Input> FittingWeights(const std::optional<Input>& weights, const Tensor& values);

}  // namespace weft::metrics
