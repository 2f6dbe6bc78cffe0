// SPDX-License-Identifier: Apache-2.0
#include "tests/support/op_case.h"

namespace weft {
namespace {

TEST(ScatterNdOps, Values) {
  OpCase("ScatterNd")
      .In(I32(Shape({3, 1}), {2, 0, 2}))
      .In(F32({1, 2, 4}))
      .In(I32({4}))
      .Out(F32({2, 0, 5, 0}))
      .RunEverywhere();
  OpCase("ScatterNd")
      .In(I64(Shape({2, 1}), {1, 1}))
      .In(I64({{1, 2}, {3, 4}}))
      .In(I64({2, 2}))
      .Out(I64({{0, 0}, {4, 6}}))
      .RunEverywhere();
  OpCase("ScatterNd")
      .In(I32({{0, 1}, {1, 0}}))
      .In(F32({5, 6}))
      .In(I32({2, 2}))
      .Out(F32({{0, 5}, {6, 0}}))
      .RunEverywhere();
  OpCase("ScatterNd")
      .In(I32(Shape({2, 1}), {0, 0}))
      .In(Str({"a", "b"}))
      .In(I32({2}))
      .Out(Str({"ab", ""}))
      .RunEverywhere();
  OpCase("ScatterNd")
      .In(I32(Shape({2, 1}), {0, 0}))
      .In(Bool({true, false}))
      .In(I32({2}))
      .Out(Bool({true, false}))
      .RunEverywhere();
  // Integers wrap around.
  OpCase("ScatterNd")
      .In(I32(Shape({2, 1}), {0, 0}))
      .In(I32({INT32_MAX, 1}))
      .In(I32({1}))
      .Out(I32({INT32_MIN}))
      .RunEverywhere();
}

TEST(ScatterNdOps, BadInput) {
  const auto error = [](Array indices, Array updates, Array shape, const char* text) {
    OpCase("ScatterNd")
        .In(indices)
        .In(updates)
        .In(shape)
        .ExpectRunError(Code::kInvalidArgument, text);
  };
  const Array zero = I32(Shape({1, 1}), {0});
  error(I32(Shape({1, 1}), {5}), F32({1}), I32({3}),
        "indices[0] = [5] does not index into shape [3]");
  error(zero, F32({1, 2}), I32({3}), "must match dimensions [0,1) of updates[shape=[2]]");
  error(I32(Shape({1, 2}), {0, 0}), F32({1}), I32({3}), "must match dimensions");
  error(zero, F32({1}), I32({-3}), "Dimension -3 must be >= 0");
  error(zero, F32({1}), I32({0}), "Indices and updates specified for empty output");
  error(zero, F32({1}), I32(Shape({1, 1}), {3}), "must be");
}

TEST(ScatterNdOps, Shapes) {
  ExpectShape("ScatterNd", {"int32[?,1]", "[?,3]", I32({4, 3})}, "[4,3]");
  ExpectShape("ScatterNd", {"int32[?,1]", "[?,3]", ShapeInput::ShapeOf("[?,3]")}, "[?,3]");
  ExpectShape("ScatterNd", {kInt32, "?", "int32[2]"}, "[?,?]");
  ExpectBuildError(
      "ScatterNd", {"int32[2,1]", "[3]", I32({4})},
      "Dimensions [0,1) of indices[shape=[2,1]] must match dimensions [0,1) of updates[shape=[3]]");
  ExpectBuildError("ScatterNd", {"int32[2,1]", "[2,5]", I32({4, 3})},
                   "of input[shape=[4,3]] must match dimensions [1,2) of updates[shape=[2,5]]");
  ExpectBuildError("ScatterNd", {"int32[2,1]", "[2]", I32({0})}, "empty output");
}

TEST(TensorScatter, Values) {
  const Array x = F32({{1, 2}, {3, 4}}), indices = I32(Shape({2, 1}), {1, 1}),
              updates = F32({{10, 1}, {5, 7}});
  const auto run = [&](const char* op, Array want) {
    OpCase(op).In(x).In(indices).In(updates).Out(want).RunEverywhere();
  };
  run("TensorScatterUpdate", F32({{1, 2}, {5, 7}}));
  run("TensorScatterAdd", F32({{1, 2}, {18, 12}}));
  run("TensorScatterSub", F32({{1, 2}, {-12, -4}}));
  run("TensorScatterMin", F32({{1, 2}, {3, 1}}));
  run("TensorScatterMax", F32({{1, 2}, {10, 7}}));
  OpCase("ScatterNdNonAliasingAdd")
      .In(x)
      .In(indices)
      .In(updates)
      .Out(F32({{1, 2}, {18, 12}}))
      .RunEverywhere();
  OpCase("TensorScatterUpdate")
      .In(Str({"a", "b"}))
      .In(U16(Shape({1, 1}), {1}))
      .In(Str({"c"}))
      .Out(Str({"a", "c"}))
      .RunEverywhere();
  OpCase("TensorScatterMax")
      .In(U8({1, 200}))
      .In(I64(Shape({2, 1}), {0, 1}))
      .In(U8({255, 100}))
      .Out(U8({255, 200}))
      .RunEverywhere();
}

TEST(TensorScatter, ShapesAndErrors) {
  ExpectShape("TensorScatterAdd", {"[?,3]", "int32[?,1]", "[?,3]"}, "[?,3]");
  ExpectBuildError("TensorScatterAdd", {"[]", "int32[1,1]", "[1]"},
                   "Shape must be at least rank 1");
  ExpectBuildError("TensorScatterUpdate", {"[4,3]", "int32[2,1]", "[2,5]"},
                   "of input[shape=[4,3]] must match");
  OpCase("TensorScatterUpdate")
      .In(F32({1, 2}))
      .In(I32(Shape({1, 1}), {3}))
      .In(F32({1}))
      .ExpectRunError(Code::kInvalidArgument, "indices[0] = [3] does not index into shape [2]");
}

// Wide slices are shared out among threads by columns.
TEST(TensorScatter, WideSlices) {
  const int64_t width = 5000, count = 40;
  Array x(kFloat32, Shape({3, width})), updates(kFloat32, Shape({count, width})),
      indices(kInt32, Shape({count, 1}));
  for (int64_t i = 0; i < x.num_elements(); ++i)
    x.mutable_data<float>()[i] = static_cast<float>(i % 17);
  for (int64_t i = 0; i < updates.num_elements(); ++i)
    updates.mutable_data<float>()[i] = static_cast<float>(i % 13);
  Array want = x.Clone();
  for (int64_t k = 0; k < count; ++k) {
    indices.mutable_data<int32_t>()[k] = static_cast<int32_t>(k * k % 3);
    for (int64_t j = 0; j < width; ++j)
      want.mutable_data<float>()[k * k % 3 * width + j] += updates.data<float>()[k * width + j];
  }
  OpCase("TensorScatterAdd").In(x).In(indices).In(updates).Out(want).Exact().RunEverywhere();
}

TEST(Inplace, Values) {
  const Array x = F32({{1, 2}, {3, 4}}), rows = I32({1, -2}), v = F32({{10, 20}, {30, 40}});
  OpCase("InplaceUpdate").In(x).In(rows).In(v).Out(F32({{30, 40}, {10, 20}})).RunEverywhere();
  OpCase("InplaceAdd").In(x).In(rows).In(v).Out(F32({{31, 42}, {13, 24}})).RunEverywhere();
  OpCase("InplaceSub").In(x).In(rows).In(v).Out(F32({{-29, -38}, {-7, -16}})).RunEverywhere();
  OpCase("InplaceAdd")
      .In(x)
      .In(I32(1))
      .In(F32({1, 2}))
      .ExpectRunError(Code::kInvalidArgument, "i must be a vector. []");
  OpCase("InplaceAdd")
      .In(x)
      .In(I32({0}))
      .In(F32({1, 2}))
      .ExpectRunError(Code::kInvalidArgument,
                      "x and v shape doesn't match (ranks differ): [2,2] vs. [2]");
  OpCase("InplaceAdd")
      .In(x)
      .In(I32({0}))
      .In(v)
      .ExpectRunError(Code::kInvalidArgument, "i and x shape doesn't match at index 0");
  ExpectShape("InplaceAdd", {"[?,2]", kInt32, "?"}, "[?,2]");
}

}  // namespace
}  // namespace weft
