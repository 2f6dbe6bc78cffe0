// SPDX-License-Identifier: Apache-2.0
// The functions of an LSTM's gates, written with single ops, as one pass over memory:
//
//   i, j, f, o = Split(z + b)
//   c = c_prev * Sigmoid(f + forget_bias) + Sigmoid(i) * Tanh(j)        -> _LstmGates
//   h = Tanh(c) * Sigmoid(o)
//
// and their gradients, which end in the Concat of the gates' parts -> _LstmGatesGrad. Each value
// that others use (gradients use most) is an output. kernels/cpu/lstm_gates.cc runs them.
#include <algorithm>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "src/runtime/plan.h"
#include "src/runtime/plan_match.h"

namespace weft {
namespace {

bool IsFloatNode(const PlanNode& n) {
  const DataType* type = n.FindAttrOf<DataType>("T");
  return !n.is_feed && n.device && n.device->type() == kCpu && type && *type == kFloat32 &&
         n.control_inputs.empty();
}
bool IsOp(const PlanNode& n, std::string_view op) { return n.op == op && IsFloatNode(n); }
bool IsSum(const PlanNode& n) { return IsOp(n, "AddV2") || IsOp(n, "Add"); }

// The static shape of a matrix.
std::optional<PartialShape> MatrixShape(const PlanEdge& e) {
  std::optional<PartialShape> shape;
  const Array* constant = e.node->op == "Const" ? e.node->FindAttrOf<Array>("value") : nullptr;
  if (constant) {
    shape = PartialShape(constant->shape());
  } else if (e.node->origin && !e.node->is_feed) {
    const auto& shapes = e.node->origin->output_shapes;
    if (static_cast<size_t>(e.index) < shapes.size()) shape = shapes[static_cast<size_t>(e.index)];
  }
  if (shape && (!shape->known_rank() || shape->rank() != 2)) shape.reset();
  return shape;
}

// A constant integer that says the second of two dimensions.
bool IsLastOfTwo(const PlanEdge& e) {
  const Array* a = e.node->op == "Const" ? e.node->FindAttrOf<Array>("value") : nullptr;
  return a && a->num_elements() == 1 && (a->AsInt64() == 1 || a->AsInt64() == -1);
}

std::optional<float> ScalarConstant(const PlanEdge& e) {
  const Array* a = e.node->op == "Const" ? e.node->FindAttrOf<Array>("value") : nullptr;
  if (!a || a->rank() != 0 || a->dtype() != kFloat32) return std::nullopt;
  return *a->data<float>();
}

// The other operand of a node of two, if one of them is `e`.
std::optional<PlanEdge> OtherThan(const PlanNode& n, const PlanEdge& e) {
  if (n.inputs.size() != 2) return std::nullopt;
  if (n.inputs[0] == e) return n.inputs[1];
  if (n.inputs[1] == e) return n.inputs[0];
  return std::nullopt;
}

class LstmFuser {
 public:
  explicit LstmFuser(PlanGraph* graph) : graph_(*graph) {}

  // False if there is nothing to do, or a cycle.
  bool Run() {
    const bool any = std::any_of(graph_.nodes.begin(), graph_.nodes.end(), [](const auto& n) {
      return n->op == "Split" || n->op == "ConcatV2";
    });
    std::vector<PlanNode*> order;
    if (!any || !TopologicalOrder(graph_, &order)) return false;
    for (size_t i = 0; i < order.size(); ++i) {
      PlanNode* const n = order[i];
      position_[n] = i;
      for (const PlanEdge& e : n->inputs) users_[e.node].push_back(n);
      for (const PlanNode* c : n->control_inputs) fixed_.insert(c);
    }
    targets_.insert(graph_.targets.begin(), graph_.targets.end());
    for (const PlanEdge& e : graph_.fetches) fetched_.insert(e.node);
    for (PlanNode* n : order) {
      if (IsOp(*n, "ConcatV2")) Gradient(n);
      if (IsOp(*n, "Split")) Forward(n);
    }
    Apply();
    return true;
  }

 private:
  using Members = std::unordered_set<const PlanNode*>;

