// SPDX-License-Identifier: Apache-2.0
#include "src/graph/proto_convert.h"

#include <any>
#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "src/core/strings.h"
#include "weft/core/complex.h"
#include "weft/core/error.h"
#include "weft/core/handle.h"
#include "weft/graph/attr_value.h"
#include "weft/graph/tensor_proto.h"

namespace weft {
namespace {

using ::testing::HasSubstr;

template <typename Message>
Message Parse(const std::string& text) {
  Message m;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &m)) << text;
  return m;
}

Array Read(const std::string& text) {
  const absl::StatusOr<Array> a = ArrayFromProto(Parse<proto::TensorProto>(text));
  EXPECT_TRUE(a.ok()) << a.status() << "\n" << text;
  return a.value_or(Array());
}

std::string ReadError(const std::string& text) {
  const absl::StatusOr<Array> a = ArrayFromProto(Parse<proto::TensorProto>(text));
  return a.ok() ? "no error: " + a->ToString() : std::string(a.status().message());
}

std::string Dims(const std::vector<int64_t>& sizes) {
  std::string s = "tensor_shape {";
  for (int64_t d : sizes) StrAppend(&s, " dim { size: ", d, " }");
  return s + " }";
}

proto::TensorProto Write(const Array& a) {
  proto::TensorProto t;
  ArrayToProto(a, &t);
  return t;
}

Array RoundTrip(const Array& a) { return ArrayFromTensorProtoBytes(ArrayToTensorProtoBytes(a)); }

// Bytes that are different in every element and valid for every dtype but bool.
Array Pattern(DataType dtype, const Shape& shape) {
  Array a(dtype, shape);
  auto* bytes = static_cast<uint8_t*>(a.raw_data());
  for (size_t i = 0; i < a.num_bytes(); ++i) {
    bytes[i] =
        dtype == kBool ? static_cast<uint8_t>(i % 2) : static_cast<uint8_t>((i * 7 + 1) % 15);
  }
  return a;
}

constexpr DataType kPlain[] = {
    kFloat32, kFloat64,    kInt32,  kUint8,  kInt16,      kInt8,         kComplex64, kInt64,
    kBool,    kQint8,      kQuint8, kQint32, kBfloat16,   kQint16,       kQuint16,   kUint16,
    kFloat16, kComplex128, kUint32, kUint64, kFloat8E5M2, kFloat8E4M3fn, kInt4,      kUint4};

TEST(TensorProtoTest, EveryDtypeThereAndBack) {
  for (const DataType dtype : kPlain) {
    for (const Shape& shape : {Shape{}, Shape{1}, Shape{2, 3}, Shape{100}, Shape{0, 4}}) {
      const Array a = Pattern(dtype, shape);
      EXPECT_EQ(RoundTrip(a), a) << DTypeName(dtype) << shape.ToString();
    }
  }
  const Array strings = {std::string("a"), std::string(), std::string("\0\xff", 2)};
  EXPECT_EQ(RoundTrip(strings), strings);
}

TEST(TensorProtoTest, RawBytesOfEveryDtype) {
  for (const DataType dtype : kPlain) {
    const Array a = Pattern(dtype, {2, 3});
    proto::TensorProto t = Parse<proto::TensorProto>(Dims({2, 3}));
    t.set_dtype(static_cast<proto::DataType>(dtype));
    t.set_tensor_content(a.raw_data(), a.num_bytes());
    const absl::StatusOr<Array> read = ArrayFromProto(t);
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(*read, a) << DTypeName(dtype);
  }
}

// As tf.make_tensor_proto writes them.
TEST(TensorProtoTest, WritesTheFieldsThatPythonUses) {
  EXPECT_EQ(Write(Array(1.5f)).ShortDebugString(),
            "dtype: DT_FLOAT tensor_shape { } float_val: 1.5");
  EXPECT_EQ(Write(Array({1, 2})).ShortDebugString(),
            "dtype: DT_INT32 tensor_shape { dim { size: 2 } } tensor_content: "
            "\"\\001\\000\\000\\000\\002\\000\\000\\000\"");
  EXPECT_EQ(Write(Array({half(1.f), half(-2.f)})).ShortDebugString(),
            "dtype: DT_HALF tensor_shape { dim { size: 2 } } half_val: 15360 half_val: 49152");
  EXPECT_EQ(Write(Array({true, false})).ShortDebugString(),
            "dtype: DT_BOOL tensor_shape { dim { size: 2 } } bool_val: true bool_val: false");
  EXPECT_EQ(Write(Array(complex64(1, 2))).ShortDebugString(),
            "dtype: DT_COMPLEX64 tensor_shape { } scomplex_val: 1 scomplex_val: 2");
  EXPECT_EQ(Write(Array("x")).ShortDebugString(),
            "dtype: DT_STRING tensor_shape { } string_val: \"x\"");
}

