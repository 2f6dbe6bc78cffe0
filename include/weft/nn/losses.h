// SPDX-License-Identifier: Apache-2.0
// Losses with weights: tf.losses.
//
//   Tensor loss = wf::losses::SparseSoftmaxCrossEntropy(labels, logits);
//   Tensor other = wf::losses::MeanSquaredError(y, prediction, {.weights = mask});
//   Tensor total = wf::losses::GetTotalLoss();          // with the penalties on weights
//
// Each function makes one loss of each element, or row, multiplies it by the weights, and reduces
// the products to a scalar, which joins a collection. Weights are a scalar, or of the rank of the
// losses with sizes that are theirs or 1; others throw InvalidArgumentError where shapes are known,
// else the run fails with it. Labels and predictions have one shape. Gradients flow to predictions
// and weights.
#pragma once

#include <string>
#include <vector>

#include "weft/graph/graph.h"
#include "weft/graph/input.h"

namespace weft::losses {

enum class Reduction {
  kNone,                 // the weighted losses themselves
  kSum,                  // their sum
  kSumOverBatchSize,     // the sum by the number of losses
  kMean,                 // by the sum of the weights
  kSumByNonzeroWeights,  // by the number of losses whose weight is not 0
};

struct LossOptions {
  Input weights = 1.0f;
  std::string scope = {};
  std::string loss_collection = GraphKeys::kLosses;  // "" for none
  Reduction reduction = Reduction::kSumByNonzeroWeights;
};

// What the other functions end with: losses of any shape and real dtype.
Tensor ComputeWeightedLoss(const Input& losses, const LossOptions& options = {});

// |predictions - labels|.
Tensor AbsoluteDifference(const Input& labels, const Input& predictions,
                          const LossOptions& options = {});
// 1 - sum(labels predictions) along the axis; both should have length 1 along it.
Tensor CosineDistance(const Input& labels, const Input& predictions, int axis,
                      const LossOptions& options = {});
// max(0, 1 - y logits), y = 2 labels - 1 for labels of 0 and 1.
Tensor HingeLoss(const Input& labels, const Input& logits, const LossOptions& options = {});
// d^2 / 2 where d = |predictions - labels| is at most delta, else delta d - delta^2 / 2.
Tensor HuberLoss(const Input& labels, const Input& predictions, float delta = 1.0f,
                 const LossOptions& options = {});
// -labels log(predictions + epsilon) - (1 - labels) log(1 - predictions + epsilon).
Tensor LogLoss(const Input& labels, const Input& predictions, float epsilon = 1e-7f,
               const LossOptions& options = {});
// For each row the mean of ((p_i - p_j) - (l_i - l_j))^2 over pairs of its elements. Weights: a
// scalar or one for each row. The reduction is always by the weights that are not 0.
Tensor MeanPairwiseSquaredError(const Input& labels, const Input& predictions,
                                const LossOptions& options = {});
// (predictions - labels)^2.
Tensor MeanSquaredError(const Input& labels, const Input& predictions,
                        const LossOptions& options = {});

// With label smoothing s, labels move by s towards 1/2, and towards 1/classes. The softmax losses
// are one for each row.
Tensor SigmoidCrossEntropy(const Input& multi_class_labels, const Input& logits,
                           float label_smoothing = 0, const LossOptions& options = {});
Tensor SoftmaxCrossEntropy(const Input& onehot_labels, const Input& logits,
                           float label_smoothing = 0, const LossOptions& options = {});
// `labels` are class numbers. A last dimension of size 1 too much is taken off labels, logits and
// weights.
Tensor SparseSoftmaxCrossEntropy(const Input& labels, const Input& logits,
                                 const LossOptions& options = {});

struct TotalLossOptions {
  bool add_regularization_losses = true;
  std::string scope = {};  // only losses whose names begin with it
  std::string name = "total_loss";
};
// The sum of all losses of the collection. InvalidArgumentError if there are none.
Tensor GetTotalLoss(const TotalLossOptions& options = {});

}  // namespace weft::losses
