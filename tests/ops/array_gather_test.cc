// SPDX-License-Identifier: Apache-2.0
#include "tests/support/op_case.h"

namespace weft {
namespace {

const auto kMatrix = [] { return F32({{1, 2, 3}, {4, 5, 6}}); };

TEST(Gather, Values) {
  OpCase("Gather")
      .In(kMatrix())
      .In(I32({1, 0, 1}))
      .Out(F32({{4, 5, 6}, {1, 2, 3}, {4, 5, 6}}))
      .RunEverywhere();
  OpCase("Gather")
      .In(Str({"a", "b"}))
      .In(I64({{1, 0}, {0, 0}}))
      .Out(Str(Shape({2, 2}), {"b", "a", "a", "a"}))
      .RunEverywhere();
  OpCase("Gather").In(kMatrix()).In(I32(1)).Out(F32({4, 5, 6})).RunEverywhere();
  OpCase("Gather")
      .In(F32(Shape({0, 2}), {}))
      .In(I32(Shape({0}), {}))
      .Out(F32(Shape({0, 2}), {}))
      .RunEverywhere();
  OpCase("Gather")
      .In(kMatrix())
      .In(I32({0, 2}))
      .ExpectRunError(Code::kInvalidArgument, "indices[1] = 2 is not in [0, 2)");
  OpCase("Gather").In(kMatrix()).In(I32({-1})).ExpectRunError(Code::kInvalidArgument,
                                                              "indices[0] = -1 is not in [0, 2)");
  OpCase("Gather")
      .In(F32(Shape({0, 2}), {}))
      .In(I32({0}))
      .ExpectRunError(Code::kInvalidArgument, "indices[0] = 0 is not in [0, 0)");
  OpCase("Gather").In(F32(1)).In(I32({0})).ExpectRunError(Code::kInvalidArgument,
                                                          "params must be at least 1 dimensional");
}

TEST(GatherV2, Values) {
  OpCase("GatherV2")
      .In(kMatrix())
      .In(I32({2, 0}))
      .In(I32(1))
      .Out(F32({{3, 1}, {6, 4}}))
      .RunEverywhere();
  OpCase("GatherV2").In(kMatrix()).In(I64(1)).In(I64(-1)).Out(F32({2, 5})).RunEverywhere();
  OpCase("GatherV2")
      .In(kMatrix())
      .In(I16({1}))
      .In(I32(0))
      .Out(F32(Shape({1, 3}), {4, 5, 6}))
      .RunEverywhere();
  OpCase("GatherV2")
      .In(kMatrix())
      .In(I32({{2, 0}, {1, 1}}))
      .In(I32(1))
      .Attr("batch_dims", 1)
      .Out(F32({{3, 1}, {5, 5}}))
      .RunEverywhere();
  OpCase("GatherV2")
      .In(kMatrix())
      .In(I32({{2, 0}, {1, 1}}))
      .In(I32(1))
      .Attr("batch_dims", -1)
      .Out(F32({{3, 1}, {5, 5}}))
      .RunEverywhere();
  // A batch dimension, one that stays, the gathered one and an inner one: [2,2,2,1].
  const Array x = I32(Shape({2, 2, 2, 1}), {0, 1, 2, 3, 4, 5, 6, 7});
  OpCase("GatherV2")
      .In(x)
      .In(I32(Shape({2, 1}), {1, 0}))
      .In(I32(2))
      .Attr("batch_dims", 1)
      .Out(I32(Shape({2, 2, 1, 1}), {1, 3, 4, 6}))
      .RunEverywhere();
}

TEST(GatherV2, BadInput) {
  const auto error = [](Array indices, Array axis, int batch_dims, const char* text) {
    OpCase("GatherV2")
        .In(kMatrix())
        .In(indices)
        .In(axis)
        .Attr("batch_dims", batch_dims)
        .ExpectRunError(Code::kInvalidArgument, text);
  };
  error(I32(Shape({1, 2}), {0, 3}), I32(1), 0, "indices[0,1] = 3 is not in [0, 3)");
  error(I32({0}), I32(2), 0, "axis");
  error(I32({0}), I32({0, 1}), 0, "axis must be scalar");
  error(I32(Shape({2, 1}), {0, 1}), I32(0), 1,
        "batch_dims (1) must be less than or equal to axis (0)");
  error(I32({{0, 0}, {1, 1}, {2, 2}}), I32(1), 1,
        "params.shape[0]: 2 should be equal to indices.shape[0]: 3");
  error(I32({{0, 0}, {1, 1}}), I32(1), 3, "batch_dims in the range [-2, 2], but got 3");
  error(I32({{0, 0}, {1, 1}}), I32(1), 2, "batch_dims (2) must be less than rank(params) (2)");
}

TEST(Gather, Shapes) {
  ExpectShape("Gather", {"[4,?]", "int32[?,2]"}, "[?,2,?]");
  ExpectShape("Gather", {"?", "int32[2]"}, "?");
  ExpectBuildError("Gather", {"[]", "int32[2]"}, "Shape must be at least rank 1 but is rank 0");
  ExpectShape("GatherV2", {"[4,5,6]", "int32[?,2]", I32(1)}, "[4,?,2,6]");
  ExpectShape("GatherV2", {"[4,5,6]", "int32[2]", I32(-1)}, "[4,5,2]");
  ExpectShape("GatherV2", {"[4,5,6]", "int32[2]", "int32[]"}, "[?,?,?]");
  ExpectShape("GatherV2", {"[?,5,6]", "int32[4,2]", I32(1)}, "[4,2,6]", {{"batch_dims", 1}});
  ExpectShape("GatherV2", {"[4,5,6]", kInt32, I32(1)}, "?");
  ExpectBuildError("GatherV2", {"[4,5]", "int32[2]", I32(2)},
                   "Shape must be at least rank 3 but is rank 2");
  ExpectBuildError("GatherV2", {"[4,5]", "int32[2]", I32({0, 1})},
                   "Shape must be rank 0 but is rank 1");
  ExpectBuildError("GatherV2", {"[4,5]", "int32[2]", I32(1)}, "Shape must be at least rank 2",
                   {{"batch_dims", 2}});
}

TEST(GatherNd, Values) {
  OpCase("GatherNd").In(kMatrix()).In(I32({{0, 2}, {1, 0}})).Out(F32({3, 4})).RunEverywhere();
  OpCase("GatherNd")
      .In(kMatrix())
      .In(I64(Shape({1, 2, 1}), {1, 0}))
      .Out(F32(Shape({1, 2, 3}), {4, 5, 6, 1, 2, 3}))
      .RunEverywhere();
  OpCase("GatherNd").In(Str({"a", "b"})).In(I32({1})).Out(Str("b")).RunEverywhere();
  OpCase("GatherNd")
      .In(kMatrix())
      .In(I32(Shape({2, 0}), {}))
      .Out(F32(Shape({2, 2, 3}), {1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6}))
      .RunEverywhere();
  OpCase("GatherNd").In(kMatrix()).In(I16({{1, 1}, {0, 0}})).Out(F32({5, 1})).RunEverywhere();
  const auto error = [](Array params, Array indices, const char* text) {
    OpCase("GatherNd").In(params).In(indices).ExpectRunError(Code::kInvalidArgument, text);
  };
  error(kMatrix(), I32({{0, 0}, {0, 3}}),
        "indices[1] = [0, 3] does not index into param shape [2,3]");
  error(kMatrix(), I64({{INT64_MIN, 0}, {0, 3}}), "does not index into param shape [2,3]");
  error(kMatrix(), I32({0, 1, 2}), "saw: 3 vs. 2");
  error(kMatrix(), I32(0), "indices must be at least a vector");
  error(F32(1), I32({0}), "params must be at least a vector");
  error(F32(Shape({3, 0}), {}), I32({1}),
        "Requested more than 0 entries, but params is empty.  Params shape: [3,0]");
}

TEST(GatherNd, Shapes) {
  ExpectShape("GatherNd", {"[4,?,6]", "int32[?,3,2]"}, "[?,3,6]");
  ExpectShape("GatherNd", {"[4,5]", "int32[3,?]"}, "?");
  ExpectShape("GatherNd", {"?", "int32[3,1]"}, "?");
  ExpectBuildError("GatherNd", {"[4]", "int32[3,2]"}, "indices.shape[-1] must be <= params.rank");
}

}  // namespace
}  // namespace weft
