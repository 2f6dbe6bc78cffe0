// SPDX-License-Identifier: Apache-2.0
#include "tests/gradients/gradient_table.h"

namespace weft {
namespace {

GradientCheck Complex() { return AsDtype(kComplex128); }
// Away from the jumps at whole and half numbers, derivatives are zero.
GradientCheck Steps() {
  return KinkAt(0).KinkAt(-0.5).KinkAt(0.5).KinkAt(-1).KinkAt(1).FirstOrderOnly();
}

GradientCheck RealPartOnly() {
  GradientCheck check = Complex().FirstOrderOnly();
  check.skip = [](const test::JacobianEntry& e) { return e.y_imaginary; };
  return check;
}

GradientTable Unary() {
  return {
      Check("Abs", {{2, 3}}, KinkAt(0)),
      Check("Acos", {{2, 3}}, Between(-0.9, 0.9)),
      Check("Acosh", {{2, 3}}, Between(1.5, 3)),
      Check("Angle", {{2, 3}}, Complex(), {{"Tout", kFloat64}}),
      Check("Asin", {{2, 3}}, Between(-0.9, 0.9)),
      Check("Asinh", {{2, 3}}),
      Check("Asinh", {{3}}, Complex()),
      Check("Atan", {{2, 3}}),
      Check("Atanh", {{2, 3}}, Between(-0.9, 0.9)),
      Check("BesselI0", {{2, 3}}),
      Check("BesselI0e", {{2, 3}}, KinkAt(0)),
      Check("BesselI1", {{2, 3}}, Between(0.3, 3)),
      Check("BesselI1e", {{2, 3}}, Between(0.3, 3)),
      Check("BesselJ0", {{2, 3}}, Between(0.3, 3)),
      Check("BesselJ1", {{2, 3}}, Between(0.3, 3)),
      Check("BesselK0", {{2, 3}}, Between(0.5, 3)),
      Check("BesselK0e", {{2, 3}}, Between(0.5, 3)),
      Check("BesselK1", {{2, 3}}, Between(0.5, 3)),
      Check("BesselK1e", {{2, 3}}, Between(0.5, 3)),
      Check("BesselY0", {{2, 3}}, Between(0.5, 3)),
      Check("BesselY1", {{2, 3}}, Between(0.5, 3)),
      Check("Cast", {{2, 3}}, {}, {{"DstT", kFloat64}}),
      Check("Cast", {{2, 3}}, {}, {{"DstT", kComplex128}}),
      Check("Ceil", {{2, 3}}, Steps()),
      Check("CheckNumerics", {{2, 3}}, {}, {{"message", "x"}}),
      Check("CheckNumericsV2", {{2, 3}}, {}, {{"message", "x"}}),
      Check("ComplexAbs", {{2, 3}}, Complex(), {{"Tout", kFloat64}}),
      Check("Conj", {{2, 3}}, Complex()),
      Check("Cos", {{2, 3}}),
      Check("Cos", {{3}}, Complex()),
      Check("Cosh", {{2, 3}}),
      Check("Dawsn", {{2, 3}}),
      Check("Digamma", {{2, 3}}, Between(0.5, 3)),
      Check("Erf", {{2, 3}}),
      Check("Erfc", {{2, 3}}),
      Check("Erfinv", {{2, 3}}, Between(-0.9, 0.9)),
      Check("Exp", {{2, 3}}),
      Check("Exp", {{3}}, Complex()),
      Check("Expint", {{2, 3}}, Between(0.5, 3)),
      Check("Expm1", {{2, 3}}),
      Check("Floor", {{2, 3}}, Steps()),
      Check("FresnelCos", {{2, 3}}),
      Check("FresnelSin", {{2, 3}}),
      Check("Imag", {{2, 3}}, Complex(), {{"Tout", kFloat64}}),
      Check("Inv", {{2, 3}}, Between(0.5, 2)),
      Check("InvGrad", {{2, 3}, {2, 3}}, Between(0.5, 2)),
      Check("Lgamma", {{2, 3}}, Between(0.5, 3)),
      Check("Log", {{2, 3}}, Between(0.5, 2)),
      Check("Log", {{3}}, Complex().Between(0.5, 2)),
      Check("Log1p", {{2, 3}}, Between(-0.5, 2)),
      Check("Ndtri", {{2, 3}}, Between(0.1, 0.9)),
      Check("Neg", {{2, 3}}),
      Check("Real", {{2, 3}}, Complex(), {{"Tout", kFloat64}}),
      Check("Reciprocal", {{2, 3}}, Between(0.5, 2)),
      Check("Reciprocal", {{3}}, Complex().Between(0.5, 2)),
      Check("ReciprocalGrad", {{2, 3}, {2, 3}}, Between(0.5, 2)),
      Check("ReciprocalGrad", {{3}, {3}}, Complex().Between(0.5, 2)),
      Check("Rint", {{2, 3}}, Steps()),
      Check("Round", {{2, 3}}, Steps()),
      Check("Rsqrt", {{2, 3}}, Between(0.5, 2)),
      Check("Rsqrt", {{3}}, Complex().Between(0.5, 2)),
      Check("RsqrtGrad", {{2, 3}, {2, 3}}, Between(0.5, 2)),
      Check("RsqrtGrad", {{3}, {3}}, Complex().Between(0.5, 2)),
      Check("Sigmoid", {{2, 3}}),
      Check("Sigmoid", {{3}}, Complex()),
      Check("SigmoidGrad", {{2, 3}, {2, 3}}),
      Check("Sign", {{2, 3}}, Steps()),
      Check("Sin", {{2, 3}}),
      Check("Sin", {{3}}, Complex()),
      Check("Sinh", {{2, 3}}),
      Check("Spence", {{2, 3}}, Between(1.2, 3)),
      Check("Sqrt", {{2, 3}}, Between(0.5, 2)),
      Check("Sqrt", {{3}}, Complex().Between(0.5, 2)),
      Check("SqrtGrad", {{2, 3}, {2, 3}}, Between(0.5, 2)),
      Check("SqrtGrad", {{3}, {3}}, Complex().Between(0.5, 2)),
      Check("Square", {{2, 3}}),
      Check("Square", {{3}}, Complex()),
      Check("Tan", {{2, 3}}),
      Check("Tanh", {{2, 3}}),
      Check("Tanh", {{3}}, Complex()),
      Check("TanhGrad", {{2, 3}, {2, 3}}),
      Check("TanhGrad", {{3}, {3}}, Complex()),
  };
}

// Operands of one shape and such as are broadcast, by a dimension and by the rank.
void AddBinary(GradientTable* table, const char* op, const GradientCheck& check,
               std::source_location where = std::source_location::current()) {
  table->push_back(Check(op, {{2, 3}, {2, 3}}, check, {}, where));
  table->push_back(Check(op, {{2, 1, 3}, {2, 1}}, check, {}, where));
  table->push_back(Check(op, {{}, {3}}, check, {}, where));
}

GradientTable Binary() {
  GradientTable table = {
      Check("AddN", {{2, 3}, {2, 3}, {2, 3}}),
      Check("AccumulateNV2", {{2, 3}, {2, 3}}, {}, {{"shape", PartialShape({2, 3})}}),
      Check("Add", {{3}, {2, 3}}, Complex()),
      Check("Betainc", {GradientInput::Fixed(F64({0.5, 2})), GradientInput::Fixed(F64({3, 1.5})),
                        Drawn(0.2, 0.8, {2})}),
      Check("ClipByValue",
            {F64({-1, 0.2, 0.7, 2}), F64({-0.5, -0.4, -0.3, -0.2}), F64({0.9, 0.8, 1, 1.1})},
            FirstOrderOnly()),
      Check("ClipByValue", {F64({-1, 0.2, 0.7, 2}), F64(-0.5), F64(0.9)}, FirstOrderOnly()),
      Check("Complex", {{2, 3}, {2, 3}}, {}, {{"Tout", kComplex128}}),
      Check("Complex", {{2, 3}, {3}}, {}, {{"Tout", kComplex128}}),
      Check("Cross", {{2, 3}, {2, 3}}),
      Check("FloorDiv", {F64({2.3, -1.7}), F64({0.7, 1.1})}, FirstOrderOnly()),
      Check("FloorMod", {F64({2.3, -1.7}), F64({0.7, 1.1})}, FirstOrderOnly()),
      Check("TruncateDiv", {F64({2.3, -1.7}), F64({0.7, 1.1})}, FirstOrderOnly()),
      Check("Mul", {{2, 3}, {3}}, Complex()),
      Check("Sub", {{2, 3}, {3}}, Complex()),
      Check("Div", {{2, 3}, {3}}, Complex().Between(0.5, 2)),
      Check("RealDiv", {{2, 3}, {3}}, Complex().Between(0.5, 2)),
      Check("Pow", {{3}, {3}}, Complex().Between(0.5, 2)),
      // |x - y|^2 has no imaginary part; TensorFlow's rule takes dy as real.
      Check("SquaredDifference", {{2, 3}, {3}}, RealPartOnly()),
      // The order a of the incomplete gamma functions has first derivatives only.
      Check("Igamma", {Drawn(0.5, 3, {4}), Drawn(0.5, 3, {4})}, FirstOrderOnly()),
      Check("Igamma", {GradientInput::Fixed(F64({0.7, 2.5})), Drawn(0.5, 3, {2})}),
      Check("Igammac", {Drawn(0.5, 3, {4}), Drawn(0.5, 3, {4})}, FirstOrderOnly()),
      Check("Igammac", {GradientInput::Fixed(F64({0.7, 2.5})), Drawn(0.5, 3, {2})}),
      Check("NextAfter", {{3}, {3}}, FirstOrderOnly()),
      // TensorFlow has no derivatives by the order of polygamma and by the exponent of zeta.
      Check("Polygamma", {GradientInput::Fixed(F64({1, 2})), Drawn(0.5, 3, {2})}),
      Check("Zeta", {GradientInput::Fixed(F64({1.5, 3})), Drawn(0.5, 3, {2})}),
      Check("Select", {Bool({{true, false}, {false, true}}), {2, 2}, {2, 2}}),
      Check("Select", {Bool({true, false}), {2, 2}, {2, 2}}),
      Check("SelectV2", {Bool({{true}, {false}}), {2, 3}, {3}}),
  };
  AddBinary(&table, "Add", {});
  AddBinary(&table, "AddV2", {});
  AddBinary(&table, "Sub", {});
  AddBinary(&table, "Mul", {});
  AddBinary(&table, "MulNoNan", Between(0.5, 2));
  AddBinary(&table, "Div", Between(0.5, 2));
  AddBinary(&table, "DivNoNan", Between(0.5, 2));
  AddBinary(&table, "RealDiv", Between(0.5, 2));
  AddBinary(&table, "Pow", Between(0.5, 2));
  AddBinary(&table, "Maximum", {});
  AddBinary(&table, "Minimum", {});
  AddBinary(&table, "SquaredDifference", {});
  AddBinary(&table, "Atan2", Between(0.2, 2));
  AddBinary(&table, "Xdivy", Between(0.5, 2));
  AddBinary(&table, "Xlogy", Between(0.5, 2));
  AddBinary(&table, "Xlog1py", Between(0.5, 2));
  return table;
}

}  // namespace

GradientTable MathGradients() {
  GradientTable table = Unary();
  for (GradientEntry& e : Binary()) table.push_back(std::move(e));
  return table;
}

}  // namespace weft
