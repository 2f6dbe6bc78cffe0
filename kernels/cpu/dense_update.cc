// SPDX-License-Identifier: Apache-2.0
// Assignments of whole variables: Assign, AssignAdd, AssignSub and the same by handle.
#include <cstdint>
#include <mutex>
#include <string>
#include <utility>

#include "kernels/cpu/update_loops.h"
#include "kernels/cpu/variable_access.h"
#include "kernels/cpu/wrapping.h"
#include "src/core/strings.h"
#include "weft/core/complex.h"
#include "weft/runtime/kernel.h"

namespace weft {
namespace {

absl::Status WrongDtype(KernelContext& ctx, const VariableState& v, DataType got) {
  return ctx.InvalidArgument(StrCat("Trying to assign variable '", v.name(),
                                    "' with wrong dtype. Expected ", DTypeOpName(v.dtype()),
                                    " got ", DTypeOpName(got)));
}

class Assign final : public Kernel {
 public:
  explicit Assign(KernelConstruction& c)
      : validate_shape_(c.AttrOr<bool>("validate_shape", true)) {}

  absl::Status Compute(KernelContext& ctx) override {
    WEFT_ASSIGN_OR_RETURN(VariableState * v, ctx.variable(0));
    const Array& value = ctx.input(1);
    if (value.dtype() != v->dtype()) return WrongDtype(ctx, *v, value.dtype());
    // Sharing the value's buffer is safe: whoever changes the variable next copies it then.
    Array kept = ctx.Persist(value);
    {
      std::lock_guard lock(v->mu());
      if (validate_shape_ && !(v->shape() == value.shape())) {
        return ctx.InvalidArgument(StrCat(
            "Assign requires shapes of both tensors to match. lhs shape= ", v->shape().ToString(),
            " rhs shape= ", value.shape().ToString()));
      }
      v->Replace(std::move(kept));
    }
    ctx.ForwardRef(0, 0);
    return absl::OkStatus();
  }

 private:
  const bool validate_shape_;
};

class AssignVariable final : public Kernel {
 public:
  explicit AssignVariable(KernelConstruction& c)
      : validate_shape_(c.AttrOr<bool>("validate_shape", false)) {}

  absl::Status Compute(KernelContext& ctx) override {
    const Array& handles = ctx.input(0);
    const Array& value = ctx.input(1);
    if (handles.dtype() != kResource || handles.num_elements() < 1 ||
        !handles.data<ResourceHandle>()->slot) {
      return ctx.InvalidArgument("input 0 is no handle of a variable");
    }
    const ResourceHandle& handle = *handles.data<ResourceHandle>();
    const std::shared_ptr<Resource> any = handle.slot->GetOrCreate(
        [&] { return std::make_shared<VariableState>(value.dtype(), handle.name); });
    auto* const v = dynamic_cast<VariableState*>(any.get());
    if (!v) {
      return ctx.InvalidArgument(
          StrCat("'", handle.name, "' is a ", handle.type, ", not a variable"));
    }
    if (value.dtype() != v->dtype()) return WrongDtype(ctx, *v, value.dtype());
    Array kept = ctx.Persist(value);
    std::lock_guard lock(v->mu());
    if (validate_shape_ && v->initialized() && !(v->shape() == value.shape())) {
      return ctx.InvalidArgument(
          StrCat("Trying to assign to variable with tensor with wrong shape. Expected ",
                 v->shape().ToString(), " got ", value.shape().ToString()));
    }
    v->Replace(std::move(kept));
    return absl::OkStatus();
  }

 private:
  const bool validate_shape_;
};

template <bool kSubtract, typename T>
void Update(const T* from, const T* value, int64_t n, T* to) {
  if constexpr (std::is_same_v<T, float> || std::is_same_v<T, double>) {
    kSubtract ? cpu::SubtractRows(from, value, n, to) : cpu::AddRows(from, value, n, to);
  } else {
    for (int64_t i = 0; i < n; ++i) {
      to[i] =
          kSubtract ? arithmetic::Subtract(from[i], value[i]) : arithmetic::Add(from[i], value[i]);
    }
  }
}

template <bool kSubtract, typename T>
absl::Status AssignUpdate(KernelContext& ctx) {
  const Array& value = ctx.input(1);
  WEFT_ASSIGN_OR_RETURN(VariableLock v, VariableLock::Take(ctx, 0, dtype_of<T>));
  if (!(v->shape() == value.shape())) {
    return ctx.InvalidArgument(StrCat("Cannot update variable with shape ", v->shape().ToString(),
                                      " using a Tensor with shape ", value.shape().ToString(),
                                      ": parameters and update must be the same size, shapes must "
                                      "be equal."));
  }
  WEFT_ASSIGN_OR_RETURN(DenseUpdate update, DenseUpdate::Begin(ctx, *v));
  const T* const from = update.from<T>();
  const T* const by = value.data<T>();
  T* const to = update.to<T>();
  ctx.ParallelFor(value.num_elements(), 0.1 * sizeof(T), [&](int64_t begin, int64_t end) {
    Update<kSubtract>(from + begin, by + begin, end - begin, to + begin);
  });
  update.Commit();
  ReturnReference(ctx);
  return absl::OkStatus();
}

}  // namespace

void RegisterDenseUpdateKernels(KernelRegistry& kernels) {
  kernels.Add<Assign>("Assign", kCpu, {});
  kernels.Add<AssignVariable>("AssignVariableOp", kCpu, {});
  ForTypes<float, double, half, bfloat16, int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t,
           uint32_t, uint64_t, complex64, complex128>([&]<typename T>() {
    const DataType t = dtype_of<T>;
    kernels.Add("AssignAdd", kCpu, {{"T", t}}, AssignUpdate<false, T>);
    kernels.Add("AssignSub", kCpu, {{"T", t}}, AssignUpdate<true, T>);
    kernels.Add("AssignAddVariableOp", kCpu, {{"dtype", t}}, AssignUpdate<false, T>);
    kernels.Add("AssignSubVariableOp", kCpu, {{"dtype", t}}, AssignUpdate<true, T>);
  });
}

}  // namespace weft
