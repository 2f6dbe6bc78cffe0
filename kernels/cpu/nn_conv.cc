// SPDX-License-Identifier: Apache-2.0
// Conv2D and its gradients: checks and layouts around kernels/cpu/conv2d.h. Images with channels
// first are transposed.
#include <array>
#include <limits>
#include <string>
#include <vector>

#include "kernels/cpu/conv2d.h"
#include "kernels/cpu/element_class.h"
#include "kernels/cpu/strided_copy.h"
#include "kernels/cpu/widen.h"
#include "src/core/image_format.h"
#include "src/core/strings.h"
#include "weft/runtime/kernel.h"

namespace weft {

void RegisterPoolKernels(KernelRegistry& kernels);
void RegisterLegacyBatchNormKernels(KernelRegistry& kernels);

namespace {

using Sizes4 = std::array<int64_t, 4>;

class ConvKernel : public Kernel {
 public:
  explicit ConvKernel(KernelConstruction& c)
      : format_(ParseImageFormat(c.Attr<std::string>("data_format"))),
        strides_(c.Attr<std::vector<int64_t>>("strides")),
        dilations_(c.Attr<std::vector<int64_t>>("dilations")) {
    c.Fail(ReadAttrs(c));
  }

 protected:
  bool channels_first() const { return format_.channels_first(); }

  static absl::Status CheckRank4(KernelContext& ctx, std::string_view name, const Array& a) {
    if (a.rank() == 4) return absl::OkStatus();
    return ctx.InvalidArgument(
        StrCat(name, " must be 4-dimensional, but has shape ", a.shape().ToString()));
  }

  // Sizes in the order batch, height, width, depth.
  Sizes4 ImageSizes(const Shape& s) const {
    return {s.dim(format_.batch), s.dim(format_.height), s.dim(format_.width),
            s.dim(format_.depth)};
  }
  // The shape of an image tensor of these sizes in the op's format.
  absl::StatusOr<Shape> ImageShape(KernelContext& ctx, const Sizes4& sizes) const {
    Sizes4 dims = sizes;
    if (channels_first()) dims = {sizes[0], sizes[3], sizes[1], sizes[2]};
    return MakeShape(ctx, dims);
  }
  static absl::StatusOr<Shape> MakeShape(KernelContext& ctx, const Sizes4& dims) {
    Shape shape;
    std::string why;
    if (!Shape::Make(dims, &shape, &why)) return ctx.InvalidArgument(why);
    return shape;
  }

  // `image` as above; `filter` in the order height, width, depth, output depth.
  absl::StatusOr<cpu::ConvGeometry> Geometry(KernelContext& ctx, const Sizes4& image,
                                             const Sizes4& filter) const {
    WEFT_RETURN_IF_ERROR(CheckDepths(ctx, image[3], filter));
    ImageWindow w = window_;
    w.height.size = filter[0];
    w.width.size = filter[1];
    const absl::StatusOr<WindowFit> rows = FitWindows(image[1], w.height),
                                    columns = FitWindows(image[2], w.width);
    if (!rows.ok()) return ctx.InvalidArgument(std::string(rows.status().message()));
    if (!columns.ok()) return ctx.InvalidArgument(std::string(columns.status().message()));
    return cpu::ConvGeometry{.batch = image[0],
                             .in_height = image[1],
                             .in_width = image[2],
                             .in_depth = image[3],
                             .filter_height = filter[0],
                             .filter_width = filter[1],
                             .filter_depth = filter[2],
                             .out_height = rows->count,
                             .out_width = columns->count,
                             .out_depth = filter[3],
                             .stride_y = w.height.stride,
                             .stride_x = w.width.stride,
                             .dilation_y = w.height.dilation,
                             .dilation_x = w.width.dilation,
                             .top = rows->before,
                             .left = columns->before};
  }

