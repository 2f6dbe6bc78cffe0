// SPDX-License-Identifier: Apache-2.0
// Convolution of images and volumes, and its gradients, for every dtype.
//
// Images are [batch, planes, rows, columns, channels]; a flat image is one plane. Filters are
// [planes, rows, columns, channels of a group, output channels]: the output channels of group g are
// a run of them. A depthwise filter [.., channels, multiplier] is the same memory with groups of
// one channel.
#pragma once

#include <array>
#include <cstdint>

#include "absl/status/status.h"
#include "weft/runtime/kernel.h"

namespace weft::cpu {

// One dimension that windows slide over: tap k of window o is at o * stride - before + k *
// dilation of the input.
struct SlideDim {
  int64_t in = 1, out = 1, size = 1;
  int64_t stride = 1, dilation = 1, before = 0;
  friend bool operator==(const SlideDim&, const SlideDim&) = default;
};

struct ConvGeometry {
  int64_t batch = 0, in_channels = 0, filter_channels = 0, out_channels = 0;
  std::array<SlideDim, 3> space = {};  // planes, rows, columns

  int64_t groups() const { return in_channels / filter_channels; }
  int64_t group_out_channels() const { return out_channels / groups(); }
  int64_t out_pixels_of_image() const { return space[0].out * space[1].out * space[2].out; }
  int64_t in_pixels_of_image() const { return space[0].in * space[1].in * space[2].in; }
  int64_t pixels() const { return batch * out_pixels_of_image(); }
  int64_t taps() const { return space[0].size * space[1].size * space[2].size; }
  // Elements of one window, of one group.
  int64_t window() const { return taps() * filter_channels; }
  int64_t image_elements() const { return in_pixels_of_image() * in_channels; }
  bool is_depthwise() const { return filter_channels == 1 && in_channels > 1; }
  // Every window is one pixel of the input, in order: no layout is needed.
  bool is_pointwise() const {
    for (const SlideDim& d : space) {
      if (d.size != 1 || d.stride != 1 || d.before != 0 || d.out != d.in) return false;
    }
    return groups() == 1;
  }
  friend bool operator==(const ConvGeometry&, const ConvGeometry&) = default;
};

// y = x * filter. T: float, double, int32 (which wraps around). Results don't depend on the number
// of threads. The windows of a tile of output pixels are laid out as rows of a matrix that fits
// into the cache, and multiplied; depthwise convolutions add up directly.
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
