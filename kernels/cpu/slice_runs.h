// SPDX-License-Identifier: Apache-2.0
// Slices along one axis of a row-major array, for kernels that treat each slice in a way of its
// own.
#pragma once

#include <cstdint>

#include "weft/core/shape.h"
#include "weft/runtime/kernel.h"

namespace weft {

// The array as [before, slices, after]. Without an axis (-1), one slice that is everything.
struct SliceView {
  int64_t before = 1, slices = 1, after = 1;
};

// `axis` must be -1 or a dimension of the shape.
inline SliceView ViewSlices(const Shape& s, int64_t axis) {
  SliceView v;
  if (axis < 0) {
    v.after = s.num_elements();
    return v;
  }
  for (int i = 0; i < s.rank(); ++i)
    (i < axis ? v.before : i == axis ? v.slices : v.after) *= s.dim(i);
  return v;
}

// Calls work(slice, begin, end) for runs of elements that together cover the array, in parallel.
template <typename Work>
void ForEachRun(KernelContext& ctx, const SliceView& v, double cost_ns, const Work& work) {
  if (v.before * v.slices == 1) {
    ctx.ParallelFor(v.after, cost_ns, [&](int64_t begin, int64_t end) { work(0, begin, end); });
    return;
  }
  ctx.ParallelFor(v.before * v.slices, cost_ns * static_cast<double>(v.after),
                  [&](int64_t begin, int64_t end) {
                    for (int64_t row = begin; row < end; ++row)
                      work(row % v.slices, row * v.after, (row + 1) * v.after);
                  });
}

}  // namespace weft
