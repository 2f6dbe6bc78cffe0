// SPDX-License-Identifier: Apache-2.0
// Plan: what a Session compiles for one set of feeds, fetches and targets. Immutable once compiled;
// shared by all threads that run it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "src/graph/node.h"
#include "weft/runtime/device.h"
#include "weft/runtime/kernel.h"

namespace weft {

struct PlanNode;
class SessionImpl;

struct PlanEdge {
  PlanNode* node = nullptr;
  int index = 0;
  friend bool operator==(const PlanEdge&, const PlanEdge&) = default;
};

// A node of a plan: a graph's node, or one that a pass made. A feed is a PlanNode without a kernel.
struct PlanNode {
  int64_t order = 0;             // of two nodes that may run in either order, the lower goes first
  const Node* origin = nullptr;  // null for nodes made by passes
  std::string name;
  std::string op;
  const OpDef* def = nullptr;
  AttrMap attrs;
  std::vector<PlanEdge> inputs;
  std::vector<PlanNode*> control_inputs;
  std::vector<DataType> input_types;   // a reference where the op takes one
  std::vector<DataType> output_types;  // references marked
  std::string requested_device;
  Device* device = nullptr;
  bool is_feed = false;
  int fed_output = 0;  // of a feed: which output of its origin it stands for
  bool removed = false;

  std::shared_ptr<Kernel> kernel;
  KernelFn fn = nullptr;           // of a stateless kernel: called directly
  AsyncKernel* waiting = nullptr;  // of a kernel that may have to wait: `kernel`
  int first_slot = -1;             // of output 0; outputs have consecutive slots
  bool may_be_dead = false;

  bool is_stateful() const { return def && def->is_stateful(); }
  template <typename T>
  const T* FindAttrOf(std::string_view attr) const {
    auto it = attrs.find(attr);
    return it == attrs.end() ? nullptr : it->second.Get<T>();
  }
};

// Passes its input on by one of its outputs; the others are dead, and so is what reads them.
inline bool CanMakeDead(const PlanNode& n) {
  return n.op == "Switch" || n.op == "RefSwitch" || n.op == "_SwitchN";
}

// A constant that needs no step of its own: its value is in its slot from the start.
bool IsPreloaded(const PlanNode& n);

// The graph that passes work on.
struct PlanGraph {
  std::vector<std::unique_ptr<PlanNode>> nodes;
  std::vector<PlanEdge> fetches;  // in the order asked for
  std::vector<PlanNode*> feeds;   // likewise; null for a feed that nothing needs
  std::vector<PlanNode*> targets;

  PlanNode* Add() {
    nodes.push_back(std::make_unique<PlanNode>());
    return nodes.back().get();
  }
  // Makes everything that reads `from` read `to`.
  void Redirect(PlanEdge from, PlanEdge to);
  void RemoveUnused();
};

// Why an input is special to the executor.
enum StepFlags : uint8_t {
  kStepPlain = 0,
  kStepReadsRef = 1,   // a reference is read as a value
  kStepMayBeDead = 2,  // an input may be dead
  kStepChecked = 4,    // its outputs are looked at (numeric_check.h)
  // Of an ExecState's call: the steps from here on are run by several threads (row_lanes.h).
  kStepBeginsLanes = 8,
};

// One kernel call, as compiled.
struct Step {
  PlanNode* node = nullptr;
  std::vector<int> inputs;         // slots
  std::vector<int> control_slots;  // first slots of control inputs that may be dead
  std::vector<uint8_t> deref;      // per input: read the variable behind the reference
  std::vector<uint8_t> last_use;   // per input: the value is not needed after this step
  std::vector<int> release;        // slots not needed after this step
  uint8_t flags = kStepPlain;
};

struct ExecState;
struct FrameProgram;

// How the steps of a plan depend on each other.
struct StepOrder {
  std::vector<int> needs;              // by step: number of entries that it has in `then`
  std::vector<std::vector<int>> then;  // by step: the steps that need it
  std::vector<int> readers;            // by slot: inputs of steps that read it
  std::vector<size_t> first_input;     // by step: number of inputs of the steps before it
};

struct Plan {
  PlanGraph graph;
  std::vector<Step> steps;
  int num_slots = 0;
  std::vector<int> feed_slots;  // -1: not needed
  std::vector<DataType> feed_types;
  std::vector<PartialShape> feed_shapes;  // static shapes that fed values must fit
  std::vector<std::string> feed_names;
  std::vector<int> fetch_slots;  // -1: an operation
  std::vector<uint8_t> fetch_is_ref;
  std::vector<std::string> fetch_names;
  std::vector<uint8_t> slot_is_fetched;
  // A fetched slot that is looked at after a run and not kept (whether a loop goes on): it has a
  // place in the memory plan like those that aren't fetched.
  int tested_slot = -1;
  std::vector<std::pair<int, Array>> constants;  // values that are there before the first step
  std::vector<uint8_t> slot_is_constant;
  std::vector<Device*> slot_device;  // where a slot's value lives
  SessionImpl* session = nullptr;
  // Several steps may wait, maybe for each other: they run by `order`, not one after the other.
  bool waits = false;
  StepOrder order;
  // Loops that are no sub-plans are left in it: it is run node by node (execute_frames.cc).
  bool has_frames = false;
  std::unique_ptr<FrameProgram> frames;
  // Of a loop's condition or body, or of a function: it owns the values that it is fed, and those
  // of kept feeds stay in their slots from run to run.
  bool is_part = false;
  std::vector<uint8_t> kept_feeds;
  std::shared_ptr<GraphImpl> part_graph;  // that it is compiled from, if not the session's

