// SPDX-License-Identifier: Apache-2.0
#include "tests/support/op_case.h"
#include "weft/core/complex.h"
#include "weft/ops/array.h"

namespace weft {
namespace {

TEST(Fill, Values) {
  OpCase("Fill").In(I32({2, 2})).In(F32(3)).Out(F32({{3, 3}, {3, 3}})).RunEverywhere();
  OpCase("Fill").In(I64({2})).In(Str("ab")).Out(Str({"ab", "ab"})).RunEverywhere();
  OpCase("Fill")
      .In(I32(Shape({0}), {}))
      .In(C64(complex64(1, 2)))
      .Out(C64(complex64(1, 2)))
      .RunEverywhere();
  OpCase("Fill").In(I32({-1})).In(F32(3)).ExpectRunError(Code::kInvalidArgument,
                                                         "Dimension -1 must be >= 0");
  OpCase("Fill")
      .In(I32(Shape({1, 1}), {1}))
      .In(F32(3))
      .ExpectRunError(Code::kInvalidArgument, "must represent a vector");
  OpCase("Fill").In(I64({INT64_MAX, 4})).In(F32(3)).ExpectRunError(Code::kInvalidArgument, "");
}

TEST(Fill, Shapes) {
  ExpectShape("Fill", {I32({2, 3}), "[]"}, "[2,3]");
  ExpectShape("Fill", {ShapeInput::ShapeOf("[?,3]"), "[]"}, "[?,3]");
  ExpectShape("Fill", {"int32[2]", "[]"}, "[?,?]");
  ExpectBuildError("Fill", {I32({-1}), "[]"}, "Fill dimensions must be >= 0");
  ExpectBuildError("Fill", {I32({1}), "[1]"}, "Shape must be rank 0 but is rank 1");
}

TEST(Range, Values) {
  OpCase("Range").In(I32(0)).In(I32(10)).In(I32(3)).Out(I32({0, 3, 6, 9})).RunEverywhere();
  OpCase("Range").In(I64(5)).In(I64(-4)).In(I64(-2)).Out(I64({5, 3, 1, -1, -3})).RunEverywhere();
  OpCase("Range")
      .In(F32(0))
      .In(F32(1))
      .In(F32(0.25f))
      .Out(F32({0, 0.25f, 0.5f, 0.75f}))
      .Exact()
      .RunEverywhere();
  OpCase("Range").In(I32(3)).In(I32(3)).In(I32(1)).Out(I32(Shape({0}), {})).RunEverywhere();
  // Each value is rounded once: the error does not grow along the range.
  OpCase("Range")
      .In(F32(0))
      .In(F32(0.55f))
      .In(F32(0.1f))
      .Out(F32({0, 0.1f, 2 * 0.1f, 3 * 0.1f, 4 * 0.1f, 5 * 0.1f}))
      .Exact()
      .RunEverywhere();
}

// As in TensorFlow the distance of integers wraps around where it doesn't fit.
TEST(Range, EndsOfTheIntegers) {
  const auto range = [](auto start, auto limit, auto delta) {
    return OpCase("Range").In(Array(start)).In(Array(limit)).In(Array(delta));
  };
  range(INT64_MIN, INT64_MAX, int64_t{1}).Out(I64({INT64_MIN})).RunEverywhere();
  range(INT64_MIN, int64_t{0}, INT64_MAX).Out(I64({INT64_MIN, -1})).RunEverywhere();
  range(int64_t{10}, int64_t{0}, INT64_MIN).Out(I64({10})).RunEverywhere();
  range(int64_t{0}, INT64_MAX, INT64_MAX - 3).Out(I64({0, INT64_MAX - 3})).RunEverywhere();
  range(INT32_MIN, INT32_MAX, 1).Out(I32({INT32_MIN})).RunEverywhere();
  range(INT64_MAX, INT64_MIN, INT64_MIN).Out(I64({INT64_MAX})).RunEverywhere();
  range(INT32_MIN, INT32_MAX, INT32_MAX).Out(I32({INT32_MIN})).RunEverywhere();
  range(INT32_MIN, 0, 1 << 30).Out(I32({INT32_MIN, -(1 << 30)})).RunEverywhere();
  ExpectShape("Range", {I32(INT32_MIN), I32(INT32_MAX), I32(1)}, "[1]");
  ExpectShape("Range", {I32(INT32_MIN), I32(0), I32(1)}, "[2147483648]");
}

TEST(Range, BadInput) {
  const auto error = [](Array start, Array limit, Array delta, const char* text) {
    OpCase("Range").In(start).In(limit).In(delta).ExpectRunError(Code::kInvalidArgument, text);
    OpCase("Range").In(start).In(limit).In(delta).ExpectBuildError(Code::kInvalidArgument, text);
  };
  error(I32(0), I32(3), I32(0), "Requires delta != 0");
  error(I32(5), I32(3), I32(1), "Requires start <= limit when delta > 0: 5/3");
  error(I32(5), I32(8), I32(-1), "Requires start >= limit when delta < 0: 5/8");
  error(F32(0), F32(1e30f), F32(1e-10f), "Requires ((limit - start) / delta) <=");
  error(F32(0), F32(kNaN), F32(1), "Requires start <= limit");
  error(I64(INT64_MIN), I64(0), I64(1), "Requires ((limit - start) / delta) <=");
}

TEST(Range, Shapes) {
  ExpectShape("Range", {I32(0), I32(10), I32(3)}, "[4]");
  ExpectShape("Range", {F64(0), F64(1), F64(0.3)}, "[4]");
  ExpectShape("Range", {I32(0), "int32[]", I32(3)}, "[?]");
  ExpectBuildError("Range", {"int32[1]", I32(10), I32(3)}, "for 'start'");
}

TEST(LinSpace, Literals) {
  const Graph graph;
  const GraphScope use(graph);
  const Tensor three = LinSpace(1, 2, 3), wide = LinSpace(1.0, 2.0, int64_t{3});
  EXPECT_EQ(three.dtype(), kFloat32);
  EXPECT_EQ(three.op().input(2).dtype(), kInt32);
  EXPECT_EQ(wide.op().input(2).dtype(), kInt32);
  EXPECT_TRUE(ArraysNear(Session(graph).Run(three), F32({1, 1.5f, 2}), {}));
}

TEST(LinSpace, Values) {
  OpCase("LinSpace")
      .In(F32(1))
      .In(F32(2))
      .In(I32(5))
      .Out(F32({1, 1.25f, 1.5f, 1.75f, 2}))
      .RunEverywhere();
  OpCase("LinSpace").In(F64(1)).In(F64(0)).In(I64(3)).Out(F64({1, 0.5, 0})).RunEverywhere();
  OpCase("LinSpace").In(F32(4)).In(F32(9)).In(I32(1)).Out(F32({4})).RunEverywhere();
  OpCase("LinSpace")
      .In(F32(1))
      .In(F32(2))
      .In(I32(0))
      .ExpectRunError(Code::kInvalidArgument, "Requires num > 0: 0");
  ExpectShape("LinSpace", {"[]", "[]", I32(7)}, "[7]");
  ExpectShape("LinSpace", {"[]", "[]", "int32[]"}, "[?]");
  ExpectBuildError("LinSpace", {"[]", "[]", I32(-1)}, "Requires num > 0: -1");
}

TEST(Empty, InitIsZero) {
  OpCase("Empty")
      .In(I32({2, 1}))
      .Attr("dtype", kFloat32)
      .Attr("init", true)
      .Out(F32(Shape({2, 1}), {0, 0}))
      .RunEverywhere();
  OpCase("Empty")
      .In(I32({2}))
      .Attr("dtype", kString)
      .Attr("init", true)
      .Out(Str({"", ""}))
      .RunEverywhere();
  OpCase("Empty")
      .In(I32({-1}))
      .Attr("dtype", kFloat32)
      .ExpectRunError(Code::kInvalidArgument, "Dimension -1");
  ExpectShape("Empty", {I32({2, 3})}, "[2,3]", {{"dtype", kFloat32}});
}

TEST(OneHot, Values) {
  OpCase("OneHot")
      .In(I32({0, 2, -1, 3}))
      .In(I32(3))
      .In(F32(5))
      .In(F32(1))
      .Out(F32({{5, 1, 1}, {1, 1, 5}, {1, 1, 1}, {1, 1, 1}}))
      .RunEverywhere();
  OpCase("OneHot")
      .In(I64({{0, 1}}))
      .In(I32(2))
      .In(Bool(true))
      .In(Bool(false))
      .Attr("axis", 0)
      .Out(Bool(Shape({2, 1, 2}), {true, false, false, true}))
      .RunEverywhere();
  OpCase("OneHot")
      .In(U8({{0, 1}}))
      .In(I32(2))
      .In(Str("x"))
      .In(Str(""))
      .Attr("axis", 1)
      .Out(Str(Shape({1, 2, 2}), {"x", "", "", "x"}))
      .RunEverywhere();
  OpCase("OneHot").In(I8(1)).In(I32(2)).In(I64(1)).In(I64(0)).Out(I64({0, 1})).RunEverywhere();
  OpCase("OneHot")
      .In(I32({0}))
      .In(I32(0))
      .In(F32(1))
      .In(F32(0))
      .Out(F32(Shape({1, 0}), {}))
      .RunEverywhere();
  OpCase("OneHot").In(I32({0})).In(I32(-3)).In(F32(1)).In(F32(0)).ExpectRunError(
      Code::kInvalidArgument, "depth must be non-negative, got: -3");
  OpCase("OneHot").In(I32({0})).In(I32(3)).In(F32(1)).In(F32(0)).Attr("axis", 2).ExpectRunError(
      Code::kInvalidArgument, "Expected axis to be -1 or between [0, 2)");
}

TEST(OneHot, Shapes) {
  ExpectShape("OneHot", {"int32[?,4]", I32(3), "[]", "[]"}, "[?,4,3]");
  ExpectShape("OneHot", {"int32[?,4]", "int32[]", "[]", "[]"}, "[?,?,4]", {{"axis", 1}});
  ExpectShape("OneHot", {kInt32, I32(3), "[]", "[]"}, "?");
  ExpectBuildError("OneHot", {"int32[4]", I32(3), "[1]", "[]"}, "Shape must be rank 0");
  ExpectBuildError("OneHot", {"int32[4]", I32(3), "[]", "[]"}, "axis must be >= -1",
                   {{"axis", -2}});
}

TEST(DeepCopy, Values) { OpCase("DeepCopy").In(F32({1, 2})).Out(F32({1, 2})).RunEverywhere(); }

}  // namespace
}  // namespace weft
