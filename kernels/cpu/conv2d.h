// SPDX-License-Identifier: Apache-2.0
// Two-dimensional convolution and its gradients by matrix products: the windows of a tile of output
// pixels are laid out as rows of a matrix that fits into the cache.
//
// Images are [batch, height, width, depth], filters [height, width, depth of a group, output
// depth].
#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "weft/runtime/kernel.h"

namespace weft::cpu {

struct ConvGeometry {
  int64_t batch = 0, in_height = 0, in_width = 0, in_depth = 0;
  int64_t filter_height = 0, filter_width = 0, filter_depth = 0;
  int64_t out_height = 0, out_width = 0, out_depth = 0;
  int64_t stride_y = 1, stride_x = 1, dilation_y = 1, dilation_x = 1;
  int64_t top = 0, left = 0;  // padding before the first row and column

  int64_t groups() const { return in_depth / filter_depth; }
  int64_t group_out_depth() const { return out_depth / groups(); }
  int64_t pixels() const { return batch * out_height * out_width; }
  // Elements of one window, of one group.
  int64_t window() const { return filter_height * filter_width * filter_depth; }
  // Every window is one pixel of the input, in order: no layout is needed.
  bool is_pointwise() const {
    return filter_height == 1 && filter_width == 1 && stride_y == 1 && stride_x == 1 && top == 0 &&
           left == 0 && out_height == in_height && out_width == in_width && groups() == 1;
  }
};

// y = x * filter. T: float, double, int32 (which wraps around). Results don't depend on the number
// of threads.
template <typename T>
absl::Status Convolve(KernelContext& ctx, const ConvGeometry& g, const T* x, const T* filter, T* y);

// dx: the gradient of the sum of dy * (x * filter) for x.
template <typename T>
absl::Status ConvolveBackInput(KernelContext& ctx, const ConvGeometry& g, const T* filter,
                               const T* dy, T* dx);

// The same for the filter. T: float, double. Sums over pixels are rounded in an order that may
// depend on the number of threads.
template <typename T>
absl::Status ConvolveBackFilter(KernelContext& ctx, const ConvGeometry& g, const T* x, const T* dy,
                                T* dfilter);

}  // namespace weft::cpu
