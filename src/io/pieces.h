// SPDX-License-Identifier: Apache-2.0
// Large values are read, written and summed in pieces, by all threads.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>

#include "absl/functional/function_ref.h"
#include "src/core/parallel.h"

namespace weft::io {

// Of a value: stays in the second-level cache while it is summed and read or written.
inline constexpr size_t kPieceBytes = 512 << 10;

// Calls work(i) for all i in [0, n). Each thread takes the next i when it is done with one, so that
// none waits for one that the system or the disk holds up. `work` is called from several threads.
inline void ForEachPiece(size_t n, absl::FunctionRef<void(size_t)> work) {
  std::atomic<size_t> next{0};
  const auto take = [&] {
    for (size_t i; (i = next.fetch_add(1, std::memory_order_relaxed)) < n;) work(i);
  };
  const auto threads = std::min<size_t>(n, static_cast<size_t>(IntraOpThreads()));
  if (threads <= 1) return take();
  constexpr double kAlwaysWorthIt = 1e9;  // nanoseconds
  ParallelFor(static_cast<int64_t>(threads), kAlwaysWorthIt, [&](int64_t begin, int64_t end) {
    if (begin < end) take();
  });
}

}  // namespace weft::io
