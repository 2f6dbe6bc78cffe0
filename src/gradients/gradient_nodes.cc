// SPDX-License-Identifier: Apache-2.0
#include "src/gradients/gradient_nodes.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "src/core/status.h"
#include "src/core/strings.h"
#include "weft/ops/array.h"

namespace weft {
namespace {

// What lies behind a handle, if it is known to be one variable (or a list of one type).
const std::vector<HandleData>* HandleDataOf(const Tensor& t) {
  return t.node()->HandlesOf(t.index());
}

// t[0] of a vector, named as Python's slicing names it.
Tensor First(NodeAdder& nodes, const Graph& graph, const Tensor& t) {
  NameScope scope("strided_slice", graph);
  const Tensor begin = nodes.ConstInts({0}, "stack");
  const Tensor end = nodes.ConstInts({1}, "stack_1");
  const Tensor stride = nodes.ConstInts({1}, "stack_2");
  return nodes.Op("StridedSlice", {t, begin, end, stride}, {{"shrink_axis_mask", 1}}, scope.name());
}

Operation OpOf(const Grad& g) { return g.is_slices() ? g.slices().values.op() : g.tensor().op(); }

// AddN; gradients that are slices become dense under its name. A single tensor stays as it is.
Tensor Sum(const Graph& graph, const std::vector<Grad>& grads) {
  if (grads.size() == 1 && !grads[0].is_slices()) return grads[0].tensor();
  GraphNodes nodes(&graph.impl());
  NameScope scope("AddN", graph);
  std::vector<Tensor> tensors;
  for (size_t i = 0; i < grads.size(); ++i) {
    tensors.push_back(grads[i].is_slices()
                          ? ToDense(nodes, graph, grads[i].slices(), StrCat("inputs_", i))
                          : grads[i].tensor());
  }
  Tensor sum = nodes.Op("AddN", tensors, {}, scope.name());
  ThrowIfError(nodes.status());
  return sum;
}

// What comes from one device is added up there first.
Tensor SumByDevice(const Graph& graph, const std::vector<Grad>& grads) {
  std::map<std::string, std::vector<Grad>> by_device;
  for (const Grad& g : grads) by_device[OpOf(g).device()].push_back(g);
  std::vector<Grad> sums;
  for (const auto& [device, group] : by_device) {
    ColocateWith colocate(OpOf(group[0]), /*ignore_existing=*/true);
    sums.emplace_back(Sum(graph, group));
  }
  return Sum(graph, sums);
}

Tensor SumPairwise(const Graph& graph, const std::vector<Grad>& grads, const std::string& op_name) {
  NameScope scope(op_name + "_gradient_sum", graph);
  Tensor sum = grads[0].tensor();
  for (size_t i = 1; i < grads.size(); ++i) sum = Sum(graph, {sum, grads[i]});
  return sum;
}

IndexedSlices Concatenate(const Graph& graph, const std::vector<Grad>& grads) {
  std::vector<Input> values, indices;
  Tensor dense_shape;
  // Indices of mixed widths meet as int64.
  const bool wide = std::any_of(grads.begin(), grads.end(),
                                [](const Grad& g) { return g.slices().indices.dtype() == kInt64; });
  GraphNodes nodes(&graph.impl());
  for (const Grad& g : grads) {
    const IndexedSlices& s = g.slices();
    values.emplace_back(s.values);
    indices.emplace_back(wide ? nodes.Cast(s.indices, kInt64) : s.indices);
    if (!dense_shape.valid()) dense_shape = s.dense_shape;
  }
  ThrowIfError(nodes.status());
  const Tensor all_values = Concat(values, 0);
  return {all_values, Concat(indices, 0), dense_shape};
}

}  // namespace

absl::StatusOr<Node*> AddGraphNode(GraphImpl* graph, std::string_view type,
                                   const std::vector<Tensor>& inputs, const AttrMap& attrs,
                                   std::string_view name,
                                   const std::vector<Operation>& control_inputs) {
  NodeSpec spec;
  spec.op = std::string(type);
  spec.name = std::string(name);
  spec.inputs = inputs;
  spec.attrs = attrs;
  for (Operation op : control_inputs) spec.control_inputs.push_back(op.node());
  return graph->AddNodeInScope(std::move(spec));
}

Tensor ToDense(NodeAdder& nodes, const Graph& graph, const IndexedSlices& slices,
               std::string_view name) {
  if (!slices.dense_shape.valid()) {
    nodes.Fail(absl::InvalidArgumentError(
        StrCat("Tensor conversion requested for IndexedSlices without dense_shape: the values "
               "are '",
               slices.values.name(), "'")));
    return {};
  }
  const Tensor rows = First(nodes, graph, slices.dense_shape);
  return nodes.Op("UnsortedSegmentSum", {slices.values, slices.indices, rows}, {}, name);
}

Grad AddUp(const Graph& graph, const std::vector<Grad>& grads, AggregationMethod method,
           const std::string& op_name) {
  const auto is_slices = [](const Grad& g) { return g.is_slices(); };
  if (std::all_of(grads.begin(), grads.end(), is_slices)) return Concatenate(graph, grads);
  if (std::any_of(grads.begin(), grads.end(), is_slices)) return Sum(graph, grads);
  if (method == AggregationMethod::kExperimentalTree) return SumPairwise(graph, grads, op_name);
  return SumByDevice(graph, grads);
}

bool IsTrainable(const Tensor& t) {
  DataType dtype = RemoveRef(t.dtype());
  if (dtype == kVariant) {
    const std::vector<HandleData>* data = HandleDataOf(t);
    if (data && std::all_of(data->begin(), data->end(), [&](const HandleData& d) {
          return d.dtype == data->front().dtype && d.dtype != kInvalidType;
        }))
      dtype = data->front().dtype;
  }
  switch (dtype) {
    case kFloat16:
    case kBfloat16:
    case kFloat32:
    case kFloat64:
    case kComplex64:
    case kComplex128:
    case kResource:
    case kVariant:
      return true;
    default:
      return false;
  }
}

Grad ZeroGradient(NodeAdder& nodes, const Tensor& t) {
  if (RemoveRef(t.dtype()) != kResource) return nodes.ZerosLike(t);
  const std::vector<HandleData>* data = HandleDataOf(t);
  if (!data || data->size() != 1) return {};
  const HandleData& variable = data->front();
  if (variable.shape.IsFullyKnown()) return Zeros(variable.shape.ToShape(), variable.dtype);
  return Zeros(nodes.Op("VariableShape", {t}), variable.dtype);
}

NoPlacement::NoPlacement(const Graph& graph)
    : scopes_(graph.impl().scopes()),
      colocation_(std::exchange(scopes_.colocation, {})),
      devices_(std::exchange(scopes_.devices, {})) {}
NoPlacement::~NoPlacement() {
  scopes_.colocation = std::move(colocation_);
  scopes_.devices = std::move(devices_);
}

namespace {
// A node that runs after all of `ops`; with several devices, after one on each of them.
Operation Group(const Graph& graph, const std::vector<Operation>& ops) {
  GraphNodes nodes(&graph.impl());
  std::vector<std::pair<std::string, std::vector<Operation>>> by_device;
  for (Operation op : ops) {
    auto it = std::find_if(by_device.begin(), by_device.end(),
                           [&](const auto& group) { return group.first == op.device(); });
    if (it == by_device.end()) it = by_device.insert(it, {op.device(), {}});
    it->second.push_back(op);
  }
  const auto add = [&](const std::string& device, const std::string& name,
                       const std::vector<Operation>& after) {
    std::optional<DeviceScope> scope;
    if (!device.empty()) scope.emplace(device, graph);
    Operation op = nodes.AddOperation("NoOp", {}, {}, name, after);
    ThrowIfError(nodes.status());
    return op;
  };
  if (by_device.size() == 1) return add(by_device[0].first, "group_deps", ops);
  NameScope scope("group_deps", graph);
  std::sort(by_device.begin(), by_device.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<Operation> groups;
  for (const auto& [device, group] : by_device) groups.push_back(add(device, "NoOp", group));
  return add("", scope.name(), groups);
}
}  // namespace

void WaitForAll(const Graph& graph, std::vector<Grad>* grads) {
  NoPlacement nowhere(graph);
  NameScope scope("tuple", graph);
  std::vector<Operation> all;
  for (const Grad& g : *grads) {
    if (!g.none()) all.push_back(OpOf(g));
  }
  std::sort(all.begin(), all.end(),
            [](Operation a, Operation b) { return a.node()->id < b.node()->id; });
  all.erase(std::unique(all.begin(), all.end()), all.end());
  const Operation gate = Group(graph, all);
  GraphNodes nodes(&graph.impl());
  for (Grad& g : *grads) {
    if (g.none()) continue;
    ColocateWith colocate(OpOf(g));
    const Tensor t = g.is_slices() ? g.slices().values : g.tensor();
    const Operation wait = nodes.AddOperation("Identity", {t}, {}, "control_dependency", {gate});
    ThrowIfError(nodes.status());
    if (g.is_slices())
      g = IndexedSlices{wait.output(0), g.slices().indices, g.slices().dense_shape};
    else
      g = wait.output(0);
  }
}

}  // namespace weft
