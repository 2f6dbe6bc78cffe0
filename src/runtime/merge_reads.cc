// SPDX-License-Identifier: Apache-2.0
// Reads of a resource variable: each use of a variable in a program makes one (a net that is
// written out over 35 steps reads a weight 70 times). Those between which nothing writes the
// variable become one, and what is computed from them can be seen to use the same matrix.
//
// Reads without control inputs wait for nothing, so TensorFlow runs them in any order with writes
// that don't wait for them. Weft runs such nodes in the order of the program, and keeps to that.
#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "src/runtime/plan.h"
#include "src/runtime/plan_match.h"

namespace weft {
namespace {

// What a program says of a variable.
struct Uses {
  std::vector<PlanNode*> reads;  // that may be merged
  std::vector<int64_t> writes;   // when they come: all but reads
  bool known = true;             // false: the handle goes where a write can't be seen
};

bool IsFreeRead(const PlanNode& n) {
  return n.op == "ReadVariableOp" && n.control_inputs.empty() && !n.is_feed;
}
// Takes a handle to work with the variable, and passes it on to nothing.
bool WorksOnVariable(const PlanNode& n) {
  const std::string_view op = n.op;
  return op.starts_with("Resource") || op.starts_with("Assign") || op == "ReadVariableOp" ||
         op == "VarIsInitializedOp" || op == "VariableShape";
}

}  // namespace

void MergeReads(PlanGraph* graph) {
  std::unordered_map<const PlanNode*, Uses*> uses_of;  // by handle
  std::map<std::string, Uses> variables;
  for (const auto& n : graph->nodes) {
    if (n->op == "VarHandleOp" && !n->is_feed) uses_of[n.get()] = &variables[VariableNameOf(*n)];
  }
  if (uses_of.empty()) return;
  for (const auto& n : graph->nodes) {
    for (const PlanEdge& e : n->inputs) {
      const auto found = uses_of.find(e.node);
      if (found == uses_of.end()) continue;
      Uses& uses = *found->second;
      if (!WorksOnVariable(*n)) uses.known = false;
      if (IsFreeRead(*n))
        uses.reads.push_back(n.get());
      else
        uses.writes.push_back(n->order);
    }
  }
  for (const PlanEdge& e : graph->fetches) {
    if (const auto found = uses_of.find(e.node); found != uses_of.end())
      found->second->known = false;
  }
  bool merged = false;
  std::unordered_map<const PlanNode*, PlanNode*> stands_for;
  for (auto& [name, uses] : variables) {
    if (!uses.known || uses.reads.size() < 2) continue;
    std::sort(uses.reads.begin(), uses.reads.end(),
              [](const PlanNode* a, const PlanNode* b) { return a->order < b->order; });
    std::sort(uses.writes.begin(), uses.writes.end());
    PlanNode* first = uses.reads[0];
    for (PlanNode* read : uses.reads) {
      const auto write = std::upper_bound(uses.writes.begin(), uses.writes.end(), first->order);
      const bool written = write != uses.writes.end() && *write <= read->order;
      if (written || read->device != first->device || read->output_types != first->output_types) {
        first = read;
      } else if (read != first) {
        stands_for[read] = first;
        merged = true;
      }
    }
  }
  if (!merged) return;
  const auto redirect = [&](PlanEdge* e) {
    if (const auto found = stands_for.find(e->node); found != stands_for.end())
      e->node = found->second;
  };
  for (const auto& n : graph->nodes) {
    for (PlanEdge& e : n->inputs) redirect(&e);
  }
  for (PlanEdge& e : graph->fetches) redirect(&e);
  graph->RemoveUnused();
}

}  // namespace weft
