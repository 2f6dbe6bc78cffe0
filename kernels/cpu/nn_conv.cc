// SPDX-License-Identifier: Apache-2.0
// Convolutions of images and volumes, plain and depthwise, and their gradients: checks and layouts
// around kernels/cpu/convolve.h, dnnl_convolve.h, winograd.h, few_channels.h, narrow_convolve.h and
// narrow_filter.h. Tensors with channels first are transposed.
#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "kernels/cpu/convolve.h"
#include "kernels/cpu/dnnl_convolve.h"
#include "kernels/cpu/few_channels.h"
#include "kernels/cpu/image_layout.h"
#include "kernels/cpu/narrow_convolve.h"
#include "kernels/cpu/narrow_filter.h"
#include "kernels/cpu/widen.h"
#include "kernels/cpu/winograd.h"
#include "src/core/image_format.h"
#include "src/core/strings.h"
#include "src/core/window.h"
#include "weft/runtime/kernel.h"

namespace weft {

void RegisterPoolKernels(KernelRegistry& kernels);
void RegisterFusedConvKernels(KernelRegistry& kernels);
void RegisterSeparableConvKernels(KernelRegistry& kernels);
void RegisterLegacyBatchNormKernels(KernelRegistry& kernels);
void RegisterNormalizationKernels(KernelRegistry& kernels);
void RegisterDilationKernels(KernelRegistry& kernels);
void RegisterCtcKernels(KernelRegistry& kernels);

namespace {

using cpu::ConvActivation;
using cpu::ConvEpilogue;
using cpu::ConvGeometry;
using cpu::ConvPass;
using Ints = std::vector<int64_t>;

// Outputs of convolutions beyond this one are working memory that the plan lays out.
constexpr int kWorkspaceOutput = 1;

class ConvKernel : public Kernel {
 public:
  ConvKernel(KernelConstruction& c, ConvPass pass, ConvEpilogue epilogue = {})
      : pass_(pass),
        depthwise_(c.op().starts_with("Depthwise") || c.AttrOr<bool>("depthwise", false)),
        layout_(c.AttrOr<std::string>("data_format", "NDHWC")),
        convolution_(pass, epilogue, c.AttrOr<bool>("constant_filter", false),
                     c.AttrOr<Array>("filter_scale", {})),
        winograd_(pass, epilogue, c.AttrOr<bool>("constant_filter", false),
                  c.AttrOr<Array>("filter_scale", {})),
        few_channels_(pass, epilogue, c.AttrOr<bool>("constant_filter", false),
                      c.AttrOr<Array>("filter_scale", {})) {
    c.Fail(ReadAttrs(c));
  }

 protected:
  const ImageLayout& layout() const { return layout_; }

  absl::Status CheckRank(KernelContext& ctx, std::string_view name, const Array& a) const {
    if (a.rank() == layout_.rank()) return absl::OkStatus();
    return ctx.InvalidArgument(StrCat(name, " must be ", layout_.rank(),
                                      "-dimensional, but has shape ", a.shape().ToString()));
  }

  // `filter` as the op has it: sizes, then the input's channels (of a group), then the output's (a
  // multiplier, if depthwise).
  // An empty filter is an error, but for the result of a depthwise convolution, which is 0 then.
  absl::StatusOr<ConvGeometry> Geometry(KernelContext& ctx, const ImageSizes& image,
                                        const Shape& filter, bool is_forward = false) const {
    const int taps = layout_.spatial_rank();
    const bool may_be_empty = is_forward && depthwise_;
    const auto empty_filter = [&] {
      return ctx.InvalidArgument(
          StrCat("filter must not have zero elements (i.e. all dimensions must be non-zero), got ",
                 filter.ToString()));
    };
    if (taps == 3 && filter.num_elements() == 0) return empty_filter();
    ConvGeometry g{.batch = image.batch,
                   .in_channels = image.channels,
                   .filter_channels = depthwise_ ? 1 : filter.dim(taps),
                   .out_channels = filter.dim(taps + 1)};
    if (depthwise_) {
      if (filter.dim(taps) != image.channels) {
        return ctx.InvalidArgument(StrCat("input and filter must have the same depth: ",
                                          image.channels, " vs ", filter.dim(taps)));
      }
      // The product is a part of the filter's number of elements.
      g.out_channels *= image.channels;
    }
    if (g.in_channels > 0 || !depthwise_) WEFT_RETURN_IF_ERROR(CheckChannels(ctx, g));
    for (int k = 0; k < taps; ++k) {
      WindowSpec w = windows_[layout_.place(k)];
      w.size = filter.dim(k);
      if (w.size <= 0 && !may_be_empty) return empty_filter();
      const int64_t in = image.space[layout_.place(k)];
      const absl::StatusOr<WindowFit> fit = FitWindows(in, w);
      if (!fit.ok()) return ctx.InvalidArgument(std::string(fit.status().message()));
      g.space[layout_.place(k)] = {.in = in,
                                   .out = fit->count,
                                   .size = w.size,
                                   .stride = w.stride,
                                   .dilation = w.dilation,
                                   .before = fit->before};
    }
    return g;
  }
  static ImageSizes OutputSizes(const ConvGeometry& g) {
    return {g.batch, {g.space[0].out, g.space[1].out, g.space[2].out}, g.out_channels};
  }

