// SPDX-License-Identifier: Apache-2.0
// A graph and its collections as a MetaGraphDef, and back.
#include <algorithm>
#include <set>

#include "proto/weft/meta_graph.pb.h"
#include "src/core/log.h"
#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/framework/collection_defs.h"
#include "src/framework/nodes.h"
#include "src/framework/saver_proto.h"
#include "src/graph/proto_convert.h"
#include "weft/framework/meta_graph.h"
#include "weft/graph/op_def.h"

namespace weft::train {
namespace {

using Object = std::shared_ptr<void>;

// Inputs of an exported scope that come from outside of it, and the collection that lists them.
constexpr const char* kUnboundPrefix = "$unbound_inputs_";
constexpr const char* kUnboundInputs = "unbound_inputs";

// The version whose formats are written here.
constexpr const char* kTensorFlowVersion = "2.15.1";

// ---- Export -------------------------------------------------------------------------------------

// Adds an item to the list of its kind. False if the message has another kind of list already, or
// there is no message for the item.
class CollectionWriter {
 public:
  CollectionWriter(const std::string& name, const std::string& scope, proto::CollectionDef* def)
      : type_(saving::FindCollectionType(name)), scope_(scope), def_(def) {}

  bool Add(const CollectionItem& item) {
    return std::visit([this](const auto& value) { return AddValue(value); }, item.value);
  }

 private:
  bool Is(proto::CollectionDef::KindCase kind) const {
    return def_->kind_case() == kind || def_->kind_case() == proto::CollectionDef::KIND_NOT_SET;
  }
  bool AddNode(const std::string& name) {
    if (!name.starts_with(scope_)) return true;
    if (!Is(proto::CollectionDef::kNodeList)) return false;
    def_->mutable_node_list()->add_value(name.substr(scope_.size()));
    return true;
  }
  bool AddValue(const Tensor& t) { return AddNode(t.name()); }
  bool AddValue(const Operation& op) { return AddNode(op.name()); }
  bool AddValue(const std::string& bytes) {
    if (!Is(proto::CollectionDef::kBytesList)) return false;
    def_->mutable_bytes_list()->add_value(bytes);
    return true;
  }
  bool AddValue(int64_t number) {
    if (!Is(proto::CollectionDef::kInt64List)) return false;
    def_->mutable_int64_list()->add_value(number);
    return true;
  }
  bool AddValue(float number) {
    if (!Is(proto::CollectionDef::kFloatList)) return false;
    def_->mutable_float_list()->add_value(number);
    return true;
  }
  bool AddValue(const Object& object) {
    if (!type_) return false;
    const std::optional<std::string> bytes = type_->to_bytes(object, scope_);
    return !bytes || AddValue(*bytes);
  }

  const saving::CollectionType* type_;
  const std::string& scope_;
  proto::CollectionDef* def_;
};

// `scope`: "" or with a slash at its end.
void CollectionsToProto(const Graph& graph, const ExportMetaGraphOptions& options,
                        const std::string& scope, proto::MetaGraphDef* meta) {
  for (const std::string& name :
       options.collection_list ? *options.collection_list : graph.CollectionNames()) {
    proto::CollectionDef def;
    CollectionWriter writer(name, scope, &def);
    const std::vector<CollectionItem> items = graph.GetCollection(name);
    const bool all = std::all_of(items.begin(), items.end(),
                                 [&](const CollectionItem& item) { return writer.Add(item); });
    if (!all) {
      LogWarning(StrCat("Issue encountered when serializing ", name,
                        ": items of its type have no message, or are of several types. It is left "
                        "out of the meta graph."));
    } else if (def.kind_case() != proto::CollectionDef::KIND_NOT_SET) {
      (*meta->mutable_collection_def())[name] = std::move(def);
    }
  }
}

// The schemas of all ops in the graph and its functions that are known, by name.
void StrippedOps(const proto::GraphDef& graph, proto::OpList* list) {
  std::set<std::string> types;
  for (const proto::NodeDef& node : graph.node()) types.insert(node.op());
  for (const proto::FunctionDef& function : graph.library().function()) {
    for (const proto::NodeDef& node : function.node_def()) types.insert(node.op());
  }
  for (const std::string& type : types) {
    if (const OpDef* def = OpRegistry::Global().Find(type)) OpDefToProto(*def, list->add_op());
  }
}

void StripDefaultAttrs(proto::GraphDef* graph) {
  for (proto::NodeDef& node : *graph->mutable_node()) {
    const OpDef* op = OpRegistry::Global().Find(node.op());
    if (!op) continue;
    for (const AttrDef& attr : op->attrs()) {
      const auto found = node.attr().find(attr.name);
      if (!attr.default_value || found == node.attr().end()) continue;
      proto::AttrValue default_value;
      AttrToProto(*attr.default_value, &default_value);
      if (SerializeProto(default_value) == SerializeProto(found->second))
        node.mutable_attr()->erase(attr.name);
    }
  }
}

void ClearDevices(proto::GraphDef* graph) {
  for (proto::NodeDef& node : *graph->mutable_node()) node.clear_device();
}

// The nodes of a scope alone, with names that begin in it.
class ScopeCutter {
 public:
  explicit ScopeCutter(std::string scope) : scope_(std::move(scope)) {}

