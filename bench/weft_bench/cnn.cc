// SPDX-License-Identifier: Apache-2.0
// cnn_train: two convolutions of 5x5 with pooling, two dense layers with dropout, on MNIST; one run
// is one step of SGD and returns the loss.
#include <cmath>

#include "bench/weft_bench/config.h"
#include "bench/weft_bench/data.h"
#include "bench/weft_bench/measure.h"
#include "examples/support/mnist_data.h"
#include "weft/framework/variable.h"
#include "weft/gradients/gradients.h"
#include "weft/graph/op_builder.h"
#include "weft/ops/activation.h"
#include "weft/ops/array.h"
#include "weft/ops/basic.h"
#include "weft/ops/convolution.h"
#include "weft/ops/matmul.h"
#include "weft/ops/nn.h"
#include "weft/ops/reduction.h"
#include "weft/runtime/session.h"

namespace weft::bench {
namespace {

constexpr int kBatch = 100, kBatches = 60;

// Uniform in +-sqrt(6 / (fan_in + fan_out)).
Array Weights(uint64_t stream, const Shape& shape, double fan_in, double fan_out) {
  const float a = static_cast<float>(std::sqrt(6 / (fan_in + fan_out)));
  return Uniform(stream, shape, -a, a);
}

Tensor Loss(const std::vector<Variable>& p, const Tensor& x, const Tensor& labels) {
  const auto layer = [&](const Tensor& in, size_t i) {
    const Tensor sums = nn::BiasAdd(nn::Conv2D(in, p[i], {1}, "SAME"), p[i + 1]);
    return nn::MaxPool(nn::Relu(sums), {2}, {2}, "SAME");
  };
  const Tensor features = Reshape(layer(layer(x, 0), 2), {kBatch, 3136});
  const Tensor hidden = nn::Relu(nn::BiasAdd(MatMul(features, p[4]), p[5]));
  const Tensor kept = nn::Dropout(hidden, 0.5);
  const Tensor logits = nn::BiasAdd(MatMul(kept, p[6]), p[7]);
  return ReduceMean(nn::SparseSoftmaxCrossEntropyWithLogits(labels, logits));
}

}  // namespace

void RunCnnTrain() {
  examples::DataSets data = examples::ReadDataSets(settings().mnist_dir, {.validation_size = 0});
  std::vector<Array> images, labels;
  for (int b = 0; b < kBatches; ++b) {
    examples::Batch batch = data.train.NextBatch(kBatch, /*shuffle=*/false);
    images.push_back(Array::FromVector(batch.images.floats(), {kBatch, 28, 28, 1}));
    const std::vector<uint8_t>& classes = batch.labels.bytes();
    labels.push_back(Array::FromVector(std::vector<int64_t>(classes.begin(), classes.end())));
  }
  Graph graph;
  GraphScope scope(graph);
  const Tensor x = Placeholder(kFloat32, {kBatch, 28, 28, 1}), y = Placeholder(kInt64, {kBatch});
  std::vector<Variable> parameters;
  for (const Array& a : {Weights(3000, {5, 5, 1, 32}, 25, 800), Array::Zeros(kFloat32, {32}),
                         Weights(3002, {5, 5, 32, 64}, 800, 1600), Array::Zeros(kFloat32, {64}),
                         Glorot(3004, {3136, 512}), Array::Zeros(kFloat32, {512}),
                         Glorot(3006, {512, 10}), Array::Zeros(kFloat32, {10})})
    parameters.push_back(Variable(a, {.use_resource = true}));
  const Tensor loss = Loss(parameters, x, y);
  std::vector<Tensor> handles;
  for (const Variable& v : parameters) handles.push_back(v.handle());
  const std::vector<Grad> gradients = Gradients({loss}, handles);
  std::vector<Operation> updates;
  for (size_t i = 0; i < handles.size(); ++i) {
    updates.push_back(OpBuilder("ResourceApplyGradientDescent", NameOptions())
                          .In(handles[i])
                          .In(0.01f)
                          .In(DenseGradient(gradients[i]))
                          .Build());
  }
  Session session(graph, BenchConfig());
  session.Run(GlobalVariablesInitializer());
  const Callable step = session.MakeCallable({loss}, {x, y}, updates);
  int64_t s = 0;
  std::vector<double> check;
  auto run = [&] {
    const size_t b = static_cast<size_t>(s++ % kBatches);
    const double value = step({images[b], labels[b]})[0].scalar<float>();
    if (s == 1 || s == 10) check.push_back(value);
  };
  for (int i = 0; i < 10; ++i) run();
  EmitRate("cnn_train", "images/s", Measure(run, std::max(1.0, settings().min_time)), kBatch,
           check);
}

}  // namespace weft::bench
