// SPDX-License-Identifier: Apache-2.0
#include "src/graph/graph_impl.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "src/core/device_name.h"
#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/graph/control_flow.h"

namespace weft {

namespace {

// Which characters a name may have.
constexpr std::array<bool, 256> NameCharacters(std::string_view others) {
  std::array<bool, 256> valid{};
  for (unsigned char c = '0'; c <= '9'; ++c) valid[c] = true;
  for (unsigned char c = 'A'; c <= 'Z'; ++c) valid[c] = valid[c - 'A' + 'a'] = true;
  for (const char c : others) valid[static_cast<unsigned char>(c)] = true;
  return valid;
}
constexpr std::array<bool, 256> kFirstOfName = NameCharacters(".");
constexpr std::array<bool, 256> kInName = NameCharacters("_.\\-/>");

}  // namespace

bool IsValidOpName(std::string_view name) {
  return !name.empty() && kFirstOfName[static_cast<unsigned char>(name[0])] &&
         IsValidScopeName(name.substr(1));
}

bool IsValidScopeName(std::string_view name) {
  return std::all_of(name.begin(), name.end(), [](unsigned char c) { return kInName[c]; });
}

bool ParseTensorName(std::string_view text, std::string* op, int* index) {
  const size_t colon = text.rfind(':');
  *index = 0;
  if (colon == std::string_view::npos) {
    *op = std::string(text);
    return !text.empty();
  }
  const std::string_view digits = text.substr(colon + 1);
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), *index);
  *op = std::string(text.substr(0, colon));
  return !op->empty() && error == std::errc() && end == digits.data() + digits.size() &&
         *index >= 0;
}

GraphImpl::GraphImpl(const OpRegistry* registry)
    : registry_(registry ? registry : &OpRegistry::Global()) {}
GraphImpl::~GraphImpl() = default;

const AttrMap& NodeAttrs::None() {
  static const auto* const none = new AttrMap();
  return *none;
}

absl::StatusOr<Node*> GraphImpl::AddNode(NodeSpec spec) {
  std::lock_guard lock(mu_);
  if (finalized_)
    return absl::FailedPreconditionError(
        StrCat("Graph is finalized and cannot be modified (adding node '", spec.name, "')"));
  const OpDef* def = spec.def ? spec.def : registry_->Find(spec.op);
  if (!def) {
    return absl::NotFoundError(
        StrCat("Op type not registered '", spec.op, "' (node '", spec.name, "')"));
  }
  if (!IsValidOpName(spec.name)) {
    return absl::InvalidArgumentError(
        StrCat("'", spec.name, "' is not a valid node name (op type ", def->name(),
               "): letters, digits and . _ - / \\ only, and a letter, digit or . first"));
  }
  const uint64_t name_hash = HashText(spec.name);
  if (by_name_.Find(name_hash, [&](const Node* n) { return n->name == spec.name; }))
    return absl::InvalidArgumentError(StrCat("Duplicate node name in graph: '", spec.name, "'"));
  WEFT_RETURN_IF_ERROR(CheckInputs(spec, *def));
  auto node = std::make_unique<Node>();
  node->graph = this;
  node->id = static_cast<int>(nodes_.size());
  node->def = def;
  if (absl::Status s = Resolve(&spec, *def, node.get()); !s.ok())
    return WithNode(std::move(s), spec.name, def->name());
  node->name = std::move(spec.name);
  node->device = std::move(spec.device);
  node->inputs = std::move(spec.inputs);
  if (absl::Status s = InferShapes(node.get()); !s.ok())
    return WithNode(std::move(s), node->name, def->name());

  Node* added = node.get();
  for (const Tensor& t : added->inputs) {
    if (t.valid()) t.node()->consumers.push_back(added);
  }
  for (Node* c : spec.control_inputs) {
    if (std::find(added->control_inputs.begin(), added->control_inputs.end(), c) !=
        added->control_inputs.end())
      continue;
    added->control_inputs.push_back(c);
    c->control_consumers.push_back(added);
  }
  by_name_.Insert(name_hash, added);
  nodes_.push_back(std::move(node));
  Touch();
  return added;
}

