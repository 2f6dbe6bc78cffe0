// SPDX-License-Identifier: Apache-2.0
#include "weft/graph/function.h"

#include <algorithm>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "proto/weft/function.pb.h"
#include "proto/weft/graph.pb.h"
#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/graph/graph_impl.h"
#include "src/graph/graph_io.h"
#include "src/graph/literal.h"
#include "src/graph/proto_convert.h"
#include "weft/core/error.h"
#include "weft/graph/graph_def.h"
#include "weft/graph/op_builder.h"

namespace weft {
namespace {

// The graph of a function while its body is built.
class Definition {
 public:
  Definition(std::string_view name, GraphImpl& outer)
      : name_(name), outer_(outer), graph_(&outer.registry()) {
    if (!IsValidOpName(name_))
      Fail("is no name: letters, digits and . _ - / \\ only, and a letter, digit or . first");
    GraphImpl& inner = graph_.impl();
    inner.library = outer.library;
    inner.seed = outer.seed;
    inner.producer = outer.producer;
    inner.function_of = &outer;
    inner.capture = [this](const Tensor& t) { return Capture(t); };
  }
  ~Definition() {
    graph_.impl().function_of = nullptr;
    graph_.impl().capture = nullptr;
  }

  std::vector<Tensor> AddArguments(const std::vector<DataType>& types,
                                   const FunctionOptions& options) {
    CheckCount("argument names", options.arg_names.size(), types.size());
    CheckCount("argument shapes", options.arg_shapes.size(), types.size());
    for (size_t i = 0; i < types.size(); ++i) {
      AddArgument(options.arg_names.empty() ? StrCat("arg", i) : options.arg_names[i], types[i],
                  options.arg_shapes.empty() ? PartialShape::Unknown() : options.arg_shapes[i]);
    }
    return args_;
  }

  std::vector<Tensor> Build(const Function::Body& body, const std::vector<Tensor>& args) {
    const GraphScope use(graph_);
    std::vector<Tensor> results;
    for (const Tensor& t : body(args)) {
      if (!t.valid()) Fail(StrCat("result ", results.size(), " is empty"));
      results.push_back(t.node()->graph == &graph_.impl() ? t : ValueOrThrow(Capture(t)));
    }
    return results;
  }

  // Throws if a node is one that a function can't hold.
  bool IsStateful() const {
    bool stateful = false;
    for (const auto& node : graph_.impl().nodes()) {
      const std::string& type = node->type();
      if (type == "VariableV2" || type == "Variable" || type == "VarHandleOp" ||
          type == "TemporaryVariable")
        Fail(StrCat("makes the variable '", node->name, "': variables are made outside"));
      stateful |= node->def->is_stateful() && type != "Placeholder";
    }
    return stateful;
  }

  // Adds the function to the library of the outer graph.
  void Export(const std::vector<Tensor>& results, const FunctionOptions& options, bool stateful) {
    CheckCount("output names", options.output_names.size(), results.size());
    proto::FunctionDef f;
    proto::OpDef& signature = *f.mutable_signature();
    signature.set_name(name_);
    signature.set_is_stateful(stateful);
    std::set<std::string> arg_names;
    for (const Tensor& arg : args_) {
      proto::OpDef::ArgDef& def = *signature.add_input_arg();
      def.set_name(arg.node()->name);
      def.set_type(static_cast<proto::DataType>(arg.dtype()));
      arg_names.insert(arg.node()->name);
    }
    for (size_t i = 0; i < results.size(); ++i) {
      proto::OpDef::ArgDef& def = *signature.add_output_arg();
      def.set_name(options.output_names.empty() ? StrCat("output", i) : options.output_names[i]);
      def.set_type(static_cast<proto::DataType>(RemoveRef(results[i].dtype())));
      if (!f.mutable_ret()->emplace(def.name(), Source(results[i])).second)
        Fail(StrCat("two results are named '", def.name(), "'"));
    }
    const GraphDef exported = graph_.AsGraphDef();
    for (const proto::NodeDef& node : exported.proto().node()) {
      if (arg_names.contains(node.name())) continue;
      proto::NodeDef& copy = *f.add_node_def();
      copy = node;
      copy.clear_input();
      for (const Tensor& t : graph_.impl().FindNode(node.name())->inputs) copy.add_input(Source(t));
      for (const std::string& input : node.input()) {
        if (input.starts_with('^') && !arg_names.contains(input.substr(1))) copy.add_input(input);
      }
      if (!graph_.impl().FindNode(node.name())->def->is_stateful()) continue;
      (*f.mutable_control_ret())[node.name()] = node.name();
      signature.add_control_output(node.name());
    }
    proto::FunctionDefLibrary added;
    // Functions that the body defined itself come first.
    if (graph_.impl().library) added = *graph_.impl().library;
    *added.add_function() = std::move(f);
    std::lock_guard lock(outer_.mu());
    outer_.library = ValueOrThrow(MergeLibraries(outer_.library.get(), added, outer_.registry()));
  }

