// SPDX-License-Identifier: Apache-2.0
// Values are TensorFlow 2.15.1's, after two updates with the same batch.
#include <functional>
#include <limits>

#include "gtest/gtest.h"
#include "tests/support/arrays.h"
#include "weft/core/error.h"
#include "weft/framework/variable.h"
#include "weft/nn/metrics.h"
#include "weft/ops/basic.h"
#include "weft/runtime/session.h"

namespace weft {
namespace {

using metrics::Metric;
using sets::Rows;

const Array kClassScores = F32({{0.1, 0.5, 0.2, 0.2}, {0.4, 0.1, 0.3, 0.2}, {0.1, 0.2, 0.3, 0.4}});
metrics::MetricOptions RowWeights() { return {.weights = Input(F32({1, 2, 3}))}; }

Rows PairLabels() { return Rows(I64({{1, 2}, {3, 0}, {0, 0}})); }
Rows SingleLabels() { return Rows(I64({1, 3, 3})); }
// {1, 2}, {3} and {7}, which is no class.
Rows SparseLabels() {
  return Rows(SparseTensor{Constant(I64({{0, 0}, {0, 1}, {1, 0}, {2, 1}})),
                           Constant(I64({1, 2, 3, 7})), Constant(I64({3, 3}))});
}

using MakeAtK = std::function<Metric(const Rows&)>;
void ExpectAtK(Rows (*labels)(), const MakeAtK& make, double expected) {
  Graph graph;
  GraphScope use(graph);
  const Metric metric = make(labels());
  Session session(graph);
  session.Run(LocalVariablesInitializer());
  session.Run(metric.update_op);
  EXPECT_TRUE(ArraysNear(session.Run(metric.update_op), F64(expected), {1e-12, 1e-12}));
  EXPECT_TRUE(ArraysNear(session.Run(metric.value), F64(expected), {1e-12, 1e-12}));
}

TEST(PrecisionAtK, Values) {
  const auto expect = [](Rows (*labels)(), int k, double expected) {
    ExpectAtK(
        labels, [&](const Rows& l) { return metrics::PrecisionAtK(l, kClassScores, k); }, expected);
  };
  expect(PairLabels, 1, 2.0 / 3);
  expect(PairLabels, 2, 0.5);
  expect(SingleLabels, 1, 2.0 / 3);
  expect(SingleLabels, 2, 1.0 / 3);
  expect(SparseLabels, 1, 1.0 / 3);
  expect(SparseLabels, 2, 1.0 / 3);
}

TEST(RecallAtK, Values) {
  const auto expect = [](Rows (*labels)(), int k, double expected) {
    ExpectAtK(
        labels,
        [&](const Rows& l) { return metrics::RecallAtK(l, kClassScores, k, {}, RowWeights()); },
        expected);
  };
  expect(PairLabels, 1, 1.0 / 3);
  expect(PairLabels, 2, 4.0 / 9);
  expect(SingleLabels, 1, 2.0 / 3);
  expect(SingleLabels, 2, 2.0 / 3);
  expect(SparseLabels, 1, 1.0 / 7);
  expect(SparseLabels, 2, 2.0 / 7);
}

TEST(AtK, OneClass) {
  const metrics::AtKOptions class_3 = {.class_id = 3};
  const auto expect = [&](Rows (*labels)(), int k, double precision, double recall) {
    ExpectAtK(
        labels, [&](const Rows& l) { return metrics::PrecisionAtK(l, kClassScores, k, class_3); },
        precision);
    ExpectAtK(
        labels, [&](const Rows& l) { return metrics::RecallAtK(l, kClassScores, k, class_3); },
        recall);
  };
  expect(PairLabels, 2, 0, 0);
  expect(SingleLabels, 1, 1, 0.5);
  expect(SingleLabels, 2, 1, 0.5);
  expect(SparseLabels, 1, 0, 0);
  // Nothing to be found, nothing guessed.
  ExpectAtK(
      PairLabels,
      [](const Rows& l) { return metrics::RecallAtK(l, kClassScores, 1, {.class_id = 9}); },
      std::numeric_limits<double>::quiet_NaN());
}

TEST(AveragePrecisionAtK, Values) {
  const auto expect = [](Rows (*labels)(), int k, double plain, double weighted) {
    ExpectAtK(
        labels, [&](const Rows& l) { return metrics::AveragePrecisionAtK(l, kClassScores, k); },
        plain);
    ExpectAtK(
        labels,
        [&](const Rows& l) {
          return metrics::AveragePrecisionAtK(l, kClassScores, k, RowWeights());
        },
        weighted);
  };
  expect(PairLabels, 1, 2.0 / 3, 0.5);
  expect(PairLabels, 2, 0.5, 1.0 / 3);
  expect(SingleLabels, 1, 2.0 / 3, 2.0 / 3);
  expect(SingleLabels, 2, 2.0 / 3, 2.0 / 3);
  expect(SparseLabels, 1, 1.0 / 3, 1.0 / 6);
  expect(SparseLabels, 2, 1.0 / 3, 1.0 / 6);
}

TEST(AtK, NamesAndErrors) {
  Graph graph;
  GraphScope use(graph);
  const Metric metric = metrics::PrecisionAtK(PairLabels(), kClassScores, 2);
  EXPECT_EQ(metric.value.op().name(), "precision_at_2");
  EXPECT_TRUE(graph.FindOperation("precision_at_2/true_positive_at_2").has_value());
  EXPECT_TRUE(graph.FindOperation("precision_at_2/false_positive_at_2").has_value());
  EXPECT_THROW(metrics::RecallAtK(PairLabels(), kClassScores, 0), Error);
  EXPECT_THROW(metrics::RecallAtTopK(Rows(I64(Shape({1, 1, 1}), {1})), I32({{0}}), 1), Error);
}

}  // namespace
}  // namespace weft
