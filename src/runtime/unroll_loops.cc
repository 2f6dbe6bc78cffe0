// SPDX-License-Identifier: Apache-2.0
// Loops whose number of iterations is known when the plan is made, as that of a recurrent net over
// sequences of a static length, become copies of their bodies. What a loop costs besides its
// kernels (the condition, counters, stacks, the values that move from one iteration to the next) is
// gone, and what is done for nets without loops (hoist_products.cc, fuse_products.cc, row_lanes.h)
// is done for them too.
//
// A stack on which one unrolled loop pushes a value each iteration, for another one, its gradient,
// to pop, goes: iteration k from the end reads what was made in iteration k. What TensorArrays pass
// on is left to forward_arrays.cc. A variable to which each iteration adds something, as the
// gradient of a weight, becomes one sum.
//
// Left as loops are those that have effects besides (a random number generator's, too), nested
// ones, conditionals inside, long ones, and those with convolutions: each copy would prepare and
// keep a filter of its own, which a loop has in the caches.
#include <algorithm>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "src/runtime/evaluate.h"
#include "src/runtime/frames.h"
#include "src/runtime/loop.h"
#include "src/runtime/plan_match.h"

namespace weft {
namespace {

constexpr size_t kMostIterations = 128;
constexpr size_t kMostCopies = 10'000;  // nodes, of all loops of a graph
// Of a value that decides how often a loop runs.
constexpr int64_t kMostCounterElements = 16;
// The copies of all iterations lie between two nodes of the program's graph.
constexpr int64_t kOrdersApart = int64_t{1} << 24;

using KnownValue = std::optional<Array>;

bool IsSmall(const Array& a) {
  return a.valid() && IsPlain(a.dtype()) && a.num_elements() <= kMostCounterElements;
}

bool IsPush(const PlanNode& n) { return n.op == "StackPushV2"; }
bool IsPop(const PlanNode& n) { return n.op == "StackPopV2"; }

// What orders nodes and does nothing else.
bool IsRelay(const PlanNode& n) { return n.op == "NoOp" || n.op == "ControlTrigger"; }

// Nodes of which each iteration may have one of its own: they have no state of their own, and what
// they write is ordered by the flow from one to the next.
bool MayBeCopied(const PlanNode& n) {
  if (n.is_feed) return true;
  if (!n.def || HasRefs(n) || ReadsRefs(n) || n.op.find("Conv") != std::string::npos ||
      n.op.starts_with("CheckNumerics") || CanMakeDead(n) || IsMerge(n) || IsEnter(n) ||
      IsExit(n) || IsNextIteration(n) || n.op == "LoopCond" || n.op == kLoopOp)
    return false;
  return !n.is_stateful() || IsPush(n) || IsPop(n) || n.op == "ReadVariableOp" ||
         n.op == "TensorArrayReadV3" || n.op == "TensorArrayWriteV3" ||
         n.op == "TensorArrayGradV3" || n.op == "TensorArraySizeV3" ||
         n.op == "TensorArrayGatherV3" || n.op == "TensorArrayScatterV3";
}

// A loop that is to be unrolled, if all goes well.
struct Candidate {
  FoundLoop* loop = nullptr;
  size_t iterations = 0, copies = 0;
  std::vector<KnownValue> finals;          // by variable; more behind them
  std::vector<const PlanNode*> pushed_on;  // stacks
  std::vector<const PlanNode*> popped_from;
};

// Values that a loop's graphs compute from constants and a few known feeds: variables, then
// invariants.
class SmallValues {
 public:
  // Finds which variables follow from what is known, iteration by iteration.
  SmallValues(const LoopPlan& plan, std::vector<uint8_t> known)
      : plan_(plan), known_(std::move(known)) {
    sorted_ = TopologicalOrder(plan.body->graph, &body_) &&
              TopologicalOrder(plan.condition->graph, &condition_);
    if (!sorted_) return;
    for (size_t before = known_.size() + 1; before != Count();) {
      before = Count();
      const auto follows = Follow(plan.body->graph, body_);
      for (size_t v = 0; v < plan.num_variables; ++v)
        known_[v] = known_[v] && follows.contains(plan.body->graph.fetches[v].node);
    }
    CollectNeeded();
    // Only these are evaluated, once for each iteration.
    const auto others = [](const NodeSet& wanted) {
      return [&](const PlanNode* n) { return n->is_feed || !wanted.contains(n); };
    };
    NodeSet follows = Follow(plan.body->graph, body_);
    std::erase_if(follows, [&](const PlanNode* n) { return !needed_.contains(n); });
    std::erase_if(body_, others(follows));
    const NodeSet decides = Follow(plan.condition->graph, condition_);
    decides_ = decides.contains(plan.condition->graph.fetches[0].node);
    std::erase_if(condition_, others(decides));
  }

