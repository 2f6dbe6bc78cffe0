// SPDX-License-Identifier: Apache-2.0
// Optimizer steps.
#include <cstdint>
#include <string>
#include <type_traits>

#include "kernels/cpu/register.h"
#include "kernels/cpu/update_loops.h"
#include "kernels/cpu/variable_access.h"
#include "src/core/strings.h"
#include "weft/core/complex.h"

namespace weft {
namespace {

// The hyperparameter at input i, called `name`.
template <typename T>
absl::StatusOr<T> Scalar(KernelContext& ctx, int i, const char* name) {
  const Array& a = ctx.input(i);
  if (!a.shape().IsScalar()) {
    return ctx.InvalidArgument(StrCat(name, " is not a scalar: ", a.shape().ToString()));
  }
  return *a.data<T>();
}

absl::Status CheckSameShape(KernelContext& ctx, const VariableState& v, const Array& other,
                            const char* name) {
  if (v.shape() == other.shape()) return absl::OkStatus();
  return ctx.InvalidArgument(StrCat("var and ", name, " do not have the same shape: ",
                                    v.shape().ToString(), " ", other.shape().ToString()));
}

template <typename T>
void SubtractScaled(const T* from, const T* delta, T factor, int64_t n, T* to) {
  if constexpr (std::is_same_v<T, float> || std::is_same_v<T, double>) {
    cpu::SubtractScaledRows(from, delta, factor, n, to);
  } else {
    for (int64_t i = 0; i < n; ++i) {
      const T step = delta[i] * factor;
      to[i] = from[i] - step;
    }
  }
}

template <typename T>
absl::Status ApplyGradientDescent(KernelContext& ctx) {
  WEFT_ASSIGN_OR_RETURN(const T alpha, Scalar<T>(ctx, 1, "alpha"));
  const Array& delta = ctx.input(2);
  WEFT_ASSIGN_OR_RETURN(VariableLock var, VariableLock::Take(ctx, 0, dtype_of<T>));
  WEFT_RETURN_IF_ERROR(CheckSameShape(ctx, *var, delta, "delta"));
  WEFT_ASSIGN_OR_RETURN(DenseUpdate update, DenseUpdate::Begin(ctx, *var));
  const T* const from = update.from<T>();
  const T* const by = delta.data<T>();
  T* const to = update.to<T>();
  ctx.ParallelFor(delta.num_elements(), 0.1 * sizeof(T), [&](int64_t begin, int64_t end) {
    SubtractScaled(from + begin, by + begin, alpha, end - begin, to + begin);
  });
  update.Commit();
  ReturnReference(ctx);
  return absl::OkStatus();
}

}  // namespace

void RegisterTrainingKernels(KernelRegistry& kernels) {
  ForTypes<float, double, half, bfloat16, complex64, complex128>([&]<typename T>() {
    const DataType t = dtype_of<T>;
    kernels.Add("ApplyGradientDescent", kCpu, {{"T", t}}, ApplyGradientDescent<T>);
    kernels.Add("ResourceApplyGradientDescent", kCpu, {{"T", t}}, ApplyGradientDescent<T>);
  });
}

}  // namespace weft
