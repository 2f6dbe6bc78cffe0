// SPDX-License-Identifier: Apache-2.0
// Tests of the support for op tests: what it must notice, it notices.
#include "tests/support/op_case.h"

#include "gmock/gmock.h"
#include "gtest/gtest-spi.h"
#include "weft/core/complex.h"

namespace weft {
namespace {

TEST(OpCase, ValuesPass) {
  OpCase("Identity").In(F32({-1, 0, 2, kNaN})).Out(F32({-1, 0, 2, kNaN})).RunEverywhere();
  OpCase("Reshape")
      .In(I32({1, 2, 3, 4}))
      .Const(I32({2, 2}))
      .Out(I32({{1, 2}, {3, 4}}))
      .RunEverywhere();
  OpCase("Identity").In(Str({"a", "b"})).Out(Str({"a", "b"})).RunEverywhere();
}

TEST(OpCase, AWrongValueFails) {
  // Each way of running the op reports it.
  testing::TestPartResultArray failures;
  {
    testing::ScopedFakeTestPartResultReporter reporter(
        testing::ScopedFakeTestPartResultReporter::INTERCEPT_ONLY_CURRENT_THREAD, &failures);
    OpCase("Identity").In(F32({1, 2})).Out(F32({1, 2.001f})).RunEverywhere();
  }
  ASSERT_GT(failures.size(), 0);
  for (int i = 0; i < failures.size(); ++i) {
    EXPECT_NE(std::string(failures.GetTestPartResult(i).message()).find("worst at [1]"),
              std::string::npos);
  }
}

TEST(OpCase, SeveralOutputs) {
  OpCase("Unpack")
      .In(F32({{1, 2}, {3, 4}}))
      .Attr("num", 2)
      .Out(F32({1, 2}))
      .Out(F32({3, 4}))
      .RunEverywhere();
}

TEST(OpCase, VariablesOfBothForms) {
  OpCase("AssignAdd")
      .In(F32({1, 2}))
      .In(F32({10, 20}))
      .Out(F32({11, 22}))
      .After(0, F32({11, 22}))
      .RunEverywhere();
  OpCase("AssignAddVariableOp")
      .In(F32({1, 2}))
      .In(F32({10, 20}))
      .After(0, F32({11, 22}))
      .RunEverywhere();
}

TEST(OpCase, RunErrors) {
  OpCase("Reshape")
      .In(F32({1, 2, 3}))
      .In(I32({2, 2}))
      .ExpectRunError(Code::kInvalidArgument, "3 values");
}

TEST(OpCase, BuildErrors) {
  OpCase("Reshape")
      .In(F32({1, 2, 3}))
      .In(I32({2, 2}))
      .ExpectBuildError(Code::kInvalidArgument, "3 elements");
  ExpectBuildError("Reshape", {"[3]", I32({2, 2})}, "3 elements");
  ExpectBuildError("Identity", {"[3]", "[3]"}, "do not match");
}

TEST(OpCase, Shapes) {
  ExpectShape("Identity", {"[?,3]"}, "[?,3]");
  ExpectShape("Identity", {"?"}, "?");
  ExpectShape("Identity", {kString}, "?");
  ExpectShape("Unpack", {"[2,?]"}, "[?];[?]", {{"num", 2}});
  ExpectShape("Reshape", {"int64[4]", I32({2, -1})}, "[2,2]");
  ExpectShape("Reshape", {"?", ShapeInput::ShapeOf("[2,?]")}, "[2,?]");
  ExpectShape("AssignAdd", {"[2]", "[2]"}, "[2]");
  ExpectShape("ReadVariableOp", {"float64[2,?]"}, "[2,?]", {{"dtype", kFloat64}});
}

TEST(Arrays, Literals) {
  EXPECT_EQ(F32(Shape({2, 1}), {3, 4}).shape(), Shape({2, 1}));
  EXPECT_EQ(F32({1}).shape(), Shape({1}));
  EXPECT_EQ(F32({{1}}).shape(), Shape({1, 1}));
  EXPECT_EQ(F32({{1}, {2}}).shape(), Shape({2, 1}));
  EXPECT_EQ(F32(1).shape(), Shape());
  EXPECT_EQ(Str({{"a"}, {"b"}}).shape(), Shape({2, 1}));
  EXPECT_EQ(Str({"a", "b"}).shape(), Shape({2}));
  EXPECT_EQ(C64({{1, 2}}).shape(), Shape({1, 2}));
  EXPECT_EQ(F16({1.5f}).dtype(), kFloat16);
  EXPECT_EQ(Bool({true, false}).dtype(), kBool);
  EXPECT_EQ(F64(Shape({2, 3}), {7}).AsDouble(5), 7);
}

TEST(Arrays, Nearness) {
  EXPECT_TRUE(ArraysNear(F32({1, kNaN, kInf}), F32({1, kNaN, kInf}), {}));
  EXPECT_FALSE(ArraysNear(F32({1}), F32({1.1f}), {0.01, 0}));
  EXPECT_TRUE(ArraysNear(F32({1}), F32({1.1f}), {0.2, 0}));
  EXPECT_FALSE(ArraysNear(F32({kNaN}), F32({1}), {1, 1}));
  EXPECT_FALSE(ArraysNear(F32({kInf}), F32({-kInf}), {1, 1}));
  EXPECT_FALSE(ArraysNear(F32({1}), F64({1}), {1, 1}));
  EXPECT_FALSE(ArraysNear(F32({1}), F32(Shape({1, 1}), {1}), {1, 1}));
  EXPECT_FALSE(ArraysEqual(I64({int64_t{1} << 60}), I64({(int64_t{1} << 60) + 1})));
  EXPECT_FALSE(ArraysEqual(C64({complex64(1, 2)}), C64({complex64(1, 3)})));
}

}  // namespace
}  // namespace weft
