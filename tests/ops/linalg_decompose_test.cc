// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include <gtest/gtest.h>

#include "tests/support/op_case.h"

namespace weft {
namespace {

TEST(MatrixDeterminant, Values) {
  OpCase("MatrixDeterminant").In(F64({{1, 2}, {3, 4}})).Out(F64(-2)).RunEverywhere();
  OpCase("MatrixDeterminant")
      .In(F32(Shape({2, 2, 2}), {1, 0, 0, 2, 1, 1, 1, 1}))
      .Out(F32({2, 0}))
      .RunEverywhere();
  OpCase("MatrixDeterminant").In(F32(Shape({0, 0}), {})).Out(F32(1)).RunEverywhere();
  OpCase("MatrixDeterminant")
      .In(F32({{1, 2}}))
      .ExpectRunError(Code::kInvalidArgument, "Input matrix must be square");
  ExpectShape("MatrixDeterminant", {"[5,?,3]"}, "[5]");
}

TEST(LogMatrixDeterminant, Values) {
  OpCase("LogMatrixDeterminant")
      .In(F64({{1, 2}, {3, 4}}))
      .Out(F64(-1))
      .Out(F64(std::log(2.0)))
      .RunEverywhere();
  OpCase("LogMatrixDeterminant")
      .In(F32({{1, 1}, {1, 1}}))
      .Out(F32(0))
      .Out(F32(-kInf))
      .RunEverywhere();
}

TEST(Lu, RowsAreExchanged) {
  // The rows in the order 1, 0: [3, 4] and [1, 2] = 1/3 [3, 4] + [0, 2/3].
  OpCase("Lu")
      .In(F64({{1, 2}, {3, 4}}))
      .Out(F64({{3, 4}, {1.0 / 3, 2.0 / 3}}))
      .Out(I32({1, 0}))
      .RunEverywhere();
  OpCase("Lu")
      .In(F32({{1, 1}, {1, 1}}))
      .ExpectRunError(Code::kInvalidArgument, "Input is not invertible.");
}

TEST(SelfAdjointEigV2, Values) {
  OpCase("SelfAdjointEigV2")
      .In(F64({{2, 7}, {1, 2}}))  // the upper triangle is not looked at
      .Out(F64({1, 3}))
      .AnyOut()
      .RunEverywhere();
  OpCase("SelfAdjointEigV2")
      .In(F64({{2, 1}, {1, 2}}))
      .Attr("compute_v", false)
      .Out(F64({1, 3}))
      .Out(F64(Shape({0}), {}))
      .RunEverywhere();
  ExpectShape("SelfAdjointEigV2", {"[5,?,3]"}, "[5,3];[5,3,3]");
}

TEST(Svd, Values) {
  OpCase("Svd")
      .In(F64({{0, 2, 0}, {3, 0, 0}}))
      .Attr("compute_uv", false)
      .Out(F64({3, 2}))
      .Out(F64(Shape({0}), {}))
      .Out(F64(Shape({0}), {}))
      .RunEverywhere();
  ExpectShape("Svd", {"[2,3]"}, "[2];[2,2];[3,2]");
  ExpectShape("Svd", {"[2,3]"}, "[2];[2,2];[3,3]", {{"full_matrices", true}});
}

TEST(MatrixSquareRoot, Values) {
  OpCase("MatrixSquareRoot").In(F64({{4, 0}, {0, 9}})).Out(F64({{2, 0}, {0, 3}})).RunEverywhere();
}

TEST(OldLinalgNames, DoTheSame) {
  const Array a = F64({{4, 0}, {0, 9}});
  OpCase("BatchCholesky").In(a).Out(F64({{2, 0}, {0, 3}})).RunEverywhere();
  OpCase("BatchMatrixInverse").In(a).Out(F64({{0.25, 0}, {0, 1.0 / 9}})).RunEverywhere();
  OpCase("BatchMatrixSolve").In(a).In(F64({{4}, {18}})).Out(F64({{1}, {2}})).RunEverywhere();
  OpCase("BatchMatrixTriangularSolve")
      .In(a)
      .In(F64({{4}, {18}}))
      .Out(F64({{1}, {2}}))
      .RunEverywhere();
  OpCase("BatchMatrixDeterminant").In(a).Out(F64(36)).RunEverywhere();
  OpCase("BatchSelfAdjointEigV2").In(a).Out(F64({4, 9})).AnyOut().RunEverywhere();
  OpCase("BatchSvd").In(a).Out(F64({9, 4})).AnyOut().AnyOut().RunEverywhere();
}

TEST(TridiagonalSolve, Values) {
  // [[2, 1, 0], [1, 0, 3], [0, 4, 5]] [1, 2, 3] = [4, 10, 23]; the second pivot needs an exchange.
  const Array diagonals = F64({{1, 3, -9}, {2, 0, 5}, {-9, 1, 4}});
  for (const bool pivoting : {true, false}) {
    OpCase("TridiagonalSolve")
        .In(diagonals)
        .In(F64({{4}, {10}, {23}}))
        .Attr("partial_pivoting", pivoting)
        .Out(F64({{1}, {2}, {3}}))
        .RunEverywhere();
  }
  // Without an exchange the first pivot, 0, ends it.
  const Array zero_first = F64({{1, 0}, {0, 1}, {0, 1}});
  OpCase("TridiagonalSolve")
      .In(zero_first)
      .In(F64({{2}, {3}}))
      .Out(F64({{1}, {2}}))
      .RunEverywhere();
  OpCase("TridiagonalSolve")
      .In(zero_first)
      .In(F64({{2}, {3}}))
      .Attr("partial_pivoting", false)
      .ExpectRunError(Code::kInvalidArgument, "The input matrix is not invertible.");
}

TEST(TridiagonalMatMul, Values) {
  // [[2, 1, 0], [1, 0, 3], [0, 4, 5]] [1, 2, 3] = [4, 10, 23]; the corners are not looked at.
  OpCase("TridiagonalMatMul")
      .In(F64({{1, 3, -9}}))
      .In(F64({{2, 0, 5}}))
      .In(F64({{-9, 1, 4}}))
      .In(F64({{1}, {2}, {3}}))
      .Out(F64({{4}, {10}, {23}}))
      .RunEverywhere();
  OpCase("TridiagonalMatMul")
      .In(F64({{1, 3}}))
      .In(F64({{2, 0, 5}}))
      .In(F64({{-9, 1, 4}}))
      .In(F64({{1}, {2}, {3}}))
      .ExpectRunError(Code::kInvalidArgument, "Expected diagonals [..., 1, M]");
  ExpectShape("TridiagonalMatMul", {"[5,1,?]", "?", "[5,1,3]", "[5,?,2]"}, "[5,3,2]");
}

}  // namespace
}  // namespace weft
