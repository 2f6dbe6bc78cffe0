// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/variable_access.h"

#include <utility>

#include "src/core/strings.h"

namespace weft {

absl::StatusOr<VariableLock> VariableLock::Take(KernelContext& ctx, int input, DataType dtype) {
  WEFT_ASSIGN_OR_RETURN(VariableState * v, ctx.variable(input));
  VariableLock locked(v);
  if (!v->initialized()) {
    return ctx.Error(absl::StatusCode::kFailedPrecondition,
                     StrCat("Attempting to use uninitialized value ", v->name()));
  }
  if (v->dtype() != dtype) {
    return ctx.InvalidArgument(StrCat("Trying to use variable '", v->name(),
                                      "' with wrong dtype. Expected ", DTypeOpName(v->dtype()),
                                      " got ", DTypeOpName(dtype)));
  }
  return locked;
}

absl::StatusOr<DenseUpdate> DenseUpdate::Begin(KernelContext& ctx, VariableState& locked) {
  DenseUpdate update;
  update.variable_ = &locked;
  if (locked.value().OwnsBufferAlone()) {
    update.target_ = locked.value();
    return update;
  }
  WEFT_ASSIGN_OR_RETURN(update.target_,
                        ctx.AllocateTemp(locked.value().dtype(), locked.value().shape()));
  return update;
}

}  // namespace weft