  // The gradient that comes in must have the shape of the convolution's result.
  absl::Status CheckOutBackprop(KernelContext& ctx, const cpu::ConvGeometry& g,
                                const Array& dy) const {
    const Sizes4 got = ImageSizes(dy.shape()),
                 want = {g.batch, g.out_height, g.out_width, g.out_depth};
    if (got == want) return absl::OkStatus();
    return ctx.InvalidArgument(
        StrCat("Size of out_backprop doesn't match computed: out_backprop has batch, height, "
               "width, depth of ",
               StrJoin(got, ","), ", computed ", StrJoin(want, ",")));
  }

  // The image with channels last; itself if it is so already.
  absl::StatusOr<Array> ChannelsLast(KernelContext& ctx, const Array& x) const {
    if (!channels_first()) return x;
    const Sizes4 sizes = ImageSizes(x.shape());
    WEFT_ASSIGN_OR_RETURN(Array y,
                          ctx.AllocateTemp(x.dtype(), Shape(std::span<const int64_t>(sizes))));
    constexpr int64_t kPermutation[] = {0, 2, 3, 1};
    TransposeInto(ctx, x, kPermutation, &y);
    return y;
  }
  // Where the result with channels last is written: `y` itself, or an array for Deliver.
  absl::StatusOr<Array> Target(KernelContext& ctx, const Array& y) const {
    if (!channels_first()) return y;
    const Sizes4 sizes = ImageSizes(y.shape());
    return ctx.AllocateTemp(y.dtype(), Shape(std::span<const int64_t>(sizes)));
  }
  void Deliver(KernelContext& ctx, const Array& result, Array* y) const {
    constexpr int64_t kPermutation[] = {0, 3, 1, 2};
    if (channels_first()) TransposeInto(ctx, result, kPermutation, y);
  }

 private:
  absl::Status ReadAttrs(KernelConstruction& c) {
    WEFT_RETURN_IF_ERROR(CheckFourValues(c.op(), "stride", strides_.size()));
    WEFT_RETURN_IF_ERROR(CheckFourValues(c.op(), "dilation", dilations_.size()));
    const auto at = [](const std::vector<int64_t>& list, int axis) {
      return list[static_cast<size_t>(axis)];
    };
    for (const auto& [name, list] : {std::pair("strides", &strides_), {"dilations", &dilations_}}) {
      if (at(*list, format_.batch) != 1 || at(*list, format_.depth) != 1) {
        return absl::UnimplementedError(StrCat("Current implementation does not yet support ", name,
                                               " in the batch and depth dimensions."));
      }
      if (at(*list, format_.height) <= 0 || at(*list, format_.width) <= 0)
        return absl::InvalidArgumentError(
            StrCat("Row and column ", name, " should be larger than 0."));
    }
    window_.height = {.stride = at(strides_, format_.height),
                      .dilation = at(dilations_, format_.height)};
    window_.width = {.stride = at(strides_, format_.width),
                     .dilation = at(dilations_, format_.width)};
    return SetPadding(c.Attr<std::string>("padding"),
                      c.AttrOr<std::vector<int64_t>>("explicit_paddings", {}), format_, &window_);
  }

  static absl::Status CheckDepths(KernelContext& ctx, int64_t in_depth, const Sizes4& filter) {
    if (filter[0] <= 0 || filter[1] <= 0) {
      return ctx.InvalidArgument(
          StrCat("filter height and width must be positive, got ", filter[0], " and ", filter[1]));
    }
    if (filter[2] <= 0)
      return ctx.InvalidArgument(StrCat("filter depth must be stricly positive, got ", filter[2]));
    if (in_depth % filter[2] != 0) {
      return ctx.InvalidArgument(StrCat(
          "input depth must be evenly divisible by filter depth: ", in_depth, " vs ", filter[2]));
    }
    const int64_t groups = in_depth / filter[2];
    if (groups == 0) return ctx.InvalidArgument("number of groups must be stricly positive, got 0");
    if (filter[3] % groups != 0) {
      return ctx.InvalidArgument(
          StrCat("output depth must be evenly divisible by number of groups: ", filter[3], " vs ",
                 groups));
    }
    return absl::OkStatus();
  }

