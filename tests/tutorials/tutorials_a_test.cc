// SPDX-License-Identifier: Apache-2.0
// Graphs, tensors, sessions: the first programs of an introduction to TensorFlow 1, written with
// Weft; what they print is what TensorFlow prints.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <stdexcept>

#include "tests/support/errors.h"
#include "weft/weft.h"

namespace wf = weft;

namespace {

using weft::test::MessageOf;

using testing::HasSubstr;
using testing::internal::CaptureStderr;
using testing::internal::GetCapturedStderr;

// Each program has a default graph of its own.
class TutorialA : public testing::Test {
 protected:
  wf::Graph graph_;
  wf::GraphScope scope_{graph_};
};

TEST_F(TutorialA, A1_DefaultGraph) {
  auto a = wf::Constant({1.f, 2.f}, "a");
  EXPECT_TRUE(a.graph() == wf::Graph::Default());
}

TEST_F(TutorialA, A2_TwoGraphs) {
  wf::Graph g1, g2;
  {
    wf::GraphScope use(g1);
    wf::GetVariable("v", {1}, {.initializer = wf::ZerosInitializer()});
  }
  {
    wf::GraphScope use(g2);
    wf::GetVariable("v", {1}, {.initializer = wf::OnesInitializer()});
  }
  std::vector<std::string> printed;
  for (const wf::Graph& g : {g1, g2}) {
    wf::Session session(g);
    wf::SessionScope use(session);
    wf::GlobalVariablesInitializer().Run();
    wf::VariableScope scope("", {.reuse = wf::Reuse::kTrue});
    printed.push_back(session.Run(wf::GetVariable("v", {1})).ToString());
  }
  EXPECT_EQ(printed, (std::vector<std::string>{"[0.]", "[1.]"}));
}

TEST_F(TutorialA, A3_Device) {
  auto a = wf::Constant({1.f, 2.f}, "a"), b = wf::Constant({2.f, 3.f}, "b");
  wf::Tensor result;
  {
    wf::DeviceScope gpu("/gpu:0");
    result = a + b;
  }
  EXPECT_EQ(result.op().device(), "/device:GPU:0");
  wf::Session soft({.allow_soft_placement = true});
  EXPECT_EQ(soft.Run(result).ToString(), "[3. 5.]");
  wf::Session hard;
  for (const std::string& device : hard.ListDevices()) {
    if (device.find("GPU:0") != std::string::npos) GTEST_SKIP() << "there is a GPU";
  }
  EXPECT_THAT(MessageOf<wf::InvalidArgumentError>([&] { hard.Run(result); }),
              testing::AllOf(HasSubstr("add"), HasSubstr("GPU:0")));
}

TEST_F(TutorialA, A4_PrintedTensor) {
  auto a = wf::Constant({1, 2}, "a"), b = wf::Constant({2, 3}, "b");
  auto result = wf::Add(a, b, "add");
  EXPECT_EQ(result.ToString(), "Tensor(\"add:0\", shape=(2,), dtype=int32)");
}

TEST_F(TutorialA, A5_Sessions) {
  auto a = wf::Constant(1), b = wf::Constant(2), result = a + b;
  EXPECT_THAT(MessageOf<wf::FailedPreconditionError>([&] { result.Eval(); }),
              HasSubstr("default session"));
  wf::Session session;
  EXPECT_EQ(session.Run(result).ToString(), "3");
  EXPECT_EQ(result.Eval(session).ToString(), "3");
  {
    wf::SessionScope use(session);
    EXPECT_EQ(result.Eval().ToString(), "3");
  }
  {
    wf::InteractiveSession interactive;
    EXPECT_EQ(result.Eval().ToString(), "3");
  }
  EXPECT_EQ(wf::Session::Default(), nullptr);
  session.Close();
  EXPECT_THROW(session.Run(result), wf::Error);
}

TEST_F(TutorialA, A5_ASessionClosesWhenAnExceptionPasses) {
  auto result = wf::Constant(1) + wf::Constant(2);
  EXPECT_THROW(
      {
        wf::InteractiveSession session;
        EXPECT_EQ(result.Eval().ToString(), "3");
        throw std::runtime_error("passes");
      },
      std::runtime_error);
  EXPECT_EQ(wf::Session::Default(), nullptr);
}

TEST_F(TutorialA, A6_PlacementLog) {
  auto a = wf::Constant({1.f, 2.f}, "a"), b = wf::Constant({2.f, 3.f}, "b");
  auto result = wf::Add(a, b, "sum");
  wf::Session session({.allow_soft_placement = true, .log_device_placement = true});
  CaptureStderr();
  session.Run(result);
  const std::string log = GetCapturedStderr();
  for (const char* line : {"a: (Const): /job:localhost/replica:0/task:0/device:",
                           "b: (Const): /job:localhost/replica:0/task:0/device:",
                           "sum: (AddV2): /job:localhost/replica:0/task:0/device:"})
    EXPECT_THAT(log, HasSubstr(line));
}

TEST_F(TutorialA, A7_Forward) {
  auto x = wf::Constant({{0.7f, 0.9f}});
  auto w1 = wf::Constant({{0.2f, 0.1f, 0.4f}, {0.3f, -0.5f, 0.2f}});
  auto w2 = wf::Constant({{0.6f}, {0.1f}, {-0.2f}});
  wf::Session session;
  EXPECT_EQ(session.Run(wf::MatMul(wf::MatMul(x, w1), w2)).ToString(), "[[0.11600002]]");
}

TEST_F(TutorialA, A8_InitializedValue) {
  wf::Variable weights(wf::RandomNormal({2, 3}, {.stddev = 2.0f}));
  wf::Variable w2(weights.initialized_value() * 2.0f);
  for (int i = 0; i < 10; ++i) {
    wf::Session session;
    session.Run(wf::GlobalVariablesInitializer());
    auto [a, b] = session.Run(std::tuple(weights, w2));
    for (int64_t e = 0; e < 6; ++e) EXPECT_EQ(b.AsDouble(e), 2 * a.AsDouble(e));
  }
}

TEST_F(TutorialA, A9_AssignAnotherDtype) {
  wf::Variable w1(wf::RandomNormal({2, 3}, {.stddev = 1.0f}), {.name = "w1"});
  wf::Variable w2(wf::RandomNormal({2, 3}, {.stddev = 1.0f, .dtype = wf::kFloat64}),
                  {.name = "w2"});
  EXPECT_THAT(MessageOf<wf::InvalidArgumentError>([&] { wf::Assign(w1, w2); }),
              HasSubstr("Input 'value' of 'Assign' Op has type float64 that does not match type "
                        "float32 of argument 'ref'."));
}

TEST_F(TutorialA, A10_AssignAnotherShape) {
  wf::Variable x(0);
  auto y = wf::Assign(x, {5, 2}, {.validate_shape = false});
  wf::Session session;
  session.Run(wf::GlobalVariablesInitializer());
  EXPECT_EQ(session.Run(x).ToString(), "0");
  EXPECT_EQ(session.Run(y).ToString(), "[5 2]");
  EXPECT_EQ(session.Run(x).ToString(), "[5 2]");
}

TEST_F(TutorialA, A11_SeededForward) {
  wf::Variable w1(wf::RandomNormal({2, 3}, {.stddev = 1.0f, .seed = 1}));
  wf::Variable w2(wf::RandomNormal({3, 1}, {.stddev = 1.0f, .seed = 2}));
  auto x = wf::Placeholder(wf::kFloat32, {3, 2}, "input");
  auto y = wf::MatMul(wf::MatMul(x, w1), w2);
  wf::Session session;
  session.Run(wf::GlobalVariablesInitializer());
  const wf::Array rows({{0.7f, 0.9f}, {0.1f, 0.4f}, {0.5f, 0.8f}});
  EXPECT_EQ(session.Run(y, {{x, rows}}).ToString(), "[[2.2322333 ]\n [0.90483624]\n [1.9336841 ]]");
}

TEST_F(TutorialA, A12_UseBeforeInitialisation) {
  wf::Variable weights(wf::RandomNormal({2, 3}), {.name = "layer1/weights"});
  wf::Session session;
  EXPECT_THAT(MessageOf<wf::FailedPreconditionError>([&] { session.Run(weights + 1.0f); }),
              HasSubstr("layer1/weights"));
}

}  // namespace
