// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "tests/support/op_case.h"

namespace weft {
namespace {

const std::string kUtf8 = "UTF8_CHAR";
// Four characters of 1, 2, 3 and 4 bytes.
const char kFour[] = "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80";

TEST(StringLength, Values) {
  OpCase("StringLength").In(Str({"", "abc", kFour})).Out(I32({0, 3, 10})).RunEverywhere();
  OpCase("StringLength")
      .In(Str({"", "abc", kFour}))
      .Attr("unit", kUtf8)
      .Out(I32({0, 3, 4}))
      .RunEverywhere();
  ExpectShape("StringLength", {"[2,?]"}, "[2,?]");
}

TEST(StringLower, Values) {
  OpCase("StringLower")
      .In(Str({"aBZ[", "\xc3\x89"}))
      .Out(Str({"abz[", "\xc3\x89"}))
      .RunEverywhere();
  OpCase("StringLower")
      .In(Str({"A\xc3\x89"}))
      .Attr("encoding", std::string("utf-8"))
      .Out(Str({"a\xc3\xa9"}))
      .RunEverywhere();
  OpCase("StringLower")
      .In(Str({"a"}))
      .Attr("encoding", std::string("latin"))
      .ExpectRunError(Code::kInvalidArgument, "only utf-8 or '' (no encoding) is supported");
}

TEST(StringUpper, Values) {
  OpCase("StringUpper").In(Str({"aBz{"})).Out(Str({"ABZ{"})).RunEverywhere();
  // One letter that becomes two.
  OpCase("StringUpper")
      .In(Str({"stra\xc3\x9f"
               "e"}))
      .Attr("encoding", std::string("utf-8"))
      .Out(Str({"STRASSE"}))
      .RunEverywhere();
}

TEST(StringStrip, Values) {
  OpCase("StringStrip").In(Str({" a b\n", "\t", "x"})).Out(Str({"a b", "", "x"})).RunEverywhere();
}

TEST(Substr, Bytes) {
  OpCase("Substr")
      .In(Str({"hello", "abc"}))
      .In(I32(1))
      .In(I32(2))
      .Out(Str({"el", "bc"}))
      .RunEverywhere();
  OpCase("Substr").In(Str({"hello"})).In(I64({-3})).In(I64({2})).Out(Str({"ll"})).RunEverywhere();
  OpCase("Substr").In(Str({"abc"})).In(I32({3})).In(I32({1})).Out(Str({""})).RunEverywhere();
  OpCase("Substr")
      .In(Str({{"abc"}, {"def"}}))
      .In(I32({0, 1}))
      .In(I32({1, 9}))
      .Out(Str({{"a", "bc"}, {"d", "ef"}}))
      .RunEverywhere();
  OpCase("Substr")
      .In(Str({"abc"}))
      .In(I32({4}))
      .In(I32({1}))
      .ExpectRunError(Code::kInvalidArgument, "pos 4 out of range for string b'abc' at index 0");
  OpCase("Substr")
      .In(Str({"abc"}))
      .In(I32({1, 2}))
      .In(I32({1}))
      .ExpectRunError(Code::kInvalidArgument, "pos and len should have the same shape");
}

TEST(Substr, Characters) {
  const auto cut = [](int pos, int len, const char* part) {
    OpCase("Substr")
        .In(Str({kFour}))
        .In(I32(pos))
        .In(I32(len))
        .Attr("unit", kUtf8)
        .Out(Str({part}))
        .RunEverywhere();
  };
  cut(1, 2, "\xc3\xa9\xe2\x82\xac");
  cut(-2, 1, "\xe2\x82\xac");
  cut(-1, 5, "\xf0\x9f\x98\x80");
  cut(4, 1, "");
  for (const int pos : {5, -5, -100}) {
    OpCase("Substr")
        .In(Str({kFour}))
        .In(I32(pos))
        .In(I32(1))
        .Attr("unit", kUtf8)
        .ExpectRunError(Code::kInvalidArgument, "out of range for string at index 0");
  }
}

TEST(Substr, Shapes) {
  ExpectShape("Substr", {"[2,?]", "int32[]", "int32[]"}, "[2,?]");
  ExpectShape("Substr", {"[2,1]", "int32[3]", "int32[3]"}, "[2,3]");
  ExpectBuildError("Substr", {"[2]", "int32[2]", "int32[3]"}, "pos and len shapes must match");
}

TEST(RegexReplace, Values) {
  OpCase("RegexReplace")
      .In(Str({"a1b22", "none"}))
      .In(Array(std::string("[0-9]+")))
      .In(Array(std::string("<\\0>")))
      .Out(Str({"a<1>b<22>", "none"}))
      .RunEverywhere();
  OpCase("RegexReplace")
      .In(Str({"a1b22"}))
      .In(Array(std::string("[0-9]+")))
      .In(Array(std::string("#")))
      .Attr("replace_global", false)
      .Out(Str({"a#b22"}))
      .RunEverywhere();
  OpCase("RegexReplace")
      .In(Str({"a"}))
      .In(Array(std::string("(")))
      .In(Array(std::string("")))
      .ExpectRunError(Code::kInvalidArgument, "Invalid pattern: (, error: missing )");
}

TEST(StaticRegexReplace, Values) {
  OpCase("StaticRegexReplace")
      .In(Str({"john smith"}))
      .Attr("pattern", std::string("(\\w+) (\\w+)"))
      .Attr("rewrite", std::string("\\2, \\1"))
      .Out(Str({"smith, john"}))
      .RunEverywhere();
}

TEST(EncodeBase64, Values) {
  OpCase("EncodeBase64")
      .In(Str({"", "a", "ab", "abc", "\xff\xef\xfc"}))
      .Out(Str({"", "YQ", "YWI", "YWJj", "_-_8"}))
      .RunEverywhere();
  OpCase("EncodeBase64")
      .In(Str({"a", "ab", "abc"}))
      .Attr("pad", true)
      .Out(Str({"YQ==", "YWI=", "YWJj"}))
      .RunEverywhere();
}

TEST(DecodeBase64, Values) {
  OpCase("DecodeBase64")
      .In(Str({"", "YQ", "YQ==", "YWI=", "YWJjYQ", "_-_8"}))
      .Out(Str({"", "a", "a", "ab", "abca", "\xff\xef\xfc"}))
      .RunEverywhere();
  for (const char* text : {"YW+j", "Y=Jj", "====", "YWJjYQ="}) {
    OpCase("DecodeBase64")
        .In(Str({text}))
        .ExpectRunError(Code::kInvalidArgument, "Invalid character found in base64.");
  }
  OpCase("DecodeBase64")
      .In(Str({"YWJjY"}))
      .ExpectRunError(Code::kInvalidArgument, "Base64 string length cannot be 1 modulo 4.");
}

OpCase Formatted(const Array& value, int64_t summarize) {
  OpCase c("StringFormat");
  c.In(value)
      .Attr("template", std::string("v={}."))
      .Attr("placeholder", std::string("{}"))
      .Attr("summarize", summarize)
      .Attr("T", std::vector<DataType>{value.dtype()});
  return c;
}
Array Text(const std::string& text) { return Array(text); }

TEST(StringFormat, Values) {
  Formatted(I32(7), 3).Out(Text("v=7.")).RunEverywhere();
  Formatted(Str({"a", "b"}), 3).Out(Text("v=[\"a\" \"b\"].")).RunEverywhere();
  Formatted(F32({{1.5, 2}, {3.25, -4}}), 3).Out(Text("v=[[1.5 2]\n [3.25 -4]].")).RunEverywhere();
  Formatted(I32({0, 1, 2, 3, 4, 5, 6}), 2).Out(Text("v=[0 1 ... 5 6].")).RunEverywhere();
  Formatted(I32({0, 1, 2}), 2).Out(Text("v=[0 1 2].")).RunEverywhere();
  Formatted(I32({0, 1, 2, 3, 4, 5, 6}), -1).Out(Text("v=[0 1 2 3 4 5 6].")).RunEverywhere();
  Formatted(I32(Shape({1, 2, 1}), {1, 2}), 3).Out(Text("v=[[[1]\n  [2]]].")).RunEverywhere();
}

TEST(StringFormat, CountsPlaceholders) {
  ExpectBuildError("StringFormat", {I32(1)},
                   "num placeholders in template and num inputs must match",
                   {{"T", std::vector<DataType>{kInt32}}, {"template", std::string("none")}});
}

}  // namespace
}  // namespace weft
