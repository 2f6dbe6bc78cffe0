// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "tests/support/op_case.h"

namespace weft {
namespace {

TEST(StringJoin, Values) {
  OpCase("StringJoin")
      .In(Str({"a", "b"}))
      .In(Array(std::string("-")))
      .In(Str({"", "d"}))
      .Attr("N", int64_t{3})
      .Attr("separator", std::string("+"))
      .Out(Str({"a+-+", "b+-+d"}))
      .RunEverywhere();
}

TEST(StringJoin, Shapes) {
  ExpectShape("StringJoin", {"[]", "[?,2]", "[3,?]"}, "[3,2]");
  ExpectShape("StringJoin", {"[]", "[]"}, "[]");
  ExpectShape("StringJoin", {"[2]", "?"}, "[2]");
}

TEST(StaticRegexFullMatch, Values) {
  OpCase("StaticRegexFullMatch")
      .In(Str({"s3://bucket", "a s3://", ""}))
      .Attr("pattern", std::string("^s3://.*"))
      .Out(Bool({true, false, false}))
      .RunEverywhere();
  OpCase("StaticRegexFullMatch")
      .In(Str({"a"}))
      .Attr("pattern", std::string("("))
      .ExpectRunError(Code::kInvalidArgument, "Invalid pattern: (, error: missing )");
}

TEST(RegexFullMatch, Values) {
  OpCase("RegexFullMatch")
      .In(Str({"abc", "ab"}))
      .In(Array(std::string("a.c")))
      .Out(Bool({true, false}))
      .RunEverywhere();
}

}  // namespace
}  // namespace weft
