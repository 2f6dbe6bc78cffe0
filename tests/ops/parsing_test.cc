// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "tests/support/op_case.h"
#include "weft/graph/tensor_proto.h"
#include "weft/ops/parsing.h"
#include "weft/weft.h"

namespace weft {
namespace {

std::string Bytes(std::initializer_list<int> bytes) {
  std::string text;
  for (const int b : bytes) text.push_back(static_cast<char>(b));
  return text;
}

TEST(DecodeRaw, Values) {
  const Array texts = Str({Bytes({1, 0, 2, 0}), Bytes({255, 255, 0, 1})});
  OpCase("DecodeRaw")
      .In(texts)
      .Attr("out_type", kInt16)
      .Out(I16({{1, 2}, {-1, 256}}))
      .RunEverywhere();
  OpCase("DecodeRaw")
      .In(texts)
      .Attr("out_type", kInt16)
      .Attr("little_endian", false)
      .Out(I16({{256, 512}, {-1, 1}}))
      .RunEverywhere();
  OpCase("DecodeRaw")
      .In(Str({"", ""}))
      .Attr("out_type", kFloat32)
      .Out(Array(kFloat32, Shape({2, 0})))
      .RunEverywhere();
}

TEST(DecodeRaw, Errors) {
  OpCase("DecodeRaw")
      .In(Str({"ab", "abc"}))
      .Attr("out_type", kUint8)
      .ExpectRunError(Code::kInvalidArgument,
                      "DecodeRaw requires input strings to all be the same size, but element 1 has "
                      "size 3 != 2");
  OpCase("DecodeRaw")
      .In(Str({"abc"}))
      .Attr("out_type", kInt16)
      .ExpectRunError(Code::kInvalidArgument,
                      "Input to DecodeRaw has length 3 that is not a multiple of 2, the size of "
                      "int16");
}

TEST(DecodeRaw, Shapes) {
  ExpectShape("DecodeRaw", {"string[2,?]"}, "[2,?,?]", {{"out_type", kInt16}});
  ExpectShape("DecodePaddedRaw", {"string[2]", I32(8)}, "[2,4]", {{"out_type", kInt16}});
  ExpectBuildError("DecodePaddedRaw", {"string[2]", I32(7)}, "must be divisible",
                   {{"out_type", kInt16}});
}

TEST(DecodePaddedRaw, Values) {
  OpCase("DecodePaddedRaw")
      .In(Str({Bytes({1, 0, 2}), Bytes({1, 1, 1, 1, 1, 1}), ""}))
      .In(I32(4))
      .Attr("out_type", kInt16)
      .Out(I16({{1, 2}, {257, 257}, {0, 0}}))
      .RunEverywhere();
  OpCase("DecodePaddedRaw")
      .In(Str({"a"}))
      .In(I32(1))
      .Attr("out_type", kInt16)
      .ExpectRunError(Code::kInvalidArgument,
                      "fixed_length (1) must be greater than the size of out_type (2)");
}

TEST(StringToNumber, Values) {
  OpCase("StringToNumber")
      .In(Str({"1.5", " -2e3 ", "inf", "1e400", "nan"}))
      .Out(F32({1.5f, -2000, kInf, kInf, kNaN}))
      .RunEverywhere();
  OpCase("StringToNumber")
      .In(Str({"7", " -9223372036854775808"}))
      .Attr("out_type", kInt64)
      .Out(I64({7, std::numeric_limits<int64_t>::min()}))
      .RunEverywhere();
  OpCase("StringToNumber")
      .In(Str({"2147483648"}))
      .Attr("out_type", kInt32)
      .ExpectRunError(Code::kInvalidArgument,
                      "StringToNumberOp could not correctly convert string: 2147483648");
  OpCase("StringToNumber").In(Str({"one"})).ExpectRunError(Code::kInvalidArgument, "one");
}

TEST(DecodeCsv, Values) {
  Graph graph;
  GraphScope use(graph);
  const auto columns =
      io::DecodeCsv(Str({"1,\"a,\"\"b\"\"\",2.5", ",,"}), {I32({7}), Str({"x"}), F32({-1})});
  ASSERT_EQ(columns.size(), 3u);
  const auto got = Session(graph).Run(columns);
  EXPECT_TRUE(ArraysEqual(got[0], I32({1, 7})));
  EXPECT_TRUE(ArraysEqual(got[1], Str({"a,\"b\"", "x"})));
  EXPECT_TRUE(ArraysEqual(got[2], F32({2.5, -1})));
  const auto chosen = io::DecodeCsv(Str({"a;NA;3", "b;5;NA"}), {Str({""}), I64({-1})},
                                    {.field_delim = ";", .na_value = "NA", .select_cols = {0, 2}});
  const auto values = Session(graph).Run(chosen);
  EXPECT_TRUE(ArraysEqual(values[0], Str({"a", "b"})));
  EXPECT_TRUE(ArraysEqual(values[1], I64({3, -1})));
}

TEST(DecodeCsv, Errors) {
  const auto expect = [](const std::string& line, const std::string& text) {
    OpCase("DecodeCSV")
        .In(Str({line}))
        .In(I32({1}))
        .In(Array(kString, Shape({0})))
        .Attr("OUT_TYPE", std::vector<DataType>{kInt32, kString})
        .ExpectRunError(Code::kInvalidArgument, text);
  };
  expect("1", "Expect 2 fields but have 1 in record 0");
  expect("1,", "Field 1 is required but missing in record 0!");
  expect("x,a", "Field 0 in record 0 is not a valid int32: x");
  expect("1,a\"b", "Unquoted fields cannot have quotes/CRLFs inside");
  expect("1,\"ab", "Quoted field has to end with quote followed by delim or end");
  expect("1,\"a\"b\"", "Quote inside a string has to be escaped by another quote");
  Graph graph;
  GraphScope use(graph);
  EXPECT_THROW(io::DecodeCsv("", {I32({1}), I32({1})}, {.select_cols = {1, 0}}),
               InvalidArgumentError);
}

TEST(DecodeJsonExample, Values) {
  Graph graph;
  GraphScope use(graph);
  const Tensor bytes = io::DecodeJsonExample(
      Str({R"({"features":{"feature":{"a":{"floatList":{"value":[1,2.5]}}}}})"}));
  const Tensor a = io::ParseExample(bytes, {{"a", io::FixedLenFeature{{2}, kFloat32}}}).at("a");
  EXPECT_TRUE(ArraysEqual(Session(graph).Run(a), F32({{1, 2.5}})));
  EXPECT_THROW(Session(graph).Run(io::DecodeJsonExample("{")), InvalidArgumentError);
}

TEST(DecodeCompressed, Values) {
  // zlib.compress(b"weft" * 3)
  const std::string zlib =
      Bytes({0x78, 0x9c, 0x2b, 0x4f, 0x4d, 0x2b, 0x29, 0x87, 0x62, 0x00, 0x21, 0x75, 0x05, 0x23});
  Graph graph;
  GraphScope use(graph);
  EXPECT_EQ(Session(graph).Run(io::DecodeCompressed(zlib, "ZLIB")).scalar<std::string>(),
            "weftweftweft");
  EXPECT_THROW(Session(graph).Run(io::DecodeCompressed("no stream", "ZLIB")), DataLossError);
  EXPECT_THROW(Session(graph).Run(io::DecodeCompressed(zlib.substr(0, 8), "ZLIB")), DataLossError);
  EXPECT_THROW(Session(graph).Run(io::DecodeCompressed("", "LZ4")), InvalidArgumentError);
  EXPECT_EQ(Session(graph).Run(io::DecodeCompressed("as it is", "")).scalar<std::string>(),
            "as it is");
}

TEST(ParseTensor, ThereAndBack) {
  Graph graph;
  GraphScope use(graph);
  const Array value = F64({{1, 2}, {3, 4}});
  const Tensor back = io::ParseTensor(io::SerializeTensor(value), kFloat64);
  EXPECT_TRUE(ArraysEqual(Session(graph).Run(back), value));
  EXPECT_FALSE(back.shape().known_rank());
  try {
    Session(graph).Run(io::ParseTensor(ArrayToTensorProtoBytes(value), kFloat32));
    ADD_FAILURE();
  } catch (const InvalidArgumentError& e) {
    EXPECT_NE(std::string(e.what()).find(
                  "Type mismatch between parsed tensor (double) and dtype (float)"),
              std::string::npos)
        << e.what();
  }
  EXPECT_THROW(Session(graph).Run(io::ParseTensor("\xff\xff", kFloat32)), InvalidArgumentError);
}

}  // namespace
}  // namespace weft