  // The gradient that comes in must have the shape of the convolution's result.
  absl::Status CheckOutBackprop(KernelContext& ctx, const ConvGeometry& g, const Array& dy) const {
    const ImageSizes got = layout_.SizesOf(dy.shape()), want = OutputSizes(g);
    if (got == want) return absl::OkStatus();
    const auto text = [](const ImageSizes& s) {
      return StrCat(s.batch, ",", StrJoin(s.space, ","), ",", s.channels);
    };
    return ctx.InvalidArgument(
        StrCat("Size of out_backprop doesn't match computed: out_backprop has batch, planes, rows, "
               "columns, depth of ",
               text(got), ", computed ", text(want)));
  }

  // Sizes that come as a vector: those of a whole tensor, or of height and width.
  static absl::StatusOr<Ints> SizesIn(KernelContext& ctx, std::string_view name, const Array& a) {
    if (a.rank() != 1) {
      return ctx.InvalidArgument(
          StrCat(name, " must be a vector, but has shape ", a.shape().ToString()));
    }
    Ints sizes;
    for (int64_t i = 0; i < a.num_elements(); ++i) {
      sizes.push_back(a.AsInt64(i));
      if (sizes.back() < 0) {
        return ctx.InvalidArgument(
            StrCat("Dimension ", i, " of ", name, " must be >= 0, but is ", sizes.back()));
      }
    }
    return sizes;
  }

  // By a fast kernel where there is one, else by matrix products.
  template <typename T>
  absl::Status Forward(KernelContext& ctx, const ConvGeometry& g, const T* x, const T* filter,
                       T* y) {
    if (g.pixels() == 0 || g.out_channels == 0) return absl::OkStatus();
    if (g.taps() == 0) {
      std::fill_n(y, g.pixels() * g.out_channels, T(0));
      return absl::OkStatus();
    }
    if constexpr (std::is_same_v<T, float>) {
      const absl::Status s = RunFast(ctx, g, {Unconst(x), Unconst(filter), y});
      if (!absl::IsUnimplemented(s)) return s;
    }
    return cpu::Convolve(ctx, g, x, filter, y);
  }
  template <typename T>
  absl::Status BackInput(KernelContext& ctx, const ConvGeometry& g, const T* filter, const T* dy,
                         T* dx) {
    if constexpr (std::is_same_v<T, float>) {
      if (HasWork(g)) {
        const absl::Status s = RunFast(ctx, g, {dx, Unconst(filter), Unconst(dy)});
        if (!absl::IsUnimplemented(s)) return s;
      }
    }
    return cpu::ConvolveBackInput(ctx, g, filter, dy, dx);
  }
  template <typename T>
  absl::Status BackFilter(KernelContext& ctx, const ConvGeometry& g, const T* x, const T* dy,
                          T* dfilter) {
    if constexpr (std::is_same_v<T, float>) {
      if (HasWork(g)) {
        const absl::Status s = RunFast(ctx, g, {Unconst(x), dfilter, Unconst(dy)});
        if (!absl::IsUnimplemented(s)) return s;
      }
    }
    return cpu::ConvolveBackFilter(ctx, g, x, dy, dfilter);
  }

