// SPDX-License-Identifier: Apache-2.0
// Values are TensorFlow 2.15.1's, after two updates with the same batch.
#include <functional>
#include <string>

#include "gtest/gtest.h"
#include "tests/support/arrays.h"
#include "weft/core/error.h"
#include "weft/framework/variable.h"
#include "weft/nn/metrics.h"
#include "weft/ops/basic.h"
#include "weft/runtime/session.h"

namespace weft {
namespace {

using metrics::Curve;
using metrics::Metric;
using metrics::Summation;

const Array kCurveLabels = I32({{1, 0, 1, 1}, {0, 1, 0, 0}});
const Array kProbabilities = F32({{0.9, 0.4, 0.35, 0.8}, {0.3, 0.6, 0.7, 0.05}});
metrics::MetricOptions WithWeights() {
  return {.weights = Input(F32({{1, 2, 1, 1}, {0.5, 1, 1, 2}}))};
}

using MakeMetric = std::function<Metric()>;
void ExpectCurve(const MakeMetric& make, const Array& expected) {
  Graph graph;
  GraphScope use(graph);
  const Metric metric = make();
  Session session(graph);
  session.Run(LocalVariablesInitializer());
  session.Run(metric.update_op);
  EXPECT_TRUE(ArraysNear(session.Run(metric.update_op), expected, {1e-5, 1e-5}));
  EXPECT_TRUE(ArraysNear(session.Run(metric.value), expected, {1e-5, 1e-5}));
}

TEST(AtThresholds, CountsAndShares) {
  const metrics::Thresholds at = {0.2f, 0.5f, 0.75f};
  const auto expect = [&](auto metric, const Array& expected) {
    ExpectCurve([&] { return metric(kCurveLabels, kProbabilities, at, WithWeights()); }, expected);
  };
  expect(metrics::TruePositivesAtThresholds, F32({8, 6, 4}));
  expect(metrics::FalsePositivesAtThresholds, F32({7, 2, 0}));
  expect(metrics::TrueNegativesAtThresholds, F32({4, 9, 11}));
  expect(metrics::FalseNegativesAtThresholds, F32({0, 2, 4}));
  expect(metrics::PrecisionAtThresholds, F32({0.53333336, 0.75, 1}));
  expect(metrics::RecallAtThresholds, F32({1, 0.75, 0.5}));
}

TEST(AtThresholds, PredictionsOutsideFail) {
  Graph graph;
  GraphScope use(graph);
  const Metric metric = metrics::TruePositivesAtThresholds(I32({1, 0}), F32({0.5, 1.5}), {0.5f});
  Session session(graph);
  session.Run(LocalVariablesInitializer());
  try {
    session.Run(metric.update_op);
    ADD_FAILURE() << "ran";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), Code::kInvalidArgument);
    EXPECT_NE(std::string(e.what()).find("predictions must be in [0, 1]"), std::string::npos);
  }
}

TEST(Auc, Summations) {
  const auto expect = [](Curve curve, Summation summation, float expected) {
    ExpectCurve(
        [&] {
          return metrics::Auc(kCurveLabels, kProbabilities,
                              {.num_thresholds = 20, .curve = curve, .summation = summation},
                              WithWeights());
        },
        F32(expected));
  };
  expect(Curve::kRoc, Summation::kTrapezoidal, 0.81818175f);
  expect(Curve::kRoc, Summation::kCarefulInterpolation, 0.81818175f);
  expect(Curve::kRoc, Summation::kMinoring, 0.81818175f);
  expect(Curve::kRoc, Summation::kMajoring, 0.81818175f);
  expect(Curve::kPr, Summation::kTrapezoidal, 0.8110118f);
  expect(Curve::kPr, Summation::kCarefulInterpolation, 0.8124665f);
  expect(Curve::kPr, Summation::kMinoring, 0.7916666f);
  expect(Curve::kPr, Summation::kMajoring, 0.8303571f);
}

TEST(Auc, GivenThresholds) {
  ExpectCurve(
      [] {
        return metrics::Auc(kCurveLabels, kProbabilities, {.thresholds = {0.5f, 0.2f, 0.75f}});
      },
      F32(0.8437499f));
}

TEST(PointsOfTheCurve, NearestToTheGoal) {
  ExpectCurve(
      [] { return metrics::SensitivityAtSpecificity(kCurveLabels, kProbabilities, 0.7f, 20); },
      F32(0.75f));
  ExpectCurve(
      [] { return metrics::SpecificityAtSensitivity(kCurveLabels, kProbabilities, 0.6f, 20); },
      F32(1));
  Graph graph;
  GraphScope use(graph);
  EXPECT_THROW(metrics::SensitivityAtSpecificity(kCurveLabels, kProbabilities, 1.5f), Error);
  EXPECT_THROW(metrics::SpecificityAtSensitivity(kCurveLabels, kProbabilities, 0.5f, 1), Error);
}

TEST(MeanTensor, Values) {
  ExpectCurve([] { return metrics::MeanTensor(kProbabilities, WithWeights()); }, kProbabilities);
}

TEST(MeanPerClassAccuracy, Values) {
  Graph graph;
  GraphScope use(graph);
  const Metric metric = metrics::MeanPerClassAccuracy(I32({0, 1, 1, 2}), I32({0, 1, 2, 2}), 4,
                                                      {.weights = Input(F32({1, 2, 1, 1}))});
  Session session(graph);
  session.Run(LocalVariablesInitializer());
  EXPECT_TRUE(ArraysNear(session.Run(metric.update_op), F32({1, 2.0f / 3, 1, 0}), {1e-6, 1e-6}));
  EXPECT_TRUE(ArraysNear(session.Run(metric.value), F32(2.0f / 3), {1e-6, 1e-6}));
}

}  // namespace
}  // namespace weft
