// SPDX-License-Identifier: Apache-2.0
// Python's `with` blocks as RAII objects.
#include "src/core/device_name.h"
#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/graph/control_flow.h"
#include "src/graph/graph_impl.h"

namespace weft {

NameScope::NameScope(std::string_view name, const Graph& graph) : graph_(graph.shared_impl()) {
  ScopeState& scopes = graph_->scopes();
  outer_ = scopes.name_scope;
  const bool valid =
      scopes.name_scope.empty() && !name.empty() ? IsValidOpName(name) : IsValidScopeName(name);
  if (!valid) ThrowError(Code::kInvalidArgument, StrCat("'", name, "' is not a valid scope name"));
  if (name.empty())
    scopes.name_scope = "";
  else if (name.back() == '/')
    scopes.name_scope = std::string(name.substr(0, name.size() - 1));
  else
    scopes.name_scope = graph_->UniqueName(name, /*mark_as_used=*/true);
  name_ = scopes.name_scope.empty() ? "" : scopes.name_scope + "/";
}
NameScope::~NameScope() { graph_->scopes().name_scope = outer_; }

namespace {
std::vector<Operation> OpsOf(const std::vector<Tensor>& tensors) {
  std::vector<Operation> ops;
  for (const Tensor& t : tensors) ops.push_back(t.op());
  return ops;
}
}  // namespace

ControlDependencies::ControlDependencies(const std::vector<Operation>& ops, const Graph& graph)
    : graph_(graph.shared_impl()) {
  ScopeState::Controller controller;
  for (Operation op : ops) {
    if (!op.valid() || op.node()->graph != graph_.get())
      ThrowError(Code::kInvalidArgument,
                 "ControlDependencies: an operation is empty or from another graph");
    controller.inputs.push_back(op.node());
  }
  graph_->scopes().controllers.push_back(std::move(controller));
}
ControlDependencies::ControlDependencies(const std::vector<Tensor>& tensors, const Graph& graph)
    : ControlDependencies(OpsOf(tensors), graph) {}
ControlDependencies::ControlDependencies(std::nullptr_t, const Graph& graph)
    : graph_(graph.shared_impl()) {
  ScopeState::Controller controller;
  controller.clears = true;
  graph_->scopes().controllers.push_back(std::move(controller));
  if (ControlFlowState* state = ControlFlowState::Find(*graph_)) state->Suspend();
}
ControlDependencies::~ControlDependencies() {
  auto& controllers = graph_->scopes().controllers;
  const bool cleared = controllers.back().clears;
  controllers.pop_back();
  ControlFlowState* const state = cleared ? ControlFlowState::Find(*graph_) : nullptr;
  if (state) state->Resume();
}

DeviceScope::DeviceScope(std::string_view device, const Graph& graph)
    : graph_(graph.shared_impl()) {
  DeviceName name;
  if (!DeviceName::Parse(device, &name))
    ThrowError(Code::kInvalidArgument, StrCat("Malformed device specification '", device, "'"));
  graph_->scopes().devices.push_back({std::string(device), device.empty(), {}});
}
DeviceScope::DeviceScope(std::function<std::string(Operation)> device, const Graph& graph)
    : graph_(graph.shared_impl()) {
  graph_->scopes().devices.push_back({"", false, std::move(device)});
}
DeviceScope::~DeviceScope() { graph_->scopes().devices.pop_back(); }

ColocateWith::ColocateWith(Operation op, bool ignore_existing)
    : graph_(op.graph().shared_impl()), ignore_existing_(ignore_existing) {
  ScopeState& scopes = graph_->scopes();
  if (ignore_existing_) saved_colocation_ = std::exchange(scopes.colocation, {});
  scopes.colocation.push_back(op);
  // Colocation is stronger than the devices asked for outside.
  scopes.hidden_devices.push_back(std::exchange(scopes.devices, {}));
}
ColocateWith::ColocateWith(std::nullptr_t, const Graph& graph)
    : graph_(graph.shared_impl()), ignore_existing_(true), has_op_(false) {
  ScopeState& scopes = graph_->scopes();
  saved_colocation_ = std::exchange(scopes.colocation, {});
  scopes.hidden_devices.push_back(std::exchange(scopes.devices, {}));
}
ColocateWith::~ColocateWith() {
  ScopeState& scopes = graph_->scopes();
  if (has_op_) scopes.colocation.pop_back();
  if (ignore_existing_) scopes.colocation = std::move(saved_colocation_);
  scopes.devices = std::move(scopes.hidden_devices.back());
  scopes.hidden_devices.pop_back();
}

GradientOverrideMap::GradientOverrideMap(std::map<std::string, std::string> overrides,
                                         const Graph& graph)
    : graph_(graph.shared_impl()) {
  auto& current = graph_->scopes().gradient_overrides;
  outer_ = current;
  for (auto& [op, rule] : overrides) current[op] = rule;
}
GradientOverrideMap::~GradientOverrideMap() {
  graph_->scopes().gradient_overrides = std::move(outer_);
}

ContainerScope::ContainerScope(std::string_view container, const Graph& graph)
    : graph_(graph.shared_impl()) {
  outer_ = std::exchange(graph_->scopes().container, std::string(container));
}
ContainerScope::~ContainerScope() { graph_->scopes().container = std::move(outer_); }

}  // namespace weft
