// SPDX-License-Identifier: Apache-2.0
#include "src/gradients/gradient_nodes.h"

namespace weft {

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

Tensor ToDense(NodeAdder& nodes, const IndexedSlices& slices) {
  if (!slices.dense_shape.valid()) {
    nodes.Fail(absl::InvalidArgumentError(
        "Tensor conversion requested for IndexedSlices without dense_shape"));
    return {};
  }
  Tensor rows = nodes.Op(
      "StridedSlice",
      {slices.dense_shape, nodes.ConstInts({0}), nodes.ConstInts({1}), nodes.ConstInts({1})},
      {{"shrink_axis_mask", 1}});
  return nodes.Op("UnsortedSegmentSum", {slices.values, slices.indices, rows});
}

}  // namespace weft
