// SPDX-License-Identifier: Apache-2.0
// Special functions of one operand.
// kernels: kernels/cpu/math_special.cc   test: tests/ops/math_special_test.cc
#include "weft/ops/math_special.h"
#include "src/ops/one_node.h"
#include "weft/graph/op_builder.h"

#include <cmath>
#include <numbers>

#include "src/ops/math_unary.h"
#include "src/ops/op_scope.h"
#include "weft/ops/math_unary.h"

namespace weft {

using weft::internal::UnaryNode;
namespace {

constexpr double kPi = std::numbers::pi;

// dx = dy slope(g), a function of the op's input and output.
template <typename Slope>
GradientFn Times(Slope slope) {
  return [slope](GradientContext& g) { g.SetDx(0, g.Mul(g.dy(0), slope(g))); };
}

Tensor Of(GradientContext& g, const char* op) { return g.Op(op, {g.input(0)}); }
Tensor NegatedOf(GradientContext& g, const char* op) { return g.Neg(Of(g, op)); }
Tensor OutputOverInput(GradientContext& g) {
  return g.Op("RealDiv", {g.output(0), g.input(0)}, {}, "div");
}

// dy factor exp(-x^2), without a product of constants that the graph would have to fold.
GradientFn TimesGaussian(double factor) {
  return [factor](GradientContext& g) {
    const Tensor scaled = g.Mul(g.dy(0), g.ConstLike(factor, g.dy(0)));
    g.SetDx(0, g.Mul(scaled, g.Op("Exp", {g.Neg(g.Op("Square", {g.input(0)}))})));
  };
}

void ErfinvGradient(GradientContext& g) {
  const Tensor scaled = g.Mul(g.dy(0), g.ConstLike(std::sqrt(kPi) / 2, g.dy(0)));
  g.SetDx(0, g.Mul(scaled, g.Op("Exp", {g.Op("Square", {g.output(0)})})));
}

void NdtriGradient(GradientContext& g) {
  const Tensor scaled = g.Mul(g.dy(0), g.ConstLike(std::sqrt(2 * kPi), g.dy(0)));
  const Tensor square = g.Op("Square", {g.output(0)});
  const Tensor half = g.Div(square, g.ConstLike(2, square, "truediv/y"));
  g.SetDx(0, g.Mul(scaled, g.Op("Exp", {half})));
}

// `slope` but `at_zero` where x is 0, where `slope` divides 0 by 0.
Tensor ExceptAtZero(GradientContext& g, double at_zero, Tensor slope) {
  const Tensor x = g.input(0);
  const Tensor is_zero = g.Op("Equal", {x, g.ConstLike(0, x, "Equal/y")});
  return g.Op("SelectV2", {is_zero, g.ConstLike(at_zero, x, "Cast/x"), slope});
}

// cos(pi x^2 / 2) or sin.
Tensor OfQuarterTurns(GradientContext& g, const char* op) {
  return g.Op(op, {weft::Times(g, kPi / 2, g.Op("Square", {g.input(0)}))});
}

Tensor DawsnSlope(GradientContext& g) {  // 1 - 2 x y
  const Tensor product = g.Mul(weft::Times(g, 2, g.input(0)), g.output(0));
  return g.Sub(g.ConstLike(1, product, "sub/x"), product);
}

void ExpintGradient(GradientContext& g) {
  g.SetDx(0, g.Div(g.Mul(g.dy(0), Of(g, "Exp")), g.input(0)));
}

Tensor SpenceSlope(GradientContext& g) {  // log(x) / (1 - x), -1 at 1
  const Tensor x = g.input(0);
  const Tensor slope = g.Div(Of(g, "Log"), g.Sub(g.ConstLike(1, x, "sub/x"), x));
  const Tensor is_one = g.Op("Equal", {x, g.ConstLike(1, x, "Equal/y")});
  return g.Op("Select", {is_one, g.Neg(g.OnesLike(x)), slope});
}

void RegisterGammaAndErf(OpRegistry& ops) {
  ops.Add("Lgamma")
      .Summary("log |gamma(x)|.")
      .Apply(UnaryFloating)
      .Gradient(Times([](GradientContext& g) { return Of(g, "Digamma"); }));
  ops.Add("Digamma")
      .Summary("The derivative of log |gamma(x)|.")
      .Apply(UnaryFloating)
      .Gradient(Times([](GradientContext& g) {
        return g.Op("Polygamma", {g.ConstLike(1, g.input(0)), g.input(0)});
      }));
  ops.Add("Erf")
      .Summary("The error function.")
      .Apply(UnaryFloating)
      .Gradient(TimesGaussian(2 / std::sqrt(kPi)));
  ops.Add("Erfc")
      .Summary("1 - erf(x).")
      .Apply(UnaryFloating)
      .Gradient(TimesGaussian(-2 / std::sqrt(kPi)));
  ops.Add("Erfinv")
      .Summary("The inverse of the error function.")
      .Apply(UnaryFloating)
      .Gradient(ErfinvGradient);
  ops.Add("Ndtri")
      .Summary("The inverse of the standard normal distribution function.")
      .Apply(UnaryFloating)
      .Gradient(NdtriGradient);
}

void RegisterModifiedBessel(OpRegistry& ops) {
  const auto add = [&ops](const char* name, const char* summary, auto slope) {
    ops.Add(name).Summary(summary).Apply(UnaryFloating).Gradient(Times(slope));
  };
  add("BesselI0", "The modified Bessel function of the first kind, order 0.",
      [](GradientContext& g) { return Of(g, "BesselI1"); });
  add("BesselI0e", "exp(-|x|) BesselI0(x).", [](GradientContext& g) {
    return g.Sub(Of(g, "BesselI1e"), g.Mul(Of(g, "Sign"), g.output(0)));
  });
  add("BesselI1", "The modified Bessel function of the first kind, order 1.",
      [](GradientContext& g) {
        return ExceptAtZero(g, 1, g.Sub(Of(g, "BesselI0"), OutputOverInput(g)));
      });
  add("BesselI1e", "exp(-|x|) BesselI1(x).", [](GradientContext& g) {
    const Tensor factor = g.Add(Of(g, "Sign"), Of(g, "Reciprocal"));
    return ExceptAtZero(g, 0.5, g.Sub(Of(g, "BesselI0e"), g.Mul(g.output(0), factor)));
  });
  add("BesselK0", "The modified Bessel function of the second kind, order 0.",
      [](GradientContext& g) { return NegatedOf(g, "BesselK1"); });
  add("BesselK0e", "exp(x) BesselK0(x).",
      [](GradientContext& g) { return g.Sub(g.output(0), Of(g, "BesselK1e")); });
  add("BesselK1", "The modified Bessel function of the second kind, order 1.",
      [](GradientContext& g) { return g.Sub(NegatedOf(g, "BesselK0"), OutputOverInput(g)); });
  add("BesselK1e", "exp(x) BesselK1(x).", [](GradientContext& g) {
    const Tensor inverse = Of(g, "Reciprocal");
    const Tensor rest = g.Sub(g.ConstLike(1, inverse, "sub/x"), inverse);
    return g.Sub(g.Mul(g.output(0), rest), Of(g, "BesselK0e"));
  });
}

void RegisterBessel(OpRegistry& ops) {
  const auto add = [&ops](const char* name, const char* summary, auto slope) {
    ops.Add(name).Summary(summary).Apply(UnaryFloating).Gradient(Times(slope));
  };
  add("BesselJ0", "The Bessel function of the first kind, order 0.",
      [](GradientContext& g) { return NegatedOf(g, "BesselJ1"); });
  add("BesselJ1", "The Bessel function of the first kind, order 1.", [](GradientContext& g) {
    return ExceptAtZero(g, 0.5, g.Sub(Of(g, "BesselJ0"), OutputOverInput(g)));
  });
  add("BesselY0", "The Bessel function of the second kind, order 0.",
      [](GradientContext& g) { return NegatedOf(g, "BesselY1"); });
  add("BesselY1", "The Bessel function of the second kind, order 1.",
      [](GradientContext& g) { return g.Sub(Of(g, "BesselY0"), OutputOverInput(g)); });
}

void RegisterIntegrals(OpRegistry& ops) {
  ops.Add("Dawsn").Summary("Dawson's integral.").Apply(UnaryFloating).Gradient(Times(DawsnSlope));
  ops.Add("Expint")
      .Summary("The exponential integral Ei(x).")
      .Apply(UnaryFloating)
      .Gradient(ExpintGradient);
  ops.Add("FresnelCos")
      .Summary("The integral of cos(pi t^2 / 2) from 0 to x.")
      .Apply(UnaryFloating)
      .Gradient(Times([](GradientContext& g) { return OfQuarterTurns(g, "Cos"); }));
  ops.Add("FresnelSin")
      .Summary("The integral of sin(pi t^2 / 2) from 0 to x.")
      .Apply(UnaryFloating)
      .Gradient(Times([](GradientContext& g) { return OfQuarterTurns(g, "Sin"); }));
  ops.Add("Spence")
      .Summary("The dilogarithm Li2(1 - x).")
      .Apply(UnaryFloating)
      .Gradient(Times(SpenceSlope));
}

}  // namespace

void RegisterMathSpecialOps(OpRegistry& ops) {
  RegisterGammaAndErf(ops);
  RegisterModifiedBessel(ops);
  RegisterBessel(ops);
  RegisterIntegrals(ops);
}

Tensor Lgamma(const Input& x, const NameOptions& options) {
  return UnaryNode("Lgamma", x, options);
}
Tensor Digamma(const Input& x, const NameOptions& options) {
  return UnaryNode("Digamma", x, options);
}
Tensor Erf(const Input& x, const NameOptions& options) { return UnaryNode("Erf", x, options); }
Tensor Erfc(const Input& x, const NameOptions& options) { return UnaryNode("Erfc", x, options); }
Tensor Erfinv(const Input& x, const NameOptions& options) {
  return UnaryNode("Erfinv", x, options);
}
Tensor Ndtri(const Input& x, const NameOptions& options) { return UnaryNode("Ndtri", x, options); }
Tensor Dawsn(const Input& x, const NameOptions& options) { return UnaryNode("Dawsn", x, options); }
Tensor Expint(const Input& x, const NameOptions& options) {
  return UnaryNode("Expint", x, options);
}
Tensor Spence(const Input& x, const NameOptions& options) {
  return UnaryNode("Spence", x, options);
}
Tensor FresnelCos(const Input& x, const NameOptions& options) {
  return UnaryNode("FresnelCos", x, options);
}
Tensor FresnelSin(const Input& x, const NameOptions& options) {
  return UnaryNode("FresnelSin", x, options);
}
Tensor BesselI0(const Input& x, const NameOptions& options) {
  return UnaryNode("BesselI0", x, options);
}
Tensor BesselI0e(const Input& x, const NameOptions& options) {
  return UnaryNode("BesselI0e", x, options);
}
Tensor BesselI1(const Input& x, const NameOptions& options) {
  return UnaryNode("BesselI1", x, options);
}
Tensor BesselI1e(const Input& x, const NameOptions& options) {
  return UnaryNode("BesselI1e", x, options);
}
Tensor BesselK0(const Input& x, const NameOptions& options) {
  return UnaryNode("BesselK0", x, options);
}
Tensor BesselK0e(const Input& x, const NameOptions& options) {
  return UnaryNode("BesselK0e", x, options);
}
Tensor BesselK1(const Input& x, const NameOptions& options) {
  return UnaryNode("BesselK1", x, options);
}
Tensor BesselK1e(const Input& x, const NameOptions& options) {
  return UnaryNode("BesselK1e", x, options);
}
Tensor BesselJ0(const Input& x, const NameOptions& options) {
  return UnaryNode("BesselJ0", x, options);
}
Tensor BesselJ1(const Input& x, const NameOptions& options) {
  return UnaryNode("BesselJ1", x, options);
}
Tensor BesselY0(const Input& x, const NameOptions& options) {
  return UnaryNode("BesselY0", x, options);
}
Tensor BesselY1(const Input& x, const NameOptions& options) {
  return UnaryNode("BesselY1", x, options);
}

Tensor Erfcinv(const Input& x, const NameOptions& options) {
  // erfc(y) = 2 Phi(-sqrt(2) y).
  OpScope scope(options.name, "erfcinv", {&x});
  const Tensor half = OpBuilder("Mul", "mul").In(0.5).In(x).Output();
  return OpBuilder("Mul", "mul").In(-Ndtri(half)).In(std::sqrt(0.5)).Output();
}

}  // namespace weft