  bool decides() const { return decides_; }
  bool knows(size_t feed) const { return known_[feed]; }

  KnownValue Condition(const std::vector<KnownValue>& feeds) const {
    const PlanGraph& graph = plan_.condition->graph;
    return ValueOf(graph.fetches[0], Evaluate(graph, condition_, feeds));
  }
  void Next(std::vector<KnownValue>* feeds) const {
    const PlanGraph& graph = plan_.body->graph;
    const Values values = Evaluate(graph, body_, *feeds);
    for (size_t v = 0; v < plan_.num_variables; ++v) {
      if (known_[v]) (*feeds)[v] = ValueOf(graph.fetches[v], values);
    }
  }

 private:
  using Values = std::unordered_map<const PlanNode*, std::vector<Array>>;
  using NodeSet = std::unordered_set<const PlanNode*>;

  size_t Count() const { return static_cast<size_t>(std::count(known_.begin(), known_.end(), 1)); }

  // Nodes that are computed from known variables and constants.
  NodeSet Follow(const PlanGraph& graph, const std::vector<PlanNode*>& order) const {
    NodeSet follows;
    for (size_t v = 0; v < known_.size(); ++v) {
      if (known_[v] && graph.feeds[v]) follows.insert(graph.feeds[v]);
    }
    for (const PlanNode* n : order) {
      const bool pure = !n->is_feed && MayBeCopied(*n) && !n->is_stateful();
      if (pure && std::ranges::all_of(n->inputs,
                                      [&](const PlanEdge& e) { return follows.contains(e.node); }))
        follows.insert(n);
    }
    return follows;
  }

  void CollectNeeded() {
    std::vector<const PlanNode*> stack;
    for (size_t v = 0; v < plan_.num_variables; ++v) {
      if (known_[v]) stack.push_back(plan_.body->graph.fetches[v].node);
    }
    while (!stack.empty()) {
      const PlanNode* n = stack.back();
      stack.pop_back();
      if (!needed_.insert(n).second) continue;
      for (const PlanEdge& e : n->inputs) stack.push_back(e.node);
    }
  }

  static Values Evaluate(const PlanGraph& graph, const std::vector<PlanNode*>& order,
                         const std::vector<KnownValue>& feeds) {
    Values values;
    for (size_t i = 0; i < feeds.size(); ++i) {
      if (feeds[i] && graph.feeds[i]) values[graph.feeds[i]] = {*feeds[i]};
    }
    for (const PlanNode* n : order) {
      if (n->op == "Const") {
        const Array* value = n->FindAttrOf<Array>("value");
        if (value && IsSmall(*value)) values[n] = {*value};
        continue;
      }
      std::vector<Array> inputs, outputs;
      for (const PlanEdge& e : n->inputs) {
        const KnownValue value = ValueOf(e, values);
        if (value) inputs.push_back(*value);
      }
      if (inputs.size() == n->inputs.size() && EvaluateOnce(n, inputs, &outputs) &&
          std::ranges::all_of(outputs, IsSmall))
        values[n] = std::move(outputs);
    }
    return values;
  }

  static KnownValue ValueOf(const PlanEdge& e, const Values& values) {
    const auto found = values.find(e.node);
    if (found == values.end()) return std::nullopt;
    return found->second[static_cast<size_t>(e.index)];
  }

  const LoopPlan& plan_;
  std::vector<uint8_t> known_;  // by feed
  bool sorted_ = false, decides_ = false;
  // What has to be evaluated, in that order.
  std::vector<PlanNode*> body_, condition_;
  NodeSet needed_;  // of the body, for the known variables
};

class Unroller {
 public:
  Unroller(PlanGraph* graph, std::vector<FoundLoop>* loops) : graph_(*graph), loops_(*loops) {}

