// SPDX-License-Identifier: Apache-2.0
// The gradient of a loop keeps each value that it needs on a stack of its own: the forward loop's
// body pushes some ten or twenty values an iteration, the gradient's body pops them. One node does
// all pushes of a plan, and one all pops.
//
//   StackPushV2(h_1, v_1), ..., StackPushV2(h_n, v_n)  -> _StackPushes(h_1, ..., h_n, v_1, ...,
//   v_n) StackPopV2(h_1), ..., StackPopV2(h_n)              -> _StackPops(h_1, ..., h_n)
#include <algorithm>
#include <string>
#include <unordered_set>
#include <vector>

#include "src/runtime/plan_match.h"

namespace weft {
namespace {

class StackMerger {
 public:
  explicit StackMerger(PlanGraph* graph) : graph_(*graph) {}

  void Run() {
    MergePushes();
    MergePops();
    graph_.RemoveUnused();
  }

 private:
  // The nodes of this op that are always run, and of which none has to come after another one.
  std::vector<PlanNode*> Find(const char* op) {
    std::vector<PlanNode*> found;
    for (const auto& n : graph_.nodes) {
      if (n->op == op && !n->is_feed && n->input_types[0] == kResource && !n->inputs.empty() &&
          n->inputs[0].node->is_feed && n->device->type() == kCpu)
        found.push_back(n.get());
    }
    if (found.size() < 2) return {};
    const PlanUsers users(graph_);
    std::unordered_set<const PlanNode*> after, may_be_dead;
    const auto follow = [&](std::vector<const PlanNode*> from, auto* reached) {
      while (!from.empty()) {
        const PlanNode* n = from.back();
        from.pop_back();
        for (const PlanNode* user : users.of(n)) {
          if (reached->insert(user).second) from.push_back(user);
        }
      }
    };
    follow({found.begin(), found.end()}, &after);
    std::vector<const PlanNode*> switches;
    for (const auto& n : graph_.nodes) {
      if (CanMakeDead(*n)) switches.push_back(n.get());
    }
    follow(switches, &may_be_dead);
    std::erase_if(found,
                  [&](const PlanNode* n) { return after.contains(n) || may_be_dead.contains(n); });
    if (found.size() < 2) found.clear();
    // As they ran one by one: two of them may use one stack.
    std::sort(found.begin(), found.end(),
              [](const PlanNode* a, const PlanNode* b) { return a->order < b->order; });
    return found;
  }
  bool IsTarget(const PlanNode* n) const {
    return std::find(graph_.targets.begin(), graph_.targets.end(), n) != graph_.targets.end();
  }

  PlanNode* Merge(const std::vector<PlanNode*>& nodes, const char* op) {
    PlanNode* all = graph_.Add();
    all->op = op;
    all->name = nodes[0]->name + "/" + op;
    all->def = nodes[0]->def;
    all->device = nodes[0]->device;
    all->order = nodes[0]->order;
    for (PlanNode* n : nodes) {
      all->inputs.push_back(n->inputs[0]);
      all->input_types.push_back(kResource);
      for (PlanNode* c : n->control_inputs) {
        if (std::find(all->control_inputs.begin(), all->control_inputs.end(), c) ==
            all->control_inputs.end())
          all->control_inputs.push_back(c);
      }
    }
    const std::unordered_set<const PlanNode*> gone(nodes.begin(), nodes.end());
    for (const auto& n : graph_.nodes) {
      const size_t before = n->control_inputs.size();
      std::erase_if(n->control_inputs, [&](const PlanNode* c) { return gone.contains(c); });
      if (n->control_inputs.size() < before) n->control_inputs.push_back(all);
    }
    const size_t before = graph_.targets.size();
    std::erase_if(graph_.targets, [&](const PlanNode* t) { return gone.contains(t); });
    if (graph_.targets.size() < before) graph_.targets.push_back(all);
    return all;
  }

  void MergePushes() {
    const std::vector<PlanNode*> pushes = Find("StackPushV2");
    if (pushes.empty()) return;
    PlanNode* const all = Merge(pushes, "_StackPushes");
    for (PlanNode* n : pushes) {
      all->order = std::max(all->order, n->order);
      all->inputs.push_back(n->inputs[1]);
      all->input_types.push_back(n->input_types[1]);
      graph_.Redirect({n, 0}, n->inputs[1]);
    }
    // It is run for what it does, even if nothing waits for it.
    if (!IsTarget(all)) graph_.targets.push_back(all);
  }

  void MergePops() {
    const std::vector<PlanNode*> pops = Find("StackPopV2");
    if (pops.empty()) return;
    PlanNode* const all = Merge(pops, "_StackPops");
    for (PlanNode* n : pops) {
      all->order = std::min(all->order, n->order);
      graph_.Redirect({n, 0}, {all, static_cast<int>(all->output_types.size())});
      all->output_types.push_back(n->output_types[0]);
    }
    if (!IsTarget(all)) graph_.targets.push_back(all);
  }

  PlanGraph& graph_;
};

}  // namespace

void MergeStacks(PlanGraph* graph) { StackMerger(graph).Run(); }

}  // namespace weft
