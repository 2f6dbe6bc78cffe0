// SPDX-License-Identifier: Apache-2.0
#include "weft/ops/bitwise.h"

#include "tests/support/op_case.h"

namespace weft {
namespace {

TEST(Bitwise, Values) {
  OpCase("BitwiseAnd")
      .In(I32({{12, -1}, {10, 3}}))
      .In(I32({10, 7}))
      .Out(I32({{8, 7}, {10, 3}}))
      .RunEverywhere();
  OpCase("BitwiseOr").In(U8({12, 1})).In(U8(3)).Out(U8({15, 3})).RunEverywhere();
  OpCase("BitwiseXor").In(I64({-1, 5})).In(I64({1, 4})).Out(I64({-2, 1})).RunEverywhere();
  OpCase("Invert").In(U16({0, 65535})).Out(U16({65535, 0})).RunEverywhere();
  OpCase("PopulationCount").In(I8({-1, 0, 5})).Out(U8({8, 0, 2})).RunEverywhere();
}

TEST(Shifts, ClampTheNumberOfBits) {
  OpCase("LeftShift")
      .In(I8({1, 1, 1, -1, -8}))
      .In(I8({-1, 8, 7, 3, 100}))
      .Out(I8({1, -128, -128, -8, 0}))
      .RunEverywhere();
  OpCase("RightShift")
      .In(I8({1, 1, 127, -1, -8}))
      .In(I8({-1, 8, 7, 3, 100}))
      .Out(I8({1, 0, 0, -1, -1}))
      .RunEverywhere();
  OpCase("RightShift")
      .In(U64({UINT64_MAX, 8}))
      .In(U64({UINT64_MAX, 3}))
      .Out(U64({1, 1}))
      .RunEverywhere();
}

TEST(Bitwise, ShapesAndErrors) {
  ExpectShape("BitwiseOr", {"int32[?,3]", "int32[2,1]"}, "[2,3]");
  ExpectBuildError("BitwiseAnd", {kFloat32, kFloat32}, "not in the list of allowed values");
  OpCase("LeftShift")
      .In(I32({1, 2}))
      .In(I32({1, 2, 3}))
      .ExpectRunError(Code::kInvalidArgument, "Incompatible shapes");
}

TEST(BitwiseFunctions, NamesOfNodes) {
  Graph g;
  GraphScope use(g);
  const Tensor x = PlaceholderOf(kInt32, {2});
  EXPECT_EQ(bitwise::BitwiseAnd(x, 3).name(), "BitwiseAnd:0");
  EXPECT_TRUE(g.FindOperation("BitwiseAnd/y"));
  EXPECT_EQ(bitwise::PopulationCount(x).dtype(), kUint8);
}

}  // namespace
}  // namespace weft