  void Run() {
    FindCandidates();
    DropUnpaired();
    if (candidates_.empty()) return;
    for (const auto& n : graph_.nodes) n->order *= kOrdersApart;
    for (const Candidate& c : candidates_) Unroll(c);
    std::unordered_set<const PlanNode*> gone;
    for (const Candidate& c : candidates_) gone.insert(c.loop->node);
    std::erase_if(loops_, [&](const FoundLoop& l) { return gone.contains(l.node); });
    std::erase_if(graph_.nodes, [&](const auto& n) { return gone.contains(n.get()); });
  }

 private:
  // In an order in which they may be run.
  void FindCandidates() {
    std::vector<PlanNode*> order;
    if (!TopologicalOrder(graph_, &order)) return;  // the cycle is reported later
    std::unordered_set<const PlanNode*> may_be_dead;
    for (const PlanNode* n : order) {
      const auto dead = [&](const PlanNode* in) { return may_be_dead.contains(in); };
      if (CanMakeDead(*n) || std::ranges::any_of(n->control_inputs, dead) ||
          std::ranges::any_of(n->inputs, [&](const PlanEdge& e) { return dead(e.node); }))
        may_be_dead.insert(n);
      const auto loop =
          std::ranges::find_if(loops_, [&](const FoundLoop& l) { return l.node == n; });
      if (loop == loops_.end() || may_be_dead.contains(n)) continue;
      std::optional<Candidate> c = Examine(&*loop);
      if (!c) continue;
      copies_ += c->copies;
      candidates_.push_back(*std::move(c));
    }
  }

  std::optional<Candidate> Examine(FoundLoop* loop) const {
    const LoopPlan& plan = loop->plan;
    const PlanGraph &body = plan.body->graph, &condition = plan.condition->graph;
    const auto copied = [](const auto& n) { return MayBeCopied(*n); };
    if (WaitsForEffects(*loop->node) || !std::ranges::all_of(body.nodes, copied))
      return std::nullopt;
    // What is run for its own sake.
    const auto acts = [&](const PlanNode* n) {
      return !n->is_feed && n->is_stateful() && !IsPush(*n) && !IsPop(*n) &&
             std::ranges::none_of(body.fetches, [&](const PlanEdge& e) { return e.node == n; });
    };
    if (std::ranges::any_of(body.targets, acts)) return std::nullopt;
    const bool pure = std::ranges::all_of(condition.nodes, [](const auto& n) {
      return n->is_feed || (MayBeCopied(*n) && !n->is_stateful());
    });
    if (!pure) return std::nullopt;
    Candidate c;
    c.loop = loop;
    if (!FindStacks(&c) || !CountIterations(&c)) return std::nullopt;
    c.copies = c.iterations * (body.nodes.size() + condition.nodes.size());
    if (c.copies > kMostCopies - copies_) return std::nullopt;
    return c;
  }

  // The node outside that a node of the body gets its first input from: a handle.
  static const PlanNode* HandleOf(const FoundLoop& loop, const PlanNode& n) {
    const auto& feeds = loop.plan.body->graph.feeds;
    const auto feed = std::find(feeds.begin(), feeds.end(), n.inputs[0].node);
    const auto i = static_cast<size_t>(feed - feeds.begin());
    if (i < loop.plan.num_variables || i >= loop.plan.num_variables + loop.plan.num_invariants)
      return nullptr;
    return loop.node->inputs[i].node;
  }

  static bool FindStacks(Candidate* c) {
    for (const auto& n : c->loop->plan.body->graph.nodes) {
      if (n->is_feed || (!IsPush(*n) && !IsPop(*n))) continue;
      const PlanNode* stack = HandleOf(*c->loop, *n);
      if (!stack || stack->op != "StackV2") return false;
      (IsPush(*n) ? c->pushed_on : c->popped_from).push_back(stack);
    }
    return true;
  }

