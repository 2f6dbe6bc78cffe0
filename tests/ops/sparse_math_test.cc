// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "tests/support/op_case.h"
#include "weft/core/complex.h"

namespace weft {
namespace {

// [[1, 0, 2], [0, 3, 0]].
Array Indices() { return I64({{0, 0}, {0, 2}, {1, 1}}); }
Array Size() { return I64({2, 3}); }

TEST(SparseAdd, Values) {
  const auto sum = [](float least) {
    return OpCase("SparseAdd")
        .In(Indices())
        .In(F32({1, 2, 3}))
        .In(Size())
        .In(I64({{0, 1}, {1, 1}}))
        .In(F32({4, -3}))
        .In(Size())
        .In(F32(least));
  };
  sum(0)
      .Out(I64({{0, 0}, {0, 1}, {0, 2}, {1, 1}}))
      .Out(F32({1, 4, 2, 0}))
      .Out(Size())
      .RunEverywhere();
  sum(2).Out(I64({{0, 1}, {0, 2}})).Out(F32({4, 2})).Out(Size()).RunEverywhere();
  OpCase("SparseAdd")
      .In(Indices())
      .In(F32({1, 2, 3}))
      .In(Size())
      .In(Indices())
      .In(F32({1, 2, 3}))
      .In(I64({2, 4}))
      .In(F32(0))
      .ExpectRunError(Code::kInvalidArgument, "Operands' shapes do not match");
}

TEST(SparseSparseMaximum, MissingElementsAreZero) {
  OpCase("SparseSparseMaximum")
      .In(Indices())
      .In(F32({1, -2, 3}))
      .In(Size())
      .In(I64({{0, 0}, {1, 0}}))
      .In(F32({5, -1}))
      .In(Size())
      .Out(I64({{0, 0}, {0, 2}, {1, 0}, {1, 1}}))
      .Out(F32({5, 0, 0, 3}))
      .RunEverywhere();
}

TEST(SparseSparseMinimum, MissingElementsAreZero) {
  OpCase("SparseSparseMinimum")
      .In(Indices())
      .In(I32({1, -2, 3}))
      .In(Size())
      .In(I64({{0, 0}}))
      .In(I32({5}))
      .In(Size())
      .Out(Indices())
      .Out(I32({1, -2, 0}))
      .RunEverywhere();
}

TEST(SparseTensorDenseMatMul, Values) {
  OpCase("SparseTensorDenseMatMul")
      .In(Indices())
      .In(F32({1, 2, 3}))
      .In(Size())
      .In(F32({{1, 2}, {3, 4}, {5, 6}}))
      .Out(F32({{11, 14}, {9, 12}}))
      .RunEverywhere();
  // a^H b^H: the conjugate of i is -i, that of 1 + i is 1 - i.
  OpCase("SparseTensorDenseMatMul")
      .In(I64({{1, 0}}))
      .In(C64({complex64(0, 1)}))
      .In(I64({2, 1}))
      .In(C64(Shape({1, 2}), {complex64(5, 0), complex64(1, 1)}))
      .Attr("adjoint_a", true)
      .Attr("adjoint_b", true)
      .Out(C64(Shape({1, 1}), {complex64(-1, -1)}))
      .RunEverywhere();
  OpCase("SparseTensorDenseMatMul")
      .In(Indices())
      .In(F32({1, 2, 3}))
      .In(Size())
      .In(F32({{1, 2}}))
      .ExpectRunError(Code::kInvalidArgument, "inner dimension does not match");
  OpCase("SparseTensorDenseMatMul")
      .In(I32({{0, 3}}))
      .In(F32({1}))
      .In(Size())
      .In(F32({{1}, {2}, {3}}))
      .ExpectRunError(Code::kInvalidArgument, "k (3) from index[0,1] out of bounds (>=3)");
  ExpectShape("SparseTensorDenseMatMul", {"int64[?,2]", "[?]", I64({2, 3}), "[3,5]"}, "[2,5]");
}

TEST(SparseTensorDenseAdd, Values) {
  OpCase("SparseTensorDenseAdd")
      .In(Indices())
      .In(F32({1, 2, 3}))
      .In(Size())
      .In(F32({{10, 20, 30}, {40, 50, 60}}))
      .Out(F32({{11, 20, 32}, {40, 53, 60}}))
      .RunEverywhere();
  OpCase("SparseTensorDenseAdd")
      .In(I64({{2, 0}}))
      .In(F32({1}))
      .In(Size())
      .In(F32({{10, 20, 30}, {40, 50, 60}}))
      .ExpectRunError(Code::kInvalidArgument, "invalid index on dimension 0");
}

TEST(SparseDenseCwise, Broadcast) {
  const auto cwise = [](const char* op, const Array& dense) {
    return OpCase(op).In(Indices()).In(I32({1, 2, 7})).In(Size()).In(dense);
  };
  cwise("SparseDenseCwiseAdd", I32({10, 20, 30})).Out(I32({11, 32, 27})).RunEverywhere();
  cwise("SparseDenseCwiseMul", I32({{3}, {4}})).Out(I32({3, 6, 28})).RunEverywhere();
  cwise("SparseDenseCwiseDiv", I32(2)).Out(I32({0, 1, 3})).RunEverywhere();
  cwise("SparseDenseCwiseDiv", I32(0)).ExpectRunError(Code::kInvalidArgument, "division by zero");
  cwise("SparseDenseCwiseMul", I32({1, 2}))
      .ExpectRunError(Code::kInvalidArgument, "broadcasts dense to sparse only");
}

TEST(SparseReduceSum, Values) {
  const auto sum = [](const Array& axes) {
    return OpCase("SparseReduceSum").In(Indices()).In(F32({1, 2, 3})).In(Size()).In(axes);
  };
  sum(I32({0})).Out(F32({1, 3, 2})).RunEverywhere();
  sum(I32({-1})).Attr("keep_dims", true).Out(F32({{3}, {3}})).RunEverywhere();
  sum(I32({0, 1})).Out(F32(6)).RunEverywhere();
  sum(I32({2})).ExpectRunError(Code::kInvalidArgument, "Invalid reduction dimension 2");
}

TEST(SparseReduceMax, Values) {
  OpCase("SparseReduceMax")
      .In(Indices())
      .In(F32({-1, -2, 3}))
      .In(I64({3, 3}))
      .In(I32({1}))
      .Out(F32({-1, 3, 0}))
      .RunEverywhere();
  OpCase("SparseReduceMaxSparse")
      .In(Indices())
      .In(F32({-1, -2, 3}))
      .In(I64({3, 3}))
      .In(I32({1}))
      .Out(I64({{0}, {1}}))
      .Out(F32({-1, 3}))
      .Out(I64({3}))
      .RunEverywhere();
}

TEST(SparseSoftmax, Rows) {
  const float e = 2.7182818f;
  OpCase("SparseSoftmax")
      .In(Indices())
      .In(F32({0, 1, 5}))
      .In(Size())
      .Out(F32({1 / (1 + e), e / (1 + e), 1}))
      .RunEverywhere();
}

}  // namespace
}  // namespace weft
