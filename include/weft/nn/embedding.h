// SPDX-License-Identifier: Apache-2.0
// Rows of tables by number: tf.nn.embedding_lookup and embedding_lookup_sparse.
//
//   wf::Variable table(wf::RandomUniform({10000, 64}, {.minval = -1, .maxval = 1}));
//   Tensor words = wf::nn::EmbeddingLookup({table}, ids);                // ids' shape + [64]
//   Tensor bags = wf::nn::EmbeddingLookupSparse({table}, sparse_ids);    // a row for each row
//
// A table may come in parts. With "mod" row r is in part r % n; with "div" parts hold neighbouring
// rows, the first ones one more if the number of rows is no multiple of n. An id that is out of
// range fails when it runs. Gradients flow to the tables, as IndexedSlices.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "weft/graph/input.h"
#include "weft/graph/sparse_tensor.h"

namespace weft::nn {

enum class PartitionStrategy { kMod, kDiv };
enum class Combiner { kSum, kMean, kSqrtN };

struct EmbeddingOptions {
  PartitionStrategy partition_strategy = PartitionStrategy::kMod;
  std::optional<float> max_norm = {};  // longer rows are shortened to it
  std::string name = {};
};

// `ids`: int32 or int64, of any shape. InvalidArgumentError if there are no parts.
Tensor EmbeddingLookup(const std::vector<Input>& params, const Input& ids,
                       const EmbeddingOptions& options = {});

struct EmbeddingSparseOptions {
  PartitionStrategy partition_strategy = PartitionStrategy::kMod;
  std::optional<SparseTensor> weights = {};  // with the indices of the ids; none: all are 1
  Combiner combiner = Combiner::kMean;
  std::optional<float> max_norm = {};
  std::string name = {};
};
// For each row of ids the sum of their embeddings times their weights; for kMean divided by the sum
// of the weights, for kSqrtN by the root of the sum of their squares. Rows must have an id each,
// but for those behind the last that has.
Tensor EmbeddingLookupSparse(const std::vector<Input>& params, const SparseTensor& ids,
                             const EmbeddingSparseOptions& options = {});

}  // namespace weft::nn
