// SPDX-License-Identifier: Apache-2.0
// Control flow of the dataflow graph itself: branches (Switch, Merge), loop frames (Enter, Exit,
// NextIteration, LoopCond), and nodes that are there for their control edges.
// kernels: kernels/cpu/control.cc   test: tests/ops/control_test.cc
#include "weft/ops/control.h"
#include "weft/graph/op_builder.h"
#include "weft/graph/op_def.h"

#include "src/core/strings.h"
#include "src/graph/control_flow.h"

namespace weft {
namespace {

void PassHandleData(ShapeContext& c, int from, int to) {
  if (const std::vector<HandleData>* data = c.input_handle_data(from))
    c.set_output_handle_data(to, *data);
}

// Every output is the data, or dead.
absl::Status SwitchShape(ShapeContext& c) {
  WEFT_RETURN_IF_ERROR(c.InputWithRank(1, 0).status());
  return shape::SameAsInput(c);
}

// What the shapes of all inputs agree on.
PartialShape CommonShape(const ShapeContext& c) {
  PartialShape common = c.input(0);
  for (int i = 1; i < c.num_inputs() && common.known_rank(); ++i) {
    const PartialShape& s = c.input(i);
    if (!s.known_rank() || s.rank() != common.rank()) return PartialShape::Unknown();
    for (int d = 0; d < s.rank(); ++d) {
      if (s.dim(d) != common.dim(d)) common.set_dim(d, kUnknownDim);
    }
  }
  return common;
}

absl::Status MergeShape(ShapeContext& c) {
  if (c.num_inputs() > 0) {
    c.set_output(0, CommonShape(c));
    PassHandleData(c, 0, 0);
  }
  c.set_output(1, PartialShape::Scalar());
  return absl::OkStatus();
}

absl::Status RefSelectShape(ShapeContext& c) {
  WEFT_RETURN_IF_ERROR(c.InputWithRank(0, 0).status());
  if (c.num_inputs() < 2) return absl::OkStatus();
  const PartialShape& first = c.input(1);
  bool same = first.IsFullyKnown();
  for (int i = 2; i < c.num_inputs(); ++i) same &= c.input(i) == first;
  if (same) c.set_output(0, first);
  return absl::OkStatus();
}

// A value that changes from iteration to iteration may change its shape too.
absl::Status EnterShape(ShapeContext& c) {
  if (c.input_handle_data(0))
    PassHandleData(c, 0, 0);
  else if (c.Attr<bool>("is_constant"))
    c.set_output(0, c.input(0));
  return absl::OkStatus();
}

absl::Status LoopCondShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(PartialShape s, c.InputWithRank(0, 0));
  c.set_output(0, std::move(s));
  return absl::OkStatus();
}

// The gradient of the loop that is differentiated at the moment; null outside of loops.
LoopGradient* CurrentLoopGradient(GradientContext& g) {
  ControlFlowContext* const context = CurrentContext(*g.op().node()->graph);
  WhileContext* const loop = context ? context->AsWhile() : nullptr;
  return loop ? loop->gradient() : nullptr;
}

// The gradient comes from the output that was taken. The other one's is a zero, or dead; the second
// Switch makes it dead in either case.
void RawSwitchGradient(GradientContext& g) {
  const Tensor pred = g.input(1);
  std::vector<Tensor> taken;
  for (int o = 0; o < 2; ++o) {
    const std::vector<Tensor> sides = g.Ops("Switch", {g.dy(o), pred});
    if (!g.ok()) return;
    taken.push_back(sides[static_cast<size_t>(o)]);
  }
  g.SetDx(0, g.Op("Merge", taken, {{"N", 2}}));
}

void SwitchGradient(GradientContext& g) {
  ControlFlowContext* const context = ContextOf(*g.op().node());
  if (context && context->AsWhile()) {
    LoopGradient* const loop = CurrentLoopGradient(g);
    if (loop) return loop->SwitchGradient(g);
    return g.Fail(absl::InvalidArgumentError(
        "the gradient with respect to a loop variable is defined within an iteration only"));
  }
  CondContext* const cond = context ? context->AsCond() : nullptr;
  if (!cond) return RawSwitchGradient(g);
  // The output of the branch that is not this Switch's has a zero, which its own Switch guards.
  const int branch = cond->branch() ? 1 : 0;
  if (!g.dy_raw(1 - branch).none())
    return g.SetDx(0, g.Op("Merge", {g.dy(0), g.dy(1)}, {{"N", 2}}, "cond_grad"));
  if (RemoveRef(g.input(0).dtype()) == kResource && !g.dy_raw(branch).none()) {
    const Tensor dy = g.dy(branch);
    g.SetDx(0, g.Op("Merge", {dy, dy}, {{"N", 2}}, "cond_resource_grad"));
  }
}

// The gradient goes to the input that came through, and to no other.
void RawMergeGradient(GradientContext& g) {
  for (int i = 0; i < g.num_inputs(); ++i) {
    if (!g.needs_dx(i)) continue;
    const Tensor chosen = g.Op("Equal", {g.output(1), g.ConstInt(i, "Equal/y")});
    const std::vector<Tensor> sides = g.Ops("Switch", {g.dy(0), chosen});
    if (!g.ok()) return;
    g.SetDx(i, sides[1]);
  }
}

void MergeGradient(GradientContext& g) {
  ControlFlowContext* const context = OutputContextOf(*g.input(0).node());
  LoopGradient* const loop = CurrentLoopGradient(g);
  if (context && context->AsWhile()) {
    if (loop) return loop->MergeGradient(g);
    return g.Fail(absl::InvalidArgumentError(
        "the gradient with respect to a loop variable is defined within an iteration only"));
  }
  CondContext* const cond = context ? context->AsCond() : nullptr;
  if (!cond) return RawMergeGradient(g);
  Tensor pred = cond->pred();
  // A conditional of the forward loop: its predicate was another one in each iteration.
  if (loop && cond->while_context() == loop->forward_context()) {
    absl::StatusOr<Tensor> real = loop->Predicate(pred);
    if (!real.ok()) return g.Fail(real.status());
    pred = *real;
  }
  const Tensor dy = g.dy(0);
  if (!g.ok()) return;
  absl::StatusOr<Node*> taken = AddColocatedSwitch(dy, pred, "cond_grad");
  if (!taken.ok()) return g.Fail(taken.status());
  g.SetDx(0, Tensor(*taken, 0));
  g.SetDx(1, Tensor(*taken, 1));
}

// Outside of loops that are differentiated as a whole nothing is repeated.
void EnterGradient(GradientContext& g) {
  if (LoopGradient* loop = CurrentLoopGradient(g)) return loop->EnterGradient(g);
  g.SetDx(0, g.dy_raw(0));
}

void ExitGradient(GradientContext& g) {
  if (LoopGradient* loop = CurrentLoopGradient(g)) return loop->ExitGradient(g);
  g.Fail(absl::InvalidArgumentError(
      "a loop that was made without wf::WhileLoop can't be differentiated"));
}

// A NextIteration of the gradients comes with the Switch.
void NextIterationGradient(GradientContext& g) { g.SetDx(0, g.dy_raw(0)); }

OpDefBuilder&& SwitchSchema(OpDefBuilder&& op, bool ref) {
  const std::string type = ref ? "Ref(T)" : "T";
  return std::move(op)
      .Summary(
          "Sends data to output_true if pred holds and to output_false otherwise; the other "
          "output is dead: what depends on it is not computed.")
      .Input("data: " + type)
      .Input("pred: bool")
      .Output("output_false: " + type)
      .Output("output_true: " + type)
      .Attr("T: type")
      .Shape(SwitchShape)
      .Gradient(SwitchGradient);
}

OpDefBuilder&& MergeSchema(OpDefBuilder&& op, bool ref) {
  return std::move(op)
      .Summary("The one input that is not dead, and its number.")
      .Input(ref ? "inputs: Ref(N * T)" : "inputs: N * T")
      .Output(ref ? "output: Ref(T)" : "output: T")
      .Output("value_index: int32")
      .Attr("T: type")
      .Attr("N: int >= 1")
      .Shape(MergeShape)
      .Gradient(MergeGradient);
}

OpDefBuilder&& PassSchema(OpDefBuilder&& op, bool ref) {
  const std::string type = ref ? "Ref(T)" : "T";
  return std::move(op).Input("data: " + type).Output("output: " + type).Attr("T: type");
}

void RegisterBranchOps(OpRegistry& ops) {
  ops.Add("Switch").Apply(
      [](OpDefBuilder&& op) -> OpDefBuilder&& { return SwitchSchema(std::move(op), false); });
  ops.Add("RefSwitch")
      .Apply([](OpDefBuilder&& op) -> OpDefBuilder&& { return SwitchSchema(std::move(op), true); })
      .AllowsUninitializedInput();
  ops.Add("_SwitchN")
      .Summary(
          "Sends data to the output of this number, or to the last one if the number is out of "
          "range; all others are dead.")
      .Input("data: T")
      .Input("output_index: int32")
      .Output("outputs: num_outs * T")
      .Attr("num_outs: int >= 1")
      .Attr("T: type")
      .Shape(SwitchShape);
  ops.Add("Merge").Apply(
      [](OpDefBuilder&& op) -> OpDefBuilder&& { return MergeSchema(std::move(op), false); });
  ops.Add("RefMerge").Apply([](OpDefBuilder&& op) -> OpDefBuilder&& {
    return MergeSchema(std::move(op), true);
  });
  ops.Add("RefSelect")
      .Summary("The reference of this number.")
      .Input("index: int32")
      .Input("inputs: Ref(N * T)")
      .Output("output: Ref(T)")
      .Attr("T: type")
      .Attr("N: int >= 1")
      .Shape(RefSelectShape);
  ops.Add("RefIdentity")
      .Summary("The reference that is given, also of a variable without a value.")
      .Input("input: Ref(T)")
      .Output("output: Ref(T)")
      .Attr("T: type")
      .AllowsUninitializedInput()
      .Shape(shape::SameAsInput)
      .Gradient([](GradientContext& g) { g.SetDx(0, g.dy_raw(0)); });
}

// Differentiation goes through loops as a whole (src/gradients/loop_gradient.h): the rules of these
// ops add to the loop of gradients.
void RegisterLoopOps(OpRegistry& ops) {
  for (const bool ref : {false, true}) {
    const std::string prefix = ref ? "Ref" : "";
    const auto pass = [ref](OpDefBuilder&& op) -> OpDefBuilder&& {
      return PassSchema(std::move(op), ref);
    };
    ops.Add(prefix + "Enter")
        .Summary(
            "Makes data available in the loop frame of this name, in its first iteration or, if "
            "is_constant, in all.")
        .Apply(pass)
        .Attr("frame_name: string")
        .Attr("is_constant: bool = false")
        .Attr("parallel_iterations: int = 10")
        .Shape(ref ? ShapeFn(shape::SameAsInput) : ShapeFn(EnterShape))
        .Gradient(EnterGradient);
    ops.Add(prefix + "Exit")
        .Summary("Makes data of a finished loop available in the frame around it.")
        .Apply(pass)
        .Shape(shape::SameAsInput)
        .Gradient(ExitGradient);
    ops.Add(prefix + "NextIteration")
        .Summary("Makes data available in the next iteration of its loop.")
        .Apply(pass)
        .Shape(shape::SameAsInput)
        .Gradient(NextIterationGradient);
  }
  ops.Add("LoopCond")
      .Summary("Passes on the condition of a loop: a mark for the executor.")
      .Input("input: bool")
      .Output("output: bool")
      .Shape(LoopCondShape)
      .NoGradient("the result is a truth value");
}

}  // namespace

