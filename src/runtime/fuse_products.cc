// SPDX-License-Identifier: Apache-2.0
// The gradient of a weight matrix that several products share is a sum of products, one for each
// use: x_1^T dz_1 + ... + x_n^T dz_n. It becomes one node, which multiplies matrices of all rows
// (kernels/cpu/product_sum.cc).
//
//   AddN(MatMul(x_1, dz_1, transpose_a), ..., MatMul(x_n, dz_n, transpose_a), rest...)
//     -> AddN(_SumOfProducts(x_1, ..., x_n, dz_1, ..., dz_n), rest...)
#include <algorithm>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "src/runtime/loop.h"
#include "src/runtime/plan.h"

namespace weft {

bool IsProductOfColumns(const PlanNode& n) {
  const DataType* type = n.FindAttrOf<DataType>("T");
  const bool* a = n.FindAttrOf<bool>("transpose_a");
  const bool* b = n.FindAttrOf<bool>("transpose_b");
  if (n.is_feed || n.op != "MatMul" || !n.device || n.device->type() != kCpu || !type || !a || !b)
    return false;
  if (*type != kFloat32 || !*a || *b || !n.control_inputs.empty()) return false;
  // A variable must be read when the product's turn has come.
  return std::none_of(n.inputs.begin(), n.inputs.end(), [](const PlanEdge& e) {
    return IsRef(e.node->output_types[static_cast<size_t>(e.index)]);
  });
}

namespace {

class ProductFuser {
 public:
  explicit ProductFuser(PlanGraph* graph) : graph_(*graph) {
    for (const auto& n : graph_.nodes) {
      for (const PlanEdge& e : n->inputs) ++uses_[e.node];
      for (const PlanNode* c : n->control_inputs) ++uses_[c];
    }
    for (const PlanEdge& e : graph_.fetches) ++uses_[e.node];
    for (const PlanNode* t : graph_.targets) ++uses_[t];
  }

  void Run() {
    const size_t count = graph_.nodes.size();
    for (size_t i = 0; i < count; ++i) {
      PlanNode* const n = graph_.nodes[i].get();
      if (n->op != "AddN" || n->is_feed || !n->device || n->device->type() != kCpu) continue;
      std::vector<PlanNode*> products;
      std::vector<PlanEdge> rest;
      for (const PlanEdge& e : n->inputs) {
        if (uses_[e.node] == 1 && e.node->device == n->device && IsProductOfColumns(*e.node))
          products.push_back(e.node);
        else
          rest.push_back(e);
      }
      if (products.size() >= 2) Fuse(n, products, std::move(rest));
    }
  }

 private:
  void Fuse(PlanNode* n, const std::vector<PlanNode*>& products, std::vector<PlanEdge> rest) {
    PlanNode* sum = n;
    if (!rest.empty()) {
      sum = graph_.Add();
      sum->name = n->name + "/_products";
      sum->order = n->order;
      sum->device = n->device;
      sum->output_types = {kFloat32};
      rest.insert(rest.begin(), PlanEdge{sum, 0});
      n->input_types.assign(rest.size(), kFloat32);
      n->attrs["N"] = static_cast<int64_t>(rest.size());
      n->inputs = std::move(rest);
      n->origin = nullptr;  // its kernel is not that of the graph's node
    }
    std::vector<std::string> names;
    std::vector<PlanEdge> inputs;
    for (const PlanNode* p : products) {
      names.push_back(p->name);
      inputs.push_back(p->inputs[0]);
    }
    for (const PlanNode* p : products) inputs.push_back(p->inputs[1]);
    sum->op = "_SumOfProducts";
    sum->def = products[0]->def;
    sum->attrs = {{"T", kFloat32}, {"names", names}};
    sum->input_types.assign(inputs.size(), kFloat32);
    sum->inputs = std::move(inputs);
  }

  PlanGraph& graph_;
  std::unordered_map<const PlanNode*, int> uses_;
};

}  // namespace

void FuseProducts(PlanGraph* graph) {
  ProductFuser(graph).Run();
  graph->RemoveUnused();
}

}  // namespace weft
