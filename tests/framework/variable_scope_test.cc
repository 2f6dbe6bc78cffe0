// SPDX-License-Identifier: Apache-2.0
#include "weft/framework/variable_scope.h"
#include "tests/support/errors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <thread>

#include "src/core/strings.h"
#include "tests/support/arrays.h"
#include "tests/support/graph_golden.h"
#include "weft/framework/partitioned_variable.h"
#include "weft/weft.h"

namespace weft {
namespace {

using testing::HasSubstr;

class Scopes : public testing::Test {
 protected:
  Graph graph_;
  GraphScope scope_{graph_};
};

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
  EXPECT_THAT(test::MessageOf<AlreadyExistsError>([] {
                GetVariable("v", {2, 3});
              }),
              HasSubstr("Variable layer/v already exists, disallowed. Did you mean to set "
                        "reuse=True in VarScope?"));
  EXPECT_THAT(test::MessageOf<InvalidArgumentError>([] { GetVariable("bad"); }),
              HasSubstr("layer/bad did not get an initializer, so its `shape` argument must be "
                        "specified"));
  EXPECT_THAT(
      test::MessageOf<InvalidArgumentError>([] { GetVariable("bad", {2}, {.initializer = 1.f}); }),
      HasSubstr("do not specify shape"));
  const VariableScope reuse("", {.reuse = Reuse::kTrue});
  EXPECT_THAT(test::MessageOf<NotFoundError>([] { GetVariable("nope", {2}); }),
              HasSubstr("Variable layer/nope does not exist, or was not created with "
                        "tf.get_variable(). Did you mean to set reuse=tf.AUTO_REUSE in "
                        "VarScope?"));
  EXPECT_THAT(test::MessageOf<InvalidArgumentError>([] {
                GetVariable("v", {2, 4});
              }),
              HasSubstr("specified shape (2, 4) and found shape (2, 3)"));
  EXPECT_THAT(test::MessageOf<InvalidArgumentError>([] {
                GetVariable("v", {2, 3}, {.dtype = kInt32});
              }),
              HasSubstr("specified dtype int32 and found dtype float32_ref"));
}

// A value's dtype is not the scope's: who shares it must say so.
TEST_F(Scopes, DtypesOfValues) {
  const Variable n = GetVariable("n", {.initializer = 0});
  EXPECT_EQ(n.dtype(), kInt32);
  EXPECT_EQ(GetVariable("float", {.initializer = 1.5}).dtype(), kFloat32);
  EXPECT_EQ(GetVariable("double", {.dtype = kFloat64, .initializer = 1.5}).dtype(), kFloat64);
  EXPECT_THAT(test::MessageOf<InvalidArgumentError>(
                  [] { GetVariable("m", {.dtype = kFloat64, .initializer = 1}); }),
              HasSubstr("Initializer type 'int32' and explicit dtype 'float64' don't match."));
  EXPECT_THAT(
      test::MessageOf<InvalidArgumentError>([] { GetVariable("c", {2}, {.dtype = kComplex64}); }),
      HasSubstr("An initializer for variable c of complex64 is required"));
  EXPECT_THAT(test::MessageOf<InvalidArgumentError>(
                  [] { GetVariable("f", {2}, {.initializer = [] { return Zeros({2}); }}); }),
              HasSubstr("The initializer passed for variable f is not valid"));
  EXPECT_THAT(test::MessageOf<InvalidArgumentError>(
                  [] { GetVariable("f", {.initializer = ZerosInitializer()}); }),
              HasSubstr("The initializer passed for variable f is not valid"));
  EXPECT_THROW(GetVariable(""), InvalidArgumentError);
  const VariableScope reuse("", {.reuse = Reuse::kTrue});
  EXPECT_EQ(GetVariable("n", {.dtype = kInt32}), n);
  EXPECT_THAT(test::MessageOf<InvalidArgumentError>([] { GetVariable("n"); }),
              HasSubstr("specified dtype float32 and found dtype int32_ref"));
}

TEST_F(Scopes, UniqueScopesDontReuse) {
  EXPECT_THAT(test::MessageOf<InvalidArgumentError>(
                  [] { VariableScope::Unique("s", {.reuse = Reuse::kTrue}); }),
              HasSubstr("reuse=True cannot be used without a name_or_scope"));
}

// A scope is changed for all who hold it; scopes that were opened inside before are not.
TEST_F(Scopes, ScopesAreChanged) {
  const VariableScope outer("outer");
  {
    const VariableScope inner("inner");
    outer.scope().set_dtype(kFloat64);
    EXPECT_EQ(GetVariable("v", {1}).dtype(), kFloat32);
  }
  const VarScope here = VariableScope::Current();
  EXPECT_EQ(here.defaults().dtype, kFloat64);
  here.set_initializer(ConstantInitializer(3));
  here.set_regularizer(layers::L2Regularizer(1));
  here.set_use_resource(true);
  here.set_caching_device("/cpu:0");
  here.set_partitioner(FixedSizePartitioner(2));
  here.set_custom_getter([](const VariableGetter& getter, VariableRequest request) {
    request.name += "_mine";
    return getter(request);
  });
  const PartitionedVariable v(GetVariable("v", {2}));
  EXPECT_EQ(v.name(), "outer/v_mine");
  EXPECT_TRUE(v[0].is_resource());
  EXPECT_EQ(GetTensorCollection(GraphKeys::kRegularizationLosses).size(), 2u);
  EXPECT_EQ(v[1].AsTensor().device(), "/device:CPU:0");
  Session session;
  session.Run(GlobalVariablesInitializer());
  EXPECT_TRUE(ArraysEqual(session.Run(v.AsTensor()), F64({3, 3})));
}

TEST_F(Scopes, RootScopeReuses) {
  const Variable w = GetVariable("w", {1});
  VariableScope::Current().ReuseVariables();
  EXPECT_EQ(GetVariable("w", {1}), w);
  const VariableScope inner("inner");
  EXPECT_THROW(GetVariable("w", {1}), NotFoundError);
}

TEST_F(Scopes, CollectionsOfAScope) {
  const Variable root = GetVariable("v", {1});
  VarScope layer, layer2;
  {
    const VariableScope scope("layer");
    layer = scope.scope();
    GetVariable("v", {1});
    GetVariable("fixed", {1}, {.trainable = false});
    GetLocalVariable("local", {1});
    GetVariable("model", {1}, {.collections = {{GraphKeys::kModelVariables}}});
    GetVariable("metric", {1},
                {.trainable = false, .collections = {{GraphKeys::kMetricVariables}}});
  }
  {
    const VariableScope scope("layer2");
    GetVariable("v", {1});
  }
  const auto names = [](const std::vector<Variable>& variables) {
    std::vector<std::string> list;
    for (const Variable& v : variables) list.push_back(v.op_name());
    return list;
  };
  using testing::ElementsAre;
  EXPECT_THAT(names(layer.GlobalVariables()), ElementsAre("layer/v", "layer/fixed"));
  EXPECT_THAT(names(layer.TrainableVariables()), ElementsAre("layer/v", "layer/model"));
  EXPECT_THAT(names(layer.LocalVariables()), ElementsAre("layer/local"));
  EXPECT_THAT(names(ModelVariables()), ElementsAre("layer/model"));
  EXPECT_THAT(names(MetricVariables()), ElementsAre("layer/metric"));
  // A regular expression, matched at the beginning.
  EXPECT_THAT(names(TrainableVariables("layer")),
              ElementsAre("layer/v", "layer/model", "layer2/v"));
  EXPECT_THAT(names(TrainableVariables("layer/")), ElementsAre("layer/v", "layer/model"));
  EXPECT_THAT(names(TrainableVariables(".*/v")), ElementsAre("layer/v", "layer2/v"));
  EXPECT_THAT(names(GlobalVariables("layer[0-9]")), ElementsAre("layer2/v"));
  EXPECT_THAT(test::MessageOf<InvalidArgumentError>([] { GlobalVariables("a("); }),
              HasSubstr("no regular expression"));
}

// A getter of the outer scope sees what the inner one asks for.
TEST_F(Scopes, GettersNest) {
  std::vector<std::string> calls;
  const auto noting = [&](const char* tag) {
    return [&calls, tag](const VariableGetter& getter, const VariableRequest& request) {
      calls.push_back(StrCat(tag, " ", request.name, " ", DTypeName(request.dtype)));
      VariableRequest changed = request;
      changed.dtype = kFloat64;
      return getter(changed);
    };
  };
  const VariableScope a("a", {.custom_getter = noting("outer")});
  const VariableScope b("b", {.custom_getter = noting("inner")});
  const Variable v = GetVariable("v", {1});
  EXPECT_EQ(v.dtype(), kFloat64);
  EXPECT_THAT(calls, testing::ElementsAre("inner a/b/v float32", "outer a/b/v float64"));
}

// A custom getter may give another variable: here, the averages stand for the weights.
TEST_F(Scopes, GetterOfAverages) {
  train::ExponentialMovingAverage ema(.5f);
  const auto layer = [](const Tensor& x) {
    return x * GetVariable("w", {2}, {.initializer = ConstantInitializer(4)});
  };
  Tensor trained, averaged;
  {
    const VariableScope net("net");
    trained = layer(Ones({2}));
  }
  const Operation update = ema.Apply();
  {
    const VariableScope net(
        "net", {.reuse = Reuse::kTrue,
                .custom_getter = [&](const VariableGetter& getter, const VariableRequest& request) {
                  return ema.Average(getter(request));
                }});
    averaged = layer(Ones({2}));
  }
  Session session;
  session.Run(GlobalVariablesInitializer());
  session.Run(Assign(TrainableVariables()[0], {8.f, 0.f}));
  session.Run(update);
  EXPECT_TRUE(ArraysEqual(session.Run(trained), F32({8, 0})));
  EXPECT_TRUE(ArraysEqual(session.Run(averaged), F32({6, 2})));
}

TEST_F(Scopes, RegularizersAndConstraints) {
  const VariableConstraint clip = [](const Input& w) { return ClipByValue(w, 0, 1); };
  const VariableScope s("s", {.regularizer = layers::L2Regularizer(1), .constraint = clip});
  const Variable v = GetVariable("v", {2}, {.initializer = ConstantInitializer({2, 3})});
  const Variable free = GetVariable("free", {2}, {.regularizer = NoRegularizer});
  EXPECT_TRUE(v.constraint());
  {
    const VariableScope inner("inner");
    EXPECT_FALSE(GetVariable("w", {1}, {.regularizer = NoRegularizer}).constraint());
  }
  const std::vector<Tensor> penalties = losses::GetRegularizationLosses();
  ASSERT_EQ(penalties.size(), 1u);
  EXPECT_EQ(penalties[0].op().name(), "s/v/Regularizer/l2_regularizer");
  const Tensor total = losses::GetRegularizationLoss();
  EXPECT_EQ(total.op().name(), "s/total_regularization_loss");
  Session session;
  session.Run(GlobalVariablesInitializer());
  EXPECT_EQ(session.Run(total).scalar<float>(), 6.5f);
  EXPECT_TRUE(ArraysEqual(session.Run(v.constraint()(v)), F32({1, 1})));
  const Graph empty;
  const GraphScope use(empty);
  EXPECT_EQ(Session().Run(losses::GetRegularizationLoss()).scalar<float>(), 0);
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
  EXPECT_THROW(GetVariable("c", {1}, {.initializer = ConstantInitializer({1, 2})}),
               InvalidArgumentError);
}

}  // namespace
}  // namespace weft
