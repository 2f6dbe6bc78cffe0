// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/update_variables.h"

#include <functional>

#include "src/core/strings.h"

namespace weft {
namespace {

absl::Status CheckUsable(KernelContext& ctx, const VariableState& v, DataType dtype) {
  if (!v.initialized()) {
    return ctx.Error(absl::StatusCode::kFailedPrecondition,
                     StrCat("Attempting to use uninitialized value ", v.name()));
  }
  if (v.dtype() == dtype) return absl::OkStatus();
  return ctx.InvalidArgument(StrCat("Trying to use variable '", v.name(),
                                    "' with wrong dtype. Expected ", DTypeOpName(v.dtype()),
                                    " got ", DTypeOpName(dtype)));
}

}  // namespace

absl::StatusOr<LockedVariables> LockedVariables::Take(KernelContext& ctx, int count,
                                                      DataType dtype) {
  LockedVariables taken;
  taken.count_ = count;
  for (int i = 0; i < count; ++i) {
    const absl::StatusOr<VariableState*> v = ctx.variable(i);
    if (!v.ok()) {
      return ctx.Error(absl::StatusCode::kInternal,
                       StrCat("Invalid variable reference. Input ", i, ": ", v.status().message()));
    }
    taken.variables_[static_cast<size_t>(i)] = *v;
  }
  // In the order of their addresses, each once: steps that share variables can't wait for each
  // other in a circle.
  VariableState* locked = nullptr;  // of the highest address
  for (int k = 0; k < count; ++k) {
    VariableState* next = nullptr;
    for (int i = 0; i < count; ++i) {
      const bool later = !locked || std::less<>()(locked, &taken[i]);
      if (later && (!next || std::less<>()(&taken[i], next))) next = &taken[i];
    }
    if (!next) break;
    taken.locks_[static_cast<size_t>(k)] = std::unique_lock(next->mu());
    locked = next;
  }
  for (int i = 0; i < count; ++i) WEFT_RETURN_IF_ERROR(CheckUsable(ctx, taken[i], dtype));
  return taken;
}

}  // namespace weft
