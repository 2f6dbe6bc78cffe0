// SPDX-License-Identifier: Apache-2.0
#include "weft/ops/math_unary.h"
#include "weft/core/complex.h"

#include <cmath>
#include <complex>

#include "tests/support/gradient_case.h"
#include "tests/support/op_case.h"

namespace weft {
namespace {

TEST(Abs, Values) {
  OpCase("Abs")
      .In(F32({-1.5f, 0, 2, kNaN, -kInf}))
      .Out(F32({1.5f, 0, 2, kNaN, kInf}))
      .RunEverywhere();
  OpCase("Abs").In(F16({-1.5f, 2})).Out(F16({1.5f, 2})).RunEverywhere();
  // The one without a positive twin wraps around.
  OpCase("Abs").In(I8({-128, -7, 7})).Out(I8({-128, 7, 7})).RunEverywhere();
  OpCase("Abs").In(F64(Shape({0, 3}), {})).Out(F64(Shape({0, 3}), {})).RunEverywhere();
}

TEST(Neg, Values) {
  OpCase("Neg").In(F32({-1, 0, 2})).Out(F32({1, -0.0f, -2})).RunEverywhere();
  OpCase("Neg").In(I32({INT32_MIN, 5})).Out(I32({INT32_MIN, -5})).RunEverywhere();
  OpCase("Neg").In(C64(complex64(1, -2))).Out(C64(complex64(-1, 2))).RunEverywhere();
}

TEST(Sign, Values) {
  OpCase("Sign")
      .In(F32({-3, -0.0f, 0, 5, kNaN, -kInf}))
      .Out(F32({-1, 0, 0, 1, kNaN, -1}))
      .RunEverywhere();
  OpCase("Sign").In(I64({-3, 0, 9})).Out(I64({-1, 0, 1})).RunEverywhere();
  OpCase("Sign")
      .In(C128({complex128(0, 0), complex128(3, -4)}))
      .Out(C128({complex128(0, 0), complex128(0.6, -0.8)}))
      .RunEverywhere();
}

TEST(Square, Values) {
  OpCase("Square").In(F32({-3, 0.5f})).Out(F32({9, 0.25f})).RunEverywhere();
  // Products of 16-bit integers would overflow int: they wrap around.
  OpCase("Square").In(U16({65535, 300})).Out(U16({1, 24464})).RunEverywhere();
  OpCase("Square").In(I32({65536, -3})).Out(I32({0, 9})).RunEverywhere();
  OpCase("Square").In(C64(complex64(1, 2))).Out(C64(complex64(-3, 4))).RunEverywhere();
}

TEST(Reciprocal, Values) {
  for (const char* op : {"Reciprocal", "Inv"}) {
    OpCase(op).In(F32({-2, 0, 4})).Out(F32({-0.5f, kInf, 0.25f})).RunEverywhere();
    OpCase(op).In(C64(complex64(3, 4))).Out(C64(complex64(0.12f, -0.16f))).RunEverywhere();
  }
}

TEST(Sqrt, Values) {
  OpCase("Sqrt").In(F32({4, 0, -1})).Out(F32({2, 0, kNaN})).RunEverywhere();
  OpCase("Sqrt").In(C128(complex128(-4, 0))).Out(C128(complex128(0, 2))).RunEverywhere();
  OpCase("Rsqrt").In(F32({4, 0, -1})).Out(F32({0.5f, kInf, kNaN})).RunEverywhere();
  OpCase("Rsqrt").In(F64({0.25})).Out(F64({2})).RunEverywhere();
}

TEST(Rounding, Values) {
  const Array x = F32({-2.5f, -1.5f, -0.4f, 0.5f, 1.5f, 2.6f, kNaN, kInf});
  OpCase("Round").In(x).Out(F32({-2, -2, -0.0f, 0, 2, 3, kNaN, kInf})).Exact().RunEverywhere();
  OpCase("Rint").In(x).Out(F32({-2, -2, -0.0f, 0, 2, 3, kNaN, kInf})).Exact().RunEverywhere();
  OpCase("Floor").In(x).Out(F32({-3, -2, -1, 0, 1, 2, kNaN, kInf})).Exact().RunEverywhere();
  OpCase("Ceil").In(x).Out(F32({-2, -1, -0.0f, 1, 2, 3, kNaN, kInf})).Exact().RunEverywhere();
  OpCase("Round").In(I32({-7, 3})).Out(I32({-7, 3})).RunEverywhere();
  OpCase("Floor").In(BF16({-1.5f, 2})).Out(BF16({-2, 2})).RunEverywhere();
}

TEST(Tests, OfSpecialValues) {
  const Array x = F32({1, kNaN, kInf, -kInf});
  OpCase("IsNan").In(x).Out(Bool({false, true, false, false})).RunEverywhere();
  OpCase("IsInf").In(x).Out(Bool({false, false, true, true})).RunEverywhere();
  OpCase("IsFinite").In(x).Out(Bool({true, false, false, false})).RunEverywhere();
  OpCase("IsNan").In(F16({1, kNaN})).Out(Bool({false, true})).RunEverywhere();
}

TEST(Exponentials, Values) {
  OpCase("Exp")
      .In(F32({0, 1, -200, 200, -kInf}))
      .Out(F32({1, 2.7182817f, 0, kInf, 0}))
      .RunEverywhere();
  OpCase("Expm1").In(F64({1e-10, -40})).Out(F64({1.00000000005e-10, -1})).RunEverywhere();
  OpCase("Log").In(F32({1, 0, -1, kInf})).Out(F32({0, -kInf, kNaN, kInf})).RunEverywhere();
  OpCase("Log1p").In(F32({1e-8f, -1, -2})).Out(F32({1e-8f, -kInf, kNaN})).RunEverywhere();
  OpCase("Sigmoid").In(F32({0, 100, -100})).Out(F32({0.5f, 1, 3.783506e-44f})).RunEverywhere();
  OpCase("Tanh").In(F32({0, 20, -20, 1e-20f})).Out(F32({0, 1, -1, 1e-20f})).RunEverywhere();
  OpCase("Exp").In(C128(complex128(0, M_PI))).Out(C128(complex128(-1, 0))).RunEverywhere();
  // No digit is lost near 0, neither of complex numbers.
  OpCase("Expm1")
      .In(C128(complex128(1e-12, 1e-12)))
      .Out(C128(complex128(1e-12, 1e-12)))
      .Within(1e-11, 0)
      .RunEverywhere();
  OpCase("Log1p")
      .In(C128(complex128(1e-12, 1e-12)))
      .Out(C128(complex128(1e-12, 1e-12)))
      .Within(1e-11, 0)
      .RunEverywhere();
}

TEST(Trigonometry, Values) {
  OpCase("Sin").In(F64({0, M_PI / 2, 1e6})).Out(F64({0, 1, -0.34999350217129294})).RunEverywhere();
  OpCase("Cos").In(F32({0, 100000, kInf})).Out(F32({1, -0.99936080f, kNaN})).RunEverywhere();
  OpCase("Tan").In(F32({0, 0.78539816f})).Out(F32({0, 1})).RunEverywhere();
  OpCase("Asin").In(F32({0.5f, 2})).Out(F32({0.52359879f, kNaN})).RunEverywhere();
  OpCase("Atan").In(F64({1})).Out(F64({M_PI / 4})).RunEverywhere();
  OpCase("Acosh").In(F32({1, 0.5f})).Out(F32({0, kNaN})).RunEverywhere();
  OpCase("Sinh")
      .In(F32({-1e-20f, 89, -100}))
      .Out(F32({-1e-20f, 2.2448063e38f, -kInf}))
      .Within(1e-5, 0)
      .RunEverywhere();
  OpCase("Cosh").In(F32({0, 89})).Out(F32({1, 2.2448063e38f})).Within(1e-5, 0).RunEverywhere();
}

TEST(MathUnary, LargeInputsAreCutIntoPieces) {
  Array x(kFloat32, Shape({300, 1001})), want(kFloat32, Shape({300, 1001}));
  for (int64_t i = 0; i < x.num_elements(); ++i) {
    x.mutable_data<float>()[i] = static_cast<float>(i % 2003) * 0.01f - 10;
    want.mutable_data<float>()[i] = std::tanh(x.data<float>()[i]);
  }
  OpCase("Tanh").In(x).Out(want).Within(1e-6, 1e-7).RunEverywhere();
}

TEST(MathUnary, Shapes) {
  for (const char* op : {"Abs", "Neg", "Exp", "Sin", "Rsqrt", "Sigmoid", "Round", "IsNan"}) {
    ExpectShape(op, {"[?,3]"}, "[?,3]");
    ExpectShape(op, {"?"}, "?");
  }
  ExpectShape("TanhGrad", {"[?,3]", "[2,?]"}, "[?,3]");
}

TEST(MathUnary, BadTypes) {
  ExpectBuildError("Exp", {kInt32}, "not in the list of allowed values");
  ExpectBuildError("Floor", {kComplex64}, "not in the list of allowed values");
  ExpectBuildError("Abs", {kComplex64}, "not in the list of allowed values");
}

TEST(GradientOps, NeedAsManyElements) {
  OpCase("TanhGrad")
      .In(F32({1, 2}))
      .In(F32({1, 2, 3}))
      .ExpectRunError(Code::kInvalidArgument, "2 and 3");
  OpCase("SigmoidGrad").In(F64({0.5, 0.25})).In(F64({4, 8})).Out(F64({1, 1.5})).RunEverywhere();
  OpCase("ReciprocalGrad").In(F32({0.5f})).In(F32({8})).Out(F32({-2})).RunEverywhere();
  OpCase("SqrtGrad").In(F32({2})).In(F32({8})).Out(F32({2})).RunEverywhere();
  OpCase("RsqrtGrad").In(F16({2})).In(F16({1})).Out(F16({-4})).RunEverywhere();
}

struct Differentiable {
  const char* op;
  double low, high;
};

class MathUnaryGradient : public testing::TestWithParam<Differentiable> {};

TEST_P(MathUnaryGradient, MatchesDifferences) {
  const Differentiable& d = GetParam();
  CheckGradient(d.op, {{2, 3}}, Between(d.low, d.high));
}

INSTANTIATE_TEST_SUITE_P(
    All, MathUnaryGradient,
    testing::Values(Differentiable{"Abs", 0.2, 2}, Differentiable{"Neg", -2, 2},
                    Differentiable{"Square", -2, 2}, Differentiable{"Reciprocal", 0.5, 2},
                    Differentiable{"Inv", -2, -0.5}, Differentiable{"Sqrt", 0.5, 3},
                    Differentiable{"Rsqrt", 0.5, 3}, Differentiable{"Exp", -2, 2},
                    Differentiable{"Expm1", -2, 2}, Differentiable{"Log", 0.3, 3},
                    Differentiable{"Log1p", -0.5, 3}, Differentiable{"Sigmoid", -3, 3},
                    Differentiable{"Tanh", -2, 2}, Differentiable{"Sin", -3, 3},
                    Differentiable{"Cos", -3, 3}, Differentiable{"Tan", -1, 1},
                    Differentiable{"Asin", -0.8, 0.8}, Differentiable{"Acos", -0.8, 0.8},
                    Differentiable{"Atan", -3, 3}, Differentiable{"Sinh", -2, 2},
                    Differentiable{"Cosh", -2, 2}, Differentiable{"Asinh", -3, 3},
                    Differentiable{"Acosh", 1.5, 4}, Differentiable{"Atanh", -0.8, 0.8}),
    [](const testing::TestParamInfo<Differentiable>& info) { return info.param.op; });

TEST(MathUnaryGradient, OfComplexNumbers) {
  for (const char* op : {"Square", "Exp", "Log", "Sin", "Tanh", "Sigmoid", "Sqrt", "Reciprocal"}) {
    CheckGradient(op, {C128({complex128(0.7, 0.4), complex128(1.2, -0.6)})}, AsDtype(kComplex128));
  }
}

TEST(MathUnaryGradient, OfGradientOps) {
  for (const char* op :
       {"ReciprocalGrad", "InvGrad", "SqrtGrad", "RsqrtGrad", "SigmoidGrad", "TanhGrad"}) {
    CheckGradient(op, {{2, 3}, {2, 3}}, Between(0.4, 1.5));
  }
}

TEST(MathUnaryFunctions, NamesAndNodes) {
  Graph g;
  GraphScope use(g);
  const Tensor x = PlaceholderOf(kFloat32, {2, 3});
  EXPECT_EQ(Exp(x).name(), "Exp:0");
  EXPECT_EQ((-x).name(), "Neg:0");
  EXPECT_EQ(Negative(x, "minus").op().type(), "Neg");
  EXPECT_EQ(LogSigmoid(x).name(), "LogSigmoid:0");
  EXPECT_TRUE(g.FindOperation("LogSigmoid/Softplus"));
  const Tensor z = PlaceholderOf(kComplex128, {2});
  EXPECT_EQ(Abs(z).op().type(), "ComplexAbs");
  EXPECT_EQ(Abs(z).dtype(), kFloat64);
  const Tensor n = PlaceholderOf(kInt32, {});
  EXPECT_EQ(Round(n), n);
  EXPECT_THROW(Exp(n), InvalidArgumentError);
}

}  // namespace
}  // namespace weft
