// SPDX-License-Identifier: Apache-2.0
// For public functions that add several nodes, as Python's composite functions do.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "weft/graph/graph.h"
#include "weft/graph/input.h"

namespace weft {

// The graph of the first operand that is a tensor, else the default graph.
inline Graph GraphOf(std::initializer_list<const Input*> operands) {
  for (const Input* operand : operands) {
    if (operand->is_tensor()) return operand->tensor().graph();
  }
  return Graph::Default();
}

// `with ops.name_scope(name, default_name, operands) as scope`: while it lives, nodes go to the operands' graph, under the scope.
class OpScope {
 public:
  OpScope(std::string_view name, std::string_view default_name, std::initializer_list<const Input*> operands)
      : graph_(GraphOf(operands)), use_(graph_), scope_(name.empty() ? default_name : name, graph_) {}
  // Names the node that stands for the whole: "layer/MatMul/", taken as it is without the slash.
  const std::string& name() const { return scope_.name(); }
  const Graph& graph() const { return graph_; }

 private:
  Graph graph_;
  GraphScope use_;
  NameScope scope_;
};

// The dtype that decides for literals beside it: of the first operand that is no literal; `otherwise` if all are.
inline DataType DtypeOf(std::initializer_list<const Input*> operands, DataType otherwise = kInvalidType) {
  for (const Input* operand : operands) {
    if (operand->is_tensor()) return RemoveRef(operand->tensor().dtype());
    if (!operand->weak() && operand->array().valid()) return operand->array().dtype();
  }
  return otherwise;
}

}  // namespace weft
