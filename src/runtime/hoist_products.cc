// SPDX-License-Identifier: Apache-2.0
// Recurrent nets that are written out step by step multiply [x_t, h_t-1] by one matrix at each
// step, and the gradients of z_t by its transpose. The half with the inputs x_t doesn't depend on
// the steps before, nor what becomes of its gradients on the steps after: all steps' halves become
// one product of many rows, which uses each element of the matrix many times and not once a step.
//
//   z_t = MatMul(ConcatV2(x_t, h_t, 1), w)        p_1, ..., p_n = _EarlyProducts(w, x_1, ..., x_n)
//                                            ->   z_t = _LateProduct(p_t, h_t, _PackRows(w))
//
//   d_t = MatMul(dz_t, w, transpose_b)            dx_1, ... = _EarlyGradients(w, dz_1, ..., dz_n)
//   dx_t, dh_t = Slices of d_t's columns     ->   dh_t = _LateGradient(dz_t, _PackRows(w))
//
// The other half of the matrix, which each step reads, is brought into the order of a product's
// inner loop once.
// kernels/cpu/part_products.cc runs them.
#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "src/runtime/plan_match.h"

namespace weft {
namespace {

// Fewer steps, or smaller halves of the matrix (elements), gain nothing.
constexpr size_t kFewestSteps = 3;
constexpr int64_t kSmallestHalf = int64_t{1} << 14;

using NodeSet = std::unordered_set<const PlanNode*>;

// One step's product, and its two halves.
struct TimeStep {
  PlanNode* product = nullptr;
  // Forwards, the concatenated operands. Backwards, the slices of the result (null: not wanted).
  PlanEdge operands[2];
  std::vector<PlanNode*> slices[2];
};

// The steps that share a matrix, whose rows [0, split) belong to half 0.
struct Group {
  PlanEdge matrix;
  Extent extent;
  int64_t split = -1;
  std::vector<TimeStep> steps;
  int64_t first_row(int half) const { return half == 0 ? 0 : split; }
  int64_t rows(int half) const { return half == 0 ? split : extent.rows - split; }
};

class ProductHoister {
 public:
  explicit ProductHoister(PlanGraph* graph) : graph_(*graph) {}

  void Run() {
    if (!SharesMatrices()) return;
    // One group at a time: what is early depends on the groups hoisted before.
    while (HoistOne()) graph_.RemoveUnused();
  }

 private:
  bool SharesMatrices() const {
    std::unordered_map<const PlanNode*, size_t> products;
    for (const auto& n : graph_.nodes) {
      if (n->op == "MatMul" && ++products[n->inputs[1].node] >= kFewestSteps) return true;
    }
    return false;
  }

  bool HoistOne() {
    users_ = PlanUsers(graph_);
    std::vector<const PlanNode*> switches;
    for (const auto& n : graph_.nodes) {
      if (CanMakeDead(*n)) switches.push_back(n.get());
    }
    const NodeSet maybe_dead = Descendants(std::move(switches));
    std::vector<Group> forwards, backwards;
    for (const auto& n : graph_.nodes) {
      // Steps that run would wait for those of a branch that isn't taken.
      if (maybe_dead.contains(n.get())) continue;
      if (IsProductOfRows(*n, /*transpose_b=*/false)) AddForwards(n.get(), &forwards);
      if (IsProductOfRows(*n, /*transpose_b=*/true)) AddBackwards(n.get(), &backwards);
    }
    for (const Group& g : forwards) {
      if (const std::optional<int> early = EarlyOperand(g)) {
        HoistForwards(g, *early);
        return true;
      }
    }
    for (const Group& g : backwards) {
      if (const std::optional<int> early = EarlySlice(g)) {
        HoistBackwards(g, *early);
        return true;
      }
    }
    return false;
  }

