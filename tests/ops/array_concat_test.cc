// SPDX-License-Identifier: Apache-2.0
#include <vector>

#include "tests/support/op_case.h"

namespace weft {
namespace {

TEST(Pack, Values) {
  OpCase("Pack").In(F32({1, 2})).In(F32({3, 4})).Out(F32({{1, 2}, {3, 4}})).RunEverywhere();
  OpCase("Pack")
      .In(F32({1, 2}))
      .In(F32({3, 4}))
      .Attr("axis", -1)
      .Out(F32({{1, 3}, {2, 4}}))
      .RunEverywhere();
  OpCase("Pack").In(Str("a")).In(Str("b")).In(Str("c")).Out(Str({"a", "b", "c"})).RunEverywhere();
  OpCase("Pack").In(I64({7})).Attr("axis", 1).Out(I64(Shape({1, 1}), {7})).RunEverywhere();
  OpCase("Pack")
      .In(F32({1}))
      .In(F32({1, 2}))
      .ExpectRunError(Code::kInvalidArgument, "values[0].shape = [1] != values[1].shape = [2]");
  OpCase("Pack").In(F32({1})).Attr("axis", 2).ExpectRunError(Code::kInvalidArgument,
                                                             "axis = 2 not in [-2, 2)");
}

TEST(Pack, Shapes) {
  ExpectShape("Pack", {"[2,?]", "[?,3]"}, "[2,2,3]");
  ExpectShape("Pack", {"[2,?]", "[?,3]"}, "[2,3,2]", {{"axis", -1}});
  ExpectShape("Pack", {"?", "[]"}, "[2]");
  ExpectShape("Pack", {"?", "?"}, "?");
  ExpectBuildError("Pack", {"[2]", "[3]"}, "From merging shape 0 with other shapes");
  ExpectBuildError("Pack", {"[2]"}, "Invalid axis: 3", {{"axis", 3}});
}

TEST(Unpack, Values) {
  OpCase("Unpack")
      .In(F32({{1, 2}, {3, 4}}))
      .Attr("num", 2)
      .Out(F32({1, 2}))
      .Out(F32({3, 4}))
      .RunEverywhere();
  OpCase("Unpack")
      .In(F32({{1, 2}, {3, 4}}))
      .Attr("num", 2)
      .Attr("axis", 1)
      .Out(F32({1, 3}))
      .Out(F32({2, 4}))
      .RunEverywhere();
  OpCase("Unpack")
      .In(F32({1, 2}))
      .Attr("num", 3)
      .ExpectRunError(Code::kInvalidArgument, "Input shape axis 0 must equal 3, got shape [2]");
  OpCase("Unpack")
      .In(F32({1, 2}))
      .Attr("num", 2)
      .Attr("axis", 1)
      .ExpectRunError(Code::kInvalidArgument, "axis = 1 not in [-1, 1)");
  ExpectShape("Unpack", {"[2,?,3]"}, "[2,3];[2,3]", {{"num", 2}, {"axis", 1}});
  ExpectShape("Unpack", {"?"}, "?;?", {{"num", 2}});
  ExpectBuildError("Unpack", {"[3]"}, "Dimension must be 2 but is 3", {{"num", 2}});
}

TEST(Concat, Values) {
  OpCase("ConcatV2")
      .In(F32({{1, 2}}))
      .In(F32({{3, 4}, {5, 6}}))
      .In(I32(0))
      .Out(F32({{1, 2}, {3, 4}, {5, 6}}))
      .RunEverywhere();
  OpCase("ConcatV2")
      .In(I64(Shape({2, 1}), {1, 2}))
      .In(I64({{3, 4}, {5, 6}}))
      .In(I64(-1))
      .Out(I64({{1, 3, 4}, {2, 5, 6}}))
      .RunEverywhere();
  OpCase("Concat")
      .In(I32(1))
      .In(Str(Shape({2, 1}), {"a", "b"}))
      .In(Str(Shape({2, 1}), {"c", "d"}))
      .Out(Str(Shape({2, 2}), {"a", "c", "b", "d"}))
      .RunEverywhere();
  OpCase("ConcatV2")
      .In(F32(Shape({0, 2}), {}))
      .In(F32({{1, 2}}))
      .In(I32(0))
      .Out(F32({{1, 2}}))
      .RunEverywhere();
  OpCase("ConcatV2")
      .In(F32(Shape({2, 0}), {}))
      .In(F32(Shape({1, 0}), {}))
      .In(I32(0))
      .Out(F32(Shape({3, 0}), {}))
      .RunEverywhere();
}

TEST(Concat, BadInput) {
  const auto error = [](Array a, Array b, Array axis, const char* text) {
    OpCase("ConcatV2").In(a).In(b).In(axis).ExpectRunError(Code::kInvalidArgument, text);
  };
  error(F32({1}), F32(Shape({1, 1}), {1}), I32(0),
        "Ranks of all input tensors should match: shape[0] = [1] vs. shape[1] = [1,1]");
  error(F32({{1, 2}}), F32(Shape({1, 1}), {1}), I32(0),
        "Dimension 1 in both shapes must be equal: shape[0] = [1,2] vs. shape[1] = [1,1]");
  error(F32({1}), F32({1}), I32(1), "in the range [-1, 1), but got 1");
  error(F32({1}), F32({1}), I32({0, 1}),
        "axis tensor should be a scalar integer, but got shape [2]");
  error(F32(1), F32(1), I32(0), "Can't concatenate scalars");
}

TEST(Concat, Shapes) {
  ExpectShape("ConcatV2", {"[2,?]", "[?,3]", I32(0)}, "[?,3]");
  ExpectShape("ConcatV2", {"[2,3]", "[4,?]", I32(0)}, "[6,3]");
  ExpectShape("ConcatV2", {"[2,3]", "[4,?]", I32(-2)}, "[6,3]");
  ExpectShape("ConcatV2", {"[2,3]", "?", I32(1)}, "[2,?]");
  ExpectShape("ConcatV2", {"[2,3]", "?", "int32[]"}, "[?,?]");
  ExpectShape("ConcatV2", {"?", "?", I32(1)}, "?");
  ExpectShape("Concat", {I32(1), "[2,3]", "[2,1]"}, "[2,4]");
  ExpectBuildError("ConcatV2", {"[2,3]", "[2,4]", I32(0)},
                   "Dimension 1 in both shapes must be equal, but are 3 and 4");
  ExpectBuildError("ConcatV2", {"[2,3]", "[2]", I32(0)}, "Shapes must be equal rank");
  ExpectBuildError("ConcatV2", {"[2,3]", "[2,3]", I32(2)},
                   "Shape must be at least rank 3 but is rank 2");
  ExpectBuildError("ConcatV2", {"[]", "[]", I32(0)}, "Can't concatenate scalars");
}

// Pieces of several threads begin and end inside blocks: enough elements for that, in blocks of odd
// lengths.
TEST(Concat, LargeInputsOfUnequalSizes) {
  const int64_t rows = 301;
  const std::vector<int64_t> widths = {1, 7, 1000, 0, 33};
  int64_t total = 0;
  for (int64_t w : widths) total += w;
  Array whole(kFloat32, Shape({rows, total}));
  for (int64_t i = 0; i < whole.num_elements(); ++i)
    whole.mutable_data<float>()[i] = static_cast<float>(i);
  OpCase join("ConcatV2");
  OpCase part("SplitV");
  part.In(whole);
  Array sizes(kInt32, Shape({static_cast<int64_t>(widths.size())}));
  int64_t first = 0;
  for (size_t k = 0; k < widths.size(); ++k) {
    Array piece(kFloat32, Shape({rows, widths[k]}));
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t c = 0; c < widths[k]; ++c)
        piece.mutable_data<float>()[r * widths[k] + c] = static_cast<float>(r * total + first + c);
    }
    sizes.mutable_data<int32_t>()[k] = static_cast<int32_t>(widths[k]);
    first += widths[k];
    join.In(piece);
    part.Out(piece);
  }
  join.In(I32(1)).Out(whole).RunEverywhere();
  part.In(sizes).In(I32(1)).Attr("num_split", static_cast<int64_t>(widths.size())).RunEverywhere();
}

