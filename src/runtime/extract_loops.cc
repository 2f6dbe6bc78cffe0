// SPDX-License-Identifier: Apache-2.0
// Finds structured loops in a plan's graph and takes them out of it.
#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/runtime/frames.h"
#include "src/runtime/loop.h"
#include "src/runtime/numeric_check.h"
#include "src/runtime/session_impl.h"

namespace weft {
namespace {

using NodeSet = std::unordered_set<const PlanNode*>;
using Users = std::unordered_map<const PlanNode*, std::vector<std::pair<PlanNode*, int>>>;

// One loop variable: Enter -> Merge -> Switch, back from a NextIteration. The Switch is missing
// where neither the body nor an Exit uses the variable.
struct Variable {
  PlanNode* enter = nullptr;
  PlanNode* merge = nullptr;
  PlanNode* next = nullptr;
};

// The loop of one outermost frame.
class LoopExtractor {
 public:
  LoopExtractor(SessionImpl* session, PlanGraph* graph, const Frames& frames, const Frame* frame)
      : session_(session), graph_(*graph), frames_(frames), frame_(frame) {}

  // False if the frame has not the form of a while loop; then nothing is changed.
  bool Recognise() {
    for (const auto& n : graph_.nodes) {
      const Frame* f = frames_.of(n.get());
      if (Frames::Within(f, frame_)) members_.push_back(n.get());
      if (IsExit(*n) && f == frame_->parent && frames_.of(n->inputs[0].node) == frame_)
        exits_.push_back(n.get());
      for (size_t i = 0; i < n->inputs.size(); ++i)
        users_[n->inputs[i].node].emplace_back(n.get(), static_cast<int>(i));
      for (PlanNode* c : n->control_inputs) users_[c].emplace_back(n.get(), -1);
    }
    return FindParts() && CheckSwitches() && CheckVariables() && FindBody() && CheckEdges();
  }

  FoundLoop Extract() {
    FoundLoop found;
    LoopPlan& plan = found.plan;
    plan.name = frame_->name;
    plan.num_variables = variables_.size();
    plan.num_invariants = invariants_.size();
    plan.num_extras = extras_.size();
    plan.condition = std::make_unique<Plan>();
    plan.body = std::make_unique<Plan>();
    found.node = MakeLoopNode(&plan);
    MakeFeeds(plan.condition.get(), /*body=*/false);
    MakeFeeds(plan.body.get(), /*body=*/true);
    FindPivots();
    Fill(plan.condition.get(), condition_, /*body=*/false);
    plan.condition->graph.fetches.push_back(Inside(cond_->inputs[0], false));
    for (const PlanEdge& e : extras_) plan.condition->graph.fetches.push_back(Inside(e, false));
    Fill(plan.body.get(), body_, /*body=*/true);
    for (const Variable& v : variables_) {
      plan.body->graph.fetches.push_back(Inside(v.next->inputs[0], true));
      for (PlanNode* c : v.next->control_inputs) {
        if (body_.contains(c)) plan.body->graph.targets.push_back(c);
      }
    }
    MoveNodes(plan.condition.get(), plan.body.get());
    plan.condition->graph.RemoveUnused();
    plan.body->graph.RemoveUnused();
    return found;
  }

 private:
  bool InFrame(const PlanNode* n) const { return frames_.of(n) == frame_; }
  bool InLoop(const PlanNode* n) const { return Frames::Within(frames_.of(n), frame_); }

  bool FindParts() {
    for (PlanNode* n : members_) {
      if (!InFrame(n)) continue;
      if (n->op == "LoopCond") {
        if (cond_) return false;
        cond_ = n;
      }
      if (IsEnter(*n)) {
        if (frames_.of(n->inputs[0].node) != frame_->parent) return false;
        (IsConstantEnter(*n) ? invariants_ : enters_).push_back(n);
      }
      if (IsNextIteration(*n)) nexts_.insert(n);
      if (!IsMerge(*n)) continue;
      const bool head = std::any_of(n->inputs.begin(), n->inputs.end(),
                                    [](const PlanEdge& e) { return IsNextIteration(*e.node); });
      if (!head) continue;
      if (n->inputs.size() != 2 || !n->control_inputs.empty() || !IsEnter(*n->inputs[0].node) ||
          IsConstantEnter(*n->inputs[0].node) || !IsNextIteration(*n->inputs[1].node))
        return false;
      variable_of_[n] = variables_.size();
      variables_.push_back({n->inputs[0].node, n, n->inputs[1].node});
    }
    if (!cond_ || variables_.empty()) return false;
    for (const PlanEdge& e : graph_.fetches) {
      if (e.node && InLoop(e.node)) return false;
    }
    return std::none_of(graph_.targets.begin(), graph_.targets.end(),
                        [this](PlanNode* t) { return InLoop(t); });
  }

