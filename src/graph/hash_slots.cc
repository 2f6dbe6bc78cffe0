// SPDX-License-Identifier: Apache-2.0
#include "src/graph/hash_slots.h"

#include <chrono>

namespace weft::internal {

uint64_t HashSeed() {
  // Where the loader and the system have put things is as good as random.
  static const char here = 0;
  const auto now =
      static_cast<uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
  const auto stack = reinterpret_cast<uintptr_t>(&now);
  const auto code = reinterpret_cast<uintptr_t>(&here);
  return MultiplyAndFold(now ^ code, 0x9e3779b97f4a7c15ull ^ stack);
}

}  // namespace weft::internal
