// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <optional>

#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/graph/graph_impl.h"
#include "src/graph/literal.h"
#include "weft/graph/op_builder.h"

namespace weft {
namespace {

bool Allows(const AttrDef& attr, DataType dtype) {
  const std::vector<DataType>& allowed = attr.allowed_types;
  return allowed.empty() || std::find(allowed.begin(), allowed.end(), dtype) != allowed.end();
}

Tensor AddConst(const Array& value, std::string_view name, GraphImpl& graph) {
  NodeSpec spec;
  spec.op = "Const";
  spec.name = std::string(name);
  spec.attrs = {{"value", value}, {"dtype", value.dtype()}};
  return Tensor(ValueOrThrow(graph.AddNodeInScope(std::move(spec))), 0);
}

}  // namespace

Tensor AsTensor(const Input& input, DataType dtype, std::string_view name) {
  if (input.is_tensor()) return input.tensor();
  if (!input.array().valid())
    ThrowError(Code::kInvalidArgument,
               StrCat("an empty Tensor or Array was given for '", name, "'"));
  const Array value = input.weak() && dtype != kInvalidType
                          ? ConvertLiteral(input.array(), dtype, "Const", name)
                          : input.array();
  return AddConst(value, name, Graph::Default().impl());
}

OpBuilder::OpBuilder(std::string type, const NameOptions& name, std::string default_name)
    : type_(std::move(type)),
      name_(!name.name.empty()     ? name.name
            : default_name.empty() ? type_
                                   : std::move(default_name)) {}

OpBuilder& OpBuilder::In(const Input& input) {
  arguments_.push_back({{input}, false});
  return *this;
}
OpBuilder& OpBuilder::InList(const std::vector<Input>& inputs) {
  arguments_.push_back({inputs, true});
  return *this;
}
OpBuilder& OpBuilder::Attr(std::string_view name, AttrValue value) {
  attrs_.insert_or_assign(std::string(name), std::move(value));
  return *this;
}
OpBuilder& OpBuilder::ControlInput(Operation op) {
  control_inputs_.push_back(op);
  return *this;
}
OpBuilder& OpBuilder::PreferDtype(DataType dtype) {
  preferred_ = dtype;
  return *this;
}

Operation OpBuilder::Build() {
  const Graph graph = [&] {
    std::optional<Graph> first;
    for (const Argument& a : arguments_) {
      for (const Input& in : a.values) {
        if (!in.is_tensor()) continue;
        Graph of_input = in.source().graph();
        if (of_input.impl().capture) return of_input;
        if (!first) first = std::move(of_input);
      }
    }
    // The body of a function uses tensors of the graph around it.
    if (Graph current = Graph::Default(); current.impl().capture) return current;
    if (first) return *first;
    for (Operation op : control_inputs_) return op.graph();
    return Graph::Default();
  }();
  const OpDef* def = graph.impl().registry().Find(type_);
  if (!def) ThrowError(Code::kNotFound, StrCat("Op type not registered '", type_, "'"));
  if (arguments_.size() != def->inputs().size()) {
    ThrowError(Code::kInvalidArgument, StrCat(type_, " takes ", def->inputs().size(), " inputs; ",
                                              arguments_.size(), " were given"));
  }

  // The dtype of each type attribute: given, or of the first input that is no literal.
  std::map<std::string, DataType> types;
  for (const auto& [name, value] : attrs_) {
    if (const DataType* t = value.Get<DataType>()) types[name] = *t;
  }
  for (size_t a = 0; a < arguments_.size(); ++a) {
    const ArgDef& arg = def->inputs()[a];
    if (arg.type_attr.empty()) continue;
    for (const Input& in : arguments_[a].values) {
      if (in.is_tensor() || (!in.weak() && in.array().valid()))
        types.try_emplace(arg.type_attr, in.dtype());
    }
  }

  GraphScope use(graph);
  NameScope scope(name_, graph);
  NodeSpec spec;
  spec.op = type_;
  spec.name = scope.name();
  for (size_t a = 0; a < arguments_.size(); ++a) {
    const ArgDef& arg = def->inputs()[a];
    const Argument& given = arguments_[a];
    if (!arg.number_attr.empty())
      attrs_.insert_or_assign(arg.number_attr, static_cast<int64_t>(given.values.size()));
    for (size_t i = 0; i < given.values.size(); ++i) {
      const Input& in = given.values[i];
      if (in.is_tensor()) {
        spec.inputs.push_back(in.tensor());
        continue;
      }
      if (!in.array().valid())
        ThrowError(Code::kInvalidArgument,
                   StrCat("Input '", arg.name, "' of '", type_, "' Op is empty"));
      Array value = in.array();
      if (in.weak()) {
        DataType wanted = arg.type;
        if (!arg.type_attr.empty()) {
          const AttrDef* attr = def->FindAttr(arg.type_attr);
          auto it = types.find(arg.type_attr);
          if (it != types.end())
            wanted = it->second;
          else if (preferred_ != kInvalidType && Allows(*attr, preferred_))
            wanted = preferred_;
          else if (attr->default_value && attr->default_value->Get<DataType>() &&
                   !IsFloating(value.dtype()))
            wanted = *attr->default_value->Get<DataType>();
          else
            wanted = value.dtype();
          types.try_emplace(arg.type_attr, wanted);
        }
        if (wanted != kInvalidType) value = ConvertLiteral(value, wanted, type_, arg.name);
      }
      const std::string const_name = given.is_list ? StrCat(arg.name, "_", i) : arg.name;
      spec.inputs.push_back(AddConst(value, const_name, graph.impl()));
    }
  }
  for (Operation op : control_inputs_) spec.control_inputs.push_back(op.node());
  spec.attrs = attrs_;
  return Operation(ValueOrThrow(graph.impl().AddNodeInScope(std::move(spec))));
}

}  // namespace weft
