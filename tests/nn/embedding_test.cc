// SPDX-License-Identifier: Apache-2.0
#include "weft/nn/embedding.h"

#include "gtest/gtest.h"
#include "tests/support/arrays.h"
#include "weft/core/error.h"
#include "weft/ops/basic.h"
#include "weft/runtime/session.h"

namespace weft {
namespace {

using nn::Combiner;
using nn::EmbeddingLookup;
using nn::EmbeddingLookupSparse;

// The rows 0 to 4 of a table whose row r is [r, 10 r].
Array Whole() { return F32({{0, 0}, {1, 10}, {2, 20}, {3, 30}, {4, 40}}); }

TEST(EmbeddingLookup, PartsByEitherStrategy) {
  Graph graph;
  GraphScope use(graph);
  const Array ids = I64({{4, 0, 3}});
  const Tensor whole = EmbeddingLookup({Input(Whole())}, ids);
  const Tensor mod = EmbeddingLookup(
      {Array(F32({{0, 0}, {2, 20}, {4, 40}})), Array(F32({{1, 10}, {3, 30}}))}, ids);
  const Tensor div =
      EmbeddingLookup({Array(F32({{0, 0}, {1, 10}, {2, 20}})), Array(F32({{3, 30}, {4, 40}}))}, ids,
                      {.partition_strategy = nn::PartitionStrategy::kDiv});
  const Array expected = F32(Shape({1, 3, 2}), {4, 40, 0, 0, 3, 30});
  Session session(graph);
  for (const Tensor& t : {whole, mod, div}) {
    EXPECT_TRUE(ArraysEqual(session.Run(t), expected));
  }
  EXPECT_THROW(EmbeddingLookup({}, ids), InvalidArgumentError);
}

TEST(EmbeddingLookup, MaxNorm) {
  Graph graph;
  GraphScope use(graph);
  const Tensor rows =
      EmbeddingLookup({Array(F32({{3, 4}, {0.3, 0.4}}))}, I32({0, 1}), {.max_norm = 1.0f});
  EXPECT_TRUE(ArraysNear(Session(graph).Run(rows), F32({{0.6, 0.8}, {0.3, 0.4}}), {1e-6, 0}));
}

TEST(EmbeddingLookupSparse, Combiners) {
  Graph graph;
  GraphScope use(graph);
  const auto sparse = [](const Array& values) {
    return SparseTensor{Constant(I64({{0, 0}, {0, 1}, {1, 0}})), Constant(values),
                        Constant(I64({2, 2}))};
  };
  const SparseTensor ids = sparse(I64({1, 3, 1})), weights = sparse(F32({1, 3, 2}));
  const auto lookup = [&](Combiner combiner, bool weighted) {
    nn::EmbeddingSparseOptions options{.combiner = combiner};
    if (weighted) options.weights = weights;
    return EmbeddingLookupSparse({Input(Whole())}, ids, options);
  };
  Session session(graph);
  const auto expect = [&](const Tensor& t, const Array& wanted) {
    EXPECT_TRUE(ArraysNear(session.Run(t), wanted, {1e-6, 0}));
  };
  expect(lookup(Combiner::kSum, false), F32({{4, 40}, {1, 10}}));
  expect(lookup(Combiner::kMean, false), F32({{2, 20}, {1, 10}}));
  expect(lookup(Combiner::kSum, true), F32({{10, 100}, {2, 20}}));
  expect(lookup(Combiner::kMean, true), F32({{2.5, 25}, {1, 10}}));
  expect(lookup(Combiner::kSqrtN, true), F32({{3.1622777, 31.622777}, {1, 10}}));
}

}  // namespace
}  // namespace weft