void RegisterControlOps(OpRegistry& ops) {
  ops.Add("NoOp")
      .Summary("Does nothing. Something to hang control edges on.")
      .Shape(shape::NoOutputs)
      .NoGradient("there is no output");
  ops.Add("ControlTrigger")
      .Summary("Does nothing, and runs even if one of its control inputs is dead.")
      .Shape(shape::NoOutputs)
      .NoGradient("there is no output");
  ops.Add("Abort")
      .Summary("Ends the process when it runs.")
      .Attr("error_msg: string = ''")
      .Attr("exit_without_error: bool = false")
      .Shape(shape::NoOutputs)
      .NoGradient("there is no output");
  RegisterBranchOps(ops);
  RegisterLoopOps(ops);
}

// ---- the public functions ----

Operation NoOp(const NameOptions& options) { return OpBuilder("NoOp", options).Build(); }

Branches Switch(const Input& data, const Input& pred, const NameOptions& options) {
  const bool ref = data.is_tensor() && IsRef(data.tensor().dtype());
  const Operation op =
      OpBuilder(ref ? "RefSwitch" : "Switch", options, "Switch").In(data).In(pred).Build();
  return {.output_false = op.output(0), .output_true = op.output(1)};
}

Merged Merge(const std::vector<Input>& inputs, const NameOptions& options) {
  bool refs = !inputs.empty();
  for (const Input& in : inputs) refs &= in.is_tensor() && IsRef(in.tensor().dtype());
  const Operation op =
      OpBuilder(refs ? "RefMerge" : "Merge", options, "Merge").InList(inputs).Build();
  return {.output = op.output(0), .value_index = op.output(1)};
}

Operation ControlTrigger(const NameOptions& options) {
  return OpBuilder("ControlTrigger", options).Build();
}

Operation Abort(const AbortOptions& options) {
  return OpBuilder("Abort", options.name)
      .Attr("error_msg", options.error_msg)
      .Attr("exit_without_error", options.exit_without_error)
      .Build();
}

}  // namespace weft
