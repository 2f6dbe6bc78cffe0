// SPDX-License-Identifier: Apache-2.0
// Special functions of two and three arguments.
// kernels: kernels/cpu/math_binary_special.cc   test: tests/ops/math_binary_test.cc
#include "src/ops/math_binary.h"

namespace weft {
namespace {

// x^(a-1) e^-x / Gamma(a), the density that P(a, x) integrates.
Tensor GammaDensity(GradientContext& g) {
  const Tensor a = g.input(0), x = g.input(1);
  const Tensor power = g.Mul(g.Sub(a, g.ConstLike(1, a, "sub/y")), g.Op("Log", {x}));
  return g.Op("Exp", {g.Sub(g.Add(g.Neg(x), power), g.Op("Lgamma", {a}))});
}

void IgammaGradient(GradientContext& g, bool complement) {
  const Tensor a = g.input(0), x = g.input(1);
  Tensor da = g.Mul(g.Op("IgammaGradA", {a, x}), g.dy(0));
  Tensor dx = g.Mul(GammaDensity(g), g.dy(0));
  if (complement) {
    da = g.Neg(da);
    dx = g.Neg(dx);
  }
  g.SetBroadcastDx(0, da, 1, dx);
}

void BetaincGradient(GradientContext& g) {
  const Tensor a = g.input(0), b = g.input(1), x = g.input(2);
  const Tensor log_beta =
      g.Sub(g.Add(g.Op("Lgamma", {a}), g.Op("Lgamma", {b})), g.Op("Lgamma", {g.Add(a, b)}));
  const Tensor one_a = g.Sub(a, g.ConstLike(1, a, "sub/y")),
               one_b = g.Sub(b, g.ConstLike(1, b, "sub/y"));
  const Tensor log_density = g.Sub(g.Add(g.Op("Xlog1py", {one_b, g.Neg(x)}, {}, "xlog1py"),
                                         g.Op("Xlogy", {one_a, x}, {}, "xlogy")),
                                   log_beta);
  // Only the derivative with respect to x has a closed form.
  g.SetBroadcastDx(2, g.Mul(g.Op("Exp", {log_density}), g.dy(0)), 0, Tensor());
}

void ZetaGradient(GradientContext& g) {
  const Tensor x = g.input(0), q = g.input(1);
  const Tensor dq = g.Mul(g.Neg(x), g.Op("Zeta", {g.Add(x, g.ConstLike(1, x, "add/y")), q}));
  g.SetBroadcastDx(1, g.Mul(dq, g.dy(0)), 0, Tensor());
}

void PolygammaGradient(GradientContext& g) {
  const Tensor n = g.input(0), x = g.input(1);
  const Tensor dx = g.Op("Polygamma", {g.Add(n, g.ConstLike(1, n, "add/y")), x});
  g.SetBroadcastDx(1, g.Mul(dx, g.dy(0)), 0, Tensor());
}

void NextAfterGradient(GradientContext& g) {
  g.SetBroadcastDx(0, g.Identity(g.dy(0)), 1, g.ZerosLike(g.dy(0)));
}

absl::Status BetaincShape(ShapeContext& c) {
  // Operands are scalars or of one shape.
  PartialShape out = PartialShape::Scalar();
  bool unknown = false;
  for (int i = 0; i < 3; ++i) {
    if (!c.input(i).known_rank())
      unknown = true;
    else if (c.input(i).rank() > 0) {
      if (out.rank() == 0)
        out = c.input(i);
      else {
        WEFT_ASSIGN_OR_RETURN(out, c.Merge(out, c.input(i)));
      }
    }
  }
  if (!unknown || out.rank() > 0) c.set_output(0, out);
  return absl::OkStatus();
}

OpDefBuilder&& TwoReals(OpDefBuilder&& op) {
  return std::move(op).Output("z: T").Attr("T: {float, double}").Shape(shape::Broadcast);
}

}  // namespace

void RegisterMathBinarySpecialOps(OpRegistry& ops) {
  for (const bool complement : {false, true}) {
    ops.Add(complement ? "Igammac" : "Igamma")
        .Summary(complement ? "Q(a, x), the upper regularised incomplete gamma function."
                            : "P(a, x), the lower regularised incomplete gamma function.")
        .Input("a: T")
        .Input("x: T")
        .Output("z: T")
        .Attr("T: {bfloat16, half, float, double}")
        .Shape(shape::Broadcast)
        .Gradient([complement](GradientContext& g) { IgammaGradient(g, complement); });
  }
  ops.Add("IgammaGradA")
      .Summary("The derivative of P(a, x) with respect to a.")
      .Input("a: T")
      .Input("x: T")
      .Apply(TwoReals);
  ops.Add("Betainc")
      .Summary("I_x(a, b), the regularised incomplete beta function.")
      .Input("a: T")
      .Input("b: T")
      .Input("x: T")
      .Output("z: T")
      .Attr("T: {float, double}")
      .Shape(BetaincShape)
      .Gradient(BetaincGradient);
  ops.Add("Zeta")
      .Summary("Hurwitz' zeta: the sum of (q + n)^-x over n = 0, 1, ...")
      .Input("x: T")
      .Input("q: T")
      .Apply(TwoReals)
      .Gradient(ZetaGradient);
  ops.Add("Polygamma")
      .Summary("The a-th derivative of the digamma function at x.")
      .Input("a: T")
      .Input("x: T")
      .Apply(TwoReals)
      .Gradient(PolygammaGradient);
  ops.Add("NextAfter")
      .Summary("The next number of the dtype after x1 towards x2.")
      .Attr("T: {double, float} = DT_FLOAT")
      .Input("x1: T")
      .Input("x2: T")
      .Output("output: T")
      .Shape(shape::Broadcast)
      .Gradient(NextAfterGradient);
}

}  // namespace weft
