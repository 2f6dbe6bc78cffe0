// SPDX-License-Identifier: Apache-2.0
#include "src/framework/initial_value.h"

#include <unordered_map>
#include <utility>
#include <vector>

#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/graph/graph_impl.h"
#include "weft/framework/variable.h"

namespace weft::internal {
namespace {

// What these give does not hang on the order of initializers, or must not be asked twice.
bool IsBarrier(const Node& node) {
  return node.type() == "IsVariableInitialized" || node.type() == "VarIsInitializedOp" ||
         node.type() == "ReadVariableOp" || node.type() == "If";
}
bool IsReferenceVariable(const Node& node) {
  return node.type() == "VariableV2" || node.type() == "Variable";
}

// The nodes that `value` is computed from, inputs before users, down to barriers and variables.
// Empty if there is a loop among all of its ancestors: such a value can't be copied.
class Ancestors {
 public:
  explicit Ancestors(Node* last) { acyclic_ = Visit(last); }
  const std::vector<Node*>& nodes() const { return order_; }
  bool acyclic() const { return acyclic_; }

 private:
  enum class State { kOpen, kDone };
  struct Frame {
    Node* node;
    std::vector<Node*> next;
  };
  // An explicit stack: graphs may be deeper than the thread's.
  bool Visit(Node* last) {
    std::vector<Frame> stack;
    stack.push_back(Open(last));
    while (!stack.empty()) {
      Frame& top = stack.back();
      if (top.next.empty()) {
        states_[top.node] = State::kDone;
        order_.push_back(top.node);
        stack.pop_back();
        continue;
      }
      Node* next = top.next.back();
      top.next.pop_back();
      auto seen = states_.find(next);
      if (seen == states_.end())
        stack.push_back(Open(next));
      else if (seen->second == State::kOpen)
        return false;
    }
    return true;
  }
  Frame Open(Node* node) {
    states_[node] = State::kOpen;
    Frame frame{node, {}};
    for (Node* c : node->control_inputs) frame.next.push_back(c);
    for (auto it = node->inputs.rbegin(); it != node->inputs.rend(); ++it)
      frame.next.push_back(it->node());
    return frame;
  }

  std::vector<Node*> order_;
  std::unordered_map<Node*, State> states_;
  bool acyclic_ = false;
};

// The variable of a node, if it is in a collection.
Variable VariableOfNode(const Graph& graph, const Node* node) {
  for (const char* collection : {GraphKeys::kGlobalVariables, GraphKeys::kLocalVariables}) {
    for (const Variable& v : VariablesOf(collection, {}, graph)) {
      if (v.op().node() == node) return v;
    }
  }
  return {};
}

// The node with other inputs, under a name of its own.
Node* Copy(const Node& node, std::vector<Tensor> inputs, const std::string& scope,
           GraphImpl& graph) {
  NodeSpec copy;
  // The reference that it switched has become a value.
  copy.op = node.type() == "RefSwitch" ? "Switch" : node.type();
  copy.name = StrCat(node.name, "_", scope);
  copy.inputs = std::move(inputs);
  copy.attrs = *node.attrs;
  return ValueOrThrow(graph.AddNodeInScope(std::move(copy)));
}

}  // namespace

Tensor GuardedInitialValue(const std::string& scope, const Tensor& value) {
  const Ancestors ancestors(value.node());
  if (!ancestors.acyclic()) return value;
  const Graph graph = value.graph();
  // Only what lies between variables and the value: not the ancestors of barriers.
  std::unordered_map<const Node*, Node*> replaced;
  std::unordered_map<const Node*, bool> wanted;
  wanted[value.node()] = true;
  for (auto it = ancestors.nodes().rbegin(); it != ancestors.nodes().rend(); ++it) {
    if (!wanted[*it] || IsBarrier(**it) || IsReferenceVariable(**it)) continue;
    for (const Tensor& in : (*it)->inputs) wanted[in.node()] = true;
  }
  for (Node* node : ancestors.nodes()) {
    if (!wanted[node] || IsBarrier(*node)) continue;
    if (IsReferenceVariable(*node)) {
      const Variable v = VariableOfNode(graph, node);
      if (v.valid()) replaced[node] = v.initialized_value().node();
      continue;
    }
    bool changed = false;
    std::vector<Tensor> inputs = node->inputs;
    for (Tensor& in : inputs) {
      auto found = replaced.find(in.node());
      if (found == replaced.end()) continue;
      in = Tensor(found->second, in.index());
      changed = true;
    }
    if (changed) replaced[node] = Copy(*node, std::move(inputs), scope, graph.impl());
  }
  auto found = replaced.find(value.node());
  return found == replaced.end() ? value : Tensor(found->second, value.index());
}

}  // namespace weft::internal
