// SPDX-License-Identifier: Apache-2.0
#include <memory>

#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/graph/control_flow.h"
#include "weft/graph/op_builder.h"
#include "weft/ops/basic.h"
#include "weft/ops/control_flow.h"
#include "weft/ops/logical.h"
#include "weft/ops/math_binary.h"

namespace weft {
namespace {

Tensor Pass(const char* type, const Tensor& t) {
  // The form for references is named as the other.
  return OpBuilder(IsRef(t.dtype()) ? StrCat("Ref", type) : std::string(type), NameOptions(), type)
      .In(t)
      .Output();
}

using Condition = std::function<Tensor(const std::vector<Tensor>&)>;
using Body = std::function<std::vector<Tensor>(const std::vector<Tensor>&)>;

// Is every value of shape `a` one of shape `b`?
bool IsWithin(const PartialShape& a, const PartialShape& b) {
  if (!b.known_rank()) return true;
  if (!a.known_rank() || a.rank() != b.rank()) return false;
  for (int d = 0; d < a.rank(); ++d) {
    if (b.dim(d) >= 0 && a.dim(d) != b.dim(d)) return false;
  }
  return true;
}

class LoopBuilder {
 public:
  LoopBuilder(const Graph& graph, WhileContext* context) : graph_(graph), context_(*context) {}

  std::vector<Tensor> Build(const Condition& cond, const Body& body,
                            const std::vector<Tensor>& initial,
                            const std::vector<PartialShape>& invariants) {
    std::lock_guard lock(graph_.impl().mu());
    context_.Enter();
    const Leave leave{&context_};
    AddEnters(initial, invariants);
    std::vector<Tensor> merges;
    for (const Tensor& enter : context_.loop_enters)
      merges.push_back(ValueOrThrow(AddLoopMerge(enter)));
    context_.pivot_for_pred = merges[0];
    const Tensor more = cond(merges);
    CheckCondition(more);
    context_.pivot = OpBuilder("LoopCond", NameOptions()).In(more).Output();
    std::vector<Tensor> finals, inside;
    for (const Tensor& merge : merges) {
      const Operation taken(ValueOrThrow(AddColocatedSwitch(merge, context_.pivot)));
      finals.push_back(taken.output(0));
      inside.push_back(taken.output(1));
    }
    for (Tensor& t : inside) t = Pass("Identity", t);
    context_.pivot_for_body = inside[0];
    const std::vector<Tensor> results = body(inside);
    CheckCount(results, merges);
    for (size_t i = 0; i < merges.size(); ++i) Close(merges[i], results[i]);
    std::vector<Tensor> exits;
    for (const Tensor& t : finals) exits.push_back(Pass("Exit", t));
    context_.loop_exits = exits;
    context_.ExitResult(exits);
    return exits;
  }

 private:
  struct Leave {
    WhileContext* context;
    ~Leave() { context->Exit(); }
  };

  void AddEnters(const std::vector<Tensor>& initial, const std::vector<PartialShape>& invariants) {
    context_.values.clear();
    for (const Tensor& t : initial) context_.AddName(t);
    std::vector<Tensor> outside = initial, enters;
    if (ControlFlowContext* outer = context_.outer()) {
      for (Tensor& t : outside) t = ValueOrThrow(outer->AddValue(t));
    }
    {
      const ControlDependencies none(nullptr, graph_);
      for (size_t i = 0; i < outside.size(); ++i) {
        const Tensor enter =
            ValueOrThrow(context_.AddEnter(outside[i], false, {}, /*use_shape=*/false));
        if (!IsWithin(outside[i].shape(), invariants[i])) {
          ThrowError(
              Code::kInvalidArgument,
              StrCat("The shape invariant specified for ", outside[i].name(),
                     " is not compatible with the initial shape of the loop variable. It "
                     "enters the loop with shape ",
                     outside[i].shape().ToPythonString(), ", but the specified shape invariant is ",
                     invariants[i].ToPythonString(), "."));
        }
        enter.set_shape(invariants[i]);
        enters.push_back(enter);
      }
    }
    // An Enter of a loop invariant of the loop around waits for that loop's iteration.
    Tensor pivot;
    for (ControlFlowContext* c = context_.outer(); c && !pivot.valid(); c = c->outer())
      pivot = c->AsWhile() ? c->control_pivot() : Tensor();
    for (const Tensor& enter : enters) {
      if (pivot.valid() && IsLoopConstantEnter(*enter.node()->inputs[0].node()))
        graph_.impl().AddControlInput(enter.node(), pivot.node());
    }
    ThrowIfError(context_.Adopt(enters));
    context_.values.clear();
    for (const Tensor& t : enters) context_.AddName(t);
    context_.loop_enters = enters;
  }

  static void CheckCondition(const Tensor& more) {
    if (!more.valid())
      ThrowError(Code::kInvalidArgument, "WhileLoop: cond returned an empty Tensor");
    if (RemoveRef(more.dtype()) == kBool) return;
    ThrowError(Code::kInvalidArgument,
               StrCat("WhileLoop: cond returned '", more.name(), "' of dtype ",
                      DTypeName(more.dtype()), "; it must be bool"));
  }

  static void CheckCount(const std::vector<Tensor>& results, const std::vector<Tensor>& merges) {
    if (results.size() != merges.size()) {
      ThrowError(Code::kInvalidArgument,
                 StrCat("WhileLoop: body returns ", results.size(), " tensors; there are ",
                        merges.size(), " loop variables"));
    }
  }