TEST(TensorProtoTest, ManyEqualValuesAreWrittenOnce) {
  const Array a = Array::Full({64, 32}, Array(-0.f));
  const proto::TensorProto t = Write(a);
  EXPECT_EQ(t.float_val_size(), 1);
  EXPECT_TRUE(t.tensor_content().empty());
  const Array back = RoundTrip(a);
  EXPECT_EQ(std::memcmp(back.raw_data(), a.raw_data(), a.num_bytes()), 0);
}

TEST(TensorProtoTest, LastValueStandsForTheRest) {
  EXPECT_EQ(Read("dtype: DT_FLOAT " + Dims({2, 2}) + " float_val: 1 float_val: 2"),
            Array({{1.f, 2.f}, {2.f, 2.f}}));
  EXPECT_EQ(Read("dtype: DT_INT64 " + Dims({3}) + " int64_val: -7"),
            Array({int64_t{-7}, int64_t{-7}, int64_t{-7}}));
  EXPECT_EQ(Read("dtype: DT_INT32 " + Dims({2})), Array({0, 0}));
  EXPECT_EQ(Read("dtype: DT_STRING " + Dims({2}) + " string_val: 'a'"),
            Array({std::string("a"), std::string("a")}));
  EXPECT_EQ(Read("dtype: DT_COMPLEX64 " + Dims({2}) + " scomplex_val: 1 scomplex_val: 2"),
            Array({complex64(1, 2), complex64(1, 2)}));
  EXPECT_EQ(Read("dtype: DT_HALF " + Dims({2}) + " half_val: 15360"),
            Array({half(1.f), half(1.f)}));
  // More values than elements: TensorFlow takes the first ones.
  EXPECT_EQ(Read("dtype: DT_INT32 " + Dims({2}) + " int_val: [1, 2, 3]"), Array({1, 2}));
}

// Lengths as varints, then the bytes: what TensorFlow writes for strings in tensor_content.
TEST(TensorProtoTest, StringsInContent) {
  EXPECT_EQ(Read("dtype: DT_STRING " + Dims({2}) + " tensor_content: '\\002\\001abc'"),
            Array({std::string("ab"), std::string("c")}));
  EXPECT_THAT(ReadError("dtype: DT_STRING " + Dims({9}) + " tensor_content: '\\001a'"),
              HasSubstr("fewer than strings"));
  EXPECT_THAT(ReadError("dtype: DT_STRING " + Dims({2}) + " tensor_content: '\\001\\001abc'"),
              HasSubstr("instead of 2"));
  EXPECT_THAT(ReadError("dtype: DT_STRING " + Dims({1}) +
                        " tensor_content: '\\200\\200\\200\\200\\200\\200\\200\\200@abc'"),
              HasSubstr("wrong length"));
  EXPECT_THAT(ReadError("dtype: DT_STRING " + Dims({1}) + " tensor_content: '\\200'"),
              HasSubstr("cut off"));
}

TEST(TensorProtoTest, BadProtosAreRefused) {
  EXPECT_THAT(ReadError("dtype: DT_FLOAT " + Dims({-2, -3}) + " float_val: 1"),
              HasSubstr("negative"));
  EXPECT_THAT(ReadError("dtype: DT_FLOAT " + Dims({2147483648, 2147483648, 2147483648})),
              HasSubstr("overflow"));
  EXPECT_THAT(ReadError("dtype: DT_FLOAT " + Dims({4611686018427387904, 4})),
              HasSubstr("overflow"));
  EXPECT_THAT(ReadError("dtype: DT_DOUBLE " + Dims({4611686018427387904})), HasSubstr("overflow"));
  EXPECT_THAT(ReadError("dtype: DT_FLOAT " + Dims({0, 4611686018427387904, 4611686018427387904})),
              HasSubstr("overflow"));
  EXPECT_THAT(ReadError("dtype: DT_FLOAT " + Dims(std::vector<int64_t>(300, 1))),
              HasSubstr("rank 300"));
  EXPECT_THAT(ReadError("dtype: DT_FLOAT tensor_shape { unknown_rank: true } float_val: 1"),
              HasSubstr("not known"));
  EXPECT_THAT(ReadError("dtype: DT_FLOAT " + Dims({1000}) + " tensor_content: 'abcd'"),
              HasSubstr("4 bytes instead of 4000"));
  EXPECT_THAT(ReadError("dtype: DT_FLOAT " + Dims({1}) + " tensor_content: 'abcdefgh'"),
              HasSubstr("8 bytes instead of 4"));
  EXPECT_THAT(ReadError("dtype: DT_BOOL " + Dims({4}) + " tensor_content: '\\000\\001\\002\\377'"),
              HasSubstr("neither 0 nor 1"));
  EXPECT_THAT(ReadError(Dims({1})), HasSubstr("no dtype"));
  EXPECT_THAT(ReadError("dtype: DT_FLOAT_REF " + Dims({1})), HasSubstr("101 is no dtype"));
  EXPECT_THAT(ReadError("dtype: DT_COMPLEX64 " + Dims({1}) + " scomplex_val: 1"),
              HasSubstr("imaginary part"));
  EXPECT_THAT(ReadError("dtype: DT_RESOURCE " + Dims({3})), HasSubstr("no value"));
  EXPECT_THAT(ReadError("dtype: DT_RESOURCE " + Dims({1}) + " tensor_content: 'x'"),
              HasSubstr("numbers only"));
  proto::TensorProto unknown = Parse<proto::TensorProto>(Dims({1}));
  unknown.set_dtype(static_cast<proto::DataType>(999));
  EXPECT_THAT(std::string(ArrayFromProto(unknown).status().message()),
              HasSubstr("999 is no dtype"));
}

