// SPDX-License-Identifier: Apache-2.0
// Sums of products in loops. The gradient of a weight matrix that the body of a loop uses is a
// loop variable, to which each iteration adds a product x^T dz of a few rows:
//
//   s <- s + MatMul(x, dz, transpose_a)
//
// The iterations then only collect x and dz, and the products are made of many rows at once
// (kernels/cpu/product_sum.cc).
#include <algorithm>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "src/runtime/loop.h"
#include "src/runtime/plan_match.h"

namespace weft {
namespace {

int UsesOf(const PlanGraph& graph, const PlanNode* node) {
  int uses = 0;
  for (const auto& n : graph.nodes) {
    for (const PlanEdge& e : n->inputs) uses += e.node == node;
    uses += static_cast<int>(std::count(n->control_inputs.begin(), n->control_inputs.end(), node));
  }
  for (const PlanEdge& e : graph.fetches) uses += e.node == node;
  return uses;
}

bool IsTarget(const PlanGraph& graph, const PlanNode* n) {
  return std::find(graph.targets.begin(), graph.targets.end(), n) != graph.targets.end();
}

// The shape of a value of the program's graph, if it is known.
const PartialShape* StaticShape(const PlanEdge& e) {
  if (!e.node->origin || e.node->is_feed) return nullptr;
  const PartialShape& shape = e.node->origin->output_shapes[static_cast<size_t>(e.index)];
  return shape.IsFullyKnown() ? &shape : nullptr;
}

class ProductCollector {
 public:
  ProductCollector(PlanGraph* graph, PlanNode* loop, LoopPlan* plan)
      : graph_(*graph), loop_(loop), plan_(*plan), body_(plan->body->graph) {}

  void Run() {
    for (size_t v = 0; v < plan_.num_variables; ++v) {
      if (PlanNode* product = ProductOf(v)) Collect(v, product);
    }
  }

 private:
  // The product that is added to variable v in each iteration; null if that is not all that
  // happens to it.
  PlanNode* ProductOf(size_t v) const {
    PlanNode* const feed = body_.feeds[v];
    const PlanEdge next = body_.fetches[v];
    const auto& exits = plan_.exit_variable;
    if (!feed || plan_.condition->graph.feeds[v] || UsesOf(body_, feed) != 1 ||
        std::find(exits.begin(), exits.end(), static_cast<int>(v)) == exits.end())
      return nullptr;
    PlanNode* const sum = next.node;
    if (sum->is_feed || (sum->op != "AddV2" && sum->op != "Add") || sum->inputs.size() != 2 ||
        UsesOf(body_, sum) != 1)
      return nullptr;
    const bool first = sum->inputs[0].node == feed;
    if (!first && sum->inputs[1].node != feed) return nullptr;
    PlanNode* const product = sum->inputs[first ? 1 : 0].node;
    if (!IsProductOfColumns(*product) || product->device != sum->device ||
        UsesOf(body_, product) != 1 || IsTarget(body_, product))
      return nullptr;
    const PlanEdge& initial = loop_->inputs[v];
    const PartialShape *a = StaticShape({product, 0}), *b = StaticShape(initial);
    const bool same = a && b && a->ToShape() == b->ToShape();
    return same && loop_->input_types[v] == kFloat32 ? product : nullptr;
  }

  PlanNode* AddBeside(PlanGraph& graph, const char* op, const PlanNode& other) {
    PlanNode* n = graph.Add();
    n->op = op;
    n->name = other.name + "/" + op;
    n->def = loop_->def;
    n->order = loop_->order;
    n->device = loop_->device;
    n->attrs = {{"T", kFloat32}};
    return n;
  }

  void Collect(size_t v, PlanNode* product) {
    PlanNode* const sum = body_.fetches[v].node;
    const std::string name = product->name;
    sum->op = kCollectProductOp;
    sum->attrs = {{"T", kFloat32}, {"names", std::vector<std::string>{name}}};
    sum->inputs = {{body_.feeds[v], 0}, product->inputs[0], product->inputs[1]};
    sum->input_types = {kVariant, kFloat32, kFloat32};
    sum->output_types = {kVariant};
    body_.feeds[v]->output_types = {kVariant};

    PlanNode* const begin = AddBeside(graph_, kBeginProductsOp, *sum);
    begin->attrs["zero"] = IsConstantZero(loop_->inputs[v]);
    begin->inputs = {loop_->inputs[v]};
    begin->input_types = {kFloat32};
    begin->output_types = {kVariant};
    loop_->inputs[v] = {begin, 0};
    loop_->input_types[v] = kVariant;
    for (size_t o = 0; o < plan_.exit_variable.size(); ++o) {
      if (plan_.exit_variable[o] != static_cast<int>(v)) continue;
      PlanNode* const end = AddBeside(graph_, kEndProductsOp, *sum);
      end->output_types = {kFloat32};
      graph_.Redirect({loop_, static_cast<int>(o)}, {end, 0});
      end->inputs = {{loop_, static_cast<int>(o)}};
      end->input_types = {kVariant};
      loop_->output_types[o] = kVariant;
    }
  }

  PlanGraph& graph_;
  PlanNode* loop_;
  LoopPlan& plan_;
  PlanGraph& body_;
};

}  // namespace

void CollectProducts(PlanGraph* graph, PlanNode* loop, LoopPlan* plan) {
  ProductCollector(graph, loop, plan).Run();
}

}  // namespace weft
