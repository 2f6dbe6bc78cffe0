// SPDX-License-Identifier: Apache-2.0
#include "weft/nn/metrics.h"

#include <cmath>
#include <functional>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/arrays.h"
#include "weft/framework/variable.h"
#include "weft/ops/basic.h"
#include "weft/runtime/session.h"

namespace weft {
namespace {

using metrics::Metric;

// A metric of labels and predictions that are fed, over two batches.
struct Batch {
  Array labels, predictions;
};
void ExpectMetric(const std::function<Metric(const Tensor&, const Tensor&)>& make,
                  const std::vector<Batch>& batches, float expected) {
  Graph graph;
  GraphScope use(graph);
  const Tensor labels = Placeholder(batches[0].labels.dtype(), {-1}),
               predictions = Placeholder(batches[0].predictions.dtype(), {-1});
  const Metric metric = make(labels, predictions);
  Session session(graph);
  session.Run(LocalVariablesInitializer());
  EXPECT_TRUE(ArraysNear(session.Run(metric.value), F32(0), {0, 1e-3}));
  Array last;
  for (const Batch& batch : batches) {
    last =
        session.Run(metric.update_op, {{labels, batch.labels}, {predictions, batch.predictions}});
  }
  EXPECT_TRUE(ArraysNear(session.Run(metric.value), F32(expected), {1e-5, 1e-5}));
  if (last.rank() == 0) {
    EXPECT_TRUE(ArraysNear(last, F32(expected), {1e-5, 1e-5}));
  }
}

std::vector<Batch> Numbers() { return {{F32({1, 2}), F32({1, 4})}, {F32({4}), F32({1})}}; }

TEST(Metrics, Errors) {
  ExpectMetric([](auto& l, auto& p) { return metrics::Accuracy(l, p); }, Numbers(), 1.0f / 3);
  ExpectMetric([](auto& l, auto& p) { return metrics::MeanAbsoluteError(l, p); }, Numbers(),
               5.0f / 3);
  ExpectMetric([](auto& l, auto& p) { return metrics::MeanSquaredError(l, p); }, Numbers(),
               13.0f / 3);
  ExpectMetric([](auto& l, auto& p) { return metrics::RootMeanSquaredError(l, p); }, Numbers(),
               std::sqrt(13.0f / 3));
  // 0, 2 / 2 and 3 / 4.
  ExpectMetric([](auto& l, auto& p) { return metrics::MeanRelativeError(l, p, l); }, Numbers(),
               1.75f / 3);
  ExpectMetric([](auto& l, auto&) { return metrics::PercentageBelow(l, 3.0f); }, Numbers(),
               2.0f / 3);
}

TEST(Metrics, Weights) {
  ExpectMetric([](auto& l, auto& p) { return metrics::Mean(l, {.weights = Input(p)}); }, Numbers(),
               (1 + 8 + 4) / 6.0f);
}

std::vector<Batch> Answers() {
  return {{I32({1, 1, 0}), I32({1, 0, 1})}, {I32({1, 0}), I32({1, 0})}};
}

TEST(Metrics, Counts) {
  ExpectMetric([](auto& l, auto& p) { return metrics::TruePositives(l, p); }, Answers(), 2);
  ExpectMetric([](auto& l, auto& p) { return metrics::FalsePositives(l, p); }, Answers(), 1);
  ExpectMetric([](auto& l, auto& p) { return metrics::TrueNegatives(l, p); }, Answers(), 1);
  ExpectMetric([](auto& l, auto& p) { return metrics::FalseNegatives(l, p); }, Answers(), 1);
  ExpectMetric([](auto& l, auto& p) { return metrics::Precision(l, p); }, Answers(), 2.0f / 3);
  ExpectMetric([](auto& l, auto& p) { return metrics::Recall(l, p); }, Answers(), 2.0f / 3);
  ExpectMetric([](auto& l, auto& p) { return metrics::MeanIou(l, p, 2); }, Answers(),
               (1.0f / 3 + 2.0f / 4) / 2);
}

TEST(Metrics, Names) {
  Graph graph;
  GraphScope use(graph);
  const Metric metric = metrics::Accuracy(I32({1}), I32({1}));
  EXPECT_EQ(metric.value.op().name(), "accuracy/value");
  EXPECT_EQ(metric.update_op.op().name(), "accuracy/update_op");
  EXPECT_TRUE(graph.FindOperation("accuracy/total").has_value());
  EXPECT_TRUE(graph.FindOperation("accuracy/count").has_value());
}

TEST(Auc, RankedPerfectlyAndNot) {
  const auto area = [](const Array& predictions) {
    Graph graph;
    GraphScope use(graph);
    const Metric metric = metrics::Auc(Bool({false, false, true, true}), predictions);
    Session session(graph);
    session.Run(LocalVariablesInitializer());
    session.Run(metric.update_op);
    return session.Run(metric.value);
  };
  EXPECT_TRUE(ArraysNear(area(F32({0.1, 0.4, 0.6, 0.9})), F32(1), {0, 1e-4}));
  // One of four pairs is in the wrong order.
  EXPECT_TRUE(ArraysNear(area(F32({0.1, 0.6, 0.4, 0.9})), F32(0.75), {0, 1e-4}));
}

TEST(ConfusionMatrix, Values) {
  Graph graph;
  GraphScope use(graph);
  const Tensor known = metrics::ConfusionMatrix(I32({1, 2, 1}), I32({1, 0, 1}));
  const Tensor weighted = metrics::ConfusionMatrix(
      I32({0, 1}), I32({1, 1}),
      {.num_classes = 2, .dtype = kFloat32, .weights = Input(Array(F32({2, 3})))});
  Session session(graph);
  EXPECT_TRUE(ArraysEqual(session.Run(known), I32({{0, 0, 0}, {0, 2, 0}, {1, 0, 0}})));
  EXPECT_TRUE(ArraysEqual(session.Run(weighted), F32({{0, 2}, {0, 3}})));
}

}  // namespace
}  // namespace weft
