// SPDX-License-Identifier: Apache-2.0
// Layers' arithmetic: biases, softmax and its cross entropies, ranking.
#pragma once

#include <string>

#include "weft/graph/input.h"
#include "weft/graph/tensor.h"

namespace weft::nn {

// value + bias along the last dimension (NHWC) or the third one from the end (NCHW).
struct BiasAddOptions {
  std::string data_format = "NHWC";
  std::string name = {};
};
Tensor BiasAdd(const Input& value, const Input& bias, const BiasAddOptions& options = {});

// exp(x) / sum(exp(x)) and its logarithm over the last dimension of [batch, classes].
Tensor Softmax(const Input& logits, const NameOptions& options = {});
Tensor LogSoftmax(const Input& logits, const NameOptions& options = {});

// One loss for each row. `labels`: [batch] class numbers (int32 or int64), or [batch, classes]
// distributions. A label outside [0, classes) fails when it runs.
Tensor SparseSoftmaxCrossEntropyWithLogits(const Input& labels, const Input& logits,
                                           const NameOptions& options = {});
Tensor SoftmaxCrossEntropyWithLogits(const Input& labels, const Input& logits,
                                     const NameOptions& options = {});

// sum(t^2) / 2.
Tensor L2Loss(const Input& t, const NameOptions& options = {});

// Whether the target class of each row is among the k greatest predictions.
Tensor InTopK(const Input& predictions, const Input& targets, int64_t k,
              const NameOptions& options = {});

struct TopKResult {
  Tensor values;
  Tensor indices;  // int32
};
struct TopKOptions {
  bool sorted = true;
  std::string name = {};
};
TopKResult TopK(const Input& input, const Input& k = 1, const TopKOptions& options = {});

}  // namespace weft::nn