  // The loop's Switches: by LoopCond, of a loop variable.
  bool CheckSwitches() {
    for (const auto& [user, input] : users_[cond_]) {
      if (input != 1 || !IsSwitch(*user)) continue;
      const PlanEdge& data = user->inputs[0];
      if (!variable_of_.contains(data.node) || data.index != 0) return false;
      if (!user->control_inputs.empty()) return false;
      variable_of_[user] = variable_of_.at(data.node);
      switches_.insert(user);
    }
    for (PlanNode* exit : exits_) {
      const PlanEdge& e = exit->inputs[0];
      if (!switches_.contains(e.node) || e.index != 0 || !exit->control_inputs.empty())
        return false;
    }
    return true;
  }

  bool CheckVariables() {
    NodeSet used_nexts;
    for (const Variable& v : variables_) used_nexts.insert(v.next);
    if (used_nexts.size() != nexts_.size()) return false;
    const auto only_merges = [this](const PlanNode* n, int at) {
      return std::all_of(users_[n].begin(), users_[n].end(), [&](const auto& use) {
        return use.second == at && variable_of_.contains(use.first);
      });
    };
    for (const PlanNode* n : nexts_) {
      if (!only_merges(n, 1)) return false;
    }
    return std::all_of(enters_.begin(), enters_.end(),
                       [&](const PlanNode* n) { return only_merges(n, 0); });
  }

  // The body: what depends on a Switch.
  bool FindBody() {
    std::vector<const PlanNode*> stack;
    for (const PlanNode* s : switches_) {
      for (const auto& [user, input] : users_[s]) {
        if (input < 0) return false;
        if (user->inputs[static_cast<size_t>(input)].index == 0) {
          if (!IsExit(*user)) return false;
        } else {
          stack.push_back(user);
        }
      }
    }
    NodeSet reached_nexts;
    while (!stack.empty()) {
      const PlanNode* n = stack.back();
      stack.pop_back();
      if (!InLoop(n)) return false;
      if (nexts_.contains(n)) {
        reached_nexts.insert(n);
        continue;
      }
      if (IsEnter(*n) && InFrame(n)) return false;
      if (variable_of_.contains(n) || n == cond_) return false;
      if (!body_.insert(n).second) continue;
      for (const auto& [user, input] : users_[n]) stack.push_back(user);
    }
    return reached_nexts.size() == nexts_.size() && FindCondition();
  }

  bool IsFrameNode(const PlanNode* n) const {
    return nexts_.contains(n) || variable_of_.contains(n) || n == cond_ ||
           (IsEnter(*n) && InFrame(n));
  }

  // What the condition is computed from, and what has effects without depending on a Switch. All
  // else follows from invariants alone and goes to the body.
  bool FindCondition() {
    std::vector<const PlanNode*> stack{cond_};
    for (const PlanNode* n : members_) {
      if (!IsFrameNode(n) && !body_.contains(n) && n->is_stateful()) stack.push_back(n);
    }
    while (!stack.empty()) {
      const PlanNode* n = stack.back();
      stack.pop_back();
      if (body_.contains(n)) return false;
      if (n != cond_ && (IsFrameNode(n) || !condition_.insert(n).second)) continue;
      for (const PlanEdge& e : n->inputs) {
        if (InLoop(e.node)) stack.push_back(e.node);
      }
      for (const PlanNode* c : n->control_inputs) {
        if (InLoop(c)) stack.push_back(c);
      }
    }
    for (const PlanNode* n : members_) {
      if (!IsFrameNode(n) && !condition_.contains(n)) body_.insert(n);
    }
    return true;
  }