TEST(TensorProtoTest, FewBytesDoNotClaimAllMemory) {
  const auto huge =
      Parse<proto::TensorProto>("dtype: DT_FLOAT " + Dims({int64_t{1} << 40}) + " float_val: 1");
  EXPECT_EQ(ArrayFromProto(huge).status().code(), absl::StatusCode::kResourceExhausted);
  // Many of a modest size add up.
  const auto modest =
      Parse<proto::TensorProto>("dtype: DT_FLOAT " + Dims({1000}) + " float_val: 1");
  FillBudget budget{8000};
  EXPECT_TRUE(ArrayFromProto(modest, &budget).ok());
  EXPECT_TRUE(ArrayFromProto(modest, &budget).ok());
  EXPECT_EQ(ArrayFromProto(modest, &budget).status().code(), absl::StatusCode::kResourceExhausted);
}

TEST(TensorProtoTest, BytesThatAreNoProto) {
  EXPECT_THROW(ArrayFromTensorProtoBytes("\xff\xff\xff"), InvalidArgumentError);
  EXPECT_THROW(ArrayFromTensorProtoBytes(""), InvalidArgumentError);  // no dtype
}

TEST(TensorProtoTest, HandlesAndVariants) {
  Array handle(kResource, {});
  *handle.mutable_data<ResourceHandle>() = {"/device:CPU:0", "box", "w", "Variable", nullptr};
  const Array handle_back = RoundTrip(handle);
  const auto& h = handle_back.scalar<ResourceHandle>();
  EXPECT_EQ(h.device + h.container + h.name + h.type, "/device:CPU:0boxwVariable");

  Array variant(kVariant, {1});
  variant.mutable_data<Variant>()->type_name = "tensorflow::TensorList";
  variant.mutable_data<Variant>()->metadata = std::string("\0\xff", 2);
  variant.mutable_data<Variant>()->value = std::vector<Array>{Array(1.f), Array("s")};
  const Array variant_back = RoundTrip(variant);
  const auto& v = variant_back.data<Variant>()[0];
  EXPECT_EQ(v.type_name, "tensorflow::TensorList");
  EXPECT_EQ(v.metadata, std::string("\0\xff", 2));
  const auto& tensors = std::any_cast<const std::vector<Array>&>(v.value);
  ASSERT_EQ(tensors.size(), 2u);
  EXPECT_EQ(tensors[0], Array(1.f));
  EXPECT_EQ(tensors[1], Array("s"));
}

TEST(ShapeProtoTest, ThereAndBack) {
  for (const PartialShape& s : {PartialShape::Unknown(), PartialShape::Scalar(),
                                PartialShape({-1, 3}), PartialShape({0})}) {
    proto::TensorShapeProto p;
    ShapeToProto(s, &p);
    const absl::StatusOr<PartialShape> back = ShapeFromProto(p);
    ASSERT_TRUE(back.ok());
    EXPECT_EQ(*back, s);
  }
  EXPECT_FALSE(ShapeFromProto(Parse<proto::TensorShapeProto>("dim { size: -2 }")).ok());
  EXPECT_FALSE(
      ShapeFromProto(Parse<proto::TensorShapeProto>("unknown_rank: true dim { size: 1 }")).ok());
}

