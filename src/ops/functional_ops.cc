// SPDX-License-Identifier: Apache-2.0
// Ops that call functions of the graph's library.
// kernels: src/runtime/calls.cc makes them with the plan   test: tests/ops/functional_ops_test.cc
#include "src/core/nesting.h"
#include "src/core/strings.h"
#include "src/graph/function_body.h"
#include "weft/graph/op_def.h"

namespace weft {
namespace {

// Functions may call each other many times over, or themselves: how far shapes are followed into
// calls that a function makes, and how many of them below one node.
constexpr int kMaxDepth = 8;
constexpr int kMaxCalls = 100;

struct ShapesOfCalls {};

// What follows for the results from the shapes of the arguments. Unknown where the function can't
// be looked into: the run then tells why.
absl::Status CallShape(ShapeContext& c) {
  const Nesting<ShapesOfCalls> nesting;
  if (nesting.depth() > kMaxDepth || nesting.calls() > kMaxCalls) return absl::OkStatus();
  GraphImpl& graph = *c.node().graph;
  const auto body = InstantiateFunction(graph, c.Attr<FuncRef>("f"));
  if (!body.ok() || (*body)->results.size() != static_cast<size_t>(c.num_outputs()))
    return absl::OkStatus();
  // The body once more, with what is known of these arguments.
  const Graph scratch(&graph.registry());
  std::vector<Tensor> args;
  for (int i = 0; i < c.num_inputs(); ++i) {
    NodeSpec spec;
    spec.op = "Placeholder";
    spec.name = StrCat("arg.", i);  // no name in a function has a dot
    spec.attrs = {{"dtype", c.input_dtype(i)}, {"shape", c.input(i)}};
    WEFT_ASSIGN_OR_RETURN(Node * node, scratch.impl().AddNode(std::move(spec)));
    if (const std::vector<HandleData>* data = c.input_handle_data(i)) node->SetHandles(0, *data);
    args.emplace_back(node, 0);
  }
  const auto results = InlineFunction(**body, scratch.impl(), args);
  if (!results.ok()) return absl::OkStatus();
  for (int i = 0; i < c.num_outputs(); ++i) {
    const Tensor& result = (*results)[static_cast<size_t>(i)];
    c.set_output(i, result.shape());
    if (const auto* handles = result.node()->HandlesOf(result.index()))
      c.set_output_handle_data(i, *handles);
  }
  return absl::OkStatus();
}

// The attribute output_shapes, if it is set.
absl::Status DeclaredShapes(ShapeContext& c) {
  const auto shapes = c.Attr<std::vector<PartialShape>>("output_shapes");
  if (shapes.empty()) return absl::OkStatus();
  if (shapes.size() != static_cast<size_t>(c.num_outputs())) {
    return absl::InvalidArgumentError(
        StrCat("`output_shapes` must be the same length as num "
               "outputs (",
               shapes.size(), " vs. ", c.num_outputs()));
  }
  for (int i = 0; i < c.num_outputs(); ++i) c.set_output(i, shapes[static_cast<size_t>(i)]);
  return absl::OkStatus();
}

absl::Status WhileShape(ShapeContext& c) {
  if (!c.Attr<std::vector<PartialShape>>("output_shapes").empty()) return DeclaredShapes(c);
  for (int i = 0; i < c.num_outputs() && i < c.num_inputs(); ++i) {
    c.set_output(i, c.input(i));
    if (const auto* data = c.input_handle_data(i)) c.set_output_handle_data(i, *data);
  }
  return absl::OkStatus();
}

// Differentiated by src/gradients/function_gradient.h, which looks into the functions.
constexpr char kByFunction[] = "its gradient is that of the functions it calls";

OpDefBuilder&& WithState(OpDefBuilder&& op, bool stateful) {
  return stateful ? std::move(op).Stateful() : std::move(op);
}

void RegisterCalls(OpRegistry& ops) {
  for (const bool stateful : {false, true}) {
    ops.Add(stateful ? "StatefulPartitionedCall" : "PartitionedCall")
        .Summary("f(args), where f is a function of the graph's library.")
        .Input("args: Tin")
        .Output("output: Tout")
        .Attr("Tin: list(type) >= 0")
        .Attr("Tout: list(type) >= 0")
        .Attr("f: func")
        .Attr("config: string = ''")
        .Attr("config_proto: string = ''")
        .Attr("executor_type: string = ''")
        .Shape(CallShape)
        .NoGradient(kByFunction)
        .Apply([stateful](OpDefBuilder&& op) -> OpDefBuilder&& {
          return WithState(std::move(op), stateful);
        });
  }
  ops.Add("SymbolicGradient")
      .Summary(
          "The gradients of f's arguments, from the arguments and the gradients of f's results.")
      .Input("input: Tin")
      .Output("output: Tout")
      .Attr("Tin: list(type) >= 1")
      .Attr("Tout: list(type) >= 1")
      .Attr("f: func")
      .Shape([](ShapeContext& c) {
        // A gradient has the shape of what it is the gradient of.
        if (c.num_inputs() < c.num_outputs())
          return absl::InvalidArgumentError("len(inputs) < len(outputs)");
        for (int i = 0; i < c.num_outputs(); ++i) c.set_output(i, c.input(i));
        return absl::OkStatus();
      })
      .NoGradient("second derivatives of functions are not defined");
}

void RegisterBranches(OpRegistry& ops) {
  for (const bool stateful : {false, true}) {
    const auto state = [stateful](OpDefBuilder&& op) -> OpDefBuilder&& {
      return WithState(std::move(op), stateful);
    };
    const std::string prefix = stateful ? "" : "Stateless";
    ops.Add(prefix + "If")
        .Summary("then_branch(input) if cond holds, else else_branch(input).")
        .Input("cond: Tcond")
        .Input("input: Tin")
        .Output("output: Tout")
        .Attr("Tcond: type")
        .Attr("Tin: list(type) >= 0")
        .Attr("Tout: list(type) >= 0")
        .Attr("then_branch: func")
        .Attr("else_branch: func")
        .Attr("output_shapes: list(shape) = []")
        .Shape(DeclaredShapes)
        .NoGradient(kByFunction)
        .Apply(state);
    ops.Add(prefix + "Case")
        .Summary("branches[branch_index](input); the last one if the index is out of range.")
        .Input("branch_index: int32")
        .Input("input: Tin")
        .Output("output: Tout")
        .Attr("Tin: list(type) >= 0")
        .Attr("Tout: list(type) >= 0")
        .Attr("branches: list(func) >= 1")
        .Attr("output_shapes: list(shape) = []")
        .Shape(DeclaredShapes)
        .NoGradient(kByFunction)
        .Apply(state);
    ops.Add(prefix + "While")
        .Summary("body(body(... input)) as long as cond holds.")
        .Input("input: T")
        .Output("output: T")
        .Attr("T: list(type) >= 0")
        .Attr("cond: func")
        .Attr("body: func")
        .Attr("output_shapes: list(shape) = []")
        .Attr("parallel_iterations: int = 10")
        .Shape(WhileShape)
        .NoGradient(kByFunction)
        .Apply(state);
  }
}

}  // namespace

void RegisterFunctionalOps(OpRegistry& ops) {
  RegisterCalls(ops);
  RegisterBranches(ops);
}

}  // namespace weft
