// SPDX-License-Identifier: Apache-2.0
// ImportGraphDef: checks a GraphDef and adds its nodes, all or nothing.
//
// Nodes are added when their inputs are there, of those that are ready the first in the GraphDef
// first, so that the order is TensorFlow's. Only a Merge may be added with an input missing: the
// NextIteration that closes its loop.
#include <algorithm>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <queue>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "src/core/device_name.h"
#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/graph/graph_file.h"
#include "src/graph/graph_io.h"
#include "src/graph/import_source.h"
#include "src/graph/proto_convert.h"

namespace weft {
namespace {

constexpr std::string_view kColocationPrefix = "loc:@";

bool IsMerge(const proto::NodeDef& def) { return def.op() == "Merge" || def.op() == "RefMerge"; }
bool IsNextIteration(const proto::NodeDef& def) {
  return def.op() == "NextIteration" || def.op() == "RefNextIteration";
}

template <typename... Piece>
absl::Status Invalid(const Piece&... pieces) {
  return absl::InvalidArgumentError(StrCat(pieces...));
}

class Importer {
 public:
  Importer(const proto::GraphDef& def, const ConstValues& values, const ImportOptions& options,
           GraphImpl& graph)
      : def_(def), values_(values), options_(options), graph_(graph) {}

  absl::StatusOr<ImportResult> Run() {
    Rollback rollback(graph_);
    absl::StatusOr<ImportResult> result = Add();
    if (!result.ok()) return result;
    Commit(rollback.first_id());
    rollback.Dismiss();
    return result;
  }

 private:
  // Takes back what was added, also when a function of the user throws.
  class Rollback {
   public:
    explicit Rollback(GraphImpl& graph)
        : graph_(graph),
          first_id_(graph.num_nodes()),
          producer_(graph.producer),
          library_(graph.library) {}
    ~Rollback() {
      if (dismissed_) return;
      graph_.Truncate(first_id_);
      graph_.library = library_;
      graph_.producer = producer_;
    }
    int first_id() const { return first_id_; }
    void Dismiss() { dismissed_ = true; }

   private:
    GraphImpl& graph_;
    int first_id_;
    int producer_;
    std::shared_ptr<proto::FunctionDefLibrary> library_;
    bool dismissed_ = false;
  };
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

  absl::StatusOr<ImportResult> Add() {
    if (graph_.finalized()) {
      return absl::FailedPreconditionError(
          "Graph is finalized and cannot be modified (import of a GraphDef)");
    }
    versions_ = def_.versions();
    WEFT_RETURN_IF_ERROR(CheckVersions(versions_));
    WEFT_RETURN_IF_ERROR(ChoosePrefix());
    WEFT_RETURN_IF_ERROR(TakeOptions());
    WEFT_RETURN_IF_ERROR(IndexNodes());
    WEFT_RETURN_IF_ERROR(CountPending());
    if (def_.has_library()) {
      WEFT_ASSIGN_OR_RETURN(
          graph_.library, MergeLibraries(graph_.library.get(), def_.library(), graph_.registry()));
    }
    // Shape functions follow the rules of the oldest producer.
    graph_.producer = std::min(graph_.producer, versions_.producer());
    WEFT_RETURN_IF_ERROR(AddNodes());
    WEFT_RETURN_IF_ERROR(AddBackEdges());
    WEFT_RETURN_IF_ERROR(CheckUnusedMappings());
    UpdateColocationNames();
    WEFT_ASSIGN_OR_RETURN(ImportResult result, MakeResult());
    ApplyDeviceScopes();
    return result;
  }

  // ---- Before any node is added ----

  absl::Status ChoosePrefix() {
    std::string_view wanted = options_.prefix;
    if (wanted.empty()) return absl::OkStatus();
    // With a slash at the end the prefix is taken as it is, as a name scope is.
    if (wanted.ends_with('/')) {
      prefix_ = std::string(wanted.substr(0, wanted.size() - 1));
    } else {
      prefix_ = graph_.UniqueName(wanted, /*mark_as_used=*/false);
      new_scope_ = true;
    }
    if (!IsValidOpName(prefix_)) {
      return Invalid("Imported node name prefix '", options_.prefix,
                     "' would lead to invalid node names");
    }
    return absl::OkStatus();
  }

