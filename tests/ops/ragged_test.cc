// SPDX-License-Identifier: Apache-2.0
#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/op_case.h"

namespace weft {
namespace {

using Names = std::vector<std::string>;

TEST(RaggedRange, Values) {
  OpCase("RaggedRange")
      .In(I32({2, 5, 8}))
      .In(I32({3, 5, 12}))
      .In(I32(1))
      .Out(I64({0, 1, 1, 5}))
      .Out(I32({2, 8, 9, 10, 11}))
      .RunEverywhere();
  OpCase("RaggedRange")
      .In(F32({0, 5}))
      .In(F32({1, 3.5}))
      .In(F32({0.25, -0.5}))
      .Attr("Tsplits", kInt32)
      .Out(I32({0, 4, 7}))
      .Out(F32({0, 0.25, 0.5, 0.75, 5, 4.5, 4}))
      .RunEverywhere();
  OpCase("RaggedRange")
      .In(I32(0))
      .In(I32(5))
      .In(I32(0))
      .ExpectRunError(Code::kInvalidArgument, "Requires delta != 0");
  OpCase("RaggedRange")
      .In(F32(0))
      .In(F32(std::numeric_limits<float>::infinity()))
      .In(F32(1))
      .ExpectRunError(Code::kInvalidArgument, "Requires ((limit - start) / delta) <=");
  ExpectShape("RaggedRange", {"[3]", "[]", "[?]"}, "[4];[?]");
  ExpectShape("RaggedRange", {"[]", "[]", "[]"}, "[2];[?]");
}

TEST(RaggedGather, NestedRows) {
  // [[[10], [20, 30]], [[]]].
  const auto of = [](const Array& indices, int64_t rank) {
    OpCase op("RaggedGather");
    op.In(I64({0, 2, 3})).In(I64({0, 1, 3, 3})).In(I32({10, 20, 30})).In(indices);
    op.Attr("PARAMS_RAGGED_RANK", int64_t{2}).Attr("OUTPUT_RAGGED_RANK", rank);
    return op;
  };
  of(I32({{1, 0}, {0, 0}}), 3)
      .Out(I64({0, 2, 4}))
      .Out(I64({0, 1, 3, 5, 7}))
      .Out(I64({0, 0, 1, 3, 4, 6, 7, 9}))
      .Out(I32({10, 20, 30, 10, 20, 30, 10, 20, 30}))
      .RunEverywhere();
  of(I32({2}), 2).ExpectRunError(Code::kInvalidArgument, "indices[0] = 2 is not in [0, 2)");
}

TEST(RaggedGather, BadSplits) {
  const auto expect = [](const Array& splits, const char* why) {
    OpCase("RaggedGather")
        .In(splits)
        .In(I32({10, 20, 30}))
        .In(I32({0}))
        .Attr("PARAMS_RAGGED_RANK", int64_t{1})
        .Attr("OUTPUT_RAGGED_RANK", int64_t{1})
        .ExpectRunError(Code::kInvalidArgument, why);
  };
  expect(I64({1, 3}), "First value of ragged splits must be 0.");
  expect(I64({0, 2, 1, 3}), "Ragged splits should be non decreasing");
  expect(I64({0, 4}), "Final value of ragged splits must match");
}

TEST(RaggedTensorToSparse, RowsOfPairs) {
  OpCase("RaggedTensorToSparse")
      .In(I64({0, 2, 2, 3}))
      .In(I32({{1, 2}, {3, 4}, {5, 6}}))
      .Attr("RAGGED_RANK", int64_t{1})
      .Out(I64({{0, 0, 0}, {0, 0, 1}, {0, 1, 0}, {0, 1, 1}, {2, 0, 0}, {2, 0, 1}}))
      .Out(I32({1, 2, 3, 4, 5, 6}))
      .Out(I64({3, 2, 2}))
      .RunEverywhere();
  ExpectShape("RaggedTensorToSparse", {"[?]", "[3,2]"}, "[6,3];[6];[3]", {{"RAGGED_RANK", 1}});
}

TEST(RaggedTensorToTensor, CutAndFilledUp) {
  const auto expect = [](const Array& shape, const Array& result) {
    OpCase("RaggedTensorToTensor")
        .In(shape)
        .In(I32({1, 2, 3, 4}))
        .In(I32(9))
        .In(I64({0, 1, 1, 4}))
        .Attr("row_partition_types", Names{"ROW_SPLITS"})
        .Attr("num_row_partition_tensors", int64_t{1})
        .Out(result)
        .RunEverywhere();
  };
  const Array whole = I32({{1, 9, 9}, {9, 9, 9}, {2, 3, 4}});
  expect(I64({-1, -1}), whole);
  expect(I64(-1), whole);
  expect(I64({2, 4}), I32({{1, 9, 9, 9}, {9, 9, 9, 9}}));
  expect(I32({4, 1}), I32({{1}, {9}, {2}, {9}}));
}

TEST(RaggedTensorToTensor, RowIds) {
  const auto of = [](const Array& ids) {
    OpCase op("RaggedTensorToTensor");
    op.In(I64({-1, -1, 2})).In(I32({{1, 2}, {3, 4}})).In(I32({8, 9})).In(I64(3)).In(ids);
    op.Attr("row_partition_types", Names{"FIRST_DIM_SIZE", "VALUE_ROWIDS"});
    op.Attr("num_row_partition_tensors", int64_t{2});
    return op;
  };
  of(I64({0, 2})).Out(I32(Shape({3, 1, 2}), {1, 2, 8, 9, 3, 4})).RunEverywhere();
  of(I64({0, 3})).ExpectRunError(Code::kInvalidArgument, "row ids must not decrease");
  of(I64({0, 1, 2})).ExpectRunError(Code::kInvalidArgument, "have 3 values");
}

}  // namespace
}  // namespace weft
