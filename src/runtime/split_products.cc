// SPDX-License-Identifier: Apache-2.0
// A product with columns that are put together for it, or taken apart after it, is several products
// of parts, which need no copies: as in the cells of recurrent nets, MatMul([x, h], w), and in
// their gradients.
//
//   MatMul(ConcatV2(x, h, 1), w)                  -> _ProductOfParts(x, h, w)
//   _SumOfProducts(ConcatV2(x_1, h_1, 1), ...,    -> _SumOfProducts(x_1, h_1, ..., dz_1, ...),
//                  dz_1, ...)                        attribute `parts` 2
//   Slices of columns of MatMul(dz, w, transpose_b)
//                                                 -> _PartsOfProduct(dz, w)
//
// kernels/cpu/split_product.cc and product_sum.cc run them.
#include <algorithm>
#include <cstdint>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "src/runtime/plan_match.h"

namespace weft {
namespace {

constexpr size_t kMostParts = 8;

class ProductSplitter {
 public:
  explicit ProductSplitter(PlanGraph* graph) : graph_(*graph) {}

  void Run() {
    if (std::none_of(graph_.nodes.begin(), graph_.nodes.end(),
                     [](const auto& n) { return n->op == "MatMul"; }))
      return;
    SplitOperands();
    SplitResults();
    graph_.RemoveUnused();
  }

 private:
  void SplitOperands() {
    users_ = PlanUsers(graph_);
    std::vector<PlanNode*> sums;
    for (const auto& n : graph_.nodes) {
      if (n->op == "_SumOfProducts") sums.push_back(n.get());
      if (IsSplit(*n)) split_.insert(n.get());
    }
    // A sum takes all of its operands apart or none, and what one keeps together stays so for all.
    for (bool changed = true; changed;) {
      changed = false;
      for (const PlanNode* sum : sums) {
        if (SplitsAll(*sum)) continue;
        for (const PlanEdge& e : sum->inputs) changed |= split_.erase(e.node) > 0;
      }
    }
    for (PlanNode* sum : sums) {
      if (SplitsAll(*sum)) SplitSum(sum);
    }
    for (const PlanNode* concat : split_) {
      for (PlanNode* user : users_.of(concat)) {
        if (user->op == "MatMul") SplitProduct(user);
      }
    }
  }

  // A concatenation that only products need. A constant matrix has better ways (row_weights.cc).
  bool IsSplit(const PlanNode& concat) const {
    if (!IsConcatOfColumns(concat) || concat.inputs.size() > kMostParts + 1 ||
        users_.kept(&concat) || users_.of(&concat).empty())
      return false;
    const PlanEdge whole{const_cast<PlanNode*>(&concat), 0};
    return std::ranges::all_of(users_.of(&concat), [&](const PlanNode* user) {
      if (user->op == "_SumOfProducts") {
        const auto middle = user->inputs.begin() + static_cast<ptrdiff_t>(user->inputs.size() / 2);
        return std::find(middle, user->inputs.end(), whole) == user->inputs.end();
      }
      return IsProductOfRows(*user, /*transpose_b=*/false) && user->inputs[1] != whole &&
             user->inputs[1].node->op != "Const";
    });
  }

  bool SplitsAll(const PlanNode& sum) const {
    const size_t count = sum.inputs.size() / 2;
    for (size_t i = 0; i < count; ++i) {
      const PlanNode* a = sum.inputs[i].node;
      if (!split_.contains(a) || a->inputs.size() != sum.inputs[0].node->inputs.size())
        return false;
    }
    return true;
  }

  static void SplitSum(PlanNode* sum) {
    const size_t count = sum->inputs.size() / 2;
    std::vector<PlanEdge> inputs;
    size_t parts = 0;
    for (size_t i = 0; i < count; ++i) {
      const std::vector<PlanEdge>& of_concat = sum->inputs[i].node->inputs;
      parts = of_concat.size() - 1;
      inputs.insert(inputs.end(), of_concat.begin(), of_concat.end() - 1);
    }
    inputs.insert(inputs.end(), sum->inputs.begin() + static_cast<ptrdiff_t>(count),
                  sum->inputs.end());
    sum->inputs = std::move(inputs);
    sum->input_types.assign(sum->inputs.size(), kFloat32);
    sum->attrs.insert_or_assign("parts", static_cast<int64_t>(parts));
  }

  static void SplitProduct(PlanNode* n) {
    const std::vector<PlanEdge>& of_concat = n->inputs[0].node->inputs;
    std::vector<PlanEdge> inputs(of_concat.begin(), of_concat.end() - 1);
    inputs.push_back(n->inputs[1]);
    n->op = "_ProductOfParts";
    n->attrs = {{"T", kFloat32}};
    n->inputs = std::move(inputs);
    n->input_types.assign(n->inputs.size(), kFloat32);
  }

  void SplitResults() {
    users_ = PlanUsers(graph_);
    const size_t count = graph_.nodes.size();
    for (size_t i = 0; i < count; ++i) {
      PlanNode* const n = graph_.nodes[i].get();
      if (!IsProductOfRows(*n, /*transpose_b=*/true) || users_.kept(n) || users_.of(n).empty())
        continue;
      const Extent matrix = ExtentOf(n->inputs[1]);
      const Extent result{ExtentOf({n, 0}).rows, matrix.rows};
      std::vector<ColumnSlice> slices;
      for (PlanNode* user : users_.of(n)) {
        ColumnSlice s;
        if (!ReadColumnSlice(user, {n, 0}, result, &s) || s.column < 0 || s.width < 0 ||
            s.column + s.width > matrix.rows)
          break;
        slices.push_back(s);
      }
      if (slices.size() == users_.of(n).size() && slices.size() <= kMostParts)
        SplitResult(*n, slices);
    }
  }

  void SplitResult(const PlanNode& product, const std::vector<ColumnSlice>& slices) {
    PlanNode* const parts = graph_.Add();
    parts->op = "_PartsOfProduct";
    parts->name = product.name + "/_parts";
    parts->def = product.def;
    parts->device = product.device;
    parts->order = product.order;
    parts->inputs = product.inputs;
    parts->input_types = product.input_types;
    std::vector<int64_t> columns, widths;
    for (const ColumnSlice& s : slices) {
      columns.push_back(s.column);
      widths.push_back(s.width);
      parts->output_types.push_back(kFloat32);
    }
    parts->attrs = {{"T", kFloat32}, {"columns", columns}, {"widths", widths}};
    for (size_t i = 0; i < slices.size(); ++i)
      ReadInstead(&graph_, users_, slices[i].slice, {parts, static_cast<int>(i)});
  }

  PlanGraph& graph_;
  PlanUsers users_;
  std::unordered_set<const PlanNode*> split_;  // concatenations that will be gone
};

}  // namespace

void SplitProducts(PlanGraph* graph) { ProductSplitter(graph).Run(); }

}  // namespace weft
