// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/concat_copy.h"

#include <algorithm>

#include "kernels/cpu/element_class.h"

namespace weft {
namespace {

// One part: its first element and the length of its blocks.
template <typename U>
struct Blocks {
  U* data;
  int64_t length;
};
template <typename U>
using BlockList = absl::InlinedVector<Blocks<U>, 8>;

// Calls copy(part's elements, offset in the whole, n) for runs that cover
// elements [begin, end) of the whole; pieces of several threads may begin and
// end inside a block.
template <typename U, typename F>
void ForEachRun(const BlockList<U>& parts, int64_t total, int64_t begin, int64_t end, F&& copy) {
  int64_t block = begin / total;
  int64_t skip = begin % total;
  for (int64_t at = begin; at < end; ++block, skip = 0) {
    for (const Blocks<U>& part : parts) {
      if (skip >= part.length) {
        skip -= part.length;
        continue;
      }
      const int64_t n = std::min(part.length - skip, end - at);
      copy(part.data + block * part.length + skip, at, n);
      at += n;
      skip = 0;
      if (at == end) return;
    }
  }
}

// True if all blocks are one element: the whole has the parts as columns.
template <typename U>
bool AreColumns(const BlockList<U>& parts) {
  return std::all_of(parts.begin(), parts.end(),
                     [](const Blocks<U>& part) { return part.length == 1; });
}

// Calls copy(column, first row, last row), for some rows at a time that stay in the cache.
template <typename U, typename F>
void ForEachColumn(KernelContext& ctx, const BlockList<U>& parts, int64_t rows, F&& copy) {
  constexpr int64_t kRows = 512;
  const int64_t columns = static_cast<int64_t>(parts.size());
  ctx.ParallelFor(rows, kMoveCost<U> * 2.0 * static_cast<double>(columns),
                  [&](int64_t begin, int64_t end) {
                    for (int64_t first = begin; first < end; first += kRows) {
                      for (int64_t c = 0; c < columns; ++c)
                        copy(c, first, std::min(first + kRows, end));
                    }
                  });
}

template <typename U>
double RunCost(const BlockList<U>& parts, int64_t total) {
  return kMoveCost<U> + 2.0 * static_cast<double>(parts.size()) / static_cast<double>(total);
}

}  // namespace

void ConcatBlocks(KernelContext& ctx, std::span<const Array* const> parts, int64_t outer,
                  Array* out) {
  if (out->num_elements() == 0) return;
  WithElementClass(out->dtype(), [&]<typename U>() {
    BlockList<const U> blocks;
    for (const Array* part : parts) {
      if (part->num_elements() > 0)
        blocks.push_back({ElementsOf<U>(*part), part->num_elements() / outer});
    }
    const int64_t total = out->num_elements() / outer;
    U* to = MutableElementsOf<U>(*out);
    if (AreColumns(blocks)) {
      return ForEachColumn(ctx, blocks, outer, [&](int64_t c, int64_t first, int64_t last) {
        const U* from = blocks[c].data;
        for (int64_t r = first; r < last; ++r) to[r * total + c] = from[r];
      });
    }
    ctx.ParallelFor(out->num_elements(), RunCost(blocks, total), [&](int64_t begin, int64_t end) {
      ForEachRun(blocks, total, begin, end,
                 [&](const U* from, int64_t at, int64_t n) { CopyRun(to + at, from, n); });
    });
  });
}

void SplitBlocks(KernelContext& ctx, const Array& whole, int64_t outer,
                 std::span<Array* const> parts) {
  if (whole.num_elements() == 0) return;
  WithElementClass(whole.dtype(), [&]<typename U>() {
    BlockList<U> blocks;
    for (Array* part : parts) {
      if (part->num_elements() > 0)
        blocks.push_back({MutableElementsOf<U>(*part), part->num_elements() / outer});
    }
    const int64_t total = whole.num_elements() / outer;
    const U* from = ElementsOf<U>(whole);
    if (AreColumns(blocks)) {
      return ForEachColumn(ctx, blocks, outer, [&](int64_t c, int64_t first, int64_t last) {
        U* to = blocks[c].data;
        for (int64_t r = first; r < last; ++r) to[r] = from[r * total + c];
      });
    }
    ctx.ParallelFor(whole.num_elements(), RunCost(blocks, total), [&](int64_t begin, int64_t end) {
      ForEachRun(blocks, total, begin, end,
                 [&](U* to, int64_t at, int64_t n) { CopyRun(to, from + at, n); });
    });
  });
}

}  // namespace weft
