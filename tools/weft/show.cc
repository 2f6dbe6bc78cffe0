// SPDX-License-Identifier: Apache-2.0
// weft show: what is in a model.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <iomanip>
#include <iostream>
#include <memory>
#include <optional>
#include <set>

#include "proto/weft/meta_graph.pb.h"
#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/graph/proto_convert.h"
#include "src/io/file.h"
#include "tools/weft/command.h"
#include "tools/weft/json.h"
#include "weft/framework/saved_model.h"
#include "weft/graph/graph_def.h"

namespace weft::tool {
namespace {

struct Options {
  std::string path;
  bool json = false, nodes = false;
};

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
  std::map<std::string, int> ops;
  int constants = 0, variables = 0, functions = 0;
  int64_t constant_bytes = 0;
};

int64_t ValueBytes(const proto::NodeDef& node) {
  auto it = node.attr().find("value");
  return it == node.attr().end() ? 0 : static_cast<int64_t>(it->second.tensor().ByteSizeLong());
}

Summary Summarize(const proto::GraphDef& def) {
  std::set<std::string_view> used;
  for (const auto& node : def.node()) {
    for (std::string_view input : node.input()) {
      if (input.starts_with('^')) input.remove_prefix(1);
      used.insert(input.substr(0, input.find(':')));
    }
  }
  Summary s;
  s.functions = def.library().function_size();
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
  return s;
}

// The most frequent op first.
std::vector<std::pair<std::string, int>> ByFrequency(const std::map<std::string, int>& ops) {
  std::vector<std::pair<std::string, int>> sorted(ops.begin(), ops.end());
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  return sorted;
}

void PrintGraph(const proto::GraphDef& def, bool nodes) {
  const Summary s = Summarize(def);
  std::cout << "  " << def.node_size() << " nodes, " << s.constants << " constants of "
            << s.constant_bytes << " bytes, " << s.variables << " variables, " << s.functions
            << " functions; GraphDef version " << def.versions().producer() << "\n";
  for (const auto* node : s.inputs) {
    std::cout << "  input   " << node->name() << "  " << TypeOf(*node) << " " << ShapeOf(*node)
              << "\n";
  }
  for (const auto* node : s.outputs) {
    std::cout << "  output  " << node->name() << "  (" << node->op() << ")\n";
  }
  std::cout << "  ops    ";
  for (const auto& [op, count] : ByFrequency(s.ops)) std::cout << " " << op << " x" << count;
  std::cout << "\n";
  if (!nodes) return;
  for (const auto& node : def.node()) {
    std::cout << "    " << node.name() << " = " << node.op() << "(" << StrJoin(node.input(), ", ")
              << ")";
    if (!node.device().empty()) std::cout << "  " << node.device();
    std::cout << "\n";
  }
}

void WriteGraph(const proto::GraphDef& def, bool nodes, JsonWriter* json) {
  const Summary s = Summarize(def);
  json->Key("num_nodes").Value(def.node_size());
  json->Key("num_constants").Value(s.constants);
  json->Key("constant_bytes").Value(s.constant_bytes);
  json->Key("num_variables").Value(s.variables);
  json->Key("num_functions").Value(s.functions);
  json->Key("producer").Value(def.versions().producer());
  json->Key("inputs").BeginArray();
  for (const auto* node : s.inputs) {
    json->BeginObject().Key("name").Value(node->name());
    json->Key("dtype").Value(TypeOf(*node)).Key("shape").Value(ShapeOf(*node)).End();
  }
  json->End().Key("outputs").BeginArray();
  for (const auto* node : s.outputs) {
    json->BeginObject().Key("name").Value(node->name()).Key("op").Value(node->op()).End();
  }
  json->End().Key("ops").BeginObject();
  for (const auto& [op, count] : s.ops) json->Key(op).Value(count);
  json->End();
  if (!nodes) return;
  json->Key("nodes").BeginArray();
  for (const auto& node : def.node()) {
    json->BeginObject().Key("name").Value(node.name()).Key("op").Value(node.op());
    json->Key("inputs").BeginArray();
    for (const std::string& input : node.input()) json->Value(input);
    json->End().End();
  }
  json->End();
}

// ---- SavedModels --------------------------------------------------------------------------------

// The names of the tensors of an entry.
std::string TensorsOf(const saved_model::TensorInfo& info) {
  if (info.coo_sparse) {
    return StrCat("sparse: ", info.coo_sparse->indices, ", ", info.coo_sparse->values, ", ",
                  info.coo_sparse->dense_shape);
  }
  if (info.components.empty()) return info.name;
  return StrJoin(info.components, ", ",
                 [](std::string* s, const auto& part) { s->append(TensorsOf(part)); });
}

void PrintInfos(const char* what, const std::map<std::string, saved_model::TensorInfo>& infos) {
  for (const auto& [key, info] : infos) {
    std::cout << "    " << what << "  " << key << "  " << DTypeName(info.dtype) << " "
              << info.shape.ToString() << "  " << TensorsOf(info) << "\n";
  }
}

void WriteInfos(const char* key, const std::map<std::string, saved_model::TensorInfo>& infos,
                JsonWriter* json) {
  json->Key(key).BeginObject();
  for (const auto& [name, info] : infos) {
    json->Key(name).BeginObject();
    json->Key("dtype").Value(DTypeName(info.dtype)).Key("shape").Value(info.shape.ToString());
    json->Key("tensor").Value(TensorsOf(info)).End();
  }
  json->End();
}

void PrintMetaGraph(const saved_model::MetaGraph& meta) {
  std::cout << "MetaGraph with the tags " << StrJoin(meta.tags, ", ");
  if (!meta.tensorflow_version.empty()) {
    std::cout << " (written by TensorFlow " << meta.tensorflow_version << ")";
  }
  std::cout << "\n";
  if (!meta.init_op.empty()) std::cout << "  init op " << meta.init_op << "\n";
  if (!meta.train_op.empty()) std::cout << "  train op " << meta.train_op << "\n";
  for (const auto& [tensor, file] : meta.assets) {
    std::cout << "  asset   " << tensor << "  " << file << "\n";
  }
  for (const auto& [key, signature] : meta.signatures) {
    std::cout << "  signature " << key << ": " << signature.method_name << "\n";
    PrintInfos("input ", signature.inputs);
    PrintInfos("output", signature.outputs);
  }
}

void WriteMetaGraph(const saved_model::MetaGraph& meta, JsonWriter* json) {
  json->Key("tags").BeginArray();
  for (const std::string& tag : meta.tags) json->Value(tag);
  json->End();
  json->Key("tensorflow_version").Value(meta.tensorflow_version);
  json->Key("init_op").Value(meta.init_op).Key("train_op").Value(meta.train_op);
  json->Key("assets").BeginObject();
  for (const auto& [tensor, file] : meta.assets) json->Key(tensor).Value(file);
  json->End().Key("signatures").BeginObject();
  for (const auto& [key, signature] : meta.signatures) {
    json->Key(key).BeginObject().Key("method").Value(signature.method_name);
    WriteInfos("inputs", signature.inputs, json);
    WriteInfos("outputs", signature.outputs, json);
    json->End();
  }
  json->End();
}

void ShowSavedModel(const std::string& folder, const Options& options) {
  const std::vector<saved_model::MetaGraph> metas = saved_model::ListMetaGraphs(folder);
  JsonWriter json(std::cout);
  if (options.json) {
    json.BeginObject().Key("path").Value(folder).Key("kind").Value("saved_model");
    json.Key("meta_graphs").BeginArray();
  } else {
    std::cout << folder << ": SavedModel\n";
  }
  for (const saved_model::MetaGraph& meta : metas) {
    const GraphDef def = saved_model::ReadGraphDef(folder, meta.tags);
    if (options.json) {
      json.BeginObject();
      WriteMetaGraph(meta, &json);
      WriteGraph(def.proto(), options.nodes, &json);
      json.End();
    } else {
      PrintMetaGraph(meta);
      PrintGraph(def.proto(), options.nodes);
    }
  }
  if (options.json) json.End().End();
}

// ---- Single files -------------------------------------------------------------------------------

void ShowGraph(const char* kind, const proto::GraphDef& def, const proto::MetaGraphDef* meta,
               const Options& options) {
  if (options.json) {
    JsonWriter json(std::cout);
    json.BeginObject().Key("path").Value(options.path).Key("kind").Value(kind);
    if (meta) {
      json.Key("restore_op").Value(meta->saver_def().restore_op_name());
      json.Key("collections").BeginArray();
      for (const auto& [name, collection] : meta->collection_def()) json.Value(name);
      json.End();
    }
    WriteGraph(def, options.nodes, &json);
    json.End();
    return;
  }
  std::cout << options.path << ": " << kind << "\n";
  if (meta) {
    std::cout << "  restored by " << meta->saver_def().restore_op_name() << "\n";
    for (const auto& [name, collection] : meta->collection_def()) {
      std::cout << "  collection " << name << "\n";
    }
  }
  PrintGraph(def, options.nodes);
}

void ShowMetaGraph(const std::string& path, const Options& options) {
  proto::MetaGraphDef meta;
  if (!ParseProto(ValueOrThrow(ReadFile(path)), &meta)) {
    ThrowError(Code::kDataLoss, path + ": it holds no MetaGraphDef");
  }
  ShowGraph("MetaGraph", meta.graph_def(), &meta, options);
}

void Show(const Options& options) {
  namespace fs = std::filesystem;
  const fs::path path(options.path);
  if (fs::is_directory(path)) return ShowSavedModel(options.path, options);
  if (path.stem() == "saved_model") {
    const std::string folder = path.parent_path().string();
    return ShowSavedModel(folder.empty() ? "." : folder, options);
  }
  if (path.extension() == ".meta") return ShowMetaGraph(options.path, options);
  if (!fs::exists(path) && fs::exists(options.path + ".meta")) {
    return ShowMetaGraph(options.path + ".meta", options);
  }
  ShowGraph("graph", GraphDef::FromFile(options.path).proto(), nullptr, options);
}

}  // namespace

void AddShow(CLI::App& weft) {
  auto options = std::make_shared<Options>();
  CLI::App* command = weft.add_subcommand(
      "show", "Lists what a model has: signatures, inputs, outputs, ops, sizes");
  command->add_option("MODEL", options->path, "SavedModel folder, graph or .meta file")->required();
  command->add_flag("--nodes", options->nodes, "list every node, too");
  command->add_flag("--json", options->json, "as JSON");
  command->callback([options] { Show(*options); });
}

}  // namespace weft::tool
