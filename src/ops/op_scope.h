// SPDX-License-Identifier: Apache-2.0
// For public functions that add several nodes, as Python's composite functions do.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "weft/graph/graph.h"
#include "weft/graph/input.h"
#include "weft/ops/int_list.h"

namespace weft {

// The graph of the first operand that is a tensor, else the default graph.
inline Graph GraphOf(std::initializer_list<const Input*> operands) {
  for (const Input* operand : operands) {
    if (operand->is_tensor()) return operand->source().graph();
  }
  return Graph::Default();
}
inline Graph GraphOf(const std::vector<Input>& operands) {
  for (const Input& operand : operands) {
    if (operand.is_tensor()) return operand.source().graph();
  }
  return Graph::Default();
}
inline Graph GraphOf(const Input& operand, std::initializer_list<const IntList*> lists = {}) {
  if (operand.is_tensor()) return operand.source().graph();
  for (const IntList* list : lists) {
    if (const Tensor t = list->AnyTensor(); t.valid()) return t.graph();
  }
  return Graph::Default();
}

// `with ops.name_scope(name, default_name, operands) as scope`: while it lives, nodes go to the
// operands' graph, under the scope.
class OpScope {
 public:
  OpScope(const std::string& name, std::string_view default_name, const Graph& graph)
      : graph_(graph),
        use_(graph),
        scope_(name.empty() ? std::string(default_name) : name, graph) {}
  OpScope(const std::string& name, std::string_view default_name,
          std::initializer_list<const Input*> operands)
      : OpScope(name, default_name, GraphOf(operands)) {}

  // The name of the node that stands for the whole: "layer/MatMul/", taken as it is without the
  // slash.
  const std::string& name() const { return scope_.name(); }
  NameOptions self() const { return scope_.name(); }
  const Graph& graph() const { return graph_; }

 private:
  Graph graph_;
  GraphScope use_;
  NameScope scope_;
};

// The dtype that decides for literals beside it: of the first operand that is no literal;
// `otherwise` if all are.
inline DataType DtypeOf(std::initializer_list<const Input*> operands,
                        DataType otherwise = kInvalidType) {
  for (const Input* operand : operands) {
    if (operand->is_tensor() || (!operand->weak() && operand->array().valid()))
      return operand->dtype();
  }
  return otherwise;
}

}  // namespace weft
