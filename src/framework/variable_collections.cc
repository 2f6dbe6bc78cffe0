// SPDX-License-Identifier: Apache-2.0
// The variables of a graph, by collection, and the ops that initialise them.
#include <re2/re2.h>

#include <optional>

#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/framework/variable_data.h"
#include "weft/ops/control.h"

namespace weft {
namespace {

// Python's re.match: whether a name begins with a match.
class NameFilter {
 public:
  explicit NameFilter(std::string_view pattern) {
    if (pattern.empty()) return;
    RE2::Options options;
    options.set_log_errors(false);
    regex_.emplace(re2::StringPiece(pattern.data(), pattern.size()), options);
    if (regex_->ok()) return;
    ThrowError(Code::kInvalidArgument,
               StrCat("The scope '", pattern, "' is no regular expression: ", regex_->error()));
  }
  bool Matches(const std::string& name) const {
    if (!regex_) return true;
    return regex_->Match(name, 0, name.size(), RE2::ANCHOR_START, nullptr, 0);
  }

 private:
  std::optional<RE2> regex_;
};

}  // namespace

std::vector<Variable> VariablesOf(std::string_view collection, std::string_view scope,
                                  const Graph& graph) {
  const NameFilter filter(scope);
  std::vector<Variable> list;
  for (const CollectionItem& item : graph.GetCollection(collection)) {
    const auto* data = std::get_if<std::shared_ptr<void>>(&item.value);
    if (!data) continue;
    Variable v(std::static_pointer_cast<Variable::Data>(*data));
    if (filter.Matches(v.name())) list.push_back(std::move(v));
  }
  return list;
}
std::vector<Variable> GlobalVariables(std::string_view scope, const Graph& graph) {
  return VariablesOf(GraphKeys::kGlobalVariables, scope, graph);
}
std::vector<Variable> TrainableVariables(std::string_view scope, const Graph& graph) {
  return VariablesOf(GraphKeys::kTrainableVariables, scope, graph);
}
std::vector<Variable> LocalVariables(std::string_view scope, const Graph& graph) {
  return VariablesOf(GraphKeys::kLocalVariables, scope, graph);
}
std::vector<Variable> ModelVariables(std::string_view scope, const Graph& graph) {
  return VariablesOf(GraphKeys::kModelVariables, scope, graph);
}
std::vector<Variable> MetricVariables(std::string_view scope, const Graph& graph) {
  return VariablesOf(GraphKeys::kMetricVariables, scope, graph);
}
std::vector<Variable> MovingAverageVariables(std::string_view scope, const Graph& graph) {
  return VariablesOf(GraphKeys::kMovingAverageVariables, scope, graph);
}

Operation VariablesInitializer(const std::vector<Variable>& variables, const NameOptions& name) {
  std::vector<Operation> ops;
  for (const Variable& v : variables) ops.push_back(v.initializer());
  return Group(ops, name);
}
Operation GlobalVariablesInitializer(const NameOptions& name) {
  return VariablesInitializer(GlobalVariables(), name.name.empty() ? NameOptions("init") : name);
}
Operation LocalVariablesInitializer(const NameOptions& name) {
  return VariablesInitializer(LocalVariables(), name.name.empty() ? NameOptions("init") : name);
}

}  // namespace weft
