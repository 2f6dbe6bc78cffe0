// SPDX-License-Identifier: Apache-2.0
// weft show: what is in a model.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <iostream>
#include <map>
#include <memory>

#include "proto/weft/meta_graph.pb.h"
#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/graph/proto_convert.h"
#include "src/io/file.h"
#include "tools/weft/command.h"
#include "tools/weft/show_graph.h"
#include "tools/weft/style.h"
#include "weft/framework/saved_model.h"
#include "weft/graph/graph_def.h"

namespace weft::tool {
namespace {

namespace fs = std::filesystem;

struct ShowFlags {
  std::string path;
  bool json = false, nodes = false;
};

// ---- SavedModels --------------------------------------------------------------------------------

using Infos = std::map<std::string, saved_model::TensorInfo>;

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

void PrintInfos(const char* what, const Infos& infos) {
  for (const auto& [key, info] : infos) {
    std::cout << "    " << what << "  " << Bold(key) << "  " << DTypeName(info.dtype) << " "
              << info.shape.ToString() << "  " << Dim(TensorsOf(info)) << "\n";
  }
}

Json InfosJson(const Infos& infos) {
  Json json = Json::object();
  for (const auto& [name, info] : infos) {
    json[name] = {{"dtype", DTypeName(info.dtype)},
                  {"shape", info.shape.ToString()},
                  {"tensor", TensorsOf(info)}};
  }
  return json;
}

void PrintMetaGraph(const saved_model::MetaGraph& meta) {
  std::cout << "MetaGraph with the tags " << Bold(StrJoin(meta.tags, ", "));
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
    std::cout << "  signature " << Bold(key) << ": " << signature.method_name << "\n";
    PrintInfos("input ", signature.inputs);
    PrintInfos("output", signature.outputs);
  }
}

Json MetaGraphJson(const saved_model::MetaGraph& meta) {
  Json signatures = Json::object();
  for (const auto& [key, signature] : meta.signatures) {
    signatures[key] = {{"method", signature.method_name},
                       {"inputs", InfosJson(signature.inputs)},
                       {"outputs", InfosJson(signature.outputs)}};
  }
  return {{"tags", meta.tags},       {"tensorflow_version", meta.tensorflow_version},
          {"init_op", meta.init_op}, {"train_op", meta.train_op},
          {"assets", meta.assets},   {"signatures", signatures}};
}

int64_t BytesBelow(const fs::path& folder) {
  int64_t bytes = 0;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) bytes += static_cast<int64_t>(entry.file_size());
  }
  return bytes;
}

void ShowSavedModel(const std::string& folder, const ShowFlags& options) {
  const std::vector<saved_model::MetaGraph> metas = saved_model::ListMetaGraphs(folder);
  const int64_t bytes = BytesBelow(folder);
  Json json = {{"path", folder}, {"kind", "saved_model"}, {"bytes", bytes}};
  json["meta_graphs"] = Json::array();
  if (!options.json) std::cout << Bold(folder) << ": SavedModel, " << SizeText(bytes) << "\n";
  for (const saved_model::MetaGraph& meta : metas) {
    const GraphDef def = saved_model::ReadGraphDef(folder, meta.tags);
    if (options.json) {
      Json& entry = json["meta_graphs"].emplace_back(MetaGraphJson(meta));
      AddGraph(def.proto(), options.nodes, &entry);
    } else {
      PrintMetaGraph(meta);
      PrintGraph(def.proto(), options.nodes);
    }
  }
  if (options.json) PrintJson(json);
}

// ---- Single files -------------------------------------------------------------------------------

void ShowGraph(const std::string& path, const char* kind, const proto::GraphDef& def,
               const proto::MetaGraphDef* meta, const ShowFlags& options) {
  const auto bytes = static_cast<int64_t>(fs::file_size(path));
  std::vector<std::string> collections;
  if (meta) {
    for (const auto& [name, collection] : meta->collection_def()) collections.push_back(name);
    std::sort(collections.begin(), collections.end());
  }
  if (options.json) {
    Json json = {{"path", path}, {"kind", kind}, {"bytes", bytes}};
    if (meta) {
      json["restore_op"] = meta->saver_def().restore_op_name();
      json["collections"] = collections;
    }
    AddGraph(def, options.nodes, &json);
    return PrintJson(json);
  }
  std::cout << Bold(path) << ": " << kind << ", " << SizeText(bytes) << "\n";
  if (meta) {
    const std::string& restore = meta->saver_def().restore_op_name();
    if (!restore.empty()) std::cout << "  restored by " << restore << "\n";
    if (!collections.empty()) std::cout << "  collections  " << StrJoin(collections, ", ") << "\n";
  }
  PrintGraph(def, options.nodes);
}

void ShowMetaGraph(const std::string& path, const ShowFlags& options) {
  proto::MetaGraphDef meta;
  if (!ParseProto(ValueOrThrow(ReadFile(path)), &meta)) {
    ThrowError(Code::kDataLoss, path + ": it holds no MetaGraphDef");
  }
  ShowGraph(path, "MetaGraph", meta.graph_def(), &meta, options);
}

void Show(const ShowFlags& options) {
  const fs::path path(options.path);
  if (fs::is_directory(path)) {
    if (!saved_model::MaybeSavedModelDirectory(options.path)) {
      ThrowError(Code::kNotFound, options.path +
                                      ": the folder has no saved_model.pb or saved_model.pbtxt "
                                      "(`weft checkpoint` looks into folders with checkpoints)");
    }
    return ShowSavedModel(options.path, options);
  }
  if (path.stem() == "saved_model") {
    const std::string folder = path.parent_path().string();
    return ShowSavedModel(folder.empty() ? "." : folder, options);
  }
  if (path.extension() == ".meta") return ShowMetaGraph(options.path, options);
  if (!fs::exists(path) && fs::exists(options.path + ".meta")) {
    return ShowMetaGraph(options.path + ".meta", options);
  }
  ShowGraph(options.path, "graph", GraphDef::FromFile(options.path).proto(), nullptr, options);
}

}  // namespace

void AddShow(CLI::App& weft) {
  auto options = std::make_shared<ShowFlags>();
  CLI::App* command = weft.add_subcommand(
      "show", "Lists what a model has: signatures, inputs, outputs, ops, sizes");
  command->add_option("MODEL", options->path, "SavedModel folder, graph or .meta file")->required();
  command->add_flag("--nodes", options->nodes, "list every node, too");
  command->add_flag("--json", options->json, "as JSON");
  command->callback([options] { Show(*options); });
}

}  // namespace weft::tool
