// SPDX-License-Identifier: Apache-2.0
// Tensors of images and volumes in any of their formats, as kernels see them: sizes in one order,
// and copies with channels last where the format has them first.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "weft/core/array.h"
#include "weft/runtime/kernel.h"

namespace weft {

// The sizes of a batch of images. space: planes, rows, columns; a flat image is one plane.
struct ImageSizes {
  int64_t batch = 0;
  std::array<int64_t, 3> space = {1, 1, 1};
  int64_t channels = 0;
  friend bool operator==(const ImageSizes&, const ImageSizes&) = default;
};

class ImageLayout {
 public:
  ImageLayout() = default;
  // NHWC, NCHW, NDHWC or NCDHW.
  explicit ImageLayout(std::string_view data_format);

  int rank() const { return rank_; }
  int spatial_rank() const { return rank_ - 2; }
  bool channels_first() const { return channels_first_; }
  int channel_axis() const { return channels_first_ ? 1 : rank_ - 1; }
  // Of spatial dimension k, counted from the outermost one that the format has.
  int spatial_axis(int k) const { return channels_first_ ? k + 2 : k + 1; }
  // The place of spatial dimension k in ImageSizes::space.
  size_t place(int k) const { return static_cast<size_t>(k + 5 - rank_); }

  // The shape must have rank().
  ImageSizes SizesOf(const Shape& shape) const;
  // InvalidArgument if the sizes make no valid shape.
  absl::StatusOr<Shape> ShapeOf(KernelContext& ctx, const ImageSizes& sizes) const;

  // The tensor with channels last; itself if it is so already.
  absl::StatusOr<Array> ChannelsLast(KernelContext& ctx, const Array& x) const;
  // Where a result with channels last is written: `y` itself, or an array for Deliver.
  absl::StatusOr<Array> Target(KernelContext& ctx, const Array& y) const;
  // Brings what was written to Target(y) into y.
  void Deliver(KernelContext& ctx, const Array& result, Array* y) const;

 private:
  Shape LastShape(const Shape& shape) const;
  int rank_ = 4;
  bool channels_first_ = false;
};

// A shape of these sizes; InvalidArgument if they are none.
absl::StatusOr<Shape> MakeShape(KernelContext& ctx, const std::vector<int64_t>& sizes);

}  // namespace weft
