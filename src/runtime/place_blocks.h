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

// Up to so many blocks each is placed at the lowest offset that is free during its life, the
// largest first. That takes time by the square of their number and the least memory.
inline constexpr size_t kMostBlocksBySize = 20000;

// More blocks are placed in the order in which they are made, each in the smallest piece that is
// free then. Changes their order. Returns the size of the memory.
size_t PlaceBlocks(std::vector<Block>* blocks);

}  // namespace weft