absl::Status GraphImpl::CheckInputs(const NodeSpec& spec, const OpDef& def) const {
  for (const Tensor& t : spec.inputs) {
    if (!t.valid()) continue;
    if (t.node()->graph != this) {
      return absl::InvalidArgumentError(StrCat("input '", t.name(), "' of node '", spec.name,
                                               "' (op type ", def.name(),
                                               ") is from another graph"));
    }
    if (t.index() < 0 || t.index() >= t.node()->num_outputs()) {
      return absl::OutOfRangeError(StrCat("Node '", spec.name, "' (type: '", def.name(),
                                          "', num of outputs: ...) is connected to output ",
                                          t.index(), " of '", t.node()->name, "', which has ",
                                          t.node()->num_outputs(), " outputs"));
    }
  }
  return absl::OkStatus();
}

absl::Status GraphImpl::Resolve(NodeSpec* spec, const OpDef& def, Node* node) {
  NodeKind* const kind = spec->kind;
  if (!kind) return ResolveTypes(*spec, def, std::move(spec->attrs), node);
  const size_t n = spec->inputs.size();
  bool same = kind->types && kind->actual_inputs.size() == n;
  for (size_t i = 0; same && i < n; ++i) {
    same = kind->actual_inputs[i] == ActualInputType(*spec, i);
  }
  if (!same) {
    WEFT_RETURN_IF_ERROR(ResolveTypes(*spec, def, kind->given, node));
    kind->actual_inputs.resize(n);
    for (size_t i = 0; i < n; ++i) kind->actual_inputs[i] = ActualInputType(*spec, i);
    kind->attrs = node->attrs;
    kind->types = node->types;
    kind->num_inputs = node->input_types.size();
    kind->num_outputs = node->output_types.size();
    return absl::OkStatus();
  }
  node->attrs = kind->attrs;
  node->types = kind->types;
  node->input_types = {kind->types.get(), kind->num_inputs};
  node->output_types = {kind->types.get() + kind->num_inputs, kind->num_outputs};
  return absl::OkStatus();
}

namespace {

// Tells the current conditional or loop of a new node. Nodes that it adds are named in the node's
// scope.
absl::Status EnterContext(GraphImpl& graph, Node* node) {
  ControlFlowState* const state = ControlFlowState::Find(graph);
  if (!state) return absl::OkStatus();
  ControlFlowContext* const context = state->current();
  state->SetContextOf(node, context);
  for (const Tensor& in : node->inputs) {
    if (!in.valid()) continue;
    const absl::Status valid = CheckInputContext(*node, *in.node());
    if (valid.ok()) continue;
    const absl::Status error = WithNode(valid, node->name, node->type());
    graph.Truncate(node->id);
    return error;
  }
  if (!context) return absl::OkStatus();
  std::string outer = std::exchange(graph.scopes().name_scope, node->name);
  const absl::Status status = context->AddOp(node);
  graph.scopes().name_scope = std::move(outer);
  return status;
}

}  // namespace

