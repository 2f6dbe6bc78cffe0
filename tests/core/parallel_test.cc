// SPDX-License-Identifier: Apache-2.0
#include "src/core/parallel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <mutex>
#include <utility>
#include <vector>

namespace weft {
namespace {

using Pieces = std::vector<std::pair<int64_t, int64_t>>;

// What each call of the work was given, in the order of the items.
Pieces PiecesOf(int64_t n, int threads, double cost_ns = 1e6) {
  const IntraOpScope scope(threads);
  std::mutex mu;
  Pieces pieces;
  ParallelFor(n, cost_ns, [&](int64_t begin, int64_t end) {
    const std::lock_guard lock(mu);
    pieces.emplace_back(begin, end);
  });
  std::sort(pieces.begin(), pieces.end());
  return pieces;
}

TEST(ParallelFor, PiecesCoverAllItemsOnce) {
  for (const int threads : {1, 2, 3, 4, 7}) {
    for (int64_t n = 1; n < 400; ++n) {
      int64_t next = 0;
      for (const auto& [begin, end] : PiecesOf(n, threads)) {
        EXPECT_EQ(begin, next) << n << " items, " << threads << " threads";
        EXPECT_LT(begin, end);
        next = end;
      }
      EXPECT_EQ(next, n) << threads << " threads";
    }
  }
}

TEST(ParallelFor, FewLargeItemsAreSharedOutEvenly) {
  EXPECT_EQ(PiecesOf(100, 2), (Pieces{{0, 50}, {50, 100}}));
  EXPECT_EQ(PiecesOf(33, 2), (Pieces{{0, 17}, {17, 33}}));
  EXPECT_EQ(PiecesOf(99, 3), (Pieces{{0, 33}, {33, 66}, {66, 99}}));
  EXPECT_EQ(PiecesOf(2, 2), (Pieces{{0, 1}, {1, 2}}));
}

TEST(ParallelFor, ManyItemsBeginAtCacheLines) {
  EXPECT_EQ(PiecesOf(128, 2), (Pieces{{0, 64}, {64, 128}}));
  EXPECT_EQ(PiecesOf(10'001, 2), (Pieces{{0, 5008}, {5008, 10'001}}));
}

TEST(ParallelFor, LittleWorkStaysOnThisThread) {
  EXPECT_EQ(PiecesOf(100, 2, 1.0), (Pieces{{0, 100}}));
  EXPECT_TRUE(PiecesOf(0, 2).empty());
}

}  // namespace
}  // namespace weft
