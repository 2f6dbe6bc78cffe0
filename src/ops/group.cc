// SPDX-License-Identifier: Apache-2.0
// Order among ops: group, tuple, with_dependencies.
#include <map>
#include <set>
#include <string>
#include <vector>

#include "src/core/status.h"
#include "weft/graph/graph.h"
#include "weft/graph/op_builder.h"
#include "weft/ops/control.h"

namespace weft {
namespace {

Operation NoOpAfter(const std::vector<Operation>& ops, const std::string& name, const Graph& graph,
                    const std::string& device) {
  GraphScope use(graph);
  ControlDependencies after(ops, graph);
  if (device.empty()) return OpBuilder("NoOp", name).Build();
  DeviceScope there(device, graph);
  return OpBuilder("NoOp", name).Build();
}

}  // namespace

Operation Group(const std::vector<Operation>& ops, const NameOptions& name) {
  const std::string wanted = name.name.empty() ? "group_deps" : name.name;
  if (ops.empty()) return OpBuilder("NoOp", wanted).Build();
  const Graph graph = ops[0].graph();
  std::map<std::string, std::vector<Operation>> by_device;
  std::set<const void*> seen;
  for (Operation op : ops) {
    if (seen.insert(op.node()).second) by_device[op.device()].push_back(op);
  }
  if (by_device.size() == 1)
    return NoOpAfter(by_device.begin()->second, wanted, graph, by_device.begin()->first);
  GraphScope use(graph);
  NameScope scope(wanted, graph);
  std::vector<Operation> gathered;
  for (const auto& [device, list] : by_device)
    gathered.push_back(NoOpAfter(list, "NoOp", graph, device));
  return NoOpAfter(gathered, scope.name(), graph, "");
}

Tensor WithDependencies(const std::vector<Operation>& ops, const Tensor& t,
                        const NameOptions& name) {
  const Graph graph = t.graph();
  GraphScope use(graph);
  ColocateWith colocate(t.op());
  ControlDependencies after(ops, graph);
  return OpBuilder("Identity", name, "control_dependency").In(t).Output();
}

std::vector<Tensor> Tuple(const std::vector<Tensor>& tensors, const NameOptions& name,
                          const std::vector<Operation>& control_inputs) {
  std::vector<Operation> ops = control_inputs;
  for (const Tensor& t : tensors) {
    if (t.valid()) ops.push_back(t.op());
  }
  if (ops.empty())
    ThrowError(Code::kInvalidArgument, "Must have at least one Tensor: Tuple was given none");
  const Graph graph = ops[0].graph();
  NameScope scope(name.name.empty() ? "tuple" : name.name, graph);
  const Operation gate = Group(ops);
  std::vector<Tensor> gated;
  for (const Tensor& t : tensors)
    gated.push_back(t.valid() ? WithDependencies({gate}, t) : Tensor());
  return gated;
}

}  // namespace weft
