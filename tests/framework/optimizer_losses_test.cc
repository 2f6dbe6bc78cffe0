// SPDX-License-Identifier: Apache-2.0
// How losses fall with each optimizer, against TensorFlow's numbers
// (tests/support/make_optimizer_losses.py).
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <map>
#include <sstream>

#include "weft/framework/train/contrib_optimizers.h"
#include "weft/graph/op_builder.h"
#include "weft/weft.h"

namespace weft::train {
namespace {

using Losses = std::vector<double>;

// By "optimizer model".
std::map<std::string, Losses> ReadGolden() {
  std::map<std::string, Losses> golden;
  std::ifstream in("tests/framework/data/optimizer_losses.golden");
  EXPECT_TRUE(in.good()) << "the golden file can't be read";
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("#")) continue;
    std::istringstream words(line);
    std::string optimizer, model;
    words >> optimizer >> model;
    Losses& losses = golden[optimizer + " " + model];
    for (double x; words >> x;) losses.push_back(x);
  }
  return golden;
}

// ---- models: each gives its loss ----------------------------------------------------------------

// Numbers in [-.5, .5) that any language makes alike.
Array Numbers(const Shape& shape, int seed) {
  std::vector<float> values;
  for (int64_t i = 0; i < shape.num_elements(); ++i)
    values.push_back(
        static_cast<float>(static_cast<double>((i * 37 + seed * 11) % 101) / 101. - .5));
  return Array::FromVector(values).Reshaped(shape);
}

Tensor Rosenbrock(bool resource) {
  const Variable x(-1.2f, {.name = "x", .use_resource = resource});
  const Variable y(1.f, {.name = "y", .use_resource = resource});
  return Square(1.f - x) + 100.f * Square(y - Square(x));
}

Tensor Perceptron(bool resource) {
  const Variable w1(Numbers({3, 8}, 1), {.name = "w1", .use_resource = resource});
  const Variable b1(Numbers({8}, 2), {.name = "b1", .use_resource = resource});
  const Variable w2(Numbers({8, 2}, 3), {.name = "w2", .use_resource = resource});
  const Tensor hidden = Tanh(MatMul(Constant(Numbers({10, 3}, 4)), w1) + b1);
  return ReduceMean(Square(MatMul(hidden, w2) - Constant(Numbers({10, 2}, 5))));
}

// Rows 0 and 3 are gathered more than once, 2, 4 and 5 never.
Tensor Embedding(bool resource) {
  const Variable table(Numbers({6, 4}, 6), {.name = "table", .use_resource = resource});
  const Variable w(Numbers({4, 1}, 7), {.name = "w", .use_resource = resource});
  const Tensor ids = Constant({0, 3, 3, 1, 0, 3});
  const Tensor rows = resource ? OpBuilder("ResourceGather", NameOptions())
                                     .In(table.handle())
                                     .In(ids)
                                     .Attr("dtype", kFloat32)
                                     .Output()
                               : Gather(table, ids);
  return ReduceMean(Square(MatMul(rows, w) - Constant(Numbers({6, 1}, 8))));
}

// ---- optimizers ---------------------------------------------------------------------------------

struct Case {
  const char* name;
  std::function<std::shared_ptr<Optimizer>(double rate, const Variable& step)> make;
  double steep_rate;  // for Rosenbrock's function, whose gradients are large
  double flat_rate;   // for the other models
};

// Of a rate and options.
template <typename T, typename Options>
auto WithRate(const Options& options) {
  return [options](double rate, const Variable&) { return std::make_shared<T>(rate, options); };
}
auto WithMomentum(const MomentumOptions& options) {
  return [options](double rate, const Variable&) {
    return std::make_shared<MomentumOptimizer>(rate, .9, options);
  };
}