  absl::Status TakeOptions() {
    for (const auto& [name, tensor] : options_.input_map) {
      const Source source = ParseSource(name);
      if (!tensor.valid() || tensor.node()->graph != &graph_) {
        return Invalid("input_map: the tensor for '", name, "' is empty or not in the graph");
      }
      if (source.index != kControlIndex && tensor.index() >= tensor.node()->num_outputs()) {
        return Invalid("input_map: node '", tensor.node()->name, "' has no output ",
                       tensor.index());
      }
      input_map_.emplace(source, tensor);
    }
    for (const Operation& op : options_.control_dependencies) {
      if (!op.valid() || op.node()->graph != &graph_) {
        return Invalid(
            "control_dependencies of an import: an operation is empty or not in the graph");
      }
    }
    return absl::OkStatus();
  }

  absl::Status IndexNodes() {
    nodes_.reserve(static_cast<size_t>(def_.node_size()));
    for (int i = 0; i < def_.node_size(); ++i) {
      const proto::NodeDef& node = def_.node(i);
      if (!IsValidOpName(node.name())) {
        return Invalid("Node '", node.name(), "': Node name contains invalid characters");
      }
      if (!nodes_.emplace(node.name(), Imported{i, nullptr}).second) {
        return Invalid("Node '", node.name(), "' is not unique");
      }
      if (node.op().empty())
        return Invalid("Node '", node.name(), "' does not specify an operation");
      bool in_control = false;
      for (const std::string& input : node.input()) {
        if (input.starts_with('^')) {
          in_control = true;
        } else if (in_control) {
          return Invalid("Node '", node.name(),
                         "': Control dependencies must come after regular dependencies");
        }
      }
      ForEachScope(node.name(), [this](std::string_view scope) { scopes_.insert(scope); });
    }
    if (options_.validate_colocation) return CheckColocation();
    return absl::OkStatus();
  }

  absl::Status CheckColocation() const {
    for (const proto::NodeDef& node : def_.node()) {
      auto it = node.attr().find("_class");
      if (it == node.attr().end()) continue;
      for (std::string_view group : it->second.list().s()) {
        if (!group.starts_with(kColocationPrefix)) continue;
        group.remove_prefix(kColocationPrefix.size());
        if (!nodes_.contains(group)) {
          return Invalid("Node '", node.name(), "' expects to be colocated with unknown node '",
                         group, "'");
        }
      }
    }
    return absl::OkStatus();
  }

  // How many inputs of each node are not there yet, and which nodes wait for it.
  absl::Status CountPending() {
    const auto n = static_cast<size_t>(def_.node_size());
    pending_.resize(n);
    waiting_.resize(n);
    for (size_t i = 0; i < n; ++i) {
      const proto::NodeDef& node = def_.node(static_cast<int>(i));
      int pending = node.input_size();
      if (IsMerge(node) && HasLoopInput(node)) pending = NumControlInputs(node) + 1;
      for (const std::string& input : node.input()) {
        const Source source = ParseSource(input);
        if (input_map_.contains(source)) {
          --pending;
          continue;
        }
        auto it = nodes_.find(source.node);
        if (it == nodes_.end()) {
          return Invalid("Node '", node.name(), "': Unknown input node '", input, "'");
        }
        waiting_[static_cast<size_t>(it->second.index)].push_back(static_cast<int>(i));
      }
      pending_[i] = pending;
      if (pending <= 0) ready_.push(static_cast<int>(i));
    }
    return absl::OkStatus();
  }

