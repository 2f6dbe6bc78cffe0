// SPDX-License-Identifier: Apache-2.0
// Limits on threads that a graph names.
#pragma once

#include <cstdint>

#include "weft/runtime/kernel.h"

namespace weft {

// What a handle of ThreadPoolHandle stands for. Immutable.
struct ThreadPoolLimits final : Resource {
  static constexpr const char* kType = "ThreadPoolResource";
  ThreadPoolLimits(int64_t threads, int64_t intra_op)
      : num_threads(threads), max_intra_op_parallelism(intra_op) {}

  const int64_t num_threads;               // 0: one a core
  const int64_t max_intra_op_parallelism;  // of one op; negative: no limit
};

void RegisterThreadPoolKernels(KernelRegistry& kernels);  // thread_pool.cc

}  // namespace weft