  // States not in use; each thread takes one for a run.
  std::mutex mu;
  std::vector<std::unique_ptr<ExecState>> idle;
  Plan();
  ~Plan();
};

// A request, with names resolved.
struct RunSpec {
  std::vector<Tensor> feeds;
  std::vector<Tensor> fetches;  // an invalid Tensor where an operation is fetched
  std::vector<Node*> targets;   // fetched operations too
};

absl::StatusOr<std::unique_ptr<Plan>> CompilePlan(SessionImpl* session, const RunSpec& spec);

// A plan over a function's graph, which it keeps alive: run by a kernel as a part of another plan.
absl::StatusOr<std::unique_ptr<Plan>> CompilePart(SessionImpl* session,
                                                  const std::shared_ptr<GraphImpl>& graph,
                                                  const RunSpec& spec);

// Turns the graph of a plan into steps. The nodes have devices, the feeds and fetches are set.
absl::Status FinishPlan(SessionImpl* session, Plan* plan);

// How a plan with frames is run, from its steps (execute_frames.cc).
absl::Status PrepareFrames(Plan* plan);

// Passes. CompilePlan calls, in this order:
absl::Status PlaceNodes(SessionImpl* session, PlanGraph* graph);  // placement.cc
// Leaves reads of a reference variable ("w/read") to their readers, each at its own time: they see
// updates that they wait for, as in TensorFlow, where the read shares the variable's memory; and no
// snapshot makes an update copy. A fetched read stays, and is of the time of its own turn.
void RemoveReferenceReads(PlanGraph* graph);                        // optimize.cc
absl::Status InsertCopies(SessionImpl* session, PlanGraph* graph);  // copies.cc
void OptimizeGraph(SessionImpl* session,
                   PlanGraph* graph);     // optimize.cc: folding, common subexpressions, identities
void FuseConvolutions(PlanGraph* graph);  // fuse_conv.cc
void FuseLstmGates(PlanGraph* graph);     // fuse_lstm.cc
void FuseProducts(PlanGraph* graph);      // fuse_products.cc
void SplitProducts(PlanGraph* graph);     // split_products.cc
void FuseRowSums(PlanGraph* graph);       // fuse_row_sums.cc
void MergeReads(PlanGraph* graph);        // merge_reads.cc
void HoistProducts(PlanGraph* graph);     // hoist_products.cc
void FuseNodes(PlanGraph* graph);         // fuse.cc
void MergeStacks(PlanGraph* graph);       // merge_stacks.cc
void MarkRowWeights(PlanGraph* graph);    // row_weights.cc
// The order with kernels that work by rows next to each other in recurrent nets; row_order.cc
std::vector<PlanNode*> OrderRows(std::vector<PlanNode*> order);
// The order with updates moved up to their gradients; early_updates.cc
std::vector<PlanNode*> UpdateEarly(const PlanGraph& graph, std::vector<PlanNode*> order);

// Is it a product a^T b of float matrices on the CPU, which may be made later than where it stands?
bool IsProductOfColumns(const PlanNode& n);  // fuse_products.cc

// Nodes in an order in which producers come first; false if there is a cycle.
bool TopologicalOrder(const PlanGraph& graph, std::vector<PlanNode*>* order);  // optimize.cc

}  // namespace weft
