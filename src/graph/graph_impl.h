// SPDX-License-Identifier: Apache-2.0
// GraphImpl: the state behind Graph handles.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "src/graph/hash_slots.h"
#include "src/graph/node.h"
#include "weft/graph/graph.h"

namespace weft {

namespace proto {
class FunctionDefLibrary;
}

// What one thread has opened on one graph.
struct ScopeState {
  struct Controller {
    std::vector<Node*> inputs;
    bool clears = false;  // ControlDependencies(nullptr)
    std::unordered_set<Node*>
        seen;  // nodes made inside: an op that uses one of them needs no edge of its own
  };
  struct DeviceEntry {
    std::string device;
    bool clears = false;
    std::function<std::string(Operation)> function;
  };
  std::string name_scope;  // "a/b", without a slash at the end
  std::vector<Controller> controllers;
  std::vector<DeviceEntry> devices;
  std::vector<Operation> colocation;
  std::vector<std::vector<DeviceEntry>> hidden_devices;
  std::map<std::string, std::string> gradient_overrides;
  std::string container;
};

class GraphImpl : public std::enable_shared_from_this<GraphImpl> {
 public:
  explicit GraphImpl(const OpRegistry* registry);
  ~GraphImpl();

  // Guards everything. Recursive: device functions and gradient rules look at the graph while a
  // node is being added.
  std::recursive_mutex& mu() const { return mu_; }
  const OpRegistry& registry() const { return *registry_; }

  // Adds a node as it is: name, device and control inputs are final. On an error the graph is
  // unchanged.
  absl::StatusOr<Node*> AddNode(NodeSpec spec);
  // Adds a node in the scopes of this thread: unique name in the name scope (a name that ends with
  // '/' is exact), control dependencies, device, colocation (also with reference inputs),
  // container, gradient overrides.
  absl::StatusOr<Node*> AddNodeInScope(NodeSpec spec);
  // Sets an input that was left out when the node was made. Type and shape are checked.
  absl::Status SetInput(Node* node, int index, Tensor input);
  void AddControlInput(Node* node, Node* control);
  void SetAttr(Node* node, std::string name, AttrValue value);
  void SetDevice(Node* node, std::string device);
  absl::Status SetShape(const Tensor& t, const PartialShape& shape);
  // Merges the device scopes of this thread into the device of a node.
  void ApplyDevices(Node* node);
  // Removes the nodes with id >= first_id: for an import that fails half-way. Nothing else may
  // refer to them.
  void Truncate(int first_id);

  Node* FindNode(std::string_view name) const;
  const std::vector<std::unique_ptr<Node>>& nodes() const { return nodes_; }
  int num_nodes() const { return static_cast<int>(nodes_.size()); }
  int64_t version() const { return version_.load(std::memory_order_acquire); }
  // Changes when a node that is there already changes; adding nodes doesn't count.
  int64_t mutations() const { return mutations_.load(std::memory_order_acquire); }
  void Touch() { version_.fetch_add(1, std::memory_order_acq_rel); }

  // "a/b" and the name -> "a/b/name_1" (TensorFlow's rule, case-insensitive).
  std::string UniqueName(std::string_view name, bool mark_as_used);
  // Marks the names of the nodes with id >= first_id as used, for imports.
  void ReserveNames(int first_id);
  // Room for so many nodes more.
  void ReserveNodes(size_t n);

  ScopeState& scopes();

  void Finalize() {
    finalized_ = true;
    Touch();
  }
  bool finalized() const { return finalized_; }

  std::optional<int64_t> seed;
  int64_t seedless_ops = 0;
  int producer = 1645, min_consumer = 0;
  // Insertion order matters to listings: TensorFlow's are dicts.
  std::vector<std::pair<std::string, std::vector<CollectionItem>>> collections;
  std::shared_ptr<proto::FunctionDefLibrary> library;
  // Of a function's graph while its body is built: the graph in which it is defined, and what
  // stands for a tensor of another graph.
  const GraphImpl* function_of = nullptr;
  std::function<absl::StatusOr<Tensor>(const Tensor&)> capture;
  // Anything a higher layer keeps with a graph (variable stores, ...), by a key of its own.
  std::map<std::string, std::shared_ptr<void>, std::less<>> attachments;

  // Values computed by ConstantValue.
  std::unordered_map<Tensor, Array> constants;
  std::unordered_set<Tensor> not_constants;

 private:
  void ApplyColocation(Node* node, const std::vector<Operation>& stack);
  absl::Status CheckInputs(const NodeSpec& spec, const OpDef& def) const;
  // Sets attributes and dtypes of a new node.
  static absl::Status Resolve(NodeSpec* spec, const OpDef& def, Node* node);
  void TakeReservedNames();
  mutable std::recursive_mutex mu_;
  const OpRegistry* registry_;
  std::vector<std::unique_ptr<Node>> nodes_;
  HashSlots<Node*> by_name_;
  std::unordered_map<std::string, int> names_in_use_;  // lower case
  // Nodes [first, second) whose names are in use too: they are taken to names_in_use_ when somebody
  // asks for a name, which those who only run a graph never do.
  std::vector<std::pair<int, int>> reserved_nodes_;
  std::map<std::thread::id, ScopeState> scopes_;
  void Mutated() {
    mutations_.fetch_add(1, std::memory_order_acq_rel);
    Touch();
  }
  std::atomic<int64_t> version_{0}, mutations_{0};
  std::atomic<bool> finalized_{false};
};

// "[A-Za-z0-9.][A-Za-z0-9_.\\-/>]*".
bool IsValidOpName(std::string_view name);
bool IsValidScopeName(std::string_view name);
// Splits "op:1" (index 0 if none is given). False if it has no such form.
bool ParseTensorName(std::string_view text, std::string* op, int* index);

}  // namespace weft
