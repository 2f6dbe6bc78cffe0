// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "weft/runtime/kernel.h"

namespace weft {

// A kernel without state: the executor calls its function directly.
class FnKernel final : public Kernel {
 public:
  explicit FnKernel(KernelFn fn, RowsFn rows = nullptr) : fn_(fn), rows_(rows) {}
  absl::Status Compute(KernelContext& ctx) override { return fn_(ctx); }
  bool works_by_rows() const override { return rows_ != nullptr; }
  RowUse DivideRows(const KernelContext& ctx, int64_t rows) const override {
    return rows_(ctx, rows);
  }
  KernelFn fn() const { return fn_; }

 private:
  KernelFn fn_;
  RowsFn rows_;
};

}  // namespace weft
