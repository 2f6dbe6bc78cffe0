// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "src/graph/graph_impl.h"
#include "weft/graph/op_def.h"

namespace weft {

// Adds a node in the scopes of this thread.
absl::StatusOr<Node*> AddGraphNode(GraphImpl* graph, std::string_view type,
                                   const std::vector<Tensor>& inputs, const AttrMap& attrs,
                                   std::string_view name,
                                   const std::vector<Operation>& control_inputs);

// A NodeAdder for code that is not inside a gradient rule.
class GraphNodes final : public NodeAdder {
 public:
  explicit GraphNodes(GraphImpl* graph) : graph_(graph) {}

 protected:
  absl::StatusOr<Node*> AddNode(std::string_view type, const std::vector<Tensor>& inputs,
                                const AttrMap& attrs, std::string_view name,
                                const std::vector<Operation>& control_inputs) override {
    return AddGraphNode(graph_, type, inputs, attrs, name, control_inputs);
  }

 private:
  GraphImpl* graph_;
};

// The dense tensor of slices: rows of equal index add up.
Tensor ToDense(NodeAdder& nodes, const IndexedSlices& slices);

}  // namespace weft
