// SPDX-License-Identifier: Apache-2.0
#include "src/graph/function_body.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <unordered_map>

#include "proto/weft/function.pb.h"
#include "proto/weft/graph.pb.h"
#include "src/core/strings.h"
#include "src/graph/proto_convert.h"
#include "weft/core/error.h"

namespace weft {
namespace {

constexpr char kBodiesAttachment[] = "function_bodies";
// Of a call whose node had the function's name for its op.
constexpr char kCalledByName[] = "_called_by_name";
// Functions that call themselves would be instantiated without end.
constexpr int kMaxBodyDepth = 100;

struct Bodies {
  std::map<std::string, std::shared_ptr<const FunctionBody>> by_key;
  int depth = 0;  // of the graph: how many functions it is the body within
};

Bodies& BodiesOf(GraphImpl& graph) {
  std::shared_ptr<void>& held = graph.attachments[kBodiesAttachment];
  if (!held) held = std::make_shared<Bodies>();
  return *static_cast<Bodies*>(held.get());
}

const proto::FunctionDef* FindFunction(const proto::FunctionDefLibrary* library,
                                       std::string_view name) {
  if (!library) return nullptr;
  for (const proto::FunctionDef& f : library->function()) {
    if (f.signature().name() == name) return &f;
  }
  return nullptr;
}

using Attrs = std::map<std::string, proto::AttrValue>;

// Puts values in the place of "$T".
absl::Status Substitute(const Attrs& values, proto::AttrValue* attr) {
  if (attr->value_case() == proto::AttrValue::kPlaceholder) {
    const auto found = values.find(attr->placeholder());
    if (found == values.end())
      return absl::InvalidArgumentError(
          StrCat("the attribute $", attr->placeholder(), " has no value"));
    const proto::AttrValue value = found->second;
    *attr = value;
    return absl::OkStatus();
  }
  if (attr->has_func()) {
    for (auto& [name, inner] : *attr->mutable_func()->mutable_attr())
      WEFT_RETURN_IF_ERROR(Substitute(values, &inner));
  }
  if (attr->has_list()) {
    for (proto::NameAttrList& f : *attr->mutable_list()->mutable_func()) {
      for (auto& [name, inner] : *f.mutable_attr())
        WEFT_RETURN_IF_ERROR(Substitute(values, &inner));
    }
  }
  return absl::OkStatus();
}

// The dtypes of one argument of a signature.
absl::StatusOr<std::vector<int>> TypesOf(const proto::OpDef::ArgDef& arg, const Attrs& attrs) {
  const auto find = [&](const std::string& name) -> const proto::AttrValue* {
    const auto found = attrs.find(name);
    return found == attrs.end() ? nullptr : &found->second;
  };
  const auto missing = [&](const std::string& attr) {
    return absl::InvalidArgumentError(
        StrCat("argument '", arg.name(), "': attribute '", attr, "' has no value"));
  };
  if (!arg.type_list_attr().empty()) {
    const proto::AttrValue* list = find(arg.type_list_attr());
    if (!list) return missing(arg.type_list_attr());
    return std::vector<int>(list->list().type().begin(), list->list().type().end());
  }
  int type = arg.type();
  if (!arg.type_attr().empty()) {
    const proto::AttrValue* t = find(arg.type_attr());
    if (!t) return missing(arg.type_attr());
    type = t->type();
  }
  int64_t n = 1;
  if (!arg.number_attr().empty()) {
    const proto::AttrValue* count = find(arg.number_attr());
    if (!count) return missing(arg.number_attr());
    n = count->i();
  }
  constexpr int64_t kMaxArguments = 1 << 16;
  if (n < 0 || n > kMaxArguments)
    return absl::InvalidArgumentError(
        StrCat("argument '", arg.name(), "' stands for ", n, " tensors"));
  return std::vector<int>(static_cast<size_t>(n), type);
}

// Makes a GraphDef of a FunctionDef: arguments become Placeholders, inputs "node:out:1" become
// "node:1".
class Instantiation {
 public:
  Instantiation(const proto::FunctionDef& function, GraphImpl& graph)
      : f_(function), graph_(graph) {}

