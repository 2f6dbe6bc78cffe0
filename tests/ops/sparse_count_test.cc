// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "tests/support/op_case.h"

namespace weft {
namespace {

Array NoWeights() { return F32(Shape({0}), {}); }

TEST(SparseBincount, Rows) {
  OpCase("SparseBincount")
      .In(I64({{0, 0}, {0, 1}, {1, 0}}))
      .In(I32({1, 1, 5}))  // 5 has no bin
      .In(I64({3, 2}))
      .In(I32(4))
      .In(F32({1, 2, 3}))
      .Out(F32({{0, 3, 0, 0}, {0, 0, 0, 0}, {0, 0, 0, 0}}))
      .RunEverywhere();
  OpCase("SparseBincount")
      .In(I64({{0}, {4}}))
      .In(I64({1, 1}))
      .In(I64({5}))
      .In(I64(2))
      .In(I32(Shape({0}), {}))
      .Attr("binary_output", true)
      .Out(I32({0, 1}))
      .RunEverywhere();
  OpCase("SparseBincount")
      .In(I64({{0, 0}, {9, 0}}))
      .In(I32({1, 1}))
      .In(I64({3, 2}))
      .In(I32(4))
      .In(NoWeights())
      .ExpectRunError(Code::kInvalidArgument, "dimension 0 has value 9");
  ExpectShape("SparseBincount", {"[3,2]", "[3]", "[2]", "[]", "[0]"}, "[?,?]");
}

TEST(RaggedBincount, Rows) {
  OpCase("RaggedBincount")
      .In(I64({0, 2, 2, 3}))
      .In(I32({1, 1, 0}))
      .In(I32(2))
      .In(I64(Shape({0}), {}))
      .Attr("binary_output", true)
      .Out(I64({{0, 1}, {0, 0}, {1, 0}}))
      .RunEverywhere();
  OpCase("RaggedBincount")
      .In(I64({0, 2}))
      .In(I32({1, 1, 0}))
      .In(I32(2))
      .In(NoWeights())
      .ExpectRunError(Code::kInvalidArgument, "Splits must end with the number of values");
  OpCase("RaggedBincount")
      .In(I64({0, 2, 1, 3}))
      .In(I32({1, 1, 0}))
      .In(I32(2))
      .In(NoWeights())
      .ExpectRunError(Code::kInvalidArgument, "Splits must not decrease");
}

TEST(DenseCountSparseOutput, Values) {
  OpCase("DenseCountSparseOutput")
      .In(I32({{1, 1, 7}, {0, 1, 3}}))
      .In(NoWeights())
      .Attr("binary_output", false)
      .Attr("minlength", int64_t{4})
      .Out(I64({{0, 1}, {0, 7}, {1, 0}, {1, 1}, {1, 3}}))
      .Out(F32({2, 1, 1, 1, 1}))
      .Out(I64({2, 8}))
      .RunEverywhere();
  OpCase("DenseCountSparseOutput")
      .In(I64({3, 1, 3}))
      .In(F32({1, 2, 3}))
      .Attr("binary_output", false)
      .Attr("maxlength", int64_t{3})
      .Out(I64({{1}}))
      .Out(F32({2}))
      .Out(I64({3}))
      .RunEverywhere();
  OpCase("DenseCountSparseOutput")
      .In(I32({1, -1}))
      .In(NoWeights())
      .Attr("binary_output", false)
      .ExpectRunError(Code::kInvalidArgument, "Input values must all be non-negative");
  OpCase("DenseCountSparseOutput")
      .In(I32({1, 1}))
      .In(F32({1}))
      .Attr("binary_output", false)
      .ExpectRunError(Code::kInvalidArgument, "Weights and values must have the same shape");
}

TEST(SparseCountSparseOutput, Values) {
  OpCase("SparseCountSparseOutput")
      .In(I64({{0, 0}, {0, 1}, {1, 0}}))
      .In(I32({1, 1, 5}))
      .In(I64({3, 2}))
      .In(F64({1, 2, 3}))
      .Attr("binary_output", false)
      .Out(I64({{0, 1}, {1, 5}}))
      .Out(F64({3, 3}))
      .Out(I64({3, 6}))
      .RunEverywhere();
}

TEST(RaggedCountSparseOutput, Values) {
  OpCase("RaggedCountSparseOutput")
      .In(I64({0, 2, 2, 3}))
      .In(I32({1, 1, 0}))
      .In(I64(Shape({0}), {}))
      .Attr("binary_output", true)
      .Attr("minlength", int64_t{3})
      .Out(I64({{0, 1}, {2, 0}}))
      .Out(I64({1, 1}))
      .Out(I64({3, 3}))
      .RunEverywhere();
}

}  // namespace
}  // namespace weft
