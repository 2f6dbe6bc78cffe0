// SPDX-License-Identifier: Apache-2.0
// ConvertVariablesToConstants.
//
// A variable's node becomes a Const. What that means for its users is followed from node to node:
// a user that only hands the value on passes it to its own users, a call passes it to the argument
// of its function.
#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "src/core/log.h"
#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/framework/graph_util/node_index.h"
#include "src/graph/proto_convert.h"
#include "weft/framework/graph_util.h"
#include "weft/runtime/session.h"

namespace weft::graph_util {
namespace {

bool IsVariable(const proto::NodeDef& node) {
  return node.op() == "Variable" || node.op() == "VariableV2" || node.op() == "VarHandleOp";
}

// How an op calls functions: where their arguments begin among its inputs, and its attributes.
struct CallForm {
  int first_argument = 0;
  const char* types;
  std::vector<const char*> functions;
};

const CallForm* FindCallForm(const std::string& op) {
  static const auto* const forms = new std::map<std::string, CallForm, std::less<>>{
      {"If", {1, "Tin", {"then_branch", "else_branch"}}},
      {"StatelessIf", {1, "Tin", {"then_branch", "else_branch"}}},
      {"Case", {1, "Tin", {"branches"}}},
      {"StatelessCase", {1, "Tin", {"branches"}}},
      {"PartitionedCall", {0, "Tin", {"f"}}},
      {"StatefulPartitionedCall", {0, "Tin", {"f"}}},
      {"While", {0, "T", {"body", "cond"}}},
      {"StatelessWhile", {0, "T", {"body", "cond"}}}};
  auto it = forms->find(op);
  return it == forms->end() ? nullptr : &it->second;
}

bool HandsOn(const std::string& op) {
  static const auto* const ops = new std::set<std::string, std::less<>>{
      "Enter", "Exit", "Identity", "NextIteration", "Switch", "_SwitchN"};
  return ops->contains(op);
}

class Converter {
 public:
  explicit Converter(proto::GraphDef graph) : graph_(std::move(graph)) {}

  absl::Status Convert(int variable, const Array& value) {
    proto::NodeDef* node = graph_.mutable_node(variable);
    MakeConst(node->name(), value, node);
    Follow(kMainGraph, node->name());
    while (!todo_.empty()) {
      const Use use = todo_.back();
      todo_.pop_back();
      if (!seen_.insert({use.body, use.node, use.input}).second) continue;
      WEFT_RETURN_IF_ERROR(WithNode(Visit(use, value), NodeOf(use)->name(), NodeOf(use)->op()));
    }
    return absl::OkStatus();
  }

  proto::GraphDef Finish() && {
    RestoreOriginals();
    return std::move(graph_);
  }

 private:
  static constexpr int kMainGraph = -1;
  // An input of a node of the main graph or of a function (its index in the library).
  struct Use {
    int body, node, input;
  };
  // The uses of each node's outputs and each argument, in a body.
  using Uses = std::unordered_map<std::string, std::vector<Use>>;

  static void MakeConst(std::string name, const Array& value, proto::NodeDef* node) {
    node->Clear();
    node->set_name(std::move(name));
    node->set_op("Const");
    (*node->mutable_attr())["dtype"].set_type(static_cast<proto::DataType>(value.dtype()));
    ArrayToProto(value, (*node->mutable_attr())["value"].mutable_tensor());
  }

  proto::NodeDef* NodeOf(const Use& use) {
    return use.body == kMainGraph
               ? graph_.mutable_node(use.node)
               : graph_.mutable_library()->mutable_function(use.body)->mutable_node_def(use.node);
  }

  Uses& UsesIn(int body) {
    auto [it, is_new] = uses_.try_emplace(body);
    if (!is_new) return it->second;
    const auto& nodes =
        body == kMainGraph ? graph_.node() : graph_.library().function(body).node_def();
    for (int n = 0; n < nodes.size(); ++n) {
      for (int i = 0; i < nodes[n].input_size(); ++i) {
        const std::string& input = nodes[n].input(i);
        if (!input.starts_with('^')) {
          it->second[input.substr(0, input.find(':'))].push_back({body, n, i});
        }
      }
    }
    return it->second;
  }

