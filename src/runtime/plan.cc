// SPDX-License-Identifier: Apache-2.0
// Compiles plans: the part of the graph that is needed, placed, optimised, ordered, with a slot for
// each value.
#include "src/runtime/plan.h"

#include <algorithm>
#include <queue>
#include <unordered_map>
#include <unordered_set>

#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/runtime/exec_state.h"
#include "src/runtime/frames.h"
#include "src/runtime/loop.h"
#include "src/runtime/numeric_check.h"
#include "src/runtime/session_impl.h"

namespace weft {

Plan::Plan() = default;
Plan::~Plan() = default;

bool IsPreloaded(const PlanNode& n) {
  return n.op == "Const" && n.control_inputs.empty() && !n.device->has_own_memory() &&
         n.FindAttrOf<Array>("value");
}

void PlanGraph::Redirect(PlanEdge from, PlanEdge to) {
  for (auto& node : nodes) {
    for (PlanEdge& e : node->inputs) {
      if (e == from) e = to;
    }
  }
  for (PlanEdge& e : fetches) {
    if (e == from) e = to;
  }
}

void PlanGraph::RemoveUnused() {
  std::unordered_set<PlanNode*> used;
  std::vector<PlanNode*> stack;
  auto visit = [&](PlanNode* n) {
    if (n && used.insert(n).second) stack.push_back(n);
  };
  for (const PlanEdge& e : fetches) visit(e.node);
  for (PlanNode* n : targets) visit(n);
  while (!stack.empty()) {
    PlanNode* n = stack.back();
    stack.pop_back();
    for (const PlanEdge& e : n->inputs) visit(e.node);
    for (PlanNode* c : n->control_inputs) visit(c);
  }
  for (PlanNode*& f : feeds) {
    if (f && !used.contains(f)) f = nullptr;
  }
  std::erase_if(nodes, [&](const auto& n) { return !used.contains(n.get()); });
}

namespace {

// Copies what the fetches and targets need. Fed tensors cut the graph: their producers are needed
// only for other outputs.
class GraphCopier {
 public:
  GraphCopier(const RunSpec& spec, PlanGraph* out) : spec_(spec), out_(*out) {}

  absl::Status Run() {
    for (const Tensor& t : spec_.feeds) {
      if (feeds_.contains(t))
        return absl::InvalidArgumentError(StrCat("tensor '", t.name(), "' is fed twice"));
      PlanNode* feed = out_.Add();
      feed->is_feed = true;
      feed->name = t.name();
      feed->op = "_Feed";
      feed->origin = t.node();
      feed->fed_output = t.index();
      feed->order = -1;
      feed->output_types = {RemoveRef(t.dtype())};
      feeds_.emplace(t, feed);
      out_.feeds.push_back(feed);
    }
    for (const Tensor& t : spec_.fetches)
      out_.fetches.push_back(t.valid() ? EdgeOf(t) : PlanEdge{});
    for (Node* n : spec_.targets) out_.targets.push_back(CopyOf(n));
    while (!queue_.empty()) {
      auto [node, copy] = queue_.back();
      queue_.pop_back();
      for (size_t i = 0; i < node->inputs.size(); ++i) {
        const Tensor& in = node->inputs[i];
        if (!in.valid())
          return absl::InvalidArgumentError(StrCat("input ", i, " of node '", node->name,
                                                   "' (op type ", node->type(),
                                                   ") is not connected"));
        copy->inputs.push_back(EdgeOf(in));
      }
      for (Node* c : node->control_inputs) {
        if (!IsFedPlaceholder(c)) copy->control_inputs.push_back(CopyOf(c));
      }
    }
    return absl::OkStatus();
  }

 private:
  PlanEdge EdgeOf(const Tensor& t) {
    auto it = feeds_.find(t);
    if (it != feeds_.end()) return {it->second, 0};
    return {CopyOf(t.node()), t.index()};
  }

  // Fed values are there from the beginning: nothing waits for them.
  bool IsFedPlaceholder(Node* node) const {
    return (node->type() == "Placeholder" || node->type() == "PlaceholderV2") &&
           feeds_.contains(Tensor(node, 0));
  }

  PlanNode* CopyOf(const Node* node) {
    PlanNode*& copy = copies_[node];
    if (copy) return copy;
    copy = out_.Add();
    copy->order = node->id;
    copy->origin = node;
    copy->name = node->name;
    copy->op = node->type();
    copy->def = node->def;
    copy->attrs = *node->attrs;
    copy->input_types.assign(node->input_types.begin(), node->input_types.end());
    copy->output_types.assign(node->output_types.begin(), node->output_types.end());
    copy->requested_device = node->device;
    queue_.emplace_back(node, copy);
    return copy;
  }

