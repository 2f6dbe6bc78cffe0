// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "tests/support/op_case.h"

namespace weft {
namespace {

TEST(SparseReorder, Values) {
  OpCase("SparseReorder")
      .In(I64({{1, 2}, {0, 3}, {1, 0}}))
      .In(Str({"a", "b", "c"}))
      .In(I64({2, 4}))
      .Out(I64({{0, 3}, {1, 0}, {1, 2}}))
      .Out(Str({"b", "c", "a"}))
      .RunEverywhere();
  ExpectShape("SparseReorder", {"int64[?,2]", "[5]", "int64[2]"}, "[5,2];[5]");
}

TEST(SparseReshape, Values) {
  OpCase("SparseReshape")
      .In(I64({{0, 1}, {1, 2}}))
      .In(I64({2, 3}))
      .In(I64({-1}))
      .Out(I64({{1}, {5}}))
      .Out(I64({6}))
      .RunEverywhere();
  OpCase("SparseReshape")
      .In(I64({{0, 1}}))
      .In(I64({2, 3}))
      .In(I64({4, -1}))
      .ExpectRunError(Code::kInvalidArgument, "6 elements must be a multiple of 4");
  OpCase("SparseReshape")
      .In(I64({{0, 3}}))
      .In(I64({2, 3}))
      .In(I64({6}))
      .ExpectRunError(Code::kInvalidArgument, "indices[0,1] = 3 is out of bounds");
}

TEST(SparseFillEmptyRows, Values) {
  OpCase("SparseFillEmptyRows")
      .In(I64({{2, 1}, {0, 0}, {2, 0}}))
      .In(F32({1, 2, 3}))
      .In(I64({4, 2}))
      .In(F32(-1))
      .Out(I64({{0, 0}, {1, 0}, {2, 1}, {2, 0}, {3, 0}}))
      .Out(F32({2, -1, 1, 3, -1}))
      .Out(Bool({false, true, false, true}))
      .Out(I64({2, 0, 3}))
      .RunEverywhere();
  OpCase("SparseFillEmptyRows")
      .In(I64({{4, 0}}))
      .In(F32({1}))
      .In(I64({4, 2}))
      .In(F32(-1))
      .ExpectRunError(Code::kInvalidArgument, "indices(0, 0) is invalid: 4 >= 4");
}

}  // namespace
}  // namespace weft
