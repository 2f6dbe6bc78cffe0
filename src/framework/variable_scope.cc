// SPDX-License-Identifier: Apache-2.0
#include "weft/framework/variable_scope.h"

#include <map>
#include <mutex>
#include <utility>

#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/framework/variable_store.h"
#include "src/graph/graph_impl.h"

namespace weft {

using internal::StoreOf;
using internal::VariableStore;

VariableStore& internal::StoreOf(const Graph& graph) {
  std::lock_guard lock(graph.impl().mu());
  std::shared_ptr<void>& kept = graph.impl().attachments["variable_store"];
  if (!kept) kept = std::make_shared<VariableStore>();
  return *static_cast<VariableStore*>(kept.get());
}

namespace {

std::string Joined(const std::string& scope, std::string_view name) {
  return scope.empty() ? std::string(name) : StrCat(scope, "/", name);
}

// default_name, or the first default_name_i that is not open here.
std::string UniqueScopeName(const VariableStore::PerThread& here, std::string_view default_name) {
  const std::string full = Joined(here.scope.name(), default_name);
  const auto taken = [&](const std::string& name) {
    auto it = here.counts.find(name);
    return it != here.counts.end() && it->second > 0;
  };
  if (!taken(full)) return std::string(default_name);
  int i = 1;
  while (taken(StrCat(full, "_", i))) ++i;
  return StrCat(default_name, "_", i);
}

std::string_view LastPart(std::string_view name) {
  const size_t slash = name.rfind('/');
  return slash == std::string_view::npos ? name : name.substr(slash + 1);
}

// The inner getter is called first, with the outer one as its getter.
CustomGetter Nested(CustomGetter inner, CustomGetter outer) {
  if (!outer) return inner;
  return [inner = std::move(inner), outer = std::move(outer)](const VariableGetter& getter,
                                                              const VariableRequest& request) {
    return inner([&](const VariableRequest& r) { return outer(getter, r); }, request);
  };
}

void Override(const VariableScopeOptions& options, VariableDefaults* d) {
  if (options.initializer.valid()) d->initializer = options.initializer;
  if (options.regularizer) d->regularizer = options.regularizer;
  if (options.dtype != kInvalidType) d->dtype = options.dtype;
  if (options.use_resource) d->use_resource = *options.use_resource;
  if (!options.caching_device.empty()) d->caching_device = options.caching_device;
  if (options.partitioner) d->partitioner = options.partitioner;
  if (options.custom_getter)
    d->custom_getter = Nested(options.custom_getter, std::move(d->custom_getter));
  d->constraint = options.constraint;
}

}  // namespace

// ---- VarScope -----------------------------------------------------------------------------------

VarScope::VarScope() : state_(std::make_shared<State>()) {}
const std::string& VarScope::name() const { return state_->name; }
const std::string& VarScope::original_name_scope() const { return state_->original_name_scope; }
Reuse VarScope::reuse() const { return state_->reuse; }
const VariableDefaults& VarScope::defaults() const { return state_->defaults; }

void VarScope::ReuseVariables() const { state_->reuse = Reuse::kTrue; }
void VarScope::set_initializer(Initializer initializer) const {
  state_->defaults.initializer = std::move(initializer);
}
void VarScope::set_regularizer(layers::Regularizer regularizer) const {
  state_->defaults.regularizer = std::move(regularizer);
}
void VarScope::set_dtype(DataType dtype) const { state_->defaults.dtype = dtype; }
void VarScope::set_use_resource(bool use_resource) const {
  state_->defaults.use_resource = use_resource;
}
void VarScope::set_caching_device(std::string device) const {
  state_->defaults.caching_device = std::move(device);
}
void VarScope::set_partitioner(Partitioner partitioner) const {
  state_->defaults.partitioner = std::move(partitioner);
}
void VarScope::set_custom_getter(CustomGetter getter) const {
  state_->defaults.custom_getter = std::move(getter);
}

std::vector<Variable> VarScope::GetCollection(std::string_view collection,
                                              const Graph& graph) const {
  std::vector<Variable> inside;
  const std::string prefix = name().empty() ? "" : name() + "/";
  for (Variable& v : VariablesOf(collection, {}, graph)) {
    if (v.name().starts_with(prefix)) inside.push_back(std::move(v));
  }
  return inside;
}
std::vector<Variable> VarScope::GlobalVariables(const Graph& graph) const {
  return GetCollection(GraphKeys::kGlobalVariables, graph);
}
std::vector<Variable> VarScope::LocalVariables(const Graph& graph) const {
  return GetCollection(GraphKeys::kLocalVariables, graph);
}
std::vector<Variable> VarScope::TrainableVariables(const Graph& graph) const {
  return GetCollection(GraphKeys::kTrainableVariables, graph);
}

// ---- VariableScope ------------------------------------------------------------------------------

VarScope VariableScope::Current(const Graph& graph) {
  std::lock_guard lock(graph.impl().mu());
  return StoreOf(graph).here().scope;
}

VariableScope::VariableScope(std::string_view name, const VariableScopeOptions& options,
                             const Graph& graph)
    : VariableScope(Kind::kByName, name, nullptr, options, graph) {}
VariableScope::VariableScope(const VarScope& scope, const VariableScopeOptions& options,
                             const Graph& graph)
    : VariableScope(Kind::kEntered, scope.name(), &scope, options, graph) {}
VariableScope VariableScope::Unique(std::string_view default_name,
                                    const VariableScopeOptions& options, const Graph& graph) {
  if (options.reuse && *options.reuse != Reuse::kFalse)
    ThrowError(Code::kInvalidArgument, "reuse=True cannot be used without a name_or_scope");
  return VariableScope(Kind::kUnique, default_name, nullptr, options, graph);
}

VariableScope::VariableScope(Kind kind, std::string_view name, const VarScope* entered,
                             const VariableScopeOptions& options, const Graph& graph)
    : graph_(graph), kind_(kind), own_name_(name) {
  std::lock_guard lock(graph_.impl().mu());
  VariableStore::PerThread& here = StoreOf(graph_).here();
  outer_ = here.scope;
  VarScope::State& state = *scope_.state_;
  state = entered ? *entered->state_ : *outer_.state_;
  if (kind == Kind::kUnique)
    state.name = Joined(outer_.name(), UniqueScopeName(here, name));
  else if (kind == Kind::kByName && !name.empty())
    state.name = Joined(outer_.name(), name);
  // In a scope that reuses, all inner ones do.
  if (options.reuse && *options.reuse != Reuse::kFalse) state.reuse = *options.reuse;
  Override(options, &state.defaults);
  OpenNameScope(kind == Kind::kEntered ? LastPart(name) : name, options);
  if (!own_name_.empty()) ++here.counts[state.name];
  outer_counts_.assign(here.counts.begin(), here.counts.end());
  here.scope = scope_;
}

void VariableScope::OpenNameScope(std::string_view name, const VariableScopeOptions& options) {
  std::string& original = scope_.state_->original_name_scope;
  if (options.auxiliary_name_scope && !name.empty()) {
    name_scope_.emplace(name, graph_);
    if (kind_ != Kind::kEntered) original = name_scope_->name();
  } else if (kind_ != Kind::kEntered) {
    const std::string current = graph_.current_name_scope();
    original = current.empty() ? "" : current + "/";
  }
}

VariableScope::~VariableScope() {
  std::lock_guard lock(graph_.impl().mu());
  VariableStore::PerThread& here = StoreOf(graph_).here();
  if (kind_ == Kind::kEntered) {
    here.counts = {outer_counts_.begin(), outer_counts_.end()};
  } else if (!own_name_.empty()) {
    // Names inside may be taken anew when the scope is opened again.
    const std::string inner = scope_.name() + "/";
    for (auto& [name, count] : here.counts) {
      if (name.starts_with(inner)) count = 0;
    }
  }
  here.scope = outer_;
}

}  // namespace weft
