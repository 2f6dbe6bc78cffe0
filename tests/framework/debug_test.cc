// SPDX-License-Identifier: Apache-2.0
#include "weft/framework/debug.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/arrays.h"
#include "weft/framework/queues.h"
#include "weft/weft.h"

namespace weft {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class DebugTest : public testing::Test {
 protected:
  // The text and the op of the InvalidArgumentError of a run.
  std::pair<std::string, std::string> Failure(const std::vector<Fetch>& fetches,
                                              const Feeds& feeds = {}) {
    try {
      session_.Run(fetches, feeds);
    } catch (const InvalidArgumentError& e) {
      return {e.what(), e.op_name()};
    }
    ADD_FAILURE() << "no error";
    return {};
  }

  Graph graph_;
  GraphScope scope_{graph_};
  Session session_{graph_};
};

TEST_F(DebugTest, NamesTheFirstOpThatMadeIt) {
  const Tensor x = Placeholder(kFloat32, PartialShape({-1, 2}), "x");
  const Tensor y = Log(x, "loss/Log"), z = ReduceSum(y * y + 1.0f);
  const Array good = F32({{1, 2}}), bad = F32({{1, 2}, {4, 0}});
  EXPECT_TRUE(std::isinf(session_.Run(z, {{x, bad}}).scalar<float>()));
  EXPECT_GT(debug::CheckNumerics(), 3);
  EXPECT_EQ(debug::CheckNumerics(), 0);  // all are checked already
  session_.Run(z, {{x, good}});
  const auto [text, op] = Failure({z}, {{x, bad}});
  EXPECT_EQ(op, "loss/Log");
  EXPECT_EQ(
      text,
      "Log 'loss/Log' made Inf from finite inputs.\n"
      "  output 0 'loss/Log:0': float32 [2,2], 0 NaN, 0 +Inf, 1 -Inf of 4 elements, the first "
      "at [1,1]; finite ones from 0.0 to 1.3862944\n"
      "  input 0 'x:0 (fed)': float32 [2,2], all finite, min 0.0, max 4.0");
  session_.Run(z, {{x, good}});  // the next run is as good as any
  debug::StopCheckingNumerics();
  EXPECT_TRUE(std::isinf(session_.Run(z, {{x, bad}}).scalar<float>()));
}

TEST_F(DebugTest, TellsThatAnInputWasBadAlready) {
  const Tensor x = Placeholder(kFloat64, PartialShape({-1}), "x");
  const Tensor y = Sqrt(x);
  debug::CheckNumerics();
  const auto [text, op] = Failure({y}, {{x, F64({NAN, 4})}});
  EXPECT_EQ(op, "Sqrt");
  EXPECT_THAT(text, AllOf(HasSubstr("made NaN (not all inputs are finite)"),
                          HasSubstr("float64 [2], 1 NaN, 0 +Inf, 0 -Inf of 2 elements, the first "
                                    "at [0]; finite ones from 4.0 to 4.0")));
}

TEST_F(DebugTest, OptionsChooseOpsAndKinds) {
  const Tensor x = Placeholder(kFloat32, PartialShape({-1}), "x");
  Tensor a, b;
  {
    NameScope scope("a");
    a = Log(x);
  }
  {
    NameScope scope("b");
    b = Log(x) * 2.0f;
  }
  const Array zero = F32({0}), negative = F32({-1});
  debug::CheckNumerics({b}, {.inf = false});
  session_.Run({a, b}, {{x, zero}});  // -Inf is not looked for
  EXPECT_EQ(Failure({a, b}, {{x, negative}}).second, "b/Log");
  debug::StopCheckingNumerics();
  debug::CheckNumerics(graph_, {.scopes = {"a/"}});
  session_.Run(b, {{x, zero}});
  EXPECT_EQ(Failure({a, b}, {{x, zero}}).second, "a/Log");
  debug::StopCheckingNumerics();
  debug::CheckNumerics(graph_, {.except = {"a/Log", "Mul"}});
  EXPECT_EQ(Failure({a, b}, {{x, zero}}).second, "b/Log");
}

// A training step whose rate is too high: the checks name the op, and the update does not happen.
TEST_F(DebugTest, StopsBeforeTheVariablesAreSpoilt) {
  Variable w(F32({3e38f}), {.name = "w"});
  const Tensor loss = ReduceSum(Square(w));
  const Operation step = train::GradientDescentOptimizer(0.1f).Minimize(loss);
  session_.Run(GlobalVariablesInitializer());
  debug::CheckNumerics();
  const auto [text, op] = Failure({step});
  EXPECT_THAT(text, AllOf(HasSubstr("made Inf from finite inputs"), HasSubstr("'w")));
  EXPECT_TRUE(ArraysEqual(session_.Run(w), F32({3e38f})));
}

TEST_F(DebugTest, ComplexHalfAndRunsThatWait) {
  const Tensor c = Placeholder(kComplex64, PartialShape({-1}), "c"),
               h = Placeholder(kFloat16, PartialShape({-1}), "h");
  const Tensor c2 = c * c, h2 = h * h;
  FIFOQueue q(1, {kFloat32});
  const Tensor taken = q.Dequeue(), root = Log(taken);
  const Operation put = q.Enqueue({F32({-1})});
  debug::CheckNumerics();
  EXPECT_EQ(Failure({c2}, {{c, Array::FromVector<std::complex<float>>({{1e30f, 1e30f}})}}).second,
            "mul");
  const auto [text, op] = Failure({h2}, {{h, F16({300})}});
  EXPECT_EQ(op, "mul_1");
  EXPECT_THAT(text, HasSubstr("float16 [1], 0 NaN, 1 +Inf"));
  EXPECT_EQ(Failure({root, put}).second, "Log");
}

TEST_F(DebugTest, AddCheckNumericsOpsIsTensorFlows) {
  const Tensor x = Placeholder(kFloat32, PartialShape({-1}), "x");
  const Tensor y = Log(x);
  const Operation checks = AddCheckNumericsOps();
  EXPECT_EQ(checks.name(), "group_deps");
  const Operation second = graph_.OperationByName("CheckNumerics_1");
  EXPECT_EQ(second.input(0).name(), "Log:0");
  EXPECT_EQ(second.control_inputs()[0].name(), "CheckNumerics");
  session_.Run({y, checks}, {{x, F32({1})}});
  const auto [text, op] = Failure({y, checks}, {{x, F32({0})}});
  EXPECT_EQ(op, "CheckNumerics_1");
  EXPECT_THAT(text, HasSubstr("Log:0 : Tensor had Inf values"));
}

TEST_F(DebugTest, AddCheckNumericsOpsRefusesControlFlow) {
  const Tensor x = Placeholder(kFloat32, Shape(), "x"), p = Placeholder(kBool, Shape(), "p");
  const Branches b = Switch(x, p);
  Merge({b.output_false, b.output_true});
  EXPECT_THROW(AddCheckNumericsOps(), InvalidArgumentError);
}

TEST_F(DebugTest, SummaryIsATable) {
  train::GetOrCreateGlobalStep();
  {
    NameScope scope("layer1");
    Variable(Zeros({784, 500}), {.name = "weights"});
    Variable(Zeros({500}), {.name = "biases"});
  }
  Variable(Zeros({2}), {.name = "table", .validate_shape = false, .use_resource = true});
  EXPECT_EQ(debug::Summary(),
            "name         shape       dtype    elements     bytes  trainable\n"
            "global_step  ()          int64           1       8 B  no\n"
            "table        <unknown>   float32         ?         ?  yes\n"
            "layer1/                            392,500  1.50 MiB\n"
            "  weights    (784, 500)  float32   392,000  1.50 MiB  yes\n"
            "  biases     (500,)      float32       500  1.95 KiB  yes\n"
            "total                              392,501  1.50 MiB\n"
            "trainable                          392,500  1.50 MiB\n");
  EXPECT_EQ(debug::Summary(graph_, {.only_trainable = true, .max_depth = 1}),
            "name       shape      dtype    elements     bytes  trainable\n"
            "table      <unknown>  float32         ?         ?  yes\n"
            "layer1/                         392,500  1.50 MiB\n"
            "total                           392,500  1.50 MiB\n"
            "trainable                       392,500  1.50 MiB\n");
  EXPECT_THAT(debug::Summary(graph_, {.max_depth = 0}), Not(HasSubstr("layer1")));
  Graph copy;
  ImportGraphDef(graph_.AsGraphDef(), {.prefix = ""}, copy);
  EXPECT_THAT(debug::Summary(copy), HasSubstr("  biases     (500,)      float32       500"));
}

}  // namespace
}  // namespace weft
