// SPDX-License-Identifier: Apache-2.0
// Optimizers, learning rates, moving averages, regularizers, the global step, groups.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/arrays.h"
#include "tests/support/errors.h"
#include "tests/support/graph_golden.h"
#include "weft/graph/op_builder.h"
#include "weft/weft.h"

namespace weft::train {
namespace {

using testing::HasSubstr;

GoldenGraphs TrainingGraphs() { return GoldenGraphs("tests/framework/data/graphs.golden"); }

class Training : public testing::Test {
 protected:
  Graph graph_;
  GraphScope scope_{graph_};
};

// ---- optimizers ---------------------------------------------------------------------------------

TEST(OptimizerNodes, Minimize) {
  TrainingGraphs().Expect("minimize", [] {
    const Variable w({1.f, 2.f, 3.f}, {.name = "w"});
    const Variable u({1.f, 2.f, 3.f}, {.name = "u", .use_resource = true});
    Variable(1.f, {.name = "q"});
    const Tensor loss = ReduceSum(w * u);
    const Variable step = GetOrCreateGlobalStep();
    GradientDescentOptimizer(.5f).Minimize(loss, {.global_step = step});
  });
}

TEST(OptimizerNodes, GatesColocationAndNames) {
  TrainingGraphs().Expect("gates_and_names", [] {
    const Variable w({1.f, 2.f, 3.f}, {.name = "w"}), u({1.f, 2.f, 3.f}, {.name = "u"});
    std::optional<GradientDescentOptimizer> optimizer;
    std::vector<GradAndVar> pairs;
    {
      const NameScope foo("foo");
      const Tensor loss = ReduceSum(w * u);
      optimizer.emplace(
          ExponentialDecay(.1f, GetOrCreateGlobalStep(), 100, .9f, {.staircase = true}));
      pairs = optimizer->ComputeGradients(loss, {.gate_gradients = GateGradients::kGraph,
                                                 .colocate_gradients_with_ops = true,
                                                 .grad_loss = Constant(2.f)});
      optimizer->ApplyGradients(pairs, {.name = "apply"});
    }
    optimizer->ApplyGradients(pairs);
  });
  TrainingGraphs().Expect("no_gate", [] {
    const Variable w({1.f, 2.f, 3.f}, {.name = "w"}), u({1.f, 2.f, 3.f}, {.name = "u"});
    const Tensor loss = ReduceSum(w * u);
    GradientDescentOptimizer(.5f, {.use_locking = true, .name = "SGD"})
        .Minimize(loss, {.gate_gradients = GateGradients::kNone});
  });
}

TEST(OptimizerNodes, SparseGradientsAndResourceSteps) {
  TrainingGraphs().Expect("sparse_updates", [] {
    const Array value({{1.f, 2.f}, {3.f, 4.f}});
    const Variable w(value, {.name = "w"}), u(value, {.name = "u", .use_resource = true});
    const Tensor values = Constant({{1.f, 1.f}}), rows = Constant({1});
    const IndexedSlices slices{values, rows, {}};
    GradientDescentOptimizer(.1f).ApplyGradients({{slices, w}, {slices, u}});
  });
  TrainingGraphs().Expect("resource_global_step", [] {
    const Variable step(0, {.name = "step", .trainable = false, .use_resource = true});
    const Variable w({1.f, 2.f, 3.f}, {.name = "w"});
    GradientDescentOptimizer(.1f).ApplyGradients({{Constant({1.f, 1.f, 1.f}), w}},
                                                 {.global_step = step});
  });
}

TEST_F(Training, DescentOfBothForms) {
  const Variable w({1.f, 2.f}, {.name = "w"}), u({3.f, 4.f}, {.name = "u", .use_resource = true});
  const Variable step = GetOrCreateGlobalStep();
  const Operation train =
      GradientDescentOptimizer(.5f).Minimize(ReduceSum(w * u), {.global_step = step});
  Session session;
  session.Run(GlobalVariablesInitializer());
  session.Run(train);
  // Both gradients are taken before either variable changes.
  EXPECT_TRUE(ArraysEqual(session.Run(w), F32({1 - 1.5f, 2 - 2})));
  EXPECT_TRUE(ArraysEqual(session.Run(u), F32({3 - .5f, 4 - 1})));
  EXPECT_EQ(session.Run(step).scalar<int64_t>(), 1);
}

// Rows that are gathered twice move twice; rows that are not stay.
TEST_F(Training, DescentOnSlices) {
  for (bool resource : {false, true}) {
    const Variable table(Array({{1.f, 1.f}, {2.f, 2.f}, {3.f, 3.f}}), {.use_resource = resource});
    const Tensor rows = resource ? OpBuilder("ResourceGather", NameOptions())
                                       .In(table.handle())
                                       .In(Array({2, 0, 2}))
                                       .Attr("dtype", kFloat32)
                                       .Output()
                                 : Gather(table, Array({2, 0, 2}));
    const Tensor loss = ReduceSum(rows * Constant({{1.f, 2.f}, {3.f, 4.f}, {5.f, 6.f}}));
    GradientDescentOptimizer optimizer(.5f);
    const std::vector<GradAndVar> pairs = optimizer.ComputeGradients(loss, {.var_list = {table}});
    ASSERT_TRUE(pairs[0].grad.is_slices());
    const Operation train = optimizer.ApplyGradients(pairs);
    Session session;
    session.Run(GlobalVariablesInitializer());
    session.Run(train);
    EXPECT_TRUE(ArraysEqual(session.Run(table), F32({{-.5f, -1}, {2, 2}, {0, -1}})));
  }
}

TEST_F(Training, GradLossScales) {
  const Variable w(2.f);
  GradientDescentOptimizer optimizer(1.f);
  const auto pairs = optimizer.ComputeGradients(Square(w), {.grad_loss = Constant(3.f)});
  Session session;
  session.Run(GlobalVariablesInitializer());
  EXPECT_EQ(session.Run(pairs[0].grad.tensor()).scalar<float>(), 12);
}

TEST_F(Training, VariablesWithoutGradientAreLeftOut) {
  const Variable w(2.f, {.name = "w"}), other(5.f, {.name = "other"});
  GradientDescentOptimizer optimizer(1.f);
  const auto pairs = optimizer.ComputeGradients(Square(w));
  ASSERT_EQ(pairs.size(), 2u);
  EXPECT_TRUE(pairs[1].grad.none());
  const Operation train = optimizer.ApplyGradients(pairs);
  EXPECT_FALSE(graph_.FindOperation("GradientDescent/update_other").has_value());
  const std::vector<CollectionItem> trains = graph_.GetCollection(GraphKeys::kTrainOp);
  ASSERT_EQ(trains.size(), 1u);
  EXPECT_EQ(std::get<Operation>(trains[0].value), train);
}

TEST_F(Training, OptimizerErrors) {
  GradientDescentOptimizer optimizer(.1f);
  const Tensor c = Constant(1.f);
  EXPECT_THAT(test::MessageOf<InvalidArgumentError>([&] { optimizer.Minimize(c); }),
              HasSubstr("No variables to optimize"));
  const Variable w(2.f);
  EXPECT_THAT(test::MessageOf<InvalidArgumentError>([&] { optimizer.Minimize(c); }),
              HasSubstr("No gradients provided for any variable"));
  EXPECT_THAT(test::MessageOf<InvalidArgumentError>([&] { optimizer.Minimize(Constant(1)); }),
              HasSubstr("int32"));
  EXPECT_THAT(test::MessageOf<InvalidArgumentError>([&] { optimizer.ApplyGradients({}); }),
              HasSubstr("No variables provided"));
  EXPECT_THAT(test::MessageOf<InvalidArgumentError>([&] {
                optimizer.ApplyGradients({{Grad(), w}});
              }),
              HasSubstr("No gradients provided for any variable"));
}

// ---- learning rates, global step ----------------------------------------------------------------

TEST(ExponentialDecay, Nodes) {
  TrainingGraphs().Expect("decays", [] {
    const Variable g(0, {.name = "g"});
    ExponentialDecay(.1f, g, 100, .9f);
    ExponentialDecay(.1f, GetOrCreateGlobalStep(), 100.f, .9f, {.name = "ed"});
    const Tensor rate = Constant(.1), steps = Constant(10), factor = Constant(.5f);
    ExponentialDecay(rate, g, steps, factor);
    ExponentialDecay(.1f, g + 1, 100, .9f, {.staircase = true});
    const Variable r(0, {.name = "r", .use_resource = true});
    ExponentialDecay(.1f, r, 100, .9f);
  });
}

TEST_F(Training, GlobalStep) {
  EXPECT_FALSE(GetGlobalStep().valid());
  const Variable step = CreateGlobalStep();
  EXPECT_EQ(step.name(), "global_step:0");
  EXPECT_EQ(step.dtype(), kInt64);
  EXPECT_FALSE(step.trainable());
  EXPECT_EQ(GetGlobalStep(), step);
  EXPECT_EQ(GetOrCreateGlobalStep(), step);
  EXPECT_THROW(CreateGlobalStep(), AlreadyExistsError);
}

// ---- moving averages ----------------------------------------------------------------------------

TEST(MovingAverage, Nodes) {
  TrainingGraphs().Expect("moving_average", [] {
    const Variable w({1.f, 2.f}, {.name = "w"});
    const Variable u({1.f, 2.f}, {.name = "u", .use_resource = true});
    const Variable g(0, {.name = "g", .trainable = false});
    const NameScope foo("foo");
    ExponentialMovingAverage ema(.99f, {.num_updates = g});
    ema.Apply();
    Identity(ema.Average(w));
  });
  TrainingGraphs().Expect("moving_average_again", [] {
    const Variable w({1.f, 2.f}, {.name = "w"});
    ExponentialMovingAverage ema(Constant(.5f), {.num_updates = 5, .name = "e3"});
    ema.Apply({w});
    ema.Apply({w});
  });
  TrainingGraphs().Expect("moving_average_of_doubles", [] {
    const Variable d(Constant(Array({1.0, 2.0})), {.name = "d"});
    ExponentialMovingAverage(.5f, {.name = "e4"}).Apply({d});
  });
  TrainingGraphs().Expect("moving_average_of_tensors", [] {
    const Tensor t = Identity(Constant({1.f, 2.f}), "tt");
    ExponentialMovingAverage(.9f).Apply({t});
  });
  TrainingGraphs().Expect("moving_average_zero_debias", [] {
    const Tensor t = Identity(Constant({1.f, 2.f}), "tt");
    ExponentialMovingAverage(.9f, {.zero_debias = true, .name = "zd"}).Apply({t});
  });
}

TEST_F(Training, AverageOfTensors) {
  const Tensor t = Placeholder(kFloat32, PartialShape::Scalar(), "t");
  ExponentialMovingAverage plain(.9f, {.name = "plain"});
  ExponentialMovingAverage fair(.9f, {.zero_debias = true, .name = "fair"});
  const Operation a = plain.Apply({t}), b = fair.Apply({t});
  EXPECT_EQ(plain.AverageName(t), "t/plain");
  EXPECT_FALSE(plain.Average(Identity(t)).valid());
  Session session;
  session.Run(GlobalVariablesInitializer());
  session.Run({a, b}, {{t, Array(10.f)}});
  EXPECT_NEAR(session.Run(plain.Average(t)).scalar<float>(), 1, 1e-6);
  EXPECT_NEAR(session.Run(fair.Average(t)).scalar<float>(), 10, 1e-5);
  session.Run({a, b}, {{t, Array(20.f)}});
  EXPECT_NEAR(session.Run(plain.Average(t)).scalar<float>(), 2.9, 1e-6);
  EXPECT_NEAR(session.Run(fair.Average(t)).scalar<float>(), 2.9 / .19, 1e-5);
}

TEST_F(Training, AverageNamesToRestore) {
  const Variable w(1.f, {.name = "w"}), step = GetOrCreateGlobalStep();
  ExponentialMovingAverage ema(.9f);
  EXPECT_FALSE(ema.Average(w).valid());
  ema.Apply();
  EXPECT_EQ(ema.Average(w).op_name(), "w/ExponentialMovingAverage");
  const std::map<std::string, Variable> names = ema.VariablesToRestore();
  ASSERT_EQ(names.size(), 2u);
  EXPECT_EQ(names.at("w/ExponentialMovingAverage"), w);
  EXPECT_EQ(names.at("global_step"), step);
  EXPECT_EQ(MovingAverageVariables().size(), 1u);
  EXPECT_THAT(test::MessageOf<InvalidArgumentError>([&] { ema.Apply({step}); }),
              HasSubstr("The variables must be half, float, or double: global_step:0"));
}

// ---- regularizers -------------------------------------------------------------------------------

TEST_F(Training, Regularizers) {
  const Tensor w = Constant({{1.f, -2.f}, {-3.f, 4.f}});
  const Tensor l1 = layers::L1Regularizer(.5f)(w), l2 = layers::L2Regularizer(.5f)(w);
  const Tensor both = layers::L1L2Regularizer(.5f, .25f)(w);
  EXPECT_EQ(l1.op().name(), "l1_regularizer");
  EXPECT_EQ(l2.op().name(), "l2_regularizer");
  EXPECT_EQ(both.op().name(), "l1_l2_regularizer");
  Session session;
  EXPECT_EQ(session.Run(l1).scalar<float>(), 5);
  EXPECT_EQ(session.Run(l2).scalar<float>(), 7.5);
  EXPECT_EQ(session.Run(both).scalar<float>(), 8.75);
}

TEST_F(Training, RegularizersOfScale0AreNone) {
  const Tensor w = Constant({1.f, -2.f});
  const size_t before = graph_.operations().size();
  EXPECT_FALSE(layers::L1Regularizer(0)(w).valid());
  EXPECT_FALSE(layers::L2Regularizer(0)(w).valid());
  EXPECT_FALSE(layers::L1L2Regularizer(0, 0)(w).valid());
  EXPECT_EQ(graph_.operations().size(), before);
  losses::AddLoss(layers::L2Regularizer(0)(w));
  EXPECT_TRUE(losses::GetLosses().empty());
  EXPECT_EQ(layers::L1L2Regularizer(0, 1)(w).op().name(), "l1_l2_regularizer");
  EXPECT_THAT(test::MessageOf<InvalidArgumentError>([] { layers::L2Regularizer(-1); }),
              HasSubstr("less than 0"));
}

TEST_F(Training, RegularizersReadResourcesInTheirScope) {
  const Variable u({1.f, 2.f}, {.name = "u", .use_resource = true});
  layers::L1Regularizer(.5f)(u);
  layers::L2Regularizer(.5f)(u);
  EXPECT_TRUE(graph_.FindOperation("l1_regularizer/Abs/ReadVariableOp").has_value());
  EXPECT_TRUE(graph_.FindOperation("l2_regularizer/L2Loss/ReadVariableOp").has_value());
}

// ---- order --------------------------------------------------------------------------------------

TEST(GroupNodes, GroupTupleWithDependencies) {
  TrainingGraphs().Expect("groups", [] {
    const Variable w({1.f, 2.f}, {.name = "w"}), n(0, {.name = "n"});
    VariablesInitializer({w, n});
    GlobalVariablesInitializer();
    LocalVariablesInitializer();
    Group({w.initializer(), n.initializer()}, "gg");
    Group({});
    WithDependencies({w.op()}, Constant(1.f));
    Tensor a, b, c;
    {
      const DeviceScope cpu("/cpu:0");
      a = Constant(1);
      b = Constant(2.f);
    }
    {
      const DeviceScope gpu("/gpu:0");
      c = Constant(1);
    }
    Group({a.op(), b.op(), c.op(), w.initializer()});
    Group({a.op(), b.op()});
    const std::vector<Tensor> tuple = Tuple({a, Tensor(), b}, {}, {c.op()});
    EXPECT_FALSE(tuple[1].valid());
  });
}

TEST_F(Training, GroupRunsAllAndDependenciesComeFirst) {
  const Variable v(1.f), w(1.f);
  const Operation both = Group({v.Assign(2.f).op(), w.Assign(3.f).op()});
  const Tensor after = WithDependencies({v.Assign(7.f).op()}, v.ReadValue());
  Session session;
  session.Run(GlobalVariablesInitializer());
  session.Run(both);
  EXPECT_EQ(session.Run(v).scalar<float>(), 2);
  EXPECT_EQ(session.Run(w).scalar<float>(), 3);
  session.Run(after);
  EXPECT_EQ(session.Run(v).scalar<float>(), 7);
}

}  // namespace
}  // namespace weft::train
