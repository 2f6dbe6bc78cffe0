// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "tests/support/op_case.h"

namespace weft {
namespace {

TEST(SetSize, CountsDifferentValues) {
  OpCase("SetSize")
      .In(I64({{0, 0}, {0, 1}, {2, 0}}))
      .In(Str({"a", "a", "b"}))
      .In(I64({3, 2}))
      .Out(I32({1, 0, 1}))
      .RunEverywhere();
  OpCase("SetSize")
      .In(I64({{1, 0}, {0, 1}}))
      .In(Str({"a", "b"}))
      .In(I64({3, 2}))
      .ExpectRunError(Code::kInvalidArgument, "is out of order");
}

OpCase Dense(const char* operation) {
  return OpCase("DenseToDenseSetOperation")
      .In(I32({{3, 1, 1}, {5, 6, 7}}))
      .In(I32({{1, 2}, {7, 6}}))
      .Attr("set_operation", std::string(operation));
}

TEST(DenseToDenseSetOperation, Values) {
  Dense("intersection")
      .Out(I64({{0, 0}, {1, 0}, {1, 1}}))
      .Out(I32({1, 6, 7}))
      .Out(I64({2, 2}))
      .RunEverywhere();
  Dense("a-b").Out(I64({{0, 0}, {1, 0}})).Out(I32({3, 5})).Out(I64({2, 1})).RunEverywhere();
  Dense("b-a").Out(I64({{0, 0}})).Out(I32({2})).Out(I64({2, 1})).RunEverywhere();
  Dense("union")
      .Out(I64({{0, 0}, {0, 1}, {0, 2}, {1, 0}, {1, 1}, {1, 2}}))
      .Out(I32({1, 2, 3, 5, 6, 7}))
      .Out(I64({2, 3}))
      .RunEverywhere();
  Dense("both").ExpectRunError(Code::kInvalidArgument, "Invalid set_operation both");
  ExpectShape("DenseToDenseSetOperation", {"int32[2,3]", "int32[?,4]"}, "[?,2];[?];[2]",
              {{"set_operation", std::string("union")}});
}

TEST(SparseToSparseSetOperation, GroupsOfEither) {
  OpCase("SparseToSparseSetOperation")
      .In(I64({{0, 0}}))
      .In(I64({4}))
      .In(I64({2, 1}))
      .In(I64({{1, 0}, {1, 1}}))
      .In(I64({6, 5}))
      .In(I64({2, 2}))
      .Attr("set_operation", std::string("union"))
      .Out(I64({{0, 0}, {1, 0}, {1, 1}}))
      .Out(I64({4, 5, 6}))
      .Out(I64({2, 2}))
      .RunEverywhere();
}

}  // namespace
}  // namespace weft
