// SPDX-License-Identifier: Apache-2.0
// Matrix products and convolutions by themselves, GFLOP/s. Inputs are variables; one run computes
// the same operation many times, one after the other, and fetches nothing.
#include <algorithm>
#include <string>
#include <vector>

#include "bench/weft_bench/config.h"
#include "bench/weft_bench/data.h"
#include "bench/weft_bench/measure.h"
#include "weft/framework/variable.h"
#include "weft/graph/op_builder.h"
#include "weft/runtime/session.h"

namespace weft::bench {
namespace {

using Sizes = std::vector<int64_t>;

struct Job {
  std::string workload, op;
  std::vector<Array> inputs;  // constants where integers, else variables
  std::vector<std::pair<std::string, AttrValue>> attrs;
  double flop = 0;
};

void Run(const Job& o) {
  // About 50 ms a run.
  const int repeats = std::clamp(static_cast<int>(5e9 / o.flop), 1, 200);
  Graph graph;
  GraphScope scope(graph);
  std::vector<Tensor> inputs;
  for (const Array& a : o.inputs) {
    if (a.dtype() == kInt32) {
      inputs.push_back(AsTensor(a));
      continue;
    }
    const Variable v(a, {.use_resource = true});
    inputs.push_back(
        OpBuilder("ReadVariableOp", NameOptions()).In(v.handle()).Attr("dtype", kFloat32).Output());
  }
  Operation last;
  for (int i = 0; i < repeats; ++i) {
    OpBuilder builder(o.op, NameOptions());
    for (const Tensor& t : inputs) builder.In(t);
    for (const auto& [name, value] : o.attrs) builder.Attr(name, value);
    // One after the other, and so none is merged with its twins.
    if (last.valid()) builder.ControlInput(last);
    last = builder.Build();
  }
  Session session(graph, BenchConfig());
  session.Run(GlobalVariablesInitializer());
  const Callable run = session.MakeCallable({}, {}, {last});
  const std::vector<double> seconds = Measure([&] { run({}); });
  EmitRate(o.workload, "GFLOP/s", seconds, repeats * o.flop * 1e-9);
}

}  // namespace

void RunGemm() {
  struct Product {
    const char* name;
    int64_t m, k, n;
  };
  for (const Product& p :
       {Product{"gemm_256", 256, 256, 256}, Product{"gemm_512", 512, 512, 512},
        Product{"gemm_1024", 1024, 1024, 1024}, Product{"gemm_2048", 2048, 2048, 2048},
        Product{"gemm_mlp", 100, 784, 500}, Product{"gemm_lstm", 20, 1300, 2600},
        Product{"gemm_logits", 700, 650, 10000}}) {
    Run({.workload = p.name,
         .op = "MatMul",
         .inputs = {Uniform(6000, {p.m, p.k}, -1, 1), Uniform(6001, {p.k, p.n}, -1, 1)},
         .attrs = {},
         .flop = 2.0 * static_cast<double>(p.m * p.k * p.n)});
  }
}

void RunConv() {
  struct Layer {
    const char* name;
    int64_t size, in, out, filter, stride;
  };
  constexpr int64_t kBatch = 8;
  for (const Layer& l :
       {Layer{"conv_7x7s2", 224, 3, 64, 7, 2}, Layer{"conv_3x3_56", 56, 64, 64, 3, 1},
        Layer{"conv_3x3_28", 28, 128, 128, 3, 1}, Layer{"conv_1x1_14", 14, 256, 1024, 1, 1},
        Layer{"conv_3x3_7", 7, 512, 512, 3, 1}}) {
    const int64_t result = (l.size + l.stride - 1) / l.stride;
    const Array x = Uniform(6100, {kBatch, l.size, l.size, l.in}, -1, 1);
    const Array w = Uniform(6101, {l.filter, l.filter, l.in, l.out}, -1, 1);
    const Array dy = Uniform(6102, {kBatch, result, result, l.out}, -1, 1);
    const auto sizes = [](const Array& a) {
      std::vector<int32_t> s;
      for (int d = 0; d < 4; ++d) s.push_back(static_cast<int32_t>(a.dim(d)));
      return Array::FromVector(s, Shape({4}));
    };
    const double flop =
        2.0 * static_cast<double>(kBatch * result * result * l.in * l.out * l.filter * l.filter);
    const std::vector<std::pair<std::string, AttrValue>> attrs = {
        {"strides", Sizes{1, l.stride, l.stride, 1}}, {"padding", "SAME"}};
    const std::string name = l.name;
    Run({name + "_fwd", "Conv2D", {x, w}, attrs, flop});
    Run({name + "_bwd_input", "Conv2DBackpropInput", {sizes(x), w, dy}, attrs, flop});
    Run({name + "_bwd_filter", "Conv2DBackpropFilter", {x, sizes(w), dy}, attrs, flop});
  }
}

}  // namespace weft::bench
