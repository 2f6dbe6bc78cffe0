// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "weft/runtime/kernel.h"

namespace weft {

// A kernel without state: the executor calls its function directly.
class FnKernel final : public Kernel {
 public:
  explicit FnKernel(KernelFn fn) : fn_(fn) {}
  absl::Status Compute(KernelContext& ctx) override { return fn_(ctx); }
  KernelFn fn() const { return fn_; }

 private:
  KernelFn fn_;
};

}  // namespace weft
