// SPDX-License-Identifier: Apache-2.0
// Contexts of conditionals and loops: what TensorFlow keeps of wf::Cond and wf::WhileLoop while
// their branches and bodies are built. A context sees every node that is made inside it, and
// replaces inputs from outside by the output of a Switch (of the branch) or of an Enter (of the
// loop). Gradients and meta graphs need the contexts again afterwards: each node knows its own.
//
// All functions need the graph's lock. The first argument of most is the graph.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "src/graph/graph_impl.h"

namespace weft {

class CondContext;
class WhileContext;

class ControlFlowContext {
 public:
  using ExternalValues = std::unordered_map<Tensor, Tensor>;

  // Its outer context is the one that is current.
  explicit ControlFlowContext(GraphImpl* graph);
  virtual ~ControlFlowContext() = default;
  ControlFlowContext(const ControlFlowContext&) = delete;
  ControlFlowContext& operator=(const ControlFlowContext&) = delete;

  // The tensor as this context sees it; adds the nodes that let it in.
  virtual absl::StatusOr<Tensor> AddValue(const Tensor& value) = 0;
  // A node was made in this context.
  virtual absl::Status AddOp(Node* node) = 0;
  // Nodes without inputs run when this tensor's node does.
  virtual Tensor control_pivot() const = 0;
  virtual CondContext* AsCond() { return nullptr; }
  virtual WhileContext* AsWhile() { return nullptr; }

  ControlFlowContext* outer() const { return outer_; }
  const std::vector<ControlFlowContext*>& nested() const { return nested_; }
  GraphImpl& graph() const { return graph_; }
  const std::string& name() const { return name_; }
  void set_name(std::string name) { name_ = std::move(name); }
  // This loop, or the innermost one around this context; null outside of loops.
  WhileContext* while_context();

  // Becomes the current context of this thread, until Exit. Calls nest.
  void Enter();
  void Exit();
  // The tensor belongs to this context.
  void AddName(const Tensor& t) { values.insert(t); }
  // Results of this context belong to the one around it.
  void ExitResult(const std::vector<Tensor>& results);

  std::unordered_set<Tensor> values;  // that the context has seen
  ExternalValues external_values;     // what stands for those from outside

 protected:
  // Drops control inputs from outside of the loop around this context; returns them.
  std::vector<Node*> RemoveExternalControlInputs(Node* node);

  GraphImpl& graph_;
  ControlFlowContext* outer_;
  std::string name_;

 private:
  std::vector<ControlFlowContext*> entered_from_, nested_;
};

// One branch of a conditional.
class CondContext final : public ControlFlowContext {
 public:
  // `pred` is the conditional's own copy of its predicate, `pivot` runs if the branch is taken.
  // Its name is `name` ("" for one that is set later), made unique.
  CondContext(GraphImpl* graph, std::string_view name, Tensor pred, Tensor pivot, bool branch);
  absl::StatusOr<Tensor> AddValue(const Tensor& value) override;
  absl::Status AddOp(Node* node) override;
  Tensor control_pivot() const override { return pivot_; }
  CondContext* AsCond() override { return this; }

  const Tensor& pred() const { return pred_; }
  const Tensor& pivot() const { return pivot_; }
  bool branch() const { return branch_; }
  // A result of the branch, as its Merge takes it.
  absl::StatusOr<Tensor> AddResult(const Tensor& value);

 private:
  // What stands for a value that was seen before; null if it wasn't.
  const Tensor* Known(const Tensor& value) const;
  // A value that wasn't, as the outer context has it.
  absl::StatusOr<Tensor> FromOutside(const Tensor& value);
  absl::StatusOr<Tensor> Guarded(const Tensor& value);
  Tensor pred_, pivot_;
  bool branch_;
};

// What the gradient of a loop adds to the loop's context (src/gradients/loop_gradient.h).
class LoopGradient {
 public:
  virtual ~LoopGradient() = default;
  virtual WhileContext* forward_context() const = 0;
  // The value that `forward` had in the iteration whose gradient is computed.
  virtual absl::StatusOr<Tensor> RealValue(const Tensor& forward) = 0;
  // The gradient rules of the nodes that loops are made of.
  virtual void SwitchGradient(GradientContext& g) = 0;
  virtual void MergeGradient(GradientContext& g) = 0;
  virtual void EnterGradient(GradientContext& g) = 0;
  virtual void ExitGradient(GradientContext& g) = 0;
  // The predicate of a conditional in the forward loop, as it was in the gradient's iteration.
  virtual absl::StatusOr<Tensor> Predicate(const Tensor& pred) = 0;
};

class WhileContext final : public ControlFlowContext {
 public:
  struct Options {
    int parallel_iterations = 10;
    bool back_prop = true;
    bool swap_memory = false;
    Tensor maximum_iterations = {};
  };
  // The frame is named `name`, made unique.
  WhileContext(GraphImpl* graph, std::string_view name, const Options& options,
               LoopGradient* gradient = nullptr);
  absl::StatusOr<Tensor> AddValue(const Tensor& value) override;
  absl::Status AddOp(Node* node) override;
  Tensor control_pivot() const override {
    return pivot_for_body.valid() ? pivot_for_body : pivot_for_pred;
  }
  WhileContext* AsWhile() override { return this; }

