// SPDX-License-Identifier: Apache-2.0
#include "src/runtime/place_blocks.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <utility>

namespace weft {
namespace {

size_t PlaceBySize(std::vector<Block>* blocks) {
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

// What is free of a memory that grows at its end.
class FreePieces {
 public:
  // The offset of the smallest piece that is large enough, of several the lowest.
  size_t Take(size_t bytes) {
    if (const auto fit = by_bytes_.lower_bound({bytes, 0}); fit != by_bytes_.end()) {
      const auto [size, offset] = *fit;
      Remove(by_offset_.find(offset));
      if (size > bytes) Add(offset + bytes, size - bytes);
      return offset;
    }
    size_t offset = end_;
    if (!by_offset_.empty()) {
      const auto last = std::prev(by_offset_.end());
      if (last->first + last->second == end_) {
        offset = last->first;
        Remove(last);
      }
    }
    end_ = offset + bytes;
    return offset;
  }

  void GiveBack(size_t offset, size_t bytes) {
    const auto next = by_offset_.lower_bound(offset);
    if (next != by_offset_.begin()) {
      const auto before = std::prev(next);
      if (before->first + before->second == offset) {
        offset = before->first;
        bytes += before->second;
        Remove(before);
      }
    }
    if (next != by_offset_.end() && offset + bytes == next->first) {
      bytes += next->second;
      Remove(next);
    }
    Add(offset, bytes);
  }

  size_t end() const { return end_; }

 private:
  using ByOffset = std::map<size_t, size_t>;
  void Add(size_t offset, size_t bytes) {
    by_offset_.emplace(offset, bytes);
    by_bytes_.emplace(bytes, offset);
  }
  void Remove(ByOffset::const_iterator piece) {
    by_bytes_.erase({piece->second, piece->first});
    by_offset_.erase(piece);
  }

  ByOffset by_offset_;                            // bytes of pieces, none next to another
  std::set<std::pair<size_t, size_t>> by_bytes_;  // with offsets
  size_t end_ = 0;
};

size_t PlaceByTime(std::vector<Block>* blocks) {
  std::sort(blocks->begin(), blocks->end(), [](const Block& a, const Block& b) {
    if (a.first != b.first) return a.first < b.first;
    return a.bytes != b.bytes ? a.bytes > b.bytes : a.slot < b.slot;
  });
  std::vector<const Block*> by_end;
  for (const Block& b : *blocks) by_end.push_back(&b);
  std::stable_sort(by_end.begin(), by_end.end(),
                   [](const Block* a, const Block* b) { return a->last < b->last; });
  FreePieces free;
  auto over = by_end.begin();
  for (Block& b : *blocks) {
    // Those that are over have been placed: they began no later than they ended.
    for (; (*over)->last < b.first; ++over) free.GiveBack((*over)->offset, (*over)->bytes);
    b.offset = free.Take(b.bytes);
  }
  return free.end();
}

}  // namespace

size_t PlaceBlocks(std::vector<Block>* blocks) {
  return blocks->size() <= kMostBlocksBySize ? PlaceBySize(blocks) : PlaceByTime(blocks);
}

}  // namespace weft
