// SPDX-License-Identifier: Apache-2.0
// weft op: what the library knows of an op, and where in its source that stands.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string_view>

#include "src/core/strings.h"
#include "tools/weft/command.h"
#include "tools/weft/json.h"
#include "weft/core/error.h"
#include "weft/graph/op_def.h"
#include "weft/runtime/kernel.h"

namespace weft::tool {
namespace {

struct Options {
  std::string name;
  bool json = false;
};

std::string TypeText(const ArgDef& arg) {
  if (!arg.type_list_attr.empty()) return StrCat("list(", arg.type_list_attr, ")");
  std::string type = arg.type_attr.empty() ? DTypeName(RemoveRef(arg.type)) : arg.type_attr;
  if (arg.is_ref) type = StrCat("Ref(", type, ")");
  return arg.number_attr.empty() ? type : StrCat(arg.number_attr, " * ", type);
}

std::string AttrText(const AttrDef& attr) {
  std::string text = attr.type;
  if (!attr.allowed_types.empty()) {
    StrAppend(&text, " of {",
              StrJoin(attr.allowed_types, ", ",
                      [](std::string* s, DataType t) { s->append(DTypeName(t)); }),
              "}");
  }
  if (!attr.allowed_strings.empty()) {
    StrAppend(&text, " of {", StrJoin(attr.allowed_strings, ", "), "}");
  }
  if (attr.minimum) StrAppend(&text, " >= ", *attr.minimum);
  if (attr.default_value) StrAppend(&text, " = ", attr.default_value->ToString());
  return text;
}

std::string PlaceText(const std::source_location& where) {
  return StrCat(where.file_name(), ":", where.line());
}

std::string KernelText(const KernelEntry& kernel) {
  std::string text = StrJoin(kernel.constraints, ", ", [](std::string* s, const auto& c) {
    StrAppend(s, c.first, "=", DTypeName(c.second));
  });
  return text.empty() ? "any dtype" : text;
}

std::string GradientText(const OpDef& op) {
  if (op.gradient()) return "beside the schema";
  return op.no_gradient().empty() ? "nobody defined one" : StrCat("none: ", op.no_gradient());
}

// "src/ops/activation.cc" -> "tests/ops/activation_test.cc".
std::string TestOf(const std::source_location& where) {
  std::string file = where.file_name();
  if (!file.starts_with("src/") || !file.ends_with(".cc")) return {};
  return StrCat("tests/", file.substr(4, file.size() - 7), "_test.cc");
}

[[noreturn]] void Unknown(const std::string& name) {
  std::string near;
  for (const OpDef* op : OpRegistry::Global().List()) {
    if (AsciiLower(op->name()).find(AsciiLower(name)) == std::string::npos) continue;
    StrAppend(&near, near.empty() ? "; did you mean " : ", ", op->name());
  }
  ThrowError(Code::kNotFound, StrCat("there is no op '", name, "'", near));
}

void PrintArgs(const char* what, const std::vector<ArgDef>& args) {
  for (const ArgDef& arg : args) {
    std::cout << "  " << what << "  " << arg.name << ": " << TypeText(arg) << "\n";
  }
}

void Print(const OpDef& op) {
  std::cout << op.name() << (op.is_stateful() ? " (stateful)" : "") << "\n";
  if (!op.summary().empty()) std::cout << "  " << op.summary() << "\n";
  PrintArgs("input ", op.inputs());
  PrintArgs("output", op.outputs());
  for (const AttrDef& attr : op.attrs()) {
    std::cout << "  attr    " << attr.name << ": " << AttrText(attr) << "\n";
  }
  std::cout << "  schema    " << PlaceText(op.where()) << "\n  gradient  " << GradientText(op)
            << "\n";
  for (const KernelEntry* kernel : KernelRegistry::Global().List(op.name())) {
    std::cout << "  kernel    " << kernel->device << "  " << KernelText(*kernel) << "  "
              << PlaceText(kernel->where) << "\n";
  }
  const std::string test = TestOf(op.where());
  if (!test.empty()) std::cout << "  test      " << test << "\n";
}

void WriteArgs(const char* key, const std::vector<ArgDef>& args, JsonWriter* json) {
  json->Key(key).BeginArray();
  for (const ArgDef& arg : args) {
    json->BeginObject().Key("name").Value(arg.name).Key("type").Value(TypeText(arg)).End();
  }
  json->End();
}

void WriteJson(const OpDef& op) {
  JsonWriter json(std::cout);
  json.BeginObject().Key("name").Value(op.name()).Key("summary").Value(op.summary());
  json.Key("stateful").Value(op.is_stateful());
  WriteArgs("inputs", op.inputs(), &json);
  WriteArgs("outputs", op.outputs(), &json);
  json.Key("attrs").BeginArray();
  for (const AttrDef& attr : op.attrs()) {
    json.BeginObject().Key("name").Value(attr.name).Key("spec").Value(AttrText(attr)).End();
  }
  json.End().Key("schema").Value(PlaceText(op.where()));
  json.Key("gradient").Value(GradientText(op));
  json.Key("kernels").BeginArray();
  for (const KernelEntry* kernel : KernelRegistry::Global().List(op.name())) {
    json.BeginObject().Key("device").Value(kernel->device);
    json.Key("dtypes").Value(KernelText(*kernel)).Key("where").Value(PlaceText(kernel->where));
    json.End();
  }
  json.End().End();
}

void Op(const Options& options) {
  const OpDef* op = OpRegistry::Global().Find(options.name);
  if (!op) Unknown(options.name);
  options.json ? WriteJson(*op) : Print(*op);
}

}  // namespace

void AddOp(CLI::App& weft) {
  auto options = std::make_shared<Options>();
  CLI::App* command = weft.add_subcommand(
      "op", "Prints an op: schema, gradient, kernels, and where in the source they stand");
  command->add_option("NAME", options->name, "its type, such as Relu")->required();
  command->add_flag("--json", options->json, "as JSON");
  command->callback([options] { Op(*options); });
}

}  // namespace weft::tool
