// SPDX-License-Identifier: Apache-2.0
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/op_case.h"

namespace weft {
namespace {

// [[a, 0, b], [0, c, 0]].
Array Places() { return I64({{0, 0}, {0, 2}, {1, 1}}); }
Array Values() { return Str({"a", "b", "c"}); }
Array Sizes() { return I64({2, 3}); }

TEST(SparseConcat, Columns) {
  OpCase("SparseConcat")
      .In(Places())
      .In(I64({{0, 1}}))
      .In(Values())
      .In(Str({"d"}))
      .In(Sizes())
      .In(I64({2, 2}))
      .Attr("concat_dim", int64_t{-1})
      .Attr("N", int64_t{2})
      .Out(I64({{0, 0}, {0, 2}, {0, 4}, {1, 1}}))
      .Out(Str({"a", "b", "d", "c"}))
      .Out(I64({2, 5}))
      .RunEverywhere();
  OpCase("SparseConcat")
      .In(Places())
      .In(I64({{0, 1}}))
      .In(Values())
      .In(Str({"d"}))
      .In(Sizes())
      .In(I64({3, 2}))
      .Attr("concat_dim", int64_t{1})
      .Attr("N", int64_t{2})
      .ExpectRunError(Code::kInvalidArgument, "Input shapes must match: expected 2 but got 3");
}

TEST(SparseSplit, UnevenParts) {
  OpCase("SparseSplit")
      .In(I64(1))
      .In(Places())
      .In(Values())
      .In(Sizes())
      .Attr("num_split", int64_t{2})
      .Out(I64({{0, 0}, {1, 1}}))
      .Out(I64({{0, 0}}))
      .Out(Str({"a", "c"}))
      .Out(Str({"b"}))
      .Out(I64({2, 2}))
      .Out(I64({2, 1}))
      .RunEverywhere();
}

TEST(SparseSlice, ReachesOverTheEnd) {
  OpCase("SparseSlice")
      .In(Places())
      .In(Values())
      .In(Sizes())
      .In(I64({0, 1}))
      .In(I64({2, 9}))
      .Out(I64({{0, 1}, {1, 0}}))
      .Out(Str({"b", "c"}))
      .Out(I64({2, 2}))
      .RunEverywhere();
  OpCase("SparseSlice")
      .In(Places())
      .In(Values())
      .In(Sizes())
      .In(I64({0, -1}))
      .In(I64({2, 2}))
      .ExpectRunError(Code::kInvalidArgument, "start[1] is -1");
}

TEST(SparseSliceGrad, Values) {
  OpCase("SparseSliceGrad")
      .In(F32({5, 6}))
      .In(Places())
      .In(I64({0, 1}))
      .In(I64({{0, 1}, {1, 0}}))
      .Out(F32({0, 5, 6}))
      .RunEverywhere();
}

TEST(SparseCross, Texts) {
  OpCase("SparseCross")
      .In(I64({{0, 0}, {0, 1}, {1, 0}}))
      .In(Values())
      .In(I64({2, 2}))
      .In(I64({{1, 2}, {3, 4}}))
      .Attr("N", int64_t{1})
      .Attr("hashed_output", false)
      .Attr("num_buckets", int64_t{0})
      .Attr("hash_key", int64_t{1})
      .Attr("sparse_types", std::vector<DataType>{kString})
      .Attr("dense_types", std::vector<DataType>{kInt64})
      .Attr("out_type", kString)
      .Attr("internal_type", kString)
      .Out(I64({{0, 0}, {0, 1}, {0, 2}, {0, 3}, {1, 0}, {1, 1}}))
      .Out(Str({"a_X_1", "a_X_2", "b_X_1", "b_X_2", "c_X_3", "c_X_4"}))
      .Out(I64({2, 4}))
      .RunEverywhere();
}

TEST(DeserializeSparse, WhatWasSerialized) {
  Graph graph;
  GraphScope use(graph);
  const auto node = [](const char* op, const std::vector<Tensor>& inputs, const AttrMap& attrs) {
    return AddNode(op, inputs, attrs).value();
  };
  const std::vector<Tensor> sparse = {ConstantOf(Places()), ConstantOf(Values()),
                                      ConstantOf(Sizes())};
  const Operation one = node("SerializeSparse", sparse, {});
  const Operation many = node("SerializeManySparse", sparse, {});
  const Operation same = node("DeserializeSparse", {one.output(0)}, {{"dtype", kString}});
  const Operation rows = node("DeserializeManySparse", {many.output(0)}, {{"dtype", kString}});
  Session session(graph);
  for (const Operation& op : {same, rows}) {
    EXPECT_TRUE(ArraysEqual(session.Run(op.output(0)), Places()));
    EXPECT_TRUE(ArraysEqual(session.Run(op.output(1)), Values()));
    EXPECT_TRUE(ArraysEqual(session.Run(op.output(2)), Sizes()));
  }
}

TEST(DeserializeSparse, WrongText) {
  OpCase("DeserializeSparse")
      .In(Str({"\xff", "", ""}))
      .Attr("dtype", kString)
      .ExpectRunError(Code::kInvalidArgument, "Could not parse serialized proto");
}

// A sparse column of texts and a dense one of numbers.
OpCase CrossOf(const char* op) {
  OpCase c(op);
  c.In(I64({{0, 0}, {1, 0}, {1, 1}})).In(Str({"a", "b", "c"})).In(I64({2, 2})).In(I64({{5}, {7}}));
  c.Attr("N", int64_t{1}).Attr("sparse_types", std::vector<DataType>{kString});
  return c;
}

TEST(SparseCrossV2, Separator) {
  CrossOf("SparseCrossV2")
      .In(Array("|"))
      .Out(I64({{0, 0}, {1, 0}, {1, 1}}))
      .Out(Str({"a|5", "b|7", "c|7"}))
      .Out(I64({2, 2}))
      .RunEverywhere();
}

TEST(SparseCrossV2, AsManyValuesAsIndices) {
  OpCase("SparseCrossV2")
      .In(I64({{0, 0}}))
      .In(I64({1, 1}))
      .In(Array("|"))
      .Attr("N", int64_t{1})
      .Attr("sparse_types", std::vector<DataType>{})
      .Attr("dense_types", std::vector<DataType>{})
      .ExpectRunError(Code::kInvalidArgument, "as many values as indices, got 0 and 1");
}

TEST(SparseCrossHashed, WeakHashIsTensorFlows) {
  CrossOf("SparseCrossHashed")
      .In(I64(0))
      .In(Bool(false))
      .In(I64({1, 2}))
      .Out(I64({{0, 0}, {1, 0}, {1, 1}}))
      .Out(I64({1581116392146741802, 5325346835232820265, 513497619008222508}))
      .Out(I64({2, 2}))
      .RunEverywhere();
  CrossOf("SparseCrossHashed")
      .In(I64(100))
      .In(Bool(false))
      .In(I64({0, 0}))
      .Out(I64({{0, 0}, {1, 0}, {1, 1}}))
      .Out(I64({9, 72, 8}))
      .Out(I64({2, 2}))
      .RunEverywhere();
  CrossOf("SparseCrossHashed")
      .In(I64(100))
      .In(Bool(true))
      .In(I64({0, 0, 0}))
      .ExpectRunError(Code::kInvalidArgument, "salt must have 2 elements");
}

}  // namespace
}  // namespace weft
