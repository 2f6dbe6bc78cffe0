// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/image_layout.h"

#include <string>

#include "kernels/cpu/strided_copy.h"

namespace weft {

ImageLayout::ImageLayout(std::string_view data_format)
    : rank_(static_cast<int>(data_format.size())),
      channels_first_(data_format.size() > 1 && data_format[1] == 'C') {}

ImageSizes ImageLayout::SizesOf(const Shape& shape) const {
  ImageSizes sizes{.batch = shape.dim(0), .channels = shape.dim(channel_axis())};
  for (int k = 0; k < spatial_rank(); ++k) sizes.space[place(k)] = shape.dim(spatial_axis(k));
  return sizes;
}

absl::StatusOr<Shape> ImageLayout::ShapeOf(KernelContext& ctx, const ImageSizes& sizes) const {
  std::vector<int64_t> dims(static_cast<size_t>(rank_));
  dims[0] = sizes.batch;
  dims[static_cast<size_t>(channel_axis())] = sizes.channels;
  for (int k = 0; k < spatial_rank(); ++k)
    dims[static_cast<size_t>(spatial_axis(k))] = sizes.space[place(k)];
  return MakeShape(ctx, dims);
}

Shape ImageLayout::LastShape(const Shape& shape) const {
  std::vector<int64_t> dims{shape.dim(0)};
  for (int k = 0; k < spatial_rank(); ++k) dims.push_back(shape.dim(spatial_axis(k)));
  dims.push_back(shape.dim(channel_axis()));
  return Shape(std::span<const int64_t>(dims));
}

absl::StatusOr<Array> ImageLayout::ChannelsLast(KernelContext& ctx, const Array& x) const {
  if (!channels_first_) return x;
  WEFT_ASSIGN_OR_RETURN(Array y, ctx.AllocateTemp(x.dtype(), LastShape(x.shape())));
  std::vector<int64_t> order{0};
  for (int k = 0; k < spatial_rank(); ++k) order.push_back(k + 2);
  order.push_back(1);
  TransposeInto(ctx, x, order, &y);
  return y;
}

absl::StatusOr<Array> ImageLayout::Target(KernelContext& ctx, const Array& y) const {
  if (!channels_first_) return y;
  return ctx.AllocateTemp(y.dtype(), LastShape(y.shape()));
}

void ImageLayout::Deliver(KernelContext& ctx, const Array& result, Array* y) const {
  if (!channels_first_) return;
  std::vector<int64_t> order{0, rank_ - 1};
  for (int k = 0; k < spatial_rank(); ++k) order.push_back(k + 1);
  TransposeInto(ctx, result, order, y);
}

absl::StatusOr<Shape> MakeShape(KernelContext& ctx, const std::vector<int64_t>& sizes) {
  Shape shape;
  std::string why;
  if (!Shape::Make(sizes, &shape, &why)) return ctx.InvalidArgument(why);
  return shape;
}

}  // namespace weft
