// SPDX-License-Identifier: Apache-2.0
// dispatch: the cost of a run and of a node. A scalar is fed, a scalar fetched.
#include <functional>

#include "bench/weft_bench/config.h"
#include "bench/weft_bench/measure.h"
#include "weft/graph/op_builder.h"
#include "weft/runtime/session.h"

namespace weft::bench {
namespace {

Tensor AddNode(const Input& a, const Input& b) {
  return OpBuilder("AddV2", "add").In(a).In(b).Output();
}

void Measure1(const std::string& name, const std::function<Tensor(Tensor)>& build, int nodes,
              bool optimize) {
  Graph graph;
  GraphScope scope(graph);
  const Tensor x = OpBuilder("Placeholder", "x")
                       .Attr("dtype", kFloat32)
                       .Attr("shape", PartialShape::Scalar())
                       .Output();
  const Tensor y = build(x);
  ConfigProto config = BenchConfig();
  config.opt_level = optimize ? OptLevel::kL1 : OptLevel::kL0;
  Session session(graph, config);
  const Array one = 1.0f;
  auto emit = [&](const std::string& workload, const std::vector<double>& seconds) {
    EmitTime(workload, "per_run", "us", seconds, 1e6);
    if (nodes > 1) EmitTime(workload, "per_node", "us", seconds, 1e6 / nodes);
  };
  emit(name, Measure([&] { session.Run(y, {{x, one}}); }));
  const Callable call = session.MakeCallable({y}, {x});
  emit(name + "_callable", Measure([&] { call.Call(one); }));
}

Tensor Chain(Tensor x) {
  Tensor y = x;
  for (int i = 0; i < 100; ++i) y = AddNode(y, x);
  return y;
}

Tensor Wide(Tensor x) {
  std::vector<Input> terms;
  for (int i = 0; i < 1000; ++i) terms.push_back(AddNode(x, static_cast<float>(i)));
  return OpBuilder("AddN", "AddN").InList(terms).Output();
}

}  // namespace

void RunDispatch() {
  Measure1(
      "dispatch_scalar", [](Tensor x) { return AddNode(x, 1.0f); }, 1, true);
  Measure1("dispatch_chain100", Chain, 100, false);
  Measure1("dispatch_chain100_opt", Chain, 100, true);
  Measure1("dispatch_wide1000", Wide, 1001, false);
}

}  // namespace weft::bench
