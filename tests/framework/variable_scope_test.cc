// SPDX-License-Identifier: Apache-2.0
#include "weft/framework/variable_scope.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <thread>

#include "tests/support/arrays.h"
#include "tests/support/graph_golden.h"
#include "weft/weft.h"

namespace weft {
namespace {

using testing::HasSubstr;

class Scopes : public testing::Test {
 protected:
  Graph graph_;
  GraphScope scope_{graph_};
};

template <typename E>
std::string ErrorOf(const std::function<void()>& run) {
  try {
    run();
  } catch (const E& e) {
    return e.what();
  }
  return "no error";
}

TEST(VariableScopeNodes, NamesAndInitializers) {
  GoldenGraphs("tests/framework/data/graphs.golden").Expect("get_variable_scopes", [] {
    const Variable v = GetVariable("v", {2, 3});
    VarScope s;
    {
      const VariableScope scope("s");
      s = scope.scope();
      GetVariable("w", {.initializer = Zeros({2}, kFloat32)});
      GetVariable("u", {2},
                  {.initializer = ConstantInitializer(1.f),
                   .regularizer = [](const Input& w) { return nn::L2Loss(w); }});
      v + 1;
      const VariableScope inner("t");
      GetVariable("z", {2}, {.dtype = kInt32, .initializer = ZerosInitializer()});
      GetVariable("zd", {2}, {.dtype = kInt32});
    }
    {
      const VariableScope again(s, {.reuse = Reuse::kTrue});
      GetVariable("w", {2}) * 2;
    }
    {
      const VariableScope again("s");
      GetVariable("w3", {2}, {.trainable = false, .use_resource = true}) * 2;
    }
    {
      const VariableScope again(s, {.auxiliary_name_scope = false});
      GetVariable("w4", {2}, {.initializer = OnesInitializer()}) * 2;
    }
    {
      const VariableScope unique = VariableScope::Unique("def");
      GetVariable("w4", {2}, {.initializer = RandomNormalInitializer(0, 1, {.seed = 1})}) * 2;
    }
    {
      const VariableScope unique = VariableScope::Unique("def");
      GetVariable("w4", {2}, {.initializer = TruncatedNormalInitializer(0, 1, {.seed = 1})}) * 2;
    }
    {
      const VariableScope q("q");
      GetVariable("w4", {2}, {.initializer = RandomUniformInitializer(-1, 1)});
      Variable(1.f, {.name = "x"});
    }
    GetVariable("foo", {.initializer = 1.5f});
    GetVariable("g", {3, 4, 5}, {.initializer = GlorotNormalInitializer()});
    train::GetOrCreateGlobalStep();
  });
}

TEST_F(Scopes, NamesOfNestedScopes) {
  const Variable root = GetVariable("w", {1});
  EXPECT_EQ(root.name(), "w:0");
  {
    const VariableScope one("space1");
    EXPECT_EQ(GetVariable("w", {1}).name(), "space1/w:0");
    const VariableScope two("space2");
    EXPECT_EQ(VariableScope::Current().name(), "space1/space2");
    EXPECT_EQ(GetVariable("w", {1}).name(), "space1/space2/w:0");
  }
  EXPECT_EQ(VariableScope::Current().name(), "");
  const VariableScope reuse("", {.reuse = Reuse::kTrue});
  EXPECT_EQ(GetVariable("space1/space2/w", {1}).name(), "space1/space2/w:0");
  EXPECT_EQ(GetVariable("w", {1}), root);
}

TEST_F(Scopes, ReuseIsInherited) {
  const auto reuses = [] { return VariableScope::Current().reuse() == Reuse::kTrue; };
  const VariableScope root("root");
  EXPECT_FALSE(reuses());
  {
    const VariableScope foo("foo", {.reuse = Reuse::kTrue});
    EXPECT_TRUE(reuses());
    const VariableScope bar("bar", {.reuse = Reuse::kFalse});
    EXPECT_TRUE(reuses());
  }
  EXPECT_FALSE(reuses());
}

TEST_F(Scopes, ReuseVariables) {
  VariableScope layer("layer");
  const Variable w = GetVariable("w", {1});
  layer.ReuseVariables();
  EXPECT_EQ(GetVariable("w", {1}), w);
}

TEST_F(Scopes, AutoReuse) {
  Variable first;
  for (int i = 0; i < 2; ++i) {
    const VariableScope layer("layer", {.reuse = Reuse::kAuto});
    const Variable w = GetVariable("w", {1});
    if (i == 0) first = w;
    EXPECT_EQ(w, first);
  }
  EXPECT_EQ(GlobalVariables().size(), 1u);
}

TEST_F(Scopes, Defaults) {
  const VariableScope layer("layer", {.initializer = ConstantInitializer(7),
                                      .regularizer = layers::L2Regularizer(.5f),
                                      .dtype = kFloat64,
                                      .use_resource = true});
  const VariableScope inner("inner");
  const Variable v = GetVariable("v", {2});
  EXPECT_TRUE(v.is_resource());
  EXPECT_EQ(v.dtype(), kFloat64);
  const auto penalties = GetTensorCollection(GraphKeys::kRegularizationLosses);
  ASSERT_EQ(penalties.size(), 1u);
  EXPECT_EQ(penalties[0].op().name(), "layer/inner/v/Regularizer/l2_regularizer");
  Session session;
  session.Run(GlobalVariablesInitializer());
  EXPECT_TRUE(ArraysEqual(session.Run(v), F64({7, 7})));
  EXPECT_EQ(session.Run(penalties[0]).AsDouble(), 24.5);
}

TEST_F(Scopes, Errors) {
  const VariableScope layer("layer");
  GetVariable("v", {2, 3});
  EXPECT_THAT(ErrorOf<AlreadyExistsError>([] {
                GetVariable("v", {2, 3});
              }),
              HasSubstr("Variable layer/v already exists, disallowed. Did you mean to set "
                        "reuse=True in VarScope?"));
  EXPECT_THAT(ErrorOf<InvalidArgumentError>([] { GetVariable("bad"); }),
              HasSubstr("layer/bad did not get an initializer, so its `shape` argument must be "
                        "specified"));
  EXPECT_THAT(ErrorOf<InvalidArgumentError>([] { GetVariable("bad", {2}, {.initializer = 1.f}); }),
              HasSubstr("do not specify shape"));
  const VariableScope reuse("", {.reuse = Reuse::kTrue});
  EXPECT_THAT(ErrorOf<NotFoundError>([] { GetVariable("nope", {2}); }),
              HasSubstr("Variable layer/nope does not exist"));
  EXPECT_THAT(ErrorOf<InvalidArgumentError>([] {
                GetVariable("v", {2, 4});
              }),
              HasSubstr("specified shape (2, 4) and found shape (2, 3)"));
  EXPECT_THAT(ErrorOf<InvalidArgumentError>([] {
                GetVariable("v", {2, 3}, {.dtype = kInt32});
              }),
              HasSubstr("specified dtype int32 and found dtype float32_ref"));
}

// Scopes belong to the thread that opened them, variables to the graph.
TEST_F(Scopes, Threads) {
  const VariableScope outer("outer");
  const Variable v = GetVariable("v", {1});
  std::thread other([&] {
    const GraphScope use(graph_);
    EXPECT_EQ(VariableScope::Current().name(), "");
    const VariableScope reuse("", {.reuse = Reuse::kTrue});
    EXPECT_EQ(GetVariable("outer/v", {1}), v);
  });
  other.join();
}

// The default initializer: uniform in +-sqrt(6 / (in + out)).
TEST_F(Scopes, GlorotUniformIsTheDefault) {
  const Variable w = GetVariable("w", {30, 70});
  Session session;
  session.Run(GlobalVariablesInitializer());
  const Array value = session.Run(w);
  double squares = 0, greatest = 0;
  for (int64_t i = 0; i < value.num_elements(); ++i) {
    squares += value.AsDouble(i) * value.AsDouble(i);
    greatest = std::max(greatest, std::abs(value.AsDouble(i)));
  }
  EXPECT_LE(greatest, std::sqrt(6.0 / 100));
  EXPECT_GT(greatest, 0.95 * std::sqrt(6.0 / 100));
  EXPECT_NEAR(squares / static_cast<double>(value.num_elements()), 2.0 / 100, 2e-3);
}

TEST_F(Scopes, ConstantInitializers) {
  const Variable a = GetVariable("a", {2, 2}, {.initializer = ConstantInitializer({1, 2, 3, 4})});
  const Variable b =
      GetVariable("b", {3}, {.dtype = kInt32, .initializer = ConstantInitializer(5)});
  Session session;
  session.Run(GlobalVariablesInitializer());
  EXPECT_TRUE(ArraysEqual(session.Run(a), F32({{1, 2}, {3, 4}})));
  EXPECT_TRUE(ArraysEqual(session.Run(b), I32({5, 5, 5})));
  EXPECT_THROW(GetVariable("c", {3}, {.initializer = ConstantInitializer({1, 2})}),
               InvalidArgumentError);
}

}  // namespace
}  // namespace weft
