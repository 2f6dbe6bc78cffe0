// SPDX-License-Identifier: Apache-2.0
// _SeparableConv2D: what plans make of a depthwise convolution by 3 x 3 filters and the 1 x 1
// convolution that alone reads it, each with its bias and activation (src/runtime/fuse_conv.cc).
#include <algorithm>
#include <array>
#include <limits>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "kernels/cpu/array_util.h"
#include "kernels/cpu/depthwise.h"
#include "kernels/cpu/pixel_product.h"
#include "kernels/cpu/strassen.h"
#include "src/core/image_format.h"
#include "src/core/strings.h"
#include "src/core/window.h"
#include "weft/runtime/kernel.h"

namespace weft {
namespace {

using cpu::ConvGeometry;
using cpu::SumFinish;

// What ends one of the two convolutions, but for its bias.
struct Ending {
  Ending(KernelConstruction& c, const std::string& prefix)
      : has_bias(c.AttrOr<bool>(prefix + "bias", false)) {
    const std::string activation = c.AttrOr<std::string>(prefix + "activation", "");
    finish.clamp = !activation.empty();
    finish.most = activation == "Relu6" ? 6.f : std::numeric_limits<float>::infinity();
  }
  SumFinish With(const float* bias) const {
    SumFinish f = finish;
    f.bias = bias;
    return f;
  }
  bool has_bias;
  SumFinish finish;
};

// Inputs: x, the two filters, constants both, then the biases that the attributes name, the
// depthwise convolution's first. Float, channels last.
class SeparableConv2D final : public Kernel {
 public:
  explicit SeparableConv2D(KernelConstruction& c)
      : depthwise_(c, "depthwise_"),
        pointwise_(c, ""),
        depthwise_scale_(c.AttrOr<Array>("depthwise_filter_scale", {})),
        pointwise_scale_(c.AttrOr<Array>("filter_scale", {})) {
    const auto strides = c.Attr<std::vector<int64_t>>("strides");
    if (strides.size() != 4) {
      c.Fail(absl::InvalidArgumentError("strides must have 4 values"));
      return;
    }
    window_.height.stride = strides[1];
    window_.width.stride = strides[2];
    c.Fail(SetPadding(c.Attr<std::string>("padding"),
                      c.AttrOr<std::vector<int64_t>>("explicit_paddings", {}),
                      ParseImageFormat("NHWC"), &window_));
  }

  absl::Status Compute(KernelContext& ctx) override {
    const Array &x = ctx.input(0), &taps = ctx.input(1), &filter = ctx.input(2);
    WEFT_ASSIGN_OR_RETURN(const ConvGeometry g, Geometry(ctx, x, taps));
    cpu::PixelProduct p = {.pixels = g.pixels(),
                           .k = g.in_channels,
                           .n = filter.dim(3),
                           .batch = cpu::kDepthwiseRows * g.space[2].out};
    const float *depthwise_bias = nullptr, *bias = nullptr;
    int input = 3;
    if (depthwise_.has_bias) {
      WEFT_ASSIGN_OR_RETURN(depthwise_bias, Bias(ctx, input++, p.k));
    }
    if (pointwise_.has_bias) {
      WEFT_ASSIGN_OR_RETURN(bias, Bias(ctx, input++, p.n));
    }
    WEFT_ASSIGN_OR_RETURN(
        const Shape shape,
        ShapeFromSizes(ctx, std::array<int64_t, 4>{g.batch, g.space[1].out, g.space[2].out, p.n}));
    WEFT_ASSIGN_OR_RETURN(Array * y, ctx.AllocateOutput(0, shape));
    if (y->num_elements() == 0) return absl::OkStatus();
    WEFT_ASSIGN_OR_RETURN(const float* scaled_taps, ScaledTaps(ctx, taps));
    p.strassen = cpu::StrassenPays(p.pixels, p.n, p.k);
    WEFT_ASSIGN_OR_RETURN(
        p.panels, filter_.Get(ctx, filter.data<float>(), p.k, p.n, pointwise_scale_, p.strassen));
    p.finish = pointwise_.With(bias);
    p.y = y->mutable_data<float>();
    const cpu::Depthwise depthwise = {.g = g,
                                      .x = x.data<float>(),
                                      .filter = scaled_taps,
                                      .finish = depthwise_.With(depthwise_bias),
                                      .zeros = scaled_taps + taps.num_elements()};
    cpu::MultiplyPixels(ctx, p, [&](int64_t begin, int64_t end, float* rows, int64_t ld) {
      cpu::DepthwiseRows(depthwise, begin, end, rows, ld);
    });
    return absl::OkStatus();
  }