std::vector<Case> Cases() {
  return {
      {"gradient_descent", WithRate<GradientDescentOptimizer>(GradientDescentOptions{}), 1e-4, .1},
      {"momentum", WithMomentum({}), 1e-5, .02},
      {"nesterov", WithMomentum({.use_nesterov = true}), 1e-5, .02},
      {"adagrad", WithRate<AdagradOptimizer>(AdagradOptions{}), .01, .05},
      {"adagrad_da",
       [](double rate, const Variable& step) {
         return std::make_shared<AdagradDAOptimizer>(
             rate, step,
             AdagradDAOptions{.l1_regularization_strength = .001,
                              .l2_regularization_strength = .01});
       },
       .01, .05},
      {"adadelta", WithRate<AdadeltaOptimizer>(AdadeltaOptions{.rho = .9, .epsilon = 1e-4}), 1.,
       1.},
      {"adam", WithRate<AdamOptimizer>(AdamOptions{}), .02, .02},
      {"rms_prop", WithRate<RMSPropOptimizer>(RMSPropOptions{.momentum = .5}), .01, .01},
      {"centered_rms_prop",
       WithRate<RMSPropOptimizer>(RMSPropOptions{.momentum = .5, .centered = true}), .001, .01},
      {"ftrl",
       WithRate<FtrlOptimizer>(
           FtrlOptions{.l1_regularization_strength = .001, .l2_regularization_strength = .01}),
       .01, .1},
      {"ftrl_v2",
       WithRate<FtrlOptimizer>(FtrlOptions{
           .learning_rate_power = -.6, .l2_shrinkage_regularization_strength = .01, .beta = .1}),
       .01, .1},
      {"proximal_gradient_descent",
       WithRate<ProximalGradientDescentOptimizer>(ProximalGradientDescentOptions{
           .l1_regularization_strength = .01, .l2_regularization_strength = .02}),
       1e-4, .1},
      {"proximal_adagrad",
       WithRate<ProximalAdagradOptimizer>(ProximalAdagradOptions{
           .l1_regularization_strength = .01, .l2_regularization_strength = .02}),
       .01, .05},
      {"adamax", WithRate<AdaMaxOptimizer>(AdaMaxOptions{}), .02, .02},
      {"add_sign", WithRate<AddSignOptimizer>(AddSignOptions{}), 1e-4, .02},
      {"power_sign",
       WithRate<PowerSignOptimizer>(PowerSignOptions{.sign_decay_fn = LinearSignDecay(20)}), 1e-4,
       .02},
  };
}

Losses Train(const Case& c, Tensor (*model)(bool resource), double rate, bool resource,
             size_t steps) {
  const Graph graph;
  const GraphScope use(graph);
  const Variable step = GetOrCreateGlobalStep();
  const Tensor loss = model(resource);
  const Operation train = c.make(rate, step)->Minimize(loss, {.global_step = step});
  Session session;
  session.Run(GlobalVariablesInitializer());
  Losses losses;
  for (size_t i = 0; i < steps; ++i) {
    losses.push_back(session.Run(loss).AsDouble(0));
    session.Run(train);
  }
  return losses;
}

class OptimizerLosses : public testing::TestWithParam<size_t> {
 protected:
  void Expect(const char* model_name, Tensor (*model)(bool resource), double rate) {
    static const std::map<std::string, Losses>* const golden =
        new std::map<std::string, Losses>(ReadGolden());
    const Case c = Cases()[GetParam()];
    const auto found = golden->find(std::string(c.name) + " " + model_name);
    ASSERT_NE(found, golden->end()) << c.name << " " << model_name;
    const Losses& want = found->second;
    for (bool resource : {false, true}) {
      const Losses got = Train(c, model, rate, resource, want.size());
      for (size_t i = 0; i < want.size(); ++i) {
        ASSERT_NEAR(got[i], want[i], 1e-5 * std::abs(want[i]))
            << c.name << (resource ? ", resource" : "") << ", step " << i;
      }
    }
  }
};

TEST_P(OptimizerLosses, Rosenbrock) {
  Expect("rosenbrock", Rosenbrock, Cases()[GetParam()].steep_rate);
}
TEST_P(OptimizerLosses, Perceptron) {
  Expect("perceptron", Perceptron, Cases()[GetParam()].flat_rate);
}
TEST_P(OptimizerLosses, EmbeddingWithSparseGradients) {
  Expect("embedding", Embedding, Cases()[GetParam()].flat_rate);
}

INSTANTIATE_TEST_SUITE_P(All, OptimizerLosses, testing::Range<size_t>(0, Cases().size()),
                         [](const testing::TestParamInfo<size_t>& info) {
                           return std::string(Cases()[info.param].name);
                         });

}  // namespace
}  // namespace weft::train
