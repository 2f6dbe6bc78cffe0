// SPDX-License-Identifier: Apache-2.0
// Training small nets with all optimizers, and with the loss of B2.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <memory>

#include "tools/weft_interop/programs.h"
#include "weft/framework/train/contrib_optimizers.h"
#include "weft/weft.h"

namespace wf = weft;

namespace {

// ---- B2: a loss that punishes one side more -----------------------------------------------------

TEST(TutorialBTrain, B2_CustomLoss) {
  const wf::Array rows = wf::interop::RunSmallProgram("custom_loss").at("w1");
  // After 5000 steps; TensorFlow 2.15.1 on one thread, to the last bit.
  ASSERT_EQ(rows.num_elements(), 12);
  EXPECT_EQ(rows.AsDouble(10), 0x1.04f3ecp+0) << rows;
  EXPECT_EQ(rows.AsDouble(11), 0x1.0af586p+0) << rows;
}

// ---- B8: every optimizer minimises the trainable variables --------------------------------------

TEST(TutorialBTrain, B8_AllOptimizers) {
  namespace tr = wf::train;
  using Make = std::function<std::shared_ptr<tr::Optimizer>(const wf::Variable& step)>;
  const std::map<std::string, Make> optimizers = {
      {"GradientDescent",
       [](auto&) { return std::make_shared<tr::GradientDescentOptimizer>(0.1); }},
      {"Momentum", [](auto&) { return std::make_shared<tr::MomentumOptimizer>(0.02, 0.9); }},
      {"Adagrad", [](auto&) { return std::make_shared<tr::AdagradOptimizer>(0.5); }},
      {"AdagradDA", [](auto& step) { return std::make_shared<tr::AdagradDAOptimizer>(0.5, step); }},
      {"Adadelta",
       [](auto&) {
         return std::make_shared<tr::AdadeltaOptimizer>(1.0, tr::AdadeltaOptions{.epsilon = 1e-2});
       }},
      {"Adam", [](auto&) { return std::make_shared<tr::AdamOptimizer>(0.1); }},
      {"AdaMax", [](auto&) { return std::make_shared<tr::AdaMaxOptimizer>(0.1); }},
      {"RMSProp", [](auto&) { return std::make_shared<tr::RMSPropOptimizer>(0.05); }},
      {"Ftrl", [](auto&) { return std::make_shared<tr::FtrlOptimizer>(0.5); }},
      {"ProximalGradientDescent",
       [](auto&) { return std::make_shared<tr::ProximalGradientDescentOptimizer>(0.1); }},
      {"ProximalAdagrad",
       [](auto&) { return std::make_shared<tr::ProximalAdagradOptimizer>(0.5); }},
      {"AddSign", [](auto&) { return std::make_shared<tr::AddSignOptimizer>(0.05); }},
      {"PowerSign", [](auto&) { return std::make_shared<tr::PowerSignOptimizer>(0.05); }},
      {"MovingAverage",
       [](auto&) {
         return std::make_shared<tr::MovingAverageOptimizer>(
             std::make_shared<tr::AdamOptimizer>(0.1),
             tr::MovingAverageOptimizerOptions{.average_decay = 0.9});
       }},
  };
  for (const auto& [name, make] : optimizers) {
    SCOPED_TRACE(name);
    wf::Graph graph;
    wf::GraphScope use(graph);
    wf::Variable w({1.f, -2.f}, {.name = "w"}), frozen(3.f, {.trainable = false});
    auto step = tr::GetOrCreateGlobalStep();
    auto loss = wf::ReduceSum(wf::Square(w - wf::Constant({0.5f, 0.5f}))) + wf::Square(frozen);
    auto train = make(step)->Minimize(loss, {.global_step = step});
    wf::Session session;
    session.Run(wf::GlobalVariablesInitializer());
    const float before = session.Run(loss).scalar<float>() - 9;
    for (int i = 0; i < 200; ++i) session.Run(train);
    EXPECT_LT(session.Run(loss).scalar<float>() - 9, 0.05f * before);
    EXPECT_EQ(session.Run(frozen).scalar<float>(), 3);
    EXPECT_EQ(session.Run(step).scalar<int64_t>(), 200);
    if (name != "MovingAverage") continue;
    const auto average = graph.TensorByName("w/ExponentialMovingAverage/read:0");
    EXPECT_NEAR(session.Run(average).AsDouble(0), 0.5, 0.05);
  }
}

}  // namespace
