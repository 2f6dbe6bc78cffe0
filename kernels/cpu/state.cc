// SPDX-License-Identifier: Apache-2.0
// Variables by reference, their life and counters. Assignments: dense_update.cc.
#include <algorithm>
#include <atomic>
#include <limits>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "kernels/cpu/array_util.h"
#include "kernels/cpu/variable_access.h"
#include "src/core/strings.h"
#include "weft/runtime/kernel.h"

namespace weft {

void RegisterDenseUpdateKernels(KernelRegistry& kernels);

namespace {

// The shape of a variable as its node declares it. As in TensorFlow an unknown rank stands for a
// scalar until a value is assigned without validation.
Shape DeclaredShape(KernelConstruction& c) {
  const PartialShape shape = c.Attr<PartialShape>("shape");
  if (!shape.known_rank()) return Shape();
  Shape declared;
  std::string error;
  if (!shape.IsFullyKnown() || !Shape::Make(shape.dims(), &declared, &error)) {
    c.Fail(absl::InvalidArgumentError(
        StrCat("attribute 'shape' of ", c.op(), " node '", c.name(), "' is ", shape.ToString(),
               "; a variable needs a shape without unknown sizes (or of unknown rank)")));
  }
  return declared;
}

class Variable final : public Kernel {
 public:
  explicit Variable(KernelConstruction& c)
      : dtype_(RemoveRef(c.output_dtype(0))),
        name_(c.AttrOr<std::string>("shared_name", "")),
        shape_(DeclaredShape(c)) {
    if (name_.empty()) name_ = c.name();
    slot_ = c.resources().Slot(c.AttrOr<std::string>("container", ""), "ReferenceVariable", name_);
  }

  absl::Status Compute(KernelContext& ctx) override {
    const std::shared_ptr<Resource> any = slot_->GetOrCreate([this] { return Make(); });
    auto* const state = static_cast<VariableState*>(any.get());
    if (state->dtype() != dtype_) {
      return ctx.InvalidArgument(StrCat("another variable with shared_name '", name_, "' holds ",
                                        DTypeOpName(state->dtype()), ", not ",
                                        DTypeOpName(dtype_)));
    }
    Keep(any);
    ctx.set_output_ref(0, state);
    return absl::OkStatus();
  }

 private:
  std::shared_ptr<Resource> Make() const {
    auto state = std::make_shared<VariableState>(dtype_, name_, shape_);
    // There is nothing to initialize in an empty tensor: it has its value from the beginning.
    if (shape_.rank() > 0 && shape_.num_elements() == 0) {
      std::lock_guard lock(state->mu());
      state->Replace(Array(dtype_, shape_));
    }
    return state;
  }

  // References are plain pointers: what was handed out lives as long as the kernel, even if another
  // thread clears the container meanwhile.
  void Keep(const std::shared_ptr<Resource>& state) {
    if (latest_.load(std::memory_order_acquire) == state.get()) return;
    std::lock_guard lock(mu_);
    if (std::find(kept_.begin(), kept_.end(), state) == kept_.end()) kept_.push_back(state);
    latest_.store(state.get(), std::memory_order_release);
  }

  const DataType dtype_;
  std::string name_;
  const Shape shape_;
  std::shared_ptr<ResourceSlot> slot_;
  std::atomic<const Resource*> latest_{nullptr};
  std::mutex mu_;
  std::vector<std::shared_ptr<Resource>> kept_;
};

// The temporary variables of one name in one run: several only if a loop makes one in each of its
// iterations.
class TemporaryVariables final : public Resource {
 public:
  explicit TemporaryVariables(std::string maker) : maker_(std::move(maker)) {}
  const std::string& maker() const { return maker_; }
  void Add(std::shared_ptr<VariableState> v) {
    std::lock_guard lock(mu_);
    variables_.push_back(std::move(v));
  }
  // Null if it is not here.
  std::shared_ptr<VariableState> Take(const VariableState* v) {
    std::lock_guard lock(mu_);
    for (auto it = variables_.begin(); it != variables_.end(); ++it) {
      if (it->get() != v) continue;
      std::shared_ptr<VariableState> taken = std::move(*it);
      variables_.erase(it);
      return taken;
    }
    return nullptr;
  }
  bool empty() {
    std::lock_guard lock(mu_);
    return variables_.empty();
  }

 private:
  const std::string maker_;  // the node
  std::mutex mu_;
  std::vector<std::shared_ptr<VariableState>> variables_;
};

std::shared_ptr<ResourceSlot> TemporarySlot(KernelContext& ctx, const std::string& name) {
  return ctx.step_resources().Slot("", "TemporaryVariable", name);
}

class TemporaryVariable final : public Kernel {
 public:
  explicit TemporaryVariable(KernelConstruction& c)
      : dtype_(RemoveRef(c.output_dtype(0))),
        shape_(DeclaredShape(c)),
        name_(c.AttrOr<std::string>("var_name", "")) {
    if (name_.empty()) name_ = c.name();
  }

