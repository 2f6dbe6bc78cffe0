// SPDX-License-Identifier: Apache-2.0
#include "src/graph/control_flow_def.h"

#include <algorithm>
#include <set>

#include "proto/weft/control_flow.pb.h"
#include "src/core/strings.h"
#include "src/graph/proto_convert.h"

namespace weft {
namespace {

class ContextReader {
 public:
  ContextReader(std::string_view import_scope, GraphImpl& graph)
      : scope_(import_scope), graph_(graph) {}

  absl::StatusOr<std::shared_ptr<CondContext>> Cond(const proto::CondContextDef& def) {
    WEFT_ASSIGN_OR_RETURN(const Tensor pred, Find(def.pred_name()));
    WEFT_ASSIGN_OR_RETURN(const Tensor pivot, Find(def.pivot_name()));
    auto context = std::make_shared<CondContext>(&graph_, "", pred, pivot, def.branch() != 0);
    context->set_name(Prefixed(def.context_name()));
    ControlFlowState::Of(graph_).Own(context);
    WEFT_RETURN_IF_ERROR(Values(def.values_def(), context.get()));
    WEFT_RETURN_IF_ERROR(Nested(def.nested_contexts(), context.get()));
    return context;
  }

  absl::StatusOr<std::shared_ptr<WhileContext>> While(const proto::WhileContextDef& def) {
    WhileContext::Options options;
    options.parallel_iterations = def.parallel_iterations();
    options.back_prop = def.back_prop();
    options.swap_memory = def.swap_memory();
    if (!def.maximum_iterations_name().empty()) {
      WEFT_ASSIGN_OR_RETURN(options.maximum_iterations, Find(def.maximum_iterations_name()));
    }
    auto context = std::make_shared<WhileContext>(&graph_, "", options);
    context->set_name(Prefixed(def.context_name()));
    ControlFlowState::Of(graph_).Own(context);
    WEFT_ASSIGN_OR_RETURN(context->pivot, Find(def.pivot_name()));
    WEFT_ASSIGN_OR_RETURN(context->pivot_for_pred, Find(def.pivot_for_pred_name()));
    WEFT_ASSIGN_OR_RETURN(context->pivot_for_body, Find(def.pivot_for_body_name()));
    for (const std::string& name : def.loop_exit_names()) {
      WEFT_ASSIGN_OR_RETURN(const Tensor t, Find(name));
      context->loop_exits.push_back(t);
    }
    for (const std::string& name : def.loop_enter_names()) {
      WEFT_ASSIGN_OR_RETURN(const Tensor t, Find(name));
      context->loop_enters.push_back(t);
    }
    WEFT_RETURN_IF_ERROR(Values(def.values_def(), context.get()));
    if (!scope_.empty()) RenameFrame(*context);
    WEFT_RETURN_IF_ERROR(Nested(def.nested_contexts(), context.get()));
    return context;
  }

 private:
  std::string Prefixed(std::string_view name) const {
    return scope_.empty() ? std::string(name) : StrCat(scope_, "/", name);
  }

  absl::StatusOr<Tensor> Find(const std::string& name) const {
    std::string op;
    int index = 0;
    Node* const node = ParseTensorName(Prefixed(name), &op, &index) ? graph_.FindNode(op) : nullptr;
    if (node && index < node->num_outputs()) return Tensor(node, index);
    return absl::NotFoundError(StrCat("a control flow context names the tensor '", Prefixed(name),
                                      "', which is not in the graph"));
  }

  // Frames are named by their context, whose name the import has changed.
  void RenameFrame(const WhileContext& context) {
    for (const Tensor& t : context.values) {
      if (IsLoopEnter(*t.node()) && ContextOf(*t.node()) == &context)
        graph_.SetAttr(t.node(), "frame_name", context.name());
    }
  }

  absl::Status Values(const proto::ValuesDef& def, ControlFlowContext* context) {
    ControlFlowState& state = ControlFlowState::Of(graph_);
    for (const auto& [outside, inside] : def.external_values()) {
      WEFT_ASSIGN_OR_RETURN(const Tensor from, Find(outside));
      WEFT_ASSIGN_OR_RETURN(const Tensor to, Find(inside));
      context->external_values[from] = to;
    }
    for (const std::string& name : def.values()) {
      WEFT_ASSIGN_OR_RETURN(const Tensor t, Find(name));
      context->values.insert(t);
      if (!context->external_values.contains(t)) state.SetContextOf(t.node(), context);
    }
    return absl::OkStatus();
  }