  // Is there an edge from a NextIteration, which makes this Merge the head of a loop?
  bool HasLoopInput(const proto::NodeDef& merge) const {
    return std::any_of(merge.input().begin(), merge.input().end(),
                       [this](const std::string& input) {
                         const Source source = ParseSource(input);
                         auto it = nodes_.find(source.node);
                         return source.index != kControlIndex && it != nodes_.end() &&
                                IsNextIteration(def_.node(it->second.index));
                       });
  }

  static int NumControlInputs(const proto::NodeDef& node) {
    return static_cast<int>(std::count_if(node.input().begin(), node.input().end(),
                                          [](const std::string& s) { return s.starts_with('^'); }));
  }

  // ---- Nodes ----

  absl::Status AddNodes() {
    int added = 0;
    while (!ready_.empty()) {
      const int i = ready_.top();
      ready_.pop();
      const proto::NodeDef& node = def_.node(i);
      WEFT_RETURN_IF_ERROR(WithNode(AddNode(node), node.name(), node.op()));
      ++added;
      const bool closes_loops = IsNextIteration(node);
      for (const int waiting : waiting_[static_cast<size_t>(i)]) {
        if (closes_loops && IsMerge(def_.node(waiting))) continue;
        if (--pending_[static_cast<size_t>(waiting)] == 0) ready_.push(waiting);
      }
    }
    if (added == def_.node_size()) return absl::OkStatus();
    return Invalid(def_.node_size() - added, " nodes in a cycle: ", SomeOfCycle(),
                   "; only a NextIteration may close a cycle, at a Merge");
  }

  std::string SomeOfCycle() const {
    std::string names;
    int listed = 0;
    for (size_t i = 0; i < pending_.size(); ++i) {
      const std::string& name = def_.node(static_cast<int>(i)).name();
      if (nodes_.at(name).node) continue;
      if (++listed > 5) return names + ", ...";
      StrAppend(&names, listed > 1 ? ", '" : "'", name, "'");
    }
    return names;
  }

  absl::Status AddNode(const proto::NodeDef& def) {
    const OpDef* op = graph_.registry().Find(def.op());
    if (!op) {
      return absl::NotFoundError(StrCat("Op type not registered '", def.op(), "' (node '",
                                        def.name(),
                                        "'): neither the library nor this program has such an op"));
    }
    if (op->deprecated_at() > 0 && versions_.producer() >= op->deprecated_at()) {
      return absl::UnimplementedError(
          StrCat("Op ", op->name(), " is not available in GraphDef version ", versions_.producer(),
                 ". ", op->deprecation(), " (node '", def.name(), "')"));
    }
    std::vector<Input> inputs;
    WEFT_RETURN_IF_ERROR(FindInputs(def, &inputs));

    NodeSpec spec;
    spec.op = def.op();
    spec.imported = true;
    spec.device = def.device();
    WEFT_RETURN_IF_ERROR(ConvertAttrs(def, *op, &spec.attrs));
    spec.name = FreeName(def.name());
    const size_t first_back_edge = back_edges_.size();
    WEFT_RETURN_IF_ERROR(AttachInputs(def, inputs, &spec));
    AddControlDependencies(inputs, &spec);

    WEFT_ASSIGN_OR_RETURN(Node * node, graph_.AddNode(std::move(spec)));
    for (size_t i = first_back_edge; i < back_edges_.size(); ++i) back_edges_[i].node = node;
    nodes_.find(def.name())->second.node = node;
    if (node->name != Prefixed(def.name())) renamed_.emplace(Prefixed(def.name()), node->name);
    KeepExtras(def, node);
    return TakeOutputShapes(node);
  }

  absl::Status FindInputs(const proto::NodeDef& def, std::vector<Input>* inputs) {
    std::unordered_set<const Node*> mapped_controls;
    for (const std::string& text : def.input()) {
      Input input{ParseSource(text), Tensor(), nullptr};
      auto mapped = input_map_.find(input.source);
      if (mapped != input_map_.end()) {
        used_mappings_.insert(input.source);
        input.mapped = mapped->second;
        const bool repeated = input.source.index == kControlIndex &&
                              !mapped_controls.insert(input.mapped.node()).second;
        if (!repeated) inputs->push_back(input);
        continue;
      }
      input.node = nodes_.find(input.source.node)->second.node;
      if (input.node && input.source.index != kControlIndex &&
          input.source.index >= input.node->num_outputs()) {
        return WrongOutput(def.name(), input.source, *input.node);
      }
      inputs->push_back(input);
    }
    return absl::OkStatus();
  }

