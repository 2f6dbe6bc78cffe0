// SPDX-License-Identifier: Apache-2.0
// Arithmetic of two operands with broadcasting.
// kernels: kernels/cpu/math_binary.cc   test: tests/ops/math_binary_test.cc
#include "src/ops/math_binary.h"

#include "weft/core/complex.h"
#include "weft/graph/op_def.h"

namespace weft {
namespace {

OpDefBuilder&& Arithmetic(OpDefBuilder&& op) {
  return std::move(op)
      .Input("x: T")
      .Input("y: T")
      .Output("z: T")
      .Attr(
          "T: {bfloat16, half, float, double, uint8, int8, uint16, int16, int32, uint32, uint64, "
          "int64, complex64, complex128}")
      .Shape(shape::Broadcast);
}
OpDefBuilder&& Floating(OpDefBuilder&& op) {
  return std::move(op)
      .Input("x: T")
      .Input("y: T")
      .Output("z: T")
      .Attr("T: {half, float, bfloat16, double, complex64, complex128}")
      .Shape(shape::Broadcast);
}

void AddGradient(GradientContext& g) {
  const Tensor first_dx = g.dy(0);
  const Tensor second_dx = g.dy(0);
  g.SetBroadcastDx(0, first_dx, 1, second_dx);
}

void SubGradient(GradientContext& g) {
  const Tensor first_dx = g.dy(0);
  const Tensor second_dx = g.needs_dx(1) ? g.Neg(g.dy(0)) : Tensor();
  g.SetBroadcastDx(0, first_dx, 1, second_dx);
}

void MulGradient(GradientContext& g) {
  const Tensor x = g.Conj(g.input(0)), y = g.Conj(g.input(1));
  const Tensor dy = g.dy(0);
  if (!g.ok()) return;
  // TensorFlow's order of the factors: dy comes first where nothing is broadcast.
  const DataType dtype = RemoveRef(x.dtype());
  const bool dy_first = x.shape().IsFullyKnown() && x.shape() == y.shape() &&
                        x.shape() == dy.shape() && (dtype == kFloat32 || dtype == kInt32);
  const Tensor first_dx = g.needs_dx(0) ? g.Op("Mul", {dy, y}) : Tensor();
  Tensor second_dx;
  if (g.needs_dx(1)) second_dx = dy_first ? g.Op("Mul", {dy, x}) : g.Op("Mul", {x, dy});
  g.SetBroadcastDx(0, first_dx, 1, second_dx);
}

// d(x / y) = dy / y and -dy x / y^2, with a division op of the caller's.
void QuotientGradient(GradientContext& g, const char* divide, const char* name) {
  const Tensor x = g.Conj(g.input(0)), y = g.Conj(g.input(1));
  const Tensor dx = g.needs_dx(0) ? g.Op(divide, {g.dy(0), y}, {}, name) : Tensor();
  Tensor dy;
  if (g.needs_dx(1)) {
    const Tensor once = g.Op(divide, {g.Neg(x), y}, {}, name);
    dy = g.Mul(g.dy(0), g.Op(divide, {once, y}, {}, name));
  }
  g.SetBroadcastDx(0, dx, 1, dy);
}

void FloorModGradient(GradientContext& g) {
  const Tensor floors = g.Op("FloorDiv", {g.input(0), g.input(1)}, {}, "floordiv");
  const Tensor first_dx = g.dy(0);
  const Tensor second_dx = g.Mul(g.dy(0), g.Neg(floors));
  g.SetBroadcastDx(0, first_dx, 1, second_dx);
}

void MulNoNanGradient(GradientContext& g) {
  const Tensor x = g.Conj(g.input(0)), y = g.Conj(g.input(1));
  const Tensor first_dx = g.Op("MulNoNan", {g.dy(0), y}, {}, "mul_no_nan");
  const Tensor second_dx = g.Op("MulNoNan", {x, g.dy(0)}, {}, "mul_no_nan");
  g.SetBroadcastDx(0, first_dx, 1, second_dx);
}

void SquaredDifferenceGradient(GradientContext& g) {
  const Tensor x = g.input(0), y = g.input(1);
  const Tensor two_dy = g.Op("Mul", {g.ConstLike(2, g.dy(0), "scalar"), g.dy(0)});
  // For complex values TensorFlow's rule is the same one, without conjugates.
  const Tensor dx = g.Mul(two_dy, g.Sub(x, y));
  g.SetBroadcastDx(0, dx, 1, g.needs_dx(1) ? g.Neg(dx) : Tensor());
}

void PowGradient(GradientContext& g) {
  const Tensor x = g.Conj(g.input(0)), y = g.Conj(g.input(1)), z = g.Conj(g.output(0));
  Tensor dx, dy;
  if (g.needs_dx(0)) {
    const Tensor lower = g.Op("Pow", {x, g.Sub(y, g.ConstLike(1, y, "sub/y"))});
    dx = g.Mul(g.Mul(g.dy(0), y), lower);
  }
  if (g.needs_dx(1)) {
    // log x where it is defined, 0 elsewhere.
    const Tensor zero = g.ConstLike(0, x, "zero");
    const Tensor defined =
        IsComplex(x.dtype()) ? g.Op("NotEqual", {x, zero}) : g.Op("Greater", {x, zero});
    const Tensor ones = g.OnesLike(x);
    const Tensor safe = g.Op("Select", {defined, x, ones});
    const Tensor log_x = g.Op("Select", {defined, g.Op("Log", {safe}), g.ZerosLike(x)});
    dy = g.Mul(g.Mul(g.dy(0), z), log_x);
  }
  g.SetBroadcastDx(0, dx, 1, dy);
}

// dy goes to the operand that was chosen; to the first of equal ones.
void ChoiceGradient(GradientContext& g, const char* compare) {
  const Tensor zero = g.ConstLike(0, g.dy(0), "zeros");
  const Tensor first = g.Op(compare, {g.input(0), g.input(1)});
  const Tensor first_dx = g.Op("SelectV2", {first, g.dy(0), zero});
  const Tensor second_dx = g.Op("SelectV2", {first, zero, g.dy(0)});
  g.SetBroadcastDx(0, first_dx, 1, second_dx);
}

void Atan2Gradient(GradientContext& g) {
  const Tensor y = g.input(0), x = g.input(1);
  const Tensor scaled = g.Div(g.dy(0), g.Add(g.Op("Square", {x}), g.Op("Square", {y})));
  const Tensor first_dx = g.Mul(x, scaled);
  const Tensor second_dx = g.Mul(g.Neg(y), scaled);
  g.SetBroadcastDx(0, first_dx, 1, second_dx);
}

// 1 where x is not 0, 0 elsewhere.
Tensor NonZero(GradientContext& g) {
  const Tensor x = g.input(0);
  return g.Cast(g.Op("NotEqual", {x, g.ConstLike(0, x, "NotEqual/y")}), RemoveRef(x.dtype()));
}

void XdivyGradient(GradientContext& g) {
  const Tensor x = g.input(0), y = g.input(1);
  const Tensor first_dx = g.Mul(g.Op("Xdivy", {NonZero(g), y}, {}, "xdivy"), g.dy(0));
  const Tensor second_dx =
      g.Mul(g.Op("Xdivy", {g.Neg(x), g.Op("Square", {y})}, {}, "xdivy"), g.dy(0));
  g.SetBroadcastDx(0, first_dx, 1, second_dx);
}

void XlogyGradient(GradientContext& g) {
  const Tensor x = g.input(0), y = g.input(1);
  const Tensor first_dx = g.Mul(g.Op("Xlogy", {NonZero(g), y}, {}, "xlogy"), g.dy(0));
  const Tensor second_dx = g.Mul(g.Op("Xdivy", {x, y}, {}, "xdivy"), g.dy(0));
  g.SetBroadcastDx(0, first_dx, 1, second_dx);
}

void Xlog1pyGradient(GradientContext& g) {
  const Tensor x = g.input(0), y = g.input(1);
  const Tensor above = g.Add(y, g.ConstLike(1, y, "add/y"));
  const Tensor first_dx = g.Mul(g.Op("Xlog1py", {NonZero(g), y}, {}, "xlog1py"), g.dy(0));
  const Tensor second_dx = g.Mul(g.Op("Xdivy", {x, above}, {}, "xdivy"), g.dy(0));
  g.SetBroadcastDx(0, first_dx, 1, second_dx);
}

void RegisterSums(OpRegistry& ops) {
  ops.Add("Add")
      .Summary("x + y, element by element; strings are joined. Broadcasts.")
      .Input("x: T")
      .Input("y: T")
      .Output("z: T")
      .Attr(
          "T: {bfloat16, half, float, double, uint8, int8, int16, int32, int64, complex64, "
          "complex128, string}")
      .Shape(shape::Broadcast)
      .Gradient(AddGradient);
  ops.Add("AddV2")
      .Summary("x + y, element by element. Broadcasts.")
      .Input("x: T")
      .Input("y: T")
      .Output("z: T")
      .Attr(
          "T: {bfloat16, half, float, double, uint8, uint16, uint32, uint64, int8, int16, int32, "
          "int64, complex64, complex128}")
      .Shape(shape::Broadcast)
      .Aggregate()
      .Commutative()
      .Gradient(AddGradient);
  ops.Add("Sub")
      .Summary("x - y, element by element. Broadcasts.")
      .Apply(Arithmetic)
      .Gradient(SubGradient);
  ops.Add("Mul")
      .Summary("x * y, element by element. Broadcasts.")
      .Apply(Arithmetic)
      .Commutative()
      .Gradient(MulGradient);
  ops.Add("MulNoNan")
      .Summary("x * y, and 0 where y is 0 even if x is infinite or NaN. Broadcasts.")
      .Apply(Floating)
      .Gradient(MulNoNanGradient);
  ops.Add("SquaredDifference")
      .Summary("conj(x - y) * (x - y), element by element. Broadcasts.")
      .Input("x: T")
      .Input("y: T")
      .Output("z: T")
      .Attr("T: {bfloat16, half, float, double, int32, int64, complex64, complex128}")
      .Shape(shape::Broadcast)
      .Commutative()
      .Gradient(SquaredDifferenceGradient);
}

void RegisterQuotients(OpRegistry& ops) {
  ops.Add("Div")
      .Summary("x / y, element by element; integers round towards 0. Broadcasts.")
      .Apply(Arithmetic)
      .Gradient([](GradientContext& g) { QuotientGradient(g, "Div", "div"); });
  ops.Add("RealDiv")
      .Summary("x / y of real or complex numbers, element by element. Broadcasts.")
      .Apply(Arithmetic)
      .Gradient([](GradientContext& g) { QuotientGradient(g, "RealDiv", "RealDiv"); });
  ops.Add("DivNoNan")
      .Summary("x / y, and 0 where y is 0. Broadcasts.")
      .Apply(Floating)
      .Gradient([](GradientContext& g) { QuotientGradient(g, "DivNoNan", "div_no_nan"); });
  ops.Add("FloorDiv")
      .Summary("floor(x / y), element by element. Broadcasts.")
      .Apply(Arithmetic)
      .NoGradient("constant between its steps");
  ops.Add("TruncateDiv")
      .Summary("x / y rounded towards 0, element by element. Broadcasts.")
      .Apply(Arithmetic)
      .NoGradient("constant between its steps");
  ops.Add("Mod")
      .Summary("The rest of x / y rounded towards 0: of x's sign. Broadcasts.")
      .Input("x: T")
      .Input("y: T")
      .Output("z: T")
      .Attr("T: {int32, int64, half, bfloat16, float, double}")
      .Shape(shape::Broadcast);
  ops.Add("TruncateMod")
      .Summary("The rest of x / y rounded towards 0: of x's sign. Broadcasts.")
      .Input("x: T")
      .Input("y: T")
      .Output("z: T")
      .Attr("T: {int32, int64, bfloat16, half, float, double}")
      .Shape(shape::Broadcast);
  ops.Add("FloorMod")
      .Summary("x - floor(x / y) * y: of y's sign. Broadcasts.")
      .Input("x: T")
      .Input("y: T")
      .Output("z: T")
      .Attr(
          "T: {int8, int16, int32, int64, uint8, uint16, uint32, uint64, bfloat16, half, float, "
          "double}")
      .Shape(shape::Broadcast)
      .Gradient(FloorModGradient);
}

void RegisterPowersAndChoices(OpRegistry& ops) {
  ops.Add("Pow")
      .Summary("x to the power of y, element by element. Broadcasts.")
      .Input("x: T")
      .Input("y: T")
      .Output("z: T")
      .Attr("T: {bfloat16, float, half, double, int8, int16, int32, int64, complex64, complex128}")
      .Shape(shape::Broadcast)
      .Gradient(PowGradient);
  for (const bool maximum : {true, false}) {
    ops.Add(maximum ? "Maximum" : "Minimum")
        .Summary(maximum ? "The greater of x and y; NaN if either is. Broadcasts."
                         : "The lesser of x and y; NaN if either is. Broadcasts.")
        .Input("x: T")
        .Input("y: T")
        .Output("z: T")
        .Attr(
            "T: {bfloat16, half, float, double, int8, uint8, int16, uint16, int32, uint32, int64, "
            "uint64}")
        .Shape(shape::Broadcast)
        .Gradient([maximum](GradientContext& g) {
          ChoiceGradient(g, maximum ? "GreaterEqual" : "LessEqual");
        });
  }
  ops.Add("Atan2")
      .Summary("The angle of the point (x, y), in (-pi, pi]. Broadcasts.")
      .Input("y: T")
      .Input("x: T")
      .Output("z: T")
      .Attr("T: {bfloat16, half, float, double}")
      .Shape(shape::Broadcast)
      .Gradient(Atan2Gradient);
  ops.Add("Xdivy")
      .Summary("x / y, and 0 where x is 0. Broadcasts.")
      .Apply(Floating)
      .Gradient(XdivyGradient);
  ops.Add("Xlogy")
      .Summary("x log y, and 0 where x is 0. Broadcasts.")
      .Apply(Floating)
      .Gradient(XlogyGradient);
  ops.Add("Xlog1py")
      .Summary("x log(1 + y), and 0 where x is 0. Broadcasts.")
      .Apply(Floating)
      .Gradient(Xlog1pyGradient);
}

}  // namespace

void RegisterMathBinaryOps(OpRegistry& ops) {
  RegisterSums(ops);
  RegisterQuotients(ops);
  RegisterPowersAndChoices(ops);
  RegisterMathBinarySpecialOps(ops);
  RegisterManyOperandOps(ops);
}

}  // namespace weft
