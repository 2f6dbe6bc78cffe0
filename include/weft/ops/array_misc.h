// SPDX-License-Identifier: Apache-2.0
// Sets of values, places of values, and search in sorted values.
//
//   auto [words, ids] = wf::Unique(tokens);                 // distinct tokens, and which each one
//   is auto rows = wf::WhereIndices(wf::Greater(scores, 0.5f));
//
// Floating values are compared as numbers: NaN differs from everything, also from NaN.
#pragma once

#include <string>
#include <vector>

#include "weft/graph/input.h"
#include "weft/graph/tensor.h"

namespace weft {

struct UniqueOptions {
  DataType out_idx = kInt32;  // or kInt64
  std::string name = {};
};
struct UniqueResult {
  Tensor y;
  Tensor idx;
};
struct UniqueCountsResult {
  Tensor y;
  Tensor idx;
  Tensor count;
};
// The distinct elements y of a vector, in the order of their first occurrence: x[i] = y[idx[i]].
UniqueResult Unique(const Input& x, const UniqueOptions& options = {});
// ... and how often each occurs.
UniqueCountsResult UniqueWithCounts(const Input& x, const UniqueOptions& options = {});

struct ListDiffResult {
  Tensor out;
  Tensor idx;
};
// The elements of vector x that don't occur in vector y, with repetitions, and their places in x.
ListDiffResult SetDiff1d(const Input& x, const Input& y, const UniqueOptions& options = {});

// The indices of the elements that are true (or not 0), in row-major order: int64 [n, rank].
// tf.where(condition).
Tensor WhereIndices(const Input& condition, const NameOptions& options = {});

enum class SearchSide { kLeft, kRight };
struct SearchSortedOptions {
  SearchSide side = SearchSide::kLeft;
  DataType out_type = kInt32;  // or kInt64
  std::string name = {};
};
// For each of `values` [..., m], where it belongs in its row of the ascending `sorted_sequence`
// [..., n]: the number of elements below it (kLeft), or not above it (kRight). tf.searchsorted.
Tensor SearchSorted(const Input& sorted_sequence, const Input& values,
                    const SearchSortedOptions& options = {});

// The number of `boundaries` (ascending) that are not above each element: int32, shape of input.
Tensor Bucketize(const Input& input, const std::vector<float>& boundaries,
                 const NameOptions& options = {});

// Row-major indices into an array of sizes `dims` as tuples: [rank, n] for n indices, [rank] for a
// scalar one.
Tensor UnravelIndex(const Input& indices, const Input& dims, const NameOptions& options = {});

// A sparse tensor as its parts: int64 indices [n, rank] in row-major order, values [n], int64 shape
// [rank].
struct SparseParts {
  Input indices;
  Input values;
  Input dense_shape;
};
struct EditDistanceOptions {
  bool normalize = true;  // divide by the length of the truth
  std::string name = {};
};
// The Levenshtein distance of the sequences along the last dimension of two sparse tensors:
// float32, with the shape of the other dimensions. Infinite where the truth alone is empty and
// `normalize` is set.
Tensor EditDistance(const SparseParts& hypothesis, const SparseParts& truth,
                    const EditDistanceOptions& options = {});

}  // namespace weft
