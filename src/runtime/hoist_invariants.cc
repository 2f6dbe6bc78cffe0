// SPDX-License-Identifier: Apache-2.0
// What the body of a loop computes from invariants alone is the same in each iteration: reads of
// the variables that the loop does not write, and what pure nodes make of them. It goes into a plan
// of its own, which a run of the loop goes through once, before its first iteration; a loop whose
// condition is false from the start computes none of it, and so can't fail by it.
#include <algorithm>
#include <map>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "src/runtime/calls.h"
#include "src/runtime/frames.h"
#include "src/runtime/loop.h"
#include "src/runtime/plan_match.h"
#include "src/runtime/session_impl.h"

namespace weft {
namespace {

// Takes handles, and writes no variable by them.
bool WritesNoVariable(std::string_view op) {
  return op == "ReadVariableOp" || op == "VariableShape" || op == "VarIsInitializedOp" ||
         op == "ResourceGather" || op == "ResourceGatherNd" || op.starts_with("Stack") ||
         op.starts_with("TensorArray");
}

// May a node of the graph write a resource variable?
bool MayWrite(const PlanGraph& graph) {
  return std::any_of(graph.nodes.begin(), graph.nodes.end(), [](const auto& n) {
    if (n->is_feed) return false;
    if (n->op == kLoopOp || CallsFunctions(n->op) || IsEnter(*n)) return true;
    const bool handles =
        std::find(n->input_types.begin(), n->input_types.end(), kResource) != n->input_types.end();
    return handles && !WritesNoVariable(n->op);
  });
}

bool IsControlFlow(const PlanNode& n) {
  return CanMakeDead(n) || IsMerge(n) || IsEnter(n) || IsExit(n) || IsNextIteration(n) ||
         n.op == "LoopCond" || n.op == kLoopOp;
}

class InvariantHoister {
 public:
  InvariantHoister(SessionImpl* session, LoopPlan* plan)
      : session_(session), plan_(*plan), body_(plan->body->graph) {}

  void Run() {
    for (size_t i = 0; i < plan_.num_invariants; ++i) {
      PlanNode* feed = body_.feeds[plan_.num_variables + i];
      if (feed && !IsRef(feed->output_types[0])) known_.insert(feed);
    }
    std::vector<PlanNode*> order;
    if (known_.empty() || !TopologicalOrder(body_, &order)) return;
    reads_ = !MayWrite(body_) && !MayWrite(plan_.condition->graph);
    for (PlanNode* n : order) {
      if (IsInvariant(*n)) known_.insert(n), hoisted_.push_back(n);
    }
    if (!hoisted_.empty()) Move();
  }

 private:
  static bool IsFreeConstant(const PlanNode& n) {
    return n.op == "Const" && n.control_inputs.empty();
  }

  // What nodes without inputs of the iteration wait for, to be in it: it does nothing else.
  static bool IsPivot(const PlanNode* n) {
    return n->op == "Identity" && n->control_inputs.empty() && n->inputs[0].node->is_feed &&
           !IsRefEdge(n->inputs[0]);
  }

  bool IsInvariant(const PlanNode& n) const {
    if (n.is_feed || !n.def || n.inputs.empty() || HasRefs(n) || IsControlFlow(n) ||
        n.op == kCollectProductOp ||
        !std::all_of(n.control_inputs.begin(), n.control_inputs.end(), IsPivot))
      return false;
    if (n.is_stateful() ? !reads_ || n.op != "ReadVariableOp" : CallsFunctions(n.op)) return false;
    // Handles and lists stay where they are.
    for (const DataType type : n.output_types) {
      if (type == kResource || type == kVariant) return false;
    }
    bool constant = true;
    for (const PlanEdge& e : n.inputs) {
      const bool free = IsFreeConstant(*e.node);
      if (!free && !known_.contains(e.node)) return false;
      constant &= free;
    }
    return !constant;  // that is folded
  }

  void Move() {
    const std::unordered_set<const PlanNode*> gone(hoisted_.begin(), hoisted_.end());
    plan_.prologue = std::make_unique<Plan>();
    Plan& prologue = *plan_.prologue;
    prologue.is_part = true;
    prologue.kept_feeds.assign(plan_.num_invariants, 1);
    PassResults(gone);
    TakeInvariants();
    for (PlanNode* n : hoisted_) {
      n->control_inputs.clear();
      for (PlanEdge& e : n->inputs) {
        if (!IsFreeConstant(*e.node)) continue;
        PlanNode* copy = prologue.graph.Add();
        *copy = *e.node;
        copy->origin = nullptr;  // its kernel is its own
        e.node = copy;
      }
    }
    auto& nodes = body_.nodes;
    for (auto& n : nodes) {
      if (gone.contains(n.get())) prologue.graph.nodes.push_back(std::move(n));
    }
    std::erase_if(nodes, [](const auto& n) { return !n; });
    body_.RemoveUnused();
    prologue.graph.RemoveUnused();
  }

  // The body gets what it uses of the hoisted nodes as feeds.
  void PassResults(const std::unordered_set<const PlanNode*>& gone) {
    std::map<std::pair<const PlanNode*, int>, PlanNode*> feeds;
    const auto pass = [&](PlanEdge* e) {
      if (!e->node || !gone.contains(e->node)) return;
      PlanNode*& feed = feeds[{e->node, e->index}];
      if (!feed) {
        feed = body_.Add();
        feed->is_feed = true;
        feed->op = "_Feed";
        feed->name = e->node->name;
        feed->origin = e->node->origin;  // whose static shapes it has
        feed->fed_output = e->index;
        feed->order = -1;
        feed->output_types = {e->node->output_types[static_cast<size_t>(e->index)]};
        feed->device = session_->cpu();
        body_.feeds.push_back(feed);
        plan_.body->kept_feeds.push_back(1);
        plan_.prologue->graph.fetches.push_back(*e);
      }
      *e = {feed, 0};
    };
    // Adding feeds moves the list of nodes.
    for (size_t i = 0, n = body_.nodes.size(); i < n; ++i) {
      PlanNode* const node = body_.nodes[i].get();
      if (gone.contains(node)) continue;
      std::erase_if(node->control_inputs, [&](const PlanNode* c) { return gone.contains(c); });
      for (PlanEdge& e : node->inputs) pass(&e);
    }
    for (PlanEdge& e : body_.fetches) pass(&e);
    std::erase_if(body_.targets, [&](const PlanNode* t) { return gone.contains(t); });
  }

  void TakeInvariants() {
    PlanGraph& graph = plan_.prologue->graph;
    for (size_t i = 0; i < plan_.num_invariants; ++i) {
      const PlanNode* feed = body_.feeds[plan_.num_variables + i];
      PlanNode* copy = nullptr;
      for (PlanNode* n : hoisted_) {
        for (PlanEdge& e : n->inputs) {
          if (!feed || e.node != feed) continue;
          if (!copy) *(copy = graph.Add()) = *feed;
          e.node = copy;
        }
      }
      graph.feeds.push_back(copy);
    }
  }

  SessionImpl* session_;
  LoopPlan& plan_;
  PlanGraph& body_;
  bool reads_ = false;                         // no variable is written in the loop
  std::unordered_set<const PlanNode*> known_;  // invariants, and what is computed from them alone
  std::vector<PlanNode*> hoisted_;             // producers first
};

}  // namespace

void HoistInvariants(SessionImpl* session, LoopPlan* plan) {
  InvariantHoister(session, plan).Run();
}

}  // namespace weft
