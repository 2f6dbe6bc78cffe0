// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <functional>
#include <optional>

#include "examples/support/mt19937.h"
#include "src/core/strings.h"
#include "tools/golden/compare.h"
#include "tools/golden/container.h"
#include "tools/weft_interop/programs.h"
#include "weft/framework/queues.h"
#include "weft/weft.h"

namespace weft::interop {
namespace {

using golden::Mismatch;
using Values = std::map<std::string, Array>;

// Rows of equal arrays of one element or one dimension, one below the other.
Array Stacked(const std::vector<Array>& rows) {
  std::vector<float> elements;
  for (const Array& row : rows) {
    for (int64_t i = 0; i < row.num_elements(); ++i)
      elements.push_back(static_cast<float>(row.AsDouble(i)));
  }
  const auto n = static_cast<int64_t>(rows.size());
  const auto all = static_cast<int64_t>(elements.size());
  Array array = Array::FromVector(elements);
  return rows[0].num_elements() == 1 ? array : array.Reshaped({n, all / n});
}

Values Forward() {
  Variable w1(RandomNormal({2, 3}, {.stddev = 1, .seed = 1}));
  Variable w2(RandomNormal({3, 1}, {.stddev = 1, .seed = 1}));
  const Tensor x = Placeholder(kFloat32, {-1, 2});
  const Tensor a = MatMul(x, w1), y = MatMul(a, w2);
  Session session;
  session.Run(GlobalVariablesInitializer());
  const Array row({{0.7f, 0.9f}}), rows({{0.7f, 0.9f}, {0.1f, 0.4f}, {0.5f, 0.8f}});
  return {{"w1", session.Run(w1)},
          {"w2", session.Run(w2)},
          {"a", session.Run(a, {{x, row}})},
          {"y", session.Run(y, {{x, row}})},
          {"y3", session.Run(y, {{x, rows}})}};
}

Values MovingAverages() {
  Variable v1(0.0f), step(0, {.trainable = false});
  train::ExponentialMovingAverage ema(0.99f, {.num_updates = step});
  const Operation apply = ema.Apply({v1});
  Session session;
  session.Run(GlobalVariablesInitializer());
  std::vector<Array> rows;
  const auto note = [&] {
    const auto [value, average] = session.Run(std::tuple(v1, ema.Average(v1)));
    rows.push_back(Array({value.AsDouble(0), average.AsDouble(0)}));
  };
  note();
  session.Run(apply);
  note();
  session.Run(v1.Assign(5.f));
  session.Run(apply);
  note();
  session.Run(step.Assign(10000));
  session.Run(v1.Assign(10.f));
  session.Run(apply);
  note();
  session.Run(apply);
  note();
  return {{"rows", Stacked(rows)}};
}

Values Regularizers() {
  const Tensor w = Constant({{1.f, -2.f}, {-3.f, 4.f}});
  Session session;
  return {{"l1", session.Run(layers::L1Regularizer(.5f)(w))},
          {"l2", session.Run(layers::L2Regularizer(.5f)(w))}};
}

// numpy's RandomState(1).rand(128, 2), and what is made of each row.
constexpr int64_t kRows = 128, kBatch = 8, kSteps = 5000;
struct Samples {
  explicit Samples(const std::function<double(double, double, examples::RandomState&)>& target) {
    examples::RandomState random(1);
    const std::vector<double> drawn = random.Rand(2 * kRows);
    std::vector<float> rows(drawn.begin(), drawn.end()), targets;
    for (size_t i = 0; i < drawn.size(); i += 2)
      targets.push_back(static_cast<float>(target(drawn[i], drawn[i + 1], random)));
    x = Array::FromVector(rows).Reshaped({kRows, 2});
    y = Array::FromVector(targets).Reshaped({kRows, 1});
  }
  // Of batch `step`; the whole for -1.
  Feeds Batch(const Tensor& to_x, const Tensor& to_y, int64_t step) const {
    if (step < 0) return {{to_x, x}, {to_y, y}};
    const int64_t begin = step * kBatch % kRows;
    return {{to_x, Rows(x, begin)}, {to_y, Rows(y, begin)}};
  }
  static Array Rows(const Array& a, int64_t begin) {
    const int64_t width = a.shape().dim(1);
    const float* first = a.data<float>() + begin * width;
    return Array::FromVector(std::vector<float>(first, first + kBatch * width))
        .Reshaped({kBatch, width});
  }
  Array x, y;
};

// The loss of a sale: an excess costs `more` and a lack `less` each.
Values CustomLoss(float more, float less) {
  const Samples data([](double a, double b, examples::RandomState& random) {
    return a + b + (random.RandomSample() / 10.0 - 0.05);
  });
  const Tensor x = Placeholder(kFloat32, {-1, 2}, "x-input");
  const Tensor y_ = Placeholder(kFloat32, {-1, 1}, "y-input");
  Variable w1(RandomNormal({2, 1}, {.stddev = 1, .seed = 1}));
  const Tensor y = MatMul(x, w1);
  const Tensor loss = ReduceSum(Where(Greater(y, y_), (y - y_) * more, (y_ - y) * less));
  const Operation train = train::AdamOptimizer(0.001).Minimize(loss);
  Session session;
  session.Run(GlobalVariablesInitializer());
  std::vector<Array> rows = {session.Run(w1)};
  for (int64_t i = 0; i < kSteps; ++i) {
    session.Run(train, data.Batch(x, y_, i));
    if (i % 1000 == 999) rows.push_back(session.Run(w1));
  }
  return {{"w1", Stacked(rows)}, {"X", data.x}, {"Y", data.y}};
}

Values TwoLayerClassifier() {
  const Samples data(
      [](double a, double b, examples::RandomState&) { return a + b < 1 ? 1.0 : 0.0; });
  const Tensor x = Placeholder(kFloat32, {-1, 2}), y_ = Placeholder(kFloat32, {-1, 1});
  Variable w1(RandomNormal({2, 3}, {.stddev = 1, .seed = 1}));
  Variable w2(RandomNormal({3, 1}, {.stddev = 1, .seed = 1}));
  const Tensor y = Sigmoid(MatMul(MatMul(x, w1), w2));
  const Tensor cost = -ReduceMean(y_ * Log(ClipByValue(y, 1e-10, 1.0)) +
                                  (1 - y_) * Log(ClipByValue(1 - y, 1e-10, 1.0)));
  const Operation train = train::AdamOptimizer(0.001).Minimize(cost);
  Session session;
  session.Run(GlobalVariablesInitializer());
  Values values = {
      {"w1_first", session.Run(w1)}, {"w2_first", session.Run(w2)}, {"X", data.x}, {"Y", data.y}};
  std::vector<Array> costs = {session.Run(cost, data.Batch(x, y_, -1))};
  for (int64_t i = 0; i < kSteps; ++i) {
    session.Run(train, data.Batch(x, y_, i));
    if (i % 1000 == 999) costs.push_back(session.Run(cost, data.Batch(x, y_, -1)));
  }
  values["cross_entropy"] = Stacked(costs);
  values["w1_last"] = session.Run(w1);
  values["w2_last"] = session.Run(w2);
  return values;
}

// F3 of the tutorials: what is taken out goes in again, one larger.
Values FifoQueue() {
  FIFOQueue q(2, {kInt32});
  const Operation init = q.EnqueueMany({{0, 10}});
  const Tensor x = q.Dequeue();
  const Operation put = q.Enqueue({x + 1});
  Session session;
  session.Run(init);
  std::vector<int32_t> seen;
  for (int i = 0; i < 5; ++i) seen.push_back(session.Run({x, put})[0].scalar<int32_t>());
  return {{"x", Array::FromVector(seen)}, {"size_after", session.Run(q.Size())}};
}

Values LearningRates() {
  const Tensor g = Placeholder(kInt64, Shape());
  const std::map<std::string, Tensor> rates = {
      {"exponential_decay(0.1,g,100,0.96)", train::ExponentialDecay(0.1, g, 100, 0.96)},
      {"exponential_decay(0.1,g,100,0.96,staircase)",
       train::ExponentialDecay(0.1, g, 100, 0.96, {.staircase = true})},
      {"piecewise_constant(g,[100,200],[0.1,0.05,0.01])",
       train::PiecewiseConstant(g, {100, 200}, {0.1, 0.05, 0.01})},
      {"polynomial_decay(0.1,g,250,0.001,0.5)",
       train::PolynomialDecay(0.1, g, 250, {.end_learning_rate = 0.001, .power = 0.5})},
      {"natural_exp_decay(0.1,g,100,0.5)", train::NaturalExpDecay(0.1, g, 100, 0.5)},
      {"inverse_time_decay(0.1,g,100,0.5)", train::InverseTimeDecay(0.1, g, 100, 0.5)},
      {"cosine_decay(0.1,g,300)", train::CosineDecay(0.1, g, 300)}};
  Session session;
  Values values;
  for (const auto& [name, rate] : rates) {
    std::vector<Array> at;
    for (const int64_t step : {0, 1, 50, 100, 101, 199, 200, 250, 299, 400})
      at.push_back(session.Run(rate, {{g, Array(step)}}));
    values[name] = Stacked(at);
  }
  return values;
}

Values Parabola() {
  Variable x(5.0f);
  const Operation train = train::GradientDescentOptimizer(0.2).Minimize(Square(x));
  Session session;
  session.Run(GlobalVariablesInitializer());
  std::vector<Array> seen;
  for (int i = 0; i <= 6; ++i) {
    seen.push_back(session.Run(x));
    session.Run(train);
  }
  return {{"x", Stacked(seen)}};
}

struct Program {
  std::function<Values()> run;
  double rtol = 0;
};

const std::map<std::string, Program>& Programs() {
  // Trained weights gather the roundings of 5000 steps; pow and exp of the rates round as the
  // machine's library does.
  static const auto& programs = *new std::map<std::string, Program>{
      {"forward", {Forward, 1e-6}},
      {"ema", {MovingAverages}},
      {"regularizers", {Regularizers}},
      {"custom_loss", {[] { return CustomLoss(1, 10); }}},
      {"custom_loss_reversed", {[] { return CustomLoss(10, 1); }}},
      {"two_layer_classifier", {TwoLayerClassifier, 1e-5}},
      {"fifo_queue", {FifoQueue}},
      {"learning_rates", {LearningRates, 1e-6}},
      {"sgd_parabola", {Parabola}},
  };
  return programs;
}

const Program& Find(const std::string& name) {
  const auto found = Programs().find(name);
  if (found == Programs().end()) throw Mismatch(StrCat("no program '", name, "' is written"));
  return found->second;
}

Array ReferenceArray(const Json& value, DataType dtype) {
  Array array = Array::Zeros(dtype, Shape(value.at("shape").get<std::vector<int64_t>>()));
  const Json& values = value.at("values");
  if (static_cast<int64_t>(values.size()) != array.num_elements())
    throw Mismatch("the reference's own shape is wrong");
  for (size_t i = 0; i < values.size(); ++i) {
    if (dtype == kInt32)
      array.mutable_data<int32_t>()[i] = values[i].get<int32_t>();
    else
      array.mutable_data<float>()[i] = values[i].get<float>();
  }
  return array;
}

}  // namespace

std::map<std::string, Array> RunSmallProgram(const std::string& name) {
  const Program& program = Find(name);
  const Graph graph;
  const GraphScope scope(graph);
  return program.run();
}

void CheckSmallProgram(const Json& reference) {
  const std::string name = Text(reference, "name");
  const std::map<std::string, Array> got = RunSmallProgram(name);
  const Json& want = reference.at("values");
  if (got.size() != want.size())
    throw Mismatch(StrCat(name, " gives ", got.size(), " values, expected ", want.size()));
  for (const auto& [key, value] : want.items()) {
    if (!got.contains(key)) throw Mismatch(StrCat(name, " gives no ", key));
    const Array& array = got.at(key);
    double rtol = Find(name).rtol;
    // Fed and initial values are exact everywhere.
    if (key == "X" || key == "Y" || key.starts_with("w1_first") || key.starts_with("w2_first"))
      rtol = 0;
    if (key.ends_with("_last")) rtol = 1e-3;
    const std::string difference =
        golden::Compare(array, ReferenceArray(value, array.dtype()), {rtol, rtol * 1e-3});
    if (!difference.empty()) throw Mismatch(StrCat(name, ", ", key, ": ", difference));
  }
}

}  // namespace weft::interop