  // By the first of our own ways that pays, or by oneDNN. Unimplemented if none has a kernel for
  // the geometry.
  absl::Status RunFast(KernelContext& ctx, const ConvGeometry& g, const cpu::ConvTensors& tensors) {
    if (few_channels_.Pays(g)) return few_channels_.Run(ctx, g, tensors);
    if (pass_ == ConvPass::kBackInput && cpu::NarrowBackInputPays(g))
      return cpu::NarrowBackInput(ctx, kWorkspaceOutput, g, tensors);
    if (pass_ == ConvPass::kBackFilter && cpu::NarrowBackFilterPays(g))
      return cpu::NarrowBackFilter(ctx, kWorkspaceOutput, g, tensors);
    if (winograd_.Pays(g)) return winograd_.Run(ctx, kWorkspaceOutput, g, tensors);
    return convolution_.Run(ctx, kWorkspaceOutput, g, tensors);
  }
  absl::StatusOr<Array> ScaledFilter(KernelContext& ctx, const Array& filter) const {
    return convolution_.ScaledFilter(ctx, filter);
  }
  static float* Unconst(const float* data) { return const_cast<float*>(data); }

 private:
  static bool HasWork(const ConvGeometry& g) {
    return g.pixels() > 0 && g.image_elements() > 0 && g.out_channels > 0;
  }

  absl::Status ReadAttrs(KernelConstruction& c) {
    const size_t rank = static_cast<size_t>(layout_.rank());
    const Ints strides = c.Attr<Ints>("strides");
    const Ints dilations = c.AttrOr<Ints>("dilations", Ints(rank, 1));
    WEFT_RETURN_IF_ERROR(CheckValues(c.op(), "stride", strides.size(), rank));
    WEFT_RETURN_IF_ERROR(CheckValues(c.op(), "dilation", dilations.size(), rank));
    const auto at = [](const Ints& list, int axis) { return list[static_cast<size_t>(axis)]; };
    for (const auto& [name, list] :
         {std::pair("strides", &strides), {"dilation rates", &dilations}}) {
      if (at(*list, 0) != 1 || at(*list, layout_.channel_axis()) != 1) {
        const std::string why = StrCat("Current implementation does not yet support ", name,
                                       " in the batch and depth dimensions.");
        const bool flat = layout_.rank() == 4 && !depthwise_;
        return flat ? absl::UnimplementedError(why) : absl::InvalidArgumentError(why);
      }
      for (int k = 0; k < layout_.spatial_rank(); ++k) {
        if (at(*list, layout_.spatial_axis(k)) <= 0) {
          return absl::InvalidArgumentError(
              StrCat("Row and column ", name, " should be larger than 0."));
        }
      }
    }
    for (int k = 0; k < layout_.spatial_rank(); ++k) {
      windows_[layout_.place(k)] = {.stride = at(strides, layout_.spatial_axis(k)),
                                    .dilation = at(dilations, layout_.spatial_axis(k))};
    }
    return ReadPadding(c);
  }

  static absl::Status CheckValues(const std::string& op, const char* name, size_t count,
                                  size_t rank) {
    if (count == rank) return absl::OkStatus();
    return absl::InvalidArgumentError(StrCat(op, " requires the ", name, " attribute to contain ",
                                             rank, " values, but got: ", count));
  }

  absl::Status ReadPadding(KernelConstruction& c) {
    const std::string padding = c.Attr<std::string>("padding");
    if (layout_.rank() == 5) {
      const std::optional<Padding> kind = ParsePadding(padding);
      if (!kind || *kind == Padding::kExplicit)
        return absl::InvalidArgumentError(StrCat("unknown padding '", padding, "'"));
      for (WindowSpec& w : windows_) w.padding = *kind;
      return absl::OkStatus();
    }
    ImageWindow w{windows_[1], windows_[2]};
    WEFT_RETURN_IF_ERROR(SetPadding(padding, c.AttrOr<Ints>("explicit_paddings", {}),
                                    ParseImageFormat(c.Attr<std::string>("data_format")), &w));
    windows_[1] = w.height;
    windows_[2] = w.width;
    return absl::OkStatus();
  }

