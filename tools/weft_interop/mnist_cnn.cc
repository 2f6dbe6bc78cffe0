// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <functional>
#include <string>
#include <vector>

#include "tools/weft_interop/mnist_check.h"
#include "weft/weft.h"

namespace weft::interop {
namespace {

// Weights and biases of two convolutions and two full connections.
using Parameters = std::array<Tensor, 8>;

Tensor Logits(const Tensor& images, const Parameters& p, bool is_training) {
  Tensor x = Reshape(images, {-1, 28, 28, 1});
  for (size_t i = 0; i < 4; i += 2) {
    x = nn::Relu(nn::BiasAdd(nn::Conv2D(x, p[i], {1}, "SAME"), p[i + 1]));
    x = nn::MaxPool(x, {2}, {2}, "SAME");
  }
  x = nn::Relu(MatMul(Reshape(x, {-1, 7 * 7 * 64}), p[4]) + p[5]);
  if (is_training) x = nn::Dropout(x, 0.5, {.seed = 5});
  return MatMul(x, p[6]) + p[7];
}

// The mean over all digits, a thousand at a time.
double MeanAccuracy(Session& session, const Cnn& cnn, const Digits& digits) {
  const Array images = Images(digits), labels = Array::FromVector(digits.labels);
  const auto n = static_cast<int64_t>(digits.labels.size());
  double right = 0;
  for (int64_t begin = 0; begin < n; begin += 1000) {
    const int64_t end = std::min<int64_t>(n, begin + 1000);
    const Array mean = session.Run(
        cnn.accuracy_of_averages,
        {{cnn.images, images.SliceRows(begin, end)}, {cnn.labels, labels.SliceRows(begin, end)}});
    right += mean.AsDouble(0) * static_cast<double>(end - begin);
  }
  return right / static_cast<double>(n);
}

// How far the accuracy may be off. Early on, where the text names no bound, it still grows by
// percents between two steps.
double BoundAfter(int64_t steps) {
  if (steps >= 3000) return 0.004;
  return steps >= 1000 ? 0.006 : 0.02;
}

}  // namespace

Cnn BuildCnn(int64_t graph_seed) {
  Graph::Default().set_seed(graph_seed);
  Cnn c;
  c.images = Placeholder(kFloat32, {-1, kPixels});
  c.labels = Placeholder(kInt64, {-1});
  const std::array<Shape, 4> shapes = {Shape({5, 5, 1, 32}), Shape({5, 5, 32, 64}),
                                       Shape({7 * 7 * 64, 512}), Shape({512, 10})};
  std::vector<Variable> variables;
  for (size_t i = 0; i < shapes.size(); ++i) {
    const Shape& shape = shapes[i];
    variables.emplace_back(
        TruncatedNormal(shape, {.stddev = 0.1f, .seed = static_cast<int64_t>(i) + 1}));
    const Shape biases({shape.dim(shape.rank() - 1)});
    variables.emplace_back(Array::Full(biases, Array(i < 2 ? 0.0f : 0.1f)));
  }
  const auto logits = [&](const std::function<Tensor(const Variable&)>& read, bool is_training) {
    Parameters values;
    for (size_t i = 0; i < values.size(); ++i) values[i] = read(variables[i]);
    return Logits(c.images, values, is_training);
  };
  const Tensor raw = logits([](const Variable& v) { return v.AsTensor(); }, true);
  const Variable step = train::GetOrCreateGlobalStep();
  c.loss = ReduceMean(nn::SparseSoftmaxCrossEntropyWithLogits(c.labels, raw)) +
           1e-4f * (nn::L2Loss(variables[4]) + nn::L2Loss(variables[6]));
  const Tensor rate = train::ExponentialDecay(0.01f, step, 55000 / kBatch, 0.99f);
  const Operation descent =
      train::GradientDescentOptimizer(rate).Minimize(c.loss, {.global_step = step});
  train::ExponentialMovingAverage ema(0.99f, {.num_updates = step});
  c.train = Group({descent, ema.Apply()});
  const Tensor averaged =
      logits([&](const Variable& v) { return ema.Average(v).AsTensor(); }, false);
  c.accuracy_of_averages = ReduceMean(Cast(Equal(ArgMax(averaged, 1), c.labels), kFloat32));
  return c;
}

void CheckMnistCnn(const Json& reference, const std::filesystem::path& data) {
  const examples::DataSets sets = examples::ReadDataSets(data, {.seed = 1});
  const Digits train = DigitsOf(sets.train), test = DigitsOf(sets.test);
  const Json& run = reference.at("run");
  const Graph graph;
  const GraphScope scope(graph);
  const Cnn cnn = BuildCnn(run.at("graph_seed").get<int64_t>());
  Session session(graph);
  session.Run(GlobalVariablesInitializer());
  const Json& losses = run.at("first_losses");
  const Callable step = session.MakeCallable({cnn.loss}, {cnn.images, cnn.labels}, {cnn.train});
  int64_t done = 0;
  // The net's first steps make much of rounding (pixels that tie in pooling): a loss that leaves
  // the reference is an error, but what the run arrives at is to be seen all the same.
  std::string other_loss;
  for (const Json& at : run.at("at_step")) {
    const auto steps = at.at("step").get<int64_t>();
    for (; done < steps; ++done) {
      const Digits batch = TrainingBatch(train, done);
      const float loss = step({Images(batch), Array::FromVector(batch.labels)})[0].scalar<float>();
      if (done >= static_cast<int64_t>(losses.size())) continue;
      const double want = losses[static_cast<size_t>(done)].get<double>();
      try {
        CheckNear(StrCat("the loss of step ", done), loss, want, 1e-3 * want);
      } catch (const golden::Mismatch& e) {
        if (other_loss.empty()) other_loss = e.what();
      }
    }
    CheckNear(StrCat("test_accuracy_ema after ", steps, " steps"), MeanAccuracy(session, cnn, test),
              at.at("test_accuracy_ema").get<double>(), BoundAfter(steps));
  }
  if (!other_loss.empty()) throw golden::Mismatch(StrCat(other_loss, "; all accuracies agree"));
}

}  // namespace weft::interop
