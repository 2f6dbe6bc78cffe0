// SPDX-License-Identifier: Apache-2.0
#include "src/gradients/loop_gradient.h"

#include <algorithm>
#include <optional>

#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/gradients/gradient_nodes.h"
#include "weft/core/error.h"
#include "weft/ops/array.h"

namespace weft {
namespace {

// Is current while it lives, if there is one.
class Within {
 public:
  explicit Within(ControlFlowContext* context) : context_(context) {
    if (context_) context_->Enter();
  }
  ~Within() {
    if (context_) context_->Exit();
  }
  Within(const Within&) = delete;
  Within& operator=(const Within&) = delete;

 private:
  ControlFlowContext* context_;
};

// The context that was current before this one was entered is current while it lives.
class Outside {
 public:
  explicit Outside(ControlFlowContext* context) : context_(context) { context_->Exit(); }
  ~Outside() { context_->Enter(); }
  Outside(const Outside&) = delete;
  Outside& operator=(const Outside&) = delete;

 private:
  ControlFlowContext* context_;
};

Operation Add(GraphImpl& graph, std::string_view type, const std::vector<Tensor>& inputs,
              AttrMap attrs = {}, std::string_view name = {}) {
  return Operation(ValueOrThrow(AddScopedNode(graph, type, inputs, std::move(attrs), name)));
}
Tensor Constant(GraphImpl& graph, Array value, std::string_view name = "Const") {
  const DataType dtype = value.dtype();
  return Add(graph, "Const", {}, {{"value", std::move(value)}, {"dtype", dtype}}, name).output(0);
}
Tensor Merge(const Tensor& enter, std::string_view name = "Merge") {
  return ValueOrThrow(AddLoopMerge(enter, name));
}
Operation SwitchOf(const Tensor& data, const Tensor& pred) {
  return Add(*data.node()->graph, "Switch", {data, pred});
}
Tensor NextIteration(const Tensor& t) {
  return Add(*t.node()->graph, IsRef(t.dtype()) ? "RefNextIteration" : "NextIteration", {t})
      .output(0);
}
Tensor Exit(const Tensor& t, std::string_view name = "Exit") {
  return Add(*t.node()->graph, "Exit", {t}, {}, name).output(0);
}
// Ends a loop variable's cycle.
void Close(const Tensor& merge, const Tensor& next) {
  ThrowIfError(merge.node()->graph->SetInput(merge.node(), 1, next));
}
Tensor ShapeOf(const Tensor& t, std::string_view name = "Shape") {
  return Add(*t.node()->graph, "Shape", {t}, {{"out_type", kInt32}}, name).output(0);
}
bool KnownShape(const Tensor& t) { return t.shape().IsFullyKnown(); }
Array ZeroArray(DataType dtype, const PartialShape& shape) {
  return Array::Zeros(RemoveRef(dtype), shape.ToShape());
}
Graph HandleOf(GraphImpl& graph) { return Graph(graph.shared_from_this()); }

}  // namespace

// ---- LoopGradientState ----

LoopGradientState::LoopGradientState(WhileContext* forward, LoopGradientState* outer)
    : forward_exits(forward->loop_exits),
      pending_exits(static_cast<int>(forward->loop_exits.size())),
      graph_(forward->graph()),
      forward_(forward),
      outer_(outer) {
  ControlFlowContext* const around = outer ? outer->forward_context() : forward->outer();
  Tensor count;
  {
    const Within within(around);
    std::tie(count, forward_index_) = CountForward();
  }
  const auto make_context = [&] {
    auto context =
        std::make_shared<WhileContext>(&graph_, forward->name(), forward->options(), this);
    context_ = context.get();
    ControlFlowState::Of(graph_).Own(std::move(context));
  };
  if (!outer) {
    const Within within(around);
    make_context();
    grad_index_ = CountBackward(count);
    return;
  }
  // Each execution of an inner loop has its own number of iterations.
  around->AddName(count);
  const Tensor history = outer->Accumulate(count);
  const Within within(outer->context());
  make_context();
  grad_index_ = CountBackward(outer->Accumulated(history, count));
}

// A variable of the forward loop that counts its iterations: {final value, next value}.
std::pair<Tensor, Tensor> LoopGradientState::CountForward() {
  const Tensor zero = Constant(graph_, Array(int32_t{0}), "f_count");
  // Pushes of the i-th execution of an inner loop come before those of the next one.
  if (outer_) {
    Node* const add = outer_->forward_index_.node()->inputs[0].node();
    graph_.AddControlInput(zero.node(), add);
  }
  const Within within(forward_);
  forward_->AddName(zero);
  const Tensor enter = ValueOrThrow(forward_->AddEnter(zero, false, "f_count"));
  forward_->loop_enters.push_back(enter);
  const Tensor merge = Merge(enter);
  const Operation taken = SwitchOf(merge, forward_->pivot);
  Tensor index;
  {
    NameScope scope("Add", HandleOf(graph_));
    const Tensor one = Constant(graph_, Array(int32_t{1}), "y");
    index = Add(graph_, "AddV2", {taken.output(1), one}, {}, scope.name()).output(0);
  }
  const Tensor next = NextIteration(index);
  Close(merge, next);
  const Tensor total = Exit(taken.output(0), "f_count");
  forward_->loop_exits.push_back(total);
  forward_->ExitResult({total});
  return {total, next};
}

// A variable of the loop of gradients that counts down to zero; its next value.
Tensor LoopGradientState::CountBackward(const Tensor& count) {
  const Tensor one = Constant(graph_, Array(int32_t{1}), "b_count");
  const Within within(context_);
  context_->AddName(count);
  const Tensor enter = ValueOrThrow(context_->AddEnter(count, false, "b_count"));
  context_->loop_enters.push_back(enter);
  const Tensor merge = Merge(enter);
  context_->pivot_for_pred = merge;
  const Tensor more = Add(graph_, "GreaterEqual", {merge, one}).output(0);
  context_->pivot = Add(graph_, "LoopCond", {more}, {}, "b_count").output(0);
  const Operation taken = SwitchOf(merge, context_->pivot);
  const Tensor index = Add(graph_, "Sub", {taken.output(1), one}).output(0);
  context_->pivot_for_body = index;
  const Tensor next = NextIteration(index);
  Close(merge, next);
  const Tensor final_zero = Exit(taken.output(0), "b_count");
  context_->loop_exits.push_back(final_zero);
  // Pops of the i-th execution of an inner loop come before those of the next one.
  if (outer_) graph_.AddControlInput(outer_->grad_sync().node(), final_zero.node());
  context_->ExitResult({final_zero});
  return next;
}

Operation LoopGradientState::forward_sync() {
  if (forward_sync_.valid()) return forward_sync_;
  const ControlDependencies none(nullptr, HandleOf(graph_));
  forward_sync_ = Add(graph_, "ControlTrigger", {}, {}, "f_sync");
  ControlFlowState::Of(graph_).SetContextOf(forward_sync_.node(), forward_);
  graph_.AddControlInput(forward_index_.node(), forward_sync_.node());
  return forward_sync_;
}

Operation LoopGradientState::grad_sync() {
  if (grad_sync_.valid()) return grad_sync_;
  const ControlDependencies none(nullptr, HandleOf(graph_));
  grad_sync_ = Add(graph_, "ControlTrigger", {}, {}, "b_sync");
  ControlFlowState::Of(graph_).SetContextOf(grad_sync_.node(), context_);
  graph_.AddControlInput(grad_index_.node(), grad_sync_.node());
  return grad_sync_;
}

Tensor LoopGradientState::Accumulate(const Tensor& value, bool dead_branch) {
  ControlFlowContext* const current = CurrentContext(graph_);
  const ControlDependencies none(nullptr, HandleOf(graph_));
  Tensor stack;
  {
    const Within within(current);
    const ColocateWith colocate(value.op());
    const Tensor unlimited = Constant(graph_, Array(int32_t{-1}));
    stack = Add(graph_, "StackV2", {unlimited}, {{"elem_type", RemoveRef(value.dtype())}}, "f_acc")
                .output(0);
  }
  const Tensor inside = ValueOrThrow(forward_->AddValue(stack));
  ControlFlowContext* const context = OutputContextOf(*value.node());
  const AttrMap attrs{{"swap_memory", forward_->options().swap_memory}};
  Operation push;
  if (context == forward_) {
    const Within within(forward_);
    push = Add(graph_, "StackPushV2", {inside, value}, attrs);
    graph_.AddControlInput(forward_index_.node(), push.node());
  } else {
    if (!context || !context->AsCond()) {
      ThrowError(Code::kInternal, StrCat("the value '", value.name(),
                                         "', which a gradient needs, is neither of the loop '",
                                         forward_->name(), "' nor of a branch in it"));
    }
    {
      const Within within(dead_branch ? context->outer() : context);
      push = Add(graph_, "StackPushV2", {inside, value}, attrs);
    }
    if (dead_branch) ControlFlowState::Of(graph_).SetContextOf(push.node(), context);
    graph_.AddControlInput(forward_sync().node(), push.node());
  }
  // Pushes of one iteration come after those of the last one.
  graph_.AddControlInput(push.node(), forward_index_.node()->inputs[0].node());
  return stack;
}

Tensor LoopGradientState::KnownPredicate(const Tensor& pred) const {
  for (const LoopGradientState* s = this; s; s = s->outer_) {
    if (const auto known = s->history_.find(pred); known != s->history_.end()) return known->second;
  }
  return {};
}

Tensor LoopGradientState::Accumulated(const Tensor& stack, const Tensor& value, bool dead_branch) {
  const ControlFlowContext* const stack_context = ContextOf(*stack.node());
  CondContext* cond = nullptr;
  for (ControlFlowContext* c = ContextOf(*value.node()); c && c != stack_context; c = c->outer()) {
    if ((cond = c->AsCond())) break;
  }
  Tensor pop;
  {
    const ControlDependencies none(nullptr, HandleOf(graph_));
    const Within within(context_);
    Tensor from = stack;
    if (cond) {
      // Where nothing was pushed nothing is popped.
      Tensor pred = KnownPredicate(cond->pred());
      if (!pred.valid()) pred = cond->pred();
      const bool branch = cond->branch() != dead_branch;
      from = Tensor(ValueOrThrow(AddColocatedSwitch(stack, pred)), branch ? 1 : 0);
    }
    pop = Add(graph_, "StackPopV2", {from}, {{"elem_type", RemoveRef(value.dtype())}}).output(0);
    ThrowIfError(graph_.SetShape(pop, value.shape()));
  }
  if (context_->options().parallel_iterations > 1)
    graph_.AddControlInput(grad_sync().node(), pop.node());
  return pop;
}

absl::StatusOr<Tensor> LoopGradientState::RealValue(const Tensor& forward) {
  try {
    return Real(forward);
  } catch (const Error& e) {
    return ToStatus(e);
  }
}

Tensor LoopGradientState::Real(const Tensor& value) {
  if (const auto known = history_.find(value); known != history_.end()) return known->second;
  Tensor current = value, real, stack;
  LoopGradientState* state = this;
  while (true) {
    if (Node* enter = ConstantEnterOf(current)) {
      // An invariant of the loop needs no stack.
      current = enter->inputs[0];
      state = state->outer_;
      if (state) continue;
      real = ValueOrThrow(context_->AddValue(current));
      break;
    }
    if (const Array* constant =
            current.node()->type() == "Const" ? ConstantValue(current) : nullptr) {
      real = Constant(graph_, *constant);
      break;
    }
    const Outside outside(context_);
    stack = state->Accumulate(current);
    break;
  }
  if (!real.valid()) {
    real = state->Accumulated(stack, current);
    if (state != this) real = ValueOrThrow(context_->AddValue(real));
  }
  history_[value] = real;
  return real;
}

absl::StatusOr<Tensor> LoopGradientState::Predicate(const Tensor& pred) {
  try {
    return RealPredicate(pred);
  } catch (const Error& e) {
    return ToStatus(e);
  }
}

Tensor LoopGradientState::RealPredicate(const Tensor& pred) {
  if (const auto known = history_.find(pred); known != history_.end()) return known->second;
  Tensor stack;
  {
    const Outside outside(context_);
    stack = Accumulate(pred);
  }
  const Tensor real = Accumulated(stack, pred);
  history_[pred] = real;
  return real;
}

// ---- The rules of a loop's nodes ----

// The gradient of a loop's result enters the loop of gradients.
void LoopGradientState::ExitGradient(GradientContext& g) {
  if (!context_->options().back_prop) return;
  if (forward_->gradient()) {
    return g.Fail(absl::UnimplementedError("Second-order gradient for while loops not supported."));
  }
  const Grad& grad = g.dy_raw(0);
  const auto enter = [this](const Tensor& t) {
    if (!t.valid()) return t;
    context_->AddName(t);
    const Within within(context_);
    const Tensor entered = ValueOrThrow(context_->AddEnter(t, false, "b_exit"));
    context_->loop_enters.push_back(entered);
    return entered;
  };
  if (!grad.is_slices()) return g.SetDx(0, enter(grad.tensor()));
  const IndexedSlices& s = grad.slices();
  IndexedSlices inside;
  inside.values = enter(s.values);
  inside.indices = enter(s.indices);
  inside.dense_shape = enter(s.dense_shape);
  g.SetDx(0, inside);
}

// A loop's Switch is visited twice: when the gradient of its Exit has come, and when that of the
// body has, which closes the cycle.
void LoopGradientState::SwitchGradient(GradientContext& g) {
  Node* const node = g.op().node();
  const auto seen = std::find_if(switches_.begin(), switches_.end(),
                                 [node](const auto& s) { return s.first == node; });
  if (seen != switches_.end()) {
    if (g.dy_raw(1).none()) return;
    const Tensor next = g.dy(1);
    if (!g.ok()) return;
    Close(seen->second, NextIteration(next));
    return;
  }
  if (g.dy_raw(0).none()) return;
  const Tensor merge = Merge(g.dy(0), "b_switch");
  switches_.emplace_back(node, merge);
  g.SetDx(0, merge);
}

void LoopGradientState::MergeGradient(GradientContext& g) {
  const Operation taken(ValueOrThrow(AddColocatedSwitch(g.dy(0), context_->pivot)));
  g.SetDx(0, taken.output(0));
  g.SetDx(1, taken.output(1));
}

void LoopGradientState::EnterGradient(GradientContext& g) {
  const Grad dy = g.dy_raw(0);
  if (dy.none() || !context_->options().back_prop) return g.SetDx(0, dy);
  if (!g.Attr<bool>("is_constant")) {
    const auto leave = [this](const Tensor& t) {
      if (!t.valid()) return t;
      const Tensor exit = Exit(t);
      context_->loop_exits.push_back(exit);
      context_->ExitResult({exit});
      return exit;
    };
    if (!dy.is_slices()) return g.SetDx(0, leave(dy.tensor()));
    IndexedSlices s;
    s.values = leave(dy.slices().values);
    s.indices = leave(dy.slices().indices);
    s.dense_shape = leave(dy.slices().dense_shape);
    return g.SetDx(0, s);
  }
  if (dy.is_slices())
    g.SetDx(0, AccumulateInvariant(g.input(0), dy.slices()));
  else
    g.SetDx(0, AccumulateInvariant(g.input(0), dy.tensor()));
}

// Zeros of the gradient's shape, outside of the loop of gradients.
Tensor LoopGradientState::ZeroAccumulator(const Tensor& invariant, const Tensor& grad) {
  const Outside outside(context_);
  ControlFlowContext* const around = context_->outer();
  if (grad.dtype() == kVariant) {
    // A list of zeros as long as the list whose gradient it is.
    Tensor list = invariant;
    if (around && around->AsWhile() && around->AsWhile()->gradient()) {
      const Tensor history = outer_->Accumulate(invariant);
      list = outer_->Accumulated(history, invariant);
    }
    const Within within(around);
    return Add(graph_, "ZerosLike", {list}, {}, "b_acc").output(0);
  }
  if (KnownShape(grad)) {
    const Within within(around);
    return Constant(graph_, ZeroArray(grad.dtype(), grad.shape()), "b_acc");
  }
  if (around && around->AsWhile() && around->AsWhile()->gradient()) {
    // In a nested loop the shape is one of an iteration of the outer one.
    Tensor shape;
    {
      const Within within(forward_->outer());
      shape = ShapeOf(invariant);
    }
    const Tensor history = outer_->Accumulate(shape);
    const Within within(around);
    return Zeros(outer_->Accumulated(history, shape), grad.dtype());
  }
  const Within within(around);
  return Zeros(ShapeOf(invariant), grad.dtype());
}

// An invariant's gradients of all iterations add up in a variable of the loop of gradients.
Tensor LoopGradientState::AccumulateInvariant(const Tensor& invariant, const Tensor& grad) {
  const Tensor zero = ZeroAccumulator(invariant, grad);
  context_->AddName(zero);
  const Tensor enter = ValueOrThrow(context_->AddEnter(zero, false, "b_acc"));
  context_->loop_enters.push_back(enter);
  const Tensor merge = Merge(enter, "b_acc");
  const Operation taken = SwitchOf(merge, context_->pivot);
  // Lists have no AddV2.
  const char* const add = grad.dtype() == kVariant ? "AddN" : "AddV2";
  const Tensor sum = Add(graph_, add, {taken.output(1), grad}, {}, "Add").output(0);
  Close(merge, NextIteration(sum));
  const Tensor result = Exit(taken.output(0), "b_acc");
  context_->loop_exits.push_back(result);
  context_->ExitResult({result});
  return result;
}

// Slices are joined: row 0, with zeros, comes first, so that there is something without iterations.
IndexedSlices LoopGradientState::AccumulateInvariant(const Tensor& invariant,
                                                     const IndexedSlices& grad) {
  std::vector<Tensor> initial;
  {
    const Outside outside(context_);
    const Within within(context_->outer());
    initial.push_back(Constant(graph_, Array::Zeros(grad.indices.dtype(), Shape({1}))));
    if (KnownShape(grad.values)) {
      PartialShape shape = grad.values.shape();
      shape.set_dim(0, 1);
      initial.push_back(Constant(graph_, ZeroArray(grad.values.dtype(), shape), "b_acc"));
    } else {
      const Tensor sizes = ShapeOf(invariant);
      const Tensor rest = Slice(sizes, {1}, {-1});
      initial.push_back(
          Zeros(Concat({Constant(graph_, Array({int32_t{1}})), rest}, 0), grad.values.dtype()));
    }
    if (grad.dense_shape.valid()) {
      if (KnownShape(grad.dense_shape)) {
        initial.push_back(
            Constant(graph_, ZeroArray(grad.dense_shape.dtype(), grad.dense_shape.shape())));
      } else {
        const Tensor sizes =
            Add(graph_, "Shape", {invariant}, {{"out_type", RemoveRef(grad.dense_shape.dtype())}})
                .output(0);
        initial.push_back(Add(graph_, "ZerosLike", {sizes}, {}, "zeros_like").output(0));
      }
    }
  }
  std::vector<Tensor> merges, exits;
  std::vector<Operation> taken;
  for (size_t i = 0; i < initial.size(); ++i) {
    context_->AddName(initial[i]);
    const Tensor enter =
        ValueOrThrow(context_->AddEnter(initial[i], false, "b_acc", /*use_shape=*/false));
    PartialShape shape = initial[i].shape();
    if (i < 2 && shape.known_rank()) shape.set_dim(0, kUnknownDim);
    ThrowIfError(graph_.SetShape(enter, shape));
    context_->loop_enters.push_back(enter);
    merges.push_back(Merge(enter, "b_acc"));
  }
  for (const Tensor& merge : merges) taken.push_back(SwitchOf(merge, context_->pivot));
  std::vector<Tensor> sums;
  sums.push_back(Concat({taken[0].output(1), grad.indices}, 0));
  sums.push_back(Concat({taken[1].output(1), grad.values}, 0));
  if (initial.size() > 2)
    sums.push_back(Add(graph_, "Maximum", {grad.dense_shape, taken[2].output(1)}).output(0));
  for (size_t i = 0; i < sums.size(); ++i) Close(merges[i], NextIteration(sums[i]));
  for (const Operation& t : taken) exits.push_back(Exit(t.output(0), "b_acc"));
  context_->loop_exits.insert(context_->loop_exits.end(), exits.begin(), exits.end());
  context_->ExitResult(exits);
  return {exits[1], exits[0], exits.size() > 2 ? exits[2] : Tensor()};
}

void LoopGradientState::Finish() {
  for (const auto& [node, merge] : switches_) {
    const Tensor first = merge.node()->inputs[0];
    if (!(first == merge.node()->inputs[1])) continue;
    Tensor zero;
    if (KnownShape(first)) {
      const Within within(context_);
      zero = Constant(graph_, ZeroArray(first.dtype(), first.shape()));
      Close(merge, NextIteration(zero));
      continue;
    }
    {
      const Within within(context_->outer());
      zero = Zeros(ShapeOf(first.node()->inputs[0]), RemoveRef(first.dtype()));
    }
    const Within within(context_);
    Close(merge, NextIteration(zero));
  }
}

// ---- LoopGradients ----

LoopGradientState* LoopGradients::Of(const ControlFlowContext* loop) const {
  const auto found = by_loop_.find(loop);
  return found == by_loop_.end() ? nullptr : found->second;
}

LoopGradientState* LoopGradients::Add(Node* exit) {
  WhileContext* const forward = WhileContextOf(*exit);
  if (!forward) {
    ThrowError(Code::kInvalidArgument,
               StrCat("the loop of Exit '", exit->name,
                      "' can't be differentiated: it was made without wf::WhileLoop, and its "
                      "context was not imported (see ImportMetaGraph)"),
               exit->name, exit->type());
  }
  if (LoopGradientState* known = Of(forward)) return known;
  ControlFlowContext* around = forward->outer();
  if (around) around = around->while_context();
  LoopGradientState* const outer = around ? Of(around) : nullptr;
  all_.push_back(std::make_unique<LoopGradientState>(forward, outer));
  by_loop_[forward] = all_.back().get();
  return all_.back().get();
}

LoopGradientState* LoopGradients::Find(const Node& node, bool before) const {
  if (by_loop_.empty()) return nullptr;
  ControlFlowContext* context = ContextOf(node);
  if (context && before && IsLoopExit(node)) context = context->outer();
  WhileContext* const loop = context ? context->while_context() : nullptr;
  return loop ? Of(loop) : nullptr;
}

Tensor LoopGradients::ZerosForExit(const Tensor& exit) {
  ControlFlowContext* const forward = ContextOf(*exit.node());
  ControlFlowContext* around = forward->outer();
  if (around) around = around->while_context();
  LoopGradientState* const outer = around ? Of(around) : nullptr;
  const DataType dtype = RemoveRef(exit.dtype());
  if (!outer) {
    if (KnownShape(exit)) return Zeros(exit.shape().ToShape(), dtype);
    GraphNodes nodes(&graph_);
    const Tensor zeros = nodes.ZerosLike(exit);
    ThrowIfError(nodes.status());
    return zeros;
  }
  if (KnownShape(exit)) {
    const Within within(outer->context());
    return Zeros(exit.shape().ToShape(), dtype);
  }
  Tensor shape;
  {
    const Within within(forward->outer());
    shape = ShapeOf(exit);
  }
  const Tensor history = outer->Accumulate(shape);
  const Within within(outer->context());
  return Zeros(outer->Accumulated(history, shape), dtype);
}

Grad LoopGradients::ZerosFor(const Tensor& output) {
  Node* const node = output.node();
  if (IsLoopSwitch(*node)) return {};
  LoopGradientState* const state = Find(*node, /*before=*/false);
  if (!state) return ZerosOutsideLoops(output);
  const bool dead_branch = IsSwitchNode(*node);
  ControlFlowContext* const context = ContextOf(*node);
  CondContext* const cond = dead_branch && context ? context->AsCond() : nullptr;
  if (RemoveRef(output.dtype()) == kResource || RemoveRef(output.dtype()) == kVariant)
    return ZerosOutsideLoops(output);
  if (KnownShape(output)) {
    const Tensor zero = Constant(graph_, ZeroArray(output.dtype(), output.shape()));
    if (!cond) return zero;
    Tensor pred = state->KnownPredicate(cond->pred());
    if (!pred.valid()) pred = state->RealPredicate(cond->pred());
    return Tensor(ValueOrThrow(AddColocatedSwitch(zero, pred)), cond->branch() ? 0 : 1);
  }
  Tensor shape;
  if (cond) {
    ControlFlowState& contexts = ControlFlowState::Of(graph_);
    const Within within(cond->outer());
    const Tensor value(ValueOrThrow(AddColocatedSwitch(node->inputs[0], cond->pred())),
                       cond->branch() ? 0 : 1);
    shape = ShapeOf(value);
    contexts.SetContextOf(value.node(), cond);
    contexts.SetContextOf(shape.node(), cond);
  } else {
    const Within within(context);
    shape = ShapeOf(output);
  }
  Tensor history;
  {
    const Outside outside(state->context());
    history = state->Accumulate(shape, cond != nullptr);
  }
  return Zeros(state->Accumulated(history, shape, cond != nullptr), RemoveRef(output.dtype()));
}

Grad ZerosOutsideLoops(const Tensor& output) {
  Node* const node = output.node();
  GraphNodes nodes(node->graph);
  CondContext* cond = nullptr;
  if (IsSwitchNode(*node)) {
    if (ControlFlowContext* context = ContextOf(*node)) cond = context->AsCond();
  }
  if (!cond) {
    Grad zero = ZeroGradient(nodes, output);
    ThrowIfError(nodes.status());
    return zero;
  }
  // Only where the branch is not taken.
  const Tensor value = SwitchOf(node->inputs[0], cond->pred()).output(cond->branch() ? 0 : 1);
  const Tensor pivot = nodes.Identity(value);
  ThrowIfError(nodes.status());
  if (RemoveRef(output.dtype()) == kResource) {
    const ControlDependencies after(std::vector<Tensor>{pivot}, HandleOf(*node->graph));
    Grad zero = ZeroGradient(nodes, value);
    ThrowIfError(nodes.status());
    return zero;
  }
  const Tensor shape = ShapeOf(value);
  const ControlDependencies after(std::vector<Tensor>{pivot}, HandleOf(*node->graph));
  return Zeros(shape, RemoveRef(output.dtype()));
}

}  // namespace weft