  // Outer tensors, in the order of the arguments that stand for them.
  const std::vector<Tensor>& captures() const { return captures_; }

 private:
  [[noreturn]] void Fail(const std::string& why) const {
    ThrowError(Code::kInvalidArgument, StrCat("Function '", name_, "': ", why));
  }
  void CheckCount(const char* what, size_t given, size_t wanted) const {
    if (given != 0 && given != wanted) Fail(StrCat(given, " ", what, " are given for ", wanted));
  }

  Tensor AddArgument(const std::string& name, DataType type, const PartialShape& shape) {
    NodeSpec spec;
    spec.op = "Placeholder";
    spec.name = graph_.impl().UniqueName(name, /*mark_as_used=*/true);
    spec.attrs = {{"dtype", type}, {"shape", shape}};
    return args_.emplace_back(ValueOrThrow(graph_.impl().AddNode(std::move(spec))), 0);
  }

  absl::StatusOr<Tensor> Capture(const Tensor& t) {
    if (t.node()->graph != &outer_) {
      return absl::InvalidArgumentError(
          StrCat("Function '", name_, "': '", t.name(),
                 "' is neither of the function's graph nor of that in which it is defined"));
    }
    const auto [it, added] = captured_.try_emplace(t);
    if (added) {
      captures_.push_back(t);
      it->second = AddArgument("captured", RemoveRef(t.dtype()), t.shape());
    }
    return it->second;
  }

  // A tensor as function definitions name it: an argument, or node:output:number.
  std::string Source(const Tensor& t) const {
    const Node& node = *t.node();
    if (std::find(args_.begin(), args_.end(), t) != args_.end()) return node.name;
    int64_t index = t.index();
    for (const ArgDef& out : node.def->outputs()) {
      int64_t width = 1;
      if (const auto* n = node.FindAttrOf<int64_t>(out.number_attr)) width = *n;
      if (const auto* list = node.FindAttrOf<std::vector<DataType>>(out.type_list_attr))
        width = static_cast<int64_t>(list->size());
      if (index < width) return StrCat(node.name, ":", out.name, ":", index);
      index -= width;
    }
    Fail(StrCat("there is no tensor '", t.name(), "'"));
  }

  const std::string name_;
  GraphImpl& outer_;
  const Graph graph_;
  std::vector<Tensor> args_, captures_;
  std::unordered_map<Tensor, Tensor> captured_;
};

}  // namespace

Function::Function(std::string_view name, const std::vector<DataType>& arg_types, const Body& body,
                   const FunctionOptions& options) {
  Definition definition(name, Graph::Default().impl());
  const std::vector<Tensor> results =
      definition.Build(body, definition.AddArguments(arg_types, options));
  auto data = std::make_shared<Data>();
  data->name = std::string(name);
  data->arg_types = arg_types;
  for (const Tensor& t : results) data->output_types.push_back(RemoveRef(t.dtype()));
  data->is_stateful = definition.IsStateful();
  definition.Export(results, options, data->is_stateful);
  data->captures = definition.captures();
  data_ = std::move(data);
}

std::vector<Tensor> Function::operator()(const std::vector<Input>& args,
                                         std::string_view name) const {
  if (args.size() != data_->arg_types.size()) {
    ThrowError(Code::kInvalidArgument,
               StrCat("Function '", data_->name, "' takes ", data_->arg_types.size(),
                      " arguments; ", args.size(), " were given"));
  }
  std::vector<Input> inputs;
  std::vector<DataType> types = data_->arg_types;
  for (size_t i = 0; i < args.size(); ++i) {
    if (!args[i].is_tensor() && args[i].weak())
      inputs.emplace_back(ConvertLiteral(args[i].array(), types[i], data_->name, "args"));
    else
      inputs.push_back(args[i]);
  }
  for (const Tensor& t : data_->captures) {
    inputs.emplace_back(t);
    types.push_back(RemoveRef(t.dtype()));
  }
  const Operation call =
      OpBuilder(data_->is_stateful ? "StatefulPartitionedCall" : "PartitionedCall",
                name.empty() ? data_->name : std::string(name))
          .InList(inputs)
          .Attr("Tin", types)
          .Attr("Tout", data_->output_types)
          .Attr("f", ref())
          .Build();
  return call.outputs();
}

}  // namespace weft
