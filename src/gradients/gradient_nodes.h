// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "src/graph/graph_impl.h"
#include "weft/gradients/gradients.h"
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

// The dense tensor of slices: rows of equal index add up. The node is named `name`, or by its type.
Tensor ToDense(NodeAdder& nodes, const Graph& graph, const IndexedSlices& slices,
               std::string_view name = {});

// The sum of gradients (two or more, none of them none) of one output of the op `op_name`: dense if
// one of them is, else slices one after the other. Throws.
Grad AddUp(const Graph& graph, const std::vector<Grad>& grads, AggregationMethod method,
           const std::string& op_name);

// Can a gradient flow through the tensor: is it of a type with infinitesimal changes? A variant
// that holds values of one known type is as that type.
bool IsTrainable(const Tensor& t);

// Zeros for an output that no gradient has come to. None for handles of what is no variable.
Grad ZeroGradient(NodeAdder& nodes, const Tensor& t);

// Forgets the devices and colocations of this thread's scopes while it lives.
class NoPlacement {
 public:
  explicit NoPlacement(const Graph& graph);
  ~NoPlacement();
  NoPlacement(const NoPlacement&) = delete;
  NoPlacement& operator=(const NoPlacement&) = delete;

 private:
  ScopeState& scopes_;
  std::vector<Operation> colocation_;
  std::vector<ScopeState::DeviceEntry> devices_;
};

// Each gradient passes on only when all of them are there (control_flow_ops.tuple). Throws.
void WaitForAll(const Graph& graph, std::vector<Grad>* grads);

}  // namespace weft
