// SPDX-License-Identifier: Apache-2.0
#include "src/gradients/function_gradient.h"

#include <algorithm>

#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/gradients/gradient_nodes.h"
#include "src/graph/function_body.h"
#include "weft/core/status_macros.h"
#include "weft/gradients/gradients.h"
#include "weft/ops/basic.h"
#include "weft/ops/control_flow.h"
#include "weft/ops/logical.h"

namespace weft {
namespace {

using Tensors = std::vector<Tensor>;

// The forward computation of a node, made anew over other inputs.
class Again {
 public:
  explicit Again(const Node& node) : node_(node), graph_(*node.graph) {}

  // `inputs` are those of the functions (without predicate or index).
  Tensors Build(const Tensors& inputs) {
    if (node_.type().ends_with("Call")) return Call(Function("f"), inputs);
    if (node_.type().ends_with("If")) {
      return Cond(
          Truth(node_.inputs[0]), [&] { return Call(Function("then_branch"), inputs); },
          [&] { return Call(Function("else_branch"), inputs); });
    }
    if (node_.type().ends_with("Case"))
      return Choose(*node_.FindAttrOf<std::vector<FuncRef>>("branches"), 0, inputs);
    return Loop(inputs);
  }

  // The number of inputs before those of the functions.
  size_t first_input() const {
    return node_.type().ends_with("If") || node_.type().ends_with("Case") ? 1 : 0;
  }

 private:
  FuncRef Function(std::string_view attr) const {
    const FuncRef* f = node_.FindAttrOf<FuncRef>(attr);
    return f ? *f : FuncRef();
  }
  Tensors Call(const FuncRef& f, const Tensors& inputs) {
    const auto body = ValueOrThrow(InstantiateFunction(graph_, f));
    return ValueOrThrow(InlineFunction(*body, graph_, inputs));
  }

  static Tensor Truth(const Tensor& pred) {
    if (RemoveRef(pred.dtype()) == kBool) return pred;
    return NotEqual(pred, ZerosLike(pred));
  }

  Tensors Choose(const std::vector<FuncRef>& branches, size_t i, const Tensors& inputs) {
    if (i + 1 == branches.size()) return Call(branches[i], inputs);
    return Cond(
        Equal(node_.inputs[0], static_cast<int32_t>(i)), [&] { return Call(branches[i], inputs); },
        [&] { return Choose(branches, i + 1, inputs); });
  }

  // What the body passes on as it is enters the loop as an invariant.
  Tensors Loop(const Tensors& inputs) {
    const auto cond = ValueOrThrow(InstantiateFunction(graph_, Function("cond")));
    const auto body = ValueOrThrow(InstantiateFunction(graph_, Function("body")));
    std::vector<Input> variables;
    std::vector<PartialShape> invariants;
    std::vector<size_t> places;
    for (size_t i = 0; i < inputs.size(); ++i) {
      Tensor result = body->results.at(i);
      while (result.node()->type() == "Identity") result = result.node()->inputs[0];
      if (result == body->args.at(i)) continue;
      places.push_back(i);
      variables.emplace_back(inputs[i]);
      invariants.push_back(Tensor(const_cast<Node*>(&node_), static_cast<int>(i)).shape());
    }
    const auto all = [&](const Tensors& v) {
      Tensors values = inputs;
      for (size_t k = 0; k < places.size(); ++k) values[places[k]] = v[k];
      return values;
    };
    const Tensors finals = WhileLoop(
        [&](const Tensors& v) {
          return Truth(ValueOrThrow(InlineFunction(*cond, graph_, all(v))).at(0));
        },
        [&](const Tensors& v) {
          const Tensors results = ValueOrThrow(InlineFunction(*body, graph_, all(v)));
          Tensors next;
          for (size_t k : places) next.push_back(results[k]);
          return next;
        },
        variables, {.shape_invariants = invariants});
    Tensors outputs = inputs;
    for (size_t k = 0; k < places.size(); ++k) outputs[places[k]] = finals[k];
    return outputs;
  }

  const Node& node_;
  GraphImpl& graph_;
};

void FunctionGradient(GradientContext& g) {
  Node* const node = g.op().node();
  Again again(*node);
  // Gradients stop at copies of the inputs.
  Tensors inputs;
  for (size_t i = again.first_input(); i < node->inputs.size(); ++i)
    inputs.push_back(g.Identity(node->inputs[i]));
  if (!g.ok()) return;
  const Tensors outputs = again.Build(inputs);
  Tensors ys;
  GradientOptions options;
  for (size_t i = 0; i < outputs.size(); ++i) {
    const int o = static_cast<int>(i);
    if (g.dy_raw(o).none() || !IsTrainable(outputs[i]) ||
        RemoveRef(outputs[i].dtype()) == kResource)
      continue;
    ys.push_back(outputs[i]);
    options.grad_ys.push_back(g.dy(o));
  }
  if (!g.ok() || ys.empty()) return;
  const std::vector<Grad> dxs = Gradients(ys, inputs, options);
  for (size_t i = 0; i < dxs.size(); ++i)
    g.SetDx(static_cast<int>(i + again.first_input()), dxs[i]);
}

}  // namespace

const GradientFn* FunctionGradientOf(const Node& node) {
  static constexpr std::string_view kOps[] = {
      "PartitionedCall", "StatefulPartitionedCall", "If", "StatelessIf", "Case", "StatelessCase",
      "While",           "StatelessWhile"};
  if (std::find(std::begin(kOps), std::end(kOps), node.type()) == std::end(kOps)) return nullptr;
  static const GradientFn* const rule = new GradientFn(FunctionGradient);
  return rule;
}

absl::StatusOr<FunctionGradients> GradientsOf(GraphImpl& graph, const FunctionBody& body) {
  try {
    const Graph made(&graph.registry());
    GraphImpl& impl = made.impl();
    const GraphScope use(made);
    impl.library = graph.library;
    FunctionGradients gradients{.graph = made.shared_impl(), .args = {}, .results = {}};
    const auto add = [&](const std::vector<Tensor>& like) -> absl::Status {
      for (const Tensor& t : like) {
        NodeSpec spec;
        spec.op = "Placeholder";
        spec.name = StrCat("arg_", gradients.args.size());
        spec.attrs = {{"dtype", RemoveRef(t.dtype())}};
        WEFT_ASSIGN_OR_RETURN(Node * node, impl.AddNodeInScope(std::move(spec)));
        gradients.args.emplace_back(node, 0);
      }
      return absl::OkStatus();
    };
    WEFT_RETURN_IF_ERROR(add(body.args));
    const std::vector<Tensor> xs = gradients.args;
    WEFT_RETURN_IF_ERROR(add(body.results));
    WEFT_ASSIGN_OR_RETURN(const std::vector<Tensor> ys, InlineFunction(body, impl, xs));
    GradientOptions options;
    options.grad_ys.assign(gradients.args.begin() + static_cast<std::ptrdiff_t>(xs.size()),
                           gradients.args.end());
    options.unconnected_gradients = UnconnectedGradients::kZero;
    for (const Grad& g : Gradients(ys, xs, options)) gradients.results.push_back(DenseGradient(g));
    return gradients;
  } catch (const Error& e) {
    return ToStatus(e);
  }
}

}  // namespace weft