absl::StatusOr<Node*> GraphImpl::AddNodeInScope(NodeSpec spec) {
  std::lock_guard lock(mu_);
  if (finalized_)
    return absl::FailedPreconditionError(
        StrCat("Graph is finalized and cannot be modified (adding node '", spec.name, "')"));
  for (Tensor& t : spec.inputs) {
    if (!capture || !t.valid() || t.node()->graph == this) continue;
    WEFT_ASSIGN_OR_RETURN(t, capture(t));
  }
  ScopeState& scope = scopes();
  if (spec.name.empty()) spec.name = spec.op;
  const bool exact = spec.name.back() == '/';
  if (exact) spec.name.pop_back();
  // Checked before a name is taken, so that a failed node leaves no trace.
  std::string unique = exact ? spec.name : UniqueName(spec.name, /*mark_as_used=*/false);
  if (exact && FindNode(unique))
    unique = UniqueName(
        unique.substr(scope.name_scope.empty() || !unique.starts_with(scope.name_scope + "/")
                          ? 0
                          : scope.name_scope.size() + 1),
        false);
  const std::string requested = spec.name;
  spec.name = unique;

  for (auto it = scope.controllers.rbegin(); it != scope.controllers.rend(); ++it) {
    const bool dominated =
        std::any_of(spec.inputs.begin(), spec.inputs.end(),
                    [&](const Tensor& t) { return t.valid() && it->seen.contains(t.node()); });
    if (!dominated) {
      for (Node* c : it->inputs) {
        const bool is_input = std::any_of(spec.inputs.begin(), spec.inputs.end(),
                                          [&](const Tensor& t) { return t.node() == c; });
        if (!is_input) spec.control_inputs.push_back(c);
      }
    }
    if (it->clears) break;
  }
  if (!scope.gradient_overrides.empty()) {
    auto it = scope.gradient_overrides.find(spec.op);
    if (it != scope.gradient_overrides.end())
      spec.attrs.try_emplace("_gradient_op_type", it->second);
  }
  if (!scope.container.empty()) {
    const OpDef* def = registry_->Find(spec.op);
    if (def && def->is_stateful() && def->FindAttr("container")) {
      auto [it, inserted] = spec.attrs.try_emplace("container", scope.container);
      if (!inserted && it->second == AttrValue("")) it->second = scope.container;
    }
  }
  WEFT_ASSIGN_OR_RETURN(Node * node, AddNode(std::move(spec)));
  if (!exact) UniqueName(requested, /*mark_as_used=*/true);
  WEFT_RETURN_IF_ERROR(EnterContext(*this, node));
  for (auto it = scope.controllers.rbegin(); it != scope.controllers.rend(); ++it) {
    it->seen.insert(node);
    if (it->clears) break;
  }
  // An op that changes a variable runs where the variable is.
  std::vector<Operation> colocation = scope.colocation;
  bool has_ref_input = false;
  for (size_t i = 0; i < node->inputs.size(); ++i) {
    if (!IsRef(node->input_types[i])) continue;
    colocation.push_back(Operation(node->inputs[i].node()));
    has_ref_input = true;
  }
  if (!has_ref_input || colocation.empty()) ApplyDevices(node);
  if (!colocation.empty()) ApplyColocation(node, colocation);
  return node;
}

void GraphImpl::ApplyDevices(Node* node) {
  DeviceName merged;
  if (!node->device.empty()) DeviceName::Parse(node->device, &merged);
  const std::vector<ScopeState::DeviceEntry>& stack = scopes().devices;
  for (auto it = stack.rbegin(); it != stack.rend(); ++it) {
    if (it->clears) break;
    DeviceName outer;
    const std::string text = it->function ? it->function(Operation(node)) : it->device;
    if (DeviceName::Parse(text, &outer)) merged.MergeFrom(outer);
    node->device = merged.ToString();
  }
}

namespace {
std::vector<std::string> ColocationGroups(const Node& node) {
  std::vector<std::string> groups;
  if (const auto* classes = node.FindAttrOf<std::vector<std::string>>("_class")) {
    for (const std::string& c : *classes) {
      if (c.starts_with("loc:@")) groups.push_back(c);
    }
  }
  if (groups.empty()) groups.push_back("loc:@" + node.name);
  return groups;
}
}  // namespace

void GraphImpl::ApplyColocation(Node* node, const std::vector<Operation>& stack) {
  std::set<std::string> groups;
  bool device_set = false;
  for (auto it = stack.rbegin(); it != stack.rend(); ++it) {
    for (std::string& g : ColocationGroups(*it->node())) groups.insert(std::move(g));
    if (!device_set && !it->node()->device.empty()) {
      node->device = it->node()->device;
      device_set = true;
    }
  }
  node->attrs.Mutable()["_class"] = std::vector<std::string>(groups.begin(), groups.end());
}

absl::Status GraphImpl::SetInput(Node* node, int index, Tensor input) {
  std::lock_guard lock(mu_);
  if (index < 0 || index >= static_cast<int>(node->inputs.size())) {
    return absl::InvalidArgumentError(StrCat("node '", node->name, "' has no input ", index));
  }
  const DataType want = node->input_types[static_cast<size_t>(index)];
  if (RemoveRef(input.dtype()) != RemoveRef(want)) {
    return absl::InvalidArgumentError(
        StrCat("Input ", index, " of node ", node->name, " was passed ", DTypeOpName(input.dtype()),
               " from ", input.name(), " incompatible with expected ", DTypeOpName(want), "."));
  }
  if (Tensor old = node->inputs[static_cast<size_t>(index)]; old.valid()) {
    auto& list = old.node()->consumers;
    list.erase(std::find(list.begin(), list.end(), node));
  }
  node->inputs[static_cast<size_t>(index)] = input;
  input.node()->consumers.push_back(node);
  Mutated();
  return absl::OkStatus();
}

