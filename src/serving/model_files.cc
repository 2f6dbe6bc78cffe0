// SPDX-License-Identifier: Apache-2.0
#include "src/serving/model_files.h"

#include <utility>

#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/framework/graph_util/node_index.h"
#include "src/framework/saved_model/messages.h"
#include "src/graph/graph_file.h"
#include "src/graph/proto_convert.h"
#include "src/io/file_system.h"
#include "weft/graph/attr_value.h"
#include "weft/runtime/session.h"

namespace weft::serving {
namespace {

constexpr std::string_view kMeta = ".meta";

bool IsFolder(const std::string& path) {
  const absl::StatusOr<io::FileInfo> info = io::GetFileInfo(path);
  return info.ok() && info->is_folder;
}

bool IsSavedModelFile(std::string_view path) {
  const std::string_view name = io::Basename(path);
  return name == saved_model::kSavedModelFilenamePb ||
         name == saved_model::kSavedModelFilenamePbtxt;
}

}  // namespace

ModelKind KindOfModel(const std::string& path) {
  if (IsFolder(path)) return ModelKind::kSavedModel;
  const bool is_file = io::FileExists(path);
  if (is_file && IsSavedModelFile(path)) return ModelKind::kSavedModel;
  if (is_file && !path.ends_with(kMeta)) return ModelKind::kGraph;
  if (is_file || io::FileExists(StrCat(path, kMeta))) return ModelKind::kCheckpoint;
  ThrowError(Code::kNotFound,
             StrCat("There is no model at '", path,
                    "': neither the folder of a SavedModel, nor a graph (.pb, .pbtxt), nor a "
                    "checkpoint with a .meta file"));
}

std::string SavedModelFolder(const std::string& path) {
  if (IsFolder(path)) return path;
  const std::string_view folder = io::Dirname(path);
  return folder.empty() ? "." : std::string(folder);
}

absl::Status ImportGraphFile(const std::string& path, const std::vector<std::string>& wanted,
                             const Graph& graph) {
  const bool is_text = path.ends_with(".pbtxt") || path.ends_with(".json");
  if (!is_text && wanted.empty()) {
    return weft::ImportGraphFile(path, {.prefix = ""}, graph.impl()).status();
  }
  GraphFile file;
  if (is_text) {
    file.def = std::move(GraphDef::FromFile(path).mutable_proto());
  } else {
    WEFT_ASSIGN_OR_RETURN(file, ReadGraphFile(path));
  }
  if (!wanted.empty()) {
    WEFT_ASSIGN_OR_RETURN(file.def, graph_util::SubGraph(file.def, wanted));
  }
  return ImportWithValues(file.def, file.values, {.prefix = ""}, graph.impl()).status();
}

std::map<std::string, saved_model::SignatureDef> ImportCheckpoint(
    const std::string& path, const std::vector<std::string>& wanted, Session& session) {
  const std::string prefix =
      path.ends_with(kMeta) ? path.substr(0, path.size() - kMeta.size()) : path;
  const std::string meta = StrCat(prefix, kMeta);
  const auto file = ValueOrThrow(io::MappedFile::Open(meta));
  proto::MetaGraphDef def;
  if (!ParseProto(file->bytes(), &def)) {
    ThrowError(Code::kDataLoss, StrCat(meta, ": it holds no MetaGraphDef"));
  }
  const std::string& restore = def.saver_def().restore_op_name();
  if (restore.empty()) {
    ThrowError(Code::kInvalidArgument,
               StrCat(meta, ": it has no SaverDef, so nothing is known of how to restore"));
  }
  proto::GraphDef graph_def = std::move(*def.mutable_graph_def());
  if (!wanted.empty()) {
    // What only training needs is left out, with ops that this library may not know.
    std::vector<std::string> ops = wanted;
    ops.push_back(restore);
    graph_def = ValueOrThrow(graph_util::SubGraph(graph_def, ops));
  }
  ImportGraphDef(GraphDef(std::move(graph_def)), {.prefix = ""}, session.graph());
  session.Run(Fetch(restore), {{def.saver_def().filename_tensor_name(), Array(prefix)}});
  return ValueOrThrow(saved_model::MetaGraphFromProto(def, std::string(io::Dirname(prefix))))
      .signatures;
}

Array ConstValueOf(const Operation& op) {
  const Array* value = op.attr("value").Get<Array>();
  return value ? *value : Array();
}

}  // namespace weft::serving
