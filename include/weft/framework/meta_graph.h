// SPDX-License-Identifier: Apache-2.0
// Meta graphs: a graph with its collections (variables, losses, ...) and its Saver, as the .meta
// file beside a checkpoint holds them (tf.train.export_meta_graph, import_meta_graph).
//
//   auto saver = wf::train::ImportMetaGraph("/models/m.ckpt-1000.meta");
//   saver->Restore(session, "/models/m.ckpt-1000");
//   session.Run("add:0");
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "weft/framework/saver.h"
#include "weft/graph/graph_def.h"

namespace weft {

namespace proto {
class MetaGraphDef;
}

namespace train {

// The file as a value.
class MetaGraphDef {
 public:
  MetaGraphDef();
  explicit MetaGraphDef(proto::MetaGraphDef proto);
  ~MetaGraphDef();
  MetaGraphDef(const MetaGraphDef&);
  MetaGraphDef(MetaGraphDef&&) noexcept;
  MetaGraphDef& operator=(const MetaGraphDef&);
  MetaGraphDef& operator=(MetaGraphDef&&) noexcept;

  // DataLossError, InvalidArgumentError if the text is no MetaGraphDef.
  static MetaGraphDef Parse(std::string_view bytes);
  static MetaGraphDef ParseText(std::string_view text);
  // Of either form. NotFoundError, DataLossError.
  static MetaGraphDef FromFile(const std::string& path);

  std::string Serialize() const;  // deterministic
  std::string ToText() const;
  // As protobuf's JSON writes it; TensorFlow's json_format parses it to the same message.
  std::string ToJson() const;
  // In one step.
  void WriteFile(const std::string& path, bool as_text = false) const;

  GraphDef graph_def() const;
  // nullopt if there is none.
  std::optional<SaverDef> saver_def() const;
  std::vector<std::string> collection_names() const;

  const proto::MetaGraphDef& proto() const { return *proto_; }
  proto::MetaGraphDef& mutable_proto() { return *proto_; }

 private:
  std::unique_ptr<proto::MetaGraphDef> proto_;
};

struct ExportMetaGraphOptions {
  std::string filename = {};  // written if not empty
  std::optional<SaverDef> saver_def = {};
  // These collections only; all if unset.
  std::optional<std::vector<std::string>> collection_list = {};
  bool as_text = false;
  bool clear_devices = false;
  // Leaves out attributes that have their op's default: older readers may not know them.
  bool strip_default_attrs = false;
  // Only what lies in this name scope, with names that begin there. Inputs from outside are named
  // "$unbound_inputs_<name>" and listed in collection "unbound_inputs": who imports it maps them.
  std::string export_scope = {};
  Graph graph = Graph::Default();
};
// Items that no message is known for are left out, with a warning.
MetaGraphDef ExportMetaGraph(const ExportMetaGraphOptions& options = {});

struct ImportMetaGraphOptions {
  bool clear_devices = false;
  std::string import_scope = {};  // goes before all names; made unique
  std::map<std::string, Tensor> input_map = {};
};
// Adds graph and collections to the default graph. The Saver of the meta graph, or a new one of all
// variables; nothing if there are none. Throws what ImportGraphDef throws, NotFoundError if a
// collection names a node that isn't there, InvalidArgumentError if input_map lacks one of
// "unbound_inputs".
std::optional<Saver> ImportMetaGraph(const MetaGraphDef& meta,
                                     const ImportMetaGraphOptions& options = {});
std::optional<Saver> ImportMetaGraph(const std::string& filename,
                                     const ImportMetaGraphOptions& options = {});

}  // namespace train
}  // namespace weft
