// SPDX-License-Identifier: Apache-2.0
#include "src/runtime/place_blocks.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace weft {
namespace {

TEST(PlaceBlocks, BlocksThatLiveAtOneTimeDontOverlap) {
  std::mt19937 random(7);
  for (int round = 0; round < 50; ++round) {
    std::vector<Block> blocks;
    const int steps = 1 + static_cast<int>(random() % 40);
    size_t all = 0;
    for (int i = 0; i < 60; ++i) {
      const int a = static_cast<int>(random() % static_cast<unsigned>(steps)),
                b = static_cast<int>(random() % static_cast<unsigned>(steps));
      blocks.push_back({i, 64 * (1 + random() % 9), std::min(a, b), std::max(a, b), 0});
      all += blocks.back().bytes;
    }
    const size_t total = PlaceBlocks(&blocks);
    EXPECT_LE(total, all);
    size_t most_alive = 0;
    for (int s = 0; s < steps; ++s) {
      size_t alive = 0;
      for (const Block& b : blocks) alive += b.first <= s && s <= b.last ? b.bytes : 0;
      most_alive = std::max(most_alive, alive);
    }
    EXPECT_GE(total, most_alive);
    for (const Block& a : blocks) {
      EXPECT_LE(a.offset + a.bytes, total);
      for (const Block& b : blocks) {
        if (a.slot >= b.slot || a.last < b.first || b.last < a.first) continue;
        EXPECT_TRUE(a.offset + a.bytes <= b.offset || b.offset + b.bytes <= a.offset)
            << a.slot << " and " << b.slot;
      }
    }
  }
}

TEST(PlaceBlocks, MemoryIsUsedAgain) {
  std::vector<Block> blocks = {{0, 128, 0, 1, 0}, {1, 128, 2, 3, 0}, {2, 64, 1, 2, 0}};
  EXPECT_EQ(PlaceBlocks(&blocks), 192u);
}

}  // namespace
}  // namespace weft