  absl::StatusOr<std::shared_ptr<const FunctionBody>> Run(const FuncRef& ref,
                                                          const std::vector<PartialShape>& shapes) {
    TakeAttrs(ref);
    WEFT_RETURN_IF_ERROR(AddArguments(shapes));
    for (const proto::NodeDef& node : f_.node_def()) {
      proto::NodeDef* copy = def_.add_node();
      *copy = node;
      for (auto& [name, value] : *copy->mutable_attr()) {
        const absl::Status s = Substitute(attrs_, &value);
        if (!s.ok()) return InFunction(s, node.name());
      }
    }
    CallsToOps(*graph_.library, &def_);
    for (int i = num_args_; i < def_.node_size(); ++i) nodes_[def_.node(i).name()] = &def_.node(i);
    for (int i = num_args_; i < def_.node_size(); ++i) {
      proto::NodeDef* node = def_.mutable_node(i);
      for (std::string& input : *node->mutable_input()) {
        if (input.starts_with('^')) {
          if (const auto arg = arg_names_.find(input.substr(1)); arg != arg_names_.end())
            input = StrCat("^", arg->second.empty() ? input.substr(1) : arg->second[0]);
          continue;
        }
        WEFT_ASSIGN_OR_RETURN(input, Source(input));
      }
    }
    return Import();
  }

 private:
  absl::Status InFunction(const absl::Status& s, const std::string& node) const {
    return absl::Status(s.code(), StrCat("function '", f_.signature().name(), "', node '", node,
                                         "': ", s.message()));
  }

  void TakeAttrs(const FuncRef& ref) {
    for (const proto::OpDef::AttrDef& a : f_.signature().attr()) {
      if (a.has_default_value()) attrs_[a.name()] = a.default_value();
    }
    if (!ref.attrs) return;
    for (const auto& [name, value] : *ref.attrs) AttrToProto(value, &attrs_[name]);
  }

  absl::Status AddArguments(const std::vector<PartialShape>& shapes) {
    for (const proto::OpDef::ArgDef& arg : f_.signature().input_arg()) {
      WEFT_ASSIGN_OR_RETURN(const std::vector<int> types, TypesOf(arg, attrs_));
      const bool single = arg.number_attr().empty() && arg.type_list_attr().empty();
      std::vector<std::string>& names = arg_names_[arg.name()];
      for (size_t k = 0; k < types.size(); ++k) {
        proto::NodeDef* node = def_.add_node();
        node->set_name(single ? arg.name() : StrCat(arg.name(), "/_arg_", k));
        node->set_op("Placeholder");
        (*node->mutable_attr())["dtype"].set_type(static_cast<proto::DataType>(types[k]));
        const size_t index = static_cast<size_t>(num_args_);
        ShapeToProto(index < shapes.size() ? shapes[index] : PartialShape::Unknown(),
                     (*node->mutable_attr())["shape"].mutable_shape());
        names.push_back(node->name());
        ++num_args_;
      }
    }
    return absl::OkStatus();
  }

  static bool Number(std::string_view text, int* n) {
    const auto end = text.data() + text.size();
    const auto result = std::from_chars(text.data(), end, *n);
    return result.ec == std::errc() && result.ptr == end && *n >= 0;
  }