  // The group of this matrix, parted in this way; null if it is too small to matter.
  static Group* GroupOf(const PlanEdge& matrix, int64_t split, std::vector<Group>* groups) {
    for (Group& g : *groups) {
      if (g.matrix == matrix && g.split == split) return &g;
    }
    Group g{.matrix = matrix, .extent = ExtentOf(matrix), .split = split, .steps = {}};
    if (split <= 0 || split >= g.extent.rows || g.extent.columns <= 0 ||
        std::min(g.rows(0), g.rows(1)) * g.extent.columns < kSmallestHalf)
      return nullptr;
    return &groups->emplace_back(std::move(g));
  }

  static void AddForwards(PlanNode* n, std::vector<Group>* groups) {
    const PlanNode& concat = *n->inputs[0].node;
    if (!IsConcatOfColumns(concat) || concat.inputs.size() != 3) return;
    const int64_t left = ExtentOf(concat.inputs[0]).columns,
                  right = ExtentOf(concat.inputs[1]).columns;
    if (left <= 0 || right <= 0 || left + right != ExtentOf(n->inputs[1]).rows) return;
    Group* const g = GroupOf(n->inputs[1], left, groups);
    if (!g) return;
    TimeStep& step = g->steps.emplace_back();
    step.product = n;
    step.operands[0] = concat.inputs[0];
    step.operands[1] = concat.inputs[1];
  }

  void AddBackwards(PlanNode* n, std::vector<Group>* groups) {
    if (users_.kept(n)) return;
    const Extent matrix = ExtentOf(n->inputs[1]);
    const Extent result{ExtentOf({n, 0}).rows, matrix.rows};
    TimeStep step;
    step.product = n;
    int64_t split = -1;
    const auto splits_at = [&](int64_t column) {
      if (split < 0) split = column;
      return split == column;
    };
    for (PlanNode* user : users_.of(n)) {
      ColumnSlice s;
      if (!ReadColumnSlice(user, {n, 0}, result, &s)) return;
      if (s.column == 0 && s.width < matrix.rows && splits_at(s.width))
        step.slices[0].push_back(user);
      else if (s.column > 0 && s.column + s.width == matrix.rows && splits_at(s.column))
        step.slices[1].push_back(user);
      else
        return;
    }
    if (split < 0) return;
    if (Group* const g = GroupOf(n->inputs[1], split, groups)) g->steps.push_back(std::move(step));
  }

  // All that is computed from these nodes, themselves included.
  NodeSet Descendants(std::vector<const PlanNode*> open) const {
    NodeSet reached;
    while (!open.empty()) {
      const PlanNode* n = open.back();
      open.pop_back();
      if (!reached.insert(n).second) continue;
      const std::vector<PlanNode*>& users = users_.of(n);
      open.insert(open.end(), users.begin(), users.end());
    }
    return reached;
  }

  // A variable's matrix may be read for all steps at once if nothing that a step waits for writes
  // it.
  static bool IsReadAtAnyTime(const Group& g) {
    if (!IsRef(g.matrix.node->output_types[static_cast<size_t>(g.matrix.index)])) return true;
    NodeSet reached;
    std::vector<const PlanNode*> open;
    for (const TimeStep& s : g.steps) open.push_back(s.product);
    while (!open.empty()) {
      const PlanNode* n = open.back();
      open.pop_back();
      if (!reached.insert(n).second) continue;
      for (size_t i = 0; i < n->inputs.size(); ++i) {
        if (n->inputs[i].node == g.matrix.node && IsRef(n->input_types[i])) return false;
        open.push_back(n->inputs[i].node);
      }
      open.insert(open.end(), n->control_inputs.begin(), n->control_inputs.end());
    }
    return true;
  }

  // The half whose operands no step's product is needed for; the other half's are.
  std::optional<int> EarlyOperand(const Group& g) const {
    if (g.steps.size() < kFewestSteps || !IsReadAtAnyTime(g)) return std::nullopt;
    std::vector<const PlanNode*> products;
    for (const TimeStep& s : g.steps) products.push_back(s.product);
    const NodeSet later = Descendants(std::move(products));
    bool early[2] = {true, true};
    for (const TimeStep& s : g.steps) {
      for (int half = 0; half < 2; ++half)
        early[half] = early[half] && !later.contains(s.operands[half].node);
    }
    if (early[0] == early[1]) return std::nullopt;
    return early[0] ? 0 : 1;
  }

