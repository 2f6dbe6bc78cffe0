// SPDX-License-Identifier: Apache-2.0
#include <vector>

#include "tests/support/op_case.h"

namespace weft {
namespace {

TEST(Pad, Values) {
  const Array x = F32({{1, 2}, {3, 4}});
  OpCase("Pad")
      .In(x)
      .In(I32({{1, 0}, {0, 2}}))
      .Out(F32({{0, 0, 0, 0}, {1, 2, 0, 0}, {3, 4, 0, 0}}))
      .RunEverywhere();
  OpCase("PadV2")
      .In(x)
      .In(I64({{0, 1}, {1, 0}}))
      .In(F32(9))
      .Out(F32({{9, 1, 2}, {9, 3, 4}, {9, 9, 9}}))
      .RunEverywhere();
  OpCase("Pad").In(x).In(I32({{0, 0}, {0, 0}})).Out(x).RunEverywhere();
  OpCase("Pad")
      .In(Str({"a"}))
      .In(I32(Shape({1, 2}), {1, 1}))
      .Out(Str({"", "a", ""}))
      .RunEverywhere();
  OpCase("PadV2")
      .In(F32(Shape({0, 2}), {}))
      .In(I32({{1, 0}, {0, 0}}))
      .In(F32(7))
      .Out(F32(Shape({1, 2}), {7, 7}))
      .RunEverywhere();
  OpCase("Pad").In(F32(5)).In(I32(Shape({0, 2}), {})).Out(F32(5)).RunEverywhere();
}

TEST(Pad, BadInput) {
  const auto error = [](Array paddings, const char* text) {
    OpCase("Pad").In(F32({{1, 2}})).In(paddings).ExpectRunError(Code::kInvalidArgument, text);
  };
  error(I32(Shape({1, 2}), {1, 1}), "The first dimension of paddings must be the rank of inputs");
  error(I32({{1, 1}, {-1, 0}}), "Paddings must be non-negative: -1 0");
  error(I32({1, 1}), "paddings must be a matrix with 2 columns: [2]");
  error(I64({{INT64_MAX, INT64_MAX}, {0, 0}}), "too large");
  OpCase("PadV2")
      .In(F32({1}))
      .In(I32(Shape({1, 2}), {1, 1}))
      .In(F32({1, 2}))
      .ExpectRunError(Code::kInvalidArgument, "constant_values must be a scalar");
}

TEST(Pad, Shapes) {
  ExpectShape("Pad", {"[?,6]", I32({{1, 2}, {3, 4}})}, "[?,13]");
  ExpectShape("Pad", {"?", I32({{1, 2}, {3, 4}})}, "[?,?]");
  ExpectShape("Pad", {"?", "int32[3,2]"}, "[?,?,?]");
  ExpectShape("Pad", {"[2,3]", kInt32}, "[?,?]");
  ExpectShape("MirrorPad", {"[4]", I32(Shape({1, 2}), {1, 2})}, "[7]", {{"mode", "REFLECT"}});
  ExpectShape("MirrorPadGrad", {"[7]", I32(Shape({1, 2}), {1, 2})}, "[4]", {{"mode", "REFLECT"}});
  ExpectBuildError("Pad", {"[4]", I32({{1, 2}, {3, 4}})}, "Shape must be rank 2 but is rank 1");
  ExpectBuildError("Pad", {"[4]", "int32[1,3]"}, "Dimensions must be equal, but are 3 and 2");
  ExpectBuildError("Pad", {"[4]", I32(Shape({1, 2}), {1, -2})}, "Paddings must be non-negative");
  ExpectBuildError("PadV2", {"[4]", I32(Shape({1, 2}), {1, 2}), "[1]"}, "Shape must be rank 0");
}

TEST(MirrorPad, Values) {
  const Array x = F32({{1, 2, 3}, {4, 5, 6}}), paddings = I32({{1, 1}, {2, 1}});
  OpCase("MirrorPad")
      .In(x)
      .In(paddings)
      .Attr("mode", "REFLECT")
      .Out(F32({{6, 5, 4, 5, 6, 5}, {3, 2, 1, 2, 3, 2}, {6, 5, 4, 5, 6, 5}, {3, 2, 1, 2, 3, 2}}))
      .RunEverywhere();
  OpCase("MirrorPad")
      .In(x)
      .In(paddings)
      .Attr("mode", "SYMMETRIC")
      .Out(F32({{2, 1, 1, 2, 3, 3}, {2, 1, 1, 2, 3, 3}, {5, 4, 4, 5, 6, 6}, {5, 4, 4, 5, 6, 6}}))
      .RunEverywhere();
  OpCase("MirrorPad")
      .In(x)
      .In(I32({{2, 0}, {0, 0}}))
      .Attr("mode", "REFLECT")
      .ExpectRunError(Code::kInvalidArgument,
                      "paddings must be less than the dimension size: 2, 0 not less than 2");
  OpCase("MirrorPad")
      .In(x)
      .In(I32({{3, 0}, {0, 0}}))
      .Attr("mode", "SYMMETRIC")
      .ExpectRunError(Code::kInvalidArgument,
                      "paddings must be no greater than the dimension size: 3, 0 greater than 2");
  ExpectBuildError("MirrorPad", {"[4]", I32(Shape({1, 2}), {1, 2})}, "mode", {{"mode", "EDGE"}});
}

// Each element of the padded gradient goes to the element it was copied from.
TEST(MirrorPadGrad, Values) {
  OpCase("MirrorPadGrad")
      .In(F32({1, 10, 100, 1000, 10000}))
      .In(I32(Shape({1, 2}), {1, 1}))
      .Attr("mode", "REFLECT")
      .Out(F32({10, 10101, 1000}))
      .RunEverywhere();
  OpCase("MirrorPadGrad")
      .In(F32({1, 10, 100, 1000, 10000}))
      .In(I32(Shape({1, 2}), {2, 1}))
      .Attr("mode", "SYMMETRIC")
      .Out(F32({110, 11001}))
      .RunEverywhere();
  OpCase("MirrorPadGrad")
      .In(I64({{1, 2}, {3, 4}, {5, 6}}))
      .In(I32({{1, 0}, {0, 0}}))
      .Attr("mode", "SYMMETRIC")
      .Out(I64({{4, 6}, {5, 6}}))
      .RunEverywhere();
  OpCase("MirrorPadGrad")
      .In(F32({1, 2}))
      .In(I32(Shape({1, 2}), {1, 1}))
      .Attr("mode", "SYMMETRIC")
      .ExpectRunError(Code::kInvalidArgument,
                      "Total paddings must be less than the input dimension size");
  OpCase("MirrorPadGrad")
      .In(F32({1, 2, 3}))
      .In(I32(Shape({1, 2}), {2, 0}))
      .Attr("mode", "REFLECT")
      .ExpectRunError(Code::kInvalidArgument,
                      "less than the output dimension size: 2, 0 not less than 1");
}

TEST(Tile, Values) {
  OpCase("Tile")
      .In(F32({{1, 2}, {3, 4}}))
      .In(I32({1, 2}))
      .Out(F32({{1, 2, 1, 2}, {3, 4, 3, 4}}))
      .RunEverywhere();
  OpCase("Tile").In(Str({"a", "b"})).In(I64({2})).Out(Str({"a", "b", "a", "b"})).RunEverywhere();
  OpCase("Tile").In(F32({1, 2})).In(I32({0})).Out(F32(Shape({0}), {})).RunEverywhere();
  OpCase("Tile").In(F32(3)).In(I32(Shape({0}), {})).Out(F32(3)).RunEverywhere();
  OpCase("Tile")
      .In(F32({{1, 2}}))
      .In(I32({1}))
      .ExpectRunError(Code::kInvalidArgument,
                      "Expected multiples argument to be a vector of length 2 but got length 1");
  OpCase("Tile")
      .In(F32({1, 2}))
      .In(I32({-1}))
      .ExpectRunError(Code::kInvalidArgument, "Expected multiples[0] >= 0, but got -1");
  OpCase("Tile")
      .In(F32({1, 2}))
      .In(I64({INT64_MAX}))
      .ExpectRunError(Code::kInvalidArgument, "too large");
}

TEST(Tile, Shapes) {
  ExpectShape("Tile", {"[?,6]", I32({2, 3})}, "[?,18]");
  ExpectShape("Tile", {"[2,6]", ShapeInput::ShapeOf("[?,2]")}, "[?,12]");
  ExpectShape("Tile", {"?", I32({2, 3})}, "[?,?]");
  ExpectShape("Tile", {"[2,6]", kInt32}, "[?,?]");
  ExpectBuildError("Tile", {"[2,6]", I32({2})}, "Dimensions must be equal, but are 1 and 2");
}

}  // namespace
}  // namespace weft