  // From the body's result back to the Merge.
  void Close(const Tensor& merge, const Tensor& result) {
    if (!result.valid())
      ThrowError(Code::kInvalidArgument, "WhileLoop: body returned an empty Tensor");
    const Tensor entered = merge.node()->inputs[0].node()->inputs[0];
    if (RemoveRef(result.dtype()) != RemoveRef(merge.dtype())) {
      ThrowError(Code::kInvalidArgument,
                 StrCat("WhileLoop: loop variable '", entered.name(),
                        "' enters the loop with dtype ", DTypeName(RemoveRef(entered.dtype())),
                        ", but has dtype ", DTypeName(RemoveRef(result.dtype())),
                        " after one iteration ('", result.name(), "')"));
    }
    const Tensor next = OpBuilder(IsRef(result.dtype()) && IsRef(merge.dtype()) ? "RefNextIteration"
                                                                                : "NextIteration",
                                  NameOptions(), "NextIteration")
                            .In(result)
                            .Output();
    if (!IsWithin(next.shape(), merge.shape())) {
      ThrowError(Code::kInvalidArgument,
                 StrCat("Input tensor '", entered.name(), "' enters the loop with shape ",
                        entered.shape().ToPythonString(), ", but has shape ",
                        next.shape().ToPythonString(),
                        " after one iteration. To allow the shape to vary across iterations, use "
                        "the `shape_invariants` argument of tf.while_loop to specify a "
                        "less-specific shape."));
    }
    ThrowIfError(graph_.impl().SetInput(merge.node(), 1, next));
  }

  Graph graph_;
  WhileContext& context_;
};

Graph GraphOfAll(const std::vector<Input>& inputs) {
  for (const Input& in : inputs) {
    if (in.is_tensor()) return in.source().graph();
  }
  return Graph::Default();
}

}  // namespace

std::vector<Tensor> WhileLoop(const Condition& cond, const Body& body,
                              const std::vector<Input>& loop_vars, const WhileOptions& options) {
  if (loop_vars.empty()) ThrowError(Code::kInvalidArgument, "No loop variables provided.");
  if (!cond || !body) ThrowError(Code::kInvalidArgument, "WhileLoop: cond or body is empty");
  if (options.parallel_iterations < 1)
    ThrowError(Code::kInvalidArgument, "parallel_iterations must be a positive integer.");
  if (!options.shape_invariants.empty() && options.shape_invariants.size() != loop_vars.size()) {
    ThrowError(Code::kInvalidArgument,
               StrCat("WhileLoop: ", options.shape_invariants.size(), " shape invariants for ",
                      loop_vars.size(), " loop variables"));
  }
  const Graph graph = GraphOfAll(loop_vars);
  const GraphScope use(graph);
  const NameScope scope(options.name.empty() ? "while" : options.name, graph);
  std::vector<Tensor> initial;
  std::vector<PartialShape> invariants = options.shape_invariants;
  WhileContext::Options context_options{.parallel_iterations = options.parallel_iterations,
                                        .back_prop = options.back_prop,
                                        .swap_memory = options.swap_memory};
  Condition condition = cond;
  Body step = body;
  if (options.maximum_iterations) {
    const Tensor limit = AsTensor(*options.maximum_iterations, kInt32, "maximum_iterations");
    if (limit.shape().known_rank() && limit.shape().rank() != 0) {
      ThrowError(Code::kInvalidArgument, StrCat("maximum_iterations must be a scalar, saw shape: ",
                                                limit.shape().ToPythonString()));
    }
    context_options.maximum_iterations = limit;
    const Array zero = Array::Zeros(RemoveRef(limit.dtype()), Shape());
    initial.push_back(Constant(zero, "iteration_counter"));
    if (!invariants.empty()) invariants.insert(invariants.begin(), PartialShape::Scalar());
    condition = [limit, &cond](const std::vector<Tensor>& v) {
      const Tensor within = Less(v[0], limit);
      return LogicalAnd(within, cond({v.begin() + 1, v.end()}));
    };
    step = [&body](const std::vector<Tensor>& v) {
      std::vector<Tensor> next{Add(v[0], 1, "add")};
      const std::vector<Tensor> results = body({v.begin() + 1, v.end()});
      next.insert(next.end(), results.begin(), results.end());
      return next;
    };
  }
  for (size_t i = 0; i < loop_vars.size(); ++i)
    initial.push_back(AsTensor(loop_vars[i], kInvalidType, "Const"));
  if (invariants.empty()) {
    for (const Tensor& t : initial) invariants.push_back(t.shape());
  }
  auto context = std::make_shared<WhileContext>(&graph.impl(), "while_context", context_options);
  ControlFlowState::Of(graph.impl()).Own(context);
  if (!context->outer()) {
    Graph(graph).AddToCollection(GraphKeys::kWhileContext,
                                 {std::static_pointer_cast<void>(context)});
  }
  std::vector<Tensor> results =
      LoopBuilder(graph, context.get()).Build(condition, step, initial, invariants);
  if (options.maximum_iterations) results.erase(results.begin());
  return results;
}

Tensor WhileLoop(const std::function<Tensor(Tensor)>& cond,
                 const std::function<Input(Tensor)>& body, const Input& loop_var,
                 const WhileOptions& options) {
  return WhileLoop([&cond](const std::vector<Tensor>& v) { return cond(v[0]); },
                   [&body](const std::vector<Tensor>& v) {
                     return std::vector<Tensor>{AsTensor(body(v[0]), RemoveRef(v[0].dtype()))};
                   },
                   std::vector<Input>{loop_var}, options)[0];
}

}  // namespace weft
