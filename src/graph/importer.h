// SPDX-License-Identifier: Apache-2.0
// What ImportGraphDef is made of: checks a GraphDef and adds its nodes to a graph, all or nothing.
//
// Nodes are added when their inputs are there, of those that are ready the first in the GraphDef
// first, so that the order is TensorFlow's. Only a Merge may be added with an input missing: the
// NextIteration that closes its loop.
#pragma once

#include <functional>
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
#include "src/graph/graph_io.h"
#include "src/graph/graph_view.h"
#include "src/graph/import_source.h"
#include "src/graph/proto_convert.h"

namespace weft {

inline constexpr std::string_view kColocationPrefix = "loc:@";

template <typename... Piece>
absl::Status InvalidImport(const Piece&... pieces) {
  return absl::InvalidArgumentError(StrCat(pieces...));
}

// For one import; the graph is locked meanwhile.
class Importer {
 public:
  // The attributes of the GraphDef may be taken out of it.
  Importer(GraphView& def, const ImportOptions& options, GraphImpl& graph)
      : def_(def), options_(options), graph_(graph) {}

  absl::StatusOr<ImportResult> Run();

 private:
  // Where an input that no mapping replaces comes from.
  struct Edge {
    int node = -1;   // in the GraphDef
    int output = 0;  // or kControlIndex
  };
  // What nodes with the same attributes share (a NodeSpec refers to `common`).
  struct Kind {
    bool converted = false;
    int64_t filled_bytes = 0;  // what converting took of the budget
    NodeKind common;
    // Taken from the attribute _output_shapes, which a node doesn't keep.
    bool has_output_shapes = false;
    std::optional<std::vector<PartialShape>> output_shapes;
  };
  struct BackEdge {
    Node* node;
    int input;  // or kControlIndex
    Source source;
  };
  // One input of a node that is about to be added.
  struct Input {
    int output = 0;        // or kControlIndex
    Tensor mapped;         // by the input map; or
    Node* node = nullptr;  // a node imported before; neither: a back edge
    int from = -1;         // which comes from this node of the GraphDef
  };

  absl::StatusOr<ImportResult> Add();

  // ---- Before any node is added (import_checks.cc) ----

  absl::Status ChoosePrefix();
  absl::Status TakeOptions();
  absl::Status IndexNodes();
  absl::Status CheckColocation() const;
  // How many inputs of each node are not there yet, and which nodes wait for it.
  absl::Status CountPending();
  absl::Status FindEdges(const NodeView& node);
  // Is there an edge from a NextIteration, which makes this Merge the head of a loop?
  bool HasLoopInput(const NodeView& merge) const;
  int NumControlInputs(const NodeView& node) const;
  // The number of the node of this name in the GraphDef, -1 if there is none.
  int IndexOf(std::string_view name) const;
  const NodeView& view(int i) const { return def_.nodes()[static_cast<size_t>(i)]; }

  // ---- Nodes (import_nodes.cc) ----

  absl::Status AddNodes();
  std::string SomeOfCycle() const;
  absl::Status AddNode(int i);
  absl::StatusOr<const OpDef*> FindOp(const NodeView& def);
  // Sets inputs_.
  absl::Status FindInputs(const NodeView& def);
  static absl::Status WrongOutput(std::string_view name, const Source& source, const Node& from);
  absl::Status TakeAttrs(const NodeView& def, const OpDef& op, Kind* kind);
  absl::Status ConvertAttrs(const NodeView& def, const OpDef& op, AttrMap* attrs);
  absl::Status ConvertMessages(const NodeView& def, const AttrProtos& messages, AttrMap* attrs);
  void AddPrefixToColocation(AttrMap* attrs) const;
  absl::Status AttachInputs(const NodeView& def, const AttrMap& attrs, NodeSpec* spec);
  // Nodes with an imported input wait for the dependencies through it.
  void AddControlDependencies(NodeSpec* spec) const;
  std::string Prefixed(std::string_view name) const;
  // The node's name behind the prefix, with a number if the graph has one of this name (or a
  // scope).
  std::string FreeName(std::string_view name);
  bool Exists(const std::string& name);
  bool InGraphDef(std::string_view name);
  void KeepExtras(const NodeView& def, const Node* node);
  // A GraphDef that was exported with shapes: what they add to the inferred ones is kept.
  absl::Status TakeOutputShapes(Node* node, Kind* kind);

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

  GraphView& def_;
  const ImportOptions& options_;
  GraphImpl& graph_;
  proto::VersionDef versions_;
  FillBudget budget_;
  std::string prefix_;  // without a slash at the end
  bool new_scope_ = false;
  bool may_clash_ = false;  // the graph has nodes, which may have the names of those that come

  // By the numbers of nodes, ops, sets of attributes and inputs in the GraphDef.
  std::vector<Node*> added_;  // nullptr: not yet
  std::vector<const OpDef*> ops_;
  std::vector<Kind> kinds_;
  std::vector<Edge> edges_;
  HashSlots<int> numbers_;  // of nodes, by their names
  // What follows points into the GraphDef and the options. Scopes are there once they are asked
  // for.
  std::optional<std::unordered_set<std::string_view>> scopes_;
  std::unordered_map<Source, Tensor, SourceHash> input_map_;
  std::unordered_set<Source, SourceHash> used_mappings_;
  std::optional<std::unordered_set<std::string>> existing_scopes_;

  std::vector<int> pending_;  // inputs that aren't there yet
  // The nodes that wait for node i: waiting_[first_waiting_[i]] and on, to that of node i + 1.
  std::vector<int> first_waiting_, waiting_;
  // Nodes that became ready after those behind them in the GraphDef had been looked at.
  std::priority_queue<int, std::vector<int>, std::greater<>> ready_;
  std::vector<Input> inputs_;  // of the node that is about to be added
  std::vector<BackEdge> back_edges_;
  std::unordered_map<std::string, std::string> renamed_;  // with the prefix
  std::unordered_map<const Node*, proto::NodeDef> extras_;
};

}  // namespace weft
