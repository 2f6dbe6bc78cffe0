// SPDX-License-Identifier: Apache-2.0
// Ops that tell the user something: Print, PrintV2, Assert, Timestamp.
// kernels: kernels/cpu/logging.cc   test: tests/ops/logging_test.cc
#include "weft/ops/logging.h"
#include "weft/graph/op_builder.h"
#include "weft/graph/op_def.h"

#include "src/core/strings.h"
#include "src/ops/op_scope.h"
#include "weft/ops/control.h"

namespace weft {
namespace {

absl::Status PrintV2Shape(ShapeContext& c) {
  // Any shape is taken here; the kernel wants a scalar.
  return c.InputWithRank(0, 0).status();
}

void PrintGradient(GradientContext& g) { g.SetDx(0, g.dy_raw(0)); }

Tensor Identity(Tensor x, const char* name) {
  return OpBuilder("Identity", NameOptions(name)).In(x).Output();
}

// Identity that waits for `op`, where its input is.
Tensor AfterOp(Operation op, Tensor x) {
  const ColocateWith place(x.op());
  return OpBuilder("Identity", NameOptions("control_dependency")).In(x).ControlInput(op).Output();
}

Tensor SwitchedOff(Tensor x, Tensor pred) {
  const ColocateWith place(x.op(), /*ignore_existing=*/true);
  return Switch(x, pred).output_false;
}

// Data that is computed already comes through a Switch; literals are made in the branch.
Operation AssertInBranch(Tensor condition, const std::vector<Input>& data, int64_t summarize,
                         Tensor pred, Tensor branch) {
  const NameScope scope("Assert");
  const Tensor switched = SwitchedOff(condition, pred);
  std::vector<Input> values;
  for (size_t i = 0; i < data.size(); ++i) {
    if (data[i].is_tensor()) {
      values.push_back(SwitchedOff(data[i].tensor(), pred));
    } else {
      const ControlDependencies in_branch({branch.op()});
      values.push_back(AsTensor(data[i], kInvalidType, StrCat("data_", i)));
    }
  }
  return OpBuilder("Assert", scope.name())
      .In(switched)
      .InList(values)
      .Attr("summarize", summarize)
      .Build();
}

// cond(condition, no_op, assert): the data is fetched only where the condition fails.
Operation GuardedAssert(Tensor condition, const std::vector<Input>& data, int64_t summarize) {
  const NameScope scope("AssertGuard");
  const Branches sides = Switch(condition, condition);
  const Tensor yes = Identity(sides.output_true, "switch_t"),
               no = Identity(sides.output_false, "switch_f");
  const Tensor pred = Identity(condition, "pred_id");
  Operation nothing;
  {
    const ControlDependencies in_branch({yes.op()});
    nothing = NoOp();
  }
  const Tensor passed = AfterOp(nothing, yes);
  const Tensor failed = AfterOp(AssertInBranch(condition, data, summarize, pred, no), no);
  return Merge({failed, passed}).output.op();
}

bool IsCheap(const Input& x) {
  const DataType t = x.dtype();
  return t == kString || t == kInt32;
}

}  // namespace

void RegisterLoggingOps(OpRegistry& ops) {
  ops.Add("Assert")
      .Summary("An InvalidArgument error that shows data, unless the condition holds.")
      .Input("condition: bool")
      .Input("data: T")
      .Attr("T: list(type) >= 1")
      .Attr("summarize: int = 3")
      .Stateful()
      .Shape(shape::NoOutputs)
      .NoGradient("there is no output");
  ops.Add("Print")
      .Summary("Passes input on, and writes message and data to stderr.")
      .Input("input: T")
      .Input("data: U")
      .Output("output: T")
      .Attr("T: type")
      .Attr("U: list(type) >= 0")
      .Attr("message: string = ''")
      .Attr("first_n: int = -1")
      .Attr("summarize: int = 3")
      .Stateful()
      .Shape(shape::SameAsInput)
      .Gradient(PrintGradient);
  ops.Add("PrintV2")
      .Summary("Writes a text to a stream, a log or a file.")
      .Input("input: string")
      .Attr("output_stream: string = 'stderr'")
      .Attr("end: string = '\n'")
      .Stateful()
      .Shape(PrintV2Shape)
      .NoGradient("there is no output");
  ops.Add("Timestamp")
      .Summary("Seconds since the beginning of 1970, when the op runs.")
      .Output("ts: float64")
      .Stateful()
      .Shape(shape::Scalar)
      .NoGradient("it has no input");
}

// ---- the public functions ----

Tensor Print(const Input& input, const std::vector<Input>& data, const PrintOptions& options) {
  return OpBuilder("Print", options.name)
      .In(input)
      .InList(data)
      .Attr("message", options.message)
      .Attr("first_n", options.first_n)
      .Attr("summarize", options.summarize)
      .Output();
}

Operation PrintV2(const Input& text, const PrintV2Options& options) {
  return OpBuilder("PrintV2", options.name)
      .In(text)
      .Attr("output_stream", options.output_stream)
      .Attr("end", options.end)
      .Build();
}

Operation Assert(const Input& condition, const std::vector<Input>& data,
                 const AssertOptions& options) {
  const OpScope scope(options.name, "Assert", {&condition});
  for (const Input& x : data) {
    if (!IsCheap(x))
      return GuardedAssert(AsTensor(condition, kInvalidType, "Condition"), data, options.summarize);
  }
  return OpBuilder("Assert", {})
      .In(condition)
      .InList(data)
      .Attr("summarize", options.summarize)
      .Build();
}

Tensor Timestamp(const NameOptions& options) { return OpBuilder("Timestamp", options).Output(); }

}  // namespace weft