  // "arg", "arg:1", "node:out:1" as a GraphDef has it.
  absl::StatusOr<std::string> Source(const std::string& text) const {
    const size_t colon = text.find(':');
    const std::string name = text.substr(0, colon);
    const auto bad = [&] {
      return absl::InvalidArgumentError(
          StrCat("function '", f_.signature().name(), "': there is no tensor '", text, "'"));
    };
    if (const auto arg = arg_names_.find(name); arg != arg_names_.end()) {
      int k = 0;
      if (colon != text.npos && !Number(std::string_view(text).substr(colon + 1), &k)) return bad();
      if (static_cast<size_t>(k) >= arg->second.size()) return bad();
      return arg->second[static_cast<size_t>(k)];
    }
    const auto node = nodes_.find(name);
    if (node == nodes_.end()) return bad();
    if (colon == text.npos) return name;
    const size_t second = text.find(':', colon + 1);
    int k = 0;
    if (second == text.npos) {
      if (!Number(std::string_view(text).substr(colon + 1), &k)) return bad();
      return StrCat(name, ":", k);
    }
    if (!Number(std::string_view(text).substr(second + 1), &k)) return bad();
    const std::string out = text.substr(colon + 1, second - colon - 1);
    const OpDef* op = graph_.registry().Find(node->second->op());
    if (!op) {
      return absl::NotFoundError(StrCat("Op type not registered '", node->second->op(), "' (node '",
                                        name, "' of function '", f_.signature().name(), "')"));
    }
    int64_t offset = 0;
    for (const ArgDef& arg : op->outputs()) {
      if (arg.name == out) return StrCat(name, ":", offset + k);
      offset += Width(arg, *node->second, *op);
    }
    // A call of a function by its name, whose outputs have the function's names.
    if (op->outputs().size() == 1 && op->name().ends_with("PartitionedCall"))
      return StrCat(name, ":", CallOutput(*node->second, out) + k);
    return bad();
  }

  // The number of an output of a call by its name in the function that is called.
  int64_t CallOutput(const proto::NodeDef& call, const std::string& out) const {
    const proto::FunctionDef* f =
        FindFunction(graph_.library.get(), call.attr().at("f").func().name());
    int64_t offset = 0;
    for (int i = 0; f && i < f->signature().output_arg_size(); ++i) {
      if (f->signature().output_arg(i).name() == out) break;
      ++offset;
    }
    return offset;
  }

  static int64_t Width(const ArgDef& arg, const proto::NodeDef& node, const OpDef& op) {
    const auto attr = [&](const std::string& name) -> std::optional<proto::AttrValue> {
      if (const auto found = node.attr().find(name); found != node.attr().end())
        return found->second;
      const AttrDef* def = op.FindAttr(name);
      if (!def || !def->default_value) return std::nullopt;
      proto::AttrValue value;
      AttrToProto(*def->default_value, &value);
      return value;
    };
    if (!arg.number_attr.empty()) {
      const auto n = attr(arg.number_attr);
      return n ? n->i() : 0;
    }
    if (!arg.type_list_attr.empty()) {
      const auto list = attr(arg.type_list_attr);
      return list ? list->list().type_size() : 0;
    }
    return 1;
  }