  static absl::Status WrongOutput(std::string_view name, const Source& source, const Node& from) {
    return Invalid("Node '", name, "': Connecting to invalid output ", source.index,
                   " of source node ", source.node, " which has ", from.num_outputs(), " outputs.");
  }

  absl::Status ConvertAttrs(const proto::NodeDef& def, const OpDef& op, AttrMap* attrs) {
    const auto outside = values_.find(def.name());
    for (const auto& [name, value] : def.attr()) {
      if (outside != values_.end() && name == "value") {
        attrs->emplace(name, outside->second);
        continue;
      }
      absl::StatusOr<AttrValue> converted = AttrFromProto(value, &budget_);
      if (!converted.ok()) {
        return absl::Status(converted.status().code(),
                            StrCat("Node '", def.name(), "' (op type ", def.op(), "): attr '", name,
                                   "': ", converted.status().message()));
      }
      attrs->emplace(name, *std::move(converted));
    }
    std::string missing;
    for (const AttrDef& attr : op.attrs()) {
      if (attr.default_value || attrs->contains(attr.name)) continue;
      StrAppend(&missing, missing.empty() ? "'" : ", '", attr.name, "'");
    }
    if (!missing.empty()) {
      return Invalid("NodeDef missing attr ", missing, " from Op<name=", op.name(),
                     ">; NodeDef: {{node ", def.name(), "}}");
    }
    AddPrefixToColocation(attrs);
    return absl::OkStatus();
  }

  void AddPrefixToColocation(AttrMap* attrs) const {
    auto it = attrs->find("_class");
    if (prefix_.empty() || it == attrs->end()) return;
    const auto* classes = it->second.Get<std::vector<std::string>>();
    if (!classes) return;
    std::vector<std::string> prefixed = *classes;
    for (std::string& c : prefixed) {
      if (c.starts_with(kColocationPrefix)) {
        c = StrCat(kColocationPrefix, prefix_, "/", c.substr(kColocationPrefix.size()));
      }
    }
    it->second = std::move(prefixed);
  }

  absl::Status AttachInputs(const proto::NodeDef& def, const std::vector<Input>& inputs,
                            NodeSpec* spec) {
    for (const Input& input : inputs) {
      const bool is_control = input.source.index == kControlIndex;
      const bool is_back_edge = !input.mapped.valid() && !input.node;
      if (is_back_edge) {
        if (!IsMerge(def)) {
          return Invalid("Node '", def.name(),
                         "' had a back edge, but only Merge nodes can have back edges.");
        }
        back_edges_.push_back({nullptr,
                               is_control ? kControlIndex : static_cast<int>(spec->inputs.size()),
                               input.source});
      }
      if (is_control) {
        if (!is_back_edge)
          spec->control_inputs.push_back(input.mapped.valid() ? input.mapped.node() : input.node);
        continue;
      }
      spec->inputs.push_back(input.mapped.valid() ? input.mapped
                             : input.node         ? Tensor(input.node, input.source.index)
                                                  : Tensor());
    }
    if (std::any_of(spec->inputs.begin(), spec->inputs.end(),
                    [](const Tensor& t) { return !t.valid(); })) {
      auto type = spec->attrs.find("T");
      const DataType* t = type == spec->attrs.end() ? nullptr : type->second.Get<DataType>();
      spec->missing_input_types.assign(spec->inputs.size(), t ? *t : kInvalidType);
    }
    return absl::OkStatus();
  }

