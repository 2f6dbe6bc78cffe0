// SPDX-License-Identifier: Apache-2.0
// The nodes that optimizers add, against TensorFlow's.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <numbers>

#include "tests/support/errors.h"
#include "tests/support/graph_golden.h"
#include "weft/framework/partitioned_variable.h"
#include "weft/framework/train/contrib_optimizers.h"
#include "weft/weft.h"

namespace weft::train {
namespace {

using testing::HasSubstr;
using MakeOptimizer = std::function<std::shared_ptr<Optimizer>()>;

GoldenGraphs OptimizerGraphs() { return GoldenGraphs("tests/framework/data/optimizers.golden"); }

template <typename T, typename... Arguments>
MakeOptimizer Make(Arguments... arguments) {
  return [=] { return std::make_shared<T>(arguments...); };
}

// Dense and sparse gradients of variables of both forms.
void UpdateAll(const MakeOptimizer& make, DataType dtype = kFloat32,
               const std::function<ApplyGradientsOptions()>& options = {}) {
  const Tensor value = Constant({{1., 2.}, {3., 4.}}, dtype);
  const Variable w(value, {.name = "w"}), u(value, {.name = "u", .use_resource = true});
  const Variable e(value, {.name = "e"}), f(value, {.name = "f", .use_resource = true});
  const Tensor dense = Constant({{.5, .5}, {.5, .5}}, dtype, "dense");
  const Tensor rows = Constant(Input({{1., 1.}}), dtype, "rows");
  const IndexedSlices slices{rows, Constant({1}, "indices"), {}};
  const std::shared_ptr<Optimizer> optimizer = make();
  optimizer->ApplyGradients({{dense, w}, {dense, u}, {slices, e}, {slices, f}},
                            options ? options() : ApplyGradientsOptions());
}

struct OptimizerCase {
  const char* section;
  MakeOptimizer make;
};

std::vector<OptimizerCase> AllOptimizers() {
  return {
      {"gradient_descent", Make<GradientDescentOptimizer>(.5)},
      {"momentum", Make<MomentumOptimizer>(.5, .9)},
      {"nesterov", Make<MomentumOptimizer>(.5, .9, MomentumOptions{.use_nesterov = true})},
      {"adagrad", Make<AdagradOptimizer>(.5, AdagradOptions{.initial_accumulator_value = .2})},
      {"adagrad_da",
       [] {
         return std::make_shared<AdagradDAOptimizer>(
             .5, GetOrCreateGlobalStep(),
             AdagradDAOptions{.l1_regularization_strength = .01,
                              .l2_regularization_strength = .02});
       }},
      {"adadelta", Make<AdadeltaOptimizer>(.5, AdadeltaOptions{.rho = .9, .epsilon = 1e-6})},
      {"adam", Make<AdamOptimizer>(.5)},
      {"rms_prop", Make<RMSPropOptimizer>(.5, RMSPropOptions{.momentum = .1})},
      {"centered_rms_prop", Make<RMSPropOptimizer>(.5, RMSPropOptions{.centered = true})},
      {"ftrl", Make<FtrlOptimizer>(.5, FtrlOptions{.l1_regularization_strength = .01,
                                                   .l2_regularization_strength = .02})},
      {"ftrl_v2", Make<FtrlOptimizer>(.5, FtrlOptions{.accum_name = "acc",
                                                      .linear_name = "lin",
                                                      .l2_shrinkage_regularization_strength = .1,
                                                      .beta = .5})},
      {"proximal_gradient_descent",
       Make<ProximalGradientDescentOptimizer>(
           .5, ProximalGradientDescentOptions{.l1_regularization_strength = .01,
                                              .l2_regularization_strength = .02})},
      {"proximal_adagrad", Make<ProximalAdagradOptimizer>(
                               .5, ProximalAdagradOptions{.l1_regularization_strength = .01})},
  };
}

TEST(OptimizerGraphs, EachRule) {
  for (const OptimizerCase& c : AllOptimizers()) {
    OptimizerGraphs().Expect(c.section, [&] { UpdateAll(c.make); });
  }
}

TEST(OptimizerGraphs, RatesAreCast) {
  OptimizerGraphs().Expect("adagrad_doubles", [] {
    UpdateAll(Make<AdagradOptimizer>(.5, AdagradOptions{.initial_accumulator_value = .2}),
              kFloat64);
  });
  OptimizerGraphs().Expect("adam_doubles", [] { UpdateAll(Make<AdamOptimizer>(.5), kFloat64); });
}

TEST(OptimizerGraphs, NamesAndSteps) {
  OptimizerGraphs().Expect("names_and_steps", [] {
    const Variable step = GetOrCreateGlobalStep();
    UpdateAll(Make<AdamOptimizer>(.1, AdamOptions{.use_locking = true, .name = "Bold"}), kFloat32,
              [&] { return ApplyGradientsOptions{.global_step = step, .name = "go"}; });
  });
  OptimizerGraphs().Expect("resource_steps", [] {
    const Variable step(0, {.name = "step", .trainable = false, .use_resource = true});
    const Variable w({1.f, 2.f}, {.name = "w", .use_resource = true});
    AdamOptimizer(.1).ApplyGradients({{Constant({1.f, 1.f}), w}}, {.global_step = step});
  });
}

TEST(OptimizerGraphs, TensorsAndFunctionsAsRates) {
  OptimizerGraphs().Expect("tensors_and_functions", [] {
    const Tensor rate = Constant(.1f, "rate");
    const Variable beta(.9f, {.name = "beta", .trainable = false});
    const Variable w({1.f, 2.f}, {.name = "w"});
    const Tensor g = Constant({1.f, 1.f}, "g");
    AdamOptimizer adam(
        rate, {.beta1 = [&] { return Identity(rate, "from_rate"); }, .beta2 = Constant(.99f)});
    adam.ApplyGradients({{g, w}});
    adam.ApplyGradients({{g, w}});
    MomentumOptimizer([] { return .5; }, beta).ApplyGradients({{g, w}});
    RMSPropOptimizer([&] { return rate * 2.; }, {.decay = 1}).ApplyGradients({{g, w}});
  });
}

TEST(OptimizerGraphs, SlotsOfSeveralOptimizers) {
  OptimizerGraphs().Expect("two_of_a_kind", [] {
    const Variable w({1.f, 2.f}, {.name = "w"}), b(Array({1.f}), {.name = "b"});
    const Tensor g = Constant({1.f, 1.f}, "g"), h = Constant({1.f}, "h");
    AdamOptimizer(.1).ApplyGradients({{g, w}, {h, b}});
    AdamOptimizer(.1).ApplyGradients({{g, w}, {Grad(), b}});
    MomentumOptimizer(.1, .9).ApplyGradients({{h, b}, {g, w}});
  });
}

TEST(OptimizerGraphs, InScopes) {
  OptimizerGraphs().Expect("in_scopes", [] {
    const Variable w = [] {
      const VariableScope net("net");
      return GetVariable("w", {2}, {.initializer = ZerosInitializer()});
    }();
    const Tensor g = Constant({1.f, 1.f}, "g");
    {
      const NameScope ops("ops");
      AdamOptimizer(.1).ApplyGradients({{g, w}});
    }
    {
      const VariableScope outer("outer");
      MomentumOptimizer(.1, .9).ApplyGradients({{g, w}});
    }
    {
      const ControlDependencies after({g.op()});
      AdagradOptimizer(.1).ApplyGradients({{g, w}});
    }
    AdadeltaOptimizer(.1).ApplyGradients({{g, w}});
  });
}

TEST(OptimizerGraphs, UnknownShapesAndLargeOnes) {
  OptimizerGraphs().Expect("unknown_shapes", [] {
    const Variable w(Placeholder(kFloat32, {-1, 2}, "x"), {.name = "w", .validate_shape = false});
    const Tensor g = Constant({{1.f, 1.f}}, "g");
    MomentumOptimizer(.1, .9).ApplyGradients({{g, w}});
    AdagradOptimizer(.1).ApplyGradients({{g, w}});
    RMSPropOptimizer(.1).ApplyGradients({{g, w}});
  });
  OptimizerGraphs().Expect("large_variables", [] {
    const Variable w(Zeros({40, 50}), {.name = "w"});
    const Variable u(Zeros({40, 50}), {.name = "u", .use_resource = true});
    const Tensor g = Ones({40, 50});
    for (const MakeOptimizer& make :
         {Make<FtrlOptimizer>(.1), Make<AdagradOptimizer>(.1), Make<RMSPropOptimizer>(.1),
          Make<ProximalAdagradOptimizer>(.1)})
      make()->ApplyGradients({{g, w}, {g, u}});
  });
}

TEST(OptimizerGraphs, ConstraintsAndParts) {
  OptimizerGraphs().Expect("constraints", [] {
    const auto limited = [](const Input& x) { return ClipByValue(x, 0., 1.); };
    const Variable w({1.f, 2.f}, {.name = "w", .constraint = limited});
    const Variable u({1.f, 2.f}, {.name = "u", .use_resource = true, .constraint = limited});
    MomentumOptimizer(.5, .9).Minimize(ReduceSum(w * u));
  });
  OptimizerGraphs().Expect("parts", [] {
    const Variable v = GetVariable(
        "v", {4, 2}, {.initializer = ZerosInitializer(), .partitioner = FixedSizePartitioner(2)});
    AdamOptimizer(.5).Minimize(ReduceSum(v.AsTensor()));
  });
}

// ---- what is asked of an optimizer --------------------------------------------------------------

class Optimizers : public testing::Test {
 protected:
  Graph graph_;
  GraphScope scope_{graph_};
};

std::vector<std::string> NamesOf(const std::vector<Variable>& variables) {
  std::vector<std::string> names;
  for (const Variable& v : variables) names.push_back(v.op_name());
  return names;
}

TEST_F(Optimizers, SlotsCanBeAskedFor) {
  const Variable w(1.f, {.name = "w"}), b(1.f, {.name = "b", .use_resource = true});
  AdamOptimizer adam;
  EXPECT_TRUE(adam.SlotNames().empty());
  EXPECT_FALSE(adam.GetSlot(w, "m").valid());
  adam.Minimize(w * b);
  EXPECT_THAT(adam.SlotNames(), testing::ElementsAre("m", "v"));
  EXPECT_EQ(adam.GetSlot(w, "m").op_name(), "w/Adam");
  EXPECT_EQ(adam.GetSlot(w, "v").op_name(), "w/Adam_1");
  EXPECT_TRUE(adam.GetSlot(b, "v").is_resource());
  EXPECT_FALSE(adam.GetSlot(b, "momentum").valid());
  EXPECT_FALSE(adam.GetSlot(w, "m").trainable());
  EXPECT_THAT(NamesOf(adam.Variables()), testing::ElementsAre("b/Adam", "b/Adam_1", "beta1_power",
                                                              "beta2_power", "w/Adam", "w/Adam_1"));
  // They are in the collection of all variables, so that they are initialised and saved.
  EXPECT_EQ(GlobalVariables().size(), 8u);
}

TEST_F(Optimizers, OneOptimizerInTwoGraphs) {
  AdamOptimizer adam;
  std::vector<size_t> counts;
  for (int i = 0; i < 2; ++i) {
    const Graph graph;
    const GraphScope use(graph);
    const Variable w(1.f, {.name = "w"});
    adam.Minimize(Square(w));
    EXPECT_EQ(adam.GetSlot(w, "m").op_name(), "w/Adam");
    counts.push_back(adam.Variables().size());
  }
  EXPECT_THAT(counts, testing::ElementsAre(4, 4));
}

TEST_F(Optimizers, TheTrainOpIsInItsCollectionOnce) {
  const Variable w(1.f, {.name = "w"});
  const Operation train = MomentumOptimizer(.1, .9).Minimize(Square(w));
  const std::vector<CollectionItem> items = graph_.GetCollection(GraphKeys::kTrainOp);
  ASSERT_EQ(items.size(), 1u);
  EXPECT_EQ(std::get<Operation>(items[0].value), train);
}

TEST_F(Optimizers, AveragesAreSwappedWithVariables) {
  const auto inner = std::make_shared<MomentumOptimizer>(.5, 0.);
  MovingAverageOptimizer optimizer(inner, {.average_decay = .5});
  EXPECT_THROW(optimizer.SwappedVariables(), FailedPreconditionError);
  const Variable w(4.f, {.name = "w"}), other(1.f, {.name = "other", .trainable = false});
  const Operation train = optimizer.Minimize(.5f * Square(w));
  EXPECT_EQ(train.name(), "train_with_avg");
  EXPECT_EQ(optimizer.GetSlot(w, "momentum"), inner->GetSlot(w, "momentum"));
  const std::map<std::string, Variable> names = optimizer.SwappedVariables();
  ASSERT_EQ(names.size(), 4u);
  const Variable average = names.at("w");
  EXPECT_EQ(average.op_name(), "w/ExponentialMovingAverage");
  EXPECT_EQ(names.at("w/ExponentialMovingAverage"), w);
  EXPECT_EQ(names.at("other"), other);
  EXPECT_EQ(names.at("w/Momentum"), inner->GetSlot(w, "momentum"));
  Session session;
  session.Run(GlobalVariablesInitializer());
  session.Run(train);
  EXPECT_EQ(session.Run(w).scalar<float>(), 2);
  EXPECT_EQ(session.Run(average).scalar<float>(), 3);
}

TEST_F(Optimizers, SignsDecay) {
  const Variable step(0, {.name = "step"});
  const Tensor linear = LinearSignDecay(10)(step), cosine = CosineSignDecay(10)(step);
  const Tensor cut = CosineSignDecay(10, {.num_periods = 1, .zero_after = .5})(step);
  const Tensor restart = RestartSignDecay(10)(step);
  Session session;
  const auto expect = [&](int at, const std::vector<double>& want) {
    session.Run(step.Assign(at));
    const std::vector<Array> got = session.Run(std::vector<Fetch>{linear, cosine, cut, restart});
    for (size_t i = 0; i < want.size(); ++i)
      EXPECT_NEAR(got[i].AsDouble(0), want[i], 1e-6) << "decay " << i << " at step " << at;
  };
  const double quarter = .5 * (1 + std::sqrt(.5));
  expect(0, {1, 1, 1, 1});
  expect(4,
         {.6, .5 * (1 + std::cos(.4 * std::numbers::pi)),
          .5 * (1 + std::cos(.8 * std::numbers::pi)), .5 * (1 + std::cos(.4 * std::numbers::pi))});
  expect(5, {.5, .5, 0, .5});
  expect(10, {0, 0, 0, 1});
  expect(25, {0, 0, 0, 1});
  const Tensor twice = RestartSignDecay(16, {.num_periods = 2})(step);
  session.Run(step.Assign(2));
  EXPECT_NEAR(session.Run(twice).AsDouble(0), quarter, 1e-6);
}

TEST_F(Optimizers, SlotsOfPartsAreParts) {
  const Variable v = GetVariable(
      "v", {4, 2}, {.initializer = ZerosInitializer(), .partitioner = FixedSizePartitioner(2)});
  MomentumOptimizer momentum(.5, .9);
  momentum.Minimize(ReduceSum(v.AsTensor()));
  const std::vector<Variable> parts = TrainableVariables();
  ASSERT_EQ(parts.size(), 2u);
  const Variable slot = momentum.GetSlot(parts[1], "momentum");
  EXPECT_EQ(slot.op_name(), "v/part_1/Momentum");
  ASSERT_TRUE(slot.save_slice_info().has_value());
  EXPECT_EQ(slot.save_slice_info()->full_name, "v/Momentum");
  EXPECT_EQ(slot.save_slice_info()->Spec(), parts[1].save_slice_info()->Spec());
}

TEST_F(Optimizers, ConstraintsHoldAfterEachUpdate) {
  const auto positive = [](const Input& x) { return nn::Relu(x); };
  for (bool resource : {false, true}) {
    const Variable w({1.f, 2.f}, {.use_resource = resource, .constraint = positive});
    const Operation train =
        GradientDescentOptimizer(1.).Minimize(ReduceSum(w * 1.5f), {.var_list = {w}});
    Session session;
    session.Run(GlobalVariablesInitializer());
    session.Run(train);
    EXPECT_EQ(session.Run(w).ToString(), "[0.  0.5]");
    const IndexedSlices slices{Constant({1.f}), Constant({0}), {}};
    EXPECT_THAT(test::MessageOf([&] {
                  MomentumOptimizer(.1, .9).ApplyGradients({{slices, w}});
                }),
                HasSubstr("Cannot use a constraint function on a sparse variable."));
  }
}

// Moves each element against the sign of its gradient: what a program can add.
class SignDescent : public Optimizer {
 public:
  explicit SignDescent(const Hyperparameter& rate) : Optimizer("SignDescent", false), rate_(rate) {}

