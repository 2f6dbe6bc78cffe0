// SPDX-License-Identifier: Apache-2.0
// Running sums, products and log-sums along an axis.
// kernels: kernels/cpu/reductions_scan.cc   test: tests/ops/reductions_test.cc
#include <limits>

#include "src/ops/reductions.h"

namespace weft {
namespace {

// A scan of x along the axis of the forward op.
Tensor Scan(GradientContext& g, std::string_view op, Tensor x, bool reverse) {
  return g.Op(op, {x, g.input(1)},
              {{"exclusive", g.Attr<bool>("exclusive")}, {"reverse", reverse}});
}

void CumsumGradient(GradientContext& g) {
  g.SetDx(0, Scan(g, "Cumsum", g.dy(0), !g.Attr<bool>("reverse")));
}

// Each element is a factor of all later products. As TensorFlow has it, 0 where x is 0.
void CumprodGradient(GradientContext& g) {
  const bool reverse = g.Attr<bool>("reverse");
  const Tensor products = Scan(g, "Cumprod", g.input(0), reverse);
  const Tensor sums = Scan(g, "Cumsum", g.Mul(products, g.dy(0)), !reverse);
  g.SetDx(0, g.Op("DivNoNan", {sums, g.input(0)}, {}, "div_no_nan"));
}

double LowestOf(DataType dtype) {
  switch (dtype) {
    case kFloat16:
      return std::numeric_limits<half>::lowest();
    case kBfloat16:
      return std::numeric_limits<bfloat16>::lowest();
    case kFloat32:
      return std::numeric_limits<float>::lowest();
    default:
      return std::numeric_limits<double>::lowest();
  }
}

// The positive and the negative part of dy go back as logarithms, so that nothing overflows.
void CumulativeLogsumexpGradient(GradientContext& g) {
  const Tensor dy = g.dy(0);
  const Tensor zero = g.ConstLike(0, dy, "zero");
  const Tensor lowest = g.ConstLike(LowestOf(RemoveRef(dy.dtype())), dy, "lowest");
  const auto part = [&](std::string_view compare, Tensor magnitude) {
    const Tensor taken = g.Op(compare, {dy, zero});
    const Tensor log_dy = g.Op("SelectV2", {taken, g.Op("Log", {magnitude}), lowest});
    const Tensor back =
        Scan(g, "CumulativeLogsumexp", g.Sub(log_dy, g.output(0)), !g.Attr<bool>("reverse"));
    return g.Op("Exp", {g.Add(back, g.input(0))});
  };
  const Tensor positive = part("Greater", dy);
  const Tensor negative = part("Less", g.Neg(dy));
  g.SetDx(0, g.Sub(positive, negative));
}

OpDefBuilder&& AlongAxis(OpDefBuilder&& op) {
  return std::move(op)
      .Input("x: T")
      .Input("axis: Tidx")
      .Output("out: T")
      .Attr("exclusive: bool = false")
      .Attr("reverse: bool = false");
}

}  // namespace

void RegisterScanOps(OpRegistry& ops) {
  ops.Add("Cumsum")
      .Summary(
          "Running sums along an axis: with `exclusive` of the elements before each one, "
          "with `reverse` from the end.")
      .Apply(AlongAxis)
      .Attr("T: numbertype")
      .Attr("Tidx: {int32, int64} = DT_INT32")
      .Shape(shape::SameAsInput)
      .Gradient(CumsumGradient);
  ops.Add("Cumprod")
      .Summary("Running products along an axis; see Cumsum.")
      .Apply(AlongAxis)
      .Attr("T: numbertype")
      .Attr("Tidx: {int32, int64} = DT_INT32")
      .Shape(shape::SameAsInput)
      .Gradient(CumprodGradient);
  ops.Add("CumulativeLogsumexp")
      .Summary("The logarithm of running sums of e^x along an axis; see Cumsum.")
      .Apply(AlongAxis)
      .Attr("T: {bfloat16, half, float, double}")
      .Attr("Tidx: {int32, int64} = DT_INT32")
      .Shape(shape::SameAsInput)
      .Gradient(CumulativeLogsumexpGradient);
}

}  // namespace weft
