// SPDX-License-Identifier: Apache-2.0
// Training small nets: losses, learning rates, regularisation, moving averages, with the figures
// that TensorFlow prints.
#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/arrays.h"
#include "weft/weft.h"

namespace wf = weft;

namespace {

class TutorialB : public testing::Test {
 protected:
  wf::Graph graph_;
  wf::GraphScope scope_{graph_};
};

TEST_F(TutorialB, B1_GreaterBroadcasts) {
  auto v1 = wf::Constant({{1.f, 2.f}, {3.f, 4.f}}), v2 = wf::Constant({{2.f, 2.5f}});
  wf::Session session;
  EXPECT_EQ(session.Run(wf::Greater(v1, v2)).ToString(), "[[False False]\n [ True  True]]");
}

// A learning rate that falls by 0.96 each 100 steps, with the steps of a training.
TEST_F(TutorialB, B3_StaircaseOfTheLearningRate) {
  auto step = wf::train::GetOrCreateGlobalStep();
  auto rate = wf::train::ExponentialDecay(0.1f, step, 100, 0.96f, {.staircase = true});
  wf::Variable x(5.0f, {.name = "x"});
  auto train =
      wf::train::GradientDescentOptimizer(rate).Minimize(wf::Square(x), {.global_step = step});
  wf::Session session;
  session.Run(wf::GlobalVariablesInitializer());
  for (int s = 0; s < 301; ++s) {
    const double want = 0.1 * std::pow(0.96, s / 100);
    ASSERT_NEAR(session.Run(rate).scalar<float>(), want, 1e-8) << "at step " << s;
    session.Run(train);
  }
  EXPECT_EQ(session.Run(step).scalar<int64_t>(), 301);
  EXPECT_NEAR(session.Run(x).scalar<float>(), 0, 1e-6);
}

TEST_F(TutorialB, B4_Regularizers) {
  auto weights = wf::Constant({{1.f, -2.f}, {-3.f, 4.f}});
  wf::Session session;
  EXPECT_EQ(session.Run(wf::layers::L1Regularizer(.5f)(weights)).ToString(), "5.0");
  EXPECT_EQ(session.Run(wf::layers::L2Regularizer(.5f)(weights)).ToString(), "7.5");
}

TEST_F(TutorialB, B6_MovingAverage) {
  wf::Variable v1(0.0f);
  wf::Variable step(0, {.trainable = false});
  wf::train::ExponentialMovingAverage ema(0.99f, {.num_updates = step});
  auto maintain = ema.Apply({v1});
  wf::Session session;
  session.Run(wf::GlobalVariablesInitializer());
  const auto printed = [&] {
    auto [value, average] = session.Run(std::tuple(v1, ema.Average(v1)));
    return "[" + value.ToString() + ", " + average.ToString() + "]";
  };
  EXPECT_EQ(printed(), "[0.0, 0.0]");
  session.Run(wf::Assign(v1, 5.f));
  session.Run(maintain);
  EXPECT_EQ(printed(), "[5.0, 4.5]");
  session.Run(wf::Assign(step, 10000));
  session.Run(wf::Assign(v1, 100.f));
  session.Run(maintain);
  EXPECT_EQ(printed(), "[100.0, 5.454999]");
  session.Run(maintain);
  EXPECT_EQ(printed(), "[100.0, 6.400448]");
}

// The ways to write a cross entropy give the same number.
TEST_F(TutorialB, B7_CrossEntropies) {
  const wf::Array logits_value({{2.f, 0.5f, -1.f}, {0.1f, 0.2f, 0.3f}, {-3.f, 4.f, 1.f}});
  auto logits = wf::Constant(logits_value);
  auto labels = wf::Constant({{1.f, 0.f, 0.f}, {0.f, 0.f, 1.f}, {0.f, 1.f, 0.f}});
  auto classes = wf::Constant({0, 2, 1});
  auto y = wf::nn::Softmax(logits);
  auto by_hand = -wf::ReduceMean(
      wf::ReduceSum(labels * wf::Log(wf::ClipByValue(y, 1e-10f, 1.0f)), {.axis = 1}));
  auto dense = wf::ReduceMean(wf::nn::SoftmaxCrossEntropyWithLogits(labels, logits));
  auto dense_v2 = wf::ReduceMean(wf::nn::SoftmaxCrossEntropyWithLogitsV2(labels, logits));
  auto sparse = wf::ReduceMean(wf::nn::SparseSoftmaxCrossEntropyWithLogits(classes, logits));
  auto mse = wf::ReduceMean(wf::Square(labels - y));
  wf::Session session;
  const auto values = session.Run({by_hand, dense, dense_v2, sparse, mse});
  double want = 0, want_mse = 0;
  const int right[] = {0, 2, 1};
  for (int row = 0; row < 3; ++row) {
    double sum = 0;
    for (int c = 0; c < 3; ++c) sum += std::exp(logits_value.AsDouble(row * 3 + c));
    want -= (logits_value.AsDouble(row * 3 + right[row]) - std::log(sum)) / 3;
    for (int c = 0; c < 3; ++c) {
      const double p = std::exp(logits_value.AsDouble(row * 3 + c)) / sum;
      want_mse += std::pow((c == right[row]) - p, 2) / 9;
    }
  }
  for (int i = 0; i < 4; ++i)
    EXPECT_NEAR(values[static_cast<size_t>(i)].scalar<float>(), want, 1e-6);
  EXPECT_NEAR(values[4].scalar<float>(), want_mse, 1e-6);
}

// Gradients go to the labels of V2 alone.
TEST_F(TutorialB, B7_GradientsOfLabels) {
  auto labels = wf::Constant({{1.f, 0.f}}), logits = wf::Constant({{2.f, 0.5f}});
  auto v1 = wf::nn::SoftmaxCrossEntropyWithLogits(labels, logits);
  auto v2 = wf::nn::SoftmaxCrossEntropyWithLogitsV2(labels, logits);
  EXPECT_TRUE(wf::Gradients({v1}, {labels})[0].none());
  EXPECT_FALSE(wf::Gradients({v2}, {labels})[0].none());
}

// w1 of a regularised net shrinks, by the collection "losses".
TEST_F(TutorialB, B5_LossesInACollection) {
  auto x = wf::Constant({{1.f, 2.f}}), target = wf::Constant({{3.f}});
  wf::Tensor layer = x;
  const int64_t sizes[] = {2, 10, 10, 10, 1};
  for (int i = 0; i < 4; ++i) {
    wf::Variable w(wf::RandomNormal({sizes[i], sizes[i + 1]}, {.stddev = 0.3f, .seed = i}));
    wf::losses::AddLoss(wf::layers::L2Regularizer(0.003f)(w));
    wf::Variable b(wf::Array::Full(wf::Shape({sizes[i + 1]}), 0.1f));
    layer = wf::nn::Relu(wf::MatMul(layer, w) + b);
  }
  wf::losses::AddLoss(wf::ReduceMean(wf::Square(target - layer)));
  const auto all = wf::losses::GetLosses();
  ASSERT_EQ(all.size(), 5u);
  auto loss = wf::AddN({all.begin(), all.end()});
  auto train = wf::train::GradientDescentOptimizer(0.02f).Minimize(loss);
  wf::Session session;
  session.Run(wf::GlobalVariablesInitializer());
  const float before = session.Run(loss).scalar<float>();
  for (int i = 0; i < 300; ++i) session.Run(train);
  const float after = session.Run(loss).scalar<float>();
  EXPECT_LT(after, 0.2f * before);
}

}  // namespace
