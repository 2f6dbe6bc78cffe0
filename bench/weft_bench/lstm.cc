// SPDX-License-Identifier: Apache-2.0
// lstm_train_sin_*, lstm_train_ptb_*: two layers of LSTM, written with single ops; "static" is
// unrolled when the graph is built, "dynamic" is a loop in the graph. One run is one step and
// returns the loss. while_100k: what an iteration of a loop costs.
#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "bench/weft_bench/config.h"
#include "bench/weft_bench/data.h"
#include "bench/weft_bench/measure.h"
#include "weft/framework/variable.h"
#include "weft/gradients/gradients.h"
#include "weft/graph/op_builder.h"
#include "weft/nn/embedding.h"
#include "weft/ops/activation.h"
#include "weft/ops/array.h"
#include "weft/ops/basic.h"
#include "weft/ops/control_flow.h"
#include "weft/ops/logical.h"
#include "weft/ops/math_binary.h"
#include "weft/ops/math_unary.h"
#include "weft/ops/matmul.h"
#include "weft/ops/nn.h"
#include "weft/ops/reduction.h"
#include "weft/ops/tensor_array.h"
#include "weft/runtime/session.h"

namespace weft::bench {
namespace {

struct CellState {
  Tensor c, h;
};

// Gates in the order input, new input, forget, output.
CellState NextState(const Tensor& x, const CellState& s, const Variable& w, const Variable& b) {
  const std::vector<Tensor> gates = Split(MatMul(Concat({x, s.h}, 1), w) + b, 4, {.axis = 1});
  const Tensor c = s.c * Sigmoid(gates[2] + 1.0f) + Sigmoid(gates[0]) * Tanh(gates[1]);
  return {c, Tanh(c) * Sigmoid(gates[3])};
}

struct Layer {
  Variable w, b;
};

// The last layer's outputs, one a step.
std::vector<Tensor> UnrolledSteps(const Tensor& xs, const Tensor& zero,
                                  const std::vector<Layer>& layers) {
  std::vector<CellState> states(layers.size(), CellState{zero, zero});
  std::vector<Tensor> outputs;
  for (Tensor x : Unstack(xs)) {
    for (size_t k = 0; k < layers.size(); ++k) {
      states[k] = NextState(x, states[k], layers[k].w, layers[k].b);
      x = states[k].h;
    }
    outputs.push_back(x);
  }
  return outputs;
}

// The same as one tensor [steps, batch, units].
Tensor LoopedSteps(const Tensor& xs, const Tensor& zero, const std::vector<Layer>& layers) {
  const auto steps = static_cast<int32_t>(xs.shape().dim(0));
  const TensorArray inputs = TensorArray(kFloat32, steps).Unstack(xs);
  const TensorArray outputs(kFloat32, steps);
  std::vector<Input> variables = {int32_t{0}, outputs.flow()};
  for (size_t k = 0; k < 2 * layers.size(); ++k) variables.emplace_back(zero);
  const std::vector<Tensor> finals = WhileLoop(
      [&](const std::vector<Tensor>& v) { return Less(v[0], steps); },
      [&](const std::vector<Tensor>& v) {
        Tensor x = inputs.Read(v[0]);
        std::vector<Tensor> next;
        for (size_t k = 0; k < layers.size(); ++k) {
          const CellState s = NextState(x, {v[2 + 2 * k], v[3 + 2 * k]}, layers[k].w, layers[k].b);
          next.push_back(s.c);
          next.push_back(s.h);
          x = s.h;
        }
        std::vector<Tensor> results = {v[0] + 1, outputs.WithFlow(v[1]).Write(v[0], x).flow()};
        results.insert(results.end(), next.begin(), next.end());
        return results;
      },
      variables, {.parallel_iterations = 32});
  const Tensor all = outputs.WithFlow(finals[1]).Stack();
  all.set_shape(PartialShape({steps, zero.shape().dim(0), zero.shape().dim(1)}));
  return all;
}

// A model of which one run is a step of training.
struct Training {
  Tensor x, y, loss;
  std::vector<Operation> updates;
};

std::vector<Variable> MakeVariables(const std::vector<Shape>& shapes) {
  std::vector<Variable> variables;
  for (const Shape& s : shapes) variables.push_back(Variable(Zeros(s), {.use_resource = true}));
  return variables;
}
std::vector<Tensor> HandlesOf(const std::vector<Variable>& variables) {
  std::vector<Tensor> handles;
  for (const Variable& v : variables) handles.push_back(v.handle());
  return handles;
}

constexpr int64_t kSinBatch = 32, kSinSteps = 10, kSinUnits = 30;

Training SinModel(bool loop, const std::vector<Variable>& p, const std::vector<Variable>& slots) {
  Training m;
  m.x = Placeholder(kFloat32, {kSinBatch, kSinSteps, 1});
  m.y = Placeholder(kFloat32, {kSinBatch, 1});
  const Tensor xs = Transpose(m.x, {1, 0, 2}), zero = Zeros({kSinBatch, kSinUnits});
  const std::vector<Layer> layers = {{p[0], p[1]}, {p[2], p[3]}};
  const Tensor last =
      loop ? At(LoopedSteps(xs, zero, layers), {-1}) : UnrolledSteps(xs, zero, layers).back();
  m.loss = ReduceMean(Square(MatMul(last, p[4]) + p[5] - m.y));
  const std::vector<Grad> gradients = Gradients({m.loss}, HandlesOf(p));
  for (size_t i = 0; i < p.size(); ++i) {
    m.updates.push_back(OpBuilder("ResourceApplyAdagrad", NameOptions())
                            .In(p[i].handle())
                            .In(slots[i].handle())
                            .In(0.1f)
                            .In(DenseGradient(gradients[i]))
                            .Build());
  }
  return m;
}

// Example n: ten values of a sine from n on, and the one that follows.
std::vector<std::vector<Array>> SinBatches() {
  std::vector<std::vector<Array>> batches;
  for (int64_t s = 0; s < 64; ++s) {
    Array x(kFloat32, {kSinBatch, kSinSteps, 1}), y(kFloat32, {kSinBatch, 1});
    for (int64_t b = 0; b < kSinBatch; ++b) {
      const int64_t n = (s * kSinBatch + b) % 9000;
      const auto at = [&](int64_t t) {
        return static_cast<float>(std::sin(static_cast<double>(n + t) * 0.01));
      };
      for (int64_t t = 0; t < kSinSteps; ++t) x.mutable_data<float>()[b * kSinSteps + t] = at(t);
      y.mutable_data<float>()[b] = at(kSinSteps);
    }
    batches.push_back({x, y});
  }
  return batches;
}

constexpr int64_t kPtbBatch = 20, kPtbSteps = 35, kPtbUnits = 650, kWords = 10000;

Training PtbModel(bool loop, const std::vector<Variable>& p) {
  Training m;
  m.x = Placeholder(kInt32, {kPtbBatch, kPtbSteps});
  m.y = Placeholder(kInt32, {kPtbBatch, kPtbSteps});
  const Tensor xs = nn::EmbeddingLookup({p[0]}, Transpose(m.x));
  const Tensor zero = Zeros({kPtbBatch, kPtbUnits});
  const std::vector<Layer> layers = {{p[1], p[2]}, {p[3], p[4]}};
  Tensor outputs;
  if (loop) {
    outputs = LoopedSteps(xs, zero, layers);
  } else {
    const std::vector<Tensor> steps = UnrolledSteps(xs, zero, layers);
    outputs = Stack({steps.begin(), steps.end()});
  }
  const Tensor rows =
      Reshape(outputs, {static_cast<int>(kPtbSteps * kPtbBatch), static_cast<int>(kPtbUnits)});
  const Tensor labels = Reshape(Transpose(m.y), {-1});
  const Tensor logits = MatMul(rows, p[5]) + p[6];
  m.loss = ReduceSum(nn::SparseSoftmaxCrossEntropyWithLogits(labels, logits)) /
           static_cast<float>(kPtbBatch);
  const std::vector<Grad> gradients =
      ClipByGlobalNorm(Gradients({m.loss}, HandlesOf(p)), 5.0f).list;
  for (size_t i = 0; i < p.size(); ++i) {
    if (gradients[i].is_slices()) {
      m.updates.push_back(OpBuilder("ResourceScatterSub", NameOptions())
                              .In(p[i].handle())
                              .In(gradients[i].slices().indices)
                              .In(gradients[i].slices().values)
                              .Build());
    } else {
      m.updates.push_back(OpBuilder("ResourceApplyGradientDescent", NameOptions())
                              .In(p[i].handle())
                              .In(1.0f)
                              .In(gradients[i].tensor())
                              .Build());
    }
  }
  return m;
}

std::vector<std::vector<Array>> PtbBatches() {
  std::vector<std::vector<Array>> batches;
  for (uint64_t s = 0; s < 8; ++s) {
    std::vector<Array> batch;
    for (const uint64_t stream : {7000 + 2 * s, 7001 + 2 * s}) {
      Array words(kInt32, {kPtbBatch, kPtbSteps});
      for (int64_t i = 0; i < words.num_elements(); ++i) {
        const double u = Uniform01(stream, static_cast<uint64_t>(i));
        words.mutable_data<int32_t>()[i] =
            std::min(static_cast<int32_t>(kWords) - 1,
                     static_cast<int32_t>(u * static_cast<double>(kWords)));
      }
      batch.push_back(words);
    }
    batches.push_back(batch);
  }
  return batches;
}

// `check`: the losses of the first step and of step `second`.
void MeasureTraining(const std::string& workload, const Training& m, Session& session,
                     const std::vector<std::vector<Array>>& batches, int64_t second,
                     const std::string& unit, double per_step) {
  const Callable step = session.MakeCallable({m.loss}, {m.x, m.y}, m.updates);
  int64_t s = 0;
  std::vector<double> check;
  const auto run = [&] {
    const size_t b = static_cast<size_t>(s++) % batches.size();
    const double loss = step(batches[b])[0].scalar<float>();
    if (s == 1 || s == second) check.push_back(loss);
  };
  while (s < second) run();
  EmitRate(workload, unit, Measure(run, std::max(1.0, settings().min_time)), per_step, check);
  Emit({workload, "peak_rss", "MB", false, {PeakRssMb()}, {}});
}

std::string NameOf(const std::string& workload, bool loop) {
  return workload + (loop ? "_dynamic" : "_static");
}

void RunSin(bool loop) {
  Graph graph;
  GraphScope scope(graph);
  const std::vector<Array> values = {Glorot(4000, {31, 120}), Array::Zeros(kFloat32, {120}),
                                     Glorot(4002, {60, 120}), Array::Zeros(kFloat32, {120}),
                                     Glorot(4004, {30, 1}),   Array::Zeros(kFloat32, {1})};
  std::vector<Shape> shapes;
  for (const Array& a : values) shapes.push_back(a.shape());
  const std::vector<Variable> p = MakeVariables(shapes), slots = MakeVariables(shapes);
  const Training m = SinModel(loop, p, slots);
  Session session(graph, BenchConfig());
  for (size_t i = 0; i < p.size(); ++i) {
    p[i].Load(values[i], session);
    slots[i].Load(Array::Full(shapes[i], 0.1f), session);
  }
  MeasureTraining(NameOf("lstm_train_sin", loop), m, session, SinBatches(), 10, "steps/s", 1);
}

void RunPtb(bool loop) {
  Graph graph;
  GraphScope scope(graph);
  const std::vector<Shape> shapes = {{kWords, kPtbUnits},
                                     {2 * kPtbUnits, 4 * kPtbUnits},
                                     {4 * kPtbUnits},
                                     {2 * kPtbUnits, 4 * kPtbUnits},
                                     {4 * kPtbUnits},
                                     {kPtbUnits, kWords},
                                     {kWords}};
  const std::vector<Variable> p = MakeVariables(shapes);
  const Training m = PtbModel(loop, p);
  Session session(graph, BenchConfig());
  for (size_t i = 0; i < p.size(); ++i) {
    // Matrices are random, vectors zeros.
    const uint64_t stream = 5000 + i;
    p[i].Load(shapes[i].rank() == 2 ? Uniform(stream, shapes[i], -.05f, .05f)
                                    : Array::Zeros(kFloat32, shapes[i]),
              session);
  }
  MeasureTraining(NameOf("lstm_train_ptb", loop), m, session, PtbBatches(), 3, "words/s",
                  static_cast<double>(kPtbBatch * kPtbSteps));
}

}  // namespace

void RunLstmTrainSinStatic() { RunSin(/*loop=*/false); }
void RunLstmTrainSinDynamic() { RunSin(/*loop=*/true); }
void RunLstmTrainPtbStatic() { RunPtb(/*loop=*/false); }
void RunLstmTrainPtbDynamic() { RunPtb(/*loop=*/true); }

void RunWhile100k() {
  constexpr int32_t kIterations = 100000;
  Graph graph;
  GraphScope scope(graph);
  const Tensor limit = Placeholder(kInt32, {});
  const Tensor count = WhileLoop([&](Tensor i) { return Less(i, limit); },
                                 [](Tensor i) -> Input { return i + 1; }, int32_t{0});
  Session session(graph, BenchConfig());
  const Array n = kIterations;
  const double check = session.Run(count, {{limit, n}}).scalar<int32_t>();
  const std::vector<double> seconds = Measure([&] { session.Run(count, {{limit, n}}); });
  Result result{"while_100k", "per_iteration", "us", false, {}, {check}};
  for (const double s : seconds) result.reps.push_back(s * 1e6 / kIterations);
  Emit(result);
}

}  // namespace weft::bench
