// SPDX-License-Identifier: Apache-2.0
// Intra-op parallelism: one team of threads for Weft's own loops and for the libraries it calls
// (oneDNN and OpenBLAS run on OpenMP, so this does too; cores are never oversubscribed). Under
// ThreadSanitizer, which can't see into libgomp, a pool of its own is used.
#pragma once

#include <cstdint>

#include "absl/functional/function_ref.h"

namespace weft {

// Number of threads that loops on this thread may use, at least 1. Sessions set it around a run.
int IntraOpThreads();

class IntraOpScope {
 public:
  // 0: one a core.
  explicit IntraOpScope(int threads);
  ~IntraOpScope();
  IntraOpScope(const IntraOpScope&) = delete;
  IntraOpScope& operator=(const IntraOpScope&) = delete;

 private:
  int outer_;
};

// Cores that this process may use.
int NumCores();

// Calls work(begin, end) on pieces that cover [0, n). `cost_ns`: a rough cost of one item in
// nanoseconds; work too small to pay for a hand-over to another thread stays on this one. Pieces
// are contiguous, one a thread.
void ParallelFor(int64_t n, double cost_ns, absl::FunctionRef<void(int64_t, int64_t)> work);

}  // namespace weft
