// SPDX-License-Identifier: Apache-2.0
// Passes that make a plan smaller without changing what it computes: constant folding, common
// subexpressions, identities.
#include <algorithm>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <unordered_set>

#include "src/core/strings.h"
#include "src/runtime/evaluate.h"
#include "src/runtime/loop.h"
#include "src/runtime/plan_match.h"
#include "src/runtime/session_impl.h"

namespace weft {
namespace {

// A folded constant stays in memory as long as the plan.
constexpr int64_t kMaxFoldedBytes = 10 << 20;

bool OnHost(const PlanNode& n) { return n.device && !n.device->has_own_memory(); }
bool IsControlFlow(const std::string& op) {
  static const auto* const ops = new std::unordered_set<std::string>{
      "Switch",   "Merge",          "RefSwitch",        "RefMerge",
      "Enter",    "Exit",           "NextIteration",    "LoopCond",
      "RefEnter", "RefExit",        "RefNextIteration", "ControlTrigger",
      kLoopOp,    kBeginProductsOp, kCollectProductOp};
  return ops->contains(op);
}
bool IsPure(const PlanNode& n) {
  return !n.is_feed && n.def && !n.is_stateful() && !HasRefs(n) && !ReadsRefs(n) &&
         !IsControlFlow(n.op);
}

// What shape inference knows holds in a run if nothing but placeholders is fed: a constant that it
// went by may have another value then.
bool KeepsStaticShapes(const PlanGraph& graph) {
  return std::all_of(graph.feeds.begin(), graph.feeds.end(), [](const PlanNode* f) {
    return !f || (f->origin && f->origin->type().starts_with("Placeholder"));
  });
}

// A whole shape, or one of its sizes, Shape(x)[i], where shape inference knows it.
Array StaticSizes(const PlanNode& n) {
  const bool one = n.op == "StridedSlice" && n.inputs[0].node->op == "Shape";
  if (!one && n.op != "Shape") return {};
  const PlanNode& shape_node = one ? *n.inputs[0].node : n;
  if (shape_node.is_feed || (one && !shape_node.control_inputs.empty())) return {};
  const PartialShape* shape = StaticShapeOf(shape_node.inputs[0]);
  if (!shape || !shape->known_rank() || n.output_types[0] != shape_node.output_types[0]) return {};
  Array sizes(kInt64, Shape({shape->rank()}));
  for (int d = 0; d < shape->rank(); ++d) sizes.mutable_data<int64_t>()[d] = shape->dim(d);
  if (one) {
    const std::optional<int64_t> d = RowTaken(n, 1, shape->rank());
    if (!d) return {};
    sizes = Array(shape->dim(static_cast<int>(*d)));
  }
  const auto values = sizes.values<int64_t>();
  if (std::any_of(values.begin(), values.end(), [](int64_t v) { return v < 0; })) return {};
  if (n.output_types[0] == kInt64) return sizes;
  if (std::any_of(values.begin(), values.end(), [](int64_t v) { return v > INT32_MAX; })) return {};
  Array narrow(kInt32, sizes.shape());
  std::copy(values.begin(), values.end(), narrow.mutable_data<int32_t>());
  return narrow;
}

// Nodes for which `begins` holds, and all behind them. `order`: producers first.
template <typename Begins>
std::unordered_set<const PlanNode*> NodesBehind(const std::vector<PlanNode*>& order,
                                                Begins begins) {
  std::unordered_set<const PlanNode*> behind;
  if (std::none_of(order.begin(), order.end(), [&](const PlanNode* n) { return begins(*n); }))
    return behind;
  for (const PlanNode* n : order) {
    const auto is_behind = [&](const PlanNode* in) { return behind.contains(in); };
    if (begins(*n) || std::any_of(n->control_inputs.begin(), n->control_inputs.end(), is_behind) ||
        std::any_of(n->inputs.begin(), n->inputs.end(),
                    [&](const PlanEdge& e) { return is_behind(e.node); }))
      behind.insert(n);
  }
  return behind;
}

void FoldConstants(const std::vector<PlanNode*>& order, PlanGraph* graph) {
  const bool has_shapes = KeepsStaticShapes(*graph);
  const auto maybe_dead = NodesBehind(order, CanMakeDead), effects = NodesBehind(order, HasEffect);
  std::unordered_map<PlanNode*, std::vector<Array>> values;  // of nodes with several outputs
  auto value_of = [&](const PlanEdge& e) -> const Array* {
    // A constant that waits for another node must not be had without it.
    if (e.node->op == "Const" && e.node->control_inputs.empty())
      return e.node->FindAttrOf<Array>("value");
    return nullptr;
  };
  for (PlanNode* n : order) {
    if (!IsPure(*n) || n->inputs.empty() || !OnHost(*n) || n->op == "Const") continue;
    if (has_shapes && n->control_inputs.empty() && !maybe_dead.contains(n)) {
      if (Array sizes = StaticSizes(*n); sizes.valid()) {
        // Whatever has to happen for the value happens without the shape, too.
        if (effects.contains(n)) graph->targets.push_back(n->inputs[0].node);
        MakeConstant(n, std::move(sizes));
        continue;
      }
    }
    std::vector<Array> inputs;
    for (const PlanEdge& e : n->inputs) {
      const Array* a = value_of(e);
      if (!a) break;
      inputs.push_back(*a);
    }
    if (inputs.size() != n->inputs.size() || !n->control_inputs.empty()) continue;
    std::vector<Array> outputs;
    if (!EvaluateOnce(n, inputs, &outputs)) continue;
    const bool usable = std::all_of(outputs.begin(), outputs.end(), [](const Array& a) {
      return a.valid() && a.dtype() != kResource && a.dtype() != kVariant &&
             a.num_bytes() <= static_cast<size_t>(kMaxFoldedBytes);
    });
    if (!usable) continue;
    if (outputs.size() == 1) {
      MakeConstant(n, std::move(outputs[0]));
      continue;
    }
    for (size_t o = 0; o < outputs.size(); ++o) {
      PlanNode* c = graph->Add();
      c->order = n->order;
      c->name = StrCat(n->name, "/_folded_", o);
      c->device = n->device;
      MakeConstant(c, std::move(outputs[o]));
      graph->Redirect({n, static_cast<int>(o)}, {c, 0});
    }
  }
}

uint64_t Mix(uint64_t h, uint64_t v) {
  return (h ^ (v + 0x9e3779b97f4a7c15ull + (h << 6) + (h >> 2))) * 0xff51afd7ed558ccdull;
}

uint64_t HashNode(const PlanNode& n) {
  uint64_t h = std::hash<std::string>()(n.op);
  for (const PlanEdge& e : n.inputs)
    h = Mix(Mix(h, reinterpret_cast<uintptr_t>(e.node)), static_cast<uint64_t>(e.index));
  for (PlanNode* c : n.control_inputs) h = Mix(h, reinterpret_cast<uintptr_t>(c));
  for (const auto& [name, value] : n.attrs) {
    if (name[0] != '_') h = Mix(Mix(h, std::hash<std::string>()(name)), value.Hash());
  }
  return h;
}

bool SameAttrs(const AttrMap& a, const AttrMap& b) {
  auto visible = [](const AttrMap& m) {
    std::vector<std::pair<std::string_view, const AttrValue*>> list;
    for (const auto& [name, value] : m) {
      if (name[0] != '_') list.emplace_back(name, &value);
    }
    return list;
  };
  const auto x = visible(a), y = visible(b);
  return std::equal(x.begin(), x.end(), y.begin(), y.end(), [](const auto& p, const auto& q) {
    return p.first == q.first && *p.second == *q.second;
  });
}

bool SameNode(const PlanNode& a, const PlanNode& b) {
  return a.op == b.op && a.device == b.device && a.inputs == b.inputs &&
         a.control_inputs == b.control_inputs && SameAttrs(a.attrs, b.attrs);
}

// Gated gradients hold all results of an operation back until each is there:
//
//   Identity(x) and Identity(y), both after NoOp, which is after x and y
//
// Steps run one after the other, in the program's order, so that a gate changes nothing where what
// it waits for has no effects, is computed in any case, and is never dead.
void RemoveGates(const std::vector<PlanNode*>& order) {
  std::unordered_set<const PlanNode*> used, maybe_dead;
  for (const PlanNode* n : order) {
    bool dead = CanMakeDead(*n);
    for (const PlanEdge& e : n->inputs) {
      used.insert(e.node);
      dead |= maybe_dead.contains(e.node);
    }
    for (const PlanNode* c : n->control_inputs) dead |= maybe_dead.contains(c);
    if (dead) maybe_dead.insert(n);
  }
  const auto is_open = [&](const PlanNode& gate) {
    return gate.op == "NoOp" && gate.inputs.empty() &&
           std::all_of(gate.control_inputs.begin(), gate.control_inputs.end(),
                       [&](const PlanNode* c) {
                         return IsPure(*c) && used.contains(c) && !maybe_dead.contains(c);
                       });
  };
  for (PlanNode* n : order) {
    if (n->op != "Identity" || n->control_inputs.empty() || !IsPure(*n)) continue;
    std::erase_if(n->control_inputs, [&](const PlanNode* c) { return is_open(*c); });
  }
}

// What stands for each output of nodes that are gone.
class Replacements {
 public:
  PlanEdge Resolve(PlanEdge e) const {
    auto it = map_.find(e.node);
    return it == map_.end()       ? e
           : it->second.index < 0 ? PlanEdge{it->second.node, e.index}
                                  : it->second;
  }
  PlanNode* ResolveControl(PlanNode* n) const {
    auto it = map_.find(n);
    return it == map_.end() ? n : it->second.node;
  }
  // `to.index` of -1: each output is replaced by the one of the same number.
  void Add(PlanNode* from, PlanEdge to) { map_[from] = to; }
  void Apply(PlanNode* n) const {
    for (PlanEdge& e : n->inputs) e = Resolve(e);
    for (PlanNode*& c : n->control_inputs) c = ResolveControl(c);
  }
  void ApplyToResults(PlanGraph* graph) const {
    for (PlanEdge& e : graph->fetches) {
      if (e.node) e = Resolve(e);
    }
    for (PlanNode*& t : graph->targets) t = ResolveControl(t);
  }

