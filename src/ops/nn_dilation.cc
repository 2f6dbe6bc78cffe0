// SPDX-License-Identifier: Apache-2.0
// Greyscale morphological dilation.
// kernels: kernels/cpu/nn_dilation.cc   test: tests/ops/nn_conv_test.cc
#include <string>
#include <utility>
#include <vector>

#include "src/core/image_format.h"
#include "src/core/window.h"
#include "weft/graph/op_def.h"

namespace weft {
namespace {

absl::Status DilationShape(ShapeContext& c) {
  using Ints = std::vector<int64_t>;
  WEFT_ASSIGN_OR_RETURN(PartialShape out, c.InputWithRank(0, 4));
  WEFT_ASSIGN_OR_RETURN(const PartialShape filter, c.InputWithRank(1, 3));
  const Ints strides = c.Attr<Ints>("strides"), rates = c.Attr<Ints>("rates");
  WEFT_RETURN_IF_ERROR(CheckFourValues("Dilation2D", "stride", strides.size()));
  WEFT_RETURN_IF_ERROR(CheckFourValues("Dilation2D", "rates", rates.size()));
  WEFT_ASSIGN_OR_RETURN(const int64_t depth, c.MergeDim(out.dim(3), filter.dim(2)));
  out.set_dim(3, depth);
  for (int k = 1; k < 3; ++k) {
    const WindowSpec w = {
        .size = filter.dim(k - 1),
        .stride = strides[static_cast<size_t>(k)],
        .dilation = rates[static_cast<size_t>(k)],
        .padding = ParsePadding(c.Attr<std::string>("padding")).value_or(Padding::kValid)};
    WEFT_ASSIGN_OR_RETURN(const int64_t count, InferWindowCount(out.dim(k), w));
    out.set_dim(k, count);
  }
  c.set_output(0, std::move(out));
  return absl::OkStatus();
}

void DilationGradient(GradientContext& g) {
  for (auto [i, op] :
       {std::pair(0, "Dilation2DBackpropInput"), std::pair(1, "Dilation2DBackpropFilter")}) {
    g.SetDx(i, g.Op(op, {g.input(0), g.input(1), g.dy(0)},
                    {{"strides", g.attr("strides")},
                     {"rates", g.attr("rates")},
                     {"padding", g.attr("padding")}}));
  }
}

OpDefBuilder&& DilationAttrs(OpDefBuilder&& op) {
  return std::move(op)
      .Attr("T: realnumbertype")
      .Attr("strides: list(int) >= 4")
      .Attr("rates: list(int) >= 4")
      .Attr("padding: {'SAME', 'VALID'}");
}
OpDefBuilder&& DilationGradInputs(OpDefBuilder&& op) {
  return std::move(op).Input("input: T").Input("filter: T").Input("out_backprop: T");
}

}  // namespace

void RegisterDilationOps(OpRegistry& ops) {
  ops.Add("Dilation2D")
      .Summary("The largest sum of image and filter in each window, channel by channel.")
      .Input("input: T")
      .Input("filter: T")
      .Output("output: T")
      .Apply(DilationAttrs)
      .Shape(DilationShape)
      .Gradient(DilationGradient);
  ops.Add("Dilation2DBackpropInput")
      .Summary("The gradient of Dilation2D for its input.")
      .Apply(DilationGradInputs)
      .Output("in_backprop: T")
      .Apply(DilationAttrs)
      .Shape([](ShapeContext& c) {
        c.set_output(0, c.input(0));
        return absl::OkStatus();
      });
  ops.Add("Dilation2DBackpropFilter")
      .Summary("The gradient of Dilation2D for its filter.")
      .Apply(DilationGradInputs)
      .Output("filter_backprop: T")
      .Apply(DilationAttrs)
      .Shape([](ShapeContext& c) {
        c.set_output(0, c.input(1));
        return absl::OkStatus();
      });
}

}  // namespace weft