  static absl::Status CheckChannels(KernelContext& ctx, const ConvGeometry& g) {
    if (g.filter_channels <= 0) {
      return ctx.InvalidArgument(
          StrCat("filter depth must be stricly positive, got ", g.filter_channels));
    }
    if (g.in_channels % g.filter_channels != 0) {
      return ctx.InvalidArgument(StrCat("input depth must be evenly divisible by filter depth: ",
                                        g.in_channels, " vs ", g.filter_channels));
    }
    if (g.groups() == 0)
      return ctx.InvalidArgument("number of groups must be stricly positive, got 0");
    if (g.out_channels % g.groups() != 0) {
      return ctx.InvalidArgument(
          StrCat("output depth must be evenly divisible by number of groups: ", g.out_channels,
                 " vs ", g.groups()));
    }
    return absl::OkStatus();
  }

  const ConvPass pass_;
  const bool depthwise_;
  const ImageLayout layout_;
  std::array<WindowSpec, 3> windows_;
  cpu::DnnlConvolution convolution_;
  cpu::WinogradConvolution winograd_;
  cpu::FewChannelsConvolution few_channels_;
};

template <typename T>
class Conv final : public ConvKernel {
 public:
  explicit Conv(KernelConstruction& c) : ConvKernel(c, ConvPass::kForward) {}
  absl::Status Compute(KernelContext& ctx) override {
    const Array &x = ctx.input(0), &filter = ctx.input(1);
    WEFT_RETURN_IF_ERROR(CheckRank(ctx, "input", x));
    WEFT_RETURN_IF_ERROR(CheckRank(ctx, "filter", filter));
    WEFT_ASSIGN_OR_RETURN(const ConvGeometry g,
                          Geometry(ctx, layout().SizesOf(x.shape()), filter.shape(), true));
    WEFT_ASSIGN_OR_RETURN(const Shape shape, layout().ShapeOf(ctx, OutputSizes(g)));
    WEFT_ASSIGN_OR_RETURN(Array * y, ctx.AllocateOutput(0, shape));
    using W = Wide<T>;
    WEFT_ASSIGN_OR_RETURN(const Array image, layout().ChannelsLast(ctx, x));
    WEFT_ASSIGN_OR_RETURN(const Array in, WidenArray<T>(ctx, image));
    WEFT_ASSIGN_OR_RETURN(const Array f, WidenArray<T>(ctx, filter));
    WEFT_ASSIGN_OR_RETURN(Array result, layout().Target(ctx, *y));
    WEFT_ASSIGN_OR_RETURN(Array out, WideOutput<T>(ctx, result));
    WEFT_RETURN_IF_ERROR(
        Forward<W>(ctx, g, in.data<W>(), f.data<W>(), out.template mutable_data<W>()));
    NarrowInto<T>(out, &result);
    layout().Deliver(ctx, result, y);
    return absl::OkStatus();
  }
};

template <typename T>
class ConvBackInput final : public ConvKernel {
 public:
  explicit ConvBackInput(KernelConstruction& c) : ConvKernel(c, ConvPass::kBackInput) {}
  absl::Status Compute(KernelContext& ctx) override {
    const Array &filter = ctx.input(1), &dy = ctx.input(2);
    WEFT_RETURN_IF_ERROR(CheckRank(ctx, "filter", filter));
    WEFT_RETURN_IF_ERROR(CheckRank(ctx, "out_backprop", dy));
    WEFT_ASSIGN_OR_RETURN(const Shape shape, InputShape(ctx, filter.shape(), dy.shape()));
    WEFT_ASSIGN_OR_RETURN(const ConvGeometry g,
                          Geometry(ctx, layout().SizesOf(shape), filter.shape()));
    WEFT_RETURN_IF_ERROR(CheckOutBackprop(ctx, g, dy));
    WEFT_ASSIGN_OR_RETURN(Array * dx, ctx.AllocateOutput(0, shape));
    using W = Wide<T>;
    WEFT_ASSIGN_OR_RETURN(const Array gradient, layout().ChannelsLast(ctx, dy));
    WEFT_ASSIGN_OR_RETURN(const Array d, WidenArray<T>(ctx, gradient));
    WEFT_ASSIGN_OR_RETURN(const Array f, WidenArray<T>(ctx, filter));
    WEFT_ASSIGN_OR_RETURN(Array result, layout().Target(ctx, *dx));
    WEFT_ASSIGN_OR_RETURN(Array out, WideOutput<T>(ctx, result));
    WEFT_RETURN_IF_ERROR(
        BackInput<W>(ctx, g, f.data<W>(), d.data<W>(), out.template mutable_data<W>()));
    NarrowInto<T>(out, &result);
    layout().Deliver(ctx, result, dx);
    return absl::OkStatus();
  }

