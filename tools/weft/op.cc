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
#include "tools/weft/style.h"
#include "weft/core/error.h"
#include "weft/graph/op_def.h"
#include "weft/runtime/kernel.h"

namespace weft::tool {
namespace {

struct OpFlags {
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
    StrAppend(s, c.attr, "=", DTypeName(c.dtype));
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

// Those of one place in a line: "CPU  kernels/cpu/matmul.cc:213  T=float32, float64".
void PrintKernels(const OpDef& op) {
  std::string place, dtypes;
  const auto print = [&] {
    if (!place.empty()) std::cout << "  kernel    " << place << "  " << dtypes << "\n";
  };
  for (const KernelEntry* kernel : KernelRegistry::Global().List(op.name())) {
    const std::string where = StrCat(kernel->device, "  ", PlaceText(kernel->where));
    std::string text = KernelText(*kernel);
    if (where != place) {
      print();
      place = where;
      dtypes = text;
      continue;
    }
    // Of one attribute the name is not said again.
    if (kernel->constraints.size() == 1) text = text.substr(text.find('=') + 1);
    StrAppend(&dtypes, kernel->constraints.size() == 1 ? ", " : "; ", text);
  }
  print();
}

void Print(const OpDef& op) {
  std::cout << Bold(op.name()) << (op.is_stateful() ? " (stateful)" : "") << "\n";
  if (!op.summary().empty()) std::cout << "  " << op.summary() << "\n";
  PrintArgs("input ", op.inputs());
  PrintArgs("output", op.outputs());
  for (const AttrDef& attr : op.attrs()) {
    std::cout << "  attr    " << attr.name << ": " << AttrText(attr) << "\n";
  }
  std::cout << "  schema    " << PlaceText(op.where()) << "\n  gradient  " << GradientText(op)
            << "\n";
  PrintKernels(op);
  const std::string test = TestOf(op.where());
  if (!test.empty()) std::cout << "  test      " << test << "\n";
}

Json ArgsJson(const std::vector<ArgDef>& args) {
  Json list = Json::array();
  for (const ArgDef& arg : args) list.push_back({{"name", arg.name}, {"type", TypeText(arg)}});
  return list;
}

void WriteJson(const OpDef& op) {
  Json attrs = Json::array(), kernels = Json::array();
  for (const AttrDef& attr : op.attrs())
    attrs.push_back({{"name", attr.name}, {"spec", AttrText(attr)}});
  for (const KernelEntry* kernel : KernelRegistry::Global().List(op.name())) {
    kernels.push_back({{"device", kernel->device},
                       {"dtypes", KernelText(*kernel)},
                       {"where", PlaceText(kernel->where)}});
  }
  PrintJson({{"name", op.name()},
             {"summary", op.summary()},
             {"stateful", op.is_stateful()},
             {"inputs", ArgsJson(op.inputs())},
             {"outputs", ArgsJson(op.outputs())},
             {"attrs", attrs},
             {"schema", PlaceText(op.where())},
             {"gradient", GradientText(op)},
             {"kernels", kernels}});
}

void Op(const OpFlags& options) {
  const OpDef* op = OpRegistry::Global().Find(options.name);
  if (!op) Unknown(options.name);
  options.json ? WriteJson(*op) : Print(*op);
}

}  // namespace

void AddOp(CLI::App& weft) {
  auto options = std::make_shared<OpFlags>();
  CLI::App* command = weft.add_subcommand(
      "op", "Prints an op: schema, gradient, kernels, and where in the source they stand");
  command->add_option("NAME", options->name, "its type, such as Relu")->required();
  command->add_flag("--json", options->json, "as JSON");
  command->callback([options] { Op(*options); });
}

}  // namespace weft::tool
