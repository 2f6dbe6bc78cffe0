// SPDX-License-Identifier: Apache-2.0
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/arrays.h"
#include "weft/core/error.h"
#include "weft/ops/basic.h"
#include "weft/ops/sets.h"
#include "weft/ops/sparse.h"
#include "weft/runtime/session.h"

namespace weft {
namespace {

// [[1, 0, 2], [0, 3, 0]].
SparseTensor ThreeValues() {
  return {Constant(I64({{0, 0}, {0, 2}, {1, 1}})), Constant(F32({1, 2, 3})), Constant(I64({2, 3}))};
}

void ExpectSparse(Session& session, const SparseTensor& s, const Array& dense) {
  EXPECT_TRUE(ArraysEqual(session.Run(sparse::ToDense(s)), dense));
}

class SparseApi : public ::testing::Test {
 protected:
  Graph graph_;
  GraphScope use_{graph_};
  Session session_{graph_};
};

TEST_F(SparseApi, ToAndFromDense) {
  const Array dense = F32({{1, 0, 2}, {0, 3, 0}});
  ExpectSparse(session_, ThreeValues(), dense);
  const SparseTensor again = sparse::FromDense(dense);
  EXPECT_TRUE(ArraysEqual(session_.Run(again.indices), I64({{0, 0}, {0, 2}, {1, 1}})));
  EXPECT_TRUE(ArraysEqual(session_.Run(again.values), F32({1, 2, 3})));
  EXPECT_TRUE(ArraysEqual(session_.Run(again.dense_shape), I64({2, 3})));
  const SparseTensor words = sparse::FromDense(Str({"", "a"}));
  EXPECT_TRUE(ArraysEqual(session_.Run(sparse::ToDense(words)), Str({"", "a"})));
  EXPECT_TRUE(ArraysEqual(session_.Run(sparse::ToDense(words, {.default_value = Array("-")})),
                          Str({"-", "a"})));
}

TEST_F(SparseApi, Shapes) {
  const SparseTensor s = ThreeValues();
  ExpectSparse(session_, sparse::Reshape(s, {3, -1}), F32({{1, 0}, {2, 0}, {3, 0}}));
  ExpectSparse(session_, sparse::Transpose(s, {1, 0}), F32({{1, 0}, {0, 3}, {2, 0}}));
  EXPECT_THROW(sparse::Transpose(s, {0, 0}), Error);
  ExpectSparse(session_, sparse::Concat(0, {s, s}),
               F32({{1, 0, 2}, {0, 3, 0}, {1, 0, 2}, {0, 3, 0}}));
  const std::vector<SparseTensor> parts = sparse::Split(s, 2, 1);
  ExpectSparse(session_, parts[0], F32({{1, 0}, {0, 3}}));
  ExpectSparse(session_, parts[1], F32({{2}, {0}}));
  ExpectSparse(session_, sparse::Slice(s, {0, 1}, {2, 2}), F32({{0, 2}, {3, 0}}));
}

TEST_F(SparseApi, Values) {
  const SparseTensor s = ThreeValues();
  ExpectSparse(session_, sparse::Retain(s, Bool({true, false, true})), F32({{1, 0, 0}, {0, 3, 0}}));
  ExpectSparse(session_, sparse::Add(s, s), F32({{2, 0, 4}, {0, 6, 0}}));
  EXPECT_TRUE(ArraysEqual(session_.Run(sparse::Add(s, F32({{1, 1, 1}, {1, 1, 1}}))),
                          F32({{2, 1, 3}, {1, 4, 1}})));
  const SparseTensor other = {s.indices, Constant(F32({2, 1, 3})), s.dense_shape};
  ExpectSparse(session_, sparse::Maximum(s, other), F32({{2, 0, 2}, {0, 3, 0}}));
  ExpectSparse(session_, sparse::Minimum(s, other), F32({{1, 0, 1}, {0, 3, 0}}));
  ExpectSparse(session_, sparse::Multiply(s, F32({2, 3, 4})), F32({{2, 0, 8}, {0, 9, 0}}));
  ExpectSparse(session_, sparse::Divide(s, F32(2)), F32({{0.5, 0, 1}, {0, 1.5, 0}}));
  EXPECT_TRUE(
      ArraysEqual(session_.Run(sparse::DenseMatMul(s, F32({{1}, {2}, {3}}))), F32({{7}, {6}})));
  const SparseTensor rows = {Constant(I64({{1, 0}, {1, 1}})), Constant(F32({4, 4})),
                             Constant(I64({2, 2}))};
  ExpectSparse(session_, sparse::Softmax(rows), F32({{0, 0}, {0.5, 0.5}}));
  const sparse::FilledRows filled = sparse::FillEmptyRows(rows, 7.0f);
  ExpectSparse(session_, filled.filled, F32({{7, 0}, {4, 4}}));
  EXPECT_TRUE(ArraysEqual(session_.Run(filled.was_empty), Bool({true, false})));
}

TEST_F(SparseApi, Reductions) {
  const SparseTensor s = ThreeValues();
  EXPECT_TRUE(ArraysEqual(session_.Run(sparse::ReduceSum(s)), F32(6)));
  EXPECT_TRUE(ArraysEqual(session_.Run(sparse::ReduceSum(s, {.axis = IntList{1}})), F32({3, 3})));
  EXPECT_TRUE(
      ArraysEqual(session_.Run(sparse::ReduceMax(s, {.axis = IntList{1}, .keep_dims = true})),
                  F32({{2}, {3}})));
}

TEST_F(SparseApi, Indicator) {
  const SparseTensor ids = {Constant(I64({{0, 0}, {0, 1}, {1, 0}})), Constant(I64({3, 1, 0})),
                            Constant(I64({2, 2}))};
  EXPECT_TRUE(ArraysEqual(session_.Run(sparse::ToIndicator(ids, 4)),
                          Bool({{false, true, false, true}, {true, false, false, false}})));
}

TEST_F(SparseApi, PlaceholderParts) {
  const SparseTensor s = sparse::Placeholder(kFloat32, {2, 3}, "x");
  EXPECT_EQ(s.values.op().name(), "x/values");
  EXPECT_EQ(s.indices.op().name(), "x/indices");
  EXPECT_EQ(s.dense_shape.op().type(), "Const");
  const Array y =
      session_.Run(sparse::ReduceSum(s), {{s.indices, I64({{1, 1}})}, {s.values, F32({5})}});
  EXPECT_TRUE(ArraysEqual(y, F32(5)));
}

TEST_F(SparseApi, Sets) {
  const SparseTensor a = {Constant(I64({{0, 0}, {0, 1}, {1, 0}})), Constant(I32({5, 3, 1})),
                          Constant(I64({2, 2}))};
  const Array b = I32({{3, 4}, {2, 2}});
  EXPECT_TRUE(ArraysEqual(session_.Run(sets::Size(a)), I32({2, 1})));
  EXPECT_TRUE(ArraysEqual(session_.Run(sets::Intersection(a, b).values), I32({3})));
  EXPECT_TRUE(ArraysEqual(session_.Run(sets::Difference(a, b).values), I32({5, 1})));
  EXPECT_TRUE(ArraysEqual(session_.Run(sets::Difference(b, a).values), I32({4, 2})));
  EXPECT_TRUE(ArraysEqual(session_.Run(sets::Union(b, a).values), I32({3, 4, 5, 1, 2})));
}

}  // namespace
}  // namespace weft