 private:
  // From all sizes, from height and width, or (Conv3DBackpropInput) from a tensor of the shape.
  absl::StatusOr<Shape> InputShape(KernelContext& ctx, const Shape& filter, const Shape& dy) const {
    if (ctx.op_type() == "Conv3DBackpropInput") {
      WEFT_RETURN_IF_ERROR(CheckRank(ctx, "input", ctx.input(0)));
      return ctx.input(0).shape();
    }
    WEFT_ASSIGN_OR_RETURN(const Ints sizes, SizesIn(ctx, "input_sizes", ctx.input(0)));
    if (sizes.size() == static_cast<size_t>(layout().rank())) return MakeShape(ctx, sizes);
    if (ctx.op_type() == "Conv2DBackpropInput" && sizes.size() == 2) {
      return layout().ShapeOf(ctx,
                              {layout().SizesOf(dy).batch, {1, sizes[0], sizes[1]}, filter.dim(2)});
    }
    return ctx.InvalidArgument(StrCat("requires input_sizes to contain ", layout().rank(),
                                      " values", layout().rank() == 4 ? " or 2 values" : "",
                                      ", but got: ", sizes.size(), ": input must be ",
                                      layout().rank(), "-dimensional"));
  }
};

template <typename T>
class ConvBackFilter final : public ConvKernel {
 public:
  explicit ConvBackFilter(KernelConstruction& c) : ConvKernel(c, ConvPass::kBackFilter) {}
  absl::Status Compute(KernelContext& ctx) override {
    const Array &x = ctx.input(0), &dy = ctx.input(2);
    WEFT_RETURN_IF_ERROR(CheckRank(ctx, "input", x));
    WEFT_RETURN_IF_ERROR(CheckRank(ctx, "out_backprop", dy));
    WEFT_ASSIGN_OR_RETURN(const Shape shape, FilterShape(ctx));
    WEFT_ASSIGN_OR_RETURN(const ConvGeometry g, Geometry(ctx, layout().SizesOf(x.shape()), shape));
    WEFT_RETURN_IF_ERROR(CheckOutBackprop(ctx, g, dy));
    WEFT_ASSIGN_OR_RETURN(Array * df, ctx.AllocateOutput(0, shape));
    using W = Wide<T>;
    WEFT_ASSIGN_OR_RETURN(const Array image, layout().ChannelsLast(ctx, x));
    WEFT_ASSIGN_OR_RETURN(const Array gradient, layout().ChannelsLast(ctx, dy));
    WEFT_ASSIGN_OR_RETURN(const Array in, WidenArray<T>(ctx, image));
    WEFT_ASSIGN_OR_RETURN(const Array d, WidenArray<T>(ctx, gradient));
    WEFT_ASSIGN_OR_RETURN(Array out, WideOutput<T>(ctx, *df));
    WEFT_RETURN_IF_ERROR(
        BackFilter<W>(ctx, g, in.data<W>(), d.data<W>(), out.template mutable_data<W>()));
    NarrowInto<T>(out, df);
    return absl::OkStatus();
  }