TEST(ParallelConcat, Shapes) {
  ExpectShape("ParallelConcat", {"[1,2]", "[1,2]"}, "[2,2]", {{"shape", PartialShape({2, 2})}});
  ExpectBuildError("ParallelConcat", {"[1,?]", "[1,2]"}, "All input shapes must be fully defined",
                   {{"shape", PartialShape({2, 2})}});
  ExpectBuildError("ParallelConcat", {"[2,2]", "[1,2]"}, "Size of first dimension must be 1",
                   {{"shape", PartialShape({2, 2})}});
  ExpectBuildError("ParallelConcat", {"[1,2]", "[1,2]"}, "fully defined",
                   {{"shape", PartialShape({2, -1})}});
}

TEST(ConcatOffset, Values) {
  OpCase("ConcatOffset")
      .In(I32(1))
      .In(I32({2, 3}))
      .In(I32({2, 5}))
      .In(I32({2, 1}))
      .Out(I32({0, 0}))
      .Out(I32({0, 3}))
      .Out(I32({0, 8}))
      .RunEverywhere();
  OpCase("ConcatOffset")
      .In(I32(-2))
      .In(I64({2, 3}))
      .In(I64({4, 3}))
      .Out(I64({0, 0}))
      .Out(I64({2, 0}))
      .RunEverywhere();
  OpCase("ConcatOffset")
      .In(I32(0))
      .In(I32({2, 3}))
      .In(I32({2, 5}))
      .ExpectRunError(Code::kInvalidArgument,
                      "All dimensions except 0 must match. Input 1 has shape [2 5]");
  OpCase("ConcatOffset")
      .In(I32(2))
      .In(I32({2, 3}))
      .In(I32({2, 5}))
      .ExpectRunError(Code::kInvalidArgument, "Concat dim is out of range: 2 vs. 2");
  OpCase("ConcatOffset")
      .In(I32(0))
      .In(I32({2, 3}))
      .In(I32({2}))
      .ExpectRunError(Code::kInvalidArgument, "input 1 should contain 2 elements, but got 1");
  ExpectShape("ConcatOffset", {"int32[]", "int32[2]", "int32[?]"}, "[2];[?]");
}

