// SPDX-License-Identifier: Apache-2.0
#include "src/graph/control_flow.h"

#include <algorithm>
#include <optional>

#include "src/core/strings.h"

namespace weft {
namespace {

constexpr char kAttachment[] = "control_flow";

bool IsContaining(const ControlFlowContext* outer, const ControlFlowContext* inner) {
  while (inner != outer) {
    if (!inner) return false;
    inner = inner->outer();
  }
  return true;
}

WhileContext* WhileOf(ControlFlowContext* c) { return c ? c->while_context() : nullptr; }

void SetControlInputs(Node* node, const std::vector<Node*>& wanted) {
  for (Node* c : node->control_inputs) std::erase(c->control_consumers, node);
  node->control_inputs = wanted;
  for (Node* c : wanted) c->control_consumers.push_back(node);
}

// No context and no control dependencies while it lives.
class NoDependencies {
 public:
  explicit NoDependencies(GraphImpl& graph) : scope_(nullptr, Graph(graph.shared_from_this())) {}

 private:
  ControlDependencies scope_;
};

}  // namespace

// ---- ControlFlowState ----

ControlFlowState& ControlFlowState::Of(GraphImpl& graph) {
  std::shared_ptr<void>& held = graph.attachments[kAttachment];
  if (!held) held = std::make_shared<ControlFlowState>();
  return *static_cast<ControlFlowState*>(held.get());
}

ControlFlowState* ControlFlowState::Find(GraphImpl& graph) {
  const auto found = graph.attachments.find(std::string_view(kAttachment));
  return found == graph.attachments.end() ? nullptr
                                          : static_cast<ControlFlowState*>(found->second.get());
}

ControlFlowContext* ControlFlowState::current() const {
  const auto found = threads_.find(std::this_thread::get_id());
  return found == threads_.end() ? nullptr : found->second.current;
}

void ControlFlowState::set_current(ControlFlowContext* context) {
  threads_[std::this_thread::get_id()].current = context;
}

void ControlFlowState::Suspend() {
  Thread& thread = threads_[std::this_thread::get_id()];
  thread.suspended.push_back(thread.current);
  thread.current = nullptr;
}

void ControlFlowState::Resume() {
  Thread& thread = threads_[std::this_thread::get_id()];
  if (thread.suspended.empty()) return;  // nothing was current when it began
  thread.current = thread.suspended.back();
  thread.suspended.pop_back();
}

ControlFlowContext* ControlFlowState::ContextOf(const Node* node) const {
  const auto found = of_.find(node);
  return found == of_.end() ? nullptr : found->second;
}

void ControlFlowState::SetContextOf(const Node* node, ControlFlowContext* context) {
  if (context)
    of_[node] = context;
  else
    of_.erase(node);
}

void ControlFlowState::Forget(int first_id) {
  std::erase_if(of_, [first_id](const auto& e) { return e.first->id >= first_id; });
}

// ---- What nodes are ----

bool IsLoopConstantEnter(const Node& n) {
  const bool* constant = n.FindAttrOf<bool>("is_constant");
  return IsLoopEnter(n) && constant && *constant;
}

ControlFlowContext* ContextOf(const Node& n) {
  ControlFlowState* state = ControlFlowState::Find(*n.graph);
  return state ? state->ContextOf(&n) : nullptr;
}

ControlFlowContext* OutputContextOf(const Node& n) {
  ControlFlowContext* context = ContextOf(n);
  return context && IsLoopExit(n) ? context->outer() : context;
}

WhileContext* WhileContextOf(const Node& n) { return WhileOf(ContextOf(n)); }

ControlFlowContext* CurrentContext(GraphImpl& graph) {
  ControlFlowState* state = ControlFlowState::Find(graph);
  return state ? state->current() : nullptr;
}

namespace {
// All consumers of a conditional's Switch are in its branches.
bool IsCondSwitch(const Node& n) {
  return std::all_of(n.consumers.begin(), n.consumers.end(), [](const Node* user) {
    ControlFlowContext* context = ContextOf(*user);
    if (context && IsLoopEnter(*user)) context = context->outer();
    return context && context->AsCond();
  });
}
}  // namespace

bool IsLoopSwitch(const Node& n) {
  if (!IsSwitchNode(n)) return false;
  ControlFlowContext* context = ContextOf(n);
  return context && context->AsWhile() && !IsCondSwitch(n);
}

Node* ConstantEnterOf(const Tensor& value) {
  Node* n = value.node();
  while (IsSwitchNode(*n) || n->type() == "Identity" || n->type() == "RefIdentity")
    n = n->inputs[0].node();
  return IsLoopConstantEnter(*n) ? n : nullptr;
}

// ---- Nodes ----

absl::StatusOr<Node*> AddScopedNode(GraphImpl& graph, std::string_view type,
                                    const std::vector<Tensor>& inputs, AttrMap attrs,
                                    std::string_view name) {
  NodeSpec spec;
  spec.op = std::string(type);
  spec.name = std::string(name.empty() ? type : name);
  spec.inputs = inputs;
  spec.attrs = std::move(attrs);
  return graph.AddNodeInScope(std::move(spec));
}

absl::StatusOr<Node*> AddColocatedSwitch(const Tensor& data, const Tensor& pred,
                                         std::string_view name) {
  const ColocateWith colocate(data.op(), /*ignore_existing=*/true);
  return AddScopedNode(*data.node()->graph, IsRef(data.dtype()) ? "RefSwitch" : "Switch",
                       {data, pred}, {}, name);
}

absl::StatusOr<Tensor> AddLoopMerge(const Tensor& enter, std::string_view name) {
  WEFT_ASSIGN_OR_RETURN(
      Node * merge, AddScopedNode(*enter.node()->graph, IsRef(enter.dtype()) ? "RefMerge" : "Merge",
                                  {enter, enter}, {{"N", 2}}, name));
  return Tensor(merge, 0);
}

absl::Status CheckInputContext(const Node& node, const Node& input) {
  ControlFlowContext* const context = ContextOf(node);
  ControlFlowContext* const from = OutputContextOf(input);
  if (!from || from == context) return absl::OkStatus();
  WhileContext* const loop = WhileOf(context);
  WhileContext* const input_loop = WhileOf(from);
  if (!input_loop) return absl::OkStatus();
  if (!loop) {
    // Enters and Switches are made outside of the context that they let values into.
    if (IsLoopEnter(node) || IsSwitchNode(node)) return absl::OkStatus();
    return absl::InvalidArgumentError(StrCat("Cannot use '", input.name, "' as input to '",
                                             node.name, "' because '", input.name,
                                             "' is in a while loop."));
  }
  if (IsContaining(input_loop, loop)) return absl::OkStatus();
  const auto forward = [](WhileContext* c) {
    return c && c->gradient() ? c->gradient()->forward_context() : nullptr;
  };
  // A loop of gradients takes values of its forward loop, of those around that, and of those in its
  // branches; the other way round in gradients of gradients.
  if (WhileContext* f = forward(loop);
      f && (IsContaining(input_loop, f) || f == input_loop->outer()))
    return absl::OkStatus();
  if (WhileContext* f = forward(input_loop); f && (f == loop || forward(f) == loop))
    return absl::OkStatus();
  return absl::InvalidArgumentError(StrCat("Cannot use '", input.name, "' as input to '", node.name,
                                           "' because they are in different while loops."));
}

// ---- ControlFlowContext ----

ControlFlowContext::ControlFlowContext(GraphImpl* graph)
    : graph_(*graph), outer_(CurrentContext(*graph)) {
  if (outer_) outer_->nested_.push_back(this);
}

WhileContext* ControlFlowContext::while_context() {
  for (ControlFlowContext* c = this; c; c = c->outer_) {
    if (WhileContext* loop = c->AsWhile()) return loop;
  }
  return nullptr;
}

void ControlFlowContext::Enter() {
  ControlFlowState& state = ControlFlowState::Of(graph_);
  entered_from_.push_back(state.current());
  state.set_current(this);
}

void ControlFlowContext::Exit() {
  if (entered_from_.empty()) return;
  ControlFlowState::Of(graph_).set_current(entered_from_.back());
  entered_from_.pop_back();
}

void ControlFlowContext::ExitResult(const std::vector<Tensor>& results) {
  if (!outer_) return;
  for (const Tensor& t : results) outer_->AddName(t);
}

std::vector<Node*> ControlFlowContext::RemoveExternalControlInputs(Node* node) {
  WhileContext* const loop = while_context();
  if (!loop) return {};
  std::vector<Node*> internal, external;
  for (Node* c : node->control_inputs)
    (WhileOf(OutputContextOf(*c)) == loop ? internal : external).push_back(c);
  if (!external.empty()) SetControlInputs(node, internal);
  return external;
}

// ---- CondContext ----

CondContext::CondContext(GraphImpl* graph, std::string_view name, Tensor pred, Tensor pivot,
                         bool branch)
    : ControlFlowContext(graph), pred_(pred), pivot_(pivot), branch_(branch) {
  if (!name.empty()) name_ = graph->UniqueName(name, /*mark_as_used=*/true);
  values.insert(pred_);
  external_values[pred_] = pred_;
  values.insert(pivot_);
  ControlFlowState::Of(*graph).SetContextOf(pivot_.node(), this);
}

absl::StatusOr<Tensor> CondContext::Guarded(const Tensor& value) {
  WEFT_ASSIGN_OR_RETURN(Node * node, AddColocatedSwitch(value, pred_));
  return Tensor(node, branch_ ? 1 : 0);
}

const Tensor* CondContext::Known(const Tensor& value) const {
  const auto known = external_values.find(value);
  if (known != external_values.end() && values.contains(value)) return &known->second;
  const auto own = values.find(value);
  return own == values.end() ? nullptr : &*own;
}

absl::StatusOr<Tensor> CondContext::FromOutside(const Tensor& value) {
  values.insert(value);
  if (!outer_) return value;
  WEFT_ASSIGN_OR_RETURN(const Tensor result, outer_->AddValue(value));
  values.insert(result);
  external_values[result] = result;
  return result;
}

absl::StatusOr<Tensor> CondContext::AddValue(const Tensor& value) {
  if (const Tensor* known = Known(value)) return *known;
  WEFT_ASSIGN_OR_RETURN(Tensor result, FromOutside(value));
  {
    const NoDependencies none(graph_);
    WEFT_ASSIGN_OR_RETURN(result, Guarded(result));
  }
  ControlFlowState::Of(graph_).SetContextOf(result.node(), this);
  for (ControlFlowContext* c = this; c; c = c->outer()) c->values.insert(result);
  external_values[value] = result;
  return result;
}

absl::StatusOr<Tensor> CondContext::AddResult(const Tensor& value) {
  if (const Tensor* known = Known(value)) return *known;
  // A tensor from outside that no node of the branch uses.
  WEFT_ASSIGN_OR_RETURN(Tensor result, FromOutside(value));
  WEFT_ASSIGN_OR_RETURN(result, Guarded(result));
  external_values[value] = result;
  return result;
}

absl::Status CondContext::AddOp(Node* node) {
  if (node->inputs.empty()) {
    RemoveExternalControlInputs(node);
    const bool inside =
        std::any_of(node->control_inputs.begin(), node->control_inputs.end(),
                    [this](const Node* c) { return IsContaining(this, ContextOf(*c)); });
    if (!inside) graph_.AddControlInput(node, pivot_.node());
  } else {
    for (size_t i = 0; i < node->inputs.size(); ++i) {
      const Tensor in = node->inputs[i];
      if (!in.valid()) continue;  // a loop's back edge, of an import
      WEFT_ASSIGN_OR_RETURN(const Tensor real, AddValue(in));
      if (!(real == in)) WEFT_RETURN_IF_ERROR(graph_.SetInput(node, static_cast<int>(i), real));
    }
    RemoveExternalControlInputs(node);
  }
  for (int o = 0; o < node->num_outputs(); ++o) {
    for (ControlFlowContext* c = this; c; c = c->outer()) c->values.insert(Tensor(node, o));
  }
  return absl::OkStatus();
}

// ---- WhileContext ----

WhileContext::WhileContext(GraphImpl* graph, std::string_view name, const Options& options,
                           LoopGradient* gradient)
    : ControlFlowContext(graph), options_(options), gradient_(gradient) {
  if (!name.empty()) name_ = graph->UniqueName(name, /*mark_as_used=*/true);
}

absl::StatusOr<Tensor> WhileContext::AddEnter(const Tensor& data, bool is_constant,
                                              std::string_view name, bool use_shape) {
  const AttrMap attrs{{"frame_name", name_},
                      {"is_constant", is_constant},
                      {"parallel_iterations", options_.parallel_iterations}};
  WEFT_ASSIGN_OR_RETURN(
      Node * node,
      AddScopedNode(graph_, IsRef(data.dtype()) ? "RefEnter" : "Enter", {data}, attrs, name));
  const Tensor enter(node, 0);
  if (use_shape) WEFT_RETURN_IF_ERROR(graph_.SetShape(enter, data.shape()));
  return enter;
}

// The control inputs that the scopes ask for stay if they are within the loop around this one.
absl::Status WhileContext::Adopt(const std::vector<Tensor>& enters) {
  for (const Tensor& enter : enters) {
    Node* const node = enter.node();
    const Node* const source = node->inputs[0].node();
    const ScopeState& scopes = graph_.scopes();
    for (auto it = scopes.controllers.rbegin(); it != scopes.controllers.rend(); ++it) {
      if (it->clears) break;
      if (it->seen.contains(const_cast<Node*>(source))) continue;
      for (Node* c : it->inputs) {
        ControlFlowContext* const context = OutputContextOf(*c);
        ControlFlowContext* around = outer_;
        WhileContext* const outer_loop = WhileOf(outer_);
        bool keep = c != source;
        while (keep && around != context) {
          keep = around && around != outer_loop;
          if (keep) around = around->outer();
        }
        if (keep) graph_.AddControlInput(node, c);
      }
    }
    ControlFlowState::Of(graph_).SetContextOf(node, this);
    auto& controllers = graph_.scopes().controllers;
    for (auto it = controllers.rbegin(); it != controllers.rend() && !it->clears; ++it)
      it->seen.insert(node);
  }
  return absl::OkStatus();
}

absl::StatusOr<Tensor> WhileContext::AddValue(const Tensor& value) {
  if (values.contains(value) || ContextOf(*value.node()) == this) {
    const auto known = external_values.find(value);
    return known == external_values.end() ? value : known->second;
  }
  values.insert(value);
  // In a loop of gradients, what the forward loop has computed is what it was in its iteration.
  WhileContext* const current = WhileOf(CurrentContext(graph_));
  if (current && current->gradient()) {
    WhileContext* forward = WhileContextOf(*value.node());
    if (forward && IsLoopExit(*value.node())) forward = WhileOf(forward->outer());
    if (forward && forward == current->gradient()->forward_context()) {
      WEFT_ASSIGN_OR_RETURN(const Tensor real, current->gradient()->RealValue(value));
      external_values[value] = real;
      return real;
    }
  }
  Tensor result = value;
  if (outer_) {
    WEFT_ASSIGN_OR_RETURN(result, outer_->AddValue(value));
  }
  Tensor enter;
  {
    const NoDependencies none(graph_);
    WEFT_ASSIGN_OR_RETURN(enter, AddEnter(result, /*is_constant=*/true));
  }
  WEFT_RETURN_IF_ERROR(Adopt({enter}));
  values.insert(enter);
  external_values[value] = enter;
  return enter;
}

absl::Status WhileContext::AddOp(Node* node) {
  // The sizes of a value of the forward loop are computed there: they take less memory to keep.
  if (node->type() == "Shape" || node->type() == "Size" || node->type() == "Rank") {
    WhileContext* const current = WhileOf(CurrentContext(graph_));
    const Node& source = *node->inputs[0].node();
    if (current && current->gradient() && WhileContextOf(source) &&
        WhileContextOf(source) == current->gradient()->forward_context()) {
      ControlFlowContext* const context = ContextOf(source);
      ControlFlowState::Of(graph_).SetContextOf(node, context);
      if (WhileContext* loop = context->AsWhile()) return loop->AddConnected(node);
      return context->AddOp(node);
    }
  }
  return AddConnected(node);
}

absl::Status WhileContext::AddConnected(Node* node) {
  // A call may hold constants, which run in the iteration only if the call waits for it.
  const std::string& type = node->type();
  if ((type == "PartitionedCall" || type == "StatefulPartitionedCall") && control_pivot().valid())
    graph_.AddControlInput(node, control_pivot().node());
  std::vector<Node*> external;
  if (node->inputs.empty()) {
    external = RemoveExternalControlInputs(node);
    if (node->control_inputs.empty() && control_pivot().valid())
      graph_.AddControlInput(node, control_pivot().node());
  } else {
    for (size_t i = 0; i < node->inputs.size(); ++i) {
      const Tensor in = node->inputs[i];
      if (!in.valid()) continue;
      WEFT_ASSIGN_OR_RETURN(const Tensor real, AddValue(in));
      if (!(real == in)) WEFT_RETURN_IF_ERROR(graph_.SetInput(node, static_cast<int>(i), real));
    }
    external = RemoveExternalControlInputs(node);
    if (NeedsPivot(*node) && control_pivot().valid())
      graph_.AddControlInput(node, control_pivot().node());
  }
  for (int o = 0; o < node->num_outputs(); ++o) values.insert(Tensor(node, o));
  // A control input from outside comes in as a value.
  for (const Node* c : external) {
    if (c->num_outputs() == 0) continue;
    const NoDependencies none(graph_);
    Enter();
    absl::StatusOr<Node*> pulled =
        AddScopedNode(graph_, "Identity", {Tensor(const_cast<Node*>(c), 0)});
    Exit();
    if (!pulled.ok()) return pulled.status();
    graph_.AddControlInput(node, *pulled);
  }
  return absl::OkStatus();
}

// What depends on loop invariants alone would run without end.
bool WhileContext::NeedsPivot(const Node& node) const {
  if (!node.control_inputs.empty()) return false;
  return std::all_of(node.inputs.begin(), node.inputs.end(), [](const Tensor& in) {
    return in.valid() && IsLoopConstantEnter(*in.node());
  });
}

}  // namespace weft
