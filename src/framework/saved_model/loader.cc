// SPDX-License-Identifier: Apache-2.0
// Reading SavedModels.
#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/framework/saved_model/messages.h"
#include "src/graph/proto_convert.h"
#include "src/graph/proto_text.h"
#include "src/io/file.h"
#include "src/io/file_system.h"
#include "weft/framework/meta_graph.h"
#include "weft/framework/saver.h"
#include "weft/runtime/session.h"

namespace weft::saved_model {
namespace {

std::string Quoted(const std::vector<std::string>& tags) {
  return StrJoin(tags, ", ", [](std::string* s, const auto& tag) { StrAppend(s, "'", tag, "'"); });
}

// The node lists of the collections that may name the op to run, the first that is there.
absl::StatusOr<std::string> InitOpOf(const proto::MetaGraphDef& def) {
  auto signature = def.signature_def().find(kInitOpSignatureKey);
  if (signature != def.signature_def().end()) {
    auto output = signature->second.outputs().find(kInitOpSignatureKey);
    if (output == signature->second.outputs().end()) {
      return absl::NotFoundError(StrCat("The key \"", kInitOpSignatureKey,
                                        "\" could not be found in the graph: the signature of this "
                                        "name has no such output"));
    }
    return output->second.name();
  }
  for (const char* key : {kMainOpKey, kLegacyInitOpKey}) {
    auto collection = def.collection_def().find(key);
    if (collection == def.collection_def().end()) continue;
    const auto& names = collection->second.node_list().value();
    if (names.size() != 1) {
      return absl::InvalidArgumentError(StrCat("Expected exactly one SavedModel init op. Found ",
                                               names.size(), ": [", StrJoin(names, ", "), "]."));
    }
    return names[0];
  }
  return std::string();
}

// Asset files: a field of the message, or, as older programs wrote them, a collection.
absl::Status ReadAssets(const proto::MetaGraphDef& def, const std::string& export_dir,
                        std::map<std::string, std::string>* assets) {
  const std::string folder = io::JoinPath(export_dir, kAssetsDirectory);
  const auto add = [&](const proto::AssetFileDef& asset) {
    (*assets)[asset.tensor_info().name()] = io::JoinPath(folder, asset.filename());
  };
  for (const proto::AssetFileDef& asset : def.asset_file_def()) add(asset);
  if (def.asset_file_def_size() > 0) return absl::OkStatus();
  auto collection = def.collection_def().find(kAssetsKey);
  if (collection == def.collection_def().end()) return absl::OkStatus();
  for (const auto& any : collection->second.any_list().value()) {
    // The message's type has TensorFlow's package in its name.
    proto::AssetFileDef asset;
    if (!any.type_url().ends_with(".AssetFileDef") || !ParseProto(any.value(), &asset)) {
      return absl::DataLossError(StrCat("the collection ", kAssetsKey, " has an element of type '",
                                        any.type_url(), "' that is no AssetFileDef"));
    }
    add(asset);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<proto::SavedModel> ReadSavedModel(const std::string& export_dir) {
  proto::SavedModel model;
  const std::string pb = io::JoinPath(export_dir, kSavedModelFilenamePb);
  const std::string pbtxt = io::JoinPath(export_dir, kSavedModelFilenamePbtxt);
  if (io::FileExists(pb)) {
    WEFT_ASSIGN_OR_RETURN(const auto file, io::MappedFile::Open(pb));
    if (ParseProto(file->bytes(), &model)) return model;
    return absl::DataLossError(StrCat("Cannot parse file ", pb, ": it holds no SavedModel."));
  }
  if (!io::FileExists(pbtxt)) {
    return absl::NotFoundError(StrCat("SavedModel file does not exist at: ", export_dir, "/{",
                                      kSavedModelFilenamePbtxt, "|", kSavedModelFilenamePb, "}"));
  }
  WEFT_ASSIGN_OR_RETURN(const std::string text, ReadFile(pbtxt));
  const absl::Status parsed = ParseProtoText(text, &model);
  if (parsed.ok()) return model;
  return absl::DataLossError(StrCat("Cannot parse file ", pbtxt, ": ", parsed.message(), "."));
}

absl::StatusOr<proto::MetaGraphDef*> FindMetaGraph(proto::SavedModel* model,
                                                   const std::vector<std::string>& tags) {
  const std::set<std::string> wanted(tags.begin(), tags.end());
  std::string available;
  for (proto::MetaGraphDef& def : *model->mutable_meta_graphs()) {
    const auto& has = def.meta_info_def().tags();
    if (std::set<std::string>(has.begin(), has.end()) == wanted) return &def;
    StrAppend(&available, available.empty() ? "{" : ", {", Quoted({has.begin(), has.end()}), "}");
  }
  return absl::NotFoundError(
      StrCat("MetaGraphDef associated with tags ", Quoted(tags),
             " could not be found in SavedModel, with available tags '[", available,
             "]'. To inspect available tag-sets in the SavedModel, please use `weft show`."));
}

absl::StatusOr<MetaGraph> MetaGraphFromProto(const proto::MetaGraphDef& def,
                                             const std::string& export_dir) {
  MetaGraph graph;
  graph.tags.assign(def.meta_info_def().tags().begin(), def.meta_info_def().tags().end());
  graph.tensorflow_version = def.meta_info_def().tensorflow_version();
  graph.num_nodes = def.graph_def().node_size();
  for (const auto& [key, signature] : def.signature_def()) {
    if (key == kInitOpSignatureKey) continue;
    if (key == kTrainOpSignatureKey) {
      auto output = signature.outputs().find(key);
      if (output != signature.outputs().end()) graph.train_op = output->second.name();
      continue;
    }
    WEFT_ASSIGN_OR_RETURN(graph.signatures[key], SignatureFromProto(signature));
  }
  WEFT_ASSIGN_OR_RETURN(graph.init_op, InitOpOf(def));
  WEFT_RETURN_IF_ERROR(ReadAssets(def, export_dir, &graph.assets));
  return graph;
}

bool MaybeSavedModelDirectory(const std::string& export_dir) {
  return io::FileExists(io::JoinPath(export_dir, kSavedModelFilenamePb)) ||
         io::FileExists(io::JoinPath(export_dir, kSavedModelFilenamePbtxt));
}

std::vector<MetaGraph> ListMetaGraphs(const std::string& export_dir) {
  const proto::SavedModel model = ValueOrThrow(ReadSavedModel(export_dir));
  std::vector<MetaGraph> graphs;
  for (const proto::MetaGraphDef& def : model.meta_graphs()) {
    graphs.push_back(ValueOrThrow(MetaGraphFromProto(def, export_dir)));
  }
  return graphs;
}

GraphDef ReadGraphDef(const std::string& export_dir, const std::vector<std::string>& tags) {
  proto::SavedModel model = ValueOrThrow(ReadSavedModel(export_dir));
  proto::MetaGraphDef* def = ValueOrThrow(FindMetaGraph(&model, tags));
  return GraphDef(std::move(*def->mutable_graph_def()));
}

MetaGraph Load(Session& session, const std::vector<std::string>& tags,
               const std::string& export_dir, const LoadOptions& options) {
  proto::SavedModel model = ValueOrThrow(ReadSavedModel(export_dir));
  proto::MetaGraphDef* def = ValueOrThrow(FindMetaGraph(&model, tags));
  MetaGraph loaded = ValueOrThrow(MetaGraphFromProto(*def, export_dir));

  const Graph& graph = session.graph();
  const GraphScope in_graph(graph);
  std::string scope = options.import_scope;
  if (scope.ends_with('/')) scope.pop_back();
  if (!scope.empty()) scope = graph.UniqueName(scope, /*mark_as_used=*/false) + "/";
  const std::optional<train::Saver> saver = train::ImportMetaGraph(
      train::MetaGraphDef(std::move(*def)),
      {.clear_devices = options.clear_devices, .import_scope = options.import_scope});
  if (saver) {
    saver->Restore(session,
                   io::JoinPath(io::JoinPath(export_dir, kVariablesDirectory), kVariablesFilename));
  }
  if (!loaded.init_op.empty()) {
    Feeds assets;
    for (const auto& [tensor, path] : loaded.assets)
      assets.emplace_back(scope + tensor, Array(path));
    session.Run(Fetch(scope + loaded.init_op), assets);
  }
  return loaded;
}

}  // namespace weft::saved_model
