// SPDX-License-Identifier: Apache-2.0
// Brings kernels that work by rows together, so that threads can share them out (row_lanes.h). The
// order of creation has reads of variables, sums of gradients and updates between the steps of a
// recurrent net. Here kernels that work by rows wait for each other, and so do nodes without side
// effects that read what they make; they run when an operation with side effects needs one of them,
// those that work by rows first. Operations with side effects keep their order.
#include <algorithm>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "src/runtime/plan.h"
#include "src/runtime/plan_match.h"

namespace weft {
namespace {

// Only plans with such nodes are changed: elsewhere kernels that work by rows are no chains, and
// values of other nodes would be kept for longer.
bool IsRecurrent(const PlanNode& n) {
  static const auto* const ops = new std::unordered_set<std::string_view>{
      "_LstmGates", "_LstmGatesGrad", "_ProductOfParts", "_PartsOfProduct"};
  return ops->contains(n.op);
}

class RowOrder {
 public:
  explicit RowOrder(std::vector<PlanNode*> order) : order_(std::move(order)) {}

  std::vector<PlanNode*> Run() {
    for (PlanNode* n : order_) {
      // What a reference variable holds is read at the node's turn; and what writes it need not be
      // stateful.
      const bool movable = !n->is_stateful() && !ReadsRefs(*n);
      if (movable && (WorksByRows(*n) || NeedsWaiting(*n))) {
        waiting_.push_back(n);
        is_waiting_.insert(n);
        continue;
      }
      if (NeedsWaiting(*n) || Overwrites(*n)) Flush();
      result_.push_back(n);
    }
    Flush();
    return std::move(result_);
  }

 private:
  static bool WorksByRows(const PlanNode& n) {
    return n.kernel && n.kernel->works_by_rows() && !n.may_be_dead;
  }

  bool NeedsWaiting(const PlanNode& n) const {
    const auto waits = [&](const PlanNode* p) { return is_waiting_.contains(p); };
    return std::any_of(n.inputs.begin(), n.inputs.end(),
                       [&](const PlanEdge& e) { return waits(e.node); }) ||
           std::any_of(n.control_inputs.begin(), n.control_inputs.end(), waits);
  }

  // Does it write what a waiting node is going to read? A value that was read before is kept, but
  // by a copy of the variable.
  bool Overwrites(const PlanNode& n) const {
    if (waiting_.empty() || !n.is_stateful() || n.op == "ReadVariableOp") return false;
    for (size_t i = 0; i < n.inputs.size(); ++i) {
      const PlanNode& handle = *n.inputs[i].node;
      if (n.input_types[i] != kResource || handle.op != "VarHandleOp") continue;
      const std::string name = VariableNameOf(handle);
      for (const PlanNode* w : waiting_) {
        for (const PlanEdge& e : w->inputs) {
          if (e.node->op == "ReadVariableOp" && !e.node->inputs.empty() &&
              VariableNameOf(*e.node->inputs[0].node) == name)
            return true;
        }
      }
    }
    return false;
  }

  // Emits those of the waiting nodes that work by rows, or the others, and need no waiting one.
  void Emit(bool by_rows) {
    std::vector<PlanNode*> left;
    for (PlanNode* n : waiting_) {
      if (WorksByRows(*n) != by_rows || NeedsWaiting(*n)) {
        left.push_back(n);
        continue;
      }
      is_waiting_.erase(n);
      result_.push_back(n);
    }
    waiting_ = std::move(left);
  }

  void Flush() {
    while (!waiting_.empty()) {
      Emit(/*by_rows=*/true);
      Emit(/*by_rows=*/false);
    }
  }

  const std::vector<PlanNode*> order_;
  std::vector<PlanNode*> result_, waiting_;
  std::unordered_set<const PlanNode*> is_waiting_;
};

}  // namespace

std::vector<PlanNode*> OrderRows(std::vector<PlanNode*> order) {
  const bool any = std::any_of(order.begin(), order.end(), [](const PlanNode* n) {
    return IsRecurrent(*n) && n->kernel && n->kernel->works_by_rows();
  });
  return any ? RowOrder(std::move(order)).Run() : order;
}

}  // namespace weft
