// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <limits>

#include "tests/support/gradient_case.h"
#include "tests/support/op_case.h"
#include "weft/core/complex.h"
#include "weft/ops/basic.h"
#include "weft/ops/math_unary.h"

namespace weft {
namespace {

TEST(Complex, Values) {
  OpCase("Complex")
      .In(F32({{1, 2}, {3, 4}}))
      .In(F32({5, 6}))
      .Attr("Tout", kComplex64)
      .Out(C64({{complex64(1, 5), complex64(2, 6)}, {complex64(3, 5), complex64(4, 6)}}))
      .RunEverywhere();
  ExpectShape("Complex", {"[?,3]", "[2,1]"}, "[2,3]");
  ExpectBuildError("Complex", {"[2]", "[3]"}, "must be equal");
}

TEST(Parts, Values) {
  const Array z = C128({complex128(3, -4), complex128(-1, 0)});
  OpCase("Real").In(z).Attr("Tout", kFloat64).Out(F64({3, -1})).RunEverywhere();
  OpCase("Imag").In(z).Attr("Tout", kFloat64).Out(F64({-4, 0})).RunEverywhere();
  OpCase("ComplexAbs").In(z).Attr("Tout", kFloat64).Out(F64({5, 1})).RunEverywhere();
  OpCase("Angle").In(z).Attr("Tout", kFloat64).Out(F64({std::atan2(-4, 3), M_PI})).RunEverywhere();
  OpCase("Conj").In(z).Out(C128({complex128(3, 4), complex128(-1, -0.0)})).RunEverywhere();
}

TEST(Parts, Gradients) {
  const Array z = C128({complex128(0.7, 0.4), complex128(-1.2, 0.6)});
  for (const char* op : {"Real", "Imag", "ComplexAbs", "Angle"}) {
    CheckGradient(op, {z}, AsDtype(kComplex128).FirstOrderOnly(), {{"Tout", kFloat64}});
  }
  CheckGradient("Conj", {z}, AsDtype(kComplex128));
  CheckGradient("Complex", {{2, 3}, {3}}, {}, {{"Tout", kComplex128}});
}

TEST(Cast, CutsFractionsOff) {
  OpCase("Cast")
      .In(F32({1.9f, -1.9f, 0.5f}))
      .Attr("DstT", kInt32)
      .Out(I32({1, -1, 0}))
      .RunEverywhere();
  OpCase("Cast").In(F16({1.9f, -1.9f})).Attr("DstT", kInt64).Out(I64({1, -1})).RunEverywhere();
  OpCase("Cast").In(C64(complex64(2.5f, 7))).Attr("DstT", kUint8).Out(U8(2)).RunEverywhere();
}

TEST(Cast, WhatDoesNotFit) {
  const double huge = 1e30, nan = std::numeric_limits<double>::quiet_NaN();
  OpCase("Cast")
      .In(F64({huge, -huge, nan}))
      .Attr("DstT", kInt32)
      .Out(I32({INT32_MIN, INT32_MIN, INT32_MIN}))
      .RunEverywhere();
  OpCase("Cast")
      .In(F64({huge, nan}))
      .Attr("DstT", kInt64)
      .Out(I64({INT64_MIN, INT64_MIN}))
      .RunEverywhere();
  OpCase("Cast")
      .In(F64({1e19, 3e9}))
      .Attr("DstT", kUint64)
      .Out(U64({10000000000000000000u, 3000000000u}))
      .RunEverywhere();
  OpCase("Cast").In(F32({3e9f})).Attr("DstT", kUint32).Out(U32({3000000000u})).RunEverywhere();
  OpCase("Cast").In(I32({300, -1})).Attr("DstT", kUint8).Out(U8({44, 255})).RunEverywhere();
  OpCase("Cast")
      .In(F32({1e30f, 70000}))
      .Attr("DstT", kFloat16)
      .Out(F16({kInf, kInf}))
      .RunEverywhere();
}

TEST(Cast, Bool) {
  OpCase("Cast")
      .In(F32({0, -0.0f, 0.25f, kNaN}))
      .Attr("DstT", kBool)
      .Out(Bool({false, false, true, true}))
      .RunEverywhere();
  OpCase("Cast")
      .In(Bool({true, false}))
      .Attr("DstT", kComplex64)
      .Out(C64({complex64(1, 0), complex64(0, 0)}))
      .RunEverywhere();
}

TEST(Cast, Truncates) {
  OpCase("Cast")
      .In(F32({0.3f, -0.3f, kNaN}))
      .Attr("DstT", kBfloat16)
      .Attr("Truncate", true)
      .Out(BF16({0.298828125f, -0.298828125f, kNaN}))
      .Exact()
      .RunEverywhere();
  OpCase("Cast")
      .In(F32({0.3f}))
      .Attr("DstT", kBfloat16)
      .Out(BF16({0.30078125f}))
      .Exact()
      .RunEverywhere();
  OpCase("Cast")
      .In(F64({1 + 0x1.ffp-24}))
      .Attr("DstT", kFloat32)
      .Attr("Truncate", true)
      .Out(F32({1}))
      .Exact()
      .RunEverywhere();
}

TEST(Cast, QuantizedIntegersAreTheirIntegers) {
  OpCase("Cast").In(Q8({-3, 7})).Attr("DstT", kFloat32).Out(F32({-3, 7})).RunEverywhere();
  OpCase("Cast").In(F32({-3, 7})).Attr("DstT", kQint8).Out(Q8({-3, 7})).RunEverywhere();
}

TEST(Cast, ShapesAndErrors) {
  ExpectShape("Cast", {"[?,3]"}, "[?,3]", {{"DstT", kInt32}});
  OpCase("Cast")
      .In(Str({"a"}))
      .Attr("DstT", kFloat32)
      .ExpectRunError(Code::kUnimplemented, "Cast string to float");
}

TEST(Cast, Gradients) {
  CheckGradient("Cast", {{3}}, {}, {{"DstT", kComplex128}});
  Graph g;
  GraphScope use(g);
  const Tensor x = PlaceholderOf(kFloat32, {2});
  EXPECT_EQ(Cast(x, kFloat32), x);
  EXPECT_EQ(Cast(x, kInt32).dtype(), kInt32);
}

TEST(SaturateCast, TakesTheNearestThatFits) {
  Graph g;
  GraphScope use(g);
  Session session;
  const auto saturated = [&](const Array& x, DataType to) {
    return session.Run(SaturateCast(x, to));
  };
  EXPECT_TRUE(
      ArraysEqual(saturated(F32({-1e10f, 1e10f, 7.9f}), kInt32), I32({INT32_MIN, 2147483520, 7})));
  EXPECT_TRUE(ArraysEqual(saturated(F64({-5, 300, 100.5}), kUint8), U8({0, 255, 100})));
  EXPECT_TRUE(ArraysEqual(saturated(I32({-40000, 40000, 5}), kInt16), I16({-32768, 32767, 5})));
  EXPECT_TRUE(ArraysEqual(saturated(I64({-1, 5}), kUint64), U64({0, 5})));
  EXPECT_THROW(SaturateCast(Bool({true}), kInt32), InvalidArgumentError);
}

TEST(ComplexFunctions, OfRealNumbers) {
  Graph g;
  GraphScope use(g);
  Session session;
  const Tensor x = ConstantOf(F32({-2, 3}));
  EXPECT_EQ(Real(x), x);
  EXPECT_EQ(Conj(x), x);
  EXPECT_TRUE(ArraysEqual(session.Run(Imag(x)), F32({0, 0})));
  EXPECT_TRUE(ArraysNear(session.Run(Angle(x)), F32({3.14159265f, 0}), {1e-7, 0}));
  EXPECT_EQ(Complex(x, x).dtype(), kComplex64);
  EXPECT_EQ(Complex(ConstantOf(F64({1})), 0).dtype(), kComplex128);
}

}  // namespace
}  // namespace weft