void GraphImpl::AddControlInput(Node* node, Node* control) {
  std::lock_guard lock(mu_);
  if (std::find(node->control_inputs.begin(), node->control_inputs.end(), control) !=
      node->control_inputs.end())
    return;
  node->control_inputs.push_back(control);
  control->control_consumers.push_back(node);
  Mutated();
}

void GraphImpl::SetAttr(Node* node, std::string name, AttrValue value) {
  std::lock_guard lock(mu_);
  node->attrs.Mutable()[std::move(name)] = std::move(value);
  Mutated();
}

void GraphImpl::SetDevice(Node* node, std::string device) {
  std::lock_guard lock(mu_);
  node->device = std::move(device);
  Mutated();
}

absl::Status GraphImpl::SetShape(const Tensor& t, const PartialShape& shape) {
  std::lock_guard lock(mu_);
  PartialShape& current = t.node()->output_shapes[static_cast<size_t>(t.index())];
  PartialShape merged;
  if (!PartialShape::Merge(current, shape, &merged)) {
    return absl::InvalidArgumentError(StrCat("Tensor's shape ", current.ToPythonString(),
                                             " is not compatible with supplied shape ",
                                             shape.ToPythonString(), " (tensor '", t.name(), "')"));
  }
  if (!(merged == current)) {
    current = std::move(merged);
    not_constants.clear();
    Touch();
  }
  return absl::OkStatus();
}

void GraphImpl::Truncate(int first_id) {
  std::lock_guard lock(mu_);
  auto gone = [first_id](const Node* n) { return n->id >= first_id; };
  for (int i = 0; i < first_id; ++i) {
    Node& node = *nodes_[static_cast<size_t>(i)];
    node.consumers.erase(std::remove_if(node.consumers.begin(), node.consumers.end(), gone),
                         node.consumers.end());
    std::erase_if(node.control_consumers, gone);
  }
  std::erase_if(constants, [&](const auto& e) { return gone(e.first.node()); });
  std::erase_if(not_constants, [&](const Tensor& t) { return gone(t.node()); });
  TakeReservedNames();
  if (ControlFlowState* state = ControlFlowState::Find(*this)) state->Forget(first_id);
  nodes_.resize(static_cast<size_t>(first_id));
  by_name_.Clear();
  by_name_.Reserve(nodes_.size());
  for (const auto& node : nodes_) by_name_.Insert(HashText(node->name), node.get());
  Mutated();
}

Node* GraphImpl::FindNode(std::string_view name) const {
  std::lock_guard lock(mu_);
  Node* const* const found =
      by_name_.Find(HashText(name), [&](const Node* n) { return n->name == name; });
  return found ? *found : nullptr;
}

std::string GraphImpl::UniqueName(std::string_view name, bool mark_as_used) {
  std::lock_guard lock(mu_);
  TakeReservedNames();
  const std::string& scope = scopes().name_scope;
  std::string full = scope.empty() ? std::string(name) : StrCat(scope, "/", name);
  const std::string base = AsciiLower(full);
  auto found = names_in_use_.find(base);
  int i = found == names_in_use_.end() ? 0 : found->second;
  if (mark_as_used) names_in_use_[base] = i + 1;
  if (i == 0) return full;
  std::string key = base;
  while (names_in_use_.contains(key)) key = StrCat(base, "_", i++);
  if (mark_as_used) names_in_use_[key] = 1;
  return StrCat(full, "_", i - 1);
}

void GraphImpl::ReserveNames(int first_id) {
  std::lock_guard lock(mu_);
  reserved_nodes_.emplace_back(first_id, num_nodes());
}

void GraphImpl::TakeReservedNames() {
  for (const auto& [first, end] : reserved_nodes_) {
    for (int id = first; id < end; ++id)
      names_in_use_.try_emplace(AsciiLower(nodes_[static_cast<size_t>(id)]->name), 1);
  }
  reserved_nodes_.clear();
}

void GraphImpl::ReserveNodes(size_t n) {
  std::lock_guard lock(mu_);
  nodes_.reserve(nodes_.size() + n);
  by_name_.Reserve(nodes_.size() + n);
}

ScopeState& GraphImpl::scopes() {
  std::lock_guard lock(mu_);
  return scopes_[std::this_thread::get_id()];
}

}  // namespace weft