  // The users of what became a constant are next, the first of them first.
  void Follow(int body, const std::string& source) {
    const Uses& uses = UsesIn(body);
    auto it = uses.find(source);
    if (it != uses.end()) todo_.insert(todo_.end(), it->second.rbegin(), it->second.rend());
  }

  absl::Status Visit(const Use& use, const Array& value) {
    proto::NodeDef* node = NodeOf(use);
    if (node->op() == "ReadVariableOp") return VisitRead(use, node);
    if (node->op() == "ResourceGather") return VisitGather(use, node);
    if (node->op() == "ResourceGatherNd") return VisitGatherNd(node), absl::OkStatus();
    if (HandsOn(node->op())) {
      if (use.input != 0) return absl::OkStatus();  // the predicate of a Switch
      (*node->mutable_attr())["T"].set_type(static_cast<proto::DataType>(value.dtype()));
      node->mutable_attr()->erase("_output_shapes");
      Follow(use.body, node->name());
      return absl::OkStatus();
    }
    if (const CallForm* form = FindCallForm(node->op())) return VisitCall(use, *form, node, value);
    return absl::OkStatus();
  }

  // A node of another op under the same name, with the colocation of the old one.
  static proto::NodeDef Renewed(const proto::NodeDef& old, const char* op, int num_inputs) {
    proto::NodeDef node;
    node.set_name(old.name());
    node.set_op(op);
    for (int i = 0; i < std::min(num_inputs, old.input_size()); ++i) node.add_input(old.input(i));
    CopyAttr(old, "_class", &node, "_class");
    return node;
  }
  static void CopyAttr(const proto::NodeDef& from, const char* name, proto::NodeDef* to,
                       const char* new_name) {
    auto it = from.attr().find(name);
    if (it != from.attr().end()) (*to->mutable_attr())[new_name] = it->second;
  }

  absl::Status VisitRead(const Use& use, proto::NodeDef* node) {
    proto::NodeDef identity = Renewed(*node, "Identity", 1);
    CopyAttr(*node, "dtype", &identity, "T");
    *node = std::move(identity);
    if (use.body == kMainGraph) return absl::OkStatus();
    // In a function outputs have names: "read:value:0" is now "read:output:0".
    const std::string old_output = node->name() + ":value";
    const auto rename = [&](std::string* input) {
      if (*input == old_output || input->starts_with(old_output + ":")) {
        input->replace(0, old_output.size(), node->name() + ":output");
      }
    };
    auto* function = graph_.mutable_library()->mutable_function(use.body);
    for (auto& n : *function->mutable_node_def()) {
      for (std::string& input : *n.mutable_input()) rename(&input);
    }
    for (auto& [result, source] : *function->mutable_ret()) rename(&source);
    return absl::OkStatus();
  }

  absl::Status VisitGather(const Use& use, proto::NodeDef* node) {
    if (use.body != kMainGraph) {
      return absl::UnimplementedError(
          "a ResourceGather in a function can't be converted; gather from a read of the variable");
    }
    auto batch_dims = node->attr().find("batch_dims");
    if (batch_dims != node->attr().end() && batch_dims->second.i() != 0) {
      return absl::InvalidArgumentError(
          StrCat("batch_dims must be 0 for freeze_graph, but got node(", node->name(),
                 ").attr('batch_dims') = ", batch_dims->second.i(), "."));
    }
    const std::string axis_name = node->name() + "/axis";
    auto indices = node->attr().find("Tindices");
    const bool wide = indices != node->attr().end() && indices->second.type() == proto::DT_INT64;
    if (axes_.insert(axis_name).second) {
      MakeConst(axis_name, wide ? Array(int64_t{0}) : Array(int32_t{0}), graph_.add_node());
    }
    proto::NodeDef gather = Renewed(*node, "GatherV2", 2);
    gather.add_input(axis_name);
    CopyAttr(*node, "dtype", &gather, "Tparams");
    CopyAttr(*node, "Tindices", &gather, "Tindices");
    CopyAttr(*node, "Tindices", &gather, "Taxis");
    *node = std::move(gather);
    return absl::OkStatus();
  }

  static void VisitGatherNd(proto::NodeDef* node) {
    proto::NodeDef gather = Renewed(*node, "GatherNd", 2);
    CopyAttr(*node, "dtype", &gather, "Tparams");
    CopyAttr(*node, "Tindices", &gather, "Tindices");
    *node = std::move(gather);
  }

