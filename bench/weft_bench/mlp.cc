// SPDX-License-Identifier: Apache-2.0
// mlp_train: 784-500-10 on MNIST with L2, a decaying rate, SGD and moving averages; one run is one
// step and returns the loss.
#include <numeric>

#include "bench/weft_bench/config.h"
#include "bench/weft_bench/data.h"
#include "bench/weft_bench/measure.h"
#include "examples/support/mnist_data.h"
#include "weft/framework/variable.h"
#include "weft/gradients/gradients.h"
#include "weft/graph/op_builder.h"
#include "weft/runtime/session.h"

namespace weft::bench {
namespace {

constexpr int kMlpBatch = 100, kMlpBatches = 60;

Tensor MlpNode(const char* type, const std::vector<Input>& inputs) {
  OpBuilder builder(type, NameOptions());
  for (const Input& in : inputs) builder.In(in);
  return builder.Output();
}

struct Model {
  std::vector<Variable> parameters, averages;
  Variable step;
  Tensor loss;
  std::vector<Operation> updates;
};

Tensor Loss(Model& m, Tensor x, Tensor labels) {
  const auto& p = m.parameters;
  Tensor hidden = MlpNode("Relu", {MlpNode("AddV2", {MlpNode("MatMul", {x, p[0]}), p[1]})});
  Tensor logits = MlpNode("AddV2", {MlpNode("MatMul", {hidden, p[2]}), p[3]});
  Tensor entropies = OpBuilder("SparseSoftmaxCrossEntropyWithLogits", NameOptions())
                         .In(logits)
                         .In(labels)
                         .Outputs()[0];
  Tensor mean = MlpNode("Mean", {entropies, Input({0})});
  return MlpNode("AddV2",
                 {mean, MlpNode("Mul", {1e-4f, MlpNode("AddV2", {MlpNode("L2Loss", {p[0]}),
                                                                 MlpNode("L2Loss", {p[2]})})})});
}

Model Build(Tensor x, Tensor labels) {
  const std::vector<Array> initial = {Glorot(2000, {784, 500}), Array::Zeros(kFloat32, {500}),
                                      Glorot(2002, {500, 10}), Array::Zeros(kFloat32, {10})};
  Model m;
  m.step = Variable(Array(int64_t{0}), {.trainable = false, .use_resource = true});
  for (const Array& a : initial) m.parameters.push_back(Variable(a, {.use_resource = true}));
  for (const Array& a : initial)
    m.averages.push_back(Variable(a, {.trainable = false, .use_resource = true}));
  m.loss = Loss(m, x, labels);
  std::vector<Tensor> handles;
  for (const Variable& v : m.parameters) handles.push_back(v.handle());
  const std::vector<Grad> gradients = Gradients({m.loss}, handles);
  Tensor t = OpBuilder("Cast", NameOptions()).In(m.step).Attr("DstT", kFloat32).Output();
  Tensor rate = MlpNode("Mul", {0.8f, MlpNode("Pow", {0.99f, MlpNode("RealDiv", {t, 600.0f})})});
  Tensor decay = MlpNode(
      "Minimum",
      {0.99f, MlpNode("RealDiv", {MlpNode("AddV2", {t, 1.0f}), MlpNode("AddV2", {t, 10.0f})})});
  for (size_t i = 0; i < handles.size(); ++i) {
    m.updates.push_back(OpBuilder("ResourceApplyGradientDescent", NameOptions())
                            .In(handles[i])
                            .In(rate)
                            .In(DenseGradient(gradients[i]))
                            .Build());
  }
  ControlDependencies after(m.updates);
  auto read = [](const Variable& v) {
    return OpBuilder("ReadVariableOp", NameOptions())
        .In(v.handle())
        .Attr("dtype", kFloat32)
        .Output();
  };
  for (size_t i = 0; i < handles.size(); ++i) {
    const Variable& average = m.averages[i];
    Tensor difference = MlpNode("Mul", {MlpNode("Sub", {read(average), read(m.parameters[i])}),
                                        MlpNode("Sub", {1.0f, decay})});
    m.updates.push_back(OpBuilder("AssignSubVariableOp", NameOptions())
                            .In(average.handle())
                            .In(difference)
                            .Build());
  }
  m.updates.push_back(OpBuilder("AssignAddVariableOp", NameOptions())
                          .In(m.step.handle())
                          .In(Array(int64_t{1}))
                          .Build());
  return m;
}

}  // namespace

void RunMlpTrain() {
  examples::DataSets data = examples::ReadDataSets(settings().mnist_dir, {.validation_size = 0});
  std::vector<Array> images, labels;
  for (int b = 0; b < kMlpBatches; ++b) {
    examples::Batch batch = data.train.NextBatch(kMlpBatch, /*shuffle=*/false);
    images.push_back(Array::FromVector(batch.images.floats(), {kMlpBatch, 784}));
    const std::vector<uint8_t>& classes = batch.labels.bytes();
    labels.push_back(Array::FromVector(std::vector<int64_t>(classes.begin(), classes.end())));
  }
  Graph graph;
  GraphScope scope(graph);
  const Tensor x = OpBuilder("Placeholder", "x")
                       .Attr("dtype", kFloat32)
                       .Attr("shape", PartialShape({kMlpBatch, 784}))
                       .Output();
  const Tensor y = OpBuilder("Placeholder", "y")
                       .Attr("dtype", kInt64)
                       .Attr("shape", PartialShape({kMlpBatch}))
                       .Output();
  Model m = Build(x, y);
  Session session(graph, BenchConfig());
  session.Run(GlobalVariablesInitializer());
  const Callable step = session.MakeCallable({m.loss}, {x, y}, m.updates);
  int64_t s = 0;
  std::vector<double> check;
  auto run = [&] {
    const size_t b = static_cast<size_t>(s++ % kMlpBatches);
    const double loss = step({images[b], labels[b]})[0].scalar<float>();
    if (s == 1 || s == 10) check.push_back(loss);
  };
  // The check counts from the first call.
  for (int i = 0; i < 10; ++i) run();
  const std::vector<double> seconds = Measure(run, std::max(1.0, settings().min_time));
  EmitRate("mlp_train", "steps/s", seconds, 1, check);
  Emit({"mlp_train", "peak_rss", "MB", false, {PeakRssMb()}, {}});
}

}  // namespace weft::bench
