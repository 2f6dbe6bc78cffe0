// SPDX-License-Identifier: Apache-2.0
// Convolutions of images and volumes, plain and depthwise, and their gradients.
// kernels: kernels/cpu/nn_conv.cc   test: tests/ops/nn_conv_test.cc
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "src/core/image_format.h"
#include "src/core/strings.h"
#include "src/ops/nn_conv.h"
#include "weft/graph/op_def.h"

namespace weft {

void RegisterPoolOps(OpRegistry& ops);
void RegisterLegacyBatchNormOps(OpRegistry& ops);
void RegisterNormalizationOps(OpRegistry& ops);
void RegisterDilationOps(OpRegistry& ops);
void RegisterCtcOps(OpRegistry& ops);

namespace {

using Ints = std::vector<int64_t>;

// Input channels must be groups of as many as the filter takes, and output channels as many groups.
absl::Status CheckGroups(int64_t in_depth, int64_t filter_depth, int64_t out_depth) {
  if (filter_depth == 0) return absl::InvalidArgumentError("Depth of filter must not be 0");
  if (in_depth < 0 || filter_depth < 0) return absl::OkStatus();
  if (in_depth % filter_depth != 0) {
    return absl::InvalidArgumentError(StrCat("Depth of input (", in_depth,
                                             ") is not a multiple of input depth of filter (",
                                             filter_depth, ")"));
  }
  const int64_t groups = in_depth / filter_depth;
  if (groups == 0) return absl::InvalidArgumentError("Number of groups must not be 0");
  if (out_depth >= 0 && out_depth % groups != 0) {
    return absl::InvalidArgumentError(StrCat("Depth of output (", out_depth,
                                             ") is not a multiple of the number of groups (",
                                             groups, ")"));
  }
  return absl::OkStatus();
}

// Attributes as they lie in the node; empty if there are none.
std::span<const int64_t> IntsOf(const ShapeContext& c, std::string_view name) {
  const AttrValue* const value = c.FindAttr(name);
  const Ints* const ints = value ? value->Get<Ints>() : nullptr;
  return ints ? std::span<const int64_t>(*ints) : std::span<const int64_t>();
}
std::string_view TextOf(const ShapeContext& c, std::string_view name) {
  const AttrValue* const value = c.FindAttr(name);
  const std::string* const text = value ? value->Get<std::string>() : nullptr;
  return text ? std::string_view(*text) : std::string_view();
}

absl::StatusOr<ImageWindow> ReadWindow(ShapeContext& c, const ImageFormat& format,
                                       const PartialShape& filter, const char* op) {
  const auto strides = IntsOf(c, "strides"), dilations = IntsOf(c, "dilations");
  WEFT_RETURN_IF_ERROR(CheckFourValues(op, "dilation", dilations.size()));
  WEFT_RETURN_IF_ERROR(CheckFourValues(op, "stride", strides.size()));
  ImageWindow w;
  w.height = {.size = filter.dim(0),
              .stride = strides[static_cast<size_t>(format.height)],
              .dilation = dilations[static_cast<size_t>(format.height)]};
  w.width = {.size = filter.dim(1),
             .stride = strides[static_cast<size_t>(format.width)],
             .dilation = dilations[static_cast<size_t>(format.width)]};
  WEFT_RETURN_IF_ERROR(
      SetPadding(TextOf(c, "padding"), IntsOf(c, "explicit_paddings"), format, &w));
  return w;
}

}  // namespace

absl::Status Conv2DShape(ShapeContext& c) {
  const ImageFormat format = ParseImageFormat(TextOf(c, "data_format"));
  WEFT_ASSIGN_OR_RETURN(PartialShape image, c.InputWithRank(0, 4));
  WEFT_ASSIGN_OR_RETURN(const PartialShape filter, c.InputWithRank(1, 4));
  WEFT_ASSIGN_OR_RETURN(const ImageWindow w, ReadWindow(c, format, filter, "Conv2D"));
  WEFT_RETURN_IF_ERROR(CheckGroups(image.dim(format.depth), filter.dim(2), filter.dim(3)));
  WEFT_ASSIGN_OR_RETURN(const int64_t rows, InferWindowCount(image.dim(format.height), w.height));
  WEFT_ASSIGN_OR_RETURN(const int64_t columns, InferWindowCount(image.dim(format.width), w.width));
  image.set_dim(format.height, rows);
  image.set_dim(format.width, columns);
  image.set_dim(format.depth, filter.dim(3));
  c.set_output(0, std::move(image));
  return absl::OkStatus();
}

namespace {

// A multiplier of output channels for each input channel.
absl::Status DepthwiseShape(ShapeContext& c) {
  const ImageFormat format = ParseImageFormat(c.Attr<std::string>("data_format"));
  WEFT_ASSIGN_OR_RETURN(const PartialShape in, c.InputWithRank(0, 4));
  WEFT_ASSIGN_OR_RETURN(const PartialShape filter, c.InputWithRank(1, 4));
  WEFT_ASSIGN_OR_RETURN(const ImageWindow w, ReadWindow(c, format, filter, "DepthwiseConv2D"));
  WEFT_ASSIGN_OR_RETURN(const int64_t depth, c.MergeDim(in.dim(format.depth), filter.dim(2)));
  WEFT_ASSIGN_OR_RETURN(const int64_t out_depth, shape::MulDims(depth, filter.dim(3)));
  WEFT_ASSIGN_OR_RETURN(const int64_t rows, InferWindowCount(in.dim(format.height), w.height));
  WEFT_ASSIGN_OR_RETURN(const int64_t columns, InferWindowCount(in.dim(format.width), w.width));
  PartialShape out = in;
  out.set_dim(format.height, rows);
  out.set_dim(format.width, columns);
  out.set_dim(format.depth, out_depth);
  c.set_output(0, std::move(out));
  return absl::OkStatus();
}

absl::Status Conv3DShape(ShapeContext& c) {
  const bool first = c.Attr<std::string>("data_format") == "NCDHW";
  WEFT_ASSIGN_OR_RETURN(const PartialShape in, c.InputWithRank(0, 5));
  WEFT_ASSIGN_OR_RETURN(const PartialShape filter, c.InputWithRank(1, 5));
  const Ints strides = c.Attr<Ints>("strides"), dilations = c.Attr<Ints>("dilations");
  for (const auto& [name, list] : {std::pair("stride", &strides), {"dilation", &dilations}}) {
    if (list->size() != 5) {
      return absl::InvalidArgumentError(StrCat(
          "Conv3D requires the ", name, " attribute to contain 5 values, but got: ", list->size()));
    }
  }
  const int channel = first ? 1 : 4;
  WEFT_RETURN_IF_ERROR(CheckGroups(in.dim(channel), filter.dim(3), filter.dim(4)));
  PartialShape out = in;
  out.set_dim(channel, filter.dim(4));
  for (int k = 0; k < 3; ++k) {
    const int axis = first ? k + 2 : k + 1;
    const WindowSpec w = {
        .size = filter.dim(k),
        .stride = strides[static_cast<size_t>(axis)],
        .dilation = dilations[static_cast<size_t>(axis)],
        .padding = ParsePadding(c.Attr<std::string>("padding")).value_or(Padding::kValid)};
    WEFT_ASSIGN_OR_RETURN(const int64_t count, InferWindowCount(in.dim(axis), w));
    out.set_dim(axis, count);
  }
  c.set_output(0, std::move(out));
  return absl::OkStatus();
}

// The shape that input `i`, a vector of sizes, stands for.
absl::Status ShapeFromSizes(ShapeContext& c, int i, int rank) {
  WEFT_ASSIGN_OR_RETURN(const PartialShape sizes, c.input_as_shape(i));
  WEFT_ASSIGN_OR_RETURN(PartialShape out, c.WithRank(sizes, rank));
  c.set_output(0, std::move(out));
  return absl::OkStatus();
}
// The shape of input `i`.
absl::Status SameAsRank5(ShapeContext& c, int i) {
  WEFT_ASSIGN_OR_RETURN(PartialShape out, c.InputWithRank(i, 5));
  c.set_output(0, std::move(out));
  return absl::OkStatus();
}

// The sizes of the input are given whole, or for height and width only.
absl::Status BackpropInputShape(ShapeContext& c) {
  const ImageFormat format = ParseImageFormat(c.Attr<std::string>("data_format"));
  WEFT_ASSIGN_OR_RETURN(const PartialShape filter, c.InputWithRank(1, 4));
  WEFT_ASSIGN_OR_RETURN(const PartialShape dy, c.InputWithRank(2, 4));
  WEFT_ASSIGN_OR_RETURN(const PartialShape sizes, c.input_as_shape(0));
  PartialShape out = PartialShape::UnknownOfRank(4);
  if (sizes.rank() == 4) {
    out = sizes;
  } else if (sizes.rank() == 2) {
    out.set_dim(format.height, sizes.dim(0));
    out.set_dim(format.width, sizes.dim(1));
    out.set_dim(format.depth, filter.dim(2));
  } else if (sizes.known_rank()) {
    return absl::InvalidArgumentError(StrCat(
        "Conv2DBackpropInput requires input_sizes to contain 4 values or 2 values, but got: ",
        sizes.rank()));
  }
  WEFT_ASSIGN_OR_RETURN(const int64_t batch, c.MergeDim(out.dim(0), dy.dim(0)));
  out.set_dim(0, batch);
  c.set_output(0, std::move(out));
  return absl::OkStatus();
}

// A node of the family with the attributes of the forward op.
Tensor SameConv(GradientContext& g, const char* op, const std::vector<Tensor>& inputs) {
  if (g.op().has_attr("use_cudnn_on_gpu")) {
    return g.Op(op, inputs,
                {{"strides", g.attr("strides")},
                 {"use_cudnn_on_gpu", g.attr("use_cudnn_on_gpu")},
                 {"padding", g.attr("padding")},
                 {"explicit_paddings", g.attr("explicit_paddings")},
                 {"data_format", g.attr("data_format")},
                 {"dilations", g.attr("dilations")}});
  }
  if (g.op().has_attr("explicit_paddings")) {
    return g.Op(op, inputs,
                {{"strides", g.attr("strides")},
                 {"padding", g.attr("padding")},
                 {"explicit_paddings", g.attr("explicit_paddings")},
                 {"data_format", g.attr("data_format")},
                 {"dilations", g.attr("dilations")}});
  }
  return g.Op(op, inputs,
              {{"strides", g.attr("strides")},
               {"padding", g.attr("padding")},
               {"data_format", g.attr("data_format")},
               {"dilations", g.attr("dilations")}});
}

// Convolution is linear in both operands, and so are its gradients: each rule is two of the
// others.
struct ConvFamily {
  const char *forward, *back_input, *back_filter;
};
constexpr ConvFamily kFlat = {"Conv2D", "Conv2DBackpropInput", "Conv2DBackpropFilter"};
constexpr ConvFamily kDeep = {"Conv3D", "Conv3DBackpropInputV2", "Conv3DBackpropFilterV2"};
constexpr ConvFamily kDepthwise = {"DepthwiseConv2dNative", "DepthwiseConv2dNativeBackpropInput",
                                   "DepthwiseConv2dNativeBackpropFilter"};

GradientFn GradientOfForward(const ConvFamily& f) {
  return [f](GradientContext& g) {
    const Tensor x = g.input(0), filter = g.input(1), dy = g.dy(0);
    Tensor x_sizes, filter_sizes;
    if (f.forward == kDepthwise.forward) {
      x_sizes = g.Shape(x);
      filter_sizes = g.Shape(filter);
    } else {
      const std::vector<Tensor> sizes = g.Ops("ShapeN", {x, filter}, {{"N", 2}});
      if (!g.ok()) return;
      x_sizes = sizes[0];
      filter_sizes = sizes[1];
    }
    g.SetDx(0, SameConv(g, f.back_input, {x_sizes, filter, dy}));
    g.SetDx(1, SameConv(g, f.back_filter, {x, filter_sizes, dy}));
  };
}
GradientFn GradientOfBackInput(const ConvFamily& f) {
  return [f](GradientContext& g) {
    const Tensor filter = g.input(1), dy = g.dy(0);
    g.SetDx(1, SameConv(g, f.back_filter, {dy, g.Shape(filter), g.input(2)}));
    g.SetDx(2, SameConv(g, f.forward, {dy, filter}));
  };
}
GradientFn GradientOfBackFilter(const ConvFamily& f) {
  return [f](GradientContext& g) {
    const Tensor x = g.input(0), dy = g.dy(0);
    g.SetDx(0, SameConv(g, f.back_input, {g.Shape(x), dy, g.input(2)}));
    g.SetDx(2, SameConv(g, f.forward, {x, dy}));
  };
}

OpDefBuilder&& ConvAttrs(OpDefBuilder&& op) {
  return std::move(op)
      .Attr("strides: list(int)")
      .Attr("use_cudnn_on_gpu: bool = true")
      .Attr("padding: {'SAME', 'VALID', 'EXPLICIT'}")
      .Attr("explicit_paddings: list(int) = []")
      .Attr("data_format: {'NHWC', 'NCHW'} = 'NHWC'")
      .Attr("dilations: list(int) = [1, 1, 1, 1]");
}

OpDefBuilder&& DepthwiseAttrs(OpDefBuilder&& op) {
  return std::move(op)
      .Attr("T: {half, bfloat16, float, double}")
      .Attr("strides: list(int)")
      .Attr("padding: {'SAME', 'VALID', 'EXPLICIT'}")
      .Attr("explicit_paddings: list(int) = []")
      .Attr("data_format: {'NHWC', 'NCHW'} = 'NHWC'")
      .Attr("dilations: list(int) = [1, 1, 1, 1]");
}
OpDefBuilder&& Conv3DAttrs(OpDefBuilder&& op) {
  return std::move(op)
      .Attr("T: {half, bfloat16, float, double}")
      .Attr("strides: list(int) >= 5")
      .Attr("padding: {'SAME', 'VALID'}")
      .Attr("data_format: {'NDHWC', 'NCDHW'} = 'NDHWC'")
      .Attr("dilations: list(int) = [1, 1, 1, 1, 1]");
}
OpDefBuilder&& FirstConv3DGrad(OpDefBuilder&& op) {
  return std::move(op)
      .Input("input: T")
      .Input("filter: T")
      .Input("out_backprop: T")
      .Output("output: T")
      .Attr("T: {half, float, double}")
      .Attr("strides: list(int) >= 5")
      .Attr("padding: {'SAME', 'VALID'}")
      .Attr("dilations: list(int) = [1, 1, 1, 1, 1]");
}

void RegisterDepthwiseOps(OpRegistry& ops) {
  ops.Add("DepthwiseConv2dNative")
      .Summary(
          "Convolves each channel of the images with filters of its own: filter [height, width, "
          "channels, m] makes m output channels of each.")
      .Input("input: T")
      .Input("filter: T")
      .Output("output: T")
      .Apply(DepthwiseAttrs)
      .Shape(DepthwiseShape)
      .Gradient(GradientOfForward(kDepthwise));
  ops.Add("DepthwiseConv2dNativeBackpropInput")
      .Summary("The gradient of DepthwiseConv2dNative for its input.")
      .Input("input_sizes: int32")
      .Input("filter: T")
      .Input("out_backprop: T")
      .Output("output: T")
      .Apply(DepthwiseAttrs)
      .Shape([](ShapeContext& c) { return ShapeFromSizes(c, 0, 4); })
      .Gradient(GradientOfBackInput(kDepthwise));
  ops.Add("DepthwiseConv2dNativeBackpropFilter")
      .Summary("The gradient of DepthwiseConv2dNative for its filter.")
      .Input("input: T")
      .Input("filter_sizes: int32")
      .Input("out_backprop: T")
      .Output("output: T")
      .Apply(DepthwiseAttrs)
      .Shape([](ShapeContext& c) { return ShapeFromSizes(c, 1, 4); })
      .Gradient(GradientOfBackFilter(kDepthwise));
}

void RegisterConv3DOps(OpRegistry& ops) {
  ops.Add("Conv3D")
      .Summary("Sums of products of the filter with every window of the volumes.")
      .Input("input: T")
      .Input("filter: T")
      .Output("output: T")
      .Apply(Conv3DAttrs)
      .Shape(Conv3DShape)
      .Gradient(GradientOfForward(kDeep));
  ops.Add("Conv3DBackpropInput")
      .Summary("The gradient of Conv3D for its input, whose shape is that of `input`.")
      .Apply(FirstConv3DGrad)
      .Shape([](ShapeContext& c) { return SameAsRank5(c, 0); });
  ops.Add("Conv3DBackpropFilter")
      .Summary("The gradient of Conv3D for its filter, whose shape is that of `filter`.")
      .Apply(FirstConv3DGrad)
      .Shape([](ShapeContext& c) { return SameAsRank5(c, 1); });
  ops.Add("Conv3DBackpropInputV2")
      .Summary("The gradient of Conv3D for its input; also the transposed convolution.")
      .Input("input_sizes: Tshape")
      .Input("filter: T")
      .Input("out_backprop: T")
      .Output("output: T")
      .Apply(Conv3DAttrs)
      .Attr("Tshape: {int32, int64} = DT_INT32")
      .Shape([](ShapeContext& c) { return ShapeFromSizes(c, 0, 5); })
      .Gradient(GradientOfBackInput(kDeep));
  ops.Add("Conv3DBackpropFilterV2")
      .Summary("The gradient of Conv3D for its filter.")
      .Input("input: T")
      .Input("filter_sizes: int32")
      .Input("out_backprop: T")
      .Output("output: T")
      .Apply(Conv3DAttrs)
      .Shape([](ShapeContext& c) { return ShapeFromSizes(c, 1, 5); })
      .Gradient(GradientOfBackFilter(kDeep));
}

}  // namespace

void RegisterNnConvOps(OpRegistry& ops) {
  ops.Add("Conv2D")
      .Summary(
          "Sums of products of the filter with every window of the images. A filter of depth "
          "d / n convolves n groups of the d input channels on their own.")
      .Input("input: T")
      .Input("filter: T")
      .Output("output: T")
      .Attr("T: {half, bfloat16, float, double, int32}")
      .Apply(ConvAttrs)
      .Shape(Conv2DShape)
      .Gradient(GradientOfForward(kFlat));
  ops.Add("Conv2DBackpropInput")
      .Summary("The gradient of Conv2D for its input; also the transposed convolution.")
      .Input("input_sizes: int32")
      .Input("filter: T")
      .Input("out_backprop: T")
      .Output("output: T")
      .Attr("T: {half, bfloat16, float, double, int32}")
      .Apply(ConvAttrs)
      .Shape(BackpropInputShape)
      .Gradient(GradientOfBackInput(kFlat));
  ops.Add("Conv2DBackpropFilter")
      .Summary("The gradient of Conv2D for its filter.")
      .Input("input: T")
      .Input("filter_sizes: int32")
      .Input("out_backprop: T")
      .Output("output: T")
      .Attr("T: {half, bfloat16, float, double}")
      .Apply(ConvAttrs)
      .Shape([](ShapeContext& c) { return ShapeFromSizes(c, 1, 4); })
      .Gradient(GradientOfBackFilter(kFlat));
  RegisterDepthwiseOps(ops);
  RegisterConv3DOps(ops);
  RegisterFusedConvOps(ops);
  RegisterPoolOps(ops);
  RegisterLegacyBatchNormOps(ops);
  RegisterNormalizationOps(ops);
  RegisterDilationOps(ops);
  RegisterCtcOps(ops);
}

}  // namespace weft