  absl::Status VisitCall(const Use& use, const CallForm& form, proto::NodeDef* node,
                         const Array& value) {
    const int argument = use.input - form.first_argument;
    if (argument < 0) return absl::OkStatus();
    auto types = node->mutable_attr()->find(form.types);
    if (types == node->mutable_attr()->end() || argument >= types->second.list().type_size()) {
      return absl::InvalidArgumentError(
          StrCat("attribute '", form.types, "' has no type for argument ", argument));
    }
    auto* type = types->second.mutable_list()->mutable_type()->Mutable(argument);
    if (*type != proto::DT_RESOURCE) return absl::OkStatus();  // the function sees no difference
    *type = value.dtype();
    for (const char* attr : form.functions) {
      auto it = node->mutable_attr()->find(attr);
      if (it == node->mutable_attr()->end()) continue;
      if (it->second.has_func()) {
        WEFT_RETURN_IF_ERROR(ConvertArgument(argument, value, it->second.mutable_func()));
      }
      if (!it->second.has_list()) continue;
      for (auto& f : *it->second.mutable_list()->mutable_func()) {
        WEFT_RETURN_IF_ERROR(ConvertArgument(argument, value, &f));
      }
    }
    if (node->op() == "While" || node->op() == "StatelessWhile") {
      return ConvertLoopResult(argument, value, node);
    }
    return absl::OkStatus();
  }

  // A loop's body returns what it was given, of the same type.
  absl::Status ConvertLoopResult(int argument, const Array& value, proto::NodeDef* loop) {
    auto shapes = loop->mutable_attr()->find("output_shapes");
    if (shapes != loop->mutable_attr()->end() && argument < shapes->second.list().shape_size()) {
      ShapeToProto(PartialShape(value.shape()),
                   shapes->second.mutable_list()->mutable_shape(argument));
    }
    auto body = loop->attr().find("body");
    const int f = body == loop->attr().end() ? -1 : FindFunction(body->second.func().name());
    if (f < 0) return absl::InvalidArgumentError("a loop without a body");
    auto* signature = graph_.mutable_library()->mutable_function(f)->mutable_signature();
    if (argument < signature->output_arg_size()) {
      signature->mutable_output_arg(argument)->set_type(
          static_cast<proto::DataType>(value.dtype()));
    }
    return absl::OkStatus();
  }

  int FindFunction(const std::string& name) const {
    const auto& functions = graph_.library().function();
    for (int f = 0; f < functions.size(); ++f) {
      if (functions[f].signature().name() == name) return f;
    }
    return -1;
  }

  absl::Status ConvertArgument(int argument, const Array& value, proto::NameAttrList* called) {
    auto renamed = new_names_.find(called->name());
    if (renamed != new_names_.end()) called->set_name(renamed->second);
    const int f = FindFunction(called->name());
    if (f < 0 || argument >= graph_.library().function(f).signature().input_arg_size()) {
      return absl::InvalidArgumentError(StrCat("there is no function '", called->name(),
                                               "' with an argument ", argument,
                                               " in the GraphDef's library"));
    }
    auto* function = graph_.mutable_library()->mutable_function(f);
    if (!is_new_.contains(called->name())) called->set_name(Rename(function));
    auto* arg = function->mutable_signature()->mutable_input_arg(argument);
    if (arg->type() != proto::DT_RESOURCE) return absl::OkStatus();  // by another call
    arg->set_type(static_cast<proto::DataType>(value.dtype()));
    arg->clear_handle_data();
    ForgetShape(argument, "_input_shapes", function->mutable_attr());
    auto attrs = function->mutable_arg_attr()->find(static_cast<uint32_t>(argument));
    if (attrs != function->mutable_arg_attr()->end()) {
      ForgetShape(0, "_output_shapes", attrs->second.mutable_attr());
    }
    Follow(f, arg->name());
    return absl::OkStatus();
  }

  template <typename Attrs>
  static void ForgetShape(int i, const char* attr, Attrs* attrs) {
    auto it = attrs->find(attr);
    if (it == attrs->end() || i >= it->second.list().shape_size()) return;
    auto* shape = it->second.mutable_list()->mutable_shape(i);
    shape->Clear();
    shape->set_unknown_rank(true);
  }