  // The half whose slices no step's product needs.
  std::optional<int> EarlySlice(const Group& g) const {
    if (g.steps.size() < kFewestSteps || !IsReadAtAnyTime(g)) return std::nullopt;
    bool early[2] = {true, true};
    for (int half = 0; half < 2; ++half) {
      std::vector<const PlanNode*> slices;
      for (const TimeStep& s : g.steps)
        slices.insert(slices.end(), s.slices[half].begin(), s.slices[half].end());
      const bool enough = slices.size() >= kFewestSteps;
      const NodeSet later = Descendants(std::move(slices));
      early[half] = enough && std::none_of(g.steps.begin(), g.steps.end(), [&](const TimeStep& s) {
                      return later.contains(s.product);
                    });
    }
    if (early[0] == early[1]) return std::nullopt;
    return early[0] ? 0 : 1;
  }

  // A node for all steps.
  PlanNode* AddForAll(const Group& g, const char* op, int half) {
    const PlanNode& first = *g.steps[0].product;
    PlanNode* n = graph_.Add();
    n->op = op;
    n->name = first.name + "/" + op;
    n->def = first.def;
    n->device = first.device;
    n->order = first.order;
    n->attrs = Attributes(g, half);
    AddInput(g.matrix, n);
    return n;
  }
  static AttrMap Attributes(const Group& g, int half) {
    return {{"T", kFloat32}, {"first_row", g.first_row(half)}, {"rows", g.rows(half)}};
  }
  PlanEdge AddPacked(const Group& g, int half, bool transpose) {
    PlanNode* const packed = AddForAll(g, "_PackRows", half);
    packed->attrs.emplace("transpose", transpose);
    packed->output_types = {kFloat32};
    return {packed, 0};
  }
  static AttrMap SizesOfLate(const Group& g, int half, bool transpose) {
    const int64_t rows = g.rows(half), columns = g.extent.columns;
    return {{"T", kFloat32}, {"k", transpose ? columns : rows}, {"n", transpose ? rows : columns}};
  }
  static void AddInput(const PlanEdge& e, PlanNode* n) {
    n->inputs.push_back(e);
    n->input_types.push_back(kFloat32);
  }
  static void Become(PlanNode* n, const char* op, AttrMap attrs,
                     const std::vector<PlanEdge>& inputs) {
    n->op = op;
    n->attrs = std::move(attrs);
    n->inputs.clear();
    n->input_types.clear();
    for (const PlanEdge& e : inputs) AddInput(e, n);
  }

  void HoistForwards(const Group& g, int early) {
    PlanNode* const all = AddForAll(g, "_EarlyProducts", early);
    const PlanEdge packed = AddPacked(g, 1 - early, /*transpose=*/false);
    for (const TimeStep& s : g.steps) {
      AddInput(s.operands[early], all);
      const auto index = static_cast<int>(all->output_types.size());
      all->output_types.push_back(kFloat32);
      Become(s.product, "_LateProduct", SizesOfLate(g, 1 - early, /*transpose=*/false),
             {{all, index}, s.operands[1 - early], packed});
    }
  }

  void HoistBackwards(const Group& g, int early) {
    PlanNode* const all = AddForAll(g, "_EarlyGradients", early);
    const PlanEdge packed = AddPacked(g, 1 - early, /*transpose=*/true);
    for (const TimeStep& s : g.steps) {
      const PlanEdge dz = s.product->inputs[0];
      for (PlanNode* late : s.slices[1 - early])
        Become(late, "_LateGradient", SizesOfLate(g, 1 - early, /*transpose=*/true), {dz, packed});
      if (s.slices[early].empty()) continue;
      AddInput(dz, all);
      const auto index = static_cast<int>(all->output_types.size());
      all->output_types.push_back(kFloat32);
      for (PlanNode* slice : s.slices[early]) ReadInstead(&graph_, users_, slice, {all, index});
    }
  }

  PlanGraph& graph_;
  PlanUsers users_;
};

}  // namespace

void HoistProducts(PlanGraph* graph) { ProductHoister(graph).Run(); }

}  // namespace weft
