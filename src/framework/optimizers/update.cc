// SPDX-License-Identifier: Apache-2.0
#include "src/framework/optimizers/update.h"

#include "src/core/status.h"

namespace weft::train {

using internal::Op;
using internal::OpOf;

void CheckPositive(const char* what, double value) {
  if (value > 0) return;
  ThrowError(Code::kInvalidArgument, StrCat(what, " must be positive: ", value));
}
void CheckNotNegative(const char* what, double value) {
  if (value >= 0) return;
  ThrowError(Code::kInvalidArgument, StrCat(what, " ", value, " needs to be positive or zero"));
}

Tensor GatherRows(const Variable& v, const Tensor& indices) {
  if (v.is_resource())
    return Op("ResourceGather", {v.handle(), indices}, "Gather", {{"dtype", v.dtype()}});
  return Op("GatherV2", {v, indices, 0});
}

namespace {

// The new value of a resource variable, read beside it.
Tensor ReadAfter(const Variable& v, Operation change) {
  const ControlDependencies after({change});
  return Op("ReadVariableOp", {v.handle()}, {}, {{"dtype", v.dtype()}});
}

Change OfReference(const Tensor& changed) { return {changed.op(), changed}; }

}  // namespace

Change AssignTo(const Variable& v, const Tensor& value, bool use_locking) {
  if (!v.is_resource())
    return OfReference(Op("Assign", {v.ref(), value}, {}, {{"use_locking", use_locking}}));
  const Operation assign =
      OpOf("AssignVariableOp", {v.handle(), value}, {},
           {{"dtype", v.dtype()}, {"validate_shape", v.shape().IsFullyKnown()}});
  return {assign, ReadAfter(v, assign)};
}

Change SubtractFrom(const Variable& v, const Tensor& delta, bool use_locking) {
  if (!v.is_resource())
    return OfReference(Op("AssignSub", {v.ref(), delta}, {}, {{"use_locking", use_locking}}));
  const Operation assign =
      OpOf("AssignSubVariableOp", {v.handle(), delta}, {}, {{"dtype", v.dtype()}});
  return {assign, ReadAfter(v, assign)};
}

Change ScatterRows(const char* op, const Variable& v, const Tensor& indices, const Tensor& rows,
                   bool use_locking) {
  if (!v.is_resource())
    return OfReference(Op(op, {v.ref(), indices, rows}, {}, {{"use_locking", use_locking}}));
  const Operation scatter =
      OpOf(StrCat("Resource", op), {v.handle(), indices, rows}, {}, {{"dtype", v.dtype()}});
  const ControlDependencies after({scatter});
  const Tensor value = v.AsTensor();
  return {value.op(), value};
}

}  // namespace weft::train
