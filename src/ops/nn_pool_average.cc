// SPDX-License-Identifier: Apache-2.0
// Average pooling of images and volumes, and its gradients.
// kernels: kernels/cpu/nn_pool_average.cc   test: tests/ops/nn_pool_test.cc
#include <utility>
#include <vector>

#include "src/ops/nn_pool.h"
#include "weft/graph/op_def.h"

namespace weft {
namespace {

// A node with the attributes of the forward op.
Tensor SamePool(GradientContext& g, const char* op, const std::vector<Tensor>& inputs) {
  return g.Op(op, inputs,
              {{"ksize", g.attr("ksize")},
               {"strides", g.attr("strides")},
               {"padding", g.attr("padding")},
               {"data_format", g.attr("data_format")}});
}

// Averages are linear: the gradient of each op is the other op.
GradientFn ByGrad(const char* grad) {
  return [grad](GradientContext& g) {
    g.SetDx(0, SamePool(g, grad, {g.Shape(g.input(0)), g.dy(0)}));
  };
}
GradientFn ByForward(const char* forward) {
  return [forward](GradientContext& g) { g.SetDx(1, SamePool(g, forward, {g.dy(0)})); };
}

absl::Status ShapeOfSizes(ShapeContext& c, int rank) {
  WEFT_ASSIGN_OR_RETURN(const PartialShape sizes, c.input_as_shape(0));
  WEFT_ASSIGN_OR_RETURN(PartialShape out, c.WithRank(sizes, rank));
  c.set_output(0, std::move(out));
  return absl::OkStatus();
}

OpDefBuilder&& FlatAttrs(OpDefBuilder&& op) {
  return std::move(op)
      .Attr("ksize: list(int) >= 4")
      .Attr("strides: list(int) >= 4")
      .Attr("padding: {'SAME', 'VALID'}")
      .Attr("data_format: {'NHWC', 'NCHW'} = 'NHWC'")
      .Attr("T: {half, bfloat16, float, double}");
}
OpDefBuilder&& DeepAttrs(OpDefBuilder&& op) {
  return std::move(op)
      .Attr("ksize: list(int) >= 5")
      .Attr("strides: list(int) >= 5")
      .Attr("padding: {'SAME', 'VALID'}")
      .Attr("data_format: {'NDHWC', 'NCDHW'} = 'NDHWC'")
      .Attr("T: {half, bfloat16, float, double}");
}
OpDefBuilder&& AverageGradArgs(OpDefBuilder&& op) {
  return std::move(op).Input("orig_input_shape: int32").Input("grad: T").Output("output: T");
}

}  // namespace

void RegisterAveragePoolOps(OpRegistry& ops) {
  ops.Add("AvgPool")
      .Summary("The mean of each window, channel by channel. Padding is not counted.")
      .Input("value: T")
      .Output("output: T")
      .Apply(FlatAttrs)
      .Shape(Pool2DShape)
      .Gradient(ByGrad("AvgPoolGrad"));
  ops.Add("AvgPoolGrad")
      .Summary("The gradient of AvgPool: equal shares to the elements of a window.")
      .Apply(AverageGradArgs)
      .Apply(FlatAttrs)
      .Shape([](ShapeContext& c) { return ShapeOfSizes(c, 4); })
      .Gradient(ByForward("AvgPool"));
  ops.Add("AvgPool3D")
      .Summary("The mean of each window of volumes, channel by channel. Padding is not counted.")
      .Input("input: T")
      .Output("output: T")
      .Apply(DeepAttrs)
      .Shape(Pool3DShape)
      .Gradient(ByGrad("AvgPool3DGrad"));
  ops.Add("AvgPool3DGrad")
      .Summary("The gradient of AvgPool3D: equal shares to the elements of a window.")
      .Apply(AverageGradArgs)
      .Apply(DeepAttrs)
      .Shape([](ShapeContext& c) { return ShapeOfSizes(c, 5); })
      .Gradient(ByForward("AvgPool3D"));
}

}  // namespace weft
