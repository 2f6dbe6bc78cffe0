// SPDX-License-Identifier: Apache-2.0
#include "examples/cnn/model.h"

#include <stdexcept>

#include "examples/models/lenet.h"
#include "weft/nn/layers.h"

namespace weft::examples {
namespace {

namespace L = layers;

constexpr int64_t kSide = 28, kClasses = 10;

Initializer Weights(int64_t seed) { return TruncatedNormalInitializer(0.0f, 0.1f, {.seed = seed}); }

// The logits of images [n, 28, 28, 1].
Tensor CnnLogits(const Tensor& images, bool is_training) {
  const ArgScope windows({L::kMaxPool2d}, {.stride = 2, .padding = "SAME"});
  const ArgScope dense({L::kFullyConnected},
                       {.biases_initializer = ConstantInitializer(Array(0.1f))});
  Tensor x = L::Conv2d(images, 32, 5, {.weights_initializer = Weights(1), .scope = "layer1-conv1"});
  x = L::MaxPool2d(x, 2, {.scope = "layer2-pool1"});
  x = L::Conv2d(x, 64, 5, {.weights_initializer = Weights(2), .scope = "layer3-conv2"});
  x = L::MaxPool2d(x, 2, {.scope = "layer4-pool2"});
  x = L::Flatten(x);
  x = L::FullyConnected(x, 512, {.weights_initializer = Weights(3), .scope = "layer5-fc1"});
  x = L::Dropout(x, {.keep_prob = 0.5, .seed = 5, .is_training = is_training});
  return L::FullyConnected(
      x, kClasses,
      {.activation = nullptr, .weights_initializer = Weights(4), .scope = "layer6-fc2"});
}

// LeNet-5 takes images of 32 x 32 pixels.
Tensor Lenet5Logits(const Tensor& images) {
  const Tensor padded = Pad(images, {{0, 0}, {2, 2}, {2, 2}, {0, 0}});
  return Lenet5(padded, {.num_classes = kClasses}).logits;
}

// The logits of images [n, 784].
Tensor Inference(const std::string& net, const Tensor& images, bool is_training,
                 const L::Regularizer& regularizer) {
  const ArgScope dense({L::kFullyConnected}, {.weights_regularizer = regularizer});
  const Tensor x = Reshape(images, {-1, kSide, kSide, 1});
  if (net == "cnn") return CnnLogits(x, is_training);
  if (net == "lenet5") return Lenet5Logits(x);
  throw std::invalid_argument("no net is called '" + net + "'");
}

Tensor AccuracyOf(const Tensor& logits, const Tensor& labels) {
  return ReduceMean(Cast(Equal(ArgMax(logits, 1), labels), kFloat32));
}

}  // namespace

CnnModel BuildCnn(const CnnOptions& options) {
  CnnModel m;
  m.images = Placeholder(kFloat32, {-1, kSide * kSide}, "x-input");
  m.labels = Placeholder(kInt64, {-1}, "y-input");
  const Tensor logits = Inference(options.net, m.images, /*is_training=*/true,
                                  L::L2Regularizer(options.regularization));
  m.step = train::GetOrCreateGlobalStep();
  m.loss = ReduceMean(nn::SparseSoftmaxCrossEntropyWithLogits(m.labels, logits)) +
           losses::GetRegularizationLoss();
  const float epoch =
      static_cast<float>(options.train_examples) / static_cast<float>(options.batch_size);
  const Tensor rate = train::ExponentialDecay(options.learning_rate, m.step, epoch, options.decay);
  const Operation step =
      train::GradientDescentOptimizer(rate).Minimize(m.loss, {.global_step = m.step});
  train::ExponentialMovingAverage average(options.average_decay, {.num_updates = m.step});
  m.train = Group({step, average.Apply()}, "train");

  // The same net once more, with the averages in the places of the variables.
  const CustomGetter averaged = [&](const VariableGetter& getter, const VariableRequest& request) {
    return average.Average(getter(request));
  };
  const VariableScope evaluation("", {.reuse = Reuse::kTrue, .custom_getter = averaged});
  m.accuracy = AccuracyOf(Inference(options.net, m.images, /*is_training=*/false, {}), m.labels);
  return m;
}

CnnEvaluation BuildCnnEvaluation(const CnnOptions& options) {
  CnnEvaluation e;
  e.images = Placeholder(kFloat32, {-1, kSide * kSide}, "x-input");
  e.labels = Placeholder(kInt64, {-1}, "y-input");
  e.accuracy = AccuracyOf(Inference(options.net, e.images, /*is_training=*/false, {}), e.labels);
  e.restore = train::ExponentialMovingAverage(options.average_decay).VariablesToRestore();
  return e;
}

}  // namespace weft::examples
