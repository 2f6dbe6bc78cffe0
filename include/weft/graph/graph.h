// SPDX-License-Identifier: Apache-2.0
// Graph: the static dataflow graph, and the scopes that new nodes are made in.
//
// A Graph is a handle to shared state; copies are the same graph. Nodes are only ever added;
// Operations and Tensors are valid while a handle to their graph lives. All functions are
// thread-safe; scopes belong to the thread that opened them.
//
//   wf::Graph g;
//   { wf::GraphScope scope(g); wf::NameScope layer("layer1"); auto w = wf::Constant({1.f}); }   //
//   "layer1/Const"
//
// Python's `with` blocks are RAII objects, to be destroyed in reverse order of creation.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "weft/graph/graph_def.h"
#include "weft/graph/tensor.h"

namespace weft {

class GraphImpl;
class OpRegistry;

// Names of the standard collections (tf.GraphKeys).
struct GraphKeys {
  static constexpr const char* kGlobalVariables = "variables";
  static constexpr const char* kLocalVariables = "local_variables";
  static constexpr const char* kMetricVariables = "metric_variables";
  static constexpr const char* kModelVariables = "model_variables";
  static constexpr const char* kTrainableVariables = "trainable_variables";
  static constexpr const char* kSummaries = "summaries";
  static constexpr const char* kQueueRunners = "queue_runners";
  static constexpr const char* kTableInitializers = "table_initializer";
  static constexpr const char* kAssetFilepaths = "asset_filepaths";
  static constexpr const char* kMovingAverageVariables = "moving_average_variables";
  static constexpr const char* kRegularizationLosses = "regularization_losses";
  static constexpr const char* kConcatenatedVariables = "concatenated_variables";
  static constexpr const char* kSavers = "savers";
  static constexpr const char* kWeights = "weights";
  static constexpr const char* kBiases = "biases";
  static constexpr const char* kActivations = "activations";
  static constexpr const char* kUpdateOps = "update_ops";
  static constexpr const char* kLosses = "losses";
  static constexpr const char* kSaveableObjects = "saveable_objects";
  static constexpr const char* kResources = "resources";
  static constexpr const char* kLocalResources = "local_resources";
  static constexpr const char* kInitOp = "init_op";
  static constexpr const char* kLocalInitOp = "local_init_op";
  static constexpr const char* kReadyOp = "ready_op";
  static constexpr const char* kReadyForLocalInitOp = "ready_for_local_init_op";
  static constexpr const char* kSummaryOp = "summary_op";
  static constexpr const char* kGlobalStep = "global_step";
  static constexpr const char* kEvalStep = "eval_step";
  static constexpr const char* kTrainOp = "train_op";
  static constexpr const char* kCondContext = "cond_context";
  static constexpr const char* kWhileContext = "while_context";
};

// An element of a collection: a tensor, an op, text/bytes, a number, or an object of the library (a
// Variable, a Saver, ...) held as shared_ptr<void> under the collection's name.
struct CollectionItem {
  std::variant<Tensor, Operation, std::string, int64_t, float, std::shared_ptr<void>> value;
};

// The two seeds of a random op (tf.get_seed): both unset gives {0, 0}: a different sequence in each
// session.
struct SeedPair {
  int64_t seed = 0;
  int64_t seed2 = 0;
};

class Graph {
 public:
  // A new, empty graph. `registry` is OpRegistry::Global() if null.
  explicit Graph(const OpRegistry* registry = nullptr);
  explicit Graph(std::shared_ptr<GraphImpl> impl) : impl_(std::move(impl)) {}

  // The innermost GraphScope's graph, else the process's default graph.
  static Graph Default();
  // Replaces the default graph by a new one. FailedPreconditionError inside a GraphScope.
  static void ResetDefault();

  std::vector<Operation> operations() const;
  // nullopt if absent.
  std::optional<Operation> FindOperation(std::string_view name) const;
  // Throw NotFoundError / InvalidArgumentError naming what was asked for. Tensor names are "op:0".
  Operation OperationByName(std::string_view name) const;
  Tensor TensorByName(std::string_view name) const;

  // Changes with every node, shape or device that is added.
  int64_t version() const;
  // From now on adding a node is an error.
  void Finalize();
  bool finalized() const;

  void set_seed(int64_t seed);
  void clear_seed();
  // By TF's rule, from the graph's seed and the op's. Op seeds default to the number of seedless
  // random ops so far.
  SeedPair GetSeed(std::optional<int64_t> op_seed) const;

  // The name an op of this name would get now, inside the current name scope; marks it as used
  // unless told otherwise.
  std::string UniqueName(std::string_view name, bool mark_as_used = true) const;
  // "" or "layer1" (no slash at the end).
  std::string current_name_scope() const;

  void AddToCollection(std::string_view collection, CollectionItem item);
  // `scope`: only items whose name begins with it.
  std::vector<CollectionItem> GetCollection(std::string_view collection,
                                            std::string_view scope = {}) const;
  void ClearCollection(std::string_view collection);
  std::vector<std::string> CollectionNames() const;

  // Nodes in the order they were made, library and versions included.
  GraphDef AsGraphDef(bool add_shapes = false) const;
  void set_versions(int producer, int min_consumer);
  std::pair<int, int> versions() const;