  // Nodes with an imported input wait for the dependencies through it.
  void AddControlDependencies(const std::vector<Input>& inputs, NodeSpec* spec) const {
    for (const Input& input : inputs) {
      if (input.node) return;
    }
    for (const Operation& op : options_.control_dependencies)
      spec->control_inputs.push_back(op.node());
  }

  std::string Prefixed(const std::string& name) const {
    return prefix_.empty() ? name : StrCat(prefix_, "/", name);
  }

  // The node's name behind the prefix, with a number if the graph has one of this name (or a
  // scope).
  std::string FreeName(const std::string& name) {
    const std::string wanted = Prefixed(name);
    if (!Exists(wanted)) return wanted;
    for (int i = 1;; ++i) {
      std::string unique = StrCat(wanted, "_", i);
      if (!Exists(unique) && !InGraphDef(unique)) return unique;
    }
  }

  bool Exists(const std::string& name) {
    if (!existing_scopes_) {  // asked for the first time before any node is added
      existing_scopes_.emplace();
      for (const auto& node : graph_.nodes()) {
        ForEachScope(node->name,
                     [this](std::string_view scope) { existing_scopes_->emplace(scope); });
      }
    }
    return graph_.FindNode(name) || existing_scopes_->contains(name);
  }

  bool InGraphDef(std::string_view name) const {
    if (!prefix_.empty()) {
      if (!name.starts_with(prefix_ + "/")) return false;
      name.remove_prefix(prefix_.size() + 1);
    }
    return nodes_.contains(name) || scopes_.contains(name);
  }

  void KeepExtras(const proto::NodeDef& def, const Node* node) {
    if (!def.has_experimental_debug_info() && !def.has_experimental_type()) return;
    proto::NodeDef& extras = extras_[node];
    if (def.has_experimental_debug_info())
      *extras.mutable_experimental_debug_info() = def.experimental_debug_info();
    if (def.has_experimental_type()) *extras.mutable_experimental_type() = def.experimental_type();
  }

  // A GraphDef that was exported with shapes: what they add to the inferred ones is kept.
  absl::Status TakeOutputShapes(Node* node) {
    auto it = node->attrs.find("_output_shapes");
    if (it == node->attrs.end()) return absl::OkStatus();
    const auto* list = it->second.Get<std::vector<PartialShape>>();
    if (!list) return Invalid("Node '", node->name, "' has an invalid _output_shapes attribute");
    if (list->empty() && node->num_outputs() > 0) return absl::OkStatus();
    if (static_cast<int>(list->size()) != node->num_outputs()) {
      return Invalid("Node '", node->name, "' has ", node->num_outputs(),
                     " outputs but the _output_shapes attribute specifies shapes for ",
                     list->size(), " outputs");
    }
    for (int i = 0; i < node->num_outputs(); ++i) {
      if (absl::Status s = graph_.SetShape(Tensor(node, i), (*list)[static_cast<size_t>(i)]);
          !s.ok()) {
        return Invalid(
            "Node '", node->name,
            "' has an _output_shapes attribute inconsistent with the GraphDef for output #", i,
            ": ", s.message());
      }
    }
    node->attrs.erase(it);
    return absl::OkStatus();
  }

  // ---- After all nodes are there ----

  absl::Status AddBackEdges() {
    for (const BackEdge& edge : back_edges_) {
      Node* from = nodes_.find(edge.source.node)->second.node;
      if (edge.input == kControlIndex) {
        graph_.AddControlInput(edge.node, from);
        continue;
      }
      if (edge.source.index >= from->num_outputs())
        return WrongOutput(edge.node->name, edge.source, *from);
      WEFT_RETURN_IF_ERROR(
          WithNode(graph_.SetInput(edge.node, edge.input, Tensor(from, edge.source.index)),
                   edge.node->name, edge.node->type()));
    }
    return absl::OkStatus();
  }

