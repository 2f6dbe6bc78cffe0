// SPDX-License-Identifier: Apache-2.0
// The variable and the slots that a training op changes.
#pragma once

#include <array>
#include <mutex>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kernels/cpu/update_rules.h"
#include "weft/runtime/kernel.h"

namespace weft {

// The variables behind inputs [0, count), all locked as long as this lives; they have values. One
// variable may stand behind several inputs.
class LockedVariables {
 public:
  // Internal if a handle leads to no variable, FailedPrecondition if a variable has no value,
  // InvalidArgument if it holds another dtype.
  static absl::StatusOr<LockedVariables> Take(KernelContext& ctx, int count, DataType dtype);

  int count() const { return count_; }
  VariableState& operator[](int i) const { return *variables_[static_cast<size_t>(i)]; }

 private:
  std::array<VariableState*, kMaxUpdateVariables> variables_ = {};
  std::array<std::unique_lock<std::mutex>, kMaxUpdateVariables> locks_;
  int count_ = 0;
};

}  // namespace weft
