// SPDX-License-Identifier: Apache-2.0
// Convolution of images, and its gradients.
// kernels: kernels/cpu/nn_conv.cc   test: tests/ops/nn_conv_test.cc
#include "src/core/image_format.h"
#include "src/core/strings.h"
#include "weft/graph/op_def.h"

namespace weft {

void RegisterPoolOps(OpRegistry& ops);
void RegisterLegacyBatchNormOps(OpRegistry& ops);

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

absl::StatusOr<ImageWindow> ReadWindow(ShapeContext& c, const ImageFormat& format,
                                       const PartialShape& filter) {
  const Ints strides = c.Attr<Ints>("strides"), dilations = c.Attr<Ints>("dilations");
  WEFT_RETURN_IF_ERROR(CheckFourValues("Conv2D", "dilation", dilations.size()));
  WEFT_RETURN_IF_ERROR(CheckFourValues("Conv2D", "stride", strides.size()));
  ImageWindow w;
  w.height = {.size = filter.dim(0),
              .stride = strides[static_cast<size_t>(format.height)],
              .dilation = dilations[static_cast<size_t>(format.height)]};
  w.width = {.size = filter.dim(1),
             .stride = strides[static_cast<size_t>(format.width)],
             .dilation = dilations[static_cast<size_t>(format.width)]};
  WEFT_RETURN_IF_ERROR(
      SetPadding(c.Attr<std::string>("padding"), c.Attr<Ints>("explicit_paddings"), format, &w));
  return w;
}

absl::Status Conv2DShape(ShapeContext& c) {
  const ImageFormat format = ParseImageFormat(c.Attr<std::string>("data_format"));
  WEFT_ASSIGN_OR_RETURN(const PartialShape in, c.InputWithRank(0, 4));
  WEFT_ASSIGN_OR_RETURN(const PartialShape filter, c.InputWithRank(1, 4));
  WEFT_ASSIGN_OR_RETURN(const ImageWindow w, ReadWindow(c, format, filter));
  WEFT_RETURN_IF_ERROR(CheckGroups(in.dim(format.depth), filter.dim(2), filter.dim(3)));
  WEFT_ASSIGN_OR_RETURN(const int64_t rows, InferWindowCount(in.dim(format.height), w.height));
  WEFT_ASSIGN_OR_RETURN(const int64_t columns, InferWindowCount(in.dim(format.width), w.width));
  PartialShape out = in;
  out.set_dim(format.height, rows);
  out.set_dim(format.width, columns);
  out.set_dim(format.depth, filter.dim(3));
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

absl::Status BackpropFilterShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(const PartialShape sizes, c.input_as_shape(1));
  WEFT_ASSIGN_OR_RETURN(PartialShape out, c.WithRank(sizes, 4));
  c.set_output(0, std::move(out));
  return absl::OkStatus();
}

// A node of the family with the attributes of the forward op.
Tensor SameConv(GradientContext& g, const char* op, const std::vector<Tensor>& inputs) {
  return g.Op(op, inputs,
              {{"strides", g.attr("strides")},
               {"use_cudnn_on_gpu", g.attr("use_cudnn_on_gpu")},
               {"padding", g.attr("padding")},
               {"explicit_paddings", g.attr("explicit_paddings")},
               {"data_format", g.attr("data_format")},
               {"dilations", g.attr("dilations")}});
}

// Convolution is linear in both operands, and so are its gradients: each rule is two of the others.
void Conv2DGradient(GradientContext& g) {
  const Tensor x = g.input(0), filter = g.input(1), dy = g.dy(0);
  const std::vector<Tensor> sizes = g.Ops("ShapeN", {x, filter}, {{"N", 2}});
  if (!g.ok()) return;
  g.SetDx(0, SameConv(g, "Conv2DBackpropInput", {sizes[0], filter, dy}));
  g.SetDx(1, SameConv(g, "Conv2DBackpropFilter", {x, sizes[1], dy}));
}
void BackpropInputGradient(GradientContext& g) {
  const Tensor filter = g.input(1), dy = g.dy(0);
  g.SetDx(1, SameConv(g, "Conv2DBackpropFilter", {dy, g.Shape(filter), g.input(2)}));
  g.SetDx(2, SameConv(g, "Conv2D", {dy, filter}));
}
void BackpropFilterGradient(GradientContext& g) {
  const Tensor x = g.input(0), dy = g.dy(0);
  g.SetDx(0, SameConv(g, "Conv2DBackpropInput", {g.Shape(x), dy, g.input(2)}));
  g.SetDx(2, SameConv(g, "Conv2D", {x, dy}));
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
      .Gradient(Conv2DGradient);
  ops.Add("Conv2DBackpropInput")
      .Summary("The gradient of Conv2D for its input; also the transposed convolution.")
      .Input("input_sizes: int32")
      .Input("filter: T")
      .Input("out_backprop: T")
      .Output("output: T")
      .Attr("T: {half, bfloat16, float, double, int32}")
      .Apply(ConvAttrs)
      .Shape(BackpropInputShape)
      .Gradient(BackpropInputGradient);
  ops.Add("Conv2DBackpropFilter")
      .Summary("The gradient of Conv2D for its filter.")
      .Input("input: T")
      .Input("filter_sizes: int32")
      .Input("out_backprop: T")
      .Output("output: T")
      .Attr("T: {half, bfloat16, float, double}")
      .Apply(ConvAttrs)
      .Shape(BackpropFilterShape)
      .Gradient(BackpropFilterGradient);
  RegisterPoolOps(ops);
  RegisterLegacyBatchNormOps(ops);
}

}  // namespace weft
