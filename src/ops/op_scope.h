// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "weft/graph/graph.h"
#include "weft/graph/input.h"
#include "weft/ops/int_list.h"

namespace weft {

// What a function of the public API that adds several nodes opens: the graph of its operands and a
// name scope, as Python's `with ops.name_scope(name, default_name, values)`.
class OpScope {
 public:
  OpScope(const std::string& name, std::string_view default_name, const Graph& graph)
      : graph_(graph),
        use_(graph),
        scope_(name.empty() ? std::string(default_name) : name, graph) {}

  // As the name of a node: the scope's own ("split_1" in split_1/).
  NameOptions self() const { return scope_.name(); }

 private:
  Graph graph_;
  GraphScope use_;
  NameScope scope_;
};

// The graph of the first operand that is a tensor, else the default graph.
inline Graph GraphOf(std::initializer_list<const Input*> inputs) {
  for (const Input* in : inputs) {
    if (in->is_tensor()) return in->tensor().graph();
  }
  return Graph::Default();
}
inline Graph GraphOf(const std::vector<Input>& inputs) {
  for (const Input& in : inputs) {
    if (in.is_tensor()) return in.tensor().graph();
  }
  return Graph::Default();
}
inline Graph GraphOf(const Input& input, std::initializer_list<const IntList*> lists = {}) {
  if (input.is_tensor()) return input.tensor().graph();
  for (const IntList* list : lists) {
    if (const Tensor t = list->AnyTensor(); t.valid()) return t.graph();
  }
  return Graph::Default();
}

}  // namespace weft
