// SPDX-License-Identifier: Apache-2.0
// How kernels get at variables, whether by reference or by handle.
#pragma once

#include <mutex>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "weft/core/array.h"
#include "weft/runtime/kernel.h"

namespace weft {

// The variable behind one input, locked as long as this lives. It has a value.
class VariableLock {
 public:
  // NotFound if the handle's variable does not exist, FailedPrecondition if it has no value,
  // InvalidArgument if it holds another dtype.
  static absl::StatusOr<VariableLock> Take(KernelContext& ctx, int input, DataType dtype);

  VariableState* operator->() const { return variable_; }
  VariableState& operator*() const { return *variable_; }

 private:
  explicit VariableLock(VariableState* v) : variable_(v), lock_(v->mu()) {}
  VariableState* variable_;
  std::unique_lock<std::mutex> lock_;
};

// An update that computes every element of a locked variable anew: reads from() and writes to().
// They are the same memory unless a reader still holds the old value: then that one stays as it is,
// and no time goes into copying what is overwritten anyway.
class DenseUpdate {
 public:
  static absl::StatusOr<DenseUpdate> Begin(KernelContext& ctx, VariableState& locked);
  template <typename T>
  const T* from() const {
    return variable_->value().data<T>();
  }
  const void* raw_from() const { return variable_->value().raw_data(); }
  template <typename T>
  T* to() {
    return target_.mutable_data<T>();
  }
  void* raw_to() { return target_.raw_data(); }
  // All elements are written: they are the variable's value now.
  void Commit() { variable_->Replace(std::move(target_)); }

 private:
  VariableState* variable_ = nullptr;
  Array target_;
};

// Output 0, if there is one, refers to what input 0 refers to.
inline void ReturnReference(KernelContext& ctx) {
  if (ctx.num_outputs() > 0) ctx.ForwardRef(0, 0);
}

}  // namespace weft
