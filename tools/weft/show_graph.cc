// SPDX-License-Identifier: Apache-2.0
#include "tools/weft/show_graph.h"

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <map>
#include <set>
#include <string_view>

#include "proto/weft/graph.pb.h"
#include "src/core/strings.h"
#include "src/graph/proto_convert.h"
#include "tools/weft/style.h"
#include "weft/graph/op_def.h"
#include "weft/runtime/kernel.h"

namespace weft::tool {
namespace {

std::string TypeOf(const proto::NodeDef& node) {
  for (const char* name : {"dtype", "T"}) {
    auto it = node.attr().find(name);
    if (it != node.attr().end()) return DTypeName(static_cast<DataType>(it->second.type()));
  }
  return "?";
}

std::string ShapeOf(const proto::NodeDef& node) {
  auto it = node.attr().find("shape");
  if (it == node.attr().end()) return "";
  const auto shape = ShapeFromProto(it->second.shape());
  return shape.ok() ? shape->ToString() : "";
}

// What can be said of a graph without knowing its ops.
struct Summary {
  std::vector<const proto::NodeDef*> inputs, outputs;
  std::map<std::string, int> ops;                  // those in functions, too
  std::map<std::string, std::string> unsupported;  // op: why
  int constants = 0, variables = 0;
  int64_t constant_bytes = 0;
};

int64_t ValueBytes(const proto::NodeDef& node) {
  auto it = node.attr().find("value");
  return it == node.attr().end() ? 0 : static_cast<int64_t>(it->second.tensor().ByteSizeLong());
}

std::set<std::string_view> UsedNodes(const proto::GraphDef& def) {
  std::set<std::string_view> used;
  for (const auto& node : def.node()) {
    for (std::string_view input : node.input()) {
      if (input.starts_with('^')) input.remove_prefix(1);
      used.insert(input.substr(0, input.find(':')));
    }
  }
  return used;
}

// A function of the library is called by its name.
void FindUnsupported(const proto::GraphDef& def, Summary* s) {
  std::set<std::string_view> functions;
  for (const auto& f : def.library().function()) functions.insert(f.signature().name());
  for (const auto& [op, count] : s->ops) {
    if (functions.contains(op)) continue;
    if (!OpRegistry::Global().Find(op))
      s->unsupported[op] = "unknown";
    else if (KernelRegistry::Global().List(op).empty())
      s->unsupported[op] = "no kernel";
  }
}

Summary Summarize(const proto::GraphDef& def) {
  const std::set<std::string_view> used = UsedNodes(def);
  Summary s;
  for (const auto& node : def.node()) {
    ++s.ops[node.op()];
    const bool is_placeholder = node.op().starts_with("Placeholder");
    if (is_placeholder) s.inputs.push_back(&node);
    if (node.op() == "Const") {
      ++s.constants;
      s.constant_bytes += ValueBytes(node);
    } else if (node.op().starts_with("Variable") || node.op() == "VarHandleOp") {
      ++s.variables;
    } else if (!is_placeholder && !used.contains(node.name()) && node.op() != "NoOp") {
      s.outputs.push_back(&node);
    }
  }
  for (const auto& f : def.library().function()) {
    for (const auto& node : f.node_def()) ++s.ops[node.op()];
  }
  FindUnsupported(def, &s);
  return s;
}

// The most frequent op first.
std::vector<std::pair<std::string, int>> ByFrequency(const std::map<std::string, int>& ops) {
  std::vector<std::pair<std::string, int>> sorted(ops.begin(), ops.end());
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  return sorted;
}

std::string Counted(int64_t n, const char* what) { return StrCat(n, " ", what, n == 1 ? "" : "s"); }

// Broken into lines of about 100 characters.
void PrintOps(const Summary& s) {
  constexpr size_t kWidth = 100;
  size_t column = 9;
  std::cout << "  ops    ";
  for (const auto& [op, count] : ByFrequency(s.ops)) {
    const std::string text = StrCat(op, " x", count);
    if (column + text.size() + 1 > kWidth) {
      std::cout << "\n         ";
      column = 9;
    }
    std::cout << ' ' << (s.unsupported.contains(op) ? Red(text) : text);
    column += text.size() + 1;
  }
  std::cout << "\n";
  for (const auto& [op, why] : s.unsupported)
    std::cout << "  " << Red("not supported") << "  " << op << " (" << why << ")\n";
}

}  // namespace

std::string SizeText(int64_t bytes) {
  constexpr std::pair<int64_t, const char*> kUnits[] = {
      {1000000000, "GB"}, {1000000, "MB"}, {1000, "kB"}};
  for (const auto& [size, name] : kUnits) {
    if (bytes < size) continue;
    char text[32];
    std::snprintf(text, sizeof text, "%.1f %s",
                  static_cast<double>(bytes) / static_cast<double>(size), name);
    return text;
  }
  return StrCat(bytes, " bytes");
}

void PrintGraph(const proto::GraphDef& def, bool nodes) {
  const Summary s = Summarize(def);
  std::cout << "  " << Counted(def.node_size(), "node") << ", " << Counted(s.constants, "constant")
            << " of " << SizeText(s.constant_bytes) << ", " << Counted(s.variables, "variable")
            << ", " << Counted(def.library().function_size(), "function") << "; GraphDef version "
            << def.versions().producer() << "\n";
  for (const auto* node : s.inputs) {
    std::cout << "  input   " << Bold(node->name()) << "  " << TypeOf(*node) << " "
              << ShapeOf(*node) << "\n";
  }
  for (const auto* node : s.outputs) {
    std::cout << "  output  " << Bold(node->name()) << "  (" << node->op() << ")\n";
  }
  PrintOps(s);
  if (!nodes) return;
  for (const auto& node : def.node()) {
    std::cout << "    " << node.name() << " = " << node.op() << "(" << StrJoin(node.input(), ", ")
              << ")";
    if (!node.device().empty()) std::cout << "  " << Dim(node.device());
    std::cout << "\n";
  }
}

void AddGraph(const proto::GraphDef& def, bool nodes, Json* to) {
  const Summary s = Summarize(def);
  Json& json = *to;
  json["num_nodes"] = def.node_size();
  json["num_constants"] = s.constants;
  json["constant_bytes"] = s.constant_bytes;
  json["num_variables"] = s.variables;
  json["num_functions"] = def.library().function_size();
  json["producer"] = def.versions().producer();
  json["inputs"] = Json::array();
  for (const auto* node : s.inputs) {
    json["inputs"].push_back(
        {{"name", node->name()}, {"dtype", TypeOf(*node)}, {"shape", ShapeOf(*node)}});
  }
  json["outputs"] = Json::array();
  for (const auto* node : s.outputs)
    json["outputs"].push_back({{"name", node->name()}, {"op", node->op()}});
  json["ops"] = s.ops;
  json["unsupported_ops"] = s.unsupported;
  if (!nodes) return;
  json["nodes"] = Json::array();
  for (const auto& node : def.node()) {
    json["nodes"].push_back(
        {{"name", node.name()},
         {"op", node.op()},
         {"inputs", std::vector<std::string>(node.input().begin(), node.input().end())}});
  }
}

}  // namespace weft::tool