  // Only `user` uses the node.
  bool OnlyUsedBy(const PlanNode* n, const PlanNode* user) const {
    const auto it = users_.find(n);
    return it != users_.end() && it->second.size() == 1 && it->second[0] == user &&
           !fixed_.contains(n) && !fetched_.contains(n) && !targets_.contains(n);
  }
  PlanNode* OnlyUser(const PlanNode* n, int output) const {
    PlanNode* only = nullptr;
    const auto it = users_.find(n);
    if (it == users_.end()) return nullptr;
    for (PlanNode* u : it->second) {
      for (const PlanEdge& e : u->inputs) {
        if (e.node != n || e.index != output) continue;
        if (only) return nullptr;
        only = u;
      }
    }
    return only;
  }
  template <typename F>
  PlanNode* UserThat(const PlanNode* n, F&& fits) const {
    const auto it = users_.find(n);
    if (it == users_.end()) return nullptr;
    const auto found = std::find_if(it->second.begin(), it->second.end(), fits);
    return found == it->second.end() ? nullptr : *found;
  }

  // Nothing else waits for a member, no input is computed from one, and the targets among them are
  // `results`.
  bool CanFuse(const Members& members, const Members& results,
               const std::vector<PlanEdge>& inputs) const {
    size_t first = position_.size();
    for (const PlanNode* m : members) {
      if (fixed_.contains(m) || gone_.contains(m)) return false;
      if (targets_.contains(m) && !results.contains(m)) return false;
      first = std::min(first, position_.at(m));
    }
    std::vector<const PlanNode*> stack;
    Members seen;
    const auto visit = [&](const PlanNode* n) {
      const auto at = position_.find(n);
      if (at != position_.end() && at->second > first && seen.insert(n).second) stack.push_back(n);
    };
    for (const PlanEdge& e : inputs) visit(e.node);
    while (!stack.empty()) {
      const PlanNode* n = stack.back();
      stack.pop_back();
      if (members.contains(n)) return false;
      for (const PlanEdge& e : n->inputs) visit(e.node);
      for (const PlanNode* c : n->control_inputs) visit(c);
    }
    return true;
  }

  PlanNode* AddFused(const char* op, const PlanNode& last, const std::vector<PlanEdge>& inputs,
                     size_t outputs) {
    PlanNode* const n = graph_.Add();
    n->op = op;
    n->name = last.name;
    n->def = last.def;
    n->order = last.order;
    n->device = last.device;
    n->attrs = {{"T", kFloat32}};
    n->inputs = inputs;
    n->input_types.assign(inputs.size(), kFloat32);
    n->output_types.assign(outputs, kFloat32);
    return n;
  }

  void Forward(PlanNode* split) {
    const std::optional<PartialShape> part = MatrixShape({split, 0});
    if (split->output_types.size() != 4 || !IsLastOfTwo(split->inputs[0]) || !part ||
        part->dim(1) < 1 || fetched_.contains(split))
      return;
    const auto function = [&](int output, std::string_view op) -> PlanNode* {
      PlanNode* const n = OnlyUser(split, output);
      return n && IsOp(*n, op) ? n : nullptr;
    };
    PlanNode *const i = function(0, "Sigmoid"), *const ci = function(1, "Tanh"),
                    *const o = function(3, "Sigmoid"), *const sum = OnlyUser(split, 2);
    if (!i || !ci || !o || !sum || !IsSum(*sum)) return;
    const std::optional<PlanEdge> constant = OtherThan(*sum, {split, 2});
    const std::optional<float> bias = constant ? ScalarConstant(*constant) : std::nullopt;
    PlanNode* const f = OnlyUser(sum, 0);
    if (!bias || !f || !IsOp(*f, "Sigmoid") || !OnlyUsedBy(sum, f)) return;
    PlanNode* const taken = UserThat(i, [&](const PlanNode* n) {
      return IsOp(*n, "Mul") && OtherThan(*n, {i, 0}) == PlanEdge{ci, 0} && OnlyUser(n, 0);
    });
    PlanNode* const c = taken ? OnlyUser(taken, 0) : nullptr;
    if (!c || !IsSum(*c) || !OnlyUsedBy(taken, c)) return;
    const std::optional<PlanEdge> other = OtherThan(*c, {taken, 0});
    PlanNode* const kept = other ? other->node : nullptr;
    if (!kept || !IsOp(*kept, "Mul") || !OnlyUsedBy(kept, c)) return;
    const std::optional<PlanEdge> previous = OtherThan(*kept, {f, 0});
    if (!previous) return;
    PlanNode* const co = UserThat(c, [&](const PlanNode* n) { return IsOp(*n, "Tanh"); });
    PlanNode* const h =
        co ? UserThat(co,
                      [&](const PlanNode* n) {
                        return IsOp(*n, "Mul") && OtherThan(*n, {co, 0}) == PlanEdge{o, 0};
                      })
           : nullptr;
    if (!h || !IsStateOf(*previous, *part, *c)) return;
    Members members = {split, i, ci, sum, f, o, taken, kept, c, co, h};
    std::vector<PlanEdge> inputs = {split->inputs[1], *previous};
    if (IsRef(TypeOfEdge(inputs[0])) || IsRef(TypeOfEdge(inputs[1]))) return;
    PlanNode* const biased = inputs[0].node;
    const std::vector<PlanEdge> operands = OnlyUsedBy(biased, split)
                                               ? BiasOperands(*biased, 4 * part->dim(1))
                                               : std::vector<PlanEdge>();
    if (!operands.empty()) {
      members.insert(biased);
      inputs = {operands[0], *previous, operands[1]};
    }
    const std::vector<const PlanNode*> results = {i, ci, f, o, c, co, h};
    if (!CanFuse(members, {results.begin(), results.end()}, inputs)) return;
    PlanNode* const fused = AddFused("_LstmGates", *h, inputs, 7);
    fused->attrs["forget_bias"] = *bias;
    int output = 0;
    for (const PlanNode* n : results) replaced_[n] = {fused, output++};
    gone_.insert(members.begin(), members.end());
  }

