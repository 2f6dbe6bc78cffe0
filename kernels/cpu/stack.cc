// SPDX-License-Identifier: Apache-2.0
// Stacks of tensors, which live as long as one run.
#include <atomic>
#include <memory>
#include <mutex>
#include <typeinfo>
#include <vector>

#include "kernels/cpu/register.h"
#include "src/core/parted_rows.h"
#include "src/core/strings.h"
#include "weft/core/handle.h"
#include "weft/runtime/device.h"
#include "weft/runtime/kernel.h"

namespace weft {
namespace {

constexpr char kContainer[] = "_stacks";
constexpr char kType[] = "Stack";

class Stack final : public Resource {
 public:
  Stack(std::string name, DataType dtype, int32_t max_size)
      : name(std::move(name)), dtype(dtype), max_size_(max_size) {}

  absl::Status Push(Array value) {
    std::lock_guard lock(mu_);
    if (closed_) return Closed();
    if (max_size_ >= 0 && values_.size() >= static_cast<size_t>(max_size_)) {
      return absl::InvalidArgumentError(
          StrCat("Stack[", name, "] overflowed its max_size (", max_size_, ")"));
    }
    // A loop's stacks get one value an iteration, some twenty stacks each.
    constexpr size_t kFirstValues = 16;
    if (values_.capacity() == 0) values_.reserve(kFirstValues);
    values_.push_back(std::move(value));
    return absl::OkStatus();
  }
  absl::StatusOr<Array> Pop() {
    std::lock_guard lock(mu_);
    if (closed_) return Closed();
    if (values_.empty()) {
      return absl::InvalidArgumentError(StrCat("Stack[", name, "] is empty when calling Pop()."));
    }
    Array top = std::move(values_.back());
    values_.pop_back();
    return top;
  }
  void Close() {
    std::lock_guard lock(mu_);
    values_.clear();
    closed_ = true;
  }

  const std::string name;
  const DataType dtype;
  std::unique_ptr<VariableState> reference;  // of the first version's handle

 private:
  absl::Status Closed() const {
    return absl::InvalidArgumentError(StrCat("Stack[", name, "] has already been closed."));
  }
  const int32_t max_size_;  // negative: no limit
  std::mutex mu_;
  bool closed_ = false;
  std::vector<Array> values_;
};

class MakeStack final : public Kernel {
 public:
  explicit MakeStack(KernelConstruction& c)
      : dtype_(c.Attr<DataType>("elem_type")), name_(c.Attr<std::string>("stack_name")) {
    if (name_.empty()) name_ = c.name();
  }

  absl::Status Compute(KernelContext& ctx) override {
    int32_t max_size = -1;
    if (ctx.num_inputs() > 0) {
      const Array& size = ctx.input(0);
      if (size.rank() != 0)
        return ctx.InvalidArgument("Stack size must be a scalar, but had shape: " +
                                   size.shape().ToString());
      max_size = *size.data<int32_t>();
    }
    static std::atomic<int64_t> counter{0};
    const std::string name = StrCat(name_, "_", counter.fetch_add(1, std::memory_order_relaxed));
    auto stack = std::make_shared<Stack>(name, dtype_, max_size);
    if (ctx.output_dtype(0) == kResource) {
      ResourceHandle handle;
      handle.device = ctx.device().name();
      handle.container = kContainer;
      handle.name = name;
      handle.type = kType;
      handle.slot = std::make_shared<ResourceSlot>();
      handle.slot->Set(std::move(stack));
      ctx.set_output(0, Array(handle));
      return absl::OkStatus();
    }
    stack->reference = std::make_unique<VariableState>(kString, name, Shape({2}));
    stack->reference->Replace(Array::FromVector(std::vector<std::string>{kContainer, name}));
    ctx.set_output_ref(0, stack->reference.get());
    ctx.step_resources().Slot(kContainer, kType, name)->Set(std::move(stack));
    return absl::OkStatus();
  }