 private:
  absl::StatusOr<Shape> FilterShape(KernelContext& ctx) const {
    if (ctx.op_type() == "Conv3DBackpropFilter") {
      WEFT_RETURN_IF_ERROR(CheckRank(ctx, "filter", ctx.input(1)));
      return ctx.input(1).shape();
    }
    WEFT_ASSIGN_OR_RETURN(const Ints sizes, SizesIn(ctx, "filter_sizes", ctx.input(1)));
    if (sizes.size() == static_cast<size_t>(layout().rank())) return MakeShape(ctx, sizes);
    return ctx.InvalidArgument(StrCat("filter_sizes must have ", layout().rank(),
                                      " elements: filter must be ", layout().rank(),
                                      "-dimensional, but got ", sizes.size()));
  }
};

// What plans make of Conv2D and the nodes behind it (src/runtime/fuse_conv.cc):
// activation(x * filter + bias + addend), float, channels last. Inputs: x, filter, then bias and
// addend as the attributes say.
class FusedConv2D final : public ConvKernel {
 public:
  explicit FusedConv2D(KernelConstruction& c)
      : ConvKernel(c, ConvPass::kForward, EpilogueOf(c)), epilogue_(EpilogueOf(c)) {}
  absl::Status Compute(KernelContext& ctx) override {
    const Array &x = ctx.input(0), &filter = ctx.input(1);
    WEFT_RETURN_IF_ERROR(CheckRank(ctx, "input", x));
    WEFT_RETURN_IF_ERROR(CheckRank(ctx, "filter", filter));
    WEFT_ASSIGN_OR_RETURN(const ConvGeometry g,
                          Geometry(ctx, layout().SizesOf(x.shape()), filter.shape()));
    WEFT_ASSIGN_OR_RETURN(const Shape shape, layout().ShapeOf(ctx, OutputSizes(g)));
    const float* bias = nullptr;
    if (epilogue_.bias) {
      const Array& b = ctx.input(2);
      if (!(b.shape() == Shape({g.out_channels}))) {
        return ctx.InvalidArgument(
            StrCat("Must provide as many biases as the last dimension of the input tensor: ",
                   b.shape().ToString(), " vs. ", shape.ToString()));
      }
      bias = b.data<float>();
    }
    const float *in = x.data<float>(), *weights = filter.data<float>();
    if (epilogue_.add && !(Addend(ctx).shape() == shape)) {
      WEFT_ASSIGN_OR_RETURN(const Array scaled, ScaledFilter(ctx, filter));
      return AddBroadcast(ctx, g, in, scaled.data<float>(), bias, shape);
    }
    WEFT_ASSIGN_OR_RETURN(Array * y, Output(ctx, shape));
    if (y->num_elements() == 0) return absl::OkStatus();
    const absl::Status s =
        RunFast(ctx, g, {Unconst(in), Unconst(weights), y->mutable_data<float>(), bias});
    if (!absl::IsUnimplemented(s)) return s;
    WEFT_ASSIGN_OR_RETURN(const Array scaled, ScaledFilter(ctx, filter));
    return ByParts(ctx, g, in, scaled.data<float>(), bias, y);
  }

 private:
  static ConvEpilogue EpilogueOf(KernelConstruction& c) {
    const std::string activation = c.AttrOr<std::string>("activation", "");
    return {.bias = c.AttrOr<bool>("bias", false),
            .add = c.AttrOr<bool>("add", false),
            .activation = activation == "Relu"    ? ConvActivation::kRelu
                          : activation == "Relu6" ? ConvActivation::kRelu6
                                                  : ConvActivation::kNone};
  }

  int addend_input() const { return epilogue_.bias ? 3 : 2; }
  const Array& Addend(KernelContext& ctx) const { return ctx.input(addend_input()); }
  float Activated(float v) const {
    switch (epilogue_.activation) {
      case ConvActivation::kNone:
        return v;
      case ConvActivation::kRelu:
        return std::max(0.f, v);
      case ConvActivation::kRelu6:
        return std::min(std::max(0.f, v), 6.f);
    }
    return v;
  }

  // Where oneDNN has no kernel. y holds the addend.
  absl::Status ByParts(KernelContext& ctx, const ConvGeometry& g, const float* x,
                       const float* filter, const float* bias, Array* y) const {
    WEFT_ASSIGN_OR_RETURN(Array sums, ctx.AllocateTemp(kFloat32, y->shape()));
    const float* from = sums.mutable_data<float>();
    WEFT_RETURN_IF_ERROR(cpu::Convolve(ctx, g, x, filter, sums.mutable_data<float>()));
    float* to = y->mutable_data<float>();
    const int64_t n = g.out_channels;
    ctx.ParallelFor(g.pixels(), 0.5 * static_cast<double>(n), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin * n; i < end * n; ++i) {
        const float v = from[i] + (bias ? bias[i % n] : 0.f);
        to[i] = Activated(epilogue_.add ? v + to[i] : v);
      }
    });
    return absl::OkStatus();
  }

