// SPDX-License-Identifier: Apache-2.0
// Training small nets with all optimizers and learning rates, against the numbers that TensorFlow
// 2.15.1 computes: those of B2 stand here, the others in data/.
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>

#include "examples/support/mt19937.h"
#include "weft/framework/train/contrib_optimizers.h"
#include "weft/weft.h"

namespace wf = weft;

namespace {

using google::protobuf::Struct;

class TutorialBTrain : public testing::Test {
 protected:
  wf::Graph graph_;
  wf::GraphScope scope_{graph_};
};

// The values of a case of d_small_programs.json, which TensorFlow 2.15.1 computed; none if there is
// no such case.
std::map<std::string, std::vector<double>> ReferenceValues(const std::string& name) {
  std::map<std::string, std::vector<double>> values;
  std::ifstream file("tests/tutorials/data/d_small_programs.json");
  const std::string json(std::istreambuf_iterator<char>(file), {});
  Struct reference;
  if (!google::protobuf::util::JsonStringToMessage(json, &reference).ok()) return values;
  for (const auto& entry : reference.fields().at("cases").list_value().values()) {
    const auto& fields = entry.struct_value().fields();
    if (fields.at("name").string_value() != name) continue;
    for (const auto& [key, value] : fields.at("values").struct_value().fields()) {
      for (const auto& v : value.struct_value().fields().at("values").list_value().values())
        values[key].push_back(v.number_value());
    }
  }
  return values;
}

void ExpectNear(const wf::Array& got, const std::vector<double>& want, double relative) {
  ASSERT_EQ(got.num_elements(), static_cast<int64_t>(want.size()));
  for (size_t i = 0; i < want.size(); ++i) {
    EXPECT_NEAR(got.AsDouble(static_cast<int64_t>(i)), want[i], relative * std::abs(want[i]))
        << "element " << i;
  }
}

// numpy's RandomState(1).rand(128, 2) in rows of two, and what follows in its stream.
constexpr int64_t kRows = 128, kBatch = 8;
struct Samples {
  Samples() {
    for (double v : random.Rand(2 * kRows)) x.push_back(v);
  }
  wf::Array Inputs(int64_t begin, int64_t rows) const {
    std::vector<float> part(x.begin() + 2 * begin, x.begin() + 2 * (begin + rows));
    return wf::Array::FromVector(part).Reshaped({rows, 2});
  }
  static wf::Array Column(const std::vector<float>& values, int64_t begin, int64_t rows) {
    std::vector<float> part(values.begin() + begin, values.begin() + begin + rows);
    return wf::Array::FromVector(part).Reshaped({rows, 1});
  }
  weft::examples::RandomState random{1};
  std::vector<double> x;
};

// ---- B2: a loss that punishes one side more -----------------------------------------------------

// w1 after 0, 1000, ..., 5000 steps, where an excess costs `more` and a lack `less` each.
std::vector<wf::Array> CustomLoss(float more, float less) {
  Samples data;
  std::vector<float> targets;
  for (size_t i = 0; i < kRows; ++i) {
    const double noise = data.random.RandomSample() / 10.0 - 0.05;
    targets.push_back(static_cast<float>(data.x[2 * i] + data.x[2 * i + 1] + noise));
  }
  auto x = wf::Placeholder(wf::kFloat32, {-1, 2}, "x-input");
  auto y_ = wf::Placeholder(wf::kFloat32, {-1, 1}, "y-input");
  wf::Variable w1(wf::RandomNormal({2, 1}, {.stddev = 1, .seed = 1}));
  auto y = wf::MatMul(x, w1);
  auto loss = wf::ReduceSum(wf::Where(wf::Greater(y, y_), (y - y_) * more, (y_ - y) * less));
  auto train = wf::train::AdamOptimizer(0.001).Minimize(loss);
  wf::Session session;
  session.Run(wf::GlobalVariablesInitializer());
  std::vector<wf::Array> rows = {session.Run(w1)};
  for (int64_t i = 0; i < 5000; ++i) {
    const int64_t begin = i * kBatch % kRows;
    session.Run(train,
                {{x, data.Inputs(begin, kBatch)}, {y_, Samples::Column(targets, begin, kBatch)}});
    if (i % 1000 == 999) rows.push_back(session.Run(w1));
  }
  return rows;
}

TEST_F(TutorialBTrain, B2_CustomLoss) {
  const std::vector<wf::Array> rows = CustomLoss(1, 10);
  // TensorFlow 2.15.1 on one thread, to the last bit.
  EXPECT_EQ(rows.back().AsDouble(0), 0x1.04f3ecp+0) << rows.back();
  EXPECT_EQ(rows.back().AsDouble(1), 0x1.0af586p+0) << rows.back();
  const auto reference = ReferenceValues("custom_loss");
  ASSERT_FALSE(reference.empty());
  const std::vector<double>& want = reference.at("w1");
  ASSERT_EQ(want.size(), 12u);
  for (size_t i = 0; i < 6; ++i) ExpectNear(rows[i], {want[2 * i], want[2 * i + 1]}, 0);
}

TEST_F(TutorialBTrain, CustomLossReversed) {
  const auto reference = ReferenceValues("custom_loss_reversed");
  ASSERT_FALSE(reference.empty());
  const std::vector<double>& want = reference.at("w1");
  ASSERT_EQ(want.size(), 12u);
  const std::vector<wf::Array> rows = CustomLoss(10, 1);
  for (size_t i = 0; i < 6; ++i) ExpectNear(rows[i], {want[2 * i], want[2 * i + 1]}, 0);
}

// ---- a classifier of two layers -----------------------------------------------------------------

TEST_F(TutorialBTrain, TwoLayerClassifier) {
  const auto reference = ReferenceValues("two_layer_classifier");
  ASSERT_FALSE(reference.empty());
  Samples data;
  std::vector<float> labels;
  for (size_t i = 0; i < kRows; ++i)
    labels.push_back(data.x[2 * i] + data.x[2 * i + 1] < 1 ? 1 : 0);
  auto x = wf::Placeholder(wf::kFloat32, {-1, 2}), y_ = wf::Placeholder(wf::kFloat32, {-1, 1});
  wf::Variable w1(wf::RandomNormal({2, 3}, {.stddev = 1, .seed = 1}));
  wf::Variable w2(wf::RandomNormal({3, 1}, {.stddev = 1, .seed = 1}));
  auto y = wf::Sigmoid(wf::MatMul(wf::MatMul(x, w1), w2));
  auto cross_entropy = -wf::ReduceMean(y_ * wf::Log(wf::ClipByValue(y, 1e-10, 1.0)) +
                                       (1 - y_) * wf::Log(wf::ClipByValue(1 - y, 1e-10, 1.0)));
  auto train = wf::train::AdamOptimizer(0.001).Minimize(cross_entropy);
  wf::Session session;
  session.Run(wf::GlobalVariablesInitializer());
  ExpectNear(session.Run(w1), reference.at("w1_first"), 0);
  ExpectNear(session.Run(w2), reference.at("w2_first"), 0);
  const auto cost = [&] {
    return session
        .Run(cross_entropy, {{x, data.Inputs(0, kRows)}, {y_, Samples::Column(labels, 0, kRows)}})
        .AsDouble(0);
  };
  std::vector<double> costs = {cost()};
  for (int64_t i = 0; i < 5000; ++i) {
    const int64_t begin = i * kBatch % kRows;
    session.Run(train,
                {{x, data.Inputs(begin, kBatch)}, {y_, Samples::Column(labels, begin, kBatch)}});
    if (i % 1000 == 999) costs.push_back(cost());
  }
  const std::vector<double>& want = reference.at("cross_entropy");
  ASSERT_EQ(want.size(), costs.size());
  for (size_t i = 0; i < want.size(); ++i) EXPECT_NEAR(costs[i], want[i], 1e-5 * want[i]) << i;
  ExpectNear(session.Run(w1), reference.at("w1_last"), 1e-3);
  ExpectNear(session.Run(w2), reference.at("w2_last"), 1e-3);
}

// ---- learning rates -----------------------------------------------------------------------------

TEST_F(TutorialBTrain, LearningRates) {
  namespace tr = wf::train;
  const auto reference = ReferenceValues("learning_rates");
  ASSERT_FALSE(reference.empty());
  auto g = wf::Placeholder(wf::kInt64, wf::Shape());
  std::map<std::string, wf::Tensor> rates = {
      {"exponential_decay(0.1,g,100,0.96)", tr::ExponentialDecay(0.1, g, 100, 0.96)},
      {"exponential_decay(0.1,g,100,0.96,staircase)",
       tr::ExponentialDecay(0.1, g, 100, 0.96, {.staircase = true})},
      {"piecewise_constant(g,[100,200],[0.1,0.05,0.01])",
       tr::PiecewiseConstant(g, {100, 200}, {0.1, 0.05, 0.01})},
      {"polynomial_decay(0.1,g,250,0.001,0.5)",
       tr::PolynomialDecay(0.1, g, 250, {.end_learning_rate = 0.001, .power = 0.5})},
      {"natural_exp_decay(0.1,g,100,0.5)", tr::NaturalExpDecay(0.1, g, 100, 0.5)},
      {"inverse_time_decay(0.1,g,100,0.5)", tr::InverseTimeDecay(0.1, g, 100, 0.5)},
      {"cosine_decay(0.1,g,300)", tr::CosineDecay(0.1, g, 300)}};
  wf::Session session;
  const int64_t steps[] = {0, 1, 50, 100, 101, 199, 200, 250, 299, 400};
  for (const auto& [name, want] : reference) {
    ASSERT_TRUE(rates.contains(name)) << name;
    ASSERT_EQ(want.size(), std::size(steps)) << name;
    for (size_t i = 0; i < want.size(); ++i) {
      const double got = session.Run(rates.at(name), {{g, wf::Array(steps[i])}}).AsDouble(0);
      EXPECT_NEAR(got, want[i], 1e-6 * want[i] + 1e-9) << name << " at step " << steps[i];
    }
  }
}

TEST_F(TutorialBTrain, GradientDescentOnAParabola) {
  const auto reference = ReferenceValues("sgd_parabola");
  ASSERT_FALSE(reference.empty());
  wf::Variable x(5.0f);
  auto train = wf::train::GradientDescentOptimizer(0.2).Minimize(wf::Square(x));
  wf::Session session;
  session.Run(wf::GlobalVariablesInitializer());
  for (double want : reference.at("x")) {
    EXPECT_EQ(session.Run(x).AsDouble(0), want);
    session.Run(train);
  }
}

// ---- B8: every optimizer minimises the trainable variables --------------------------------------

TEST_F(TutorialBTrain, B8_AllOptimizers) {
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
