// SPDX-License-Identifier: Apache-2.0
// Expected values: TensorFlow 2.15.1's, on a CPU without oneDNN.
#include "weft/ops/quantize.h"

#include "tests/support/gradient_case.h"
#include "tests/support/op_case.h"
#include "weft/gradients/gradients.h"
#include "weft/ops/math_binary.h"
#include "weft/ops/math_unary.h"

namespace weft {
namespace {

constexpr Literal<qint16, int16_t> Q16;
constexpr Literal<quint16, uint16_t> QU16;

TEST(QuantizeV2, Modes) {
  const Array x = F32({-1, -0.5f, 0, 0.3f, 1, 2, 3});
  const auto quantize = [&](const char* mode, Array want, float low) {
    OpCase("QuantizeV2")
        .In(x)
        .In(F32(-1))
        .In(F32(2))
        .Attr("T", want.dtype())
        .Attr("mode", mode)
        .Out(want)
        .Out(F32(low))
        .Out(F32(2))
        .RunEverywhere();
  };
  quantize("MIN_COMBINED", QU8({0, 43, 85, 110, 170, 255, 255}), -1);
  quantize("MIN_COMBINED", Q8({-128, -86, -43, -18, 42, 127, 127}), -1);
  quantize("MIN_COMBINED", QU16({0, 10923, 21845, 28398, 43690, 65535, 65535}), -1);
  quantize("MIN_COMBINED", Q16({-32768, -21846, -10923, -4370, 10922, 32767, 32767}), -1);
  quantize("MIN_FIRST", QU8({0, 42, 85, 111, 170, 255, 255}), -1);
  quantize("MIN_FIRST", Q8({-128, -86, -43, -17, 42, 127, 127}), -1);
  quantize("MIN_FIRST", Q16({-32768, -21846, -10923, -4369, 10922, 32767, 32767}), -1);
  quantize("SCALED", QU8({0, 0, 0, 38, 128, 255, 255}), 0);
  quantize("SCALED", Q8({-64, -32, 0, 19, 64, 127, 127}), -2.0157480f);
}

TEST(QuantizeV2, AxisAndSpecialValues) {
  OpCase("QuantizeV2")
      .In(F32({{0, 1}, {0, 1}}))
      .In(F32({0, 0}))
      .In(F32({1, 10}))
      .Attr("T", kQuint8)
      .Attr("axis", int64_t{0})
      .Out(QU8({{0, 255}, {0, 26}}))
      .Out(F32({0, 0}))
      .Out(F32({1, 10}))
      .RunEverywhere();
  // What has no integer stays within the type.
  OpCase("QuantizeV2")
      .In(F32({kInf, -kInf}))
      .In(F32(-1))
      .In(F32(1))
      .Attr("T", kQint32)
      .Attr("mode", "MIN_FIRST")
      .Out(Q32({2147483520, INT32_MIN}))
      .Out(F32(-1))
      .Out(F32(1))
      .RunEverywhere();
}

TEST(QuantizeV2, ShapesAndErrors) {
  const AttrMap attrs = {{"T", kQuint8}};
  ExpectShape("QuantizeV2", {"[2,?]", "[]", "[]"}, "[2,?];[];[]", attrs);
  AttrMap axis = attrs;
  axis.insert_or_assign("axis", int64_t{1});
  ExpectShape("QuantizeV2", {"[2,3]", "[?]", "[?]"}, "[2,3];[3];[3]", axis);
  ExpectBuildError("QuantizeV2", {"[2,3]", "[1]", "[]"}, "rank", attrs);
  ExpectBuildError("QuantizeV2", {"[2,3]", "[4]", "[4]"}, "must be equal", axis);
  OpCase("QuantizeV2")
      .In(F32({1}))
      .In(F32({0}))
      .In(F32(1))
      .Attr("T", kQuint8)
      .ExpectRunError(Code::kInvalidArgument, "min_range must be a scalar");
  OpCase("QuantizeV2")
      .In(F32({1}))
      .In(F32(0))
      .In(F32(1))
      .Attr("T", kQuint8)
      .Attr("round_mode", "HALF_TO_EVEN")
      .ExpectRunError(Code::kInvalidArgument, "Round mode 'HALF_TO_EVEN' only supported");
}

TEST(Dequantize, Modes) {
  const auto dequantize = [](const char* mode, Array x, Array want) {
    OpCase("Dequantize")
        .In(std::move(x))
        .In(F32(-1))
        .In(F32(2))
        .Attr("mode", mode)
        .Out(std::move(want))
        .Within(1e-6, 1e-7)
        .RunEverywhere();
  };
  const Array bytes = QU8({0, 1, 128, 255}), signed_bytes = Q8({-128, -1, 0, 127});
  dequantize("MIN_COMBINED", bytes, F32({-1, -0.98823529f, 0.50588238f, 2}));
  dequantize("MIN_FIRST", signed_bytes, F32({-1, 0.49411764f, 0.50588238f, 2}));
  dequantize("SCALED", bytes, F32({0, 0.00784314f, 1.00392163f, 2}));
  dequantize("SCALED", signed_bytes, F32({-2.0157480f, -0.01574803f, 0, 2}));
  OpCase("Dequantize")
      .In(QU8({{0, 255}, {0, 255}}))
      .In(F32({0, 1}))
      .In(F32({1, 3}))
      .Attr("axis", int64_t{0})
      .Out(F32({{0, 1}, {1, 3}}))
      .RunEverywhere();
  OpCase("Dequantize")
      .In(QU8({255}))
      .In(F32(0))
      .In(F32(2))
      .Attr("dtype", kBfloat16)
      .Out(BF16({2}))
      .RunEverywhere();
}

TEST(Dequantize, Errors) {
  OpCase("Dequantize")
      .In(QU8({{1}}))
      .In(F32({1, 2}))
      .In(F32({1, 2}))
      .Attr("axis", int64_t{0})
      .ExpectRunError(Code::kInvalidArgument, "as many elements");
  OpCase("Dequantize")
      .In(QU8({1}))
      .In(F32({1}))
      .In(F32({1}))
      .Attr("axis", int64_t{3})
      .ExpectRunError(Code::kInvalidArgument, "given axis value was 3");
}

Array RoundTripInput() { return F32({-1.5f, -0.3f, 0, 0.26f, 0.7f, 3}); }

OpCase RoundTrip(float low, float high) {
  OpCase c("QuantizeAndDequantizeV2");
  c.In(RoundTripInput()).In(F32(low)).In(F32(high));
  return c;
}

TEST(QuantizeAndDequantize, Values) {
  // The range of the values, or the one that is given.
  RoundTrip(0, 0)
      .Out(F32({-1.5118110f, -0.3070866f, 0, 0.2598425f, 0.7086614f, 3}))
      .Within(1e-6, 0)
      .RunEverywhere();
  RoundTrip(-1, 1)
      .Attr("range_given", true)
      .Out(F32({-1.0078740f, -0.2992126f, 0, 0.2598425f, 0.7007874f, 1}))
      .Within(1e-6, 0)
      .RunEverywhere();
  RoundTrip(0, 1)
      .Attr("range_given", true)
      .Attr("signed_input", false)
      .Attr("num_bits", int64_t{4})
      .Out(F32({0, 0, 0, 4.f / 15, 10.f / 15, 1}))
      .Within(1e-6, 0)
      .RunEverywhere();
  RoundTrip(-1, 1)
      .Attr("range_given", true)
      .Attr("narrow_range", true)
      .Attr("round_mode", "HALF_UP")
      .Attr("num_bits", int64_t{3})
      .Out(F32({-1, -1.f / 3, 0, 1.f / 3, 2.f / 3, 1}))
      .Within(1e-6, 0)
      .RunEverywhere();
  OpCase("QuantizeAndDequantizeV3")
      .In(RoundTripInput())
      .In(F32(-1))
      .In(F32(1))
      .In(I32(4))
      .Out(F32({-8.f / 7, -2.f / 7, 0, 2.f / 7, 5.f / 7, 1}))
      .Within(1e-6, 0)
      .RunEverywhere();
  OpCase("QuantizeAndDequantizeV2")
      .In(F32({{-1.5f, -0.3f}, {0, 0.26f}, {0.7f, 3}}))
      .In(F32({-1, -2}))
      .In(F32({1, 2}))
      .Attr("range_given", true)
      .Attr("axis", int64_t{1})
      .Out(F32({{-1.0078740f, -0.2992126f}, {0, 0.2677165f}, {0.7007874f, 2}}))
      .Within(1e-6, 0)
      .RunEverywhere();
}

TEST(QuantizeAndDequantize, Errors) {
  for (const int64_t bits : {0, 64}) {
    RoundTrip(-1, 1)
        .Attr("range_given", true)
        .Attr("num_bits", bits)
        .ExpectRunError(Code::kInvalidArgument, "num_bits");
  }
  RoundTrip(1, -1).Attr("range_given", true).ExpectRunError(Code::kInvalidArgument, "1");
  ExpectBuildError("QuantizeAndDequantizeV4", {"[2]", "[]", "[]"}, "axis should be at least -1",
                   {{"axis", int64_t{-2}}});
  ExpectShape("QuantizeAndDequantizeV3", {"[2,?]", "[]", "[]", "int32[]"}, "[2,?]");
}

TEST(QuantizeAndDequantize, GradientPassesWhatWasNotClamped) {
  OpCase("QuantizeAndDequantizeV4Grad")
      .In(F32({1, 2, 3, 4, 5, 6}))
      .In(RoundTripInput())
      .In(F32(-1))
      .In(F32(1))
      .Out(F32({0, 2, 3, 4, 5, 0}))
      .Out(F32(0))
      .Out(F32(0))
      .RunEverywhere();
  Graph g;
  GraphScope use(g);
  const Tensor x = ConstantOf(RoundTripInput());
  const Tensor y = QuantizeAndDequantize(x, -1.f, 1.f, {.range_given = true});
  const Tensor dx = DenseGradient(Gradients({Square(y)}, {x})[0]);
  const std::vector<Array> got = Session().Run(std::vector<Fetch>{dx, y * 2.f});
  EXPECT_TRUE(ArraysEqual(got[0], got[1]));
}

TEST(FakeQuant, Values) {
  const Array x = F32({-10, -3.3f, -0.01f, 0, 0.02f, 1.26f, 5.99f, 10});
  OpCase("FakeQuantWithMinMaxArgs")
      .In(x)
      .Out(F32({-6.0235295f, -3.2941177f, 0, 0, 0, 1.2705883f, 5.9764705f, 5.9764705f}))
      .Within(1e-6, 0)
      .RunEverywhere();
  OpCase("FakeQuantWithMinMaxArgs")
      .In(x)
      .Attr("min", 0.f)
      .Attr("max", 5.f)
      .Attr("num_bits", int64_t{4})
      .Attr("narrow_range", true)
      .Out(F32({0, 0, 0, 0, 0, 1.4285715f, 5, 5}))
      .Within(1e-6, 0)
      .RunEverywhere();
  // The range is moved so that 0 is a step; if 0 lies outside, it becomes an end.
  OpCase("FakeQuantWithMinMaxVars")
      .In(x)
      .In(F32(-1.2f))
      .In(F32(2.1f))
      .Attr("num_bits", int64_t{3})
      .Out(F32({-1.4142857f, -1.4142857f, 0, 0, 0, 1.4142857f, 1.8857143f, 1.8857143f}))
      .Within(1e-6, 0)
      .RunEverywhere();
  OpCase("FakeQuantWithMinMaxVars")
      .In(x)
      .In(F32(1.2f))
      .In(F32(2.1f))
      .Attr("num_bits", int64_t{3})
      .Out(F32({0, 0, 0, 0, 0, 0.9f, 0.9f, 0.9f}))
      .Within(1e-6, 0)
      .RunEverywhere();
  OpCase("FakeQuantWithMinMaxVars")
      .In(F32({1, 2}))
      .In(F32(0))
      .In(F32(0))
      .Out(F32({0, 0}))
      .RunEverywhere();
  OpCase("FakeQuantWithMinMaxVarsPerChannel")
      .In(F32({{-10, -3.3f}, {-0.01f, 0}, {0.02f, 1.26f}, {5.99f, 10}}))
      .In(F32({-1, 0}))
      .In(F32({1, 7}))
      .Attr("num_bits", int64_t{3})
      .Out(F32({{-0.8571429f, 0}, {0, 0}, {0, 1}, {1.1428572f, 7}}))
      .Within(1e-6, 0)
      .RunEverywhere();
}

TEST(FakeQuant, GradientValues) {
  const Array dy = F32({1, 2, 3, 4, 5, 6, 7, 8});
  const Array x = F32({-10, -3.3f, -0.01f, 0, 0.02f, 1.26f, 5.99f, 10});
  OpCase("FakeQuantWithMinMaxArgsGradient")
      .In(dy)
      .In(x)
      .Out(F32({0, 2, 3, 4, 5, 6, 0, 0}))
      .RunEverywhere();
  OpCase("FakeQuantWithMinMaxVarsGradient")
      .In(dy)
      .In(x)
      .In(F32(-1))
      .In(F32(2))
      .Out(F32({0, 0, 3, 4, 5, 6, 0, 0}))
      .Out(F32(3))
      .Out(F32(15))
      .RunEverywhere();
  OpCase("FakeQuantWithMinMaxVarsPerChannelGradient")
      .In(F32({{1, 2}, {3, 4}, {5, 6}, {7, 8}}))
      .In(F32({{-10, -3.3f}, {-0.01f, 0}, {0.02f, 1.26f}, {5.99f, 10}}))
      .In(F32({-1, 0}))
      .In(F32({1, 7}))
      .Out(F32({{0, 0}, {3, 4}, {5, 6}, {0, 0}}))
      .Out(F32({1, 2}))
      .Out(F32({7, 8}))
      .RunEverywhere();
}

TEST(FakeQuant, ShapesAndErrors) {
  ExpectShape("FakeQuantWithMinMaxArgs", {"[2,?]"}, "[2,?]");
  ExpectShape("FakeQuantWithMinMaxVars", {"[2,?]", "[]", "[]"}, "[2,?]");
  ExpectShape("FakeQuantWithMinMaxVarsPerChannel", {"[2,?]", "[3]", "[?]"}, "[2,3]");
  ExpectBuildError("FakeQuantWithMinMaxVars", {"[2]", "[1]", "[]"}, "Shape must be rank 0");
  ExpectBuildError("FakeQuantWithMinMaxVarsPerChannel", {"[2,4]", "[3]", "[3]"}, "must be equal");
  for (const int64_t bits : {1, 17}) {
    OpCase("FakeQuantWithMinMaxArgs")
        .In(F32({1}))
        .Attr("num_bits", bits)
        .ExpectRunError(Code::kInvalidArgument, "num_bits must be between 2 and 16");
  }
  for (const float high : {1.f, 0.5f}) {
    OpCase("FakeQuantWithMinMaxArgs")
        .In(F32({1}))
        .Attr("min", 1.f)
        .Attr("max", high)
        .ExpectRunError(Code::kInvalidArgument, "min has to be smaller than max");
  }
  OpCase("FakeQuantWithMinMaxVars")
      .In(F32({1}))
      .In(F32({0}))
      .In(F32({1}))
      .ExpectRunError(Code::kInvalidArgument, "rank 0");
  OpCase("FakeQuantWithMinMaxVarsPerChannel")
      .In(F32({1, 2}))
      .In(F32({0}))
      .In(F32({1}))
      .ExpectRunError(Code::kInvalidArgument, "min");
}

// The rules take rounding for the identity, so differences of the rounded values don't show them:
// the gradients are those of clamping.
TEST(FakeQuant, Rules) {
  Graph g;
  GraphScope use(g);
  const Tensor x = ConstantOf(F32({-3, 0.5f, 4})), low = ConstantOf(F32(-1)),
               high = ConstantOf(F32(2));
  const Tensor y = FakeQuantWithMinMaxVars(x, low, high);
  const Tensor weighted = y * ConstantOf(F32({1, 10, 100}));
  const std::vector<Grad> d = Gradients({weighted}, {x, low, high});
  const std::vector<Array> got = Session().Run(
      std::vector<Fetch>{DenseGradient(d[0]), DenseGradient(d[1]), DenseGradient(d[2])});
  EXPECT_TRUE(ArraysEqual(got[0], F32({0, 10, 0})));
  EXPECT_TRUE(ArraysEqual(got[1], F32(1)));
  EXPECT_TRUE(ArraysEqual(got[2], F32(100)));
}

// The rank of the gradient decides where that of the input is unknown.
TEST(FakeQuantPerChannelGradient, ShapeOfScalars) {
  ExpectBuildError("FakeQuantWithMinMaxVarsPerChannelGradient", {"?", "[]", "[?]", "[?]"},
                   "must be at least rank 1");
  ExpectShape("FakeQuantWithMinMaxVarsPerChannelGradient", {"?", "[2,?]", "[3]", "[?]"},
              "[2,3];[3];[3]");
}

}  // namespace
}  // namespace weft
