// SPDX-License-Identifier: Apache-2.0
// Expected values: TensorFlow 2.15.1's, on a CPU.
#include "tests/support/op_case.h"

namespace weft {
namespace {

Array X() { return QU8({0, 1, 100, 200, 255}); }
Array Y() { return QU8({3, 200, 0, 255, 17}); }

struct Ends {
  float low, high;
};

OpCase Binary(const char* op, Array x, Array y, Ends x_range, Ends y_range) {
  OpCase c(op);
  c.In(std::move(x)).In(std::move(y));
  for (const float v : {x_range.low, x_range.high, y_range.low, y_range.high}) c.In(F32(v));
  return c;
}

TEST(QuantizedAdd, Values) {
  Binary("QuantizedAdd", X(), Y(), {-1, 1}, {-2, 6})
      .Out(Q32({-63567, 71550, -48422, 143453, -10117}))
      .Out(F32(-98304))
      .Out(F32(98304))
      .RunEverywhere();
  Binary("QuantizedAdd", X(), QU8(7), {-1, 1}, {-2, 6})
      .Out(Q32({-60825, -60653, -43625, -26425, -16965}))
      .Out(F32(-98304))
      .Out(F32(98304))
      .RunEverywhere();
  Binary("QuantizedAdd", QU8({{0, 1}, {200, 255}}), QU8({3, 200}), {-1, 1}, {-2, 6})
      .Out(Q32({{-63567, 71550}, {-29167, 115238}}))
      .Out(F32(-98304))
      .Out(F32(98304))
      .RunEverywhere();
}

TEST(QuantizedMul, Values) {
  Binary("QuantizedMul", X(), Y(), {-0.3f, 7}, {0, 9})
      .Out(Q32({-30, -1800, 0, 48450, 4165}))
      .Out(F32(-2169776))
      .Out(F32(2169776))
      .RunEverywhere();
  Binary("QuantizedMul", QU8({{0, 1, 2}, {3, 4, 5}}), QU8({{1}, {2}}), {0, 255}, {0, 255})
      .Out(Q32({{0, 1, 2}, {6, 8, 10}}))
      .Out(F32(-2147483648.f))
      .Out(F32(2147483648.f))
      .RunEverywhere();
}

TEST(QuantizedArithmetic, ShapesAndErrors) {
  for (const char* op : {"QuantizedAdd", "QuantizedMul"}) {
    const AttrMap types = {{"T1", kQuint8}, {"T2", kQuint8}};
    ExpectShape(op, {"quint8[2,?]", "quint8[3]", "[]", "[]", "[]", "[]"}, "[2,3];[];[]", types);
    ExpectBuildError(op, {"quint8[2]", "quint8[2]", "[1]", "[]", "[]", "[]"},
                     "Shape must be rank 0 but is rank 1", types);
    Binary(op, X(), Y(), {1, 1}, {0, 1})
        .ExpectRunError(Code::kInvalidArgument, "max_x must be larger than min_x");
    Binary(op, X(), Y(), {0, 1}, {kNaN, 1})
        .ExpectRunError(Code::kInvalidArgument, "max_y must be larger than min_y");
    Binary(op, QU8({1, 2}), QU8({1, 2, 3}), {0, 1}, {0, 1})
        .ExpectRunError(Code::kInvalidArgument, "Incompatible shapes");
    Binary(op, QU8({{1}, {2}}), QU8(Shape({2, 0}), {}), {0, 1}, {0, 1})
        .ExpectRunError(Code::kInvalidArgument, "no elements");
    // Ranges that no number fits into are no reason to fail.
    Binary(op, X(), Y(), {0, kInf}, {-kInf, 1}).AnyOut().AnyOut().AnyOut().RunEverywhere();
  }
}

TEST(QuantizedBiasAdd, Values) {
  const auto bias_add = [](Array x, Array bias) {
    return Binary("QuantizedBiasAdd", std::move(x), std::move(bias), {-1, 1}, {-2, 6})
        .Attr("out_type", kQint32);
  };
  bias_add(QU8({{0, 1, 100, 200, 255}, {3, 200, 0, 255, 17}}), Y())
      .Out(Q32({{-7946, 8952, -6061, 17926, -1285}, {-7882, 13214, -8203, 19104, -6382}}))
      .Out(F32(-786432))
      .Out(F32(786432))
      .RunEverywhere();
  bias_add(Q8({{1, -128, 127}, {5, 6, -7}}), Q8({-128, 3, 127}))
      .Out(Q32({{-5440, 3020, 19104}, {-5354, 5890, 16234}}))
      .Out(F32(-786432))
      .Out(F32(786432))
      .RunEverywhere();
  bias_add(QU8({1}), QU8({1})).ExpectRunError(Code::kInvalidArgument, "at least 2D");
  bias_add(QU8({{1}}), QU8({1, 2})).ExpectRunError(Code::kInvalidArgument, "as many biases as");
  bias_add(QU8(Shape({2, 0}), {}), QU8(Shape({0}), {}))
      .ExpectRunError(Code::kInvalidArgument, "at least 1 bias");
}

TEST(QuantizedRelu, Values) {
  const auto relu = [](const char* op, Array x, Array want, Ends r) {
    OpCase(op)
        .In(std::move(x))
        .In(F32(r.low))
        .In(F32(r.high))
        .Attr("out_type", want.dtype())
        .Out(want)
        .Out(F32(r.low))
        .Out(F32(r.high))
        .RunEverywhere();
  };
  relu("QuantizedRelu", X(), QU8({128, 128, 128, 200, 255}), {-1, 1});
  relu("QuantizedRelu", X(), X(), {2, 3});
  relu("QuantizedRelu6", X(), QU8({128, 128, 128, 200, 205}), {-10, 10});
  relu("QuantizedRelu", Q32({INT32_MIN, -5, 7}), Q32({0, 0, 7}), {-10, 10});
  relu("QuantizedRelu6", Q32({INT32_MIN, 7, INT32_MAX}), Q32({0, 7, 1288490189}), {-10, 10});
  ExpectShape("QuantizedRelu", {"quint8[2,?]", "[]", "[]"}, "[2,?];[];[]");
  OpCase("QuantizedRelu")
      .In(X())
      .In(F32({1}))
      .In(F32(1))
      .ExpectRunError(Code::kInvalidArgument, "`min_input` must be rank 0 but is rank 1");
}

TEST(QuantizedReshape, Values) {
  OpCase("QuantizedReshape")
      .In(QU8({1, 2}))
      .In(I32({2, 1}))
      .In(F32(-1))
      .In(F32(1))
      .Out(QU8({{1}, {2}}))
      .Out(F32(-1))
      .Out(F32(1))
      .RunEverywhere();
  ExpectShape("QuantizedReshape", {"quint8[2,3]", I32({3, -1}), "[]", "[]"}, "[3,2];[];[]");
  OpCase("QuantizedReshape")
      .In(QU8({1, 2}))
      .In(I32({2, 1}))
      .In(F32({1, 2}))
      .In(F32(1))
      .ExpectRunError(Code::kInvalidArgument, "input_min must be a scalar");
  OpCase("QuantizedReshape")
      .In(QU8({1, 2}))
      .In(I32({3}))
      .In(F32(1))
      .In(F32(1))
      .ExpectRunError(Code::kInvalidArgument, "requested shape has 3");
}

Array Wide() { return Q32({INT32_MIN, -500000, 0, 77777, 1 << 30, INT32_MAX}); }

TEST(Requantize, Values) {
  const auto requantize = [](Ends from, Ends to, Array want) {
    OpCase("Requantize")
        .In(Wide())
        .In(F32(from.low))
        .In(F32(from.high))
        .In(F32(to.low))
        .In(F32(to.high))
        .Attr("out_type", want.dtype())
        .Out(want)
        .Out(F32(to.low))
        .Out(F32(to.high))
        .RunEverywhere();
  };
  requantize({-1, 1}, {-1, 1}, QU8({0, 127, 128, 128, 191, 255}));
  requantize({-1, 1}, {-1, 1}, Q8({-128, 0, 0, 0, 64, 127}));
  requantize({-1, 1}, {0, 3}, QU8({0, 0, 0, 0, 43, 85}));
  requantize({-1, 1}, {-2, 2.5f}, Q8({-72, -15, -15, -15, 13, 42}));
  requantize({-1, 1}, {0, 0}, QU8({0, 0, 0, 0, 0, 0}));
  requantize({2, 3}, {0, 3}, QU8({170, 212, 213, 213, 234, 255}));
  // Far beyond the range: the ends, however large the quotient.
  requantize({-1, 1}, {-0.001f, 0.001f}, QU8({0, 98, 128, 132, 255, 255}));
  requantize({-1e30f, 1e30f}, {-1e-30f, 1e-30f}, QU8({0, 0, 128, 255, 255, 255}));
}

TEST(Requantize, Errors) {
  const auto requantize = [](float low, float high) {
    return OpCase("Requantize")
        .In(Wide())
        .In(F32(-1))
        .In(F32(1))
        .In(F32(low))
        .In(F32(high))
        .Attr("out_type", kQuint8);
  };
  requantize(1, 2).ExpectRunError(Code::kInvalidArgument, "requested_output_min must be <= 0");
  requantize(-1, -2).ExpectRunError(Code::kInvalidArgument, "requested_output_max must be >=");
  requantize(kNaN, 1).ExpectRunError(Code::kInvalidArgument, "requested_output_min");
  ExpectShape("Requantize", {"qint32[2,?]", "[]", "[]", "[]", "[]"}, "[2,?];[];[]",
              {{"out_type", kQuint8}});
}

TEST(QuantizeDownAndShrinkRange, Values) {
  const auto shrink = [](Array x, Array want, Ends to) {
    OpCase("QuantizeDownAndShrinkRange")
        .In(x)
        .In(F32(-1))
        .In(F32(1))
        .Attr("out_type", kQuint8)
        .Out(std::move(want))
        .Out(F32(to.low))
        .Out(F32(to.high))
        .Within(1e-6, 0)
        .RunEverywhere();
    OpCase("RequantizationRange")
        .In(x)
        .In(F32(-1))
        .In(F32(1))
        .Out(F32(to.low))
        .Out(F32(to.high))
        .Within(1e-6, 0)
        .RunEverywhere();
  };
  shrink(Wide(), QU8({0, 127, 128, 128, 191, 255}), {-1, 1});
  shrink(Q32({0, 77777}), QU8({0, 255}), {0, 3.621797e-05f});
  shrink(Q32({-(1 << 20), 1 << 22, 12345}), QU8({0, 255, 52}), {-0.00048828102f, 0.0019531252f});
  OpCase("RequantizationRange")
      .In(Wide())
      .In(F32({1}))
      .In(F32(1))
      .ExpectRunError(Code::kInvalidArgument, "`input_min` must be rank 0 but is rank 1");
}

Array Nhwc() {
  return Q32(Shape({1, 2, 2, 2}),
             {INT32_MIN, -500000, 0, 77777, 1 << 30, INT32_MAX, 123456789, -987654321});
}

TEST(RequantizePerChannel, Values) {
  const auto requantize = [](Ends to, Array want) {
    OpCase("RequantizePerChannel")
        .In(Nhwc())
        .In(F32({-1, -20}))
        .In(F32({5, 2}))
        .In(F32(to.low))
        .In(F32(to.high))
        .Attr("out_type", want.dtype())
        .Out(want)
        .Out(F32(to.low))
        .Out(F32(to.high))
        .RunEverywhere();
  };
  const Shape nhwc({1, 2, 2, 2});
  requantize({-6, 6}, QU8(nhwc, {0, 0, 0, 0, 106, 255, 12, 0}));
  requantize({-6, 6}, Q8(nhwc, {-106, 0, 0, 0, 53, 127, 6, -128}));
  requantize({-1, 3}, QU8(nhwc, {0, 0, 0, 0, 212, 255, 24, 0}));
}

TEST(RequantizePerChannel, Errors) {
  const auto requantize = [](Array x, Array lows, Array highs, float low) {
    return OpCase("RequantizePerChannel")
        .In(std::move(x))
        .In(std::move(lows))
        .In(std::move(highs))
        .In(F32(low))
        .In(F32(5))
        .Attr("out_type", kQint8);
  };
  requantize(Nhwc(), F32({0, 0}), F32({1, 1}), 0)
      .ExpectRunError(Code::kInvalidArgument, "requested_output_min must be negative");
  requantize(Nhwc(), F32({0, 0}), F32({1}), -1)
      .ExpectRunError(Code::kInvalidArgument, "input_max has incorrect size, expected 2, was 1");
  requantize(Nhwc(), F32({0, 0, 0}), F32({1, 1, 1}), -1)
      .ExpectRunError(Code::kInvalidArgument, "as many channels as");
  requantize(Q32({1, 2}), F32({0, 0}), F32({1, 1}), -1)
      .ExpectRunError(Code::kInvalidArgument, "NHWC");
}

TEST(RequantizationRangePerChannel, Values) {
  const auto range = [](Array x, float clip) {
    return OpCase("RequantizationRangePerChannel")
        .In(std::move(x))
        .In(F32({-1, -20}))
        .In(F32({5, 2}))
        .Attr("clip_value_max", clip)
        .Within(1e-6, 0);
  };
  const Array small = Q32(Shape({1, 2, 2, 2}), {0, 1, 2, 3, 4, 5, 6, 7});
  range(small, 100).Out(F32(0)).Out(F32(6.519258e-08f)).RunEverywhere();
  range(Nhwc(), 100).Out(F32(-20)).Out(F32(20)).RunEverywhere();
  range(Nhwc(), 6).Out(F32(-6)).Out(F32(6)).RunEverywhere();
  range(Q32(Shape({0, 2, 2, 2}), {}), 6).ExpectRunError(Code::kInvalidArgument, "not be empty");
}

TEST(QuantizedInstanceNorm, Values) {
  const Array x = QU8(Shape({1, 2, 3, 2}), {0, 255, 3, 77, 128, 200, 31, 9, 16, 90, 250, 111});
  const auto norm = [&] {
    return OpCase("QuantizedInstanceNorm").In(x).In(F32(-3)).In(F32(10)).Within(1e-5, 0);
  };
  norm()
      .Out(QU8(x.shape(), {48, 229, 50, 64, 154, 178, 73, 0, 61, 76, 255, 95}))
      .Out(F32(-1.4097527f))
      .Out(F32(1.9654803f))
      .RunEverywhere();
  norm()
      .Attr("output_range_given", true)
      .Attr("given_y_min", -1.f)
      .Attr("given_y_max", 1.f)
      .Out(QU8(x.shape(), {28, 255, 32, 55, 207, 248, 71, 0, 50, 75, 255, 108}))
      .Out(F32(-1))
      .Out(F32(1))
      .RunEverywhere();
  norm()
      .Attr("min_separation", 20.f)
      .Out(QU8(x.shape(), {8, 39, 8, 11, 26, 30, 12, 0, 10, 13, 43, 16}))
      .Out(F32(-1.4097527f))
      .Out(F32(18.5902481f))
      .RunEverywhere();
}

TEST(QuantizedInstanceNorm, Errors) {
  const Array x = QU8(Shape({1, 1, 1, 1}), {7});
  OpCase("QuantizedInstanceNorm")
      .In(x)
      .In(F32(1))
      .In(F32(1))
      .ExpectRunError(Code::kInvalidArgument, "x_min must be less than x_max");
  OpCase("QuantizedInstanceNorm")
      .In(X())
      .In(F32(0))
      .In(F32(1))
      .ExpectRunError(Code::kInvalidArgument, "4 dimensions");
  OpCase("QuantizedInstanceNorm")
      .In(x)
      .In(F32(0))
      .In(F32(1))
      .Attr("output_range_given", true)
      .ExpectRunError(Code::kInvalidArgument, "given_y_min must be less than given_y_max");
  ExpectBuildError("QuantizedInstanceNorm", {"quint8[2]", "[]", "[]"}, "Shape must be rank 4");
}

}  // namespace
}  // namespace weft