  // Every edge must be one that the two plans can have.
  bool CheckEdges() {
    const NodeSet exits(exits_.begin(), exits_.end());
    for (const auto& n : graph_.nodes) {
      const bool inside = InLoop(n.get());
      for (const PlanEdge& e : n->inputs) {
        if (!InLoop(e.node)) continue;
        if (!inside && !exits.contains(n.get())) return false;
        if (variable_of_.contains(e.node) && IsMerge(*e.node) && e.index != 0) return false;
      }
      for (const PlanNode* c : n->control_inputs) {
        if (InLoop(c) && !inside) return false;
        if (switches_.contains(c) || nexts_.contains(c)) return false;
      }
      if (!inside) continue;
      if (body_.contains(n.get()) || nexts_.contains(n.get())) FindExtras(*n);
    }
    return true;
  }

  // What the body uses of the condition's values.
  void FindExtras(const PlanNode& n) {
    for (const PlanEdge& e : n.inputs) {
      const PlanEdge source = e.node == cond_ ? cond_->inputs[0] : e;
      if (condition_.contains(source.node) &&
          std::find(extras_.begin(), extras_.end(), source) == extras_.end())
        extras_.push_back(source);
    }
  }

  PlanNode* MakeLoopNode(LoopPlan* plan) {
    PlanNode* loop = graph_.Add();
    loop->op = kLoopOp;
    loop->name = frame_->name;
    loop->def = OpRegistry::Global().Find("Enter");
    loop->device = session_->cpu();
    std::vector<PlanNode*> enters;
    for (const Variable& v : variables_) enters.push_back(v.enter);
    enters.insert(enters.end(), invariants_.begin(), invariants_.end());
    for (PlanNode* enter : enters) {
      loop->inputs.push_back(enter->inputs[0]);
      loop->input_types.push_back(enter->input_types[0]);
      for (PlanNode* c : enter->control_inputs) {
        if (std::find(loop->control_inputs.begin(), loop->control_inputs.end(), c) ==
            loop->control_inputs.end())
          loop->control_inputs.push_back(c);
      }
    }
    for (const PlanNode* n : members_) loop->order = std::max(loop->order, n->order);
    if (!exits_.empty()) loop->order = 0;
    for (PlanNode* exit : exits_) {
      loop->order = std::max(loop->order, exit->order);
      loop->output_types.push_back(exit->output_types[0]);
      const int output = static_cast<int>(plan->exit_variable.size());
      plan->exit_variable.push_back(static_cast<int>(variable_of_.at(exit->inputs[0].node)));
      graph_.Redirect({exit, 0}, {loop, output});
      for (const auto& [user, input] : users_[exit]) {
        if (input < 0)
          std::replace(user->control_inputs.begin(), user->control_inputs.end(), exit, loop);
      }
      std::replace(graph_.targets.begin(), graph_.targets.end(), exit, loop);
    }
    return loop;
  }

  PlanNode* AddFeed(Plan* plan, const PlanEdge& value, const std::string& name) {
    PlanNode* feed = plan->graph.Add();
    feed->is_feed = true;
    feed->op = "_Feed";
    feed->name = name;
    feed->order = -1;
    feed->output_types = {value.node->output_types[static_cast<size_t>(value.index)]};
    feed->device = session_->cpu();
    plan->graph.feeds.push_back(feed);
    return feed;
  }

  void MakeFeeds(Plan* plan, bool body) {
    auto& inside = body ? in_body_ : in_condition_;
    plan->is_part = true;
    for (const Variable& v : variables_) {
      PlanNode* feed = AddFeed(plan, {v.merge, 0}, v.merge->name);
      inside[v.merge] = {feed, 0};
      for (const PlanNode* s : switches_) {
        if (s->inputs[0].node == v.merge) inside[s] = {feed, 0};
      }
    }
    for (PlanNode* enter : invariants_) {
      PlanNode* feed = AddFeed(plan, {enter, 0}, enter->name);
      inside[enter] = {feed, 0};
      const PlanNode& source = *enter->inputs[0].node;
      // A constant is one inside too, so that it can be folded into what uses it.
      if (source.op != "Const" || !source.control_inputs.empty()) continue;
      PlanNode* copy = plan->graph.Add();
      *copy = source;
      inside[enter] = {copy, 0};
    }
    plan->kept_feeds.assign(variables_.size(), 0);
    plan->kept_feeds.resize(variables_.size() + invariants_.size(), 1);
    if (!body) return;
    for (const PlanEdge& e : extras_) extra_feeds_.push_back(AddFeed(plan, e, e.node->name));
    plan->kept_feeds.resize(plan->kept_feeds.size() + extras_.size(), 0);
  }

