// SPDX-License-Identifier: Apache-2.0
#include "weft/nn/losses.h"

#include <cmath>
#include <functional>

#include "gtest/gtest.h"
#include "tests/support/arrays.h"
#include "weft/core/error.h"
#include "weft/framework/regularizers.h"
#include "weft/ops/basic.h"
#include "weft/runtime/session.h"

namespace weft {
namespace {

using losses::LossOptions;
using losses::Reduction;

// The value of a loss in a graph of its own.
Array Evaluate(const std::function<Tensor()>& make) {
  Graph graph;
  GraphScope use(graph);
  const Tensor loss = make();
  return Session(graph).Run(loss);
}
void ExpectLoss(const std::function<Tensor()>& make, float expected) {
  EXPECT_TRUE(ArraysNear(Evaluate(make), F32(expected), {1e-5, 1e-6}));
}
LossOptions Reduced(Reduction reduction) {
  return {.weights = Array(F32({2, 0, 1, 1})), .reduction = reduction};
}

TEST(ComputeWeightedLoss, Reductions) {
  const auto loss = [](Reduction reduction) {
    return [=] { return losses::ComputeWeightedLoss(F32({1, 2, 3, 4}), Reduced(reduction)); };
  };
  EXPECT_TRUE(ArraysNear(Evaluate(loss(Reduction::kNone)), F32({2, 0, 3, 4}), {}));
  ExpectLoss(loss(Reduction::kSum), 9);
  ExpectLoss(loss(Reduction::kSumOverBatchSize), 9.0f / 4);
  ExpectLoss(loss(Reduction::kMean), 9.0f / 4);
  ExpectLoss(loss(Reduction::kSumByNonzeroWeights), 3);
}

TEST(ComputeWeightedLoss, NoWeightIsNoLoss) {
  ExpectLoss([] { return losses::ComputeWeightedLoss(F32({1, 2}), {.weights = 0.0f}); }, 0);
}

TEST(ComputeWeightedLoss, WeightsOfRowsGoWithColumns) {
  ExpectLoss(
      [] {
        return losses::ComputeWeightedLoss(F32({{1, 2}, {3, 4}}),
                                           {.weights = Array(F32({{1}, {0}}))});
      },
      1.5f);
}

TEST(ComputeWeightedLoss, WrongWeights) {
  Graph graph;
  GraphScope use(graph);
  EXPECT_THROW(losses::ComputeWeightedLoss(F32({1, 2}), {.weights = Array(F32({1, 2, 3}))}),
               InvalidArgumentError);
  EXPECT_THROW(losses::ComputeWeightedLoss(F32({1, 2}), {.weights = Array(F32({{1, 2}}))}),
               InvalidArgumentError);
  // Unknown sizes: the run fails.
  const Tensor weights = Placeholder(kFloat32, {-1});
  const Tensor loss = losses::ComputeWeightedLoss(F32({1, 2}), {.weights = weights});
  Session session(graph);
  EXPECT_TRUE(ArraysNear(session.Run(loss, {{weights, F32({1, 3})}}), F32(3.5), {1e-5, 0}));
  EXPECT_THROW(session.Run(loss, {{weights, F32({1, 2, 3})}}), InvalidArgumentError);
}

TEST(Losses, Values) {
  const Array labels = F32({1, 0}), guess = F32({0.5, 2});
  ExpectLoss([&] { return losses::AbsoluteDifference(labels, guess); }, 1.25f);
  ExpectLoss([&] { return losses::MeanSquaredError(labels, guess); }, 2.125f);
  ExpectLoss([&] { return losses::HuberLoss(labels, guess); }, (0.125f + 1.5f) / 2);
  ExpectLoss([&] { return losses::HingeLoss(labels, guess); }, (0.5f + 3) / 2);
  ExpectLoss([&] { return losses::CosineDistance(labels, guess, 0); }, 0.5f);
  ExpectLoss(
      [] {
        return losses::LogLoss(F32({1, 0}), F32({0.25, 0.5}));
      },
      (std::log(4.0f) + std::log(2.0f)) / 2);
  // Of the only pair: (0.5 - 2 - 1)^2 = 6.25.
  ExpectLoss(
      [] {
        return losses::MeanPairwiseSquaredError(F32({{1, 0}}), F32({{0.5, 2}}));
      },
      6.25f);
}

TEST(Losses, CrossEntropies) {
  const float softplus = std::log1p(std::exp(1.0f));
  ExpectLoss(
      [] {
        return losses::SigmoidCrossEntropy(F32({{1, 0}}), F32({{0, 1}}));
      },
      (std::log(2.0f) + softplus) / 2);
  ExpectLoss([] { return losses::SoftmaxCrossEntropy(F32({{1, 0}}), F32({{0, 1}})); }, softplus);
  // Labels 0.9 and 0.1.
  ExpectLoss(
      [] {
        return losses::SoftmaxCrossEntropy(F32({{1, 0}}), F32({{0, 1}}), 0.2f);
      },
      softplus - 0.1f);
  ExpectLoss([] { return losses::SparseSoftmaxCrossEntropy(I32({{0}}), F32({{0, 1}})); }, softplus);
}

TEST(Losses, Total) {
  Graph graph;
  GraphScope use(graph);
  EXPECT_THROW(losses::GetTotalLoss(), InvalidArgumentError);
  losses::AbsoluteDifference(F32({1}), F32({3}));
  losses::MeanSquaredError(F32({1}), F32({3}), {.loss_collection = ""});
  AddToCollection(GraphKeys::kRegularizationLosses, Constant(F32(0.5)));
  const Tensor total = losses::GetTotalLoss();
  EXPECT_EQ(total.op().name(), "total_loss");
  EXPECT_TRUE(ArraysNear(Session(graph).Run(total), F32(2.5), {}));
}

TEST(Losses, NodeNames) {
  Graph graph;
  GraphScope use(graph);
  const Tensor loss = losses::MeanSquaredError(F32({1}), F32({3}));
  EXPECT_EQ(loss.op().name(), "mean_squared_error/value");
}

}  // namespace
}  // namespace weft
