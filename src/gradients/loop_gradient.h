// SPDX-License-Identifier: Apache-2.0
// Gradients of while loops. The gradient of a loop is a loop that counts the iterations down; its
// variables are the gradients of the loop's variables. What it needs of the forward loop's values
// is pushed onto stacks there, and popped in the order of the iterations' reversal. Names and nodes
// are those of TensorFlow 1.
//
// All of it throws.
#pragma once

#include <map>
#include <memory>
#include <unordered_map>
#include <vector>

#include "src/graph/control_flow.h"
#include "weft/graph/grad.h"

namespace weft {

// The gradient of one loop.
class LoopGradientState final : public LoopGradient {
 public:
  LoopGradientState(WhileContext* forward, LoopGradientState* outer);

  WhileContext* forward_context() const override { return forward_; }
  absl::StatusOr<Tensor> RealValue(const Tensor& forward) override;
  void SwitchGradient(GradientContext& g) override;
  void MergeGradient(GradientContext& g) override;
  void EnterGradient(GradientContext& g) override;
  void ExitGradient(GradientContext& g) override;
  absl::StatusOr<Tensor> Predicate(const Tensor& pred) override;

  WhileContext* context() const { return context_; }
  LoopGradientState* outer() const { return outer_; }
  // Pushes the value in each iteration of the forward loop; returns the stack. `dead_branch`: the
  // value is computed where the branch that `value` belongs to is not taken.
  Tensor Accumulate(const Tensor& value, bool dead_branch = false);
  // Pops it in the loop of gradients.
  Tensor Accumulated(const Tensor& stack, const Tensor& value, bool dead_branch = false);
  // The predicate of a conditional in the forward loop, in the iteration of the gradient.
  Tensor RealPredicate(const Tensor& pred);
  Tensor KnownPredicate(const Tensor& pred) const;
  // Gives loop variables whose next value does not depend on their last a gradient of zero.
  void Finish();

  // Exits in the order of the forward loop, and how many of them have no gradient yet.
  std::vector<Tensor> unused_exits, deferred_exits, forward_exits;
  int pending_exits = 0;
  Operation grad_sync();

 private:
  std::pair<Tensor, Tensor> CountForward();
  Tensor CountBackward(const Tensor& count);
  Operation forward_sync();
  Tensor Real(const Tensor& value);
  Tensor ZeroAccumulator(const Tensor& invariant, const Tensor& grad);
  Tensor AccumulateInvariant(const Tensor& invariant, const Tensor& grad);
  IndexedSlices AccumulateInvariant(const Tensor& invariant, const IndexedSlices& grad);

  GraphImpl& graph_;
  WhileContext* forward_;
  LoopGradientState* outer_;
  WhileContext* context_ = nullptr;  // owned by the graph
  Tensor forward_index_, grad_index_;
  Operation forward_sync_, grad_sync_;
  std::unordered_map<Tensor, Tensor> history_;      // values of the forward loop, as they are here
  std::vector<std::pair<Node*, Tensor>> switches_;  // forward Switches and their gradients' Merges
};

// The gradients of all loops that one call of Gradients goes through.
class LoopGradients {
 public:
  explicit LoopGradients(GraphImpl& graph) : graph_(graph) {}
  // Adds the loop that this Exit belongs to.
  LoopGradientState* Add(Node* exit);
  // Of the loop that the node is in, or null; `before` the node's rule runs an Exit is outside.
  LoopGradientState* Find(const Node& node, bool before) const;
  const std::vector<std::unique_ptr<LoopGradientState>>& all() const { return all_; }
  // Zeros for an Exit whose variable is needed for others.
  Tensor ZerosForExit(const Tensor& exit);
  // Zeros for an output without gradient of a node in one of the loops; none for a loop's Switch.
  Grad ZerosFor(const Tensor& output);
  bool empty() const { return all_.empty(); }

 private:
  LoopGradientState* Of(const ControlFlowContext* loop) const;
  GraphImpl& graph_;
  std::vector<std::unique_ptr<LoopGradientState>> all_;
  std::map<const ControlFlowContext*, LoopGradientState*> by_loop_;
};

// Zeros for an output without gradient; of a conditional's Switch computed only when it is needed.
Grad ZerosOutsideLoops(const Tensor& output);

}  // namespace weft