  ImageFormat format_;
  std::vector<int64_t> strides_, dilations_;
  ImageWindow window_;
};

Sizes4 FilterSizes(const Shape& s) { return {s.dim(0), s.dim(1), s.dim(2), s.dim(3)}; }

template <typename T>
class Conv2D final : public ConvKernel {
 public:
  using ConvKernel::ConvKernel;
  absl::Status Compute(KernelContext& ctx) override {
    const Array &x = ctx.input(0), &filter = ctx.input(1);
    WEFT_RETURN_IF_ERROR(CheckRank4(ctx, "input", x));
    WEFT_RETURN_IF_ERROR(CheckRank4(ctx, "filter", filter));
    WEFT_ASSIGN_OR_RETURN(const cpu::ConvGeometry g,
                          Geometry(ctx, ImageSizes(x.shape()), FilterSizes(filter.shape())));
    WEFT_ASSIGN_OR_RETURN(const Shape shape,
                          ImageShape(ctx, {g.batch, g.out_height, g.out_width, g.out_depth}));
    WEFT_ASSIGN_OR_RETURN(Array * y, ctx.AllocateOutput(0, shape));
    using W = Wide<T>;
    WEFT_ASSIGN_OR_RETURN(const Array image, ChannelsLast(ctx, x));
    WEFT_ASSIGN_OR_RETURN(const Array in, WidenArray<T>(ctx, image));
    WEFT_ASSIGN_OR_RETURN(const Array f, WidenArray<T>(ctx, filter));
    WEFT_ASSIGN_OR_RETURN(Array result, Target(ctx, *y));
    WEFT_ASSIGN_OR_RETURN(Array out, WideOutput<T>(ctx, result));
    WEFT_RETURN_IF_ERROR(cpu::Convolve(ctx, g, in.data<W>(), f.data<W>(), out.mutable_data<W>()));
    NarrowInto<T>(out, &result);
    Deliver(ctx, result, y);
    return absl::OkStatus();
  }
};

template <typename T>
class Conv2DBackpropInput final : public ConvKernel {
 public:
  using ConvKernel::ConvKernel;
  absl::Status Compute(KernelContext& ctx) override {
    const Array &filter = ctx.input(1), &dy = ctx.input(2);
    WEFT_RETURN_IF_ERROR(CheckRank4(ctx, "filter", filter));
    WEFT_RETURN_IF_ERROR(CheckRank4(ctx, "out_backprop", dy));
    WEFT_ASSIGN_OR_RETURN(const Shape shape, InputShape(ctx, filter.shape(), dy.shape()));
    WEFT_ASSIGN_OR_RETURN(const cpu::ConvGeometry g,
                          Geometry(ctx, ImageSizes(shape), FilterSizes(filter.shape())));
    WEFT_RETURN_IF_ERROR(CheckOutBackprop(ctx, g, dy));
    WEFT_ASSIGN_OR_RETURN(Array * dx, ctx.AllocateOutput(0, shape));
    using W = Wide<T>;
    WEFT_ASSIGN_OR_RETURN(const Array gradient, ChannelsLast(ctx, dy));
    WEFT_ASSIGN_OR_RETURN(const Array d, WidenArray<T>(ctx, gradient));
    WEFT_ASSIGN_OR_RETURN(const Array f, WidenArray<T>(ctx, filter));
    WEFT_ASSIGN_OR_RETURN(Array result, Target(ctx, *dx));
    WEFT_ASSIGN_OR_RETURN(Array out, WideOutput<T>(ctx, result));
    WEFT_RETURN_IF_ERROR(
        cpu::ConvolveBackInput(ctx, g, f.data<W>(), d.data<W>(), out.mutable_data<W>()));
    NarrowInto<T>(out, &result);
    Deliver(ctx, result, dx);
    return absl::OkStatus();
  }

