// SPDX-License-Identifier: Apache-2.0
// Places in one piece of memory for values whose lifetimes are known.
#pragma once

#include <cstddef>
#include <vector>

namespace weft {

struct Block {
  int slot = -1;
  size_t bytes = 0;
  int first = 0, last = 0;  // steps: when it is made, and when it is last used
  size_t offset = 0;        // what PlaceBlocks finds
};

// Beyond this many blocks the quadratic search costs more than it saves.
inline constexpr size_t kMostBlocks = 20000;

// Places blocks, largest first, each at the lowest offset that is free during its life. Changes
// their order. Returns the size of the memory.
size_t PlaceBlocks(std::vector<Block>* blocks);

}  // namespace weft