 private:
  DataType dtype_;
  std::string name_;
};

// A stack and what keeps it alive.
struct StackRef {
  std::shared_ptr<Resource> owner;
  Stack* stack;
};

absl::StatusOr<StackRef> StackOf(KernelContext& ctx, int i = 0) {
  const auto found = [](std::shared_ptr<Stack> s) {
    Stack* const stack = s.get();
    return StackRef{std::move(s), stack};
  };
  if (!ctx.input_is_ref(i)) {
    const Array& handle = ctx.input(i);
    if (handle.dtype() == kResource && handle.num_elements() == 1) {
      const ResourceHandle& h = *handle.data<ResourceHandle>();
      std::shared_ptr<Resource> any = h.slot ? h.slot->Get() : nullptr;
      // No class is derived from it: what a loop asks for some hundred times a run needs no search
      // through the classes of the resource.
      if (Resource* const r = any.get(); r && typeid(*r) == typeid(Stack))
        return StackRef{std::move(any), static_cast<Stack*>(r)};
    }
    WEFT_ASSIGN_OR_RETURN(std::shared_ptr<Stack> stack, ctx.resource<Stack>(i));
    return found(std::move(stack));
  }
  WEFT_ASSIGN_OR_RETURN(VariableState * v, ctx.variable(i));
  const Array names = v->Read();
  if (!names.valid() || names.dtype() != kString || names.num_elements() != 2)
    return ctx.InvalidArgument("Stack handle must have two elements.");
  const std::string* parts = names.data<std::string>();
  auto stack =
      std::dynamic_pointer_cast<Stack>(ctx.step_resources().Slot(parts[0], kType, parts[1])->Get());
  if (stack) return found(std::move(stack));
  return ctx.Error(absl::StatusCode::kNotFound,
                   StrCat("Stack ", parts[1], " does not exist in this run."));
}

// Onto the stack of input `handle`.
absl::Status PushOnto(KernelContext& ctx, int handle, const Array& value) {
  WEFT_ASSIGN_OR_RETURN(const StackRef ref, StackOf(ctx, handle));
  Stack* const stack = ref.stack;
  if (value.dtype() != stack->dtype) {
    return ctx.InvalidArgument(StrCat("Must have type ", DTypeOpName(stack->dtype), " but got ",
                                      DTypeOpName(value.dtype())));
  }
  if (const absl::Status s = stack->Push(ctx.Persist(value)); !s.ok())
    return ctx.Error(s.code(), StrCat(s.message()));
  return absl::OkStatus();
}

// Output `output` gets what was on top of the stack of the input of the same number.
absl::Status PopInto(KernelContext& ctx, int output) {
  WEFT_ASSIGN_OR_RETURN(const StackRef ref, StackOf(ctx, output));
  Stack* const stack = ref.stack;
  absl::StatusOr<Array> top = stack->Pop();
  if (!top.ok()) return ctx.Error(top.status().code(), StrCat(top.status().message()));
  if (top->dtype() != ctx.output_dtype(output)) {
    return ctx.InvalidArgument(StrCat("the stack holds ", DTypeOpName(top->dtype()),
                                      ", elem_type is ", DTypeOpName(ctx.output_dtype(output))));
  }
  if (PartsOf(*top) && !ctx.takes_parts(output)) {
    top = WithRowsTogether(*top);
    if (!top.ok()) return ctx.Error(top.status().code(), StrCat(top.status().message()));
  }
  ctx.set_output(output, *std::move(top));
  return absl::OkStatus();
}

absl::Status Push(KernelContext& ctx) {
  WEFT_RETURN_IF_ERROR(PushOnto(ctx, 0, ctx.input(1)));
  ctx.set_output(0, ctx.input(1));
  return absl::OkStatus();
}

absl::Status Pop(KernelContext& ctx) { return PopInto(ctx, 0); }

// Many at once (src/runtime/merge_stacks.cc): handles, then as many values.
absl::Status PushAll(KernelContext& ctx) {
  const int n = ctx.num_inputs() / 2;
  for (int i = 0; i < n; ++i) WEFT_RETURN_IF_ERROR(PushOnto(ctx, i, ctx.input(n + i)));
  return absl::OkStatus();
}

absl::Status PopAll(KernelContext& ctx) {
  for (int i = 0; i < ctx.num_inputs(); ++i) WEFT_RETURN_IF_ERROR(PopInto(ctx, i));
  return absl::OkStatus();
}

absl::Status Close(KernelContext& ctx) {
  WEFT_ASSIGN_OR_RETURN(const StackRef ref, StackOf(ctx));
  ref.stack->Close();
  return absl::OkStatus();
}

}  // namespace

void RegisterStackKernels(KernelRegistry& kernels) {
  for (const char* suffix : {"", "V2"}) {
    kernels.Add<MakeStack>(StrCat("Stack", suffix), kCpu, {});
    kernels.Add(StrCat("StackPush", suffix), kCpu, {}, Push);
    kernels.Add(StrCat("StackPop", suffix), kCpu, {}, Pop);
    kernels.Add(StrCat("StackClose", suffix), kCpu, {}, Close);
  }
  kernels.Add("_StackPushes", kCpu, {}, PushAll);
  kernels.Add("_StackPops", kCpu, {}, PopAll);
}

}  // namespace weft