TEST(Split, Values) {
  OpCase("Split")
      .In(I32(1))
      .In(F32({{1, 2, 3, 4}, {5, 6, 7, 8}}))
      .Attr("num_split", 2)
      .Out(F32({{1, 2}, {5, 6}}))
      .Out(F32({{3, 4}, {7, 8}}))
      .RunEverywhere();
  OpCase("Split")
      .In(I32(-2))
      .In(Str(Shape({2, 1}), {"a", "b"}))
      .Attr("num_split", 2)
      .Out(Str(Shape({1, 1}), {"a"}))
      .Out(Str(Shape({1, 1}), {"b"}))
      .RunEverywhere();
  OpCase("Split").In(I32(0)).In(F32({1, 2})).Attr("num_split", 1).Out(F32({1, 2})).RunEverywhere();
  OpCase("Split")
      .In(I32(0))
      .In(F32({1, 2, 3}))
      .Attr("num_split", 2)
      .ExpectRunError(Code::kInvalidArgument, "should evenly divide the split dimension");
  OpCase("Split")
      .In(I32(1))
      .In(F32({1, 2, 3}))
      .Attr("num_split", 3)
      .ExpectRunError(Code::kInvalidArgument, "but got 1");
}

// Parts that are whole rows and large enough are views of the input.
TEST(Split, LargeRows) {
  Array x(kFloat64, Shape({4, 256}));
  for (int64_t i = 0; i < x.num_elements(); ++i)
    x.mutable_data<double>()[i] = static_cast<double>(i);
  OpCase split("Split");
  OpCase unpack("Unpack");
  split.In(I32(0)).In(x).Attr("num_split", 4);
  unpack.In(x).Attr("num", 4);
  for (int64_t r = 0; r < 4; ++r) {
    split.Out(x.SliceRows(r, r + 1));
    unpack.Out(x.SliceRows(r, r + 1).Reshaped(Shape({256})));
  }
  split.RunEverywhere();
  unpack.RunEverywhere();
}

