// SPDX-License-Identifier: Apache-2.0
#include "src/runtime/place_blocks.h"

#include <algorithm>

namespace weft {

size_t PlaceBlocks(std::vector<Block>* blocks) {
  std::sort(blocks->begin(), blocks->end(), [](const Block& a, const Block& b) {
    return a.bytes != b.bytes ? a.bytes > b.bytes : a.slot < b.slot;
  });
  std::vector<const Block*> placed;  // by offset
  size_t total = 0;
  for (Block& b : *blocks) {
    size_t offset = 0;
    for (const Block* p : placed) {
      if (p->last < b.first || p->first > b.last) continue;
      if (offset + b.bytes <= p->offset) break;
      offset = std::max(offset, p->offset + p->bytes);
    }
    b.offset = offset;
    total = std::max(total, offset + b.bytes);
    placed.insert(
        std::upper_bound(placed.begin(), placed.end(), &b,
                         [](const Block* x, const Block* y) { return x->offset < y->offset; }),
        &b);
  }
  return total;
}

}  // namespace weft