  template <typename Defs>
  absl::Status Nested(const Defs& defs, ControlFlowContext* context) {
    if (defs.empty()) return absl::OkStatus();
    // Each level is a recursion.
    constexpr int kMaxDepth = 200;
    if (++depth_ > kMaxDepth)
      return absl::InvalidArgumentError("control flow contexts are nested too deeply");
    context->Enter();
    absl::Status status;
    for (const proto::ControlFlowContextDef& def : defs) {
      if (!status.ok()) break;
      if (def.has_cond_ctxt()) status = Cond(def.cond_ctxt()).status();
      if (def.has_while_ctxt()) status = While(def.while_ctxt()).status();
    }
    context->Exit();
    --depth_;
    return status;
  }

  std::string scope_;
  GraphImpl& graph_;
  int depth_ = 0;
};

class Writer {
 public:
  explicit Writer(std::string_view export_scope) : scope_(export_scope) {}

  void Write(const CondContext& context, proto::CondContextDef* def) const {
    def->set_context_name(Stripped(context.name()));
    def->set_pred_name(Stripped(context.pred().name()));
    def->set_pivot_name(Stripped(context.pivot().name()));
    def->set_branch(context.branch() ? 1 : 0);
    Write(context, def->mutable_values_def());
    Nested(context, def->mutable_nested_contexts());
  }

  void Write(const WhileContext& context, proto::WhileContextDef* def) const {
    const WhileContext::Options& options = context.options();
    def->set_context_name(Stripped(context.name()));
    def->set_parallel_iterations(options.parallel_iterations);
    def->set_back_prop(options.back_prop);
    def->set_swap_memory(options.swap_memory);
    if (options.maximum_iterations.valid())
      def->set_maximum_iterations_name(Stripped(options.maximum_iterations.name()));
    def->set_pivot_name(Stripped(context.pivot.name()));
    def->set_pivot_for_pred_name(Stripped(context.pivot_for_pred.name()));
    def->set_pivot_for_body_name(Stripped(context.pivot_for_body.name()));
    for (const Tensor& t : context.loop_exits) def->add_loop_exit_names(Stripped(t.name()));
    for (const Tensor& t : context.loop_enters) def->add_loop_enter_names(Stripped(t.name()));
    Write(context, def->mutable_values_def());
    Nested(context, def->mutable_nested_contexts());
  }

 private:
  std::string Stripped(const std::string& name) const {
    return name.starts_with(scope_) ? name.substr(scope_.size()) : name;
  }

  void Write(const ControlFlowContext& context, proto::ValuesDef* def) const {
    std::set<std::string> names;
    for (const Tensor& t : context.values) names.insert(t.name());
    for (const std::string& name : names) def->add_values(Stripped(name));
    for (const auto& [outside, inside] : context.external_values)
      (*def->mutable_external_values())[Stripped(outside.name())] = Stripped(inside.name());
  }

  template <typename Defs>
  void Nested(const ControlFlowContext& context, Defs* defs) const {
    for (ControlFlowContext* inner : context.nested()) {
      if (const CondContext* cond = inner->AsCond()) Write(*cond, defs->Add()->mutable_cond_ctxt());
      if (const WhileContext* loop = inner->AsWhile())
        Write(*loop, defs->Add()->mutable_while_ctxt());
    }
  }

  std::string_view scope_;
};

template <typename Def, typename Context>
std::optional<std::string> ToBytes(const Context& context, std::string_view export_scope) {
  if (!context.name().starts_with(export_scope)) return std::nullopt;
  Def def;
  Writer(export_scope).Write(context, &def);
  return SerializeProto(def);
}

}  // namespace

absl::StatusOr<std::shared_ptr<CondContext>> CondContextFromBytes(std::string_view bytes,
                                                                  std::string_view import_scope,
                                                                  GraphImpl& graph) {
  proto::CondContextDef def;
  if (!ParseProto(bytes, &def)) return absl::DataLossError("the bytes are no CondContextDef");
  std::lock_guard lock(graph.mu());
  return ContextReader(import_scope, graph).Cond(def);
}

absl::StatusOr<std::shared_ptr<WhileContext>> WhileContextFromBytes(std::string_view bytes,
                                                                    std::string_view import_scope,
                                                                    GraphImpl& graph) {
  proto::WhileContextDef def;
  if (!ParseProto(bytes, &def)) return absl::DataLossError("the bytes are no WhileContextDef");
  std::lock_guard lock(graph.mu());
  return ContextReader(import_scope, graph).While(def);
}

std::optional<std::string> ContextToBytes(const CondContext& context,
                                          std::string_view export_scope) {
  return ToBytes<proto::CondContextDef>(context, export_scope);
}
std::optional<std::string> ContextToBytes(const WhileContext& context,
                                          std::string_view export_scope) {
  return ToBytes<proto::WhileContextDef>(context, export_scope);
}

}  // namespace weft
