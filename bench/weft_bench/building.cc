// SPDX-License-Identifier: Apache-2.0
// Graph building (build_forward_*, build_gradients_*) and how costs grow with the graph
// (scaling_*).
#include <algorithm>
#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "bench/weft_bench/config.h"
#include "bench/weft_bench/measure.h"
#include "bench/weft_bench/net.h"
#include "weft/framework/variable.h"
#include "weft/gradients/gradients.h"
#include "weft/graph/op_builder.h"
#include "weft/ops/array.h"
#include "weft/ops/basic.h"
#include "weft/ops/math_unary.h"
#include "weft/ops/matmul.h"
#include "weft/ops/reduction.h"
#include "weft/runtime/session.h"

namespace weft::bench {
namespace {

double Now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

Tensor BinaryOp(const char* type, const Input& a, const Input& b) {
  return OpBuilder(type, NameOptions()).In(a).In(b).Output();
}

// What is differentiated, and by what.
struct Built {
  Tensor loss;
  std::vector<Tensor> parameters;
};

// Times `forward` and the gradients of what it builds, in a new graph each time.
void MeasureBuilding(const std::string& name, const std::function<Built()>& forward) {
  Result fw{"build_forward_" + name, "time", "ms", false, {}, {}},
      bw{"build_gradients_" + name, "time", "ms", false, {}, {}};
  for (int i = 0; i < std::max(3, settings().reps); ++i) {
    Graph graph;
    GraphScope scope(graph);
    const double start = Now();
    const Built built = forward();
    const double middle = Now();
    const auto nodes = static_cast<double>(graph.operations().size());
    const double again = Now();
    Gradients({built.loss}, built.parameters);
    const double end = Now();
    fw.reps.push_back((middle - start) * 1e3);
    bw.reps.push_back((end - again) * 1e3);
    // Nodes, and nodes added.
    fw.check = {nodes};
    bw.check = {static_cast<double>(graph.operations().size()) - nodes};
  }
  Emit(fw);
  Emit(bw);
}

Built ResNetForward(const Net& net) {
  std::vector<Variable> variables;
  for (const Shape& shape : net.ParameterShapes())
    variables.push_back(Variable(Zeros(shape), {.use_resource = true}));
  Built built;
  built.loss = BuildLoss(net, {variables.begin(), variables.end()}).loss;
  for (size_t k : net.Trainable()) built.parameters.push_back(variables[k].handle());
  return built;
}

struct LstmState {
  Tensor c, h;
};
LstmState LstmCell(const Tensor& x, const LstmState& s, const Variable& w, const Variable& b) {
  const Tensor sums = BinaryOp("AddV2", MatMul(Concat({x, s.h}, 1), w), b);
  const std::vector<Tensor> gate =
      OpBuilder("Split", NameOptions()).In(1).In(sums).Attr("num_split", int64_t{4}).Outputs();
  const Tensor kept = BinaryOp("Mul", s.c, Sigmoid(BinaryOp("AddV2", gate[2], 1.0f)));
  const Tensor c = BinaryOp("AddV2", kept, BinaryOp("Mul", Sigmoid(gate[0]), Tanh(gate[1])));
  return {c, BinaryOp("Mul", Tanh(c), Sigmoid(gate[3]))};
}

// Two layers of 30 units over 200 steps, unrolled.
Built LstmForward() {
  constexpr int64_t kBatch = 32, kSteps = 200, kUnits = 30;
  std::vector<Variable> p;
  for (const Shape& shape :
       {Shape({31, 120}), Shape({120}), Shape({60, 120}), Shape({120}), Shape({30, 1}), Shape({1})})
    p.push_back(Variable(Zeros(shape), {.use_resource = true}));
  const Tensor x = Placeholder(kFloat32, {kBatch, kSteps, 1});
  const std::vector<Tensor> steps =
      OpBuilder("Unpack", NameOptions()).In(Transpose(x, {1, 0, 2})).Attr("num", kSteps).Outputs();
  const Tensor zero = Zeros({kBatch, kUnits});
  LstmState first = {zero, zero}, second = {zero, zero};
  for (const Tensor& step : steps) {
    first = LstmCell(step, first, p[0], p[1]);
    second = LstmCell(first.h, second, p[2], p[3]);
  }
  Built built;
  built.loss = ReduceMean(Square(BinaryOp("AddV2", MatMul(second.h, p[4]), p[5])));
  for (const Variable& v : p) built.parameters.push_back(v.handle());
  return built;
}

// A chain of n additions, all of which run.
void MeasureChain(int n) {
  Graph graph;
  GraphScope scope(graph);
  const double start = Now();
  const Tensor x = Placeholder(kFloat32, PartialShape::Scalar());
  Tensor y = x;
  for (int i = 0; i < n; ++i) y = BinaryOp("AddV2", y, x);
  const double built = Now();
  ConfigProto config = BenchConfig();
  config.opt_level = OptLevel::kL0;
  Session session(graph, config);
  const Array one = 1.0f;
  const double before = Now();
  const double sum = session.Run(y, {{x, one}}).scalar<float>();
  const double compiled = Now();
  const std::vector<double> runs = Measure([&] { session.Run(y, {{x, one}}); });
  const std::string size = std::to_string(n);
  const double run = *std::min_element(runs.begin(), runs.end());
  Emit({"scaling_build_" + size, "per_node", "us", false, {(built - start) * 1e6 / n}, {}});
  Emit({"scaling_first_run_" + size, "time", "ms", false, {(compiled - before - run) * 1e3}, {}});
  Result per_node{"scaling_run_" + size, "per_node", "us", false, {}, {sum}};
  for (const double s : runs) per_node.reps.push_back(s * 1e6 / n);
  Emit(per_node);
}

}  // namespace

void RunBuilding() {
  const Net net("resnet50");
  MeasureBuilding("resnet50", [&] { return ResNetForward(net); });
  MeasureBuilding("lstm200", LstmForward);
}

void RunScaling() {
  for (int n : {1000, 10000, 100000}) MeasureChain(n);
}

}  // namespace weft::bench