  // What the loop's node is given, if that is known. A value that waits for something is not: what
  // the loop reads waits with it.
  KnownValue OuterValue(const PlanEdge& e) const {
    if (!e.node->control_inputs.empty() && e.node->op != kLoopOp) return std::nullopt;
    if (e.node->op == "Const" && !e.node->is_feed) {
      const Array* value = e.node->FindAttrOf<Array>("value");
      if (value && IsSmall(*value)) return *value;
      return std::nullopt;
    }
    if (e.node->op == "Identity" && !e.node->is_feed && !IsRefEdge(e.node->inputs[0]))
      return OuterValue(e.node->inputs[0]);
    const auto loop = std::ranges::find_if(
        candidates_, [&](const Candidate& c) { return c.loop->node == e.node; });
    if (loop == candidates_.end()) return std::nullopt;
    const int v = loop->loop->plan.exit_variable[static_cast<size_t>(e.index)];
    return loop->finals[static_cast<size_t>(v)];
  }

  // False: it isn't known, or too large.
  bool CountIterations(Candidate* c) const {
    const LoopPlan& plan = c->loop->plan;
    std::vector<KnownValue> values(plan.num_variables + plan.num_invariants);
    std::vector<uint8_t> known;
    for (size_t i = 0; i < values.size(); ++i) {
      values[i] = OuterValue(c->loop->node->inputs[i]);
      known.push_back(values[i].has_value());
    }
    const SmallValues small(plan, known);
    if (!small.decides()) return false;
    for (size_t i = 0; i < values.size(); ++i) {
      if (!small.knows(i)) values[i].reset();
    }
    for (;; ++c->iterations) {
      const KnownValue more = small.Condition(values);
      if (!more || more->dtype() != kBool || more->num_elements() != 1) return false;
      if (!*more->data<bool>()) break;
      if (c->iterations == kMostIterations) return false;
      small.Next(&values);
    }
    c->finals = std::move(values);
    return true;
  }

  // A stack must be one loop's to push on and a later one's to pop from, and nobody else's.
  bool IsPassedOn(const PlanNode* stack) const {
    const Candidate *from = nullptr, *to = nullptr;
    for (const Candidate& c : candidates_) {
      const auto pushes = std::ranges::count(c.pushed_on, stack),
                 pops = std::ranges::count(c.popped_from, stack);
      if (pushes + pops == 0) continue;
      if (pushes + pops > 1 || (pushes == 1 ? from : to) || (pushes == 1 && to)) return false;
      (pushes == 1 ? from : to) = &c;
    }
    if (!from || (to && to->iterations > from->iterations)) return false;
    const Array* most = stack->inputs.empty() ? nullptr : ConstantIntegers(stack->inputs[0]);
    if (!most || most->num_elements() != 1) return false;
    if (const int64_t m = IntegerAt(*most, 0); m >= 0 && m < static_cast<int64_t>(from->iterations))
      return false;
    // Read by those loops alone, and there by that node alone.
    for (const auto& n : graph_.nodes) {
      for (size_t i = 0; i < n->inputs.size(); ++i) {
        if (n->inputs[i].node != stack) continue;
        const bool ours = n.get() == from->loop->node || (to && n.get() == to->loop->node);
        if (!ours || !OnlyStackUses((n.get() == from->loop->node ? from : to)->loop->plan, i))
          return false;
      }
    }
    return std::ranges::none_of(graph_.fetches, [&](const PlanEdge& e) { return e.node == stack; });
  }

  // Do only pushes and pops read this invariant, as the stack that it is?
  static bool OnlyStackUses(const LoopPlan& plan, size_t input) {
    if (input < plan.num_variables || plan.condition->graph.feeds[input]) return false;
    const PlanNode* feed = plan.body->graph.feeds[input];
    for (const auto& n : plan.body->graph.nodes) {
      for (size_t i = 0; feed && i < n->inputs.size(); ++i) {
        if (n->inputs[i].node == feed && (i != 0 || (!IsPush(*n) && !IsPop(*n)))) return false;
      }
    }
    return std::ranges::none_of(plan.body->graph.fetches,
                                [&](const PlanEdge& e) { return feed && e.node == feed; });
  }

