// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

#include "tests/support/op_case.h"
#include "weft/core/complex.h"

namespace weft {
namespace {

template <typename T>
T Number(int64_t i) {
  if constexpr (std::is_same_v<T, std::string>) {
    return std::to_string(i);
  } else if constexpr (std::is_same_v<T, complex128>) {
    return complex128(static_cast<double>(i), -1);
  } else {
    return static_cast<T>(i);
  }
}

template <typename T>
Array Iota(const Shape& shape) {
  Array a(dtype_of<T>, shape);
  for (int64_t i = 0; i < a.num_elements(); ++i) a.mutable_data<T>()[i] = Number<T>(i);
  return a;
}

// Element by element, from the definition.
template <typename T>
Array NaiveTranspose(const Array& x, const std::vector<int32_t>& perm) {
  const int rank = x.rank();
  std::vector<int64_t> sizes, index(static_cast<size_t>(rank), 0);
  for (int32_t p : perm) sizes.push_back(x.dim(p));
  Array out(x.dtype(), Shape(sizes));
  for (int64_t i = 0; i < out.num_elements(); ++i) {
    int64_t rest = i;
    for (int d = rank - 1; d >= 0; --d) {
      index[static_cast<size_t>(perm[static_cast<size_t>(d)])] =
          rest % sizes[static_cast<size_t>(d)];
      rest /= sizes[static_cast<size_t>(d)];
    }
    int64_t from = 0;
    for (int d = 0; d < rank; ++d) from = from * x.dim(d) + index[static_cast<size_t>(d)];
    out.mutable_data<T>()[i] = x.data<T>()[from];
  }
  return out;
}

template <typename T>
void CheckTranspose(const Shape& shape, const std::vector<int32_t>& perm) {
  const Array x = Iota<T>(shape);
  SCOPED_TRACE(shape.ToString() + " " + DTypeName(x.dtype()));
  OpCase("Transpose")
      .In(x)
      .In(Array::FromVector(perm))
      .Out(NaiveTranspose<T>(x, perm))
      .RunEverywhere();
}

TEST(Transpose, AllPermutationsOfFour) {
  std::vector<int32_t> perm = {0, 1, 2, 3};
  do {
    CheckTranspose<float>(Shape({2, 3, 4, 5}), perm);
  } while (std::next_permutation(perm.begin(), perm.end()));
}

// Tiles of 16 bytes, blocks of 64, and what is left at their borders.
template <typename T>
class TransposeTiles : public testing::Test {};
using TileTypes = testing::Types<uint8_t, uint16_t, float, int64_t, complex128, std::string>;
TYPED_TEST_SUITE(TransposeTiles, TileTypes);
TYPED_TEST(TransposeTiles, Matrices) {
  for (int64_t rows : {1, 3, 15, 16, 17, 64, 67, 131}) {
    for (int64_t columns : {1, 2, 16, 33, 64, 65, 129})
      CheckTranspose<TypeParam>(Shape({rows, columns}), {1, 0});
  }
}
TYPED_TEST(TransposeTiles, Batches) {
  CheckTranspose<TypeParam>(Shape({5, 19, 33}), {0, 2, 1});
  CheckTranspose<TypeParam>(Shape({5, 19, 33}), {2, 1, 0});
  CheckTranspose<TypeParam>(Shape({5, 19, 33}), {1, 2, 0});
  CheckTranspose<TypeParam>(Shape({17, 2, 18, 3}), {2, 1, 0, 3});
}

TEST(Transpose, EdgeCases) {
  CheckTranspose<float>(Shape({0, 3}), {1, 0});
  CheckTranspose<float>(Shape({1, 3, 1}), {2, 1, 0});
  OpCase("Transpose").In(F32(5)).In(I32(Shape({0}), {})).Out(F32(5)).RunEverywhere();
  OpCase("Transpose").In(F32({1, 2})).In(I64({0})).Out(F32({1, 2})).RunEverywhere();
  OpCase("ConjugateTranspose")
      .In(C64({{complex64(1, 2), complex64(3, 4)}}))
      .In(I32({1, 0}))
      .Out(C64(Shape({2, 1}), {complex64(1, -2), complex64(3, -4)}))
      .RunEverywhere();
  OpCase("ConjugateTranspose")
      .In(C128(Shape({1}), {complex128(1, 2)}))
      .In(I32({0}))
      .Out(C128(Shape({1}), {complex128(1, -2)}))
      .RunEverywhere();
}

TEST(Transpose, BadPermutations) {
  const auto error = [](Array perm, const char* text) {
    OpCase("Transpose")
        .In(F32({{1, 2}, {3, 4}}))
        .In(perm)
        .ExpectRunError(Code::kInvalidArgument, text);
  };
  error(I32({0}), "transpose expects a vector of size 2. But input(1) is a vector of size 1");
  error(I32({0, 0}), "1 is missing from {0,0}");
  error(I32({0, 2}), "2 is out of range [0 .. 2)");
  error(I32(Shape({1, 2}), {0, 1}), "must be rank 1");
}

TEST(Transpose, Shapes) {
  ExpectShape("Transpose", {"[2,?,4]", I32({2, 0, 1})}, "[4,2,?]");
  ExpectShape("Transpose", {"[2,?,4]", kInt32}, "[?,?,?]");
  ExpectShape("Transpose", {"?", "int32[3]"}, "[?,?,?]");
  ExpectShape("Transpose", {"?", "int32[1]"}, "?");
  ExpectShape("Transpose", {"?", kInt32}, "?");
  ExpectBuildError("Transpose", {"[2,3]", I32({0, 2})},
                   "perm dim 2 is out of range of input rank 2");
  ExpectBuildError("Transpose", {"[2,3]", I32({0})}, "Dimensions must be equal, but are 1 and 2");
}

TEST(InvertPermutation, Values) {
  OpCase("InvertPermutation").In(I32({2, 0, 1, 3})).Out(I32({1, 2, 0, 3})).RunEverywhere();
  OpCase("InvertPermutation").In(I64(Shape({0}), {})).Out(I64(Shape({0}), {})).RunEverywhere();
  OpCase("InvertPermutation")
      .In(I32({0, 0}))
      .ExpectRunError(Code::kInvalidArgument, "0 is duplicated in the input");
  OpCase("InvertPermutation")
      .In(I32({0, 2}))
      .ExpectRunError(Code::kInvalidArgument, "2 is not between 0 and 2");
  OpCase("InvertPermutation")
      .In(I32({-1, 0}))
      .ExpectRunError(Code::kInvalidArgument, "-1 is not between 0 and 2");
  ExpectShape("InvertPermutation", {"int32[?]"}, "[?]");
  ExpectBuildError("InvertPermutation", {"int32[2,2]"}, "Shape must be rank 1 but is rank 2");
}

TEST(Reverse, Values) {
  const Array x = F32({{1, 2, 3}, {4, 5, 6}});
  OpCase("ReverseV2").In(x).In(I32({0})).Out(F32({{4, 5, 6}, {1, 2, 3}})).RunEverywhere();
  OpCase("ReverseV2").In(x).In(I64({-1, 0})).Out(F32({{6, 5, 4}, {3, 2, 1}})).RunEverywhere();
  OpCase("ReverseV2").In(x).In(I32(Shape({0}), {})).Out(x).RunEverywhere();
  OpCase("Reverse").In(x).In(Bool({false, true})).Out(F32({{3, 2, 1}, {6, 5, 4}})).RunEverywhere();
  OpCase("ReverseV2").In(Str({"a", "b"})).In(I32({0})).Out(Str({"b", "a"})).RunEverywhere();
  OpCase("ReverseV2")
      .In(x)
      .In(I32({2}))
      .ExpectRunError(Code::kInvalidArgument, "'axis'[0] = 2 is out of valid range [0, 1]");
  OpCase("ReverseV2")
      .In(x)
      .In(I32({0, -2}))
      .ExpectRunError(Code::kInvalidArgument, "axis 0 specified more than once");
  OpCase("ReverseV2")
      .In(F32(Shape({1, 1, 1, 1, 1, 1, 1, 1, 1}), {1}))
      .In(I32({0}))
      .ExpectRunError(Code::kUnimplemented, "rank > 8");
  OpCase("Reverse")
      .In(x)
      .In(Bool({true}))
      .ExpectRunError(Code::kInvalidArgument,
                      "'dims' must have the same number of values as 'input' has dimensions");
}

// The older op refuses what has no rows; ReverseV2 takes it.
TEST(Reverse, NoRows) {
  const Array none = F32(Shape({0, 1}), {});
  OpCase("Reverse")
      .In(none)
      .In(Bool({true, false}))
      .ExpectRunError(Code::kInvalidArgument, "Invalid input first dimension. Found 0");
  OpCase("ReverseV2").In(none).In(I32({0})).Out(none).RunEverywhere();
}

TEST(Reverse, Shapes) {
  ExpectShape("ReverseV2", {"[?,3]", I32({0})}, "[?,3]");
  ExpectShape("Reverse", {"?", "bool[2]"}, "[?,?]");
  ExpectBuildError("ReverseV2", {"[2,3]", I32({2})}, "'axis'[0] = 2 is out of valid range");
  ExpectBuildError("ReverseV2", {"[2,3]", I32({0, 0})}, "axis 0 specified more than once");
  ExpectBuildError("ReverseV2", {"[1,1,1,1,1,1,1,1,1]", kInt32}, "more than 8 dimensions");
}

TEST(ReverseSequence, Values) {
  const Array x = F32({{1, 2, 3}, {4, 5, 6}});
  OpCase("ReverseSequence")
      .In(x)
      .In(I64({2, 3}))
      .Attr("seq_dim", 1)
      .Out(F32({{2, 1, 3}, {6, 5, 4}}))
      .RunEverywhere();
  OpCase("ReverseSequence")
      .In(x)
      .In(I32({2, 0, 1}))
      .Attr("seq_dim", 0)
      .Attr("batch_dim", 1)
      .Out(F32({{4, 2, 3}, {1, 5, 6}}))
      .RunEverywhere();
  // Dimensions before, between and after: [2, batch 2, 2, time 2, 2].
  Array y = Iota<float>(Shape({2, 2, 2, 2, 2})), want = y.Clone();
  for (int64_t i = 0; i < 32; ++i) {
    const bool reversed = (i / 8) % 2 == 1;
    want.mutable_data<float>()[i] = y.data<float>()[reversed ? i ^ 2 : i];
  }
  OpCase("ReverseSequence")
      .In(y)
      .In(I32({1, 2}))
      .Attr("seq_dim", 3)
      .Attr("batch_dim", 1)
      .Out(want)
      .RunEverywhere();
  const auto error = [&](Array lengths, int seq_dim, const char* text) {
    OpCase("ReverseSequence")
        .In(x)
        .In(lengths)
        .Attr("seq_dim", seq_dim)
        .ExpectRunError(Code::kInvalidArgument, text);
  };
  error(I32({4, 1}), 1, "seq_lens(0) > input.dims(1)");
  error(I32({1}), 1, "Length of seq_lengths != input.dims(0), (1 vs. 2)");
  error(I32({1, 1}), 0, "batch_dim == seq_dim == 0");
  error(I32({-1, 1}), 1, "seq_lens(0) < 0");
  error(I32({1, 1}), 5, "seq_dim must be < input rank");
}

TEST(ReverseSequence, Shapes) {
  ExpectShape("ReverseSequence", {"[?,3]", "int64[4]"}, "[4,3]", {{"seq_dim", 1}});
  ExpectShape("ReverseSequence", {"?", "int64[4]"}, "?", {{"seq_dim", 1}});
  ExpectBuildError("ReverseSequence", {"[2,3]", "int64[4]"},
                   "Dimensions must be equal, but are 2 and 4", {{"seq_dim", 1}});
  ExpectBuildError("ReverseSequence", {"[2,3]", "int64[2]"}, "seq_dim must be < input rank",
                   {{"seq_dim", 2}});
}

TEST(Roll, Values) {
  const Array x = F32({{1, 2, 3}, {4, 5, 6}});
  OpCase("Roll").In(F32({1, 2, 3, 4})).In(I32(1)).In(I32(0)).Out(F32({4, 1, 2, 3})).RunEverywhere();
  OpCase("Roll").In(x).In(I32({-1})).In(I32({1})).Out(F32({{2, 3, 1}, {5, 6, 4}})).RunEverywhere();
  OpCase("Roll")
      .In(x)
      .In(I64({1, 1}))
      .In(I32({0, -1}))
      .Out(F32({{6, 4, 5}, {3, 1, 2}}))
      .RunEverywhere();
  // Shifts of one axis add up; whole turns do nothing.
  OpCase("Roll")
      .In(x)
      .In(I32({2, 3, 2}))
      .In(I64({1, 1, 1}))
      .Out(F32({{3, 1, 2}, {6, 4, 5}}))
      .RunEverywhere();
  OpCase("Roll").In(x).In(I32(-6)).In(I32(1)).Out(x).RunEverywhere();
  OpCase("Roll")
      .In(F32(Shape({0, 2}), {}))
      .In(I32(1))
      .In(I32(0))
      .Out(F32(Shape({0, 2}), {}))
      .RunEverywhere();
  OpCase("Roll").In(x).In(I64(INT64_MIN)).In(I32(0)).Out(x).RunEverywhere();
  OpCase("Roll")
      .In(x)
      .In(I32({1, 1}))
      .In(I32({0}))
      .ExpectRunError(Code::kInvalidArgument, "shift and axis must have the same size");
  OpCase("Roll").In(x).In(I32({1})).In(I32({2})).ExpectRunError(Code::kInvalidArgument,
                                                                "axis 2 is out of range");
  OpCase("Roll").In(F32(1)).In(I32({1})).In(I32({0})).ExpectRunError(Code::kInvalidArgument,
                                                                     "input must be 1-D or higher");
  ExpectShape("Roll", {"[?,3]", kInt32, kInt32}, "[?,3]");
}

}  // namespace
}  // namespace weft