  // The addend has another shape than the convolution's result: one broadcasts to the other.
  absl::Status AddBroadcast(KernelContext& ctx, const ConvGeometry& g, const float* x,
                            const float* filter, const float* bias, const Shape& shape) const {
    const Array& addend = Addend(ctx);
    std::vector<int64_t> sizes;
    for (int d = 0; d < 4; ++d) {
      const int64_t a = shape.dim(d), b = addend.rank() == 4 ? addend.dim(d) : -1;
      if (a != b && a != 1 && b != 1) {
        return ctx.InvalidArgument(
            StrCat("Incompatible shapes: ", shape.ToString(), " vs. ", addend.shape().ToString()));
      }
      sizes.push_back(a == 1 ? b : a);
    }
    WEFT_ASSIGN_OR_RETURN(const Shape whole, MakeShape(ctx, sizes));
    WEFT_ASSIGN_OR_RETURN(Array * y, ctx.AllocateOutput(0, whole));
    WEFT_ASSIGN_OR_RETURN(Array sums, ctx.AllocateTemp(kFloat32, shape));
    WEFT_RETURN_IF_ERROR(cpu::Convolve(ctx, g, x, filter, sums.mutable_data<float>()));
    const auto offset = [](const Shape& s, const std::vector<int64_t>& at) {
      int64_t i = 0;
      for (int d = 0; d < 4; ++d)
        i = i * s.dim(d) + (s.dim(d) == 1 ? 0 : at[static_cast<size_t>(d)]);
      return i;
    };
    std::vector<int64_t> at(4, 0);
    float* to = y->mutable_data<float>();
    for (int64_t i = 0; i < y->num_elements(); ++i) {
      const int64_t from = offset(shape, at);
      const float v = sums.data<float>()[from] + (bias ? bias[from % g.out_channels] : 0.f);
      to[i] = Activated(v + addend.data<float>()[offset(addend.shape(), at)]);
      for (size_t d = 4; d-- > 0;) {
        if (++at[d] < sizes[d]) break;
        at[d] = 0;
      }
    }
    return absl::OkStatus();
  }

  // Holds the addend, if there is one: its own memory where nobody else needs it.
  absl::StatusOr<Array*> Output(KernelContext& ctx, const Shape& shape) const {
    if (!epilogue_.add) return ctx.AllocateOutput(0, shape);
    WEFT_ASSIGN_OR_RETURN(Array * y, ctx.ForwardOrAllocate({addend_input()}, 0, shape));
    const float* from = Addend(ctx).data<float>();
    float* to = y->mutable_data<float>();
    if (from != to) {
      ctx.ParallelFor(y->num_elements(), 0.3, [=](int64_t begin, int64_t end) {
        std::copy(from + begin, from + end, to + begin);
      });
    }
    return y;
  }

  const ConvEpilogue epilogue_;
};

template <typename T>
void RegisterConvolutions(KernelRegistry& kernels) {
  const KernelConstraints type = {{"T", dtype_of<T>}};
  if constexpr (!std::is_same_v<T, int32_t>) {
    kernels.Add<ConvBackFilter<T>>("Conv2DBackpropFilter", kCpu, type);
    kernels.Add<Conv<T>>("DepthwiseConv2dNative", kCpu, type);
    kernels.Add<ConvBackInput<T>>("DepthwiseConv2dNativeBackpropInput", kCpu, type);
    kernels.Add<ConvBackFilter<T>>("DepthwiseConv2dNativeBackpropFilter", kCpu, type);
    kernels.Add<Conv<T>>("Conv3D", kCpu, type);
    for (const char* version : {"", "V2"}) {
      kernels.Add<ConvBackInput<T>>(StrCat("Conv3DBackpropInput", version), kCpu, type);
      kernels.Add<ConvBackFilter<T>>(StrCat("Conv3DBackpropFilter", version), kCpu, type);
    }
  }
  kernels.Add<Conv<T>>("Conv2D", kCpu, type);
  kernels.Add<ConvBackInput<T>>("Conv2DBackpropInput", kCpu, type);
}

}  // namespace

void RegisterNnConvKernels(KernelRegistry& kernels) {
  ForTypes<float, double, half, bfloat16, int32_t>(
      [&]<typename T>() { RegisterConvolutions<T>(kernels); });
  kernels.Add<FusedConv2D>("_FusedConv2D", kCpu, {{"T", kFloat32}});
  RegisterFusedConvKernels(kernels);
  RegisterSeparableConvKernels(kernels);
  RegisterPoolKernels(kernels);
  RegisterLegacyBatchNormKernels(kernels);
  RegisterNormalizationKernels(kernels);
  RegisterDilationKernels(kernels);
  RegisterCtcKernels(kernels);
}

}  // namespace weft