  void DropUnpaired() {
    const auto unpaired = [this](const Candidate& c) {
      const auto passed_on = [this](const PlanNode* s) { return IsPassedOn(s); };
      return !std::ranges::all_of(c.pushed_on, passed_on) ||
             !std::ranges::all_of(c.popped_from, passed_on);
    };
    for (;;) {
      const auto bad = std::ranges::find_if(candidates_, unpaired);
      if (bad == candidates_.end()) return;
      candidates_.erase(bad);
    }
  }

  // The copies of one iteration.
  using Copies = std::unordered_map<const PlanNode*, PlanEdge>;
  static PlanEdge In(const Copies& copies, const PlanEdge& e) {
    const PlanEdge& copy = copies.at(e.node);
    return {copy.node, copy.index + e.index};
  }

  // Of one of the loop's two graphs. `copies` has the feeds.
  void Copy(const std::vector<PlanNode*>& order, const Candidate& c, size_t iteration,
            Copies* copies) {
    for (PlanNode* n : order) {
      if (n->is_feed || IsRelay(*n)) continue;
      if (IsPush(*n)) {
        const PlanEdge value = In(*copies, n->inputs[1]);
        pushed_[HandleOf(*c.loop, *n)].push_back(value);
        copies->emplace(n, value);
        continue;
      }
      if (IsPop(*n)) {
        const std::vector<PlanEdge>& values = pushed_.at(HandleOf(*c.loop, *n));
        copies->emplace(n, values[values.size() - 1 - iteration]);
        continue;
      }
      if (n->op == "Const") {
        PlanNode*& shared = constants_[n];
        if (!shared) {
          shared = graph_.Add();
          *shared = *n;
          shared->order = next_order_++;
          shared->control_inputs.clear();
        }
        copies->emplace(n, PlanEdge{shared, 0});
        continue;
      }
      PlanNode* copy = graph_.Add();
      *copy = *n;
      copy->order = next_order_++;
      for (PlanEdge& e : copy->inputs) e = In(*copies, e);
      // Nothing has effects that others would have to wait for, but the writes to arrays, and these
      // are ordered by flow.
      copy->control_inputs.clear();
      copies->emplace(n, PlanEdge{copy, 0});
    }
  }

  static void AddControl(PlanNode* before, PlanNode* n) {
    if (before->op == "Const" || before->is_feed) return;
    if (std::ranges::find(n->control_inputs, before) == n->control_inputs.end())
      n->control_inputs.push_back(before);
  }

  // What an iteration adds to variable v, if that is all that happens to it: the number of that
  // input of the node that adds.
  static std::optional<size_t> AddedTo(const LoopPlan& plan, const PlanUsers& users,
                                       const PlanEdge& initial, size_t v) {
    const PlanGraph& body = plan.body->graph;
    const PlanNode* const feed = body.feeds[v];
    const PlanEdge next = body.fetches[v];
    if (!feed || plan.condition->graph.feeds[v] || users.kept(feed) || users.of(feed).size() != 1 ||
        !users.of(next.node).empty() || !IsFreeFloatNode(*next.node))
      return std::nullopt;
    const PlanNode& sum = *next.node;
    if (sum.op != "AddV2" && sum.op != "Add" && !(sum.op == "AddN" && sum.inputs.size() == 2))
      return std::nullopt;
    const size_t added = sum.inputs[0].node == feed ? 1 : 0;
    if (sum.inputs[1 - added].node != feed || sum.inputs[added].node == feed) return std::nullopt;
    const PartialShape *all = StaticShapeOf(next), *part = StaticShapeOf(sum.inputs[added]),
                       *first = StaticShapeOf(initial);
    const bool same = all && part && first && all->IsFullyKnown() && part->IsFullyKnown() &&
                      first->IsFullyKnown() && part->ToShape() == all->ToShape() &&
                      first->ToShape() == all->ToShape();
    if (!same) return std::nullopt;
    return added;
  }