  static DataType TypeOfEdge(const PlanEdge& e) {
    return e.node->output_types[static_cast<size_t>(e.index)];
  }

  // The state has as many columns as a gate; its rows may have to be repeated. The sum of both is
  // of the gate's shape as far as that is known.
  static bool IsStateOf(const PlanEdge& state, const PartialShape& gate, const PlanNode& sum) {
    const auto after = MatrixShape({const_cast<PlanNode*>(&sum), 0}), before = MatrixShape(state);
    if (!after || after->dim(1) != gate.dim(1)) return false;
    return state.node->is_feed || (before && before->dim(1) == gate.dim(1));
  }

  // {product, bias} of a sum with a vector of this size.
  static std::vector<PlanEdge> BiasOperands(const PlanNode& n, int64_t size) {
    const auto is_bias = [&](const PlanEdge& e) {
      const PartialShape* s = IsRef(TypeOfEdge(e)) ? nullptr : StaticShapeOf(e);
      return s && s->known_rank() && s->rank() == 1 && s->dim(0) == size;
    };
    if (!IsSum(n) && !IsOp(n, "BiasAdd")) return {};
    for (const size_t b : {size_t{1}, size_t{0}}) {
      const PlanEdge &bias = n.inputs[b], &product = n.inputs[1 - b];
      if (is_bias(bias) && MatrixShape(product) && !IsRef(TypeOfEdge(product)))
        return {product, bias};
      if (IsOp(n, "BiasAdd")) break;
    }
    return {};
  }

  // What is given of the parts of a gradient: dz = y_grad(y, m).
  struct Part {
    PlanNode* grad = nullptr;     // SigmoidGrad or TanhGrad
    PlanNode* product = nullptr;  // m
    PlanEdge y;
  };
  std::optional<Part> PartOf(const PlanNode* concat, size_t k, std::string_view op) const {
    PlanNode* const grad = concat->inputs[k].node;
    if (!IsOp(*grad, op) || !OnlyUsedBy(grad, concat)) return std::nullopt;
    PlanNode* const product = grad->inputs[1].node;
    if (!IsOp(*product, "Mul") || !OnlyUsedBy(product, grad)) return std::nullopt;
    return Part{grad, product, grad->inputs[0]};
  }