  const Options& options() const { return options_; }
  LoopGradient* gradient() const { return gradient_; }
  // A new Enter of this frame, in the current context. `use_shape`: with the shape of `data`.
  absl::StatusOr<Tensor> AddEnter(const Tensor& data, bool is_constant, std::string_view name = {},
                                  bool use_shape = true);
  // Enters that were made outside belong to this context.
  absl::Status Adopt(const std::vector<Tensor>& enters);

  Tensor pivot;           // LoopCond
  Tensor pivot_for_pred;  // nodes of the condition without inputs depend on it
  Tensor pivot_for_body;  // likewise of the body
  std::vector<Tensor> loop_exits, loop_enters;

 private:
  absl::Status AddConnected(Node* node);
  bool NeedsPivot(const Node& node) const;
  Options options_;
  LoopGradient* gradient_;
};

// The contexts of a graph.
class ControlFlowState {
 public:
  static ControlFlowState& Of(GraphImpl& graph);
  // Null if the graph has had no context.
  static ControlFlowState* Find(GraphImpl& graph);

  ControlFlowContext* current() const;
  void set_current(ControlFlowContext* context);
  // ControlDependencies(nullptr): no context is current inside.
  void Suspend();
  void Resume();
  void Own(std::shared_ptr<ControlFlowContext> context) { all_.push_back(std::move(context)); }
  ControlFlowContext* ContextOf(const Node* node) const;
  void SetContextOf(const Node* node, ControlFlowContext* context);
  void Forget(int first_id);

 private:
  std::unordered_map<const Node*, ControlFlowContext*> of_;
  std::vector<std::shared_ptr<ControlFlowContext>> all_;
  struct Thread {
    ControlFlowContext* current = nullptr;
    std::vector<ControlFlowContext*> suspended;
  };
  std::map<std::thread::id, Thread> threads_;
};

inline bool IsLoopExit(const Node& n) { return n.type() == "Exit" || n.type() == "RefExit"; }
inline bool IsLoopEnter(const Node& n) { return n.type() == "Enter" || n.type() == "RefEnter"; }
inline bool IsSwitchNode(const Node& n) { return n.type() == "Switch" || n.type() == "RefSwitch"; }
bool IsLoopConstantEnter(const Node& n);
// The context that the node was made in; null outside of all.
ControlFlowContext* ContextOf(const Node& n);
// The context that its outputs are in: of an Exit, the one around its loop.
ControlFlowContext* OutputContextOf(const Node& n);
WhileContext* WhileContextOf(const Node& n);
ControlFlowContext* CurrentContext(GraphImpl& graph);
// A Switch of a loop variable.
bool IsLoopSwitch(const Node& n);
// The constant Enter that the value comes from through Switches and Identities, or null.
Node* ConstantEnterOf(const Tensor& value);

// Adds a node in the current scopes.
absl::StatusOr<Node*> AddScopedNode(GraphImpl& graph, std::string_view type,
                                    const std::vector<Tensor>& inputs, AttrMap attrs = {},
                                    std::string_view name = {});
// A Switch (RefSwitch) beside `data`: {false, true}.
absl::StatusOr<Node*> AddColocatedSwitch(const Tensor& data, const Tensor& pred,
                                         std::string_view name = "Switch");
// A Merge, given the same input twice, whose second one comes later.
absl::StatusOr<Tensor> AddLoopMerge(const Tensor& enter, std::string_view name = "Merge");

// Is the input allowed: is it from a loop only if the node is in it too?
absl::Status CheckInputContext(const Node& node, const Node& input);

}  // namespace weft
