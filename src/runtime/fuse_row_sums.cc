// SPDX-License-Identifier: Apache-2.0
// The gradient of a vector that was added to each row of several matrices is the sum of all rows of
// all their gradients: one pass over them.
//
//   AddN(Sum(dz_1, [0]), ..., Sum(dz_n, [0]), rest...)  -> _SumOfRows(rest..., dz_1, ..., dz_n)
//   AddV2(Sum(dz, [0]), x)                              -> _SumOfRows(x, dz), broadcasting
//
// A Reshape of a sum to a vector counts as the sum. kernels/cpu/row_sums.cc runs them, on one
// thread and row by row: what is large is left to Sum, which shares it out and rounds less.
#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "src/runtime/plan_match.h"

namespace weft {
namespace {

// Elements of what is summed.
constexpr int64_t kMostElements = int64_t{1} << 16;

class RowSumFuser {
 public:
  explicit RowSumFuser(PlanGraph* graph) : graph_(*graph) {}

  void Run() {
    if (std::none_of(graph_.nodes.begin(), graph_.nodes.end(),
                     [](const auto& n) { return n->op == "Sum"; }))
      return;
    users_ = PlanUsers(graph_);
    for (const auto& n : graph_.nodes) {
      const bool two = n->op == "AddV2" || n->op == "Add";
      if ((n->op == "AddN" || two) && IsFreeFloatNode(*n)) Fuse(n.get(), two);
    }
    graph_.RemoveUnused();
  }

 private:
  bool OnlyOneUse(const PlanNode* n) const { return !users_.kept(n) && users_.of(n).size() == 1; }

  // The static number of elements of a vector.
  static std::optional<int64_t> LengthOf(const PlanEdge& e) {
    const PartialShape* s = StaticShapeOf(e);
    if (!s || !s->known_rank() || s->rank() != 1 || s->dim(0) < 0) return std::nullopt;
    return s->dim(0);
  }

  // Is what the graph's node sums known to be small? (A pass may have put another node in its
  // place.)
  static bool IsSmall(const PlanNode& sum) {
    if (!sum.origin) return false;
    const PartialShape shape = sum.origin->inputs[0].shape();
    return shape.IsFullyKnown() && shape.num_elements() <= kMostElements;
  }

  // What is summed along its first dimension, and the static length of the result.
  struct Rows {
    PlanEdge value;
    int64_t columns = 0;
  };
  // That this is such a sum.
  std::optional<Rows> RowsOf(const PlanEdge& e) const {
    if (!OnlyOneUse(e.node)) return std::nullopt;
    const PlanNode* sum = e.node;
    std::optional<int64_t> columns = LengthOf(e);
    if (sum->op == "Reshape" && IsFreeFloatNode(*sum)) {
      if (!OnlyOneUse(sum->inputs[0].node)) return std::nullopt;
      sum = sum->inputs[0].node;
    }
    if (!columns || sum->op != "Sum" || !IsFreeFloatNode(*sum) || IsRefEdge(sum->inputs[0]))
      return std::nullopt;
    const Array* axes = ConstantIntegers(sum->inputs[1]);
    if (!axes || axes->num_elements() != 1 || IntegerAt(*axes, 0) != 0 || !IsSmall(*sum))
      return std::nullopt;
    return Rows{sum->inputs[0], *columns};
  }

  void Fuse(PlanNode* n, bool two) {
    std::vector<PlanEdge> rest, matrices;
    std::optional<int64_t> columns;
    for (const PlanEdge& e : n->inputs) {
      if (IsRefEdge(e)) return;
      const std::optional<Rows> rows = RowsOf(e);
      if (!rows) {
        rest.push_back(e);
        continue;
      }
      if (columns && *columns != rows->columns) return;
      columns = rows->columns;
      matrices.push_back(rows->value);
    }
    if (!columns) return;
    n->op = "_SumOfRows";
    n->attrs = {{"T", kFloat32},
                {"addends", static_cast<int64_t>(rest.size())},
                {"columns", *columns},
                {"broadcasts", two}};
    n->inputs = std::move(rest);
    n->inputs.insert(n->inputs.end(), matrices.begin(), matrices.end());
    n->input_types.assign(n->inputs.size(), kFloat32);
  }

  PlanGraph& graph_;
  PlanUsers users_;
};

}  // namespace

void FuseRowSums(PlanGraph* graph) { RowSumFuser(graph).Run(); }

}  // namespace weft
