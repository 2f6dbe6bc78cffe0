// SPDX-License-Identifier: Apache-2.0
// Builder, SimpleSave.
#include <map>
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
#include "weft/graph/attr_value.h"
#include "weft/runtime/session.h"

namespace weft::saved_model {

struct Builder::State {
  std::string export_dir;
  proto::SavedModel model;
  bool has_variables = false;
  std::set<std::string> copied_assets;  // names in assets/: the first file of a name stays
};

namespace {

using SignatureMap = std::map<std::string, SignatureDef>;

void CheckInfo(const std::string& signature, const std::string& key, const TensorInfo& info) {
  const bool has_encoding = !info.name.empty() || info.coo_sparse || !info.components.empty();
  if (!has_encoding) {
    ThrowError(Code::kInvalidArgument,
               StrCat("Invalid `tensor_info` '", key, "' of signature '", signature,
                      "': All TensorInfo protos used in the SignatureDefs must have one of the "
                      "'encoding' fields (e.g., name or coo_sparse) set."));
  }
  for (const TensorInfo& part : info.components) CheckInfo(signature, key, part);
  if (info.components.empty() && info.dtype == kInvalidType) {
    ThrowError(Code::kInvalidArgument,
               StrCat("Invalid `tensor_info` '", key, "' of signature '", signature,
                      "': All TensorInfo protos used in the SignatureDefs must have the dtype "
                      "field set."));
  }
}

void CheckSignatures(const SignatureMap& signatures) {
  for (const auto& [key, signature] : signatures) {
    for (const auto& [name, info] : signature.inputs) CheckInfo(key, name, info);
    for (const auto& [name, info] : signature.outputs) CheckInfo(key, name, info);
    if (key == kInitOpSignatureKey || key == kTrainOpSignatureKey) {
      ThrowError(Code::kInvalidArgument,
                 StrCat("SignatureDef map key \"", key, "\" is reserved for ",
                        key == kInitOpSignatureKey ? "initialization" : "the train op",
                        ". Please use a different key."));
    }
  }
}

void AddMainOp(const Graph& graph, const Operation& op) {
  if (!op.valid()) return;
  for (const char* key : {kMainOpKey, kLegacyInitOpKey}) {
    if (graph.GetCollection(key).empty()) continue;
    ThrowError(
        Code::kFailedPrecondition,
        StrCat("Graph already contains one or more main ops under the collection ", key, "."));
  }
  Graph(graph).AddToCollection(kMainOpKey, {op});
}

// ---- Assets -------------------------------------------------------------------------------------

std::string PathOf(const Tensor& asset) {
  const auto fail = [&](std::string_view why) {
    ThrowError(
        Code::kInvalidArgument,
        StrCat("Asset path tensor ", asset.valid() ? asset.name() : "(empty)", " must be ", why));
  };
  if (!asset.valid() || asset.op().type() != "Const") fail("of type constant.");
  const Array* value = asset.op().attr("value").Get<Array>();
  if (!value || value->dtype() != kString) fail("of dtype string.");
  if (value->num_elements() != 1) fail("a scalar.");
  const std::string& path = value->data<std::string>()[0];
  if (path.empty()) fail("the path of a file.");
  return path;
}

bool SameContents(const std::string& a, const std::string& b) {
  const auto first = ValueOrThrow(io::MappedFile::Open(a));
  const auto second = ValueOrThrow(io::MappedFile::Open(b));
  return first->bytes() == second->bytes();
}

// The name in assets/ for a file: another one ("vocab.txt_1") if a different file has it.
std::string AssetName(const std::string& path, const std::map<std::string, std::string>& taken) {
  const std::string base(io::Basename(path));
  auto it = taken.find(base);
  if (it == taken.end() || it->second == path || SameContents(it->second, path)) return base;
  for (int i = 1;; ++i) {
    std::string name = StrCat(base, "_", i);
    if (!taken.contains(name)) return name;
  }
}

// Copies the files and lists them in the collection, as TensorFlow does.
void SaveAssets(const std::vector<Tensor>& assets, const std::string& export_dir,
                std::set<std::string>* copied, proto::MetaGraphDef* meta) {
  if (assets.empty()) return;
  const std::string folder = io::JoinPath(export_dir, kAssetsDirectory);
  ThrowIfError(io::CreateFolders(folder));
  auto* list = (*meta->mutable_collection_def())[kAssetsKey].mutable_any_list();
  std::map<std::string, std::string> taken;
  for (const Tensor& asset : assets) {
    const std::string path = PathOf(asset);
    const std::string name = AssetName(path, taken);
    taken.emplace(name, path);
    const std::string target = io::JoinPath(folder, name);
    if (path != target && copied->insert(name).second) {
      const auto file = ValueOrThrow(io::MappedFile::Open(path));
      ThrowIfError(WriteFileAtomically(target, file->bytes()));
    }
    proto::AssetFileDef def;
    def.set_filename(name);
    def.mutable_tensor_info()->set_name(asset.name());
    auto* any = list->add_value();
    any->set_type_url("type.googleapis.com/tensorflow.AssetFileDef");
    any->set_value(SerializeProto(def));
  }
}

}  // namespace

Builder::Builder(const std::string& export_dir) : state_(std::make_unique<State>()) {
  state_->export_dir = export_dir;
  state_->model.set_saved_model_schema_version(kSchemaVersion);
  const absl::StatusOr<io::FileInfo> info = io::GetFileInfo(export_dir);
  if (!info.ok()) {
    ThrowIfError(io::CreateFolders(export_dir));
  } else if (!info->is_folder || !ValueOrThrow(io::ListFolder(export_dir)).empty()) {
    ThrowError(Code::kInvalidArgument,
               StrCat("Export directory ", export_dir,
                      " already exists, and isn't empty. Please choose a different export "
                      "directory, or delete all the contents of the specified directory."));
  }
}
Builder::~Builder() = default;
Builder::Builder(Builder&&) noexcept = default;
Builder& Builder::operator=(Builder&&) noexcept = default;

void Builder::Add(const Graph& graph, Session* session, const std::vector<std::string>& tags,
                  const AddOptions& options) {
  State& s = *state_;
  CheckSignatures(options.signatures);
  for (const Tensor& asset : options.assets) PathOf(asset);  // before anything changes
  const GraphScope scope(graph);
  AddMainOp(graph, options.main_op);
  std::optional<train::Saver> own;
  if (!options.saver) own.emplace(train::SaverOptions{.sharded = true, .allow_empty = true});
  const train::Saver& saver = options.saver ? *options.saver : *own;
  if (session) {
    const std::string folder = io::JoinPath(s.export_dir, kVariablesDirectory);
    ThrowIfError(io::CreateFolders(folder));
    saver.Save(*session, io::JoinPath(folder, kVariablesFilename), {},
               {.write_meta_graph = false, .write_state = false});
  }
  train::ExportMetaGraphOptions how{.clear_devices = options.clear_devices,
                                    .strip_default_attrs = options.strip_default_attrs,
                                    .graph = graph};
  // A Saver of nothing has no nodes.
  if (!saver.AsSaverDef().restore_op_name.empty()) how.saver_def = saver.AsSaverDef();
  train::MetaGraphDef exported = train::ExportMetaGraph(how);
  proto::MetaGraphDef& meta = exported.mutable_proto();
  SaveAssets(options.assets, s.export_dir, &s.copied_assets, &meta);
  for (const std::string& tag : tags) meta.mutable_meta_info_def()->add_tags(tag);
  for (const auto& [key, signature] : options.signatures) {
    SignatureToProto(signature, &(*meta.mutable_signature_def())[key]);
  }
  *s.model.add_meta_graphs() = std::move(meta);
}

void Builder::AddMetaGraphAndVariables(Session& session, const std::vector<std::string>& tags,
                                       const AddOptions& options) {
  if (state_->has_variables) {
    ThrowError(Code::kFailedPrecondition,
               "Graph state including variables and assets has already been saved. Please invoke "
               "`AddMetaGraph()` instead.");
  }
  Add(session.graph(), &session, tags, options);
  state_->has_variables = true;
}

void Builder::AddMetaGraph(const std::vector<std::string>& tags, const AddOptions& options) {
  if (!state_->has_variables) {
    ThrowError(Code::kFailedPrecondition,
               "Graph state including variables and assets has not been saved yet. Please invoke "
               "`AddMetaGraphAndVariables()` first.");
  }
  Add(Graph::Default(), nullptr, tags, options);
}

std::string Builder::Save(bool as_text) {
  const State& s = *state_;
  ThrowIfError(io::CreateFolders(s.export_dir));
  const std::string path =
      io::JoinPath(s.export_dir, as_text ? kSavedModelFilenamePbtxt : kSavedModelFilenamePb);
  ThrowIfError(WriteFileAtomically(path, as_text ? ProtoToText(s.model) : SerializeProto(s.model)));
  return path;
}

void SimpleSave(Session& session, const std::string& export_dir, const NamedTensors& inputs,
                const NamedTensors& outputs, const Operation& main_op) {
  AddOptions options{
      .signatures = {{kDefaultServingSignatureKey, PredictSignatureDef(inputs, outputs)}},
      .clear_devices = true,
      .main_op = main_op};
  for (const CollectionItem& item : session.graph().GetCollection(GraphKeys::kAssetFilepaths)) {
    if (const Tensor* asset = std::get_if<Tensor>(&item.value)) options.assets.push_back(*asset);
  }
  Builder builder(export_dir);
  builder.AddMetaGraphAndVariables(session, {kServing}, options);
  builder.Save();
}

}  // namespace weft::saved_model
