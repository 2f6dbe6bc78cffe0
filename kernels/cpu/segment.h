// SPDX-License-Identifier: Apache-2.0
// The parts of the segment family, and what they share.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "src/core/strings.h"
#include "weft/runtime/kernel.h"

namespace weft {

void RegisterSparseSegmentKernels(KernelRegistry& kernels);  // reductions of gathered rows
void RegisterDynamicStitchKernels(KernelRegistry& kernels);  // rows dealt out and put together

// Rows [begin, end) of the data that belong to one segment.
struct SegmentRun {
  int64_t segment;
  int64_t begin;
  int64_t end;
};

// The elements of an integer tensor as int64, copied unless they are: kernels are compiled for one
// type of ids.
class Int64Values {
 public:
  explicit Int64Values(const Array& a) {
    if (a.dtype() == kInt64) {
      values_ = a.values<int64_t>();
      return;
    }
    copy_.resize(static_cast<size_t>(a.num_elements()));
    if (a.dtype() == kInt16)
      std::ranges::copy(a.values<int16_t>(), copy_.begin());
    else
      std::ranges::copy(a.values<int32_t>(), copy_.begin());
    values_ = copy_;
  }
  Int64Values(const Int64Values&) = delete;
  Int64Values& operator=(const Int64Values&) = delete;
  std::span<const int64_t> values() const { return values_; }

 private:
  std::vector<int64_t> copy_;
  std::span<const int64_t> values_;
};

// The segments of sorted ids that have rows. InvalidArgument if ids are not sorted, or not in
// [0, limit) (`limit` < 0: any that is not negative).
inline absl::Status FindSegmentRuns(KernelContext& ctx, std::span<const int64_t> ids, int64_t limit,
                                    std::vector<SegmentRun>* runs) {
  const auto n = static_cast<int64_t>(ids.size());
  const int64_t end_of_ids = limit >= 0 ? limit : n > 0 ? ids[n - 1] + 1 : 0;
  for (int64_t i = 0; i < n; ++i) {
    const int64_t id = ids[i];
    if (i > 0 && ids[i] < ids[i - 1]) return ctx.InvalidArgument("segment ids are not increasing");
    if (id < 0 || (limit < 0 && id >= end_of_ids)) {
      return ctx.InvalidArgument(StrCat("Segment id ", id, " out of range [0, ", end_of_ids,
                                        "), possibly because 'segment_ids' input is not sorted."));
    }
    if (limit >= 0 && id >= limit) {
      return ctx.InvalidArgument(
          StrCat("segment ids must be < num_segments: id ", id, ", num_segments ", limit));
    }
    if (i == 0 || ids[i] != ids[i - 1]) runs->push_back({id, i, i});
    runs->back().end = i + 1;
  }
  return absl::OkStatus();
}

}  // namespace weft