  void Cut(proto::GraphDef* graph) {
    google::protobuf::RepeatedPtrField<proto::NodeDef> all;
    all.Swap(graph->mutable_node());
    for (proto::NodeDef& node : all) {
      if (!node.name().starts_with(scope_)) continue;
      CutNode(&node);
      *graph->add_node() = std::move(node);
    }
  }
  const std::set<std::string>& unbound() const { return unbound_; }

 private:
  void CutNode(proto::NodeDef* node) {
    node->set_name(node->name().substr(scope_.size()));
    for (std::string& input : *node->mutable_input()) {
      const std::string control = input.starts_with('^') ? "^" : "";
      const std::string source = input.substr(control.size());
      if (source.starts_with(scope_)) {
        input = control + source.substr(scope_.size());
      } else {
        input = StrCat(control, kUnboundPrefix, source);
        unbound_.insert(input);
      }
    }
    const auto found = node->mutable_attr()->find("_class");
    if (found == node->mutable_attr()->end()) return;
    constexpr std::string_view kLocation = "loc:@";
    proto::AttrValue inside;
    for (const std::string& location : found->second.list().s()) {
      if (!location.starts_with(StrCat(kLocation, scope_))) continue;
      inside.mutable_list()->add_s(
          StrCat(kLocation, location.substr(kLocation.size() + scope_.size())));
    }
    if (inside.list().s().empty()) {
      node->mutable_attr()->erase("_class");
    } else {
      found->second = std::move(inside);
    }
  }

  std::string scope_;
  std::set<std::string> unbound_;
};

// ---- Import -------------------------------------------------------------------------------------

// Adds the collections of a meta graph to the graph that has its nodes.
class CollectionReader {
 public:
  CollectionReader(const Graph& graph, const std::string& scope) : graph_(graph), scope_(scope) {}

  void Add(const std::string& name, const proto::CollectionDef& def) {
    switch (def.kind_case()) {
      case proto::CollectionDef::kNodeList:
        for (const std::string& node : def.node_list().value()) AddNode(name, node);
        break;
      case proto::CollectionDef::kBytesList:
        for (const std::string& bytes : def.bytes_list().value()) AddBytes(name, bytes);
        break;
      case proto::CollectionDef::kInt64List:
        for (const int64_t v : def.int64_list().value()) graph_.AddToCollection(name, {v});
        break;
      case proto::CollectionDef::kFloatList:
        for (const float v : def.float_list().value()) graph_.AddToCollection(name, {v});
        break;
      default:
        LogWarning(StrCat("Cannot identify data type for collection ", name, ". Skipping."));
    }
  }

 private:
  void AddNode(const std::string& collection, const std::string& node) {
    const std::string full = weft::internal::InScope(scope_, node);
    if (full.find(':') == std::string::npos) {
      graph_.AddToCollection(collection, {graph_.OperationByName(full)});
    } else {
      graph_.AddToCollection(collection, {graph_.TensorByName(full)});
    }
  }

