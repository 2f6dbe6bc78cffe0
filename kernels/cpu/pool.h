// SPDX-License-Identifier: Apache-2.0
// What the pooling kernels share: where windows lie, and the checks of their attributes.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/cpu/convolve.h"
#include "kernels/cpu/image_layout.h"
#include "src/core/window.h"
#include "weft/runtime/kernel.h"

namespace weft {

struct PoolGeometry {
  int64_t batch = 0, channels = 0;
  std::array<cpu::SlideDim, 3> space = {};  // planes, rows, columns
  int64_t channel_window = 1;               // channels that are pooled together

  int64_t out_pixels_of_image() const { return space[0].out * space[1].out * space[2].out; }
  int64_t in_pixels_of_image() const { return space[0].in * space[1].in * space[2].in; }
  int64_t pixels() const { return batch * out_pixels_of_image(); }
  ImageSizes in_sizes() const { return {batch, {space[0].in, space[1].in, space[2].in}, channels}; }
  ImageSizes out_sizes() const {
    return {batch, {space[0].out, space[1].out, space[2].out}, channels / channel_window};
  }
  // A rough cost of one window of elements of `size` bytes, in nanoseconds.
  double cost(size_t size) const {
    return 0.05 * static_cast<double>(size) * static_cast<double>(channels) *
           static_cast<double>(space[0].size) * static_cast<double>(space[1].size) *
           static_cast<double>(space[2].size);
  }
};

// The part of a window that lies on the image: [first[d], last[d]) along each dimension.
struct PoolWindow {
  int64_t image;
  std::array<int64_t, 3> first, last;

  // Number `pixel` of the result, in row-major order.
  PoolWindow(const PoolGeometry& g, int64_t pixel) {
    for (size_t d = 3; d-- > 0;) {
      const cpu::SlideDim& dim = g.space[d];
      const int64_t at = pixel % dim.out * dim.stride - dim.before;
      first[d] = std::max<int64_t>(at, 0);
      last[d] = std::max(first[d], std::min(at + dim.size, dim.in));
      pixel /= dim.out;
    }
    image = pixel;
  }
  int64_t pixels() const {
    return (last[0] - first[0]) * (last[1] - first[1]) * (last[2] - first[2]);
  }
  // Calls visit(offset of the first channel) for each pixel, in row-major order.
  template <typename Visit>
  void ForPixels(const PoolGeometry& g, Visit visit) const {
    for (int64_t z = first[0]; z < last[0]; ++z) {
      for (int64_t y = first[1]; y < last[1]; ++y) {
        const int64_t row = ((image * g.space[0].in + z) * g.space[1].in + y) * g.space[2].in;
        for (int64_t x = first[2]; x < last[2]; ++x) visit((row + x) * g.channels);
      }
    }
  }
};

// Attributes of a pooling op.
class PoolKernel : public Kernel {
 public:
  // Where ksize and strides may be inputs: the number of the first.
  explicit PoolKernel(KernelConstruction& c, int size_input = -1);

 protected:
  using Ints = std::vector<int64_t>;

  const ImageLayout& layout() const { return layout_; }
  absl::Status CheckRank(KernelContext& ctx, const Array& x) const;
  // For an image of these sizes. `channels`: pooling over channels is allowed.
  absl::StatusOr<PoolGeometry> Geometry(KernelContext& ctx, const ImageSizes& image,
                                        bool channels) const;
  absl::StatusOr<PoolGeometry> Geometry(KernelContext& ctx, const Array& x, bool channels) const {
    WEFT_RETURN_IF_ERROR(CheckRank(ctx, x));
    return Geometry(ctx, layout_.SizesOf(x.shape()), channels);
  }
  absl::StatusOr<Shape> PooledShape(KernelContext& ctx, const PoolGeometry& g) const {
    return layout_.ShapeOf(ctx, g.out_sizes());
  }
  static absl::Status CheckShape(KernelContext& ctx, std::string_view name, const Array& a,
                                 const Shape& want);

 private:
  absl::Status CheckSizes(const Ints& ksize, const Ints& strides) const;
  absl::Status ReadSizes(KernelContext& ctx, Ints* ksize, Ints* strides) const;
  absl::Status CheckChannels(KernelContext& ctx, const PoolGeometry& g, int64_t stride,
                             bool allowed) const;

  const bool deep_;  // of volumes
  ImageLayout layout_;
  int size_input_;
  Ints ksize_, strides_;
  std::array<WindowSpec, 3> windows_;
};

}  // namespace weft
