// SPDX-License-Identifier: Apache-2.0
// Branches, loop frames and nodes without outputs. The executor knows which nodes are dead and when
// an iteration begins; these kernels only pass values on.
#include <cstdio>
#include <cstdlib>
#include <string>

#include "src/core/strings.h"
#include "weft/runtime/kernel.h"

namespace weft {
namespace {

absl::Status NoOp(KernelContext&) { return absl::OkStatus(); }

// Output `o` is input `i`: the reference, if it is one.
void Pass(KernelContext& ctx, int i, int o) {
  if (ctx.input_is_ref(i) && IsRef(ctx.output_dtype(o)))
    ctx.ForwardRef(i, o);
  else
    ctx.set_output(o, ctx.input(i));
}

absl::Status PassOn(KernelContext& ctx) {
  Pass(ctx, 0, 0);
  return absl::OkStatus();
}

// Sends input 0 to output `chosen`.
void SendTo(KernelContext& ctx, int chosen) {
  for (int o = 0; o < ctx.num_outputs(); ++o) {
    if (o == chosen)
      Pass(ctx, 0, o);
    else
      ctx.set_output_dead(o);
  }
}

absl::Status Switch(KernelContext& ctx) {
  const Array& pred = ctx.input(1);
  if (pred.rank() != 0) {
    return ctx.InvalidArgument(
        StrCat("The second input must be a scalar, but it has shape ", pred.shape().ToString()));
  }
  SendTo(ctx, *pred.data<bool>() ? 1 : 0);
  return absl::OkStatus();
}

absl::Status SwitchN(KernelContext& ctx) {
  const Array& index = ctx.input(1);
  if (index.rank() != 0) {
    return ctx.InvalidArgument(
        StrCat("The second input must be a scalar, but it has shape ", index.shape().ToString()));
  }
  const int32_t i = *index.data<int32_t>();
  SendTo(ctx, i < 0 || i >= ctx.num_outputs() ? ctx.num_outputs() - 1 : i);
  return absl::OkStatus();
}

absl::Status Merge(KernelContext& ctx) {
  int live = -1;
  for (int i = 0; i < ctx.num_inputs(); ++i) {
    if (ctx.input_dead(i)) continue;
    if (live >= 0)
      return ctx.Error(absl::StatusCode::kInternal,
                       "Merge can not have more than one valid input.");
    live = i;
  }
  if (live < 0) return ctx.Error(absl::StatusCode::kInternal, "Merge has no valid input.");
  Pass(ctx, live, 0);
  WEFT_ASSIGN_OR_RETURN(Array * index, ctx.AllocateOutput(1, Shape()));
  *index->mutable_data<int32_t>() = live;
  return absl::OkStatus();
}

absl::Status RefSelect(KernelContext& ctx) {
  const Array& index = ctx.input(0);
  if (index.rank() != 0) {
    return ctx.InvalidArgument(
        StrCat("Index must be a scalar, but it has shape ", index.shape().ToString()));
  }
  const int32_t i = *index.data<int32_t>();
  if (i < 0 || i >= ctx.num_inputs() - 1) {
    return ctx.InvalidArgument(
        StrCat("Index must be in the range [0, ", ctx.num_inputs() - 1, ") but got ", i));
  }
  ctx.ForwardRef(i + 1, 0);
  return absl::OkStatus();
}

class Abort final : public Kernel {
 public:
  explicit Abort(KernelConstruction& c)
      : message_(c.Attr<std::string>("error_msg")), quietly_(c.Attr<bool>("exit_without_error")) {}

  absl::Status Compute(KernelContext& ctx) override {
    std::fprintf(stderr, "weft: %s '%s' ends the process as it is asked to%s%s\n",
                 ctx.op_type().c_str(), ctx.node_name().c_str(), message_.empty() ? "" : ": ",
                 message_.c_str());
    if (quietly_) std::exit(0);
    std::abort();
  }

 private:
  std::string message_;
  bool quietly_;
};

}  // namespace

void RegisterControlKernels(KernelRegistry& kernels) {
  for (const char* op : {"NoOp", "ControlTrigger"}) kernels.Add(op, kCpu, {}, NoOp);
  for (const char* op : {"Enter", "RefEnter", "Exit", "RefExit", "NextIteration",
                         "RefNextIteration", "LoopCond", "RefIdentity"})
    kernels.Add(op, kCpu, {}, PassOn);
  for (const char* op : {"Switch", "RefSwitch"}) kernels.Add(op, kCpu, {}, Switch);
  for (const char* op : {"Merge", "RefMerge"}) kernels.Add(op, kCpu, {}, Merge);
  kernels.Add("_SwitchN", kCpu, {}, SwitchN);
  kernels.Add("RefSelect", kCpu, {}, RefSelect);
  kernels.Add<Abort>("Abort", kCpu, {});
}

}  // namespace weft