  const RunSpec& spec_;
  PlanGraph& out_;
  std::unordered_map<Tensor, PlanNode*> feeds_;
  std::unordered_map<const Node*, PlanNode*> copies_;
  std::vector<std::pair<const Node*, PlanNode*>> queue_;
};

absl::Status CheckPlaceholders(const PlanGraph& graph) {
  for (const auto& n : graph.nodes) {
    if (n->op != "Placeholder" && n->op != "PlaceholderV2") continue;
    std::string shape;
    if (const auto* s = n->FindAttrOf<PartialShape>("shape"); s && s->known_rank() && s->rank() > 0)
      shape = " and shape " + s->ToString();
    const DataType* t = n->FindAttrOf<DataType>("dtype");
    return WithNode(absl::InvalidArgumentError(
                        StrCat("You must feed a value for placeholder tensor '", n->name,
                               "' with dtype ", DTypeOpName(t ? *t : kInvalidType), shape)),
                    n->name, n->op);
  }
  return absl::OkStatus();
}

// The edge that closes a loop.
bool IsBackEdge(const PlanNode& n, const PlanEdge& e) {
  return IsMerge(n) && IsNextIteration(*e.node);
}

// A topological order that follows the order of creation wherever it may: so reads and updates of a
// variable happen in the order in which the program wrote them.
absl::StatusOr<std::vector<PlanNode*>> Order(const PlanGraph& graph) {
  std::unordered_map<PlanNode*, int> pending;
  std::unordered_map<PlanNode*, std::vector<PlanNode*>> users;
  auto later = [](PlanNode* a, PlanNode* b) { return a->order > b->order; };
  std::priority_queue<PlanNode*, std::vector<PlanNode*>, decltype(later)> ready(later);
  for (const auto& n : graph.nodes) {
    int count = 0;
    for (const PlanEdge& e : n->inputs) {
      if (IsBackEdge(*n, e)) continue;
      ++count;
      users[e.node].push_back(n.get());
    }
    for (PlanNode* c : n->control_inputs) {
      ++count;
      users[c].push_back(n.get());
    }
    pending[n.get()] = count;
    if (count == 0) ready.push(n.get());
  }
  std::vector<PlanNode*> order;
  while (!ready.empty()) {
    PlanNode* n = ready.top();
    ready.pop();
    order.push_back(n);
    for (PlanNode* u : users[n]) {
      if (--pending[u] == 0) ready.push(u);
    }
  }
  if (order.size() == graph.nodes.size()) return order;
  for (const auto& [n, count] : pending) {
    if (count > 0)
      return WithNode(
          absl::InvalidArgumentError(StrCat("the graph has a cycle through node '", n->name, "'")),
          n->name, n->op);
  }
  return absl::InternalError("order");
}

void MarkDead(const std::vector<PlanNode*>& order) {
  for (PlanNode* n : order) {
    bool dead = CanMakeDead(*n);
    for (const PlanEdge& e : n->inputs) dead |= e.node->may_be_dead;
    for (PlanNode* c : n->control_inputs) dead |= c->may_be_dead;
    // It is there to run after branches that were not taken.
    n->may_be_dead = dead && n->op != "ControlTrigger";
  }
}

void AssignSlots(const std::vector<PlanNode*>& order, Plan* plan) {
  for (PlanNode* n : order) {
    // A node without outputs has a slot all the same if others must see that it is dead.
    const int outputs =
        std::max<int>(static_cast<int>(n->output_types.size()), n->may_be_dead ? 1 : 0);
    n->first_slot = plan->num_slots;
    plan->num_slots += outputs;
    plan->slot_device.insert(plan->slot_device.end(), static_cast<size_t>(outputs), n->device);
  }
  plan->slot_is_fetched.assign(static_cast<size_t>(plan->num_slots), 0);
  for (const PlanEdge& e : plan->graph.fetches) {
    const int slot = e.node ? e.node->first_slot + e.index : -1;
    plan->fetch_slots.push_back(slot);
    plan->fetch_is_ref.push_back(e.node &&
                                 IsRef(e.node->output_types[static_cast<size_t>(e.index)]));
    if (slot >= 0) plan->slot_is_fetched[static_cast<size_t>(slot)] = 1;
  }
  for (PlanNode* f : plan->graph.feeds) plan->feed_slots.push_back(f ? f->first_slot : -1);
}

void MakeSteps(const std::vector<PlanNode*>& order, Plan* plan) {
  plan->slot_is_constant.assign(static_cast<size_t>(plan->num_slots), 0);
  std::vector<int> last_step(static_cast<size_t>(plan->num_slots), -1);
  for (PlanNode* n : order) {
    if (n->is_feed) continue;
    if (IsPreloaded(*n)) {
      plan->constants.emplace_back(n->first_slot, *n->FindAttrOf<Array>("value"));
      plan->slot_is_constant[static_cast<size_t>(n->first_slot)] = 1;
      continue;
    }
    Step step;
    step.node = n;
    for (size_t i = 0; i < n->inputs.size(); ++i) {
      const PlanEdge& e = n->inputs[i];
      const bool deref =
          IsRef(e.node->output_types[static_cast<size_t>(e.index)]) && !IsRef(n->input_types[i]);
      step.inputs.push_back(e.node->first_slot + e.index);
      step.deref.push_back(deref);
      if (deref) step.flags |= kStepReadsRef;
      last_step[static_cast<size_t>(step.inputs.back())] = static_cast<int>(plan->steps.size());
    }
    if (n->may_be_dead) step.flags |= kStepMayBeDead;
    if (NumericCheckOf(*n) != 0) step.flags |= kStepChecked;
    for (PlanNode* c : n->control_inputs) {
      if (c->may_be_dead) step.control_slots.push_back(c->first_slot);
    }
    // Outputs that nobody reads go at once.
    for (size_t o = 0; o < n->output_types.size(); ++o) {
      last_step[static_cast<size_t>(n->first_slot) + o] = static_cast<int>(plan->steps.size());
    }
    plan->steps.push_back(std::move(step));
  }
  for (size_t i = 0; i < plan->kept_feeds.size(); ++i) {
    const int slot = plan->feed_slots[i];
    if (slot >= 0 && plan->kept_feeds[i]) plan->slot_is_constant[static_cast<size_t>(slot)] = 1;
  }
  for (int slot = 0; slot < plan->num_slots; ++slot) {
    const int at = last_step[static_cast<size_t>(slot)];
    // Constants stay for the next run: no step brings them back.
    if (at >= 0 && !plan->slot_is_fetched[static_cast<size_t>(slot)] &&
        !plan->slot_is_constant[static_cast<size_t>(slot)])
      plan->steps[static_cast<size_t>(at)].release.push_back(slot);
  }
  // What the caller of Run feeds is the caller's.
  std::unordered_set<int> feeds;
  for (size_t i = 0; i < plan->feed_slots.size(); ++i) {
    if (!plan->is_part || plan->kept_feeds[i]) feeds.insert(plan->feed_slots[i]);
  }
  for (size_t s = 0; s < plan->steps.size(); ++s) {
    Step& step = plan->steps[s];
    for (size_t i = 0; i < step.inputs.size(); ++i) {
      const int slot = step.inputs[i];
      const bool once = std::count(step.inputs.begin(), step.inputs.end(), slot) == 1;
      step.last_use.push_back(once && !step.deref[i] && !(step.flags & kStepChecked) &&
                              last_step[static_cast<size_t>(slot)] == static_cast<int>(s) &&
                              !plan->slot_is_fetched[static_cast<size_t>(slot)] &&
                              !feeds.contains(slot));
    }
  }
}

// Steps run one after the other if at most one may wait: nothing else in the plan could end its
// waiting. Else in the order of their needs; then an input is taken over only by its sole reader.
void OrderWaitingSteps(Plan* plan) {
  const auto waits = [](const Step& s) { return s.node->waiting != nullptr; };
  plan->waits = std::count_if(plan->steps.begin(), plan->steps.end(), waits) > 1;
  if (!plan->waits) return;
  StepOrder& order = plan->order;
  order.needs.assign(plan->steps.size(), 0);
  order.then.resize(plan->steps.size());
  order.readers.assign(static_cast<size_t>(plan->num_slots), 0);
  std::unordered_map<const PlanNode*, int> step_of;
  size_t inputs = 0;
  for (size_t s = 0; s < plan->steps.size(); ++s) {
    const Step& step = plan->steps[s];
    order.first_input.push_back(inputs);
    inputs += step.inputs.size();
    step_of[step.node] = static_cast<int>(s);
    const auto need = [&](const PlanNode* n) {
      const auto it = step_of.find(n);
      if (it == step_of.end()) return;  // a feed or a constant
      ++order.needs[s];
      order.then[static_cast<size_t>(it->second)].push_back(static_cast<int>(s));
    };
    for (const PlanEdge& e : step.node->inputs) need(e.node);
    for (const PlanNode* c : step.node->control_inputs) need(c);
    for (int slot : step.inputs) ++order.readers[static_cast<size_t>(slot)];
  }
  for (Step& step : plan->steps) {
    for (size_t i = 0; i < step.inputs.size(); ++i) {
      if (order.readers[static_cast<size_t>(step.inputs[i])] > 1) step.last_use[i] = 0;
    }
  }
}

}  // namespace

namespace {

absl::StatusOr<std::unique_ptr<Plan>> Compile(SessionImpl* session, GraphImpl& graph,
                                              const RunSpec& spec, std::unique_ptr<Plan> plan) {
  std::lock_guard lock(graph.mu());
  plan->session = session;
  for (const Tensor& t : spec.feeds) {
    plan->feed_types.push_back(RemoveRef(t.dtype()));
    plan->feed_shapes.push_back(t.shape());
    plan->feed_names.push_back(t.name());
  }
  for (const Tensor& t : spec.fetches) plan->fetch_names.push_back(t.valid() ? t.name() : "");
  WEFT_RETURN_IF_ERROR(GraphCopier(spec, &plan->graph).Run());
  plan->graph.RemoveUnused();
  WEFT_RETURN_IF_ERROR(CheckPlaceholders(plan->graph));
  WEFT_RETURN_IF_ERROR(PlaceNodes(session, &plan->graph));
  RemoveReferenceReads(&plan->graph);
  WEFT_RETURN_IF_ERROR(FinishPlan(session, plan.get()));
  return plan;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Plan>> CompilePlan(SessionImpl* session, const RunSpec& spec) {
  return Compile(session, session->graph(), spec, std::make_unique<Plan>());
}

absl::StatusOr<std::unique_ptr<Plan>> CompilePart(SessionImpl* session,
                                                  const std::shared_ptr<GraphImpl>& graph,
                                                  const RunSpec& spec) {
  auto plan = std::make_unique<Plan>();
  plan->is_part = true;
  plan->kept_feeds.assign(spec.feeds.size(), 0);
  plan->part_graph = graph;
  return Compile(session, *graph, spec, std::move(plan));
}

absl::Status FinishPlan(SessionImpl* session, Plan* plan) {
  plan->session = session;
  WEFT_RETURN_IF_ERROR(ExtractLoops(session, &plan->graph));
  plan->has_frames = std::any_of(plan->graph.nodes.begin(), plan->graph.nodes.end(),
                                 [](const auto& n) { return IsEnter(*n) || IsNextIteration(*n); });
  const bool checked = std::any_of(plan->graph.nodes.begin(), plan->graph.nodes.end(),
                                   [](const auto& n) { return NumericCheckOf(*n) != 0; });
  const bool optimize =
      session->config().opt_level != OptLevel::kL0 && !checked && !plan->has_frames;
  if (optimize) {
    OptimizeGraph(session, &plan->graph);
    ForwardArrays(session, &plan->graph);
    FuseConvolutions(&plan->graph);
    MergeReads(&plan->graph);
    HoistProducts(&plan->graph);
    FuseLstmGates(&plan->graph);
    FuseProducts(&plan->graph);
    SplitProducts(&plan->graph);
    FuseRowSums(&plan->graph);
    FuseNodes(&plan->graph);
    MergeStacks(&plan->graph);
    plan->graph.RemoveUnused();
    MarkRowWeights(&plan->graph);
  }
  WEFT_RETURN_IF_ERROR(InsertCopies(session, &plan->graph));
  for (const auto& n : plan->graph.nodes) {
    if (n->is_feed) continue;
    WEFT_RETURN_IF_ERROR(session->MakeKernel(n.get()));
    n->waiting = dynamic_cast<AsyncKernel*>(n->kernel.get());
  }
  WEFT_ASSIGN_OR_RETURN(std::vector<PlanNode*> order, Order(plan->graph));
  MarkDead(order);
  if (optimize) order = UpdateEarly(plan->graph, OrderRows(std::move(order)));
  AssignSlots(order, plan);
  MakeSteps(order, plan);
  if (plan->has_frames) return PrepareFrames(plan);
  OrderWaitingSteps(plan);
  return absl::OkStatus();
}

}  // namespace weft
