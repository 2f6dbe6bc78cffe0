// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "tests/support/op_case.h"

namespace weft {
namespace {

const std::string kFromUtf8 = "UTF-8";
const std::string kIgnore = "ignore", kStrict = "strict";
// A byte that begins nothing, between two letters.
const char kWrong[] =
    "a\xff"
    "b";

TEST(UnicodeDecode, Values) {
  OpCase("UnicodeDecode")
      .In(Str({"a\xe2\x82\xac", "", "\xf0\x9f\x98\x80"}))
      .Attr("input_encoding", kFromUtf8)
      .Out(I64({0, 2, 2, 3}))
      .Out(I32({0x61, 0x20ac, 0x1f600}))
      .RunEverywhere();
  OpCase("UnicodeDecode")
      .In(Str({kWrong}))
      .Attr("input_encoding", kFromUtf8)
      .Attr("Tsplits", kInt32)
      .Out(I32({0, 3}))
      .Out(I32({'a', 0xfffd, 'b'}))
      .RunEverywhere();
  OpCase("UnicodeDecode")
      .In(Str({kWrong}))
      .Attr("input_encoding", kFromUtf8)
      .Attr("errors", kIgnore)
      .Out(I64({0, 2}))
      .Out(I32({'a', 'b'}))
      .RunEverywhere();
  OpCase("UnicodeDecode")
      .In(Str({kWrong}))
      .Attr("input_encoding", kFromUtf8)
      .Attr("errors", kStrict)
      .ExpectRunError(Code::kInvalidArgument, "Invalid formatting on input string");
  OpCase("UnicodeDecode")
      .In(Str({"a"}))
      .Attr("input_encoding", std::string("no such encoding"))
      .ExpectRunError(Code::kInvalidArgument, "Could not create converter for input encoding");
  ExpectShape("UnicodeDecode", {"[2,3]"}, "[7];[?]", {{"input_encoding", kFromUtf8}});
}

TEST(UnicodeDecodeWithOffsets, Values) {
  OpCase("UnicodeDecodeWithOffsets")
      .In(Str({"a\xe2\x82\xac"
               "b",
               "c\n"}))
      .Attr("input_encoding", kFromUtf8)
      .Attr("replace_control_characters", true)
      .Attr("replacement_char", int64_t{'?'})
      .Out(I64({0, 3, 5}))
      .Out(I32({'a', 0x20ac, 'b', 'c', '?'}))
      .Out(I64({0, 1, 4, 0, 1}))
      .RunEverywhere();
}

TEST(UnicodeEncode, Values) {
  const auto encode = [](const char* encoding) {
    return OpCase("UnicodeEncode")
        .In(I32({'a', 0x1f600}))
        .In(I64({0, 0, 2}))
        .Attr("output_encoding", std::string(encoding));
  };
  encode("UTF-8").Out(Str({"", "a\xf0\x9f\x98\x80"})).RunEverywhere();
  encode("UTF-16-BE")
      .Out(Array::FromVector(std::vector<std::string>{"", std::string("\0a\xd8\x3d\xde\x00", 6)}))
      .RunEverywhere();
  encode("UTF-32-BE")
      .Out(Array::FromVector(std::vector<std::string>{"", std::string("\0\0\0a\0\x01\xf6\x00", 8)}))
      .RunEverywhere();
}

TEST(UnicodeEncode, WrongCodePoints) {
  const auto encode = [](const std::string& errors) {
    return OpCase("UnicodeEncode")
        .In(I32({'a', 0x110000, 'b'}))
        .In(I64({0, 3}))
        .Attr("output_encoding", kFromUtf8)
        .Attr("replacement_char", int64_t{'?'})
        .Attr("errors", errors);
  };
  encode("replace").Out(Str({"a?b"})).RunEverywhere();
  encode(kIgnore).Out(Str({"ab"})).RunEverywhere();
  encode(kStrict).ExpectRunError(Code::kInvalidArgument, "Code point is out of range for Unicode");
  OpCase("UnicodeEncode")
      .In(I32({'a'}))
      .In(I64({0, 2}))
      .Attr("output_encoding", kFromUtf8)
      .ExpectRunError(Code::kInvalidArgument, "less than or equal to input_tensor length");
}

TEST(UnicodeTranscode, Values) {
  OpCase("UnicodeTranscode")
      .In(Str({"\xe9t\xe9"}))
      .Attr("input_encoding", std::string("ISO-8859-1"))
      .Attr("output_encoding", kFromUtf8)
      .Out(Str({"\xc3\xa9t\xc3\xa9"}))
      .RunEverywhere();
  OpCase("UnicodeTranscode")
      .In(Str({kWrong}))
      .Attr("input_encoding", kFromUtf8)
      .Attr("output_encoding", kFromUtf8)
      .Attr("errors", kStrict)
      .ExpectRunError(Code::kInvalidArgument, "Invalid formatting on input string");
}

TEST(UnicodeScript, Values) {
  // Common, Latin, Greek, Hiragana; a number that is no code point.
  OpCase("UnicodeScript")
      .In(I32({'1', 'a', 0x3b1, 0x3042, 0x110000}))
      .Out(I32({0, 25, 14, 20, -1}))
      .RunEverywhere();
}

}  // namespace
}  // namespace weft
