// SPDX-License-Identifier: Apache-2.0
#include "tools/generate_raw/raw_function.h"

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

#include "tools/generate_raw/cpp_text.h"
#include "weft/graph/attr_value.h"

namespace weft::raw {
namespace {

bool IsList(const ArgDef& arg) { return !arg.number_attr.empty() || !arg.type_list_attr.empty(); }

// Attributes that the inputs tell.
std::set<std::string> InferredAttrs(const OpDef& op) {
  std::set<std::string> names;
  for (const ArgDef& arg : op.inputs()) {
    for (const std::string& name : {arg.type_attr, arg.type_list_attr, arg.number_attr}) {
      if (!name.empty()) names.insert(name);
    }
  }
  return names;
}

// "N tensors of T", "float32", "a variable of T".
std::string TypeText(const ArgDef& arg) {
  if (!arg.type_list_attr.empty()) return "tensors of " + arg.type_list_attr;
  std::string type = arg.type_attr.empty() ? DTypeName(RemoveRef(arg.type)) : arg.type_attr;
  if (arg.is_ref) type = "a variable (reference) of " + type;
  return arg.number_attr.empty() ? type : arg.number_attr + " tensors of " + type;
}

template <typename List, typename Text>
std::string Joined(const List& list, Text text) {
  std::string out;
  for (const auto& item : list) out += (out.empty() ? "" : ", ") + text(item);
  return out;
}

// The types behind a name of a group, as schemas write it.
std::vector<DataType> TypesOf(const char* group) {
  OpRegistry registry;
  registry.Add("Group").Attr(std::string("T: ") + group);
  return registry.Find("Group")->attrs()[0].allowed_types;
}

// "number", "float32, float64".
std::string AllowedTypesText(std::vector<DataType> types) {
  static const std::vector<std::pair<std::vector<DataType>, std::string>> groups = {
      {TypesOf("numbertype"), "any type of numbers"},
      {TypesOf("realnumbertype"), "any type of real numbers"},
      {TypesOf("quantizedtype"), "any quantized type"}};
  for (const auto& [members, text] : groups) {
    if (types.size() == members.size() &&
        std::is_permutation(types.begin(), types.end(), members.begin()))
      return text;
  }
  return Joined(types, [](DataType t) { return DTypeName(t); });
}

// What the schema demands of the attribute; empty if nothing.
std::string LimitText(const AttrDef& attr) {
  if (!attr.allowed_types.empty()) return AllowedTypesText(attr.allowed_types);
  if (!attr.allowed_strings.empty())
    return Joined(attr.allowed_strings, [](const std::string& s) { return "\"" + s + "\""; });
  if (attr.minimum)
    return (attr.is_list() ? "length at least " : "at least ") + std::to_string(*attr.minimum);
  return "";
}

}  // namespace

RawFunction::RawFunction(const OpDef& op) : op_(op) {
  std::set<std::string> used;
  const auto unique = [&](const std::string& name) {
    std::string result = Identifier(name);
    while (!used.insert(result).second) result += '_';
    return result;
  };
  for (const ArgDef& arg : op.inputs()) inputs_.push_back({unique(arg.name), &arg, nullptr});
  const std::set<std::string> inferred = InferredAttrs(op);
  for (const AttrDef& attr : op.attrs()) {
    if (inferred.contains(attr.name)) continue;
    if (TypeOf(attr).empty()) {
      error_ = op.name() + ": attribute '" + attr.name + "' is of an unknown type, " + attr.type;
      return;
    }
    if (attr.default_value)
      options_.push_back({Identifier(attr.name), nullptr, &attr});
    else
      required_.push_back({unique(attr.name), nullptr, &attr});
  }
  for (const ArgDef& arg : op.outputs()) outputs_.push_back({Identifier(arg.name), &arg, nullptr});
}

std::string RawFunction::OptionsType() const {
  return HasOptions() ? op_.name() + "Options" : "NameOptions";
}

std::string RawFunction::ReturnType() const {
  if (outputs_.empty()) return "Operation";
  if (outputs_.size() > 1) return op_.name() + "Outputs";
  return IsList(*outputs_[0].arg) ? "std::vector<Tensor>" : "Tensor";
}

std::string RawFunction::Signature(bool with_default) const {
  std::string parameters;
  for (const Value& in : inputs_)
    parameters +=
        (IsList(*in.arg) ? "const std::vector<Input>& " : "const Input& ") + in.name + ", ";
  for (const Value& v : required_) parameters += ParameterTypeOf(*v.attr) + " " + v.name + ", ";
  parameters += "const " + OptionsType() + "& options" + (with_default ? " = {}" : "");
  return ReturnType() + " " + op_.name() + "(" + parameters + ")";
}

std::string RawFunction::Documentation() const {
  std::string out = Comment(op_.summary().empty() ? "The op " + op_.name() + "." : op_.summary());
  const auto add = [&](const std::string& name, const std::string& text) {
    if (!text.empty()) out += Comment(name + ": " + text, "  ", "      ");
  };
  for (const Value& in : inputs_) add(in.name, TypeText(*in.arg));
  for (const Value& v : outputs_) add("-> " + v.name, TypeText(*v.arg));
  for (const AttrDef& attr : op_.attrs()) add(Identifier(attr.name), LimitText(attr));
  if (!op_.no_gradient().empty()) add("No gradient", op_.no_gradient());
  if (op_.deprecated_at() > 0) add("Deprecated", op_.deprecation());
  return out;
}

std::string RawFunction::Structs() const {
  std::string out;
  if (HasOptions()) {
    out += "struct " + OptionsType() + " {\n";
    for (const Value& v : options_) {
      out +=
          "  " + TypeOf(*v.attr) + " " + v.name + " = " + Literal(*v.attr->default_value) + ";\n";
    }
    out += "  std::string name = {};\n};\n";
  }
  if (outputs_.size() > 1) {
    out += "struct " + ReturnType() + " {\n";
    for (const Value& v : outputs_)
      out += std::string(IsList(*v.arg) ? "  std::vector<Tensor> " : "  Tensor ") + v.name + ";\n";
    out += "};\n";
  }
  return out;
}

std::string RawFunction::Declaration() const {
  return Structs() + Documentation() + Wrapped(Signature(true) + ";") + "\n";
}

std::string RawFunction::ReturnStatements() const {
  if (outputs_.empty()) return "  return node.Build();\n";
  // The members of a braced list are evaluated in their order.
  std::string values;
  for (const Value& v : outputs_) {
    if (!values.empty()) values += ", ";
    values += IsList(*v.arg) ? "node.NextList()" : "node.Next()";
  }
  if (outputs_.size() > 1) values = "{" + values + "}";
  return "  node.Build();\n  return " + values + ";\n";
}

std::string RawFunction::Definition() const {
  std::string body = "  RawNode node(\"" + op_.name() + "\", options.name);\n";
  for (const Value& in : inputs_) body += "  node.In(" + in.name + ");\n";
  for (const Value& v : required_)
    body += "  node.Attr(\"" + v.attr->name + "\", " + v.name + ");\n";
  for (const Value& v : options_)
    body += "  node.Attr(\"" + v.attr->name + "\", options." + v.name + ");\n";
  return Wrapped(Signature(false) + " {") + "\n" + body + ReturnStatements() + "}\n";
}

}  // namespace weft::raw
