// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/pixel_product.h"

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "kernels/cpu/strassen.h"
#include "weft/core/status_macros.h"

namespace weft::cpu {
namespace {

// Rows begin so far apart: a multiple of a cache line and none of a page, so that the rows of a
// tile do not fall into the same few places of the first cache.
int64_t RowDistance(int64_t k) { return (k + 15) / 16 * 16 + 16; }

// How the product is shared out: pixels, and where there are few of them, panels too. Threads that
// share pixels all make the same rows.
class PixelParts {
 public:
  PixelParts(int threads, const PixelProduct& p)
      : panels(p.strassen ? StrassenPanels(p.n) : PackedPanels(p.n)), tile_(PackedTileRows()) {
    constexpr int64_t kFewTiles = 4;  // one more than another thread has would be felt
    const int64_t tiles = (p.pixels + tile_ - 1) / tile_;
    by_pixels = threads;
    while (by_pixels > 1 && (threads % by_pixels != 0 || tiles < kFewTiles * by_pixels))
      --by_pixels;
    by_panels = std::min(threads / by_pixels, panels);
    group = GroupRows(p);
    if (p.strassen) group += group % 2;  // of pairs
    groups = (p.pixels + group - 1) / group;
  }
  int64_t count() const { return by_pixels * by_panels; }
  // Of a group's rows and their sums.
  int64_t floats(const PixelProduct& p) const {
    return group * RowDistance(p.k) + (p.strassen ? StrassenSumFloats(group, p.k) : 0);
  }

  const int64_t panels;
  int64_t by_pixels, by_panels;
  int64_t group, groups;  // rows that are made at a time; the last group may have fewer

 private:
  // A group stays in the second cache, beside a panel or, if that is small, the whole matrix. A
  // large matrix is read once for each group, so groups are large too; else they are small enough
  // to be handed to the thread that is ready first.
  int64_t GroupRows(const PixelProduct& p) const {
    constexpr int64_t kSmallMatrix = 128 * 1024, kNear = 32 * 1024, kFar = 64 * 1024;
    constexpr int64_t kGroups = 4;  // of a thread, at least
    const int64_t share = (p.pixels + by_pixels - 1) / by_pixels, distance = RowDistance(p.k);
    if (p.k * p.n >= kSmallMatrix) {
      const int64_t most = std::min(kFar / distance, share + tile_ - 1);
      return std::max<int64_t>(1, most / tile_) * tile_;
    }
    int64_t unit = std::max(p.batch, tile_);
    while (unit > 2 * tile_ && unit * kGroups > share) unit = (unit + 1) / 2;
    return std::max<int64_t>(1, std::min(kNear / distance, share / kGroups) / unit) * unit;
  }

  const int64_t tile_;
};

// The groups that a thread begins with. It takes them from the front; a thread that has none left
// takes from the back, so that what lies in a thread's cache stays its own as long as it can.
struct alignas(64) GroupShare {
  std::optional<int64_t> Take(bool own) {
    if (taken.fetch_add(1, std::memory_order_relaxed) >= count) return std::nullopt;
    return own ? first + from_front++
               : first + count - 1 - from_back.fetch_add(1, std::memory_order_relaxed);
  }

  int64_t first = 0, count = 0;
  int64_t from_front = 0;  // the owner's
  std::atomic<int64_t> taken{0}, from_back{0};
};

// This thread's memory for rows, on a cache line: the same for all products. In a plan's arena it
// would be elsewhere at each step, and writing to what lies in another core's cache took as long as
// making the rows.
float* ThreadRoom(int64_t floats) {
  constexpr size_t kLine = 16;  // floats
  static thread_local std::vector<float> room;
  const size_t wanted = static_cast<size_t>(floats) + kLine;
  if (room.size() < wanted) room = std::vector<float>(wanted);
  const size_t past = reinterpret_cast<uintptr_t>(room.data()) / sizeof(float) % kLine;
  return room.data() + (past == 0 ? 0 : kLine - past);
}

}  // namespace

absl::StatusOr<const float*> PackedConstant::Get(KernelContext& ctx, const float* matrix, int64_t k,
                                                 int64_t n, const Array& scale, bool strassen) {
  std::lock_guard lock(mu_);
  Array& kept = panels_[strassen ? 1 : 0];
  if (!kept.valid()) {
    const int64_t floats = strassen ? StrassenFloats(n, k) : PackedFloats(n, k);
    WEFT_ASSIGN_OR_RETURN(Array panels, ctx.AllocateTemp(kFloat32, Shape({floats})));
    Array scaled;
    if (scale.valid()) {
      WEFT_ASSIGN_OR_RETURN(scaled, ctx.AllocateTemp(kFloat32, Shape({k, n})));
      float* const to = scaled.mutable_data<float>();
      for (int64_t row = 0; row < k * n; row += n) {
        std::transform(matrix + row, matrix + row + n, scale.data<float>(), to + row,
                       std::multiplies<>());
      }
      matrix = to;
    }
    float* const to = panels.mutable_data<float>();
    if (strassen)
      StrassenPack(n, k, matrix, n, to);
    else
      PackMatrix(/*transpose=*/false, n, k, matrix, n, to);
    kept = std::move(panels);
  }
  return kept.data<float>();
}

void MultiplyPixels(KernelContext& ctx, const PixelProduct& p, MakeRows make) {
  const PixelParts parts(ctx.num_threads(), p);
  const int64_t distance = RowDistance(p.k);
  const auto shares = std::make_unique<GroupShare[]>(static_cast<size_t>(parts.count()));
  for (int64_t part = 0; part < parts.count(); ++part) {
    const int64_t i = part / parts.by_panels;
    GroupShare& share = shares[static_cast<size_t>(part)];
    share.first = parts.groups * i / parts.by_pixels;
    share.count = parts.groups * (i + 1) / parts.by_pixels - share.first;
  }
  const auto work = [&](int64_t part, int64_t owner) {
    float *const rows = ThreadRoom(parts.floats(p)), *const sums = rows + parts.group * distance;
    const int64_t j = part % parts.by_panels, begin = parts.panels * j / parts.by_panels,
                  end = parts.panels * (j + 1) / parts.by_panels;
    while (const auto group = shares[static_cast<size_t>(owner)].Take(part == owner)) {
      const int64_t first = *group * parts.group, m = std::min(parts.group, p.pixels - first);
      make(first, first + m, rows, distance);
      const PackedProduct t = {m, p.n, p.k, rows, distance, p.panels, p.y + first * p.n, p.n};
      if (p.strassen) {
        StrassenSums(m, p.k, rows, distance, sums);
        StrassenRows(t, sums, p.finish, begin, end);
      } else {
        PackedRows(t, p.finish, begin, end);
      }
    }
  };
  const double ns = static_cast<double>(p.pixels) * static_cast<double>(p.k) *
                    (static_cast<double>(p.n) + 20) / 50;
  ctx.ParallelFor(parts.count(), ns / static_cast<double>(parts.count()),
                  [&](int64_t begin, int64_t end) {
                    for (int64_t part = begin; part < end; ++part) {
                      // Its own groups, then those of others with the same panels.
                      for (int64_t k = 0; k < parts.count(); k += parts.by_panels)
                        work(part, (part + k) % parts.count());
                    }
                  });
}

}  // namespace weft::cpu
