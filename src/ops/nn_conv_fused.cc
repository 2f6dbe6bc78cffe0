// SPDX-License-Identifier: Apache-2.0
// Convolutions that pad, and resize, the image first, as graphs rewritten for inference have them.
// kernels: kernels/cpu/nn_conv_fused.cc   test: tests/ops/nn_conv_fused_test.cc
#include <string>
#include <utility>
#include <vector>

#include "src/core/image_format.h"
#include "src/core/strings.h"
#include "src/ops/nn_conv.h"

namespace weft {
namespace {

using Ints = std::vector<int64_t>;

// Inputs: the image, its new size if it is resized, the paddings of its dimensions, the filter.
absl::Status FusedConvShape(ShapeContext& c, bool resize) {
  const int paddings_input = resize ? 2 : 1, filter_input = paddings_input + 1;
  WEFT_ASSIGN_OR_RETURN(const PartialShape in, c.InputWithRank(0, 4));
  PartialShape x = in.known_rank() ? in : PartialShape::UnknownOfRank(4);
  if (resize) {
    WEFT_ASSIGN_OR_RETURN(PartialShape size, c.input_as_shape(1));
    WEFT_ASSIGN_OR_RETURN(size, c.WithRank(size, 2));
    x.set_dim(1, size.dim(0));
    x.set_dim(2, size.dim(1));
  }
  WEFT_ASSIGN_OR_RETURN(const PartialShape paddings, c.InputWithRank(paddings_input, 2));
  WEFT_RETURN_IF_ERROR(c.MergeDim(paddings.dim(0), 4).status());
  WEFT_RETURN_IF_ERROR(c.MergeDim(paddings.dim(1), 2).status());
  const Array* margins = c.input_constant(paddings_input);
  for (int d = 0; d < 4; ++d) {
    if (margins == nullptr) {
      x.set_dim(d, kUnknownDim);
      continue;
    }
    const int64_t before = margins->AsInt64(2 * d), after = margins->AsInt64(2 * d + 1);
    if (before < 0 || after < 0) return absl::InvalidArgumentError("Paddings must be non-negative");
    WEFT_ASSIGN_OR_RETURN(int64_t size, shape::AddDims(x.dim(d), before));
    WEFT_ASSIGN_OR_RETURN(size, shape::AddDims(size, after));
    x.set_dim(d, size);
  }
  WEFT_ASSIGN_OR_RETURN(const PartialShape filter, c.InputWithRank(filter_input, 4));
  const Ints strides = c.Attr<Ints>("strides");
  WEFT_RETURN_IF_ERROR(CheckFourValues("FusedConv2D", "stride", strides.size()));
  WEFT_RETURN_IF_ERROR(c.MergeDim(x.dim(3), filter.dim(2)).status());
  ImageWindow w;
  w.height = {.size = filter.dim(0), .stride = strides[1]};
  w.width = {.size = filter.dim(1), .stride = strides[2]};
  WEFT_RETURN_IF_ERROR(
      SetPadding(c.Attr<std::string>("padding"), {}, ParseImageFormat("NHWC"), &w));
  WEFT_ASSIGN_OR_RETURN(const int64_t rows, InferWindowCount(x.dim(1), w.height));
  WEFT_ASSIGN_OR_RETURN(const int64_t columns, InferWindowCount(x.dim(2), w.width));
  c.set_output(0, PartialShape({x.dim(0), rows, columns, filter.dim(3)}));
  return absl::OkStatus();
}

OpDefBuilder&& OfFusedConv(OpDefBuilder&& op) {
  return std::move(op)
      .Output("output: T")
      .Attr("mode: {'REFLECT', 'SYMMETRIC'}")
      .Attr("strides: list(int)")
      .Attr("padding: {'SAME', 'VALID'}");
}

}  // namespace

void RegisterFusedConvOps(OpRegistry& ops) {
  ops.Add("FusedPadConv2D")
      .Summary("The convolution of images surrounded by their mirror images.")
      .Input("input: T")
      .Input("paddings: int32")
      .Input("filter: T")
      .Attr("T: {half, bfloat16, float, double}")
      .Apply(OfFusedConv)
      .Shape([](ShapeContext& c) { return FusedConvShape(c, false); });
  ops.Add("FusedResizeAndPadConv2D")
      .Summary("The convolution of images resized bilinearly, surrounded by their mirror images.")
      .Input("input: T")
      .Input("size: int32")
      .Input("paddings: int32")
      .Input("filter: T")
      .Attr("T: {half, float, double}")
      .Attr("resize_align_corners: bool = false")
      .Apply(OfFusedConv)
      .Shape([](ShapeContext& c) { return FusedConvShape(c, true); });
}

}  // namespace weft
