// SPDX-License-Identifier: Apache-2.0
// Graphs with their weights: imported, run, compared, exported again.
#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "proto/weft/graph.pb.h"
#include "src/core/strings.h"
#include "tools/golden/container.h"
#include "tools/weft_interop/items.h"
#include "tools/weft_interop/json.h"
#include "weft/graph/graph.h"
#include "weft/graph/op_def.h"

namespace weft::interop {
namespace {

namespace fs = std::filesystem;
using golden::Mismatch;

// Data inputs in their order, control inputs sorted: their order means nothing.
std::pair<std::vector<std::string>, std::set<std::string>> InputsOf(const proto::NodeDef& node) {
  std::pair<std::vector<std::string>, std::set<std::string>> inputs;
  for (const std::string& in : node.input()) {
    if (in.starts_with("^"))
      inputs.second.insert(in);
    else
      inputs.first.push_back(in.ends_with(":0") ? in.substr(0, in.size() - 2) : in);
  }
  return inputs;
}

void CheckSameNode(const proto::NodeDef& want, const proto::NodeDef& got) {
  if (want.op() != got.op())
    throw Mismatch(StrCat("node '", want.name(), "' is exported as ", got.op()));
  if (InputsOf(want) != InputsOf(got))
    throw Mismatch(StrCat("node '", want.name(), "' is exported with other inputs"));
  if (want.device() != got.device())
    throw Mismatch(StrCat("node '", want.name(), "' is exported on device '", got.device(),
                          "', not '", want.device(), "'"));
  for (const auto& [name, value] : want.attr()) {
    const auto it = got.attr().find(name);
    if (it == got.attr().end())
      throw Mismatch(StrCat("node '", want.name(), "' is exported without attribute ", name));
    if (it->second.SerializeAsString() == value.SerializeAsString()) continue;
    // A tensor has several encodings; what it holds was compared by running the graph.
    if (value.has_tensor() && it->second.has_tensor() &&
        value.tensor().dtype() == it->second.tensor().dtype())
      continue;
    throw Mismatch(StrCat("attribute ", name, " of node '", want.name(), "' is exported as ",
                          it->second.ShortDebugString(), ", not ", value.ShortDebugString()));
  }
}

void CheckNothingLost(const GraphDef& want, const Graph& graph) {
  const GraphDef got = graph.AsGraphDef();
  std::map<std::string, const proto::NodeDef*> nodes;
  for (const auto& node : got.proto().node()) nodes[node.name()] = &node;
  for (const auto& node : want.proto().node()) {
    const auto it = nodes.find(node.name());
    if (it == nodes.end()) throw Mismatch(StrCat("node '", node.name(), "' is not exported"));
    CheckSameNode(node, *it->second);
  }
  std::map<std::string, const proto::FunctionDef*> functions;
  for (const auto& f : got.proto().library().function()) functions[f.signature().name()] = &f;
  for (const auto& f : want.proto().library().function()) {
    const auto it = functions.find(f.signature().name());
    if (it == functions.end())
      throw Mismatch(StrCat("function '", f.signature().name(), "' is not exported"));
    if (it->second->node_def_size() != f.node_def_size())
      throw Mismatch(StrCat("function '", f.signature().name(), "' is exported with other nodes"));
  }
}

void RunGraph(const fs::path& dir) {
  const Json about = ReadJson(dir / "about.json");
  const GraphDef def = GraphDef::FromFile((dir / Text(about, "graph")).string());
  CheckOpsExist(def);
  const Graph graph;
  GraphScope scope(graph);
  ImportOptions options;
  options.prefix = "";
  ImportGraphDef(def, options, graph);
  Session session(graph);
  golden::Container((dir / "expected.pb").string()).Check(graph, session, false);
  CheckNothingLost(def, graph);
}

}  // namespace

void CheckOpsExist(const GraphDef& def) {
  std::set<std::string> functions, missing;
  for (const auto& f : def.proto().library().function()) functions.insert(f.signature().name());
  const auto check = [&](const std::string& op) {
    if (!OpRegistry::Global().Find(op) && !functions.contains(op)) missing.insert(op);
  };
  for (const auto& node : def.proto().node()) check(node.op());
  for (const auto& f : def.proto().library().function()) {
    for (const auto& node : f.node_def()) check(node.op());
  }
  if (!missing.empty())
    throw Mismatch(StrCat("ops not registered: ",
                          StrJoin(std::vector<std::string>(missing.begin(), missing.end()), ", ")));
}

std::vector<Item> GraphItems(const fs::path& dir) {
  std::vector<Item> items;
  for (const char* kind : {"graphs", "large_graphs"}) {
    if (!fs::is_directory(dir / kind)) continue;
    for (const auto& entry : fs::directory_iterator(dir / kind)) {
      if (!fs::exists(entry.path() / "about.json")) continue;
      items.push_back({kind, StrCat(kind, "/", entry.path().filename().string()),
                       [path = entry.path()] { RunGraph(path); }});
    }
  }
  return items;
}

}  // namespace weft::interop