TEST(AttrProtoTest, EveryKindThereAndBack) {
  auto attrs = std::make_shared<AttrMap>();
  (*attrs)["T"] = kFloat32;
  const FuncRef func{"f", attrs};
  const std::vector<AttrValue> values = {
      AttrValue(),
      "text",
      int64_t{-5},
      2.5f,
      true,
      kInt64,
      MakeRef(kFloat32),
      PartialShape({-1, 2}),
      Array({1.f, 2.f}),
      func,
      AttrPlaceholder{"T"},
      EmptyList(),
      std::vector<std::string>{"a", std::string("\0", 1)},
      std::vector<int64_t>{1, -2},
      std::vector<float>{1.5f},
      std::vector<bool>{true, false},
      std::vector<DataType>{kFloat32, kString},
      std::vector<PartialShape>{PartialShape::Unknown(), PartialShape({2})},
      std::vector<Array>{Array(1), Array("s")},
      std::vector<FuncRef>{func, FuncRef{"g", nullptr}},
  };
  for (const AttrValue& v : values) {
    proto::AttrValue p;
    AttrToProto(v, &p);
    FillBudget budget;
    const absl::StatusOr<AttrValue> back = AttrFromProto(p, &budget);
    ASSERT_TRUE(back.ok()) << v.ToString() << back.status();
    EXPECT_EQ(*back, v) << v.ToString();
    EXPECT_EQ(back->KindName(), v.KindName());
  }
}

TEST(AttrProtoTest, ListOfNothingHasNoKind) {
  proto::AttrValue p;
  AttrToProto(AttrValue(std::vector<int64_t>{}), &p);
  EXPECT_TRUE(p.has_list());
  FillBudget budget;
  EXPECT_EQ(AttrFromProto(p, &budget)->KindName(), "list");
}

TEST(AttrProtoTest, BadValuesAreRefused) {
  for (const char* text :
       {"type: 999", "list { i: 1 f: 2 }", "shape { dim { size: -9 } }", "list { type: [1, 999] }",
        "tensor { dtype: DT_FLOAT tensor_shape { dim { size: -1 } } }",
        "func { name: 'f' attr { key: 'a' value { type: 999 } } }"}) {
    FillBudget budget;
    const auto attr = [&] {
      proto::AttrValue p;
      google::protobuf::TextFormat::Parser parser;
      // Numbers of enums that have no name.
      std::string s = text;
      const bool unknown_type = s.find("999") != std::string::npos;
      if (unknown_type) s.replace(s.find("999"), 3, "1");
      EXPECT_TRUE(parser.ParseFromString(s, &p)) << s;
      const auto bad = static_cast<proto::DataType>(999);
      if (!unknown_type) return p;
      if (p.has_type()) p.set_type(bad);
      if (p.has_list()) p.mutable_list()->set_type(1, bad);
      if (p.has_func()) (*p.mutable_func()->mutable_attr())["a"].set_type(bad);
      return p;
    }();
    const absl::StatusOr<AttrValue> v = AttrFromProto(attr, &budget);
    EXPECT_EQ(v.status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

TEST(OpDefProtoTest, HoldsTheWholeSchema) {
  OpRegistry ops;
  ops.Add("Mix")
      .Summary("Mixes")
      .Attr("T: {float, double} = DT_FLOAT")
      .Attr("N: int >= 2")
      .Attr("mode: {'A', 'B'} = 'A'")
      .Attr("types: list(type) = []")
      .Input("xs: N * T")
      .Input("ref: Ref(T)")
      .Input("more: types")
      .Output("y: float")
      .Stateful()
      .Deprecated(12, "use Blend");
  proto::OpDef got;
  OpDefToProto(*ops.Find("Mix"), &got);
  const auto want = Parse<proto::OpDef>(R"pb(
    name: "Mix"
    summary: "Mixes"
    is_stateful: true
    input_arg { name: "xs" type_attr: "T" number_attr: "N" }
    input_arg { name: "ref" type_attr: "T" is_ref: true }
    input_arg { name: "more" type_list_attr: "types" }
    output_arg { name: "y" type: DT_FLOAT }
    attr {
      name: "T"
      type: "type"
      default_value { type: DT_FLOAT }
      allowed_values { list { type: [ DT_FLOAT, DT_DOUBLE ] } }
    }
    attr { name: "N" type: "int" has_minimum: true minimum: 2 }
    attr {
      name: "mode"
      type: "string"
      default_value { s: "A" }
      allowed_values { list { s: [ "A", "B" ] } }
    }
    attr {
      name: "types"
      type: "list(type)"
      default_value { list {} }
    }
    deprecation { version: 12 explanation: "use Blend" })pb");
  EXPECT_EQ(got.DebugString(), want.DebugString());
}

}  // namespace
}  // namespace weft