TEST(Split, Shapes) {
  ExpectShape("Split", {I32(1), "[?,6]"}, "[?,3];[?,3]", {{"num_split", 2}});
  ExpectShape("Split", {I32(0), "[?,6]"}, "[?,6];[?,6]", {{"num_split", 2}});
  ExpectShape("Split", {"int32[]", "[4,6]"}, "[?,?];[?,?]", {{"num_split", 2}});
  ExpectShape("Split", {I32(0), "?"}, "?;?", {{"num_split", 2}});
  ExpectBuildError("Split", {I32(0), "[3]"}, "evenly divide", {{"num_split", 2}});
  ExpectBuildError("Split", {I32(1), "[3]"}, "must be in range [-1, 1)", {{"num_split", 3}});
}

TEST(SplitV, Values) {
  OpCase("SplitV")
      .In(F32({1, 2, 3}))
      .In(I32({1, 2}))
      .In(I32(0))
      .Attr("num_split", 2)
      .Out(F32({1}))
      .Out(F32({2, 3}))
      .RunEverywhere();
  OpCase("SplitV")
      .In(F32({{1, 2, 3}}))
      .In(I64({-1, 1}))
      .In(I32(1))
      .Attr("num_split", 2)
      .Out(F32({{1, 2}}))
      .Out(F32(Shape({1, 1}), {3}))
      .RunEverywhere();
  OpCase("SplitV")
      .In(F32({1, 2, 3}))
      .In(I8({0, 3}))
      .In(I32(-1))
      .Attr("num_split", 2)
      .Out(F32(Shape({0}), {}))
      .Out(F32({1, 2, 3}))
      .RunEverywhere();
  const auto error = [](Array sizes, const char* text) {
    OpCase("SplitV")
        .In(F32({1, 2, 3}))
        .In(std::move(sizes))
        .In(I32(0))
        .Attr("num_split", 2)
        .ExpectRunError(Code::kInvalidArgument, text);
  };
  error(I32({1, 1}), "must either match input shape along split_dim exactly");
  error(I32({-1, -1}), "only be one -1");
  error(I32({4, -1}), "less than the size of the input");
  error(I32({5, -2}), "Split size at index 1 must be >= 0. Got: -2");
  error(I64({INT64_MAX, 4}), "Determined shape");
}

TEST(SplitV, Shapes) {
  const AttrMap two = {{"num_split", 2}};
  ExpectShape("SplitV", {"[?,6]", I32({2, -1}), I32(1)}, "[?,2];[?,4]", two);
  ExpectShape("SplitV", {"[?,6]", I32({2, -1}), I32(0)}, "[2,6];[?,6]", two);
  ExpectShape("SplitV", {"[?,6]", "int32[2]", I32(0)}, "[?,6];[?,6]", two);
  ExpectShape("SplitV", {"[4,6]", I32({2, -1}), "int32[]"}, "[?,?];[?,?]", two);
  ExpectBuildError("SplitV", {"[6]", I32({2, 3}), I32(0)},
                   "can't split axis of size 6 into pieces of size [2,3]", two);
  ExpectBuildError("SplitV", {"[]", I32({2, 3}), I32(0)}, "Can't split scalars", two);
  ExpectBuildError("SplitV", {"[6]", I32({6}), I32(0)},
                   "Length of size_splits should be equal to num_outputs", two);
}

}  // namespace
}  // namespace weft