  void Gradient(PlanNode* concat) {
    if (concat->inputs.size() != 5 || !IsLastOfTwo(concat->inputs[4]) || fetched_.contains(concat))
      return;
    const auto i = PartOf(concat, 0, "SigmoidGrad"), ci = PartOf(concat, 1, "TanhGrad"),
               f = PartOf(concat, 2, "SigmoidGrad"), o = PartOf(concat, 3, "SigmoidGrad");
    if (!i || !ci || !f || !o) return;
    // The gradient of c, by which i, ci and f are scaled.
    const std::optional<PlanEdge> dc = OtherThan(*i->product, ci->y);
    if (!dc || OtherThan(*ci->product, i->y) != dc) return;
    const std::optional<PlanEdge> previous = OtherThan(*f->product, *dc);
    if (!previous) return;
    PlanNode* const total = dc->node;
    PlanNode* through_h = nullptr;  // the part of dc that comes from h
    const auto is_through_h = [&](const PlanNode& n) {
      if (!IsOp(n, "TanhGrad") || !IsOp(*n.inputs[1].node, "Mul")) return false;
      const auto dh = OtherThan(*n.inputs[1].node, o->y);
      return dh && OtherThan(*o->product, n.inputs[0]) == dh && OnlyUsedBy(n.inputs[1].node, &n);
    };
    if (is_through_h(*total)) {
      through_h = total;
    } else if (IsOp(*total, "AddN")) {
      for (const PlanEdge& e : total->inputs) {
        if (is_through_h(*e.node) && OnlyUsedBy(e.node, total)) through_h = e.node;
      }
    }
    if (!through_h || fetched_.contains(total)) return;
    PlanNode* const scaled = through_h->inputs[1].node;
    const PlanEdge co = through_h->inputs[0], dh = *OtherThan(*scaled, o->y);
    PlanNode* back = nullptr;  // the gradient of c_prev
    for (PlanNode* user : users_.at(total)) {
      if (user == i->product || user == ci->product || user == f->product) continue;
      if (back || !IsOp(*user, "Mul") || OtherThan(*user, *dc) != f->y) return;
      back = user;
    }
    Members members = {concat,     i->grad, i->product, ci->grad,  ci->product, f->grad,
                       f->product, o->grad, o->product, through_h, scaled,      total};
    if (back) members.insert(back);
    std::vector<PlanEdge> inputs = {i->y, ci->y, f->y, o->y, co, *previous, dh}, rest;
    if (total != through_h) {
      for (const PlanEdge& e : total->inputs) {
        if (e.node != through_h) rest.push_back(e);
      }
    }
    std::vector<PlanEdge> all = inputs;
    all.insert(all.end(), rest.begin(), rest.end());
    const bool has_ref =
        std::any_of(all.begin(), all.end(), [](const PlanEdge& e) { return IsRef(TypeOfEdge(e)); });
    if (has_ref || !HaveOneShape(inputs) || !CanFuse(members, {concat, back}, all)) return;
    if (rest.size() > 1) {
      PlanNode* const sum = AddFused("AddN", *total, rest, 1);
      sum->attrs["N"] = static_cast<int64_t>(rest.size());
      rest = {{sum, 0}};
    }
    inputs.insert(inputs.end(), rest.begin(), rest.end());
    PlanNode* const fused = AddFused("_LstmGatesGrad", *concat, inputs, 2);
    replaced_[concat] = {fused, 0};
    if (back) replaced_[back] = {fused, 1};
    gone_.insert(members.begin(), members.end());
  }

  // The outputs of the gates: of one shape, and known to be. What is given of dh follows.
  static bool HaveOneShape(const std::vector<PlanEdge>& values) {
    const auto first = MatrixShape(values[0]);
    if (!first || !first->IsFullyKnown()) return false;
    for (size_t k = 0; k < values.size(); ++k) {
      const bool checked_later = values[k].node->is_feed || k >= 5;
      const auto shape = MatrixShape(values[k]);
      if (!checked_later && (!shape || !(*shape == *first))) return false;
    }
    return true;
  }

  // Puts the fused nodes in the others' places. Two that would wait for each other are not possible
  // in a recurrent net, but in a graph: then all stays as it was.
  void Apply() {
    if (replaced_.empty()) return;
    std::vector<std::pair<PlanNode*, std::vector<PlanEdge>>> before;
    const auto resolve = [&](PlanEdge& e) {
      const auto it = e.node ? replaced_.find(e.node) : replaced_.end();
      if (it != replaced_.end()) e = it->second;
    };
    for (const auto& n : graph_.nodes) {
      before.emplace_back(n.get(), n->inputs);
      for (PlanEdge& e : n->inputs) resolve(e);
    }
    std::vector<PlanNode*> order;
    if (!TopologicalOrder(graph_, &order)) {
      for (auto& [node, inputs] : before) node->inputs = std::move(inputs);
      return;
    }
    for (PlanEdge& e : graph_.fetches) resolve(e);
    for (PlanNode*& t : graph_.targets) {
      if (const auto it = replaced_.find(t); it != replaced_.end()) t = it->second.node;
    }
  }

  PlanGraph& graph_;
  std::unordered_map<const PlanNode*, size_t> position_;
  std::unordered_map<const PlanNode*, std::vector<PlanNode*>> users_;
  std::unordered_set<const PlanNode*> fixed_, targets_, fetched_, gone_;
  std::unordered_map<const PlanNode*, PlanEdge> replaced_;
};

}  // namespace

void FuseLstmGates(PlanGraph* graph) {
  if (LstmFuser(graph).Run()) graph->RemoveUnused();
}

}  // namespace weft
