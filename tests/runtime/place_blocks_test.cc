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

size_t MostAlive(const std::vector<Block>& blocks, int steps) {
  std::vector<size_t> made(static_cast<size_t>(steps) + 1), over = made;
  for (const Block& b : blocks) {
    made[static_cast<size_t>(b.first)] += b.bytes;
    over[static_cast<size_t>(b.last) + 1] += b.bytes;
  }
  size_t alive = 0, most = 0;
  for (size_t s = 0; s < made.size(); ++s) {
    alive = alive + made[s] - over[s];
    most = std::max(most, alive);
  }
  return most;
}

// A step for each block: values of a few steps, and some that are needed again at the other end.
TEST(PlaceBlocks, ManyBlocks) {
  std::mt19937 random(11);
  const int steps = static_cast<int>(kMostBlocksBySize) + 1000;
  std::vector<Block> blocks;
  for (int s = 0; s < steps; ++s) {
    const int life = static_cast<int>(random() % 5);
    const bool needed_again = s < steps / 2 && random() % 40 == 0;
    blocks.push_back({s, 64 * (1 + random() % 90), s,
                      needed_again ? steps - 1 - s : std::min(s + life, steps - 1), 0});
  }
  const size_t total = PlaceBlocks(&blocks);
  const size_t most_alive = MostAlive(blocks, steps);
  EXPECT_GE(total, most_alive);
  EXPECT_LE(total, most_alive + most_alive / 5);
  // No two at one time: those of each step, by their offsets.
  std::sort(blocks.begin(), blocks.end(),
            [](const Block& a, const Block& b) { return a.first < b.first; });
  std::vector<const Block*> alive;
  for (const Block& b : blocks) {
    EXPECT_LE(b.offset + b.bytes, total);
    std::erase_if(alive, [&](const Block* a) { return a->last < b.first; });
    for (const Block* a : alive) {
      ASSERT_TRUE(a->offset + a->bytes <= b.offset || b.offset + b.bytes <= a->offset)
          << a->slot << " and " << b.slot;
    }
    alive.push_back(&b);
  }
}

TEST(PlaceBlocks, MemoryIsUsedAgain) {
  std::vector<Block> blocks = {{0, 128, 0, 1, 0}, {1, 128, 2, 3, 0}, {2, 64, 1, 2, 0}};
  EXPECT_EQ(PlaceBlocks(&blocks), 192u);
}

TEST(PlaceBlocks, MemoryOfManyBlocksIsUsedAgain) {
  std::vector<Block> blocks;
  for (int s = 0; s <= static_cast<int>(kMostBlocksBySize); ++s)
    blocks.push_back({s, s % 2 == 0 ? size_t{64} : size_t{128}, s, s + 1, 0});
  EXPECT_EQ(PlaceBlocks(&blocks), 192u);
}

}  // namespace
}  // namespace weft
