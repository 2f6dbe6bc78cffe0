// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace weft {

// Gives blocks that the host allocator keeps for later back to the system. Thread-safe.
void TrimHostMemory();

}  // namespace weft
