// SPDX-License-Identifier: Apache-2.0
// Pooling with windows of random sizes.
// kernels: kernels/cpu/nn_pool_fractional.cc   test: tests/ops/nn_pool_test.cc
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "src/core/strings.h"
#include "weft/graph/op_def.h"

namespace weft {
namespace {

// The sequences of window starts get the size of the pooled dimension: TensorFlow's rule, though
// they have one element more.
absl::Status FractionalPoolShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(const PartialShape in, c.InputWithRank(0, 4));
  const std::vector<float> ratio = c.Attr<std::vector<float>>("pooling_ratio");
  if (ratio.size() != 4)
    return absl::InvalidArgumentError("pooling_ratio field must specify 4 dimensions");
  PartialShape out = in;
  for (int d = 0; d < 4; ++d) {
    const float r = ratio[static_cast<size_t>(d)];
    if (!(r >= 1)) {
      return absl::InvalidArgumentError(StrCat("pooling_ratio cannot be smaller than 1, got: ", r));
    }
    if (in.dim(d) >= 0)
      out.set_dim(d, static_cast<int64_t>(std::floor(static_cast<float>(in.dim(d)) / r)));
  }
  c.set_output(1, PartialShape::Vector(out.dim(1)));
  c.set_output(2, PartialShape::Vector(out.dim(2)));
  c.set_output(0, std::move(out));
  return absl::OkStatus();
}

void MaxGradient(GradientContext& g) {
  g.SetDx(
      0, g.Op("FractionalMaxPoolGrad", {g.input(0), g.output(0), g.dy(0), g.output(1), g.output(2)},
              {{"overlapping", g.attr("overlapping")}}));
}
void AvgGradient(GradientContext& g) {
  const PartialShape& shape = g.input(0).shape();
  if (!shape.IsFullyKnown()) {
    g.Fail(absl::InvalidArgumentError(StrCat(
        "FractionalAvgPool '", g.op().name(),
        "': the gradient needs an input whose shape is fully known, not ", shape.ToString())));
    return;
  }
  Array sizes(kInt64, Shape({shape.rank()}));
  for (int d = 0; d < shape.rank(); ++d) sizes.mutable_data<int64_t>()[d] = shape.dim(d);
  const Tensor orig = g.Const(std::move(sizes), "FractionalAvgPoolGrad/orig_input_tensor_shape");
  g.SetDx(0, g.Op("FractionalAvgPoolGrad", {orig, g.dy(0), g.output(1), g.output(2)},
                  {{"overlapping", g.attr("overlapping")}}));
}

OpDefBuilder&& Pool(OpDefBuilder&& op) {
  return std::move(op)
      .Input("value: T")
      .Output("output: T")
      .Output("row_pooling_sequence: int64")
      .Output("col_pooling_sequence: int64")
      .Attr("pooling_ratio: list(float) >= 4")
      .Attr("pseudo_random: bool = false")
      .Attr("overlapping: bool = false")
      .Attr("deterministic: bool = false")
      .Attr("seed: int = 0")
      .Attr("seed2: int = 0")
      .Attr("T: {float, double, int32, int64}")
      .Shape(FractionalPoolShape);
}
OpDefBuilder&& Starts(OpDefBuilder&& op) {
  return std::move(op)
      .Input("row_pooling_sequence: int64")
      .Input("col_pooling_sequence: int64")
      .Output("output: T")
      .Attr("overlapping: bool = false")
      .Attr("T: {float, double, int32, int64}");
}

}  // namespace

void RegisterFractionalPoolOps(OpRegistry& ops) {
  ops.Add("FractionalMaxPool")
      .Summary(
          "The largest element of windows of random sizes, so that rows and columns shrink by "
          "pooling_ratio; and where windows begin.")
      .Apply(Pool)
      .Gradient(MaxGradient);
  ops.Add("FractionalAvgPool")
      .Summary(
          "The mean of windows of random sizes, so that rows and columns shrink by pooling_ratio; "
          "and where windows begin.")
      .Apply(Pool)
      .Gradient(AvgGradient);
  ops.Add("FractionalMaxPoolGrad")
      .Summary("The gradient of FractionalMaxPool: to the first of a window's largest elements.")
      .Input("orig_input: T")
      .Input("orig_output: T")
      .Input("out_backprop: T")
      .Apply(Starts)
      .Shape([](ShapeContext& c) -> absl::Status {
        WEFT_ASSIGN_OR_RETURN(PartialShape out, c.InputWithRank(0, 4));
        c.set_output(0, std::move(out));
        return absl::OkStatus();
      });
  ops.Add("FractionalAvgPoolGrad")
      .Summary("The gradient of FractionalAvgPool: in equal shares to the elements of a window.")
      .Input("orig_input_tensor_shape: int64")
      .Input("out_backprop: T")
      .Apply(Starts)
      .Shape([](ShapeContext& c) -> absl::Status {
        WEFT_ASSIGN_OR_RETURN(PartialShape out, c.input_as_shape(0));
        WEFT_ASSIGN_OR_RETURN(out, c.WithRank(out, 4));
        c.set_output(0, std::move(out));
        return absl::OkStatus();
      });
}

}  // namespace weft