 private:
  std::unordered_map<PlanNode*, PlanEdge> map_;
};

void MergeTwins(const std::vector<PlanNode*>& order, PlanGraph* graph) {
  std::unordered_map<uint64_t, std::vector<PlanNode*>> seen;
  Replacements gone;
  for (PlanNode* n : order) {
    gone.Apply(n);
    if (!IsPure(*n)) continue;
    std::vector<PlanNode*>& same_hash = seen[HashNode(*n)];
    auto twin = std::find_if(same_hash.begin(), same_hash.end(),
                             [&](PlanNode* o) { return SameNode(*o, *n); });
    if (twin != same_hash.end())
      gone.Add(n, {*twin, -1});
    else
      same_hash.push_back(n);
  }
  gone.ApplyToResults(graph);
}

void RemoveIdentities(const std::vector<PlanNode*>& order, PlanGraph* graph) {
  static const auto* const identities = new std::unordered_set<std::string>{
      "Identity", "Snapshot", "StopGradient", "PreventGradient", "CheckedIdentity"};
  Replacements gone;
  for (PlanNode* n : order) {
    gone.Apply(n);
    if (!identities->contains(n->op) || !IsPure(*n) || !n->control_inputs.empty() ||
        n->inputs.size() != 1)
      continue;
    // An Identity of a Switch output stands for its branch: as a control input it is dead when the
    // branch is.
    if (IsControlFlow(n->inputs[0].node->op) || n->inputs[0].node->device != n->device) continue;
    gone.Add(n, n->inputs[0]);
  }
  gone.ApplyToResults(graph);
}

}  // namespace

void RemoveReferenceReads(PlanGraph* graph) {
  const auto is_read = [](const PlanNode& n) {
    if (n.op != "Identity" || n.inputs.size() != 1 || !n.control_inputs.empty()) return false;
    const PlanNode& variable = *n.inputs[0].node;
    return (variable.op == "VariableV2" || variable.op == "Variable") &&
           variable.device == n.device && OnHost(n);
  };
  for (const auto& n : graph->nodes) {
    for (PlanEdge& e : n->inputs) {
      if (is_read(*e.node) && n->device == e.node->device && !IsControlFlow(n->op))
        e = e.node->inputs[0];
    }
    for (PlanNode*& c : n->control_inputs) {
      if (is_read(*c)) c = c->inputs[0].node;
    }
  }
  graph->RemoveUnused();
}

bool TopologicalOrder(const PlanGraph& graph, std::vector<PlanNode*>* order) {
  std::unordered_map<PlanNode*, int> state;  // 1: being visited, 2: done
  for (const auto& root : graph.nodes) {
    std::vector<std::pair<PlanNode*, size_t>> stack{{root.get(), 0}};
    while (!stack.empty()) {
      auto& [n, next] = stack.back();
      int& mark = state[n];
      if (mark == 2) {
        stack.pop_back();
        continue;
      }
      mark = 1;
      const size_t total = n->inputs.size() + n->control_inputs.size();
      if (next == total) {
        mark = 2;
        order->push_back(n);
        stack.pop_back();
        continue;
      }
      PlanNode* in = next < n->inputs.size() ? n->inputs[next].node
                                             : n->control_inputs[next - n->inputs.size()];
      ++next;
      const int seen = state[in];
      if (seen == 1) return false;
      if (seen == 0) stack.emplace_back(in, 0);
    }
  }
  return true;
}

void OptimizeGraph(SessionImpl*, PlanGraph* graph) {
  std::vector<PlanNode*> order;
  if (!TopologicalOrder(*graph, &order)) return;  // Order() reports the cycle
  RemoveGates(order);
  FoldConstants(order, graph);
  graph->RemoveUnused();
  order.clear();
  TopologicalOrder(*graph, &order);
  RemoveIdentities(order, graph);
  MergeTwins(order, graph);
  graph->RemoveUnused();
}

}  // namespace weft