 protected:
  void CreateSlots(const std::vector<Variable>& variables) override {
    for (const Variable& v : variables) SlotWithInitializer(v, OnesInitializer(), "scale", name());
  }
  void Prepare() override { rate_tensor_ = rate_.AsTensor("rate"); }
  Operation ApplyDense(const Tensor& grad, const Variable& v) override {
    return AssignSub(v, Sign(grad) * rate_tensor_ * GetSlot(v, "scale")).op();
  }
  Operation ApplySparse(const IndexedSlices& grad, const Variable& v) override {
    return ScatterSub(v, grad.indices, Sign(grad.values) * rate_tensor_).op();
  }

 private:
  Hyperparameter rate_;
  Tensor rate_tensor_;
};

TEST_F(Optimizers, OfAProgramsOwn) {
  const Variable w({3.f, -2.f}, {.name = "w"}), e({1.f, 1.f, 1.f}, {.name = "e"});
  const Tensor loss = ReduceSum(Square(w)) + ReduceSum(Gather(e, Array({2, 2})));
  SignDescent optimizer(.5);
  const Operation train = optimizer.Minimize(loss);
  EXPECT_EQ(optimizer.GetSlot(w, "scale").name(), "w/SignDescent:0");
  Session session;
  session.Run(GlobalVariablesInitializer());
  session.Run(train);
  EXPECT_EQ(session.Run(w).ToString(), "[ 2.5 -1.5]");
  // Rows of one index are added up first.
  EXPECT_EQ(session.Run(e).ToString(), "[1.  1.  0.5]");
}

TEST_F(Optimizers, Errors) {
  EXPECT_THAT(test::MessageOf([] { AdamOptimizer(.1, {.name = ""}); }),
              HasSubstr("Must specify the optimizer name"));
  EXPECT_THAT(test::MessageOf([] { AdagradOptimizer(.1, {.initial_accumulator_value = 0}); }),
              HasSubstr("initial_accumulator_value must be positive: 0"));
  EXPECT_THAT(test::MessageOf([] { FtrlOptimizer(.1, {.learning_rate_power = .5}); }),
              HasSubstr("learning_rate_power 0.5 needs to be negative or zero"));
  EXPECT_THAT(test::MessageOf([] { FtrlOptimizer(.1, {.l1_regularization_strength = -1}); }),
              HasSubstr("l1_regularization_strength -1 needs to be positive or zero"));
  EXPECT_THAT(test::MessageOf([] { PowerSignOptimizer(.1, {.base = 0}); }),
              HasSubstr("base must be positive"));
  MomentumOptimizer momentum(.1, .9);
  const Variable w(1.f, {.name = "w"}), n(1, {.name = "n"});
  const Tensor c = Constant(1.f, "c");
  const std::string no_path = test::MessageOf([&] { momentum.Minimize(c); });
  EXPECT_THAT(no_path, HasSubstr("No gradients provided for any variable, check your graph for ops "
                                 "that do not support gradients, between variables [<Variable "
                                 "'w:0' shape=() dtype=float32_ref>, <Variable 'n:0'"));
  EXPECT_THAT(no_path, HasSubstr("and loss Tensor(\"c:0\", shape=(), dtype=float32)."));
  EXPECT_THAT(test::MessageOf([&] { momentum.Minimize(Cast(w, kInt32)); }),
              HasSubstr("Invalid type int32 for Cast:0, expected: [float16, "));
  EXPECT_THAT(test::MessageOf([&] { momentum.Minimize(Square(w), {.var_list = {Variable()}}); }),
              HasSubstr("unsupported type"));
  EXPECT_THAT(test::MessageOf([&] {
                AddSignOptimizer(.1, {.sign_decay_fn = LinearSignDecay(10)}).Minimize(Square(w));
              }),
              HasSubstr("global_step is required for linear_decay"));
  const Graph other;
  const GraphScope use(other);
  const Variable elsewhere(1.f);
  EXPECT_THAT(test::MessageOf([&] {
                momentum.ApplyGradients({{c, elsewhere}});
              }),
              HasSubstr("must be from the same graph"));
}

}  // namespace
}  // namespace weft::train