 private:
  // From all four sizes, or from height and width.
  absl::StatusOr<Shape> InputShape(KernelContext& ctx, const Shape& filter, const Shape& dy) const {
    const Array& sizes = ctx.input(0);
    if (sizes.rank() != 1)
      return ctx.InvalidArgument(
          StrCat("input_sizes must be a vector, but has shape ", sizes.shape().ToString()));
    const int32_t* s = sizes.data<int32_t>();
    if (sizes.dim(0) == 4) return MakeShape(ctx, {s[0], s[1], s[2], s[3]});
    if (sizes.dim(0) == 2) return ImageShape(ctx, {ImageSizes(dy)[0], s[0], s[1], filter.dim(2)});
    return ctx.InvalidArgument(
        StrCat("requires input_sizes to contain 4 values or 2 values, but got: ", sizes.dim(0)));
  }
};

template <typename T>
class Conv2DBackpropFilter final : public ConvKernel {
 public:
  using ConvKernel::ConvKernel;
  absl::Status Compute(KernelContext& ctx) override {
    const Array &x = ctx.input(0), &sizes = ctx.input(1), &dy = ctx.input(2);
    WEFT_RETURN_IF_ERROR(CheckRank4(ctx, "input", x));
    WEFT_RETURN_IF_ERROR(CheckRank4(ctx, "out_backprop", dy));
    if (!(sizes.shape() == Shape({4}))) {
      return ctx.InvalidArgument(StrCat(
          "filter_sizes must be a vector of 4 elements, but has shape ", sizes.shape().ToString()));
    }
    const int32_t* s = sizes.data<int32_t>();
    const Sizes4 filter = {s[0], s[1], s[2], s[3]};
    WEFT_ASSIGN_OR_RETURN(const Shape shape, MakeShape(ctx, filter));
    WEFT_ASSIGN_OR_RETURN(const cpu::ConvGeometry g, Geometry(ctx, ImageSizes(x.shape()), filter));
    WEFT_RETURN_IF_ERROR(CheckOutBackprop(ctx, g, dy));
    WEFT_ASSIGN_OR_RETURN(Array * df, ctx.AllocateOutput(0, shape));
    using W = Wide<T>;
    WEFT_ASSIGN_OR_RETURN(const Array image, ChannelsLast(ctx, x));
    WEFT_ASSIGN_OR_RETURN(const Array gradient, ChannelsLast(ctx, dy));
    WEFT_ASSIGN_OR_RETURN(const Array in, WidenArray<T>(ctx, image));
    WEFT_ASSIGN_OR_RETURN(const Array d, WidenArray<T>(ctx, gradient));
    WEFT_ASSIGN_OR_RETURN(Array out, WideOutput<T>(ctx, *df));
    WEFT_RETURN_IF_ERROR(
        cpu::ConvolveBackFilter(ctx, g, in.data<W>(), d.data<W>(), out.mutable_data<W>()));
    NarrowInto<T>(out, df);
    return absl::OkStatus();
  }
};

}  // namespace

void RegisterNnConvKernels(KernelRegistry& kernels) {
  ForTypes<float, double, half, bfloat16, int32_t>([&]<typename T>() {
    kernels.Add<Conv2D<T>>("Conv2D", kCpu, {{"T", dtype_of<T>}});
    kernels.Add<Conv2DBackpropInput<T>>("Conv2DBackpropInput", kCpu, {{"T", dtype_of<T>}});
  });
  ForTypes<float, double, half, bfloat16>([&]<typename T>() {
    kernels.Add<Conv2DBackpropFilter<T>>("Conv2DBackpropFilter", kCpu, {{"T", dtype_of<T>}});
  });
  RegisterPoolKernels(kernels);
  RegisterLegacyBatchNormKernels(kernels);
}

}  // namespace weft
