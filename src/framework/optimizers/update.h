// SPDX-License-Identifier: Apache-2.0
// What the update rules of optimizers have in common.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "src/core/strings.h"
#include "src/framework/nodes.h"
#include "weft/framework/train/optimizer.h"

namespace weft::train {

// The op of a rule for a variable of this form: "ApplyAdam", "ResourceApplyAdam",
// "SparseApplyAdam", "ResourceSparseApplyAdam".
inline std::string DenseRule(std::string_view rule, const Variable& v) {
  return StrCat(v.is_resource() ? "Resource" : "", "Apply", rule);
}
inline std::string SparseRule(std::string_view rule, const Variable& v) {
  return StrCat(v.is_resource() ? "Resource" : "", "SparseApply", rule);
}

// A rate in the dtype of an update. A resource variable of that dtype is read by the op that takes
// it.
inline Input RateAs(const Tensor& rate, DataType dtype) {
  return RemoveRef(rate.dtype()) == dtype ? rate : internal::CastTo(rate, dtype);
}
inline Input RateAs(const Variable& rate, DataType dtype) {
  if (rate.is_resource() && rate.dtype() == dtype) return rate;
  return internal::CastTo(rate, dtype);
}

// The parts of lists, one after the other.
inline std::vector<Input> Joined(std::vector<Input> first, const std::vector<Input>& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

void CheckPositive(const char* what, double value);
void CheckNotNegative(const char* what, double value);

// Rows of a variable.
Tensor GatherRows(const Variable& v, const Tensor& indices);

// A change of a variable: what must have run, and the value after it.
struct Change {
  Operation op;
  Tensor value;
};
// v = value and v -= delta.
Change AssignTo(const Variable& v, const Tensor& value, bool use_locking);
Change SubtractFrom(const Variable& v, const Tensor& delta, bool use_locking);
// ScatterAdd, ScatterSub, ScatterUpdate.
Change ScatterRows(const char* op, const Variable& v, const Tensor& indices, const Tensor& rows,
                   bool use_locking);

}  // namespace weft::train