  // The edge as it is inside the plan of the body or of the condition.
  PlanEdge Inside(const PlanEdge& e, bool body) const {
    const PlanEdge source = e.node == cond_ ? cond_->inputs[0] : e;
    const auto& inside = body ? in_body_ : in_condition_;
    if (auto it = inside.find(source.node); it != inside.end()) return it->second;
    if (body) {
      const auto extra = std::find(extras_.begin(), extras_.end(), source);
      if (extra != extras_.end())
        return {extra_feeds_[static_cast<size_t>(extra - extras_.begin())], 0};
    }
    return source;
  }

  // Nodes that constants of the body wait for to be in the iteration: they do nothing else, and are
  // never dead.
  void FindPivots() {
    for (const PlanNode* n : members_) {
      if (!body_.contains(n) || !n->def || n->def->is_stateful() || !n->control_inputs.empty() ||
          n->inputs.empty())
        continue;
      const bool direct = std::all_of(n->inputs.begin(), n->inputs.end(), [&](const PlanEdge& e) {
        return variable_of_.contains(e.node) || (IsEnter(*e.node) && InFrame(e.node));
      });
      if (direct) pivots_.insert(n);
    }
  }

  // Connects the nodes of a part; all that nothing in it uses is a target.
  void Fill(Plan* plan, const NodeSet& part, bool body) {
    for (PlanNode* n : members_) {
      if (!part.contains(n)) continue;
      for (PlanEdge& e : n->inputs) e = Inside(e, body);
      const bool constant = n->op == "Const";
      std::erase_if(n->control_inputs, [&](PlanNode* c) {
        return !part.contains(c) || (constant && pivots_.contains(c));
      });
      const auto& uses = users_[n];
      const bool used = std::any_of(uses.begin(), uses.end(),
                                    [&](const auto& use) { return part.contains(use.first); });
      if (!used) plan->graph.targets.push_back(n);
    }
  }

  void MoveNodes(Plan* condition, Plan* body) {
    const NodeSet members(members_.begin(), members_.end());
    const NodeSet exits(exits_.begin(), exits_.end());
    std::vector<std::unique_ptr<PlanNode>> rest;
    for (auto& n : graph_.nodes) {
      if (condition_.contains(n.get()))
        condition->graph.nodes.push_back(std::move(n));
      else if (body_.contains(n.get()))
        body->graph.nodes.push_back(std::move(n));
      else if (!members.contains(n.get()) && !exits.contains(n.get()))
        rest.push_back(std::move(n));
    }
    graph_.nodes = std::move(rest);
  }

