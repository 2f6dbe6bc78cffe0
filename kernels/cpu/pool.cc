// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/pool.h"

#include <limits>
#include <optional>
#include <utility>

#include "kernels/cpu/element_class.h"
#include "src/core/image_format.h"
#include "src/core/strings.h"

namespace weft {
namespace {

absl::Status ReadPadding(KernelConstruction& c, bool deep, std::array<WindowSpec, 3>* windows) {
  const std::string padding = c.Attr<std::string>("padding");
  if (deep) {
    const std::optional<Padding> kind = ParsePadding(padding);
    if (!kind || *kind == Padding::kExplicit)
      return absl::InvalidArgumentError(StrCat("unknown padding '", padding, "'"));
    for (WindowSpec& w : *windows) w.padding = *kind;
    return absl::OkStatus();
  }
  ImageWindow w;
  WEFT_RETURN_IF_ERROR(SetPadding(padding, c.AttrOr<std::vector<int64_t>>("explicit_paddings", {}),
                                  ParseImageFormat(c.AttrOr<std::string>("data_format", "NHWC")),
                                  &w));
  (*windows)[1] = w.height;
  (*windows)[2] = w.width;
  return absl::OkStatus();
}

}  // namespace

PoolKernel::PoolKernel(KernelConstruction& c, int size_input)
    : deep_(c.op().find("3D") != std::string::npos),
      layout_(c.AttrOr<std::string>("data_format", "NHWC")),
      size_input_(c.FindAttr("ksize") ? -1 : size_input) {
  if (c.AttrOr<std::string>("data_format", "") == "NCHW_VECT_C") {
    c.Fail(absl::InvalidArgumentError("the CPU has no kernel for data_format NCHW_VECT_C"));
    return;
  }
  if (size_input_ < 0) {
    ksize_ = c.Attr<Ints>("ksize");
    strides_ = c.Attr<Ints>("strides");
    c.Fail(CheckSizes(ksize_, strides_));
  }
  c.Fail(ReadPadding(c, deep_, &windows_));
}

absl::Status PoolKernel::CheckRank(KernelContext& ctx, const Array& x) const {
  if (x.rank() == layout_.rank()) return absl::OkStatus();
  return ctx.InvalidArgument(StrCat("tensor_in must be ", layout_.rank(),
                                    "-dimensional, but has shape ", x.shape().ToString()));
}

absl::StatusOr<PoolGeometry> PoolKernel::Geometry(KernelContext& ctx, const ImageSizes& image,
                                                  bool channels) const {
  Ints ksize = ksize_, strides = strides_;
  if (size_input_ >= 0) WEFT_RETURN_IF_ERROR(ReadSizes(ctx, &ksize, &strides));
  const auto at = [](const Ints& list, int axis) { return list[static_cast<size_t>(axis)]; };
  PoolGeometry g{.batch = image.batch,
                 .channels = image.channels,
                 .channel_window = at(ksize, layout_.channel_axis())};
  for (int k = 0; k < layout_.spatial_rank(); ++k) {
    const size_t place = layout_.place(k);
    WindowSpec w = windows_[place];
    w.size = at(ksize, layout_.spatial_axis(k));
    w.stride = at(strides, layout_.spatial_axis(k));
    // A window that lies in the padding holds nothing.
    if (w.pad_before >= w.size || w.pad_after >= w.size) {
      if (w.padding == Padding::kExplicit) {
        return ctx.InvalidArgument(
            StrCat("paddings must be smaller than the window: ", w.pad_before, " and ", w.pad_after,
                   " for a window of ", w.size));
      }
    }
    const absl::StatusOr<WindowFit> fit = FitWindows(image.space[place], w);
    if (!fit.ok()) return ctx.InvalidArgument(std::string(fit.status().message()));
    g.space[place] = {.in = image.space[place],
                      .out = fit->count,
                      .size = w.size,
                      .stride = w.stride,
                      .before = fit->before};
  }
  WEFT_RETURN_IF_ERROR(
      CheckChannels(ctx, g, at(strides, layout_.channel_axis()), channels && !deep_));
  return g;
}

absl::Status PoolKernel::CheckShape(KernelContext& ctx, std::string_view name, const Array& a,
                                    const Shape& want) {
  if (a.shape() == want) return absl::OkStatus();
  return ctx.InvalidArgument(StrCat("Expected ", name, " shape to be ", want.ToString(),
                                    ", but got ", a.shape().ToString()));
}

absl::Status PoolKernel::CheckSizes(const Ints& ksize, const Ints& strides) const {
  const size_t rank = static_cast<size_t>(layout_.rank());
  for (const auto& [name, list] : {std::pair("ksize", &ksize), {"strides", &strides}}) {
    if (list->size() != rank) {
      return absl::InvalidArgumentError(
          StrCat("Sliding window ", name, " field must specify ", rank, " dimensions"));
    }
  }
  for (size_t i = 0; i < rank; ++i) {
    constexpr int64_t kMax = std::numeric_limits<int32_t>::max();
    if (ksize[i] <= 0 || strides[i] <= 0) {
      return absl::InvalidArgumentError(
          StrCat("Sliding window ksize and stride must be positive, but for dimension ", i,
                 " they are ", ksize[i], " and ", strides[i]));
    }
    if (ksize[i] > kMax) {
      return absl::InvalidArgumentError(
          StrCat("ksize must be a postive int32 value, got: ", ksize[i]));
    }
  }
  if (ksize[0] != 1 || strides[0] != 1)
    return absl::UnimplementedError("Pooling is not yet supported on the batch dimension.");
  const size_t channel = static_cast<size_t>(layout_.channel_axis());
  if (deep_ && (ksize[channel] != 1 || strides[channel] != 1))
    return absl::UnimplementedError("Pooling is not yet supported on the depth dimension.");
  return absl::OkStatus();
}

absl::Status PoolKernel::ReadSizes(KernelContext& ctx, Ints* ksize, Ints* strides) const {
  for (auto [i, list] : {std::pair(size_input_, ksize), {size_input_ + 1, strides}}) {
    const Array& a = ctx.input(i);
    if (!(a.shape() == Shape({4}))) {
      return ctx.InvalidArgument(
          StrCat("ksize and strides must be vectors of 4 elements, but input ", i, " has shape ",
                 a.shape().ToString()));
    }
    const auto values = ReadInts(a);
    list->assign(values.begin(), values.end());
  }
  const absl::Status s = CheckSizes(*ksize, *strides);
  return s.ok() ? s : ctx.Error(s.code(), std::string(s.message()));
}

absl::Status PoolKernel::CheckChannels(KernelContext& ctx, const PoolGeometry& g, int64_t stride,
                                       bool allowed) const {
  if (g.channel_window == 1 && stride == 1) return absl::OkStatus();
  const auto unimplemented = [&](std::string_view why) {
    return ctx.Error(absl::StatusCode::kUnimplemented, why);
  };
  if (ctx.op_type() == "AvgPoolGrad") {
    return ctx.InvalidArgument(StrCat("windows over the depth dimension, of ", g.channel_window,
                                      " by steps of ", stride,
                                      ", lie beyond what the gradient is for"));
  }
  if (!allowed) return unimplemented("pooling is not yet supported on the depth dimension.");
  if (g.space[1].size != 1 || g.space[2].size != 1) {
    return unimplemented(
        "MaxPooling supports exactly one of pooling across depth or pooling across width/height.");
  }
  if (g.channels % g.channel_window != 0) {
    return unimplemented(
        "Depthwise max pooling requires the depth window to evenly divide the input depth");
  }
  if (g.channel_window != stride) {
    return unimplemented(
        "Depthwise max pooling requires the depth window to equal the depth stride");
  }
  if (g.space[1].stride != 1 || g.space[2].stride != 1) {
    return unimplemented("Depthwise max pooling requires strides of 1 along height and width");
  }
  return absl::OkStatus();
}

}  // namespace weft
