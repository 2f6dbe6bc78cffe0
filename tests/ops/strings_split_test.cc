// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "tests/support/op_case.h"

namespace weft {
namespace {

Array Line(const std::string& text) { return Array(text); }
Array NoTexts() { return Array(kString, Shape({0})); }

TEST(StringSplit, Values) {
  OpCase("StringSplit")
      .In(Str({"a b", "", " c"}))
      .In(Line(" "))
      .Out(I64({{0, 0}, {0, 1}, {2, 0}}))
      .Out(Str({"a", "b", "c"}))
      .Out(I64({3, 2}))
      .RunEverywhere();
  OpCase("StringSplit")
      .In(Str({"a,b;c", "", ","}))  // an empty text has no parts
      .In(Line(",;"))
      .Attr("skip_empty", false)
      .Out(I64({{0, 0}, {0, 1}, {0, 2}, {2, 0}, {2, 1}}))
      .Out(Str({"a", "b", "c", "", ""}))
      .Out(I64({3, 3}))
      .RunEverywhere();
  OpCase("StringSplit")
      .In(Str({"ab"}))
      .In(Line(""))
      .Out(I64({{0, 0}, {0, 1}}))
      .Out(Str({"a", "b"}))
      .Out(I64({1, 2}))
      .RunEverywhere();
  OpCase("StringSplit")
      .In(NoTexts())
      .In(Line(" "))
      .Out(Array(kInt64, Shape({0, 2})))
      .Out(NoTexts())
      .Out(I64({0, 0}))
      .RunEverywhere();
  ExpectShape("StringSplit", {"[3]", "[]"}, "[?,2];[?];[2]");
  ExpectBuildError("StringSplit", {"[3,2]", "[]"}, "must be rank 1");
}

void ExpectParts(const char* text, const char* separator, int64_t most, const Array& parts) {
  std::vector<int64_t> indices;
  for (int64_t i = 0; i < parts.dim(0); ++i) indices.insert(indices.end(), {0, i});
  OpCase("StringSplitV2")
      .In(Str({text}))
      .In(Line(separator))
      .Attr("maxsplit", most)
      .Out(Array::FromVector(indices, Shape({parts.dim(0), 2})))
      .Out(parts)
      .Out(I64({int64_t{1}, parts.dim(0)}))
      .RunEverywhere();
}

TEST(StringSplitV2, Separator) {
  ExpectParts("1<>2<><>3", "<>", -1, Str({"1", "2", "", "3"}));
  ExpectParts("1<>2<><>3", "<>", 1, Str({"1", "2<><>3"}));
  ExpectParts("1<>2", "<>", 0, Str({"1<>2"}));
  ExpectParts("<>", "<>", -1, Str({"", ""}));
}

TEST(StringSplitV2, WhiteSpace) {
  ExpectParts(" a \t b\n", "", -1, Str({"a", "b"}));
  ExpectParts(" a b c", "", 1, Str({"a", "b c"}));
  ExpectParts("  ", "", -1, NoTexts());
}

TEST(ReduceJoin, Values) {
  const Array square = Str({{"a", "b"}, {"c", "d"}});
  OpCase("ReduceJoin").In(square).Const(I32(0)).Out(Str({"ac", "bd"})).RunEverywhere();
  OpCase("ReduceJoin").In(square).Const(I32({-1})).Out(Str({"ab", "cd"})).RunEverywhere();
  OpCase("ReduceJoin").In(square).Const(I32({0, 1})).Out(Line("acbd")).RunEverywhere();
  OpCase("ReduceJoin").In(square).Const(I32({1, 0})).Out(Line("abcd")).RunEverywhere();
  OpCase("ReduceJoin")
      .In(square)
      .Const(I32({1}))
      .Attr("keep_dims", true)
      .Attr("separator", std::string("."))
      .Out(Str({{"a.b"}, {"c.d"}}))
      .RunEverywhere();
  OpCase("ReduceJoin")
      .In(square)
      .Const(I32({2}))
      .ExpectRunError(Code::kOutOfRange, "Invalid reduction dimension 2");
}

TEST(UnsortedSegmentJoin, Values) {
  OpCase("UnsortedSegmentJoin")
      .In(Str({"a", "b", "c", "", "e"}))
      .In(I32({2, 0, 2, 0, 0}))
      .In(I32(3))
      .Attr("separator", std::string("+"))
      .Out(Str({"b++e", "", "a+c"}))
      .RunEverywhere();
  OpCase("UnsortedSegmentJoin")
      .In(Str({{"a", "b"}, {"c", "d"}}))
      .In(I64({0, 0}))
      .In(I64(1))
      .Out(Str({{"ac", "bd"}}))
      .RunEverywhere();
  OpCase("UnsortedSegmentJoin")
      .In(Str({"a"}))
      .In(I32({1}))
      .In(I32(1))
      .ExpectRunError(Code::kInvalidArgument, "segment_ids are not allowed to exceed num_segments");
  OpCase("UnsortedSegmentJoin")
      .In(Str({"a"}))
      .In(I32({0}))
      .In(I32(-1))
      .ExpectRunError(Code::kInvalidArgument, "-1");
  ExpectShape("UnsortedSegmentJoin", {"[2,5]", "int32[2]", I32(7)}, "[7,5]");
}

OpCase NGrams(std::vector<int64_t> widths, int64_t pad, bool keep_short) {
  OpCase c("StringNGrams");
  c.In(Str({"a", "b", "c", "d"}))
      .In(I64({0, 3, 3, 4}))
      .Attr("separator", std::string("|"))
      .Attr("ngram_widths", std::move(widths))
      .Attr("left_pad", std::string("<"))
      .Attr("right_pad", std::string(">"))
      .Attr("pad_width", pad)
      .Attr("preserve_short_sequences", keep_short);
  return c;
}

TEST(StringNGrams, Values) {
  NGrams({2}, 0, false).Out(Str({"a|b", "b|c"})).Out(I64({0, 2, 2, 2})).RunEverywhere();
  NGrams({2}, 0, true).Out(Str({"a|b", "b|c", "d"})).Out(I64({0, 2, 2, 3})).RunEverywhere();
  NGrams({2}, -1, false)
      .Out(Str({"<|a", "a|b", "b|c", "c|>", "<|>", "<|d", "d|>"}))
      .Out(I64({0, 4, 5, 7}))
      .RunEverywhere();
  NGrams({1, 3}, 0, false)
      .Out(Str({"a", "b", "c", "a|b|c", "d"}))
      .Out(I64({0, 4, 4, 5}))
      .RunEverywhere();
  NGrams({0}, 0, false)
      .ExpectRunError(Code::kInvalidArgument, "ngram_widths must contain positive values");
}

TEST(StringNGrams, WrongSplits) {
  OpCase("StringNGrams")
      .In(Str({"a"}))
      .In(I64({0, 2}))
      .Attr("separator", std::string())
      .Attr("ngram_widths", std::vector<int64_t>{1})
      .Attr("left_pad", std::string())
      .Attr("right_pad", std::string())
      .Attr("pad_width", int64_t{0})
      .Attr("preserve_short_sequences", false)
      .ExpectRunError(Code::kInvalidArgument, "Invalid split value 2, must be in [0, 1]");
}

}  // namespace
}  // namespace weft
