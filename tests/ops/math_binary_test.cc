// SPDX-License-Identifier: Apache-2.0
#include "weft/ops/math_binary.h"
#include "weft/core/complex.h"

#include <cmath>

#include "tests/support/gradient_case.h"
#include "tests/support/op_case.h"

namespace weft {
namespace {

OpCase Binary(const char* op, Array x, Array y) {
  return OpCase(op).In(std::move(x)).In(std::move(y));
}

TEST(Arithmetic, Values) {
  for (const char* op : {"Add", "AddV2"}) {
    Binary(op, F32({1, kInf}), F32({2, -kInf})).Out(F32({3, kNaN})).RunEverywhere();
    Binary(op, I8({100}), I8({100})).Out(I8({-56})).RunEverywhere();
    Binary(op, C64({complex64(1, 2)}), C64({complex64(3, -1)}))
        .Out(C64({complex64(4, 1)}))
        .RunEverywhere();
  }
  Binary("Add", Str({"a", ""}), Str("b")).Out(Str({"ab", "b"})).RunEverywhere();
  Binary("Sub", F16({1, 2}), F16({3, 1})).Out(F16({-2, 1})).RunEverywhere();
  Binary("Sub", U8({1}), U8({2})).Out(U8({255})).RunEverywhere();
  Binary("Mul", F32({2, kNaN, 0}), F32({3, 0, kInf})).Out(F32({6, kNaN, kNaN})).RunEverywhere();
  Binary("Mul", BF16({2}), BF16({3})).Out(BF16({6})).RunEverywhere();
  Binary("MulNoNan", F32({2, kNaN, kInf}), F32({3, 0, 0})).Out(F32({6, 0, 0})).RunEverywhere();
  Binary("SquaredDifference", F64({1, 5}), F64({4, 3})).Out(F64({9, 4})).RunEverywhere();
  Binary("SquaredDifference", C64(complex64(1, 2)), C64(complex64(0, 0)))
      .Out(C64(complex64(5, 0)))
      .RunEverywhere();
}

TEST(Division, Values) {
  Binary("Div", F32({1, -1, 0}), F32({0, 0, 0})).Out(F32({kInf, -kInf, kNaN})).RunEverywhere();
  Binary("Div", I32({7, -7}), I32({2, 2})).Out(I32({3, -3})).RunEverywhere();
  Binary("RealDiv", F32({7, 1}), F32({2, 4})).Out(F32({3.5f, 0.25f})).RunEverywhere();
  Binary("DivNoNan", F32({1, 4}), F32({0, 2})).Out(F32({0, 2})).RunEverywhere();
  Binary("FloorDiv", I32({7, -7, 7, -7}), I32({2, 2, -2, -2}))
      .Out(I32({3, -4, -4, 3}))
      .RunEverywhere();
  Binary("FloorDiv", F32({7, -7}), F32({2, 2})).Out(F32({3, -4})).RunEverywhere();
  Binary("TruncateDiv", I32({7, -7}), I32({2, 2})).Out(I32({3, -3})).RunEverywhere();
  // The one quotient that doesn't fit wraps around; it must not trap.
  Binary("FloorDiv", I32({INT32_MIN}), I32({-1})).Out(I32({INT32_MIN})).RunEverywhere();
  Binary("Div", I64({INT64_MIN}), I64({-1})).Out(I64({INT64_MIN})).RunEverywhere();
}

TEST(Remainders, Values) {
  Binary("FloorMod", I32({7, -7, 7, -7}), I32({3, 3, -3, -3}))
      .Out(I32({1, 2, -2, -1}))
      .RunEverywhere();
  Binary("FloorMod", F32({5.5f, -5.5f}), F32({2, 2})).Out(F32({1.5f, 0.5f})).RunEverywhere();
  for (const char* op : {"Mod", "TruncateMod"}) {
    Binary(op, I32({7, -7, 7, -7}), I32({3, 3, -3, -3})).Out(I32({1, -1, 1, -1})).RunEverywhere();
    Binary(op, F64({-5.5}), F64({2})).Out(F64({-1.5})).RunEverywhere();
  }
  for (const char* op : {"Mod", "TruncateMod", "FloorMod"})
    Binary(op, I32({INT32_MIN}), I32({-1})).Out(I32({0})).RunEverywhere();
}

TEST(Division, ByZero) {
  for (const char* op : {"Div", "FloorDiv", "TruncateDiv", "Mod", "TruncateMod", "FloorMod"}) {
    Binary(op, I32({1, 2}), I32({1, 0}))
        .ExpectRunError(Code::kInvalidArgument, "Integer division by zero");
    Binary(op, I64(1), I64(0)).ExpectRunError(Code::kInvalidArgument, "Integer division by zero");
  }
}

TEST(Extremes, OfTwo) {
  Binary("Maximum", F32({1, 5}), F32({3, 2})).Out(F32({3, 5})).RunEverywhere();
  Binary("Minimum", I32({1, 5}), I32({3, 2})).Out(I32({1, 2})).RunEverywhere();
  Binary("Maximum", U8({1, 200}), U8(100)).Out(U8({100, 200})).RunEverywhere();
}

TEST(Pow, Values) {
  Binary("Pow", F32({2, 4, -2, 0}), F32({10, 0.5f, 3, 0}))
      .Out(F32({1024, 2, -8, 1}))
      .RunEverywhere();
  Binary("Pow", F64({-1}), F64({0.5})).Out(F64({std::nan("")})).RunEverywhere();
  Binary("Pow", I32({3, -2}), I32({4, 3})).Out(I32({81, -8})).RunEverywhere();
  Binary("Pow", C128({complex128(0, 1)}), C128({complex128(2, 0)}))
      .Out(C128({complex128(-1, 0)}))
      .RunEverywhere();
  Binary("Pow", I32({2}), I32({-1}))
      .ExpectRunError(Code::kInvalidArgument, "negative integer powers");
}

TEST(SpecialBinary, Values) {
  Binary("Atan2", F64({1, -1, 0}), F64({1, -1, -1}))
      .Out(F64({0.7853981633974483, -2.356194490192345, 3.141592653589793}))
      .RunEverywhere();
  Binary("Xdivy", F32({0, 2}), F32({0, 4})).Out(F32({0, 0.5f})).RunEverywhere();
  Binary("Xlogy", F32({0, 2}), F32({0, 1})).Out(F32({0, 0})).RunEverywhere();
  Binary("Xlog1py", F32({0, 2}), F32({-1, 0})).Out(F32({0, 0})).RunEverywhere();
  Binary("Igamma", F64({1}), F64({2})).Out(F64({0.8646647167633873})).RunEverywhere();
  Binary("Igammac", F64({1}), F64({2})).Out(F64({0.1353352832366127})).RunEverywhere();
  Binary("Zeta", F64({2}), F64({1})).Out(F64({1.6449340668482264})).RunEverywhere();
  Binary("Polygamma", F64({1}), F64({1})).Out(F64({1.6449340668482264})).RunEverywhere();
  Binary("NextAfter", F64({1, 1}), F64({2, 1}))
      .Out(F64({std::nextafter(1.0, 2.0), 1}))
      .Exact()
      .RunEverywhere();
  OpCase("Betainc").In(F64({2})).In(F64({3})).In(F64({0.5})).Out(F64({0.6875})).RunEverywhere();
}

TEST(Broadcasting, Values) {
  const Array column = F32({{1}, {2}}), row = F32({10, 20, 30});
  Binary("AddV2", column, row).Out(F32({{11, 21, 31}, {12, 22, 32}})).RunEverywhere();
  Binary("Sub", row, F32(1)).Out(F32({9, 19, 29})).RunEverywhere();
  Binary("Mul", F32(Shape({0, 1}), {}), row).Out(F32(Shape({0, 3}), {})).RunEverywhere();
  Binary("AddV2", F32(Shape({2, 1, 2}), {1, 2, 3, 4}), F32({{10, 20}, {30, 40}}))
      .Out(F32(Shape({2, 2, 2}), {11, 22, 31, 42, 13, 24, 33, 44}))
      .RunEverywhere();
  Binary("AddV2", F32({1, 2}), row)
      .ExpectRunError(Code::kInvalidArgument, "Incompatible shapes: [2] vs. [3]");
}

TEST(Broadcasting, Shapes) {
  for (const char* op : {"AddV2", "Sub", "Mul", "RealDiv", "Maximum", "Pow", "Atan2", "FloorMod"}) {
    ExpectShape(op, {"[?,3]", "[3]"}, "[?,3]");
    ExpectShape(op, {"[2,1]", "[?]"}, "[2,?]");
    // An unknown dimension beside one greater than 1 is that one.
    ExpectShape(op, {"[?]", "[4]"}, "[4]");
    ExpectShape(op, {"[?]", "[1]"}, "[?]");
    ExpectShape(op, {"?", "[3]"}, "?");
    ExpectBuildError(op, {"[2,3]", "[4]"}, "Dimensions must be equal, but are 3 and 4");
  }
  ExpectBuildError("Sub", {kString, kString}, "not in the list of allowed values");
  ExpectBuildError("Pow", {kBool, kBool}, "not in the list of allowed values");
  ExpectShape("Betainc", {"[]", "[2,?]", "[?,3]"}, "[2,3]");
}

TEST(BinaryGradients, SameShapesAndBroadcast) {
  for (const char* op : {"AddV2", "Sub", "Mul", "MulNoNan", "SquaredDifference"}) {
    CheckGradient(op, {{2, 3}, {2, 3}});
    CheckGradient(op, {{2, 1}, {3}});
    CheckGradient(op, {{}, {2, 2}});
  }
  for (const char* op :
       {"RealDiv", "Div", "DivNoNan", "Pow", "Atan2", "Xdivy", "Xlogy", "Xlog1py"}) {
    CheckGradient(op, {{2, 3}, {2, 3}}, Between(0.5, 2));
    CheckGradient(op, {{2, 1}, {3}}, Between(0.5, 2));
  }
  for (const char* op : {"Maximum", "Minimum"}) {
    CheckGradient(op, {{2, 3}, {2, 3}});
    CheckGradient(op, {{3}, {2, 1}});
  }
  // Where the quotient doesn't jump.
  CheckGradient("FloorMod", {F64({5.3, -5.3}), F64({2, 3})}, FirstOrderOnly());
}

TEST(BinaryGradients, SpecialFunctions) {
  // By the second operand only, as TensorFlow has it.
  CheckGradient("Zeta", {GradientInput::Fixed(F64({2.5, 3})), {2}}, Between(1, 2).FirstOrderOnly());
  CheckGradient("Polygamma", {GradientInput::Fixed(F64({1, 2})), {2}}, Between(1, 2));
  CheckGradient("Betainc",
                {GradientInput::Fixed(F64({2, 3})), GradientInput::Fixed(F64({1.5, 4})), {2}},
                Between(0.2, 0.8).Within(1e-6));
  CheckGradient("Igamma", {{2}, {2}}, Between(0.5, 2).FirstOrderOnly().Within(1e-5));
}

// At 0 the factor that is not 0 alone decides: no NaN comes from the other one.
TEST(BinaryGradients, AtZero) {
  CheckGradient("Pow", {F64({2, 3}), GradientInput::Fixed(F64({0, 1}))}, FirstOrderOnly());
  OpCase("MulNoNan").In(F32({kNaN})).In(F32({0})).Out(F32({0})).RunEverywhere();
}

TEST(MathMany, Values) {
  OpCase("AddN").In(F32({1, 2})).In(F32({3, 4})).In(F32({5, 6})).Out(F32({9, 12})).RunEverywhere();
  OpCase("AddN").In(I32(5)).Out(I32(5)).RunEverywhere();
  OpCase("ClipByValue")
      .In(F32({-5, 0, 5}))
      .In(F32(-1))
      .In(F32(2))
      .Out(F32({-1, 0, 2}))
      .RunEverywhere();
  OpCase("ClipByValue")
      .In(I32({-5, 5}))
      .In(I32({-1, 0}))
      .In(I32({2, 2}))
      .Out(I32({-1, 2}))
      .RunEverywhere();
  Binary("Cross", F32({{1, 0, 0}, {0, 1, 0}}), F32({{0, 1, 0}, {0, 0, 1}}))
      .Out(F32({{0, 0, 1}, {1, 0, 0}}))
      .RunEverywhere();
  OpCase("ApproximateEqual")
      .In(F32({1, 1, kNaN}))
      .In(F32({1.05f, 1.2f, kNaN}))
      .Attr("tolerance", 0.1f)
      .Out(Bool({true, false, false}))
      .RunEverywhere();
  // Beyond the range of the integers: nothing is nearer than the lowest, all are nearer than more
  // than the largest.
  for (const float tolerance : {-1.f, 1e9f}) {
    OpCase("ApproximateEqual")
        .In(U8({1, 9}))
        .In(U8({1, 200}))
        .Attr("tolerance", tolerance)
        .Out(Bool({tolerance > 0, tolerance > 0}))
        .RunEverywhere();
  }
  Binary("BroadcastArgs", I32({2, 1}), I32({3})).Out(I32({2, 3})).RunEverywhere();
  OpCase("BroadcastGradientArgs")
      .In(I32({2, 1}))
      .In(I32({3}))
      .Out(I32({1}))
      .Out(I32({0}))
      .RunEverywhere();
}

TEST(MathMany, ShapesAndErrors) {
  ExpectShape("AddN", {"[2,?]", "[?,3]"}, "[2,3]");
  ExpectBuildError("AddN", {"[2]", "[3]"}, "must be equal, but are 2 and 3");
  OpCase("AddN").In(F32({1})).In(F32({1, 2})).ExpectRunError(Code::kInvalidArgument, "shape");
  ExpectShape("Cross", {"[?,3]", "[2,?]"}, "[2,3]");
  ExpectBuildError("Cross", {"[2,4]", "[2,4]"}, "Dimensions must be equal, but are 4 and 3");
  Binary("Cross", F32({1, 2}), F32({1, 2})).ExpectRunError(Code::kInvalidArgument, "3");
  ExpectShape("ClipByValue", {"[?,3]", "[]", "[]"}, "[?,3]");
  Binary("BroadcastArgs", I32({2}), I32({3})).ExpectRunError(Code::kInvalidArgument, "");
  ExpectBuildError("BroadcastGradientArgs", {"int32[1,1]", "int32[1]"}, "rank 1");
}

TEST(MathMany, Gradients) {
  CheckGradient("AddN", {{2, 3}, {2, 3}, {2, 3}});
  CheckGradient("Cross", {{2, 3}, {2, 3}});
  CheckGradient("ClipByValue",
                {{3, 4}, GradientInput::Fixed(F64(-0.4)), GradientInput::Fixed(F64(0.6))},
                KinkAt(-0.4).KinkAt(0.6).FirstOrderOnly());
}

TEST(BinaryFunctions, ValuesAndNames) {
  Graph g;
  GraphScope use(g);
  Session session;
  const Tensor x = ConstantOf(F32({1, -2}));
  EXPECT_EQ(Add(x, 1.f).name(), "Add:0");
  // Names that differ in case only count as the same.
  EXPECT_EQ((x + x).name(), "add_1:0");
  EXPECT_TRUE(ArraysEqual(session.Run(2.f - x), F32({1, 4})));
  EXPECT_TRUE(ArraysEqual(session.Run(x / 2.f), F32({0.5f, -1})));
  EXPECT_TRUE(ArraysEqual(session.Run(Maximum(x, 0.f)), F32({1, 0})));
}

}  // namespace
}  // namespace weft