  GraphImpl& impl() const { return *impl_; }
  const std::shared_ptr<GraphImpl>& shared_impl() const { return impl_; }
  friend bool operator==(const Graph& a, const Graph& b) { return a.impl_ == b.impl_; }

 private:
  std::shared_ptr<GraphImpl> impl_;
};

// Makes a graph the default of this thread.
class GraphScope {
 public:
  explicit GraphScope(const Graph& graph);
  ~GraphScope();
  GraphScope(const GraphScope&) = delete;
  GraphScope& operator=(const GraphScope&) = delete;
};

// Prefix of the names of new nodes; made unique ("layer", "layer_1"). A name that ends with '/' is
// taken as it is (re-entered);
// "" is the root.
class NameScope {
 public:
  explicit NameScope(std::string_view name, const Graph& graph = Graph::Default());
  ~NameScope();
  NameScope(const NameScope&) = delete;
  NameScope& operator=(const NameScope&) = delete;
  // With a slash at the end ("layer_1/"), to re-enter.
  const std::string& name() const { return name_; }

 private:
  std::shared_ptr<GraphImpl> graph_;
  std::string name_, outer_;
};

// New nodes run after these. ControlDependencies(nullptr) clears all outer ones.
class ControlDependencies {
 public:
  explicit ControlDependencies(const std::vector<Operation>& ops,
                               const Graph& graph = Graph::Default());
  explicit ControlDependencies(const std::vector<Tensor>& tensors,
                               const Graph& graph = Graph::Default());
  explicit ControlDependencies(std::initializer_list<Operation> ops)
      : ControlDependencies(std::vector<Operation>(ops)) {}
  explicit ControlDependencies(std::nullptr_t, const Graph& graph = Graph::Default());
  ~ControlDependencies();
  ControlDependencies(const ControlDependencies&) = delete;
  ControlDependencies& operator=(const ControlDependencies&) = delete;

 private:
  std::shared_ptr<GraphImpl> graph_;
};

// Device of new nodes: "/gpu:0", "/job:worker/task:1", merged with outer scopes as in TensorFlow;
// "" clears all outer scopes. Or a function from an op to its device, e.g. round robin for
// variables.
class DeviceScope {
 public:
  explicit DeviceScope(std::string_view device, const Graph& graph = Graph::Default());
  explicit DeviceScope(std::function<std::string(Operation)> device,
                       const Graph& graph = Graph::Default());
  ~DeviceScope();
  DeviceScope(const DeviceScope&) = delete;
  DeviceScope& operator=(const DeviceScope&) = delete;

 private:
  std::shared_ptr<GraphImpl> graph_;
};

// New nodes go to the device of this op.
class ColocateWith {
 public:
  explicit ColocateWith(Operation op, bool ignore_existing = false);
  // ColocateWith(nullptr): outer colocations and devices don't count inside.
  explicit ColocateWith(std::nullptr_t, const Graph& graph = Graph::Default());
  ~ColocateWith();
  ColocateWith(const ColocateWith&) = delete;
  ColocateWith& operator=(const ColocateWith&) = delete;

 private:
  std::shared_ptr<GraphImpl> graph_;
  bool ignore_existing_ = false;
  bool has_op_ = true;
  std::vector<Operation> saved_colocation_;
};

// Gradients of ops of type `first` built inside use the rule registered under `second`
// (OpRegistry::AddGradient).
class GradientOverrideMap {
 public:
  explicit GradientOverrideMap(std::map<std::string, std::string> overrides,
                               const Graph& graph = Graph::Default());
  ~GradientOverrideMap();
  GradientOverrideMap(const GradientOverrideMap&) = delete;
  GradientOverrideMap& operator=(const GradientOverrideMap&) = delete;

 private:
  std::shared_ptr<GraphImpl> graph_;
  std::map<std::string, std::string> outer_;
};

// Container of the stateful resources of new ops.
class ContainerScope {
 public:
  explicit ContainerScope(std::string_view container, const Graph& graph = Graph::Default());
  ~ContainerScope();
  ContainerScope(const ContainerScope&) = delete;
  ContainerScope& operator=(const ContainerScope&) = delete;

 private:
  std::shared_ptr<GraphImpl> graph_;
  std::string outer_;
};

// Options of ImportGraphDef (tf.import_graph_def).
struct ImportOptions {
  std::string prefix = "import";  // "" keeps the names; made unique otherwise
  std::map<std::string, Tensor> input_map =
      {};  // "name:i" (or "name", or "^name") -> what stands for it
  std::vector<std::string> return_elements = {};     // "op" or "op:0"
  std::vector<Operation> control_dependencies = {};  // of the imported nodes without inputs
  bool validate_colocation = true;
};
struct ImportResult {
  // In the order of return_elements: the tensor for "op:0", an invalid one for "op".
  std::vector<Tensor> tensors;
  std::vector<Operation> operations;
};
// Adds the nodes of `def` to `graph`: all or nothing. Throws InvalidArgumentError (and what
// TensorFlow throws) naming the node.
ImportResult ImportGraphDef(const GraphDef& def, const ImportOptions& options = {},
                            const Graph& graph = Graph::Default());

}  // namespace weft
