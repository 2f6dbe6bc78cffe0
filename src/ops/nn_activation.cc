// SPDX-License-Identifier: Apache-2.0
// Activations of neural networks, and the ops of their gradients.
// kernels: kernels/cpu/nn_activation.cc   test: tests/ops/nn_activation_test.cc
#include <cmath>

#include "src/ops/math_unary.h"
#include "src/ops/op_scope.h"
#include "weft/graph/op_builder.h"
#include "weft/graph/op_def.h"
#include "weft/ops/activation.h"
#include "weft/ops/basic.h"
#include "weft/ops/math_special.h"

namespace weft {
namespace {

constexpr const char* kFloating = "T: {half, bfloat16, float, double}";
constexpr const char* kReal =
    "T: {float, double, int32, uint8, int16, int8, int64, bfloat16, uint16, half, uint32, uint64}";

OpDefBuilder&& Activation(OpDefBuilder&& op) {
  return std::move(op).Input("features: T").Output("activations: T").Shape(shape::SameAsInput);
}

// backprops = a gradient op of `gradients` and the forward op's input or output.
OpDefBuilder&& Backprop(OpDefBuilder&& op, const char* second) {
  return std::move(op)
      .Input("gradients: T")
      .Input(std::string(second) + ": T")
      .Output("backprops: T")
      .Shape(shape::MergeOfInputs);
}
OpDefBuilder&& OfFeatures(OpDefBuilder&& op) { return Backprop(std::move(op), "features"); }
OpDefBuilder&& OfOutputs(OpDefBuilder&& op) { return Backprop(std::move(op), "outputs"); }

// dx = op(dy, output) and op(dy, input).
GradientFn ByOutput(const char* op) {
  return [op](GradientContext& g) { g.SetDx(0, g.Op(op, {g.dy(0), g.output(0)})); };
}
GradientFn ByInput(const char* op) {
  return [op](GradientContext& g) { g.SetDx(0, g.Op(op, {g.dy(0), g.input(0)})); };
}

// Of op(gradients, features), linear in the first; a step function of the second.
GradientFn LinearInGradients(const char* op) {
  return [op](GradientContext& g) {
    g.SetDx(0, g.Op(op, {g.dy(0), g.input(1)}));
    g.SetDx(1, g.ZerosLike(g.input(1)));
  };
}

// Of op(gradients, outputs), linear in the first; the slope for outputs is the gradient below 0,
// and 0 above.
GradientFn LinearBelowZero(const char* op) {
  return [op](GradientContext& g) {
    const Tensor y = g.input(1), dz = g.dy(0);
    g.SetDx(0, g.Op(op, {dz, y}));
    if (!g.needs_dx(1)) return;
    const Tensor below = g.Op("Less", {y, g.ConstLike(0, y, "Less/y")});
    g.SetDx(1, g.Op("Select", {below, g.Mul(dz, g.input(0)), g.ZerosLike(y)}));
  };
}

void LeakyReluGradient(GradientContext& g) {
  g.SetDx(0, g.Op("LeakyReluGrad", {g.dy(0), g.input(0)}, {{"alpha", g.attr("alpha")}}));
}
void LeakyReluGradGradient(GradientContext& g) {
  g.SetDx(0, g.Op("LeakyReluGrad", {g.dy(0), g.input(1)}, {{"alpha", g.attr("alpha")}}));
  g.SetDx(1, g.ZerosLike(g.input(1)));
}

// Of dy / (1 + e^-x): for x, dy / (e^-x + 2 + e^x).
void SoftplusGradGradient(GradientContext& g) {
  const Tensor dy = g.input(0), x = g.input(1), dz = g.dy(0);
  g.SetDx(0, g.Op("SoftplusGrad", {dz, x}));
  if (!g.needs_dx(1)) return;
  const Tensor rest = g.Op("Exp", {g.Neg(x)});
  const Tensor sum = g.Add(g.Add(rest, g.ConstLike(2, x, "add/y")), g.Op("Exp", {x}));
  g.SetDx(1, g.Div(g.Mul(dz, dy), sum));
}

// Of dy / (1 + |x|)^2: for x, -2 dy sign(x) / (1 + |x|)^3.
void SoftsignGradGradient(GradientContext& g) {
  const Tensor x = g.input(1), dz = g.dy(0);
  g.SetDx(0, g.Op("SoftsignGrad", {dz, x}));
  if (!g.needs_dx(1)) return;
  const Tensor base = g.Add(g.ConstLike(1, x, "add/x"), g.Op("Abs", {x}));
  const Tensor slope =
      g.Div(g.Mul(g.Op("SoftsignGrad", {g.Mul(dz, g.input(0)), x}), g.Op("Sign", {x})), base);
  g.SetDx(1, Times(g, -2, slope));
}

void RegisterRelu(OpRegistry& ops) {
  ops.Add("Relu")
      .Summary("max(features, 0); NaN stays NaN.")
      .Apply(Activation)
      .Attr(
          "T: {float, double, int32, uint8, int16, int8, int64, bfloat16, uint16, half, uint32, "
          "uint64, qint8}")
      .Gradient(ByOutput("ReluGrad"));
  ops.Add("ReluGrad")
      .Summary("gradients where features (or Relu's output) are above 0, 0 elsewhere.")
      .Apply(OfFeatures)
      .Attr(kReal)
      .Gradient(LinearInGradients("ReluGrad"));
  ops.Add("Relu6")
      .Summary("min(max(features, 0), 6); NaN stays NaN.")
      .Apply(Activation)
      .Attr(kReal)
      .Gradient(ByOutput("Relu6Grad"));
  ops.Add("Relu6Grad")
      .Summary("gradients where features (or Relu6's output) are between 0 and 6, 0 elsewhere.")
      .Apply(OfFeatures)
      .Attr(kReal)
      .Gradient(LinearInGradients("Relu6Grad"));
  ops.Add("LeakyRelu")
      .Summary("features above 0, alpha features below.")
      .Apply(Activation)
      .Attr("alpha: float = 0.2")
      .Attr("T: {half, bfloat16, float, double} = DT_FLOAT")
      .Gradient(LeakyReluGradient);
  ops.Add("LeakyReluGrad")
      .Summary("gradients where features are above 0, alpha gradients elsewhere.")
      .Apply(OfFeatures)
      .Attr("alpha: float = 0.2")
      .Attr("T: {half, bfloat16, float, double} = DT_FLOAT")
      .Gradient(LeakyReluGradGradient);
}

void RegisterExponentialUnits(OpRegistry& ops) {
  ops.Add("Elu")
      .Summary("features above 0, e^features - 1 below.")
      .Apply(Activation)
      .Attr(kFloating)
      .Gradient(ByOutput("EluGrad"));
  ops.Add("EluGrad")
      .Summary("gradients, times outputs + 1 where Elu's outputs are below 0.")
      .Apply(OfOutputs)
      .Attr(kFloating)
      .Gradient(LinearBelowZero("EluGrad"));
  ops.Add("Selu")
      .Summary("scale features above 0, scale alpha (e^features - 1) below.")
      .Apply(Activation)
      .Attr(kFloating)
      .Gradient(ByOutput("SeluGrad"));
  ops.Add("SeluGrad")
      .Summary(
          "gradients times scale, or times outputs + scale alpha where Selu's outputs are below 0.")
      .Apply(OfOutputs)
      .Attr(kFloating)
      .Gradient(LinearBelowZero("SeluGrad"));
}

void RegisterSoftUnits(OpRegistry& ops) {
  ops.Add("Softplus")
      .Summary("log(1 + e^features).")
      .Apply(Activation)
      .Attr(kFloating)
      .Gradient(
          [](GradientContext& g) { g.SetDx(0, g.Mul(g.dy(0), g.Op("Sigmoid", {g.input(0)}))); });
  ops.Add("SoftplusGrad")
      .Summary("gradients / (1 + e^-features).")
      .Apply(OfFeatures)
      .Attr(kFloating)
      .Gradient(SoftplusGradGradient);
  ops.Add("Softsign")
      .Summary("features / (1 + |features|).")
      .Apply(Activation)
      .Attr(kFloating)
      .Gradient(ByInput("SoftsignGrad"));
  ops.Add("SoftsignGrad")
      .Summary("gradients / (1 + |features|)^2.")
      .Apply(OfFeatures)
      .Attr(kFloating)
      .Gradient(SoftsignGradGradient);
}

}  // namespace

void RegisterNnActivationOps(OpRegistry& ops) {
  RegisterRelu(ops);
  RegisterExponentialUnits(ops);
  RegisterSoftUnits(ops);
}

namespace nn {
namespace {

Tensor Activate(const char* op, const Input& features, const NameOptions& options) {
  return OpBuilder(op, options).In(features).Output();
}
Tensor Mul(const Input& x, const Input& y) {
  return OpBuilder("Mul", {}, "mul").In(x).In(y).Output();
}
Tensor AddOf(const Input& x, const Input& y) {
  return OpBuilder("AddV2", {}, "add").In(x).In(y).Output();
}

}  // namespace

Tensor Relu(const Input& features, const NameOptions& options) {
  return Activate("Relu", features, options);
}
Tensor Relu6(const Input& features, const NameOptions& options) {
  return Activate("Relu6", features, options);
}
Tensor Elu(const Input& features, const NameOptions& options) {
  return Activate("Elu", features, options);
}
Tensor Selu(const Input& features, const NameOptions& options) {
  return Activate("Selu", features, options);
}
Tensor Softplus(const Input& features, const NameOptions& options) {
  return Activate("Softplus", features, options);
}
Tensor Softsign(const Input& features, const NameOptions& options) {
  return Activate("Softsign", features, options);
}

Tensor LeakyRelu(const Input& features, const LeakyReluOptions& options) {
  OpScope scope(options.name, "LeakyRelu", {&features});
  Tensor x = AsTensor(features);
  if (IsInteger(x.dtype())) x = Cast(x, kFloat32);
  return OpBuilder("LeakyRelu", scope.self()).In(x).Attr("alpha", options.alpha).Output();
}

Tensor Crelu(const Input& features, const CreluOptions& options) {
  OpScope scope(options.name, "CRelu", {&features});
  const Tensor x = AsTensor(features);
  const Tensor negative = -x;
  const Tensor axis = Constant(options.axis, kInt32, "axis");
  return Relu(OpBuilder("ConcatV2", scope.self()).InList({x, negative}).In(axis).Output());
}

Tensor Gelu(const Input& features, const GeluOptions& options) {
  OpScope scope(options.name, "Gelu", {&features});
  const Tensor x = AsTensor(features);
  const Tensor half = Mul(0.5, x);
  if (!options.approximate) {
    const Tensor scaled = OpBuilder("RealDiv", {}, "truediv").In(x).In(std::sqrt(2.0)).Output();
    return Mul(half, AddOf(1.0, Erf(scaled)));
  }
  const Tensor cube = OpBuilder("Pow", {}).In(x).In(3.0).Output();
  const Tensor inner = AddOf(x, Mul(0.044715, cube));
  return Mul(half, AddOf(1.0, Tanh(Mul(std::sqrt(2 / std::acos(-1.0)), inner))));
}

Tensor Swish(const Input& features, const SwishOptions& options) {
  OpScope scope(options.name, "swish", {&features});
  const Tensor x = AsTensor(features);
  const Tensor scaled = options.beta == 1 ? x : Mul(options.beta, x);
  return Mul(x, Sigmoid(scaled));
}

}  // namespace nn
}  // namespace weft
