// SPDX-License-Identifier: Apache-2.0
// What GetVariable keeps with a graph.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <thread>

#include "weft/framework/variable_scope.h"

namespace weft {

struct VarScope::State {
  std::string name, original_name_scope;
  Reuse reuse = Reuse::kFalse;
  VariableDefaults defaults;
};

namespace internal {

// The graph's lock guards it.
struct VariableStore {
  struct PerThread {
    VarScope scope;
    // How often a scope of a name was opened since its outer scope was.
    std::map<std::string, int> counts;
  };
  std::map<std::string, Variable, std::less<>> variables;
  std::map<std::string, Variable, std::less<>> partitioned;
  std::map<std::thread::id, PerThread> threads;

  PerThread& here() { return threads[std::this_thread::get_id()]; }
};

VariableStore& StoreOf(const Graph& graph);

// GetVariable in the current scope, where an empty name means the scope's own: "scope/".
Variable GetVariableInScope(std::string_view name, std::optional<Shape> shape,
                            const GetVariableOptions& options);
// The variable in parts that `request` asks for.
Variable GetPartitioned(const Graph& graph, const VariableRequest& request);
// The one variable that `request` asks for; `partition` as Initializer has it.
Variable GetSingle(const Graph& graph, const VariableRequest& request,
                   const PartitionInfo* partition);
// The initializer of a dtype if none is given. InvalidArgumentError if there is none.
Initializer DefaultInitializer(const std::string& variable, DataType dtype);

}  // namespace internal
}  // namespace weft