  SessionImpl* session_;
  PlanGraph& graph_;
  const Frames& frames_;
  const Frame* frame_;
  Users users_;
  std::vector<PlanNode*> members_, enters_, invariants_, exits_;
  std::vector<Variable> variables_;
  PlanNode* cond_ = nullptr;
  std::unordered_map<const PlanNode*, size_t> variable_of_;  // of loop Merges and Switches
  NodeSet nexts_, switches_, body_, condition_, pivots_;
  std::vector<PlanEdge> extras_;
  std::vector<PlanNode*> extra_feeds_;
  std::unordered_map<const PlanNode*, PlanEdge> in_body_, in_condition_;
};

// Gradients that are gated hold an operation's results back until all are there. Those of a loop's
// Merge are the two outputs of a Switch, and waiting for the Switch that one comes from means
// nothing:
//
//   Switch:0 -> Identity, after NoOp, after Switch -> Exit     becomes     Switch:0 -> Exit
void UngateSwitches(PlanGraph* graph) {
  const auto waits_for = [](const PlanNode& gate, const PlanNode* node) {
    return gate.op == "NoOp" && gate.inputs.empty() && !gate.control_inputs.empty() &&
           std::all_of(gate.control_inputs.begin(), gate.control_inputs.end(),
                       [&](const PlanNode* c) { return c == node; });
  };
  for (const auto& n : graph->nodes) {
    if (n->op != "Identity" || n->inputs.size() != 1 || !IsSwitch(*n->inputs[0].node)) continue;
    std::erase_if(n->control_inputs,
                  [&](const PlanNode* c) { return waits_for(*c, n->inputs[0].node); });
  }
  for (const auto& n : graph->nodes) {
    if (!IsExit(*n)) continue;
    const PlanNode& source = *n->inputs[0].node;
    if (source.op == "Identity" && source.control_inputs.empty() &&
        IsSwitch(*source.inputs[0].node))
      n->inputs[0] = source.inputs[0];
  }
  graph->RemoveUnused();
}

bool HasChecks(const PlanGraph& graph) {
  return std::any_of(graph.nodes.begin(), graph.nodes.end(),
                     [](const auto& n) { return NumericCheckOf(*n) != 0; });
}

// Compiles the parts of a loop.
absl::Status Finish(SessionImpl* session, PlanGraph* graph, FoundLoop* loop) {
  LoopPlan& plan = loop->plan;
  if (session->config().opt_level != OptLevel::kL0 && !HasChecks(plan.body->graph)) {
    CollectProducts(graph, loop->node, &plan);
    plan.body->graph.RemoveUnused();
    HoistInvariants(session, &plan);
  }
  for (Plan* p : {plan.condition.get(), plan.body.get(), plan.prologue.get()}) {
    if (p) WEFT_RETURN_IF_ERROR(FinishPlan(session, p));
  }
  const std::vector<int>& slots = plan.condition->fetch_slots;
  if (slots[0] >= 0 && !plan.condition->slot_is_constant[static_cast<size_t>(slots[0])] &&
      std::count(slots.begin(), slots.end(), slots[0]) == 1)
    plan.condition->tested_slot = slots[0];
  loop->node->kernel = std::make_shared<LoopKernel>(std::move(plan));
  return absl::OkStatus();
}

}  // namespace

absl::Status ExtractLoops(SessionImpl* session, PlanGraph* graph) {
  const bool any = std::any_of(graph->nodes.begin(), graph->nodes.end(), [](const auto& n) {
    return IsEnter(*n) || IsExit(*n) || IsNextIteration(*n);
  });
  if (!any) return absl::OkStatus();
  UngateSwitches(graph);
  std::vector<FoundLoop> found;
  std::vector<std::string> refused;
  for (bool changed = true; changed;) {
    WEFT_ASSIGN_OR_RETURN(const Frames frames, Frames::Find(*graph));
    changed = false;
    for (const auto& frame : frames.all()) {
      if (frame->depth != 1 ||
          std::find(refused.begin(), refused.end(), frame->name) != refused.end())
        continue;
      LoopExtractor loop(session, graph, frames, frame.get());
      if (!loop.Recognise()) {
        refused.push_back(frame->name);
        continue;
      }
      found.push_back(loop.Extract());
      changed = true;
      break;  // the frames of the nodes that are gone mean nothing any more
    }
  }
  const bool checked = HasChecks(*graph) || std::ranges::any_of(found, [](const FoundLoop& l) {
                         return HasChecks(l.plan.body->graph);
                       });
  if (session->config().unroll_loops && session->config().opt_level != OptLevel::kL0 && !checked &&
      refused.empty()) {
    // How often a loop runs may follow from what can be folded. The loops must outlive that.
    const size_t targets = graph->targets.size();
    for (const FoundLoop& loop : found) graph->targets.push_back(loop.node);
    OptimizeGraph(session, graph);
    graph->targets.resize(targets);
    UnrollLoops(graph, &found);
  }
  for (FoundLoop& loop : found) WEFT_RETURN_IF_ERROR(Finish(session, graph, &loop));
  return absl::OkStatus();
}

}  // namespace weft