  absl::StatusOr<std::shared_ptr<const FunctionBody>> Import() {
    auto body = std::make_shared<FunctionBody>();
    body->name = f_.signature().name();
    Graph graph(&graph_.registry());
    body->graph = graph.shared_impl();
    body->graph->library = graph_.library;
    BodiesOf(*body->graph).depth = BodiesOf(graph_).depth + 1;
    if (BodiesOf(*body->graph).depth > kMaxBodyDepth) {
      return absl::InvalidArgumentError(
          StrCat("function '", body->name,
                 "' is called from itself, directly or by others, more "
                 "than ",
                 kMaxBodyDepth, " times over"));
    }
    def_.mutable_versions()->set_producer(graph_.producer);
    try {
      ImportOptions options;
      options.prefix = "";
      options.validate_colocation = false;
      ImportGraphDef(GraphDef(def_), options, graph);
    } catch (const Error& e) {
      return absl::Status(absl::StatusCode(static_cast<int>(e.code())),
                          StrCat("function '", body->name, "': ", e.what()));
    }
    const auto tensor = [&](const std::string& name) -> absl::StatusOr<Tensor> {
      std::string op;
      int index = 0;
      Node* const node = ParseTensorName(name, &op, &index) ? body->graph->FindNode(op) : nullptr;
      if (node && index < node->num_outputs()) return Tensor(node, index);
      return absl::InvalidArgumentError(
          StrCat("function '", body->name, "': there is no tensor '", name, "'"));
    };
    for (int i = 0; i < num_args_; ++i) {
      WEFT_ASSIGN_OR_RETURN(const Tensor arg, tensor(def_.node(i).name()));
      body->args.push_back(arg);
    }
    for (const proto::OpDef::ArgDef& out : f_.signature().output_arg()) {
      WEFT_ASSIGN_OR_RETURN(const std::vector<int> types, TypesOf(out, attrs_));
      const auto source = f_.ret().find(out.name());
      if (source == f_.ret().end())
        return absl::InvalidArgumentError(
            StrCat("function '", body->name, "': output '", out.name(), "' is not returned"));
      WEFT_ASSIGN_OR_RETURN(const std::string first, Source(source->second));
      WEFT_ASSIGN_OR_RETURN(const Tensor t, tensor(first));
      for (size_t k = 0; k < types.size(); ++k) {
        const Tensor result(t.node(), t.index() + static_cast<int>(k));
        if (result.index() >= t.node()->num_outputs())
          return absl::InvalidArgumentError(StrCat("function '", body->name, "': output '",
                                                   out.name(), "' has ", types.size(),
                                                   " tensors; '", first, "' has fewer"));
        body->results.push_back(result);
      }
    }
    for (const auto& node : body->graph->nodes()) {
      const bool named = std::any_of(f_.control_ret().begin(), f_.control_ret().end(),
                                     [&](const auto& r) { return r.second == node->name; });
      if (named || node->def->is_stateful()) body->targets.push_back(node.get());
    }
    return std::shared_ptr<const FunctionBody>(std::move(body));
  }