  // The function as it was may still be called elsewhere: the changed one gets a name of its own.
  std::string Rename(proto::FunctionDef* function) {
    const std::string old_name = function->signature().name();
    std::string base = old_name;
    const size_t underscore = base.rfind('_');
    if (underscore != std::string::npos && underscore + 1 < base.size() &&
        base.find_first_not_of("0123456789", underscore + 1) == std::string::npos) {
      base.resize(underscore);
    }
    std::string name;
    do {
      name = StrCat(base, "_frozen_", next_number_++);
    } while (FindFunction(name) >= 0);
    originals_.emplace(old_name, *function);
    function->mutable_signature()->set_name(name);
    new_names_.emplace(old_name, name);
    is_new_.insert(name);
    return name;
  }

  // Functions that were renamed, and that somebody still calls by their old names.
  void RestoreOriginals() {
    for (bool added = true; added && !originals_.empty();) {
      added = false;
      std::set<std::string> called;
      const auto look = [&](const proto::NodeDef& node) {
        called.insert(node.op());
        for (const auto& [name, attr] : node.attr()) {
          if (attr.has_func()) called.insert(attr.func().name());
          for (const auto& f : attr.list().func()) called.insert(f.name());
        }
      };
      for (const auto& node : graph_.node()) look(node);
      for (const auto& function : graph_.library().function()) {
        for (const auto& node : function.node_def()) look(node);
      }
      for (auto it = originals_.begin(); it != originals_.end();) {
        if (!called.contains(it->first)) {
          ++it;
          continue;
        }
        *graph_.mutable_library()->add_function() = std::move(it->second);
        it = originals_.erase(it);
        added = true;
      }
    }
  }

  proto::GraphDef graph_;
  std::unordered_map<int, Uses> uses_;  // by body
  std::vector<Use> todo_;
  std::set<std::tuple<int, int, int>> seen_;
  std::set<std::string> axes_;
  std::map<std::string, proto::FunctionDef> originals_;  // by old name
  std::map<std::string, std::string> new_names_;         // by old name
  std::set<std::string> is_new_;
  int next_number_ = 0;
};

// The tensor to fetch for a variable's value.
absl::StatusOr<std::string> ValueTensor(const Graph& graph, const proto::NodeDef& variable) {
  if (variable.op() != "VarHandleOp") return variable.name() + ":0";
  const std::string usual = variable.name() + "/Read/ReadVariableOp";
  if (graph.FindOperation(usual)) return usual + ":0";
  if (const auto handle = graph.FindOperation(variable.name())) {
    for (const Operation& user : handle->output(0).consumers()) {
      if (user.type() == "ReadVariableOp") return user.name() + ":0";
    }
  }
  return absl::NotFoundError(StrCat("The session's graph has no ReadVariableOp of variable '",
                                    variable.name(), "' (op type VarHandleOp)"));
}

}  // namespace

GraphDef ConvertVariablesToConstants(Session& session, const GraphDef& def,
                                     const std::vector<std::string>& output_node_names,
                                     const ConvertOptions& options) {
  proto::GraphDef graph = ValueOrThrow(SubGraph(def.proto(), output_node_names));
  const auto is_in = [](const std::vector<std::string>& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  std::vector<int> variables;
  std::vector<Fetch> fetches;
  for (int i = 0; i < graph.node_size(); ++i) {
    const proto::NodeDef& node = graph.node(i);
    if (!IsVariable(node) || is_in(options.variable_names_blacklist, node.name())) continue;
    const auto& whitelist = options.variable_names_whitelist;
    if (whitelist && !is_in(*whitelist, node.name())) continue;
    variables.push_back(i);
    fetches.emplace_back(ValueOrThrow(ValueTensor(session.graph(), node)));
  }
  std::vector<Array> values;
  if (!fetches.empty()) values = session.Run(fetches);
  Converter converter(std::move(graph));
  for (size_t i = 0; i < variables.size(); ++i) {
    ThrowIfError(converter.Convert(variables[i], values[i]));
    values[i] = Array();
  }
  if (options.log) {
    LogInfo(StrCat("Froze ", variables.size(), " variables."));
    LogInfo(StrCat("Converted ", variables.size(), " variables to const ops."));
  }
  return GraphDef(std::move(converter).Finish());
}

}  // namespace weft::graph_util