  // The same message in two collections is one object.
  void AddBytes(const std::string& collection, const std::string& bytes) {
    const saving::CollectionType* type = saving::FindCollectionType(collection);
    if (!type) {
      graph_.AddToCollection(collection, {bytes});
      return;
    }
    Object& object = objects_[{type->from_bytes.target_type().name(), bytes}];
    if (!object) object = FromBytes(*type, collection, bytes);
    graph_.AddToCollection(collection, {object});
  }

  Object FromBytes(const saving::CollectionType& type, const std::string& collection,
                   const std::string& bytes) const {
    try {
      return type.from_bytes(bytes, scope_, graph_);
    } catch (const Error& e) {
      ThrowError(e.code(), StrCat("collection '", collection, "': ", e.what()), e.op_name(),
                 e.op_type());
    }
  }

  Graph graph_;
  std::string scope_;
  std::map<std::pair<std::string, std::string>, Object> objects_;
};

}  // namespace

MetaGraphDef ExportMetaGraph(const ExportMetaGraphOptions& options) {
  proto::MetaGraphDef meta;
  *meta.mutable_graph_def() = options.graph.AsGraphDef(/*add_shapes=*/true).proto();
  std::string scope = options.export_scope;
  if (!scope.empty()) {
    if (scope.back() != '/') scope += '/';
    ScopeCutter cutter(scope);
    cutter.Cut(meta.mutable_graph_def());
    for (const std::string& input : cutter.unbound()) {
      (*meta.mutable_collection_def())[kUnboundInputs].mutable_bytes_list()->add_value(input);
    }
  }
  proto::MetaGraphDef::MetaInfoDef* info = meta.mutable_meta_info_def();
  StrippedOps(meta.graph_def(), info->mutable_stripped_op_list());
  info->set_tensorflow_version(kTensorFlowVersion);
  info->set_tensorflow_git_version("unknown");
  info->set_stripped_default_attrs(options.strip_default_attrs);
  if (options.strip_default_attrs) StripDefaultAttrs(meta.mutable_graph_def());
  if (options.clear_devices) ClearDevices(meta.mutable_graph_def());
  if (options.saver_def) saving::SaverDefToProto(*options.saver_def, meta.mutable_saver_def());
  CollectionsToProto(options.graph, options, scope, &meta);
  MetaGraphDef result(std::move(meta));
  if (!options.filename.empty()) result.WriteFile(options.filename, options.as_text);
  return result;
}

namespace {

void CheckBound(const proto::MetaGraphDef& meta, const std::map<std::string, Tensor>& input_map) {
  const auto found = meta.collection_def().find(kUnboundInputs);
  if (found == meta.collection_def().end()) return;
  std::vector<std::string> missing;
  for (const std::string& input : found->second.bytes_list().value()) {
    if (!input_map.contains(input)) missing.push_back(input);
  }
  if (missing.empty()) return;
  ThrowError(Code::kInvalidArgument,
             StrCat("Graph contains unbound inputs: ", StrJoin(missing, ", "),
                    ". Must provide these inputs through input_map."));
}

}  // namespace

std::optional<Saver> ImportMetaGraph(const MetaGraphDef& meta,
                                     const ImportMetaGraphOptions& options) {
  CheckBound(meta.proto(), options.input_map);
  const Graph graph = Graph::Default();
  std::string scope = options.import_scope;
  if (!scope.empty() && scope.back() == '/') scope.pop_back();
  if (!scope.empty()) scope = graph.UniqueName(scope, /*mark_as_used=*/false);
  GraphDef def = meta.graph_def();
  if (options.clear_devices) ClearDevices(&def.mutable_proto());
  ImportGraphDef(def, {.prefix = scope, .input_map = options.input_map}, graph);
  CollectionReader collections(graph, scope);
  for (const std::string& name : meta.collection_names()) {
    if (name == kUnboundInputs) continue;
    collections.Add(name, meta.proto().collection_def().at(name));
  }
  if (const std::optional<SaverDef> saver = meta.saver_def()) return Saver::FromDef(*saver, scope);
  if (GlobalVariables(scope, graph).empty()) return std::nullopt;
  return Saver();
}

std::optional<Saver> ImportMetaGraph(const std::string& filename,
                                     const ImportMetaGraphOptions& options) {
  return ImportMetaGraph(MetaGraphDef::FromFile(filename), options);
}

}  // namespace weft::train
