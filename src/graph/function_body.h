// SPDX-License-Identifier: Apache-2.0
// Functions of a graph's library, as graphs of their own.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "src/graph/graph_impl.h"

namespace weft {

namespace proto {
class GraphDef;
class NodeDef;
}  // namespace proto

// A function with values for its attributes. Its arguments are Placeholders.
struct FunctionBody {
  std::string name;
  std::shared_ptr<GraphImpl> graph;  // has the library of the graph that the function is from
  std::vector<Tensor> args;
  std::vector<Tensor> results;
  std::vector<Node*> targets;  // run for what they do
};

// Does the graph's library hold a function of this name?
bool IsFunction(const GraphImpl& graph, std::string_view name);

// The body of a function of the graph's library. `arg_shapes`, if there are any: what is known of
// the arguments. NotFound if there is no such function, InvalidArgument if it is malformed. Bodies
// are kept with the graph.
absl::StatusOr<std::shared_ptr<const FunctionBody>> InstantiateFunction(
    GraphImpl& graph, const FuncRef& function, const std::vector<PartialShape>& arg_shapes = {});

// Adds the nodes of a body to a graph, in the current scopes, with `args` for its arguments;
// returns what its results are then. `targets`, if not null, gets the copies of the body's targets.
absl::StatusOr<std::vector<Tensor>> InlineFunction(const FunctionBody& body, GraphImpl& graph,
                                                   const std::vector<Tensor>& args,
                                                   std::vector<Node*>* targets = nullptr);

// The gradients of a function's arguments as a graph: the arguments, then a gradient of each
// result.
struct FunctionGradients {
  std::shared_ptr<GraphImpl> graph;
  std::vector<Tensor> args;
  std::vector<Tensor> results;
};
// The layer of gradients has the definition: plans, which are made above this layer and beside that
// one, need it for SymbolicGradient.
absl::StatusOr<FunctionGradients> GradientsOf(GraphImpl& graph, const FunctionBody& body);

// Nodes whose op is a function of the library become PartitionedCalls (StatefulPartitionedCalls).
void CallsToOps(const proto::FunctionDefLibrary& library, proto::GraphDef* def);
// Takes that back, for one node that it may have changed.
void OpToCall(proto::NodeDef* node);

}  // namespace weft
