// SPDX-License-Identifier: Apache-2.0
// Inference of the networks with constant weights, a training step of ResNet-50, and the first runs
// of both.
#include <chrono>
#include <cmath>
#include <string>
#include <vector>

#include "bench/weft_bench/config.h"
#include "bench/weft_bench/data.h"
#include "bench/weft_bench/measure.h"
#include "bench/weft_bench/net.h"
#include "weft/framework/variable.h"
#include "weft/gradients/gradients.h"
#include "weft/graph/op_builder.h"
#include "weft/ops/array.h"
#include "weft/ops/basic.h"
#include "weft/runtime/session.h"

namespace weft::bench {
namespace {

double SecondsOf(const std::function<void()>& call) {
  const auto start = std::chrono::steady_clock::now();
  call();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// A network with constant weights, its input and its session.
struct FrozenNet {
  FrozenNet(const std::string& name, int64_t batch)
      : net(name), scope(graph), session(Build(batch), BenchConfig()) {}
  // The graph once it is built: sessions are made on a whole one.
  const Graph& Build(int64_t batch) {
    const Shape shape({batch, net.size(), net.size(), 3});
    x = Placeholder(kFloat32, PartialShape(shape));
    const std::vector<Array> weights = net.Parameters();
    logits = net.Infer(x, {weights.begin(), weights.end()});
    image = Uniform(net.seed() + 1000, shape, -1, 1);
    return graph;
  }
  Net net;
  Graph graph;
  GraphScope scope;
  Tensor x, logits;
  Array image;
  Session session;
};

void RunNet(const std::string& name, const std::string& workload, int64_t batch) {
  FrozenNet f(name, batch);
  const Callable infer = f.session.MakeCallable({f.logits}, {f.x}, {});
  const Array out = infer({f.image})[0];
  const int64_t classes = out.num_elements() / batch;
  double mean = 0;
  for (int64_t i = 0; i < classes; ++i) mean += std::abs(out.data<float>()[i]);
  const std::vector<double> check = {out.data<float>()[0], mean / static_cast<double>(classes)};
  const auto run = [&] { infer({f.image}); };
  if (batch > 1) {
    EmitRate(workload, "images/s", Measure(run, std::max(1.0, settings().min_time)),
             static_cast<double>(batch), check);
    return;
  }
  const std::vector<double> latencies = Latencies(run);
  const auto at = [&](double part) {
    return latencies[static_cast<size_t>(part * static_cast<double>(latencies.size() - 1))] * 1e3;
  };
  Emit({workload, "latency_p50", "ms", false, {at(0.5)}, check});
  Emit({workload, "latency_p99", "ms", false, {at(0.99)}, check});
  Emit({workload, "peak_rss", "MB", false, {PeakRssMb()}, {}});
}

// ResNet-50 with batch statistics, momentum and moving averages; one run is one step.
class ResNetTraining {
 public:
  ResNetTraining() : net_("resnet50"), scope_(graph_), session_(Build(), BenchConfig()) {
    const std::vector<Array> values = net_.Parameters();
    for (const Variable& slot : slots_) session_.Run(slot.initializer());
    for (size_t k = 0; k < values.size(); ++k) parameters_[k].Load(values[k], session_);
    const Shape images({kTrainBatch, net_.size(), net_.size(), 3});
    for (uint64_t s = 0; s < 2; ++s) {
      std::vector<int64_t> labels;
      for (uint64_t i = 0; i < static_cast<uint64_t>(kTrainBatch); ++i)
        labels.push_back(static_cast<int64_t>(1000.0 * Uniform01(51100 + s, i)));
      batches_.push_back({Uniform(51000 + s, images, -1, 1), Array::FromVector(labels)});
    }
    step_ = session_.MakeCallable({loss_}, {images_, labels_}, updates_);
  }

  // The loss.
  double Step() { return step_(batches_[next_++ % batches_.size()])[0].scalar<float>(); }

 private:
  const Graph& Build() {
    for (const Shape& shape : net_.ParameterShapes())
      parameters_.push_back(Variable(Zeros(shape), {.use_resource = true}));
    const NetLoss built = BuildLoss(net_, {parameters_.begin(), parameters_.end()});
    images_ = built.images;
    labels_ = built.labels;
    loss_ = built.loss;
    std::vector<Tensor> handles;
    for (size_t k : net_.Trainable()) {
      handles.push_back(parameters_[k].handle());
      slots_.push_back(Variable(Zeros(net_.ParameterShapes()[k]), {.use_resource = true}));
    }
    const std::vector<Grad> gradients = Gradients({loss_}, handles);
    for (size_t i = 0; i < handles.size(); ++i) {
      updates_.push_back(OpBuilder("ResourceApplyMomentum", NameOptions())
                             .In(handles[i])
                             .In(slots_[i].handle())
                             .In(0.01f)
                             .In(DenseGradient(gradients[i]))
                             .In(0.9f)
                             .Build());
    }
    for (const auto& [k, statistic] : built.statistics) {
      const Tensor gap =
          OpBuilder("Sub", NameOptions()).In(parameters_[k].ReadValue()).In(statistic).Output();
      updates_.push_back(OpBuilder("AssignSubVariableOp", NameOptions())
                             .In(parameters_[k].handle())
                             .In(OpBuilder("Mul", NameOptions()).In(gap).In(0.1f).Output())
                             .Build());
    }
    return graph_;
  }

  Net net_;
  Graph graph_;
  GraphScope scope_;
  std::vector<Variable> parameters_, slots_;
  Tensor images_, labels_, loss_;
  std::vector<Operation> updates_;
  Session session_;
  std::vector<std::vector<Array>> batches_;
  Callable step_;
  size_t next_ = 0;
};

}  // namespace

void RunResnet50InferB1() { RunNet("resnet50", "resnet50_infer_b1", 1); }
void RunResnet50InferB16() { RunNet("resnet50", "resnet50_infer_b16", 16); }
void RunInceptionV3InferB1() { RunNet("inception_v3", "inception_v3_infer_b1", 1); }
void RunMobilenetV1InferB1() { RunNet("mobilenet_v1", "mobilenet_v1_infer_b1", 1); }

void RunResnet50Train() {
  ResNetTraining training;
  // Of the first step and of the third.
  std::vector<double> check;
  for (int s = 1; s <= 3; ++s) {
    const double loss = training.Step();
    if (s != 2) check.push_back(loss);
  }
  const auto seconds = Measure([&] { training.Step(); }, std::max(1.0, settings().min_time));
  EmitRate("resnet50_train_b8", "images/s", seconds, static_cast<double>(kTrainBatch), check);
  Emit({"resnet50_train_b8", "peak_rss", "MB", false, {PeakRssMb()}, {}});
}

void RunFirstRun() {
  Result first{"first_run_resnet50_infer", "time", "ms", false, {}, {}};
  for (int i = 0; i < 3; ++i) {
    FrozenNet f("resnet50", 1);
    const auto run = [&] { f.session.Run(f.logits, {{f.x, f.image}}); };
    first.reps.push_back(SecondsOf(run) * 1e3);
    first.check.push_back(SecondsOf(run) * 1e3);  // the second run
  }
  Emit(first);
  Result extra{"first_run_resnet50_train_extra", "time", "ms", false, {}, {}};
  for (int i = 0; i < 2; ++i) {
    ResNetTraining training;
    const auto step = [&] { training.Step(); };
    const double one = SecondsOf(step), two = SecondsOf(step);
    extra.reps.push_back((one - two) * 1e3);
  }
  Emit(extra);
}

}  // namespace weft::bench
