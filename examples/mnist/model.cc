// SPDX-License-Identifier: Apache-2.0
#include "examples/mnist/model.h"

#include <functional>
#include <vector>

namespace weft::examples {
namespace {

constexpr int64_t kPixels = 784, kClasses = 10;

struct Layer {
  Variable weights, biases;
};

// A weight or bias, or its moving average.
using Read = std::function<Tensor(const Variable&)>;

std::vector<Layer> MakeLayers(const ModelOptions& options) {
  auto layer = [](const std::string& name, int64_t in, int64_t out) {
    return Layer{
        Variable(TruncatedNormal({in, out}, {.stddev = 0.1f}), {.name = name + "/weights"}),
        Variable(Constant(Array::Full(Shape({out}), 0.1f)), {.name = name + "/biases"})};
  };
  if (options.hidden == 0) return {layer("layer1", kPixels, kClasses)};
  return {layer("layer1", kPixels, options.hidden), layer("layer2", options.hidden, kClasses)};
}

Tensor Inference(const Tensor& images, const std::vector<Layer>& layers, const Read& read,
                 bool activation) {
  Tensor x = images;
  for (size_t i = 0; i < layers.size(); ++i) {
    x = MatMul(x, read(layers[i].weights)) + read(layers[i].biases);
    if (activation && i + 1 < layers.size()) x = nn::Relu(x);
  }
  return x;
}

Tensor AccuracyOf(const Tensor& logits, const Tensor& labels) {
  return ReduceMean(Cast(Equal(ArgMax(logits, 1), labels), kFloat32));
}

}  // namespace

Model BuildModel(const ModelOptions& options) {
  Model m;
  m.images = Placeholder(kFloat32, {-1, kPixels}, "x-input");
  m.labels = Placeholder(kInt64, {-1}, "y-input");
  const std::vector<Layer> layers = MakeLayers(options);
  const Read plain = [](const Variable& v) { return v.AsTensor(); };
  const Tensor logits = Inference(m.images, layers, plain, options.activation);
  m.step = train::GetOrCreateGlobalStep();

  const Tensor cross_entropy =
      ReduceMean(nn::SparseSoftmaxCrossEntropyWithLogits(m.labels, logits));
  losses::AddLoss(cross_entropy);
  if (options.regularization > 0) {
    const layers::Regularizer l2 = layers::L2Regularizer(options.regularization);
    for (const Layer& layer : layers) losses::AddLoss(l2(layer.weights));
  }
  const std::vector<Tensor> all = losses::GetLosses();
  m.loss = AddN({all.begin(), all.end()}, "total_loss");

  const float epoch =
      static_cast<float>(options.train_examples) / static_cast<float>(options.batch_size);
  const Tensor rate = train::ExponentialDecay(options.learning_rate, m.step, epoch, options.decay);
  const Operation step =
      train::GradientDescentOptimizer(rate).Minimize(m.loss, {.global_step = m.step});
  m.train = step;
  Tensor answer = logits;
  if (options.average_decay > 0) {
    train::ExponentialMovingAverage average(options.average_decay, {.num_updates = m.step});
    const Operation averages = average.Apply();
    m.train = Group({step, averages}, "train");
    answer = Inference(
        m.images, layers, [&](const Variable& v) { return average.Average(v).AsTensor(); },
        options.activation);
  }
  m.probabilities = nn::Softmax(answer, {.name = "probabilities"});
  m.accuracy = AccuracyOf(answer, m.labels);
  return m;
}

Evaluation BuildEvaluation(const ModelOptions& options) {
  Evaluation e;
  e.images = Placeholder(kFloat32, {-1, kPixels}, "x-input");
  e.labels = Placeholder(kInt64, {-1}, "y-input");
  const std::vector<Layer> layers = MakeLayers(options);
  const Tensor logits = Inference(
      e.images, layers, [](const Variable& v) { return v.AsTensor(); }, options.activation);
  e.probabilities = nn::Softmax(logits, {.name = "probabilities"});
  e.accuracy = AccuracyOf(logits, e.labels);
  if (options.average_decay > 0) {
    e.restore = train::ExponentialMovingAverage(options.average_decay).VariablesToRestore();
  } else {
    for (const Variable& v : GlobalVariables()) e.restore.emplace(v.op_name(), v);
  }
  return e;
}

}  // namespace weft::examples