  absl::Status CheckUnusedMappings() const {
    std::string missing;
    for (const auto& [source, tensor] : input_map_) {
      if (used_mappings_.contains(source)) continue;
      auto it = nodes_.find(source.node);
      if (it != nodes_.end() &&
          (source.index == kControlIndex || source.index < it->second.node->num_outputs()))
        continue;
      StrAppend(&missing, missing.empty() ? "" : ", ", source.ToString());
    }
    if (missing.empty()) return absl::OkStatus();
    return Invalid("Attempted to map inputs that were not found in graph_def: [", missing, "]");
  }

  // Colocation groups follow the nodes that got another name.
  void UpdateColocationNames() {
    if (renamed_.empty()) return;
    for (const auto& [name, imported] : nodes_) {
      auto it = imported.node->attrs.find("_class");
      if (it == imported.node->attrs.end()) continue;
      const auto* classes = it->second.Get<std::vector<std::string>>();
      if (!classes) continue;
      std::vector<std::string> updated = *classes;
      for (std::string& c : updated) {
        if (!c.starts_with(kColocationPrefix)) continue;
        auto renamed = renamed_.find(c.substr(kColocationPrefix.size()));
        if (renamed != renamed_.end()) c = StrCat(kColocationPrefix, renamed->second);
      }
      it->second = std::move(updated);
    }
  }

  absl::StatusOr<ImportResult> MakeResult() const {
    ImportResult result;
    for (const std::string& element : options_.return_elements) {
      const Source source = ParseSource(element);
      const bool is_tensor = element.find(':') != std::string::npos;
      if (is_tensor) {
        auto mapped = input_map_.find(source);
        if (mapped != input_map_.end()) {
          result.tensors.push_back(mapped->second);
          result.operations.push_back(mapped->second.op());
          continue;
        }
      }
      auto it = nodes_.find(source.node);
      if (it == nodes_.end()) {
        return Invalid("Requested return_element '", element, "' not found in graph_def.");
      }
      Node* node = it->second.node;
      if (is_tensor && source.index >= node->num_outputs()) {
        return Invalid("Invalid return output ", source.index, " of node '", source.node,
                       "', which has ", node->num_outputs(), " output(s)");
      }
      result.tensors.push_back(is_tensor ? Tensor(node, source.index) : Tensor());
      result.operations.push_back(Operation(node));
    }
    return result;
  }

  // Scopes of the caller complete the devices of nodes that are not colocated with others.
  void ApplyDeviceScopes() {
    for (const proto::NodeDef& def : def_.node()) {
      Node* node = nodes_.find(def.name())->second.node;
      if (!node->FindAttr("_class")) graph_.ApplyDevices(node);
    }
  }

  // Nothing here fails.
  void Commit(int first_id) {
    if (new_scope_) graph_.UniqueName(options_.prefix, /*mark_as_used=*/true);
    for (int id = first_id; id < graph_.num_nodes(); ++id) {
      graph_.ReserveName(graph_.nodes()[static_cast<size_t>(id)]->name);
    }
    graph_.min_consumer = std::max(graph_.min_consumer, versions_.min_consumer());
    if (!extras_.empty() || versions_.bad_consumers_size() > 0) {
      ImportedExtras& extras = ImportedExtras::Of(graph_);
      extras.nodes.merge(extras_);
      auto& bad = extras.bad_consumers;
      bad.insert(bad.end(), versions_.bad_consumers().begin(), versions_.bad_consumers().end());
      std::sort(bad.begin(), bad.end());
      bad.erase(std::unique(bad.begin(), bad.end()), bad.end());
    }
  }

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

}  // namespace

absl::StatusOr<ImportResult> ImportWithValues(const proto::GraphDef& def, const ConstValues& values,
                                              const ImportOptions& options, GraphImpl& graph) {
  std::lock_guard lock(graph.mu());
  return Importer(def, values, options, graph).Run();
}

ImportResult ImportGraphDef(const GraphDef& def, const ImportOptions& options, const Graph& graph) {
  return ValueOrThrow(ImportWithValues(def.proto(), {}, options, graph.impl()));
}

}  // namespace weft
