// SPDX-License-Identifier: Apache-2.0
// Elementary functions of one operand, and the ops of their gradients.
// kernels: kernels/cpu/math_unary.cc   test: tests/ops/math_unary_test.cc
#include "src/ops/math_unary.h"
#include "src/ops/one_node.h"

#include "src/ops/op_scope.h"
#include "weft/core/complex.h"
#include "weft/graph/op_builder.h"
#include "weft/graph/op_def.h"
#include "weft/ops/math_unary.h"

namespace weft {

using weft::internal::UnaryNode;
namespace {

OpDefBuilder&& UnaryNumber(OpDefBuilder&& op) {
  return UnaryOf(
      std::move(op),
      "T: {bfloat16, half, float, double, int8, int16, int32, int64, complex64, complex128}");
}

// z = the gradient op of y = f(x), given y and dy.
OpDefBuilder&& UnaryGradient(OpDefBuilder&& op) {
  return std::move(op)
      .Input("y: T")
      .Input("dy: T")
      .Output("z: T")
      .Attr("T: {bfloat16, half, float, double, complex64, complex128}")
      .Shape(shape::SameAsInput);
}

// dx = op(y, dy).
GradientFn OpOfOutput(const char* op) {
  return [op](GradientContext& g) { g.SetDx(0, g.Op(op, {g.output(0), g.dy(0)})); };
}
// dx = op(conj(y), dy), for gradient ops that don't conjugate themselves.
GradientFn OpOfConjugateOutput(const char* op) {
  return [op](GradientContext& g) { g.SetDx(0, g.Op(op, {g.Conj(g.output(0)), g.dy(0)})); };
}
// dx = dy f(conj(x)).
GradientFn TimesFunctionOfInput(const char* op) {
  return [op](GradientContext& g) { g.SetDx(0, g.Mul(g.dy(0), g.Op(op, {g.Conj(g.input(0))}))); };
}
// dx = dy / f(conj(y)).
GradientFn OverFunctionOfOutput(const char* op) {
  return [op](GradientContext& g) { g.SetDx(0, g.Div(g.dy(0), g.Op(op, {g.Conj(g.output(0))}))); };
}

Tensor One(NodeAdder& g, Tensor like) { return g.ConstLike(1, like); }

// 1 - x^2 and 1 + x^2 of the conjugate.
Tensor OneMinusSquare(GradientContext& g) {
  return g.Op("Sub", {One(g, g.dy(0)), g.Op("Square", {g.Conj(g.input(0))})});
}

// sqrt(1 - x^2), inverted: the derivative of arc sine.
Tensor AsinSlope(GradientContext& g) {
  return g.Op("Reciprocal", {g.Op("Sqrt", {OneMinusSquare(g)})});
}

void SquareGradient(GradientContext& g) {
  const Tensor x = g.Conj(g.input(0));
  g.SetDx(0, g.Op("Mul", {g.dy(0), g.Op("Mul", {x, g.ConstLike(2, x)})}));
}

void Log1pGradient(GradientContext& g) {
  const Tensor x = g.Conj(g.input(0));
  const Tensor u = g.Add(g.ConstLike(1, x, "add/x"), x);
  g.SetDx(0, g.Mul(g.dy(0), g.Op("Reciprocal", {u})));
}

void TanGradient(GradientContext& g) {
  const Tensor secant = g.Op("Reciprocal", {g.Op("Cos", {g.Conj(g.input(0))})});
  g.SetDx(0, g.Mul(g.Op("Square", {secant}), g.dy(0)));
}

void AtanGradient(GradientContext& g) {
  const Tensor square = g.Op("Square", {g.Conj(g.input(0))});
  const Tensor slope = g.Op("Reciprocal", {g.Op("AddV2", {One(g, g.dy(0)), square}, {}, "Add")});
  g.SetDx(0, g.Mul(g.dy(0), slope));
}

// z = -b conj(a)^2.
void ReciprocalGradGradient(GradientContext& g) {
  const Tensor a = g.Conj(g.input(0)), b = g.input(1), dz = g.dy(0);
  if (g.needs_dx(0)) {
    const Tensor minus_two = g.ConstLike(-2, dz, "mul/y");
    g.SetDx(0, g.Mul(g.Mul(g.Mul(g.Conj(dz), minus_two), b), a));
  }
  g.SetDx(1, g.Op("ReciprocalGrad", {a, dz}));
}

// z = b / (2 conj(a)).
void SqrtGradGradient(GradientContext& g) {
  const Tensor quotient = g.Div(g.dy(0), g.input(0));
  if (g.needs_dx(0)) g.SetDx(0, g.Mul(g.Neg(g.Conj(quotient)), g.output(0)));
  g.SetDx(1, Times(g, 0.5, quotient));
}

// z = -b conj(a)^3 / 2.
void RsqrtGradGradient(GradientContext& g) {
  const Tensor a = g.Conj(g.input(0)), b = g.input(1), dz = g.dy(0);
  if (g.needs_dx(0)) {
    g.SetDx(0, g.Mul(g.Mul(Times(g, -1.5, g.Conj(dz)), b), g.Op("Square", {a})));
  }
  g.SetDx(1, g.Op("RsqrtGrad", {a, dz}));
}

// z = b (1 - a^2).
void TanhGradGradient(GradientContext& g) {
  const Tensor a = g.Conj(g.input(0)), dz = g.dy(0);
  if (g.needs_dx(0)) {
    const Tensor minus_two = g.ConstLike(-2, dz, "mul/y");
    g.SetDx(0, g.Mul(g.Mul(g.Mul(dz, minus_two), g.Conj(g.input(1))), a));
  }
  g.SetDx(1, g.Op("TanhGrad", {a, dz}));
}

// z = b a (1 - a).
void SigmoidGradGradient(GradientContext& g) {
  const Tensor a = g.Conj(g.input(0)), dz = g.dy(0);
  if (g.needs_dx(0)) {
    const Tensor product = g.Mul(dz, g.Conj(g.input(1)));
    g.SetDx(0, g.Sub(product, g.Mul(Times(g, 2, product), a)));
  }
  g.SetDx(1, g.Op("SigmoidGrad", {a, dz}));
}

void RegisterPowers(OpRegistry& ops) {
  for (const char* name : {"Inv", "Reciprocal"}) {
    ops.Add(name).Summary("1 / x.").Apply(UnaryNumber).Gradient(OpOfOutput("ReciprocalGrad"));
  }
  for (const char* name : {"InvGrad", "ReciprocalGrad"}) {
    ops.Add(name).Summary("-dy y^2.").Apply(UnaryGradient).Gradient(ReciprocalGradGradient);
  }
  ops.Add("Square")
      .Summary("x x.")
      .Input("x: T")
      .Output("y: T")
      .Attr(
          "T: {bfloat16, half, float, double, int8, int16, int32, int64, uint8, uint16, uint32, "
          "uint64, complex64, complex128}")
      .Shape(shape::SameAsInput)
      .Gradient(SquareGradient);
  ops.Add("Sqrt")
      .Summary("The square root.")
      .Apply(UnaryFloatingOrComplex)
      .Gradient(OpOfOutput("SqrtGrad"));
  ops.Add("SqrtGrad").Summary("dy / (2 y).").Apply(UnaryGradient).Gradient(SqrtGradGradient);
  ops.Add("Rsqrt")
      .Summary("1 over the square root.")
      .Apply(UnaryFloatingOrComplex)
      .Gradient(OpOfOutput("RsqrtGrad"));
  ops.Add("RsqrtGrad").Summary("-dy y^3 / 2.").Apply(UnaryGradient).Gradient(RsqrtGradGradient);
}

void RegisterSignsAndRounding(OpRegistry& ops) {
  ops.Add("Abs")
      .Summary("|x|.")
      .Input("x: T")
      .Output("y: T")
      .Attr("T: {bfloat16, half, float, double, int8, int16, int32, int64}")
      .Shape(shape::SameAsInput)
      .Gradient([](GradientContext& g) { g.SetDx(0, g.Mul(g.dy(0), g.Op("Sign", {g.input(0)}))); });
  ops.Add("Neg").Summary("-x.").Apply(UnaryNumber).Gradient([](GradientContext& g) {
    g.SetDx(0, g.Neg(g.dy(0)));
  });
  ops.Add("Sign")
      .Summary("-1, 0 or 1; x / |x| of complex x.")
      .Apply(UnaryNumber)
      .Gradient([](GradientContext& g) { g.SetDx(0, g.ZerosLike(g.input(0))); });
  ops.Add("Round")
      .Summary("The nearest integer, the even one of two.")
      .Apply(UnaryNumber)
      .NoGradient("a step function");
  ops.Add("Rint")
      .Summary("The nearest integer, the even one of two.")
      .Apply(UnaryFloating)
      .NoGradient("a step function");
  ops.Add("Floor")
      .Summary("The largest integer not above x.")
      .Apply(UnaryFloating)
      .NoGradient("a step function");
  ops.Add("Ceil")
      .Summary("The smallest integer not below x.")
      .Apply(UnaryFloating)
      .NoGradient("a step function");
  for (const char* name : {"IsNan", "IsInf", "IsFinite"}) {
    ops.Add(name)
        .Summary("Whether an element is NaN, infinite, or neither.")
        .Input("x: T")
        .Output("y: bool")
        .Attr("T: {bfloat16, half, float, double}")
        .Shape(shape::SameAsInput)
        .NoGradient("the result is bool");
  }
}

void RegisterExponentials(OpRegistry& ops) {
  ops.Add("Exp").Summary("e^x.").Apply(UnaryFloatingOrComplex).Gradient([](GradientContext& g) {
    g.SetDx(0, g.Mul(g.dy(0), g.Conj(g.output(0))));
  });
  ops.Add("Expm1")
      .Summary("e^x - 1.")
      .Apply(UnaryFloatingOrComplex)
      .Gradient(TimesFunctionOfInput("Exp"));
  ops.Add("Log")
      .Summary("The natural logarithm.")
      .Apply(UnaryFloatingOrComplex)
      .Gradient(TimesFunctionOfInput("Reciprocal"));
  ops.Add("Log1p").Summary("log(1 + x).").Apply(UnaryFloatingOrComplex).Gradient(Log1pGradient);
  ops.Add("Sigmoid")
      .Summary("1 / (1 + e^-x).")
      .Apply(UnaryFloatingOrComplex)
      .Gradient(OpOfConjugateOutput("SigmoidGrad"));
  ops.Add("SigmoidGrad")
      .Summary("dy y (1 - y).")
      .Apply(UnaryGradient)
      .Gradient(SigmoidGradGradient);
  ops.Add("Tanh")
      .Summary("The hyperbolic tangent.")
      .Apply(UnaryFloatingOrComplex)
      .Gradient(OpOfConjugateOutput("TanhGrad"));
  ops.Add("TanhGrad").Summary("dy (1 - y^2).").Apply(UnaryGradient).Gradient(TanhGradGradient);
}

void RegisterTrigonometry(OpRegistry& ops) {
  const auto add = [&ops](const char* name, const char* summary, GradientFn gradient) {
    ops.Add(name).Summary(summary).Apply(UnaryFloatingOrComplex).Gradient(std::move(gradient));
  };
  add("Sin", "The sine.", TimesFunctionOfInput("Cos"));
  add("Cos", "The cosine.", [](GradientContext& g) {
    g.SetDx(0, g.Mul(g.Neg(g.dy(0)), g.Op("Sin", {g.Conj(g.input(0))})));
  });
  add("Tan", "The tangent.", TanGradient);
  add("Asin", "The arc sine.",
      [](GradientContext& g) { g.SetDx(0, g.Mul(g.dy(0), AsinSlope(g))); });
  add("Acos", "The arc cosine.",
      [](GradientContext& g) { g.SetDx(0, g.Mul(g.Neg(g.dy(0)), AsinSlope(g))); });
  add("Atan", "The arc tangent.", AtanGradient);
  add("Sinh", "The hyperbolic sine.", TimesFunctionOfInput("Cosh"));
  add("Cosh", "The hyperbolic cosine.", TimesFunctionOfInput("Sinh"));
  add("Asinh", "The inverse of the hyperbolic sine.", OverFunctionOfOutput("Cosh"));
  add("Acosh", "The inverse of the hyperbolic cosine.", OverFunctionOfOutput("Sinh"));
  add("Atanh", "The inverse of the hyperbolic tangent.", [](GradientContext& g) {
    g.SetDx(0, g.Mul(g.dy(0), g.Op("Reciprocal", {OneMinusSquare(g)})));
  });
}

}  // namespace

void RegisterMathUnaryOps(OpRegistry& ops) {
  RegisterPowers(ops);
  RegisterSignsAndRounding(ops);
  RegisterExponentials(ops);
  RegisterTrigonometry(ops);
  RegisterMathSpecialOps(ops);
  RegisterComplexOps(ops);
  RegisterBitwiseOps(ops);
  RegisterBasicOps(ops);
}

namespace {

bool IsIntegerInput(const Input& x) { return IsInteger(x.dtype()); }

}  // namespace

Tensor Abs(const Input& x, const NameOptions& options) {
  const DataType dtype = x.dtype();
  if (!IsComplex(dtype)) return UnaryNode("Abs", x, options);
  return OpBuilder("ComplexAbs", options, "Abs")
      .In(x)
      .Attr("Tout", dtype == kComplex64 ? kFloat32 : kFloat64)
      .Output();
}
Tensor Round(const Input& x, const NameOptions& options) {
  return IsIntegerInput(x) ? AsTensor(x) : UnaryNode("Round", x, options);
}
Tensor Negative(const Input& x, const NameOptions& options) { return UnaryNode("Neg", x, options); }
Tensor operator-(const Tensor& x) { return UnaryNode("Neg", x, {}); }
Tensor Sign(const Input& x, const NameOptions& options) { return UnaryNode("Sign", x, options); }
Tensor Reciprocal(const Input& x, const NameOptions& options) {
  return UnaryNode("Reciprocal", x, options);
}
Tensor Square(const Input& x, const NameOptions& options) {
  return UnaryNode("Square", x, options);
}
Tensor Sqrt(const Input& x, const NameOptions& options) { return UnaryNode("Sqrt", x, options); }
Tensor Rsqrt(const Input& x, const NameOptions& options) { return UnaryNode("Rsqrt", x, options); }
Tensor Rint(const Input& x, const NameOptions& options) { return UnaryNode("Rint", x, options); }
Tensor Floor(const Input& x, const NameOptions& options) { return UnaryNode("Floor", x, options); }
Tensor Ceil(const Input& x, const NameOptions& options) { return UnaryNode("Ceil", x, options); }
Tensor Exp(const Input& x, const NameOptions& options) { return UnaryNode("Exp", x, options); }
Tensor Expm1(const Input& x, const NameOptions& options) { return UnaryNode("Expm1", x, options); }
Tensor Log(const Input& x, const NameOptions& options) { return UnaryNode("Log", x, options); }
Tensor Log1p(const Input& x, const NameOptions& options) { return UnaryNode("Log1p", x, options); }
Tensor Sin(const Input& x, const NameOptions& options) { return UnaryNode("Sin", x, options); }
Tensor Cos(const Input& x, const NameOptions& options) { return UnaryNode("Cos", x, options); }
Tensor Tan(const Input& x, const NameOptions& options) { return UnaryNode("Tan", x, options); }
Tensor Asin(const Input& x, const NameOptions& options) { return UnaryNode("Asin", x, options); }
Tensor Acos(const Input& x, const NameOptions& options) { return UnaryNode("Acos", x, options); }
Tensor Atan(const Input& x, const NameOptions& options) { return UnaryNode("Atan", x, options); }
Tensor Sinh(const Input& x, const NameOptions& options) { return UnaryNode("Sinh", x, options); }
Tensor Cosh(const Input& x, const NameOptions& options) { return UnaryNode("Cosh", x, options); }
Tensor Tanh(const Input& x, const NameOptions& options) { return UnaryNode("Tanh", x, options); }
Tensor Asinh(const Input& x, const NameOptions& options) { return UnaryNode("Asinh", x, options); }
Tensor Acosh(const Input& x, const NameOptions& options) { return UnaryNode("Acosh", x, options); }
Tensor Atanh(const Input& x, const NameOptions& options) { return UnaryNode("Atanh", x, options); }
Tensor Sigmoid(const Input& x, const NameOptions& options) {
  return UnaryNode("Sigmoid", x, options);
}
Tensor IsNan(const Input& x, const NameOptions& options) { return UnaryNode("IsNan", x, options); }
Tensor IsInf(const Input& x, const NameOptions& options) { return UnaryNode("IsInf", x, options); }
Tensor IsFinite(const Input& x, const NameOptions& options) {
  return UnaryNode("IsFinite", x, options);
}

Tensor LogSigmoid(const Input& x, const NameOptions& options) {
  OpScope scope(options.name, "LogSigmoid", {&x});
  const Tensor positive = OpBuilder("Softplus", {}).In(Negative(x)).Output();
  return Negative(positive, scope.self());
}

}  // namespace weft
