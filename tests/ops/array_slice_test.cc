// SPDX-License-Identifier: Apache-2.0
#include "tests/support/op_case.h"

namespace weft {
namespace {

Array Iota(const Shape& shape) {
  Array a(kFloat32, shape);
  for (int64_t i = 0; i < a.num_elements(); ++i) a.mutable_data<float>()[i] = static_cast<float>(i);
  return a;
}

TEST(Slice, Values) {
  const Array x = Iota(Shape({3, 4}));
  OpCase("Slice").In(x).In(I32({1, 1})).In(I32({2, 2})).Out(F32({{5, 6}, {9, 10}})).RunEverywhere();
  OpCase("Slice")
      .In(x)
      .In(I64({1, 0}))
      .In(I64({-1, -1}))
      .Out(F32({{4, 5, 6, 7}, {8, 9, 10, 11}}))
      .RunEverywhere();
  OpCase("Slice").In(x).In(I32({0, 0})).In(I32({3, 4})).Out(x).RunEverywhere();
  OpCase("Slice").In(x).In(I32({3, 0})).In(I32({0, 4})).Out(F32(Shape({0, 4}), {})).RunEverywhere();
  OpCase("Slice")
      .In(Str({"a", "b", "c"}))
      .In(I32({1}))
      .In(I32({2}))
      .Out(Str({"b", "c"}))
      .RunEverywhere();
  OpCase("Slice")
      .In(F32(5))
      .In(I32(Shape({0}), {}))
      .In(I32(Shape({0}), {}))
      .Out(F32(5))
      .RunEverywhere();
}

TEST(Slice, LargeRowsAreShared) {
  const Array x = Iota(Shape({8, 512}));
  OpCase("Slice").In(x).In(I32({3, 0})).In(I32({4, 512})).Out(x.SliceRows(3, 7)).RunEverywhere();
}

TEST(Slice, BadInput) {
  const auto error = [](Array begin, Array size, const char* text) {
    OpCase("Slice")
        .In(F32({1, 2, 3}))
        .In(begin)
        .In(size)
        .ExpectRunError(Code::kInvalidArgument, text);
  };
  error(I32({1}), I32({3}), "Expected size[0] in [0, 2], but got 3");
  error(I32({4}), I32({-1}), "Expected begin[0] in [0, 3], but got 4");
  error(I32({-1}), I32({1}), "Expected begin[0] in [0, 3], but got -1");
  error(I32({0, 1}), I32({1, 1}), "1-D tensors of size 1, but got shapes [2] and [2]");
  error(I32({0}), I32({-2}), "Expected size[0] in [0, 3], but got -2");
  error(I64({1}), I64({INT64_MAX}), "Expected size[0] in [0, 2]");
}

TEST(Slice, Shapes) {
  ExpectShape("Slice", {"[?,6]", I32({0, 1}), I32({2, -1})}, "[2,5]");
  ExpectShape("Slice", {"[?,6]", I32({0, 1}), I32({-1, 3})}, "[?,3]");
  ExpectShape("Slice", {"[4,6]", "int32[2]", I32({-1, 3})}, "[?,3]");
  ExpectShape("Slice", {"[4,6]", I32({0, 0}), "int32[2]"}, "[?,?]");
  ExpectShape("Slice", {"?", I32({0, 0}), I32({1, -1})}, "[1,?]");
  ExpectShape("Slice", {"?", kInt32, kInt32}, "?");
  ExpectBuildError("Slice", {"[4]", I32({0, 0}), I32({1, 1})},
                   "Shape must be rank 2 but is rank 1");
  ExpectBuildError("Slice", {"[4]", I32({0}), I32({-2})}, "must be >= -1");
}

TEST(StridedSlice, Values) {
  const Array x = Iota(Shape({3, 4}));
  const auto slice = [&](Array begin, Array end, Array strides) {
    OpCase c("StridedSlice");
    return c.In(x).In(begin).In(end).In(strides);
  };
  slice(I32({1, 0}), I32({3, 4}), I32({1, 2})).Out(F32({{4, 6}, {8, 10}})).RunEverywhere();
  slice(I32({2, 3}), I32({0, 0}), I32({-1, -2})).Out(F32({{11, 9}, {7, 5}})).RunEverywhere();
  // x[:, -1], x[1], x[..., None, ::-1]
  slice(I64({0, -1}), I64({0, 0}), I64({1, 1}))
      .Attr("begin_mask", 1)
      .Attr("end_mask", 1)
      .Attr("shrink_axis_mask", 2)
      .Out(F32({3, 7, 11}))
      .RunEverywhere();
  slice(I32({1}), I32({2}), I32({1}))
      .Attr("shrink_axis_mask", 1)
      .Out(F32({4, 5, 6, 7}))
      .RunEverywhere();
  slice(I32({0, 0, 0}), I32({0, 0, 0}), I32({1, 1, -1}))
      .Attr("ellipsis_mask", 1)
      .Attr("new_axis_mask", 2)
      .Attr("begin_mask", 4)
      .Attr("end_mask", 4)
      .Out(F32(Shape({3, 1, 4}), {3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8}))
      .RunEverywhere();
  OpCase("StridedSlice")
      .In(Str({"a", "b", "c"}))
      .In(I32({0}))
      .In(I32({3}))
      .In(I32({2}))
      .Out(Str({"a", "c"}))
      .RunEverywhere();
  OpCase("StridedSlice")
      .In(x)
      .In(I16({1}))
      .In(I16({2}))
      .In(I16({1}))
      .Out(F32(Shape({1, 4}), {4, 5, 6, 7}))
      .RunEverywhere();
}

TEST(StridedSlice, BadInput) {
  OpCase("StridedSlice")
      .In(F32({1, 2}))
      .In(I32({2}))
      .In(I32({3}))
      .In(I32({1}))
      .Attr("shrink_axis_mask", 1)
      .ExpectRunError(Code::kInvalidArgument, "slice index 2 of dimension 0 out of bounds");
  OpCase("StridedSlice")
      .In(F32({1, 2}))
      .In(I32({0}))
      .In(I32({1}))
      .In(I32({0}))
      .ExpectRunError(Code::kInvalidArgument, "strides[0] must be non-zero");
  OpCase("StridedSlice")
      .In(F32({1, 2}))
      .In(I32({0}))
      .In(I32({1, 1}))
      .In(I32({1}))
      .ExpectRunError(Code::kInvalidArgument, "but got shapes [1], [2], and [1]");
  OpCase("StridedSlice")
      .In(F32({1, 2}))
      .In(I32({0, 0}))
      .In(I32({1, 1}))
      .In(I32({1, 1}))
      .ExpectRunError(Code::kInvalidArgument, "Index out of range using input dim 1");
}

TEST(StridedSlice, Shapes) {
  ExpectShape("StridedSlice", {"[?,6]", I32({0, 1}), I32({2, 4}), I32({1, 1})}, "[?,3]");
  ExpectShape("StridedSlice", {"[4,6]", "int32[2]", I32({2, 4}), I32({1, 1})}, "[?,6]",
              {{"begin_mask", 2}, {"end_mask", 2}});
  ExpectShape("StridedSlice", {"[4,6]", "int32[1]", "int32[1]", I32({1})}, "[6]",
              {{"shrink_axis_mask", 1}});
  ExpectShape("StridedSlice", {"[4,6]", I32({0}), I32({2}), "int32[1]"}, "?");
  ExpectShape("StridedSlice", {"?", I32({0}), I32({2}), I32({1})}, "?");
  ExpectBuildError("StridedSlice", {"[4]", I32({5}), I32({6}), I32({1})},
                   "slice index 5 of dimension 0 out of bounds", {{"shrink_axis_mask", 1}});
  ExpectBuildError("StridedSlice", {"[4]", I32({5}), I32({6, 7}), I32({1})},
                   "Dimensions must be equal");
}

TEST(StridedSliceGrad, Values) {
  OpCase("StridedSliceGrad")
      .In(I32({4}))
      .In(I32({1}))
      .In(I32({4}))
      .In(I32({2}))
      .In(F32({5, 6}))
      .Out(F32({0, 5, 0, 6}))
      .RunEverywhere();
  OpCase("StridedSliceGrad")
      .In(I64({2, 2}))
      .In(I64({1}))
      .In(I64({2}))
      .In(I64({1}))
      .In(F64({5, 6}))
      .Attr("shrink_axis_mask", 1)
      .Out(F64({{0, 0}, {5, 6}}))
      .RunEverywhere();
  OpCase("StridedSliceGrad")
      .In(I32({3}))
      .In(I32({0}))
      .In(I32({2}))
      .In(I32({1}))
      .In(F32({1, 2, 3}))
      .ExpectRunError(Code::kInvalidArgument, "shape of dy was [3] instead of [2]");
  OpCase("StridedSliceGrad")
      .In(I32({-3}))
      .In(I32({0}))
      .In(I32({2}))
      .In(I32({1}))
      .In(F32({1, 2}))
      .ExpectRunError(Code::kInvalidArgument, "Dimension -3 must be >= 0");
  ExpectShape("StridedSliceGrad", {ShapeInput::ShapeOf("[?,3]"), I32({0}), I32({2}), I32({1}), "?"},
              "[?,3]");
}

TEST(TensorStridedSliceUpdate, Values) {
  const Array x = Iota(Shape({2, 3}));
  OpCase("TensorStridedSliceUpdate")
      .In(x)
      .In(I32({0, 1}))
      .In(I32({2, 3}))
      .In(I32({1, 1}))
      .In(F32({{7, 8}, {9, 10}}))
      .Out(F32({{0, 7, 8}, {3, 9, 10}}))
      .RunEverywhere();
  // Broadcast: a row to all rows, with a leading 1, and a scalar.
  OpCase("TensorStridedSliceUpdate")
      .In(x)
      .In(I32({0, 0}))
      .In(I32({2, 3}))
      .In(I32({1, 2}))
      .In(F32(Shape({1, 1, 2}), {7, 8}))
      .Out(F32({{7, 1, 8}, {7, 4, 8}}))
      .RunEverywhere();
  OpCase("TensorStridedSliceUpdate")
      .In(x)
      .In(I32({1}))
      .In(I32({2}))
      .In(I32({1}))
      .In(F32(9))
      .Attr("shrink_axis_mask", 1)
      .Out(F32({{0, 1, 2}, {9, 9, 9}}))
      .RunEverywhere();
  OpCase("TensorStridedSliceUpdate")
      .In(x)
      .In(I32({0}))
      .In(I32({2}))
      .In(I32({1}))
      .In(F32({1, 2}))
      .ExpectRunError(Code::kInvalidArgument,
                      "Cannot broadcast input shape [2] into final shape [2,3]");
  ExpectShape("TensorStridedSliceUpdate", {"[?,3]", kInt32, kInt32, kInt32, "?"}, "[?,3]");
}

}  // namespace
}  // namespace weft