  const proto::FunctionDef& f_;
  GraphImpl& graph_;
  Attrs attrs_;
  proto::GraphDef def_;
  int num_args_ = 0;
  std::unordered_map<std::string, std::vector<std::string>> arg_names_;
  std::unordered_map<std::string, const proto::NodeDef*> nodes_;
};

std::string KeyOf(const FuncRef& function, const std::vector<PartialShape>& shapes) {
  std::string key = function.name;
  if (function.attrs) {
    for (const auto& [name, value] : *function.attrs)
      StrAppend(&key, "\n", name, "=", value.Hash(), ":", value.ToString());
  }
  for (const PartialShape& s : shapes) StrAppend(&key, "\n", s.ToString());
  return key;
}

}  // namespace

bool IsFunction(const GraphImpl& graph, std::string_view name) {
  return FindFunction(graph.library.get(), name) != nullptr;
}

absl::StatusOr<std::shared_ptr<const FunctionBody>> InstantiateFunction(
    GraphImpl& graph, const FuncRef& function, const std::vector<PartialShape>& arg_shapes) {
  std::lock_guard lock(graph.mu());
  const std::string key = KeyOf(function, arg_shapes);
  Bodies& bodies = BodiesOf(graph);
  if (const auto found = bodies.by_key.find(key); found != bodies.by_key.end())
    return found->second;
  const proto::FunctionDef* def = FindFunction(graph.library.get(), function.name);
  if (!def) {
    return absl::NotFoundError(StrCat("Function ", function.name,
                                      " is not defined: the graph's library has no function of "
                                      "this name"));
  }
  WEFT_ASSIGN_OR_RETURN(std::shared_ptr<const FunctionBody> body,
                        Instantiation(*def, graph).Run(function, arg_shapes));
  bodies.by_key[key] = body;
  return body;
}

absl::StatusOr<std::vector<Tensor>> InlineFunction(const FunctionBody& body, GraphImpl& graph,
                                                   const std::vector<Tensor>& args,
                                                   std::vector<Node*>* targets) {
  if (args.size() != body.args.size()) {
    return absl::InvalidArgumentError(StrCat("function '", body.name, "' takes ", body.args.size(),
                                             " arguments; ", args.size(), " are given"));
  }
  if (!graph.library) graph.library = body.graph->library;
  std::unordered_map<const Node*, const Node*> copies;
  std::unordered_map<Tensor, Tensor> mapped;
  for (size_t i = 0; i < args.size(); ++i) mapped[body.args[i]] = args[i];
  for (const auto& node : body.graph->nodes()) {
    const bool is_arg = std::any_of(body.args.begin(), body.args.end(),
                                    [&](const Tensor& a) { return a.node() == node.get(); });
    if (is_arg) continue;
    NodeSpec spec;
    spec.op = node->type();
    spec.name = node->name;
    spec.attrs = *node->attrs;
    spec.attrs.erase("_class");
    for (const Tensor& in : node->inputs) {
      const auto source = in.valid() ? mapped.find(in) : mapped.end();
      if (source == mapped.end()) {
        return absl::UnimplementedError(StrCat("function '", body.name,
                                               "' can't be inlined: node '", node->name,
                                               "' is part of a loop of nodes"));
      }
      spec.inputs.push_back(source->second);
    }
    for (const Node* c : node->control_inputs) {
      if (const auto copy = copies.find(c); copy != copies.end())
        spec.control_inputs.push_back(const_cast<Node*>(copy->second));
    }
    WEFT_ASSIGN_OR_RETURN(Node * copy, graph.AddNodeInScope(std::move(spec)));
    copies[node.get()] = copy;
    for (int o = 0; o < node->num_outputs(); ++o) mapped[Tensor(node.get(), o)] = Tensor(copy, o);
  }
  std::vector<Tensor> results;
  for (const Tensor& t : body.results) results.push_back(mapped.at(t));
  for (const Node* t : body.targets) {
    if (const auto copy = copies.find(t); targets && copy != copies.end())
      targets->push_back(const_cast<Node*>(copy->second));
  }
  return results;
}

void CallsToOps(const proto::FunctionDefLibrary& library, proto::GraphDef* def) {
  std::unordered_map<std::string_view, const proto::FunctionDef*> functions;
  for (const proto::FunctionDef& f : library.function()) functions[f.signature().name()] = &f;
  for (proto::NodeDef& node : *def->mutable_node()) {
    const auto found = functions.find(node.op());
    if (found == functions.end()) continue;
    const proto::OpDef& signature = found->second->signature();
    Attrs attrs(node.attr().begin(), node.attr().end());
    proto::AttrValue in, out, f;
    in.mutable_list();
    out.mutable_list();
    bool known = true;
    const auto add = [&](const auto& args, proto::AttrValue* list) {
      for (const proto::OpDef::ArgDef& arg : args) {
        const auto types = TypesOf(arg, attrs);
        known &= types.ok();
        if (!types.ok()) continue;
        for (const int t : *types) list->mutable_list()->add_type(static_cast<proto::DataType>(t));
      }
    };
    add(signature.input_arg(), &in);
    add(signature.output_arg(), &out);
    if (!known) continue;  // the import then names the op
    f.mutable_func()->set_name(node.op());
    for (const proto::OpDef::AttrDef& a : signature.attr()) {
      const auto value = node.attr().find(a.name());
      if (value != node.attr().end()) (*f.mutable_func()->mutable_attr())[a.name()] = value->second;
    }
    node.set_op(signature.is_stateful() ? "StatefulPartitionedCall" : "PartitionedCall");
    for (const proto::OpDef::AttrDef& a : signature.attr()) node.mutable_attr()->erase(a.name());
    (*node.mutable_attr())["Tin"] = in;
    (*node.mutable_attr())["Tout"] = out;
    (*node.mutable_attr())["f"] = f;
    (*node.mutable_attr())[kCalledByName].set_b(true);
  }
}

void OpToCall(proto::NodeDef* node) {
  auto& attrs = *node->mutable_attr();
  if (!attrs.contains(kCalledByName) || !attrs.contains("f")) return;
  const proto::NameAttrList f = attrs["f"].func();
  for (const char* own :
       {"Tin", "Tout", "f", "config", "config_proto", "executor_type", kCalledByName})
    attrs.erase(own);
  node->set_op(f.name());
  for (const auto& [name, value] : f.attr()) attrs[name] = value;
}

}  // namespace weft
