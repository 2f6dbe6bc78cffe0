// SPDX-License-Identifier: Apache-2.0
#include "tests/support/gradient_case.h"
#include "tests/support/op_case.h"
#include "weft/core/complex.h"
#include "weft/ops/logical.h"

namespace weft {
namespace {

TEST(Comparisons, Values) {
  const Array x = F32({1, 2, 3, kNaN}), y = F32({2, 2, 2, 2});
  OpCase("Less").In(x).In(y).Out(Bool({true, false, false, false})).RunEverywhere();
  OpCase("LessEqual").In(x).In(y).Out(Bool({true, true, false, false})).RunEverywhere();
  OpCase("Greater").In(x).In(y).Out(Bool({false, false, true, false})).RunEverywhere();
  OpCase("GreaterEqual").In(x).In(y).Out(Bool({false, true, true, false})).RunEverywhere();
  OpCase("Equal").In(x).In(y).Out(Bool({false, true, false, false})).RunEverywhere();
  OpCase("NotEqual").In(x).In(y).Out(Bool({true, false, true, true})).RunEverywhere();
  OpCase("Less").In(U64({UINT64_MAX})).In(U64({1})).Out(Bool({false})).RunEverywhere();
  OpCase("Greater").In(BF16({2, -2})).In(BF16(1)).Out(Bool({true, false})).RunEverywhere();
}

TEST(Comparisons, Broadcast) {
  OpCase("Less")
      .In(I32({{1}, {5}}))
      .In(I32({0, 3, 9}))
      .Out(Bool({{false, true, true}, {false, false, true}}))
      .RunEverywhere();
  ExpectShape("Less", {"[?,1]", "[3]"}, "[?,3]");
  ExpectShape("GreaterEqual", {"?", "[3]"}, "?");
  ExpectBuildError("Less", {"[2]", "[3]"}, "must be equal");
  ExpectBuildError("Less", {kBool, kBool}, "not in the list of allowed values");
  OpCase("Less")
      .In(F32({1, 2}))
      .In(F32({1, 2, 3}))
      .ExpectRunError(Code::kInvalidArgument, "Incompatible shapes");
}

TEST(Equality, OfOtherDtypes) {
  OpCase("Equal").In(Str({"a", "b"})).In(Str("a")).Out(Bool({true, false})).RunEverywhere();
  OpCase("NotEqual")
      .In(C64(complex64(1, 2)))
      .In(C64(complex64(1, 3)))
      .Out(Bool(true))
      .RunEverywhere();
  OpCase("Equal")
      .In(Bool({true, false}))
      .In(Bool({true, true}))
      .Out(Bool({true, false}))
      .RunEverywhere();
  OpCase("Equal").In(Q8({1, 2})).In(Q8({1, 3})).Out(Bool({true, false})).RunEverywhere();
}

TEST(Equality, ShapesThatDoNotFit) {
  OpCase("Equal")
      .In(F32({1, 2}))
      .In(F32({1, 2, 3}))
      .ExpectRunError(Code::kInvalidArgument, "Incompatible shapes");
  OpCase("Equal")
      .In(F32({1, 2}))
      .In(F32({1, 2, 3}))
      .Attr("incompatible_shape_error", false)
      .Out(Bool(false))
      .RunEverywhere();
  OpCase("NotEqual")
      .In(F32({1, 2}))
      .In(F32({1, 2, 3}))
      .Attr("incompatible_shape_error", false)
      .Out(Bool(true))
      .RunEverywhere();
  ExpectShape("Equal", {"[2]", "[3]"}, "[]", {{"incompatible_shape_error", false}});
  ExpectShape("Equal", {"[2]", "[?]"}, "?", {{"incompatible_shape_error", false}});
  ExpectShape("Equal", {"[2,1]", "[3]"}, "[2,3]", {{"incompatible_shape_error", false}});
}

TEST(Logic, Values) {
  const Array x = Bool({{true, true}, {false, false}}), y = Bool({true, false});
  OpCase("LogicalAnd").In(x).In(y).Out(Bool({{true, false}, {false, false}})).RunEverywhere();
  OpCase("LogicalOr").In(x).In(y).Out(Bool({{true, true}, {true, false}})).RunEverywhere();
  OpCase("LogicalNot").In(y).Out(Bool({false, true})).RunEverywhere();
  ExpectBuildError("LogicalAnd", {kFloat32, kFloat32}, "");
}

TEST(Select, Values) {
  const Array t = F32({{1, 2}, {3, 4}}), e = F32({{5, 6}, {7, 8}});
  OpCase("Select")
      .In(Bool({{true, false}, {false, true}}))
      .In(t)
      .In(e)
      .Out(F32({{1, 6}, {7, 4}}))
      .RunEverywhere();
  OpCase("Select").In(Bool(true)).In(t).In(e).Out(t).RunEverywhere();
  OpCase("Select").In(Bool({false, true})).In(t).In(e).Out(F32({{5, 6}, {3, 4}})).RunEverywhere();
  OpCase("Select")
      .In(Bool({true, false}))
      .In(Str({"a", "b"}))
      .In(Str({"c", "d"}))
      .Out(Str({"a", "d"}))
      .RunEverywhere();
  OpCase("Select")
      .In(Bool({true, false}))
      .In(C128({1, 2}))
      .In(C128({3, 4}))
      .Out(C128({1, 4}))
      .RunEverywhere();
  OpCase("Select")
      .In(Bool(Shape({0}), {}))
      .In(I8(Shape({0, 3}), {}))
      .In(I8(Shape({0, 3}), {}))
      .Out(I8(Shape({0, 3}), {}))
      .RunEverywhere();
}

TEST(Select, ShapesAndErrors) {
  ExpectShape("Select", {"bool[?]", "[2,?]", "[?,3]"}, "[2,3]");
  ExpectShape("Select", {"bool[]", "[2,?]", "?"}, "[2,?]");
  ExpectShape("Select", {"bool[2,3]", "?", "[?,?]"}, "[2,3]");
  ExpectShape("Select", {"bool", "[4]", "?"}, "[4]");
  ExpectBuildError("Select", {"bool[]", "[2]", "[3]"}, "");
  ExpectBuildError("Select", {"bool[3]", "[2,3]", "[2,3]"}, "");
  ExpectBuildError("Select", {"bool[1]", "[]", "[]"}, "");
  OpCase("Select")
      .In(Bool({true, false}))
      .In(F32({{1, 2}}))
      .In(F32({{1, 2}}))
      .ExpectRunError(Code::kInvalidArgument, "the condition is [2]");
  OpCase("Select")
      .In(Bool(true))
      .In(F32({1, 2}))
      .In(F32({1, 2, 3}))
      .ExpectRunError(Code::kInvalidArgument, "must have the same size");
}

TEST(SelectV2, Broadcasts) {
  OpCase("SelectV2")
      .In(Bool({{true}, {false}}))
      .In(F32({1, 2, 3}))
      .In(F32(0))
      .Out(F32({{1, 2, 3}, {0, 0, 0}}))
      .RunEverywhere();
  OpCase("SelectV2").In(Bool(false)).In(F32(1)).In(F32({4, 5})).Out(F32({4, 5})).RunEverywhere();
  OpCase("SelectV2")
      .In(Bool(true))
      .In(I64({1, 2}))
      .In(I64({4, 5}))
      .Out(I64({1, 2}))
      .RunEverywhere();
  ExpectShape("SelectV2", {"bool[2,1]", "[3]", "[]"}, "[2,3]");
  ExpectShape("SelectV2", {"bool[2,1]", "?", "[]"}, "?");
  ExpectBuildError("SelectV2", {"bool[2]", "[3]", "[]"}, "");
  OpCase("SelectV2")
      .In(Bool({true, false}))
      .In(F32({1, 2, 3}))
      .In(F32(0))
      .ExpectRunError(Code::kInvalidArgument, "Incompatible shapes");
}

TEST(SelectGradients, FlowWhereChosen) {
  CheckGradient("Select", {Bool({{true, false}, {false, true}}), {2, 2}, {2, 2}});
  CheckGradient("Select", {Bool({true, false}), {2, 3}, {2, 3}});
  CheckGradient("SelectV2", {Bool({{true}, {false}}), {3}, {2, 1}});
  CheckGradient("SelectV2", {Bool(true), {2, 3}, {2, 3}});
}

TEST(LogicalFunctions, OperatorsAndNames) {
  Graph g;
  GraphScope use(g);
  Session session;
  const Tensor x = ConstantOf(F32({-1, 2}));
  EXPECT_EQ((x > 0.f).name(), "Greater:0");
  EXPECT_TRUE(g.FindOperation("Greater/y"));
  const Tensor p = x > 0, q = x <= 2;
  EXPECT_EQ((p & q).name(), "and:0");
  EXPECT_TRUE(ArraysEqual(session.Run((p | ~q)), Bool({false, true})));
  EXPECT_TRUE(ArraysEqual(session.Run(p ^ q), Bool({true, false})));
  EXPECT_EQ(LogicalXor(p, q).name(), "LogicalXor:0");
  const Tensor n = ConstantOf(I32({6, 3}));
  EXPECT_TRUE(ArraysEqual(session.Run(n & ConstantOf(I32({3, 1}))), I32({2, 1})));
  EXPECT_TRUE(ArraysEqual(session.Run(~n), I32({-7, -4})));
  EXPECT_TRUE(ArraysEqual(session.Run(WhereV2(p, x, 0.f)), F32({0, 2})));
  EXPECT_EQ(Where(p, x, x).name(), "Select:0");
}

}  // namespace
}  // namespace weft