 private:
  absl::StatusOr<ConvGeometry> Geometry(KernelContext& ctx, const Array& x,
                                        const Array& taps) const {
    if (x.rank() != 4) {
      return ctx.InvalidArgument(
          StrCat("input must be 4-dimensional, but has shape ", x.shape().ToString()));
    }
    if (x.dim(3) != taps.dim(2)) {
      return ctx.InvalidArgument(
          StrCat("input and filter must have the same depth: ", x.dim(3), " vs ", taps.dim(2)));
    }
    ConvGeometry g{
        .batch = x.dim(0), .in_channels = x.dim(3), .filter_channels = 1, .out_channels = x.dim(3)};
    for (int d = 0; d < 2; ++d) {
      WindowSpec w = d == 0 ? window_.height : window_.width;
      w.size = taps.dim(d);
      const absl::StatusOr<WindowFit> fit = FitWindows(x.dim(d + 1), w);
      if (!fit.ok()) return ctx.InvalidArgument(std::string(fit.status().message()));
      g.space[static_cast<size_t>(d) + 1] = {.in = x.dim(d + 1),
                                             .out = fit->count,
                                             .size = w.size,
                                             .stride = w.stride,
                                             .before = fit->before};
    }
    if (!cpu::DepthwiseFits(g)) return ctx.InvalidArgument("not a separable convolution by 3 x 3");
    return g;
  }

  static absl::StatusOr<const float*> Bias(KernelContext& ctx, int input, int64_t channels) {
    const Array& bias = ctx.input(input);
    if (bias.shape() == Shape({channels})) return bias.data<float>();
    return ctx.InvalidArgument(
        StrCat("Must provide as many biases as the last dimension of the input tensor: ",
               bias.shape().ToString(), " vs. ", channels));
  }

  // The depthwise filter times its scale, and a pixel of zeros behind it.
  absl::StatusOr<const float*> ScaledTaps(KernelContext& ctx, const Array& taps) {
    std::lock_guard lock(mu_);
    if (!taps_.valid()) {
      const int64_t size = taps.num_elements(), channels = taps.dim(2);
      WEFT_ASSIGN_OR_RETURN(Array made, ctx.AllocateTemp(kFloat32, Shape({size + channels})));
      float* const to = made.mutable_data<float>();
      const float* const from = taps.data<float>();
      const float* const scale =
          depthwise_scale_.valid() ? depthwise_scale_.data<float>() : nullptr;
      for (int64_t i = 0; i < size; ++i) to[i] = from[i] * (scale ? scale[i % channels] : 1.f);
      std::fill_n(to + size, channels, 0.f);
      taps_ = std::move(made);
    }
    return taps_.data<float>();
  }

  const Ending depthwise_, pointwise_;
  const Array depthwise_scale_, pointwise_scale_;
  ImageWindow window_;
  cpu::PackedConstant filter_;
  std::mutex mu_;
  Array taps_;
};

}  // namespace

void RegisterSeparableConvKernels(KernelRegistry& kernels) {
  kernels.Add<SeparableConv2D>("_SeparableConv2D", kCpu, {{"T", kFloat32}});
}

}  // namespace weft
