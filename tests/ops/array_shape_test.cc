// SPDX-License-Identifier: Apache-2.0
#include "tests/support/op_case.h"

namespace weft {
namespace {

TEST(Reshape, Values) {
  OpCase("Reshape")
      .In(F32({1, 2, 3, 4, 5, 6}))
      .In(I32({2, 3}))
      .Out(F32({{1, 2, 3}, {4, 5, 6}}))
      .RunEverywhere();
  OpCase("Reshape")
      .In(Str(Shape({1, 2}), {"a", "b"}))
      .In(I64({-1}))
      .Out(Str({"a", "b"}))
      .RunEverywhere();
  OpCase("Reshape").In(F32({7})).In(I32(Shape({0}), {})).Out(F32(7)).RunEverywhere();
  OpCase("Reshape")
      .In(F32(Shape({0, 3}), {}))
      .In(I32({-1, 3}))
      .Out(F32(Shape({0, 3}), {}))
      .RunEverywhere();
}

// Zeros on both sides are left out where a size is inferred.
TEST(Reshape, EmptyInputs) {
  const auto check = [](const Shape& from, std::initializer_list<int> sizes, const Shape& to) {
    std::vector<int32_t> list(sizes.begin(), sizes.end());
    OpCase("Reshape")
        .In(F32(from, {}))
        .In(Array::FromVector(list, Shape({static_cast<int64_t>(list.size())})))
        .Out(F32(to, {}))
        .RunEverywhere();
  };
  check({0}, {-1, 0}, {1, 0});
  check({0, 5}, {-1, 0}, {5, 0});
  check({2, 0, 3}, {0, -1, 4}, {0, 1, 4});
  check({4, 0, 0}, {3, -1, 0}, {3, 1, 0});
  check({0}, {-1, 0, 3}, {0, 0, 3});
  check({0, 3}, {2, -1}, {2, 0});
}

TEST(Reshape, Shapes) {
  ExpectShape("Reshape", {"[2,6]", I32({3, -1})}, "[3,4]");
  ExpectShape("Reshape", {"[?,6]", I32({-1, 3})}, "[?,3]");
  ExpectShape("Reshape", {"[?,6]", I32({2, 3})}, "[2,3]");
  ExpectShape("Reshape", {"?", I32({2, -1})}, "[2,?]");
  ExpectShape("Reshape", {"[2,6]", "int32[2]"}, "[?,?]");
  ExpectShape("Reshape", {"[2,6]", kInt32}, "?");
  ExpectShape("Reshape", {"[12]", ShapeInput::ShapeOf("[?,4]")}, "[3,4]");
  ExpectShape("Reshape", {"[?,?]", ShapeInput::ShapeOf("[?,4]")}, "[?,4]");
  ExpectBuildError("Reshape", {"[2,6]", I32({5, 2})},
                   "Cannot reshape a tensor with 12 elements to shape [5,2]");
  ExpectBuildError("Reshape", {"[2,6]", I32({5, -1})}, "must be evenly divisible by 5 but is 12");
  ExpectBuildError("Reshape", {"[?,6]", I32({5, 2})}, "must be evenly divisible by 6 but is 10");
}

TEST(Reshape, BadSizes) {
  const auto error = [](Array sizes, const char* text) {
    OpCase("Reshape")
        .In(F32({1, 2, 3}))
        .In(std::move(sizes))
        .ExpectRunError(Code::kInvalidArgument, text);
  };
  error(I32({-1, -1}), "Only one input size may be -1, not both 0 and 1");
  error(I32({-2}), "Size 0 must be non-negative, not -2");
  error(I32({2}), "a tensor with 3 values, but the requested shape has 2");
  error(I32({2, -1}), "requires a multiple of 2");
  error(I32({0, -1}), "requires a multiple of 0");
  error(I32(Shape({1, 1}), {3}), "must be 1-D, not [1,1]");
  error(I64({INT64_MAX, INT64_MAX}), "too many elements");
}

TEST(Shape, Values) {
  OpCase("Shape").In(F32(Shape({2, 0, 3}), {})).Out(I32({2, 0, 3})).RunEverywhere();
  OpCase("Shape")
      .In(Bool(true))
      .Attr("out_type", kInt64)
      .Out(I64(weft::Shape({0}), {}))
      .RunEverywhere();
  OpCase("ShapeN")
      .In(F32({1, 2}))
      .In(F32(Shape({1, 1}), {1}))
      .Out(I32({2}))
      .Out(I32({1, 1}))
      .RunEverywhere();
  OpCase("Size").In(F32({{1, 2, 3}})).Out(I32(3)).RunEverywhere();
  OpCase("Size").In(F32(4)).Attr("out_type", kInt64).Out(I64(1)).RunEverywhere();
  OpCase("Rank").In(Str(Shape({1, 1}), {"a"})).Out(I32(2)).RunEverywhere();
}

TEST(Shape, Shapes) {
  ExpectShape("Shape", {"[2,?,3]"}, "[3]");
  ExpectShape("Shape", {"?"}, "[?]");
  ExpectShape("ShapeN", {"[2]", "?"}, "[1];[?]");
  ExpectShape("Size", {"?"}, "[]");
  ExpectShape("Rank", {"?"}, "[]");
}

TEST(ExpandDims, Values) {
  OpCase("ExpandDims").In(F32({1, 2})).In(I32(0)).Out(F32({{1, 2}})).RunEverywhere();
  OpCase("ExpandDims").In(F32({1, 2})).In(I64(-1)).Out(F32(Shape({2, 1}), {1, 2})).RunEverywhere();
  OpCase("ExpandDims").In(F32({1, 2})).In(I32({1})).Out(F32(Shape({2, 1}), {1, 2})).RunEverywhere();
  OpCase("ExpandDims")
      .In(F32({1, 2}))
      .In(I32(2))
      .ExpectRunError(Code::kInvalidArgument,
                      "Tried to expand dim index 2 for tensor with 1 dimensions");
  OpCase("ExpandDims")
      .In(F32({1, 2}))
      .In(I32({0, 1}))
      .ExpectRunError(Code::kInvalidArgument, "'dim' must be a tensor with a single value");
}

TEST(ExpandDims, Shapes) {
  ExpectShape("ExpandDims", {"[2,?]", I32(-2)}, "[2,1,?]");
  ExpectShape("ExpandDims", {"[2,?]", "int32[]"}, "[?,?,?]");
  ExpectShape("ExpandDims", {"?", I32(0)}, "?");
  ExpectBuildError("ExpandDims", {"[2]", I32(2)}, "dim 2 not in the interval [-2, 1]");
}

TEST(Squeeze, Values) {
  const Array x = F32(Shape({1, 2, 1}), {1, 2});
  OpCase("Squeeze").In(x).Out(F32({1, 2})).RunEverywhere();
  OpCase("Squeeze")
      .In(x)
      .Attr("squeeze_dims", std::vector<int64_t>{-1})
      .Out(F32({{1, 2}}))
      .RunEverywhere();
  OpCase("Squeeze")
      .In(x)
      .Attr("squeeze_dims", std::vector<int64_t>{1})
      .ExpectRunError(Code::kInvalidArgument,
                      "Can not squeeze dim[1], expected a dimension of 1, got 2");
  OpCase("Squeeze")
      .In(x)
      .Attr("squeeze_dims", std::vector<int64_t>{3})
      .ExpectRunError(Code::kInvalidArgument,
                      "Tried to squeeze dim index 3 for tensor with 3 dimensions");
}

TEST(Squeeze, Shapes) {
  ExpectShape("Squeeze", {"[1,2,1]"}, "[2]");
  ExpectShape("Squeeze", {"[1,?,1]"}, "?");
  ExpectShape("Squeeze", {"[1,?,?]"}, "[?]", {{"squeeze_dims", std::vector<int64_t>{0, 2}}});
  ExpectShape("Squeeze", {"?"}, "?", {{"squeeze_dims", std::vector<int64_t>{0}}});
  ExpectBuildError("Squeeze", {"[2]"}, "Can not squeeze dim[0], expected a dimension of 1, got 2",
                   {{"squeeze_dims", std::vector<int64_t>{0}}});
}

TEST(Bitcast, Values) {
  OpCase("Bitcast")
      .In(F32({1, -2}))
      .Attr("type", kInt32)
      .Out(I32({0x3f800000, static_cast<int32_t>(0xc0000000)}))
      .RunEverywhere();
  OpCase("Bitcast")
      .In(U32({0x04030201}))
      .Attr("type", kUint8)
      .Out(U8({{1, 2, 3, 4}}))
      .RunEverywhere();
  OpCase("Bitcast")
      .In(U8({{1, 2, 3, 4}, {5, 6, 7, 8}}))
      .Attr("type", kUint32)
      .Out(U32({0x04030201, 0x08070605}))
      .RunEverywhere();
  OpCase("Bitcast")
      .In(U8({{1, 2, 3}}))
      .Attr("type", kUint32)
      .ExpectRunError(Code::kInvalidArgument, "Cannot bitcast from uint8 to uint32");
}

TEST(Bitcast, Shapes) {
  ExpectShape("Bitcast", {"float32[2,?]"}, "[2,?,4]", {{"type", kUint8}});
  ExpectShape("Bitcast", {"uint8[2,?]"}, "[2]", {{"type", kUint32}});
  ExpectBuildError("Bitcast", {"uint8[]"}, "Cannot bitcast from uint8 to uint32 due to shape",
                   {{"type", kUint32}});
}

TEST(IdentityN, ValuesAndShapes) {
  OpCase("IdentityN")
      .In(F32({1, 2}))
      .In(Str("s"))
      .In(I64(3))
      .Out(F32({1, 2}))
      .Out(Str("s"))
      .Out(I64(3))
      .RunEverywhere();
  ExpectShape("IdentityN", {"[2,?]", "?"}, "[2,?];?");
}

TEST(BroadcastTo, Values) {
  OpCase("BroadcastTo")
      .In(F32(Shape({2, 1}), {1, 2}))
      .In(I32({2, 3}))
      .Out(F32({{1, 1, 1}, {2, 2, 2}}))
      .RunEverywhere();
  OpCase("BroadcastTo").In(F32({1, 2})).In(I64({2, 2})).Out(F32({{1, 2}, {1, 2}})).RunEverywhere();
  OpCase("BroadcastTo").In(Str("a")).In(I32({2})).Out(Str({"a", "a"})).RunEverywhere();
  OpCase("BroadcastTo")
      .In(F32({{1, 2}}))
      .In(I32({0, 2}))
      .Out(F32(Shape({0, 2}), {}))
      .RunEverywhere();
  OpCase("BroadcastTo")
      .In(F32({1, 2, 3}))
      .In(I32({2}))
      .ExpectRunError(Code::kInvalidArgument, "[3]");
  OpCase("BroadcastTo")
      .In(F32({{1, 2}}))
      .In(I32({2}))
      .ExpectRunError(Code::kInvalidArgument,
                      "Rank of input (2) must be no greater than rank of output shape (1)");
  OpCase("BroadcastTo")
      .In(F32({1}))
      .In(I32({-2}))
      .ExpectRunError(Code::kInvalidArgument, "Dimension -2 must be >= 0");
}

TEST(BroadcastTo, Shapes) {
  ExpectShape("BroadcastTo", {"[?,1]", I32({4, 3})}, "[4,3]");
  ExpectShape("BroadcastTo", {"[5]", "int32[2]"}, "[?,5]");
  ExpectShape("BroadcastTo", {"?", ShapeInput::ShapeOf("[?,2]")}, "[?,2]");
  ExpectBuildError("BroadcastTo", {"[3]", I32({2})}, "Dimensions must be equal, but are 3 and 2");
}

}  // namespace
}  // namespace weft
