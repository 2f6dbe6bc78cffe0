// SPDX-License-Identifier: Apache-2.0
// Expected values: TensorFlow 2.15.1's, on a CPU.
#include <string>
#include <vector>

#include "tests/support/op_case.h"

namespace weft {
namespace {

using Sizes = std::vector<int64_t>;

TEST(QuantizedMatMul, Values) {
  OpCase("QuantizedMatMul")
      .In(QU8(Shape({2, 3}), {106, 152, 249, 131, 184, 200}))
      .In(QU8(Shape({3, 4}), {0, 21, 253, 147, 202, 107, 249, 169, 138, 149, 119, 166}))
      .In(F32(-1))
      .In(F32(3))
      .In(F32(-2))
      .In(F32(2))
      .Out(Q32(Shape({2, 4}), {2986, -2457, 14233, 11436, 1664, -6833, 21671, 11361}))
      .Out(F32(-528408.1875f))
      .Out(F32(528408.1875f))
      .RunEverywhere();
}

// No byte stands for 0 in the range of a.
TEST(QuantizedMatMul, Transposed) {
  OpCase("QuantizedMatMul")
      .In(QU8(Shape({3, 2}), {224, 148, 172, 93, 167, 142}))
      .In(QU8(Shape({4, 3}), {248, 26, 81, 218, 150, 66, 2, 191, 60, 129, 179, 90}))
      .In(F32(1))
      .In(F32(3))
      .In(F32(-2))
      .In(F32(2))
      .Attr("transpose_a", true)
      .Attr("transpose_b", true)
      .Out(Q32(Shape({2, 4}), {-2225, 19990, -45512, 4442, -2112, 12962, -39213, 1287}))
      .Out(F32(-264204.09375f))
      .Out(F32(264204.09375f))
      .RunEverywhere();
}

TEST(QuantizedMatMul, BadInput) {
  const auto expect = [](const Array& a, const Array& b, float max_a, const char* why) {
    OpCase("QuantizedMatMul")
        .In(a)
        .In(b)
        .In(F32(0))
        .In(F32(max_a))
        .In(F32(0))
        .In(F32(1))
        .ExpectRunError(Code::kInvalidArgument, why);
  };
  expect(QU8({1, 2}), QU8({{1}, {2}}), 1, "In[0] is not a matrix");
  expect(QU8({{1, 2}}), QU8({{1}}), 1, "Matrix size-incompatible");
  expect(QU8({{1, 2}}), QU8({{1}, {2}}), 0, "max_a must be larger than min_a");
  ExpectShape("QuantizedMatMul", {"[2,?]", "[?,4]", "[]", "[]", "[]", "[]"}, "[2,4];[];[]");
}

Array Image() {
  return QU8(Shape({1, 5, 4, 2}),
             {69,  104, 110, 97,  157, 106, 152, 251, 62,  7,   248, 171, 33, 123,
              79,  176, 37,  20,  94,  49,  149, 127, 206, 244, 28,  119, 54, 0,
              192, 233, 18,  116, 191, 165, 184, 184, 199, 165, 253, 174});
}
Array Filter() {
  return QU8(Shape({2, 3, 2, 2}), {33,  113, 1,  85,  117, 119, 202, 235, 124, 228, 99,  219,
                                   144, 255, 80, 160, 144, 242, 18,  75,  183, 96,  223, 141});
}

TEST(QuantizedConv2D, Values) {
  const auto expect = [](int64_t stride, const char* padding, const Array& y) {
    OpCase("QuantizedConv2D")
        .In(Image())
        .In(Filter())
        .In(F32(-1))
        .In(F32(3))
        .In(F32(-2))
        .In(F32(2))
        .Attr("strides", Sizes{1, stride, stride, 1})
        .Attr("padding", std::string(padding))
        .Out(y)
        .Out(F32(-528408.1875f))
        .Out(F32(528408.1875f))
        .RunEverywhere();
  };
  expect(1, "SAME",
         Q32(Shape({1, 5, 4, 2}),
             {28287,  10134, -7431,  29430, -9964,  48472, -16707, 9741,   -3402,  20155,
              26206,  12020, -9130,  18400, -15617, 29236, -15900, -10361, 31305,  12196,
              -14226, 41216, -16838, 27662, 15284,  6230,  -10680, 43270,  26907,  44464,
              -41033, 32884, 2117,   32584, -20801, 28203, -24597, 31542,  -19591, 3701}));
  expect(1, "VALID",
         Q32(Shape({1, 4, 2, 2}), {-7431, 29430, -9964, 48472, 26206, 12020, -9130, 18400, 31305,
                                   12196, -14226, 41216, -10680, 43270, 26907, 44464}));
  expect(2, "SAME",
         Q32(Shape({1, 3, 2, 2}), {-7431, 29430, -16707, 9741, 31305, 12196, -16838, 27662, -20801,
                                   28203, -19591, 3701}));
  expect(2, "VALID", Q32(Shape({1, 2, 1, 2}), {-7431, 29430, 31305, 12196}));
  expect(3, "SAME",
         Q32(Shape({1, 2, 2, 2}), {28287, 10134, -16707, 9741, 15284, 6230, -41033, 32884}));
  expect(3, "VALID", Q32(Shape({1, 2, 1, 2}), {-7431, 29430, -10680, 43270}));
}

TEST(QuantizedConv2D, BadInput) {
  const auto expect = [](const Array& x, const Array& filter, const char* why) {
    OpCase("QuantizedConv2D")
        .In(x)
        .In(filter)
        .In(F32(0))
        .In(F32(1))
        .In(F32(0))
        .In(F32(1))
        .Attr("strides", Sizes{1, 1, 1, 1})
        .Attr("padding", std::string("VALID"))
        .ExpectRunError(Code::kInvalidArgument, why);
  };
  expect(QU8({1, 2}), Filter(), "must be 4-dimensional");
  expect(Image(), QU8(Shape({1, 1, 3, 1}), {1}), "must have the same depth");
  expect(Image(), QU8(Shape({9, 1, 2, 1}), {1}), "Computed output size would be negative");
}

TEST(QuantizedPool, Values) {
  const auto expect = [](const char* op, const char* padding, const Array& y) {
    OpCase(op)
        .In(Image())
        .In(F32(-1))
        .In(F32(3))
        .Attr("ksize", Sizes{1, 2, 2, 1})
        .Attr("strides", Sizes{1, 2, 2, 1})
        .Attr("padding", std::string(padding))
        .Out(y)
        .Out(F32(-1))
        .Out(F32(3))
        .RunEverywhere();
  };
  expect("QuantizedMaxPool", "SAME",
         QU8(Shape({1, 3, 2, 2}), {248, 171, 157, 251, 94, 119, 206, 244, 191, 184, 253, 174}));
  expect("QuantizedMaxPool", "VALID",
         QU8(Shape({1, 2, 2, 2}), {248, 171, 157, 251, 94, 119, 206, 244}));
  expect("QuantizedAvgPool", "SAME",
         QU8(Shape({1, 3, 2, 2}), {122, 94, 105, 164, 53, 47, 141, 180, 187, 174, 226, 169}));
  expect("QuantizedAvgPool", "VALID",
         QU8(Shape({1, 2, 2, 2}), {122, 94, 105, 164, 53, 47, 141, 180}));
}

TEST(QuantizedConcat, Values) {
  const Array a = QU8(Shape({2, 3}), {106, 152, 249, 131, 184, 200});
  OpCase("QuantizedConcat")
      .In(I32(1))
      .In(a)
      .In(a)
      .In(F32(0))
      .In(F32(-1))
      .In(F32(1))
      .In(F32(0.5f))
      .Out(QU8(Shape({2, 6}), {181, 204, 253, 80, 115, 187, 194, 220, 228, 99, 139, 151}))
      .Out(F32(-1))
      .Out(F32(1))
      .RunEverywhere();
  const Array wide = Q32({{100000, -2000000}});
  OpCase("QuantizedConcat")
      .In(I32(0))
      .In(wide)
      .In(wide)
      .In(F32(-1))
      .In(F32(-2))
      .In(F32(1))
      .In(F32(2))
      .Out(Q32({{50000, -1000000}, {100000, -2000000}}))
      .Out(F32(-2))
      .Out(F32(2))
      .RunEverywhere();
  OpCase("QuantizedConcat")
      .In(I32(2))
      .In(a)
      .In(a)
      .In(F32(0))
      .In(F32(0))
      .In(F32(1))
      .In(F32(1))
      .ExpectRunError(Code::kInvalidArgument, "in the range [0, 2), but got 2");
  ExpectShape("QuantizedConcat", {I32(1), "quint8[2,3]", "quint8[2,?]", "[]", "[]", "[]", "[]"},
              "[2,?];[];[]");
}

TEST(QuantizedBatchNorm, Values) {
  const auto expect = [](bool scale, const Array& y) {
    OpCase op("QuantizedBatchNormWithGlobalNormalization");
    const auto in = [&op](const Array& values, float low, float high) {
      op.In(values).In(F32(low)).In(F32(high));
    };
    in(QU8(Shape({1, 2, 2, 2}), {242, 2, 156, 36, 90, 232, 172, 176}), -1, 3);
    in(QU8(Shape({2}), {165, 158}), -1, 1);
    in(QU8(Shape({2}), {48, 189}), 0, 4);
    in(QU8(Shape({2}), {33, 52}), -2, 2);
    in(QU8(Shape({2}), {241, 252}), 0, 3);
    op.Attr("out_type", kQint32).Attr("variance_epsilon", 0.001f);
    op.Attr("scale_after_normalization", scale);
    op.Out(y).Out(F32(-1048576)).Out(F32(1048576)).RunEverywhere();
  };
  expect(true, Q32(Shape({1, 2, 2, 2}), {13657, -6696, 4638, -4816, -2287, 6024, 6317, 2927}));
  expect(false, Q32(Shape({1, 2, 2, 2}), {2863, -3855, -319, -3221, -2762, 434, 273, -611}));
}

// 0.2 q - 1 or 0.2 q for a, 0.5 q for b, whatever the output's range.
TEST(QuantizedMatMulWithBiasAndDequantize, Values) {
  const auto product = [](const char* mode, const Array& bias) {
    const float high = mode[0] == 'M' ? 50 : 51;
    return OpCase("QuantizedMatMulWithBiasAndDequantize")
        .In(QU8({{0, 5, 10}, {255, 1, 2}}))
        .In(Q8({{1, 2}, {-3, 4}, {127, -127}}))
        .In(bias)
        .In(F32(-1))
        .In(F32(high))
        .In(F32(-63.5f))
        .In(F32(60))
        .In(F32(0))
        .In(F32(0))
        .Attr("Toutput", kFloat32)
        .Attr("input_quant_mode", mode);
  };
  // a is [[-1, 0, 1], [50, -0.8, -0.6]], b is [[0.5, 1], [-1.5, 2], [63.5, -63.5]].
  product("MIN_FIRST", F32({1, -2}))
      .Out(F32({{64, -66.5f}, {25 + 1.2f - 38.1f + 1, 50 - 1.6f + 38.1f - 2}}))
      .Within(1e-5, 1e-4)
      .RunEverywhere();
  // A bias of steps of 0.2 * 0.5.
  product("SCALED", Q32({10, -20}))
      .Out(F32({{-1.5f + 127 + 1, 2 - 127 - 2}, {25.5f - 0.3f + 25.4f + 1, 51 + 0.4f - 25.4f - 2}}))
      .Within(1e-5, 1e-4)
      .RunEverywhere();
  OpCase("QuantizedMatMulWithBiasAndDequantize")
      .In(QU8({{0, 5}}))
      .In(Q8({{1}, {2}}))
      .In(F32({1, 2}))
      .In(F32(0))
      .In(F32(1))
      .In(F32(0))
      .In(F32(1))
      .In(F32(0))
      .In(F32(1))
      .Attr("Toutput", kFloat32)
      .ExpectRunError(Code::kInvalidArgument, "bias must be a vector of 1 elements");
}

}  // namespace
}  // namespace weft