  PlanEdge SumOf(const PlanNode& add, const PlanEdge& initial, std::vector<PlanEdge> added) {
    if (!IsConstantZero(initial) || added.empty()) added.insert(added.begin(), initial);
    if (added.size() == 1) return added[0];
    PlanNode* sum = graph_.Add();
    sum->op = "AddN";
    sum->def = OpRegistry::Global().Find("AddN");
    sum->name = add.name;
    sum->device = add.device;
    sum->order = next_order_++;
    sum->attrs = {{"T", kFloat32}, {"N", static_cast<int64_t>(added.size())}};
    sum->input_types.assign(added.size(), kFloat32);
    sum->output_types = {kFloat32};
    sum->inputs = std::move(added);
    return {sum, 0};
  }

  void Unroll(const Candidate& c) {
    PlanNode* const loop = c.loop->node;
    const LoopPlan& plan = c.loop->plan;
    const PlanGraph &body = plan.body->graph, &condition = plan.condition->graph;
    next_order_ = loop->order - kOrdersApart / 2;
    constants_.clear();
    std::vector<PlanNode*> body_order, condition_order;
    TopologicalOrder(body, &body_order);
    if (plan.num_extras > 0) TopologicalOrder(condition, &condition_order);
    const PlanUsers users(body);
    std::vector<std::optional<size_t>> added_input;
    std::vector<std::vector<PlanEdge>> added(plan.num_variables);
    for (size_t v = 0; v < plan.num_variables; ++v)
      added_input.push_back(AddedTo(plan, users, loop->inputs[v], v));
    std::vector<PlanEdge> values(loop->inputs.begin(),
                                 loop->inputs.begin() + static_cast<ptrdiff_t>(plan.num_variables));
    for (size_t k = 0; k < c.iterations; ++k) {
      Copies copies, outer;
      const auto feed = [&](const PlanGraph& graph, size_t i, const PlanEdge& e, Copies* to) {
        if (const PlanNode* f = i < graph.feeds.size() ? graph.feeds[i] : nullptr)
          to->emplace(f, e);
      };
      for (size_t i = 0; i < plan.num_variables + plan.num_invariants; ++i) {
        const PlanEdge& value = i < plan.num_variables ? values[i] : loop->inputs[i];
        feed(condition, i, value, &outer);
        feed(body, i, value, &copies);
      }
      Copy(condition_order, c, k, &outer);
      for (size_t e = 0; e < plan.num_extras; ++e) {
        feed(body, plan.num_variables + plan.num_invariants + e,
             In(outer, condition.fetches[1 + e]), &copies);
      }
      Copy(body_order, c, k, &copies);
      for (size_t v = 0; v < plan.num_variables; ++v) {
        const PlanEdge& next = body.fetches[v];
        if (added_input[v])
          added[v].push_back(In(copies, next.node->inputs[*added_input[v]]));
        else
          values[v] = In(copies, next);
      }
    }
    for (size_t v = 0; v < plan.num_variables; ++v) {
      if (added_input[v])
        values[v] = SumOf(*body.fetches[v].node, loop->inputs[v], std::move(added[v]));
    }
    Replace(loop, plan, values);
  }

  void Replace(PlanNode* loop, const LoopPlan& plan, const std::vector<PlanEdge>& finals) {
    std::vector<PlanNode*> last;
    for (size_t o = 0; o < plan.exit_variable.size(); ++o) {
      const PlanEdge& value = finals[static_cast<size_t>(plan.exit_variable[o])];
      graph_.Redirect({loop, static_cast<int>(o)}, value);
      last.push_back(value.node);
    }
    for (const auto& n : graph_.nodes) {
      if (std::erase(n->control_inputs, loop) == 0) continue;
      for (PlanNode* l : last) AddControl(l, n.get());
    }
    if (std::erase(graph_.targets, loop) > 0)
      graph_.targets.insert(graph_.targets.end(), last.begin(), last.end());
  }

  PlanGraph& graph_;
  std::vector<FoundLoop>& loops_;
  std::vector<Candidate> candidates_;
  std::unordered_map<const PlanNode*, std::vector<PlanEdge>> pushed_;  // by stack
  std::unordered_map<const PlanNode*, PlanNode*> constants_;           // of the loop's graphs
  int64_t next_order_ = 0;
  size_t copies_ = 0;  // nodes
};

}  // namespace

void UnrollLoops(PlanGraph* graph, std::vector<FoundLoop>* loops) { Unroller(graph, loops).Run(); }

}  // namespace weft