  absl::Status Compute(KernelContext& ctx) override {
    const std::shared_ptr<Resource> any = TemporarySlot(ctx, name_)->GetOrCreate([&] {
      return std::make_shared<TemporaryVariables>(ctx.node_name());
    });
    auto& group = static_cast<TemporaryVariables&>(*any);
    if (group.maker() != ctx.node_name() && !group.empty()) {
      return ctx.Error(absl::StatusCode::kAlreadyExists,
                       StrCat("Resource ", name_, " (temporary variable) was made by node '",
                              group.maker(), "' already"));
    }
    WEFT_ASSIGN_OR_RETURN(Array value, ctx.AllocateTemp(dtype_, shape_));
    FillWithZero(ctx, &value);
    auto state = std::make_shared<VariableState>(dtype_, name_, shape_);
    {
      std::lock_guard lock(state->mu());
      state->Replace(std::move(value));
    }
    ctx.set_output_ref(0, state.get());
    group.Add(std::move(state));
    return absl::OkStatus();
  }

 private:
  const DataType dtype_;
  const Shape shape_;
  std::string name_;
};

class DestroyTemporaryVariable final : public Kernel {
 public:
  explicit DestroyTemporaryVariable(KernelConstruction& c)
      : name_(c.Attr<std::string>("var_name")) {
    if (name_.empty()) {
      c.Fail(absl::InvalidArgumentError(
          StrCat("Missing var_name attribute of ", c.op(), " node '", c.name(), "'")));
    }
  }

  absl::Status Compute(KernelContext& ctx) override {
    WEFT_ASSIGN_OR_RETURN(VariableState * v, ctx.variable(0));
    const std::shared_ptr<Resource> any = TemporarySlot(ctx, name_)->Get();
    const std::shared_ptr<VariableState> taken =
        any ? static_cast<TemporaryVariables&>(*any).Take(v) : nullptr;
    if (!taken) {
      return ctx.Error(absl::StatusCode::kNotFound,
                       StrCat("Resource ", name_, " (temporary variable) does not exist."));
    }
    ctx.set_output(0, taken->Read());
    return absl::OkStatus();
  }

 private:
  const std::string name_;
};

absl::Status IsVariableInitialized(KernelContext& ctx) {
  WEFT_ASSIGN_OR_RETURN(VariableState * v, ctx.variable(0));
  WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, Shape()));
  *out->mutable_data<bool>() = v->Read().valid();
  return absl::OkStatus();
}

template <typename T>
class CountUpTo final : public Kernel {
 public:
  explicit CountUpTo(KernelConstruction& c) : limit_(c.Attr<int64_t>("limit")) {}

  absl::Status Compute(KernelContext& ctx) override {
    WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, Shape()));
    WEFT_ASSIGN_OR_RETURN(VariableLock v, VariableLock::Take(ctx, 0, dtype_of<T>));
    if (!v->shape().IsScalar()) {
      return ctx.InvalidArgument(
          StrCat("input is not a scalar: ", v->shape().ToString(), " (variable ", v->name(), ")"));
    }
    const T before = *v->value().template data<T>();
    if (before >= limit_ || before == std::numeric_limits<T>::max()) {
      return ctx.Error(absl::StatusCode::kOutOfRange, StrCat("Reached limit of ", limit_));
    }
    *v->Mutable()->template mutable_data<T>() = static_cast<T>(before + 1);
    *out->mutable_data<T>() = before;
    return absl::OkStatus();
  }

 private:
  const int64_t limit_;
};

}  // namespace

void RegisterStateKernels(KernelRegistry& kernels) {
  kernels.Add<Variable>("VariableV2", kCpu, {});
  kernels.Add<Variable>("Variable", kCpu, {});
  kernels.Add<TemporaryVariable>("TemporaryVariable", kCpu, {});
  kernels.Add<DestroyTemporaryVariable>("DestroyTemporaryVariable", kCpu, {});
  kernels.Add("IsVariableInitialized", kCpu, {}, IsVariableInitialized);
  ForTypes<int32_t, int64_t>([&]<typename T>() {
    kernels.Add<CountUpTo<T>>("CountUpTo", kCpu, {{"T", dtype_of<T>}});
    kernels.Add<CountUpTo<T>>("ResourceCountUpTo", kCpu, {{"T", dtype_of<T>}});
  });
  RegisterDenseUpdateKernels(kernels);
}

}  // namespace weft
