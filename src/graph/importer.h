// SPDX-License-Identifier: Apache-2.0
// What ImportGraphDef is made of: checks a GraphDef and adds its nodes to a graph, all or nothing.
//
// Nodes are added when their inputs are there, of those that are ready the first in the GraphDef
// first, so that the order is TensorFlow's. Only a Merge may be added with an input missing: the
// NextIteration that closes its loop.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <queue>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "src/core/strings.h"
#include "src/graph/graph_file.h"
#include "src/graph/graph_io.h"
#include "src/graph/import_source.h"
#include "src/graph/proto_convert.h"

namespace weft {

inline constexpr std::string_view kColocationPrefix = "loc:@";

inline bool IsMerge(const proto::NodeDef& def) {
  return def.op() == "Merge" || def.op() == "RefMerge";
}
inline bool IsNextIteration(const proto::NodeDef& def) {
  return def.op() == "NextIteration" || def.op() == "RefNextIteration";
}

template <typename... Piece>
absl::Status InvalidImport(const Piece&... pieces) {
  return absl::InvalidArgumentError(StrCat(pieces...));
}

// For one import; the graph is locked meanwhile.
class Importer {
 public:
  Importer(const proto::GraphDef& def, const ConstValues& values, const ImportOptions& options,
           GraphImpl& graph)
      : def_(def), values_(values), options_(options), graph_(graph) {}

  absl::StatusOr<ImportResult> Run();

 private:
  struct Imported {
    int index = 0;         // in the GraphDef
    Node* node = nullptr;  // once it is added
  };
  struct BackEdge {
    Node* node;
    int input;  // or kControlIndex
    Source source;
  };
  // One input of a node that is about to be added.
  struct Input {
    Source source;
    Tensor mapped;         // by the input map; or
    Node* node = nullptr;  // a node imported before; neither: a back edge
  };

  absl::StatusOr<ImportResult> Add();

  // ---- Before any node is added (import_checks.cc) ----

  absl::Status ChoosePrefix();
  absl::Status TakeOptions();
  absl::Status IndexNodes();
  absl::Status CheckColocation() const;
  // How many inputs of each node are not there yet, and which nodes wait for it.
  absl::Status CountPending();
  // Is there an edge from a NextIteration, which makes this Merge the head of a loop?
  bool HasLoopInput(const proto::NodeDef& merge) const;
  static int NumControlInputs(const proto::NodeDef& node);

  // ---- Nodes (import_nodes.cc) ----

  absl::Status AddNodes();
  std::string SomeOfCycle() const;
  absl::Status AddNode(const proto::NodeDef& def);
  absl::Status FindInputs(const proto::NodeDef& def, std::vector<Input>* inputs);
  static absl::Status WrongOutput(std::string_view name, const Source& source, const Node& from);
  absl::Status ConvertAttrs(const proto::NodeDef& def, const OpDef& op, AttrMap* attrs);
  void AddPrefixToColocation(AttrMap* attrs) const;
  absl::Status AttachInputs(const proto::NodeDef& def, const std::vector<Input>& inputs,
                            NodeSpec* spec);
  // Nodes with an imported input wait for the dependencies through it.
  void AddControlDependencies(const std::vector<Input>& inputs, NodeSpec* spec) const;
  std::string Prefixed(const std::string& name) const;
  // The node's name behind the prefix, with a number if the graph has one of this name (or a
  // scope).
  std::string FreeName(const std::string& name);
  bool Exists(const std::string& name);
  bool InGraphDef(std::string_view name) const;
  void KeepExtras(const proto::NodeDef& def, const Node* node);
  // A GraphDef that was exported with shapes: what they add to the inferred ones is kept.
  absl::Status TakeOutputShapes(Node* node);

  // ---- After all nodes are there (import_finish.cc) ----

  absl::Status AddBackEdges();
  absl::Status CheckUnusedMappings() const;
  // Colocation groups follow the nodes that got another name.
  void UpdateColocationNames();
  absl::StatusOr<ImportResult> MakeResult() const;
  // Scopes of the caller complete the devices of nodes that are not colocated with others.
  void ApplyDeviceScopes();
  // Nothing here fails.
  void Commit(int first_id);

  const proto::GraphDef& def_;
  const ConstValues& values_;
  const ImportOptions& options_;
  GraphImpl& graph_;
  proto::VersionDef versions_;
  FillBudget budget_;
  std::string prefix_;  // without a slash at the end
  bool new_scope_ = false;

  // Keys point into the GraphDef and the options.
  std::unordered_map<std::string_view, Imported> nodes_;
  std::unordered_set<std::string_view> scopes_;
  std::unordered_map<Source, Tensor, SourceHash> input_map_;
  std::unordered_set<Source, SourceHash> used_mappings_;
  std::optional<std::unordered_set<std::string>> existing_scopes_;

  std::vector<int> pending_;
  std::vector<std::vector<int>> waiting_;
  std::priority_queue<int, std::vector<int>, std::greater<>> ready_;
  std::vector<BackEdge> back_edges_;
  std::unordered_map<std::string, std::string> renamed_;  // with the prefix
  std::unordered_map<const Node*, proto::NodeDef> extras_;
};

}  // namespace weft
