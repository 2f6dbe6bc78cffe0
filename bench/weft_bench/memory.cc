// SPDX-License-Identifier: Apache-2.0
// Operations that memory limits: element-wise chains, softmax, reductions, transposes, layer
// normalisation from single ops, rows of a table. GB/s of the bytes that each must read and write,
// counted as WORKLOADS.md of the peers' kit has it. Inputs are variables; results stay where they
// are.
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
#include "weft/ops/array.h"
#include "weft/ops/basic.h"
#include "weft/ops/math_unary.h"
#include "weft/ops/nn.h"
#include "weft/ops/reduction.h"
#include "weft/runtime/session.h"

namespace weft::bench {
namespace {

Tensor NewOp(const char* type, const std::vector<Input>& inputs) {
  OpBuilder builder(type, NameOptions());
  for (const Input& in : inputs) builder.In(in);
  return builder.Output();
}

Variable LoadedLater(const Shape& shape) { return Variable(Zeros(shape), {.use_resource = true}); }

// Runs what `build` makes of the inputs; check: the first and the last element of it.
void MeasureBytes(const std::string& workload, const std::vector<Array>& values, double bytes,
                  const std::function<Tensor(const std::vector<Tensor>&)>& build) {
  Graph graph;
  GraphScope scope(graph);
  std::vector<Variable> variables;
  std::vector<Tensor> inputs;
  for (const Array& a : values) {
    variables.push_back(LoadedLater(a.shape()));
    inputs.push_back(variables.back().ReadValue());
  }
  const Tensor y = build(inputs);
  Session session(graph, BenchConfig());
  for (size_t i = 0; i < values.size(); ++i) variables[i].Load(values[i], session);
  std::vector<double> check;
  {
    const Array out = session.Run(y);
    check = {out.AsDouble(0), out.AsDouble(out.num_elements() - 1)};
  }
  const Callable run = session.MakeCallable(std::vector<Fetch>(), {}, {y.op()});
  EmitRate(workload, "GB/s", Measure([&] { run({}); }), bytes * 1e-9, check);
}

Tensor ElementChain(const std::vector<Tensor>& in) {
  const Tensor& x = in[0];
  Tensor t = NewOp("AddV2", {NewOp("Mul", {x, 1.5f}), 0.5f});
  t = NewOp("Maximum", {t, 0.0f});
  t = NewOp("Sub", {NewOp("Mul", {t, t}), 0.25f});
  t = NewOp("Sqrt", {NewOp("Abs", {t})});
  t = NewOp("Neg", {NewOp("Mul", {t, 0.5f})});
  return NewOp("AddV2", {t, x});
}

Tensor SingleOpLayerNorm(const std::vector<Tensor>& in) {
  const Tensor &x = in[0], &gamma = in[1], &beta = in[2];
  const Tensor d = NewOp("Sub", {x, ReduceMean(x, {.axis = {-1}, .keep_dims = true})});
  const Tensor v = ReduceMean(NewOp("Mul", {d, d}), {.axis = {-1}, .keep_dims = true});
  const Tensor factor = Rsqrt(NewOp("AddV2", {v, 1e-5f}));
  return NewOp("AddV2", {NewOp("Mul", {NewOp("Mul", {d, factor}), gamma}), beta});
}

}  // namespace

void RunElementwise() {
  const Shape shape({int64_t{16} << 20});
  MeasureBytes("elementwise_chain10", {Uniform(7100, shape, -1, 1)},
               21 * 4.0 * static_cast<double>(shape.num_elements()), ElementChain);
}

void RunSoftmax() {
  MeasureBytes("softmax_1024x10000", {Uniform(7200, {1024, 10000}, -4, 4)}, 8 * 1024e4,
               [](const std::vector<Tensor>& in) { return nn::Softmax(in[0]); });
}

void RunReduce() {
  struct Job {
    const char* name;
    Shape shape;
    int axis;
  };
  for (const Job& o : {Job{"reduce_all_16m", Shape({int64_t{16} << 20}), 0},
                       Job{"reduce_rows_4096", Shape({4096, 4096}), 1},
                       Job{"reduce_cols_4096", Shape({4096, 4096}), 0},
                       Job{"reduce_mid_256", Shape({256, 256, 256}), 1}}) {
    MeasureBytes(
        o.name, {Uniform(7300, o.shape, -1, 1)}, 4.0 * static_cast<double>(o.shape.num_elements()),
        [&](const std::vector<Tensor>& in) { return ReduceSum(in[0], {.axis = {o.axis}}); });
  }
}

void RunTranspose() {
  struct Job {
    const char* name;
    Shape shape;
    std::vector<int> order;
  };
  for (const Job& o : {Job{"transpose_4096", Shape({4096, 4096}), {1, 0}},
                       Job{"transpose_nhwc_nchw", Shape({32, 56, 56, 64}), {0, 3, 1, 2}}}) {
    const Array order = Array::FromVector(std::vector<int32_t>(o.order.begin(), o.order.end()));
    MeasureBytes(o.name, {Uniform(7400, o.shape, -1, 1)},
                 8.0 * static_cast<double>(o.shape.num_elements()),
                 [&](const std::vector<Tensor>& in) {
                   return NewOp("Transpose", {in[0], order});
                 });
  }
}

void RunLayerNorm() {
  MeasureBytes("layernorm_4096x1024",
               {Uniform(7500, {4096, 1024}, -1, 1), Uniform(7501, {1024}, .5f, 1.5f),
                Uniform(7502, {1024}, 0, 1)},
               8.0 * 4096 * 1024, SingleOpLayerNorm);
}

void RunEmbedding() {
  constexpr int64_t kTable = 100000, kWidth = 128, kRows = 4096;
  std::vector<int32_t> numbers;
  for (uint64_t i = 0; i < static_cast<uint64_t>(kRows); ++i)
    numbers.push_back(static_cast<int32_t>(static_cast<double>(kTable) * Uniform01(7601, i)));
  const Array ids = Array::FromVector(numbers);
  Graph graph;
  GraphScope scope(graph);
  const Variable table = LoadedLater({kTable, kWidth}), weights = LoadedLater({kRows, kWidth});
  const Tensor which = Placeholder(kInt32, {kRows});
  const Tensor rows = nn::EmbeddingLookup({table}, which);
  const Tensor loss = ReduceSum(NewOp("Mul", {rows, weights}));
  const IndexedSlices gradient = Gradients({loss}, {table.handle()})[0].slices();
  const Operation update = OpBuilder("ResourceScatterSub", NameOptions())
                               .In(table.handle())
                               .In(gradient.indices)
                               .In(NewOp("Mul", {gradient.values, 0.01f}))
                               .Build();
  Session session(graph, BenchConfig());
  table.Load(Uniform(7600, {kTable, kWidth}, -1, 1), session);
  weights.Load(Uniform(7602, {kRows, kWidth}, -1, 1), session);
  const Callable gather = session.MakeCallable(std::vector<Fetch>(), {which}, {rows.op()});
  EmitRate("embedding_gather", "rows/s", Measure([&] { gather({ids}); }),
           static_cast<double>(kRows));
  const Callable train = session.MakeCallable({loss}, {which}, {update});
  const std::vector<double> check = {train({ids})[0].scalar<float>()};
  EmitRate("embedding_train", "rows/s", Measure([&] { train({ids}); }), static_cast<double>(kRows),
           check);
}

}  // namespace weft::bench
