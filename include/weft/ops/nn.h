// SPDX-License-Identifier: Apache-2.0
// Layers' arithmetic: biases, softmax and cross entropies, normalisation, dropout, ranking.
//
//   auto loss = wf::ReduceMean(wf::nn::SparseSoftmaxCrossEntropyWithLogits(labels, logits));
//   auto [mean, variance] = wf::nn::Moments(x, {0});
//   auto y = wf::nn::BatchNormalization(x, mean, variance, offset, scale, 1e-3f);
//
// Each function adds nodes, with TensorFlow's names, and returns the last one's output; nothing is
// computed before Session::Run. Floating dtypes; all are differentiable. half and bfloat16 are
// computed in float where TensorFlow does. A mistake in dtypes or static shapes is an
// InvalidArgumentError.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "weft/graph/input.h"
#include "weft/graph/tensor.h"
#include "weft/ops/int_list.h"
#include "weft/ops/reduction.h"

namespace weft::nn {

// value + bias along the last dimension (NHWC) or the third one from the end (NCHW).
struct BiasAddOptions {
  std::string data_format = "NHWC";
  std::string name = {};
};
Tensor BiasAdd(const Input& value, const Input& bias, const BiasAddOptions& options = {});
// x w + b, and its ReLU: x [batch, in], weights [in, out], biases [out].
Tensor XwPlusB(const Input& x, const Input& weights, const Input& biases,
               const NameOptions& options = {});
Tensor ReluLayer(const Input& x, const Input& weights, const Input& biases,
                 const NameOptions& options = {});

struct SoftmaxOptions {
  int axis = -1;  // of the classes; any but the last needs a known rank
  std::string name = {};
};
// exp(x) / sum(exp(x)) and its logarithm over an axis.
Tensor Softmax(const Input& logits, const SoftmaxOptions& options = {});
Tensor LogSoftmax(const Input& logits, const SoftmaxOptions& options = {});

// One loss for each row, -sum(labels log softmax(logits)) over the classes. `labels` has the shape
// of logits: a distribution in each row. Gradients flow to the logits; those of V2 to the labels
// too.
Tensor SoftmaxCrossEntropyWithLogits(const Input& labels, const Input& logits,
                                     const SoftmaxOptions& options = {});
Tensor SoftmaxCrossEntropyWithLogitsV2(const Input& labels, const Input& logits,
                                       const SoftmaxOptions& options = {});
// The same where `labels` are class numbers (int32, int64), of the shape of logits without the
// last dimension. A label outside [0, classes) fails when it runs.
Tensor SparseSoftmaxCrossEntropyWithLogits(const Input& labels, const Input& logits,
                                           const NameOptions& options = {});
// -z log s - (1 - z) log(1 - s), s = sigmoid(logits), z = labels, element by element and without
// overflow. Weighted: the first term times pos_weight.
Tensor SigmoidCrossEntropyWithLogits(const Input& labels, const Input& logits,
                                     const NameOptions& options = {});
Tensor WeightedCrossEntropyWithLogits(const Input& labels, const Input& logits,
                                      const Input& pos_weight, const NameOptions& options = {});
// The negative log likelihood of counts z under Poisson distributions of rate e^x: e^x - x z,
// and with compute_full_loss Stirling's approximation of log z!.
struct LogPoissonLossOptions {
  bool compute_full_loss = false;
  std::string name = {};
};
Tensor LogPoissonLoss(const Input& targets, const Input& log_input,
                      const LogPoissonLossOptions& options = {});

// sum(t^2) / 2.
Tensor L2Loss(const Input& t, const NameOptions& options = {});
// x / sqrt(max(sum |x|^2, epsilon)) over axes. Complex dtypes too.
struct L2NormalizeOptions {
  double epsilon = 1e-12;
  std::string name = {};
};
Tensor L2Normalize(const Input& x, const Axes& axis, const L2NormalizeOptions& options = {});
// The part of the elements that are 0, as a float. Numbers. Not differentiable.
Tensor ZeroFraction(const Input& value, const NameOptions& options = {});

struct MomentsOptions {
  bool keep_dims = false;
  std::string name = {};
};
struct MomentsResult {
  Tensor mean;
  Tensor variance;
};
// Mean and (biased) variance over axes; weighted: sums of w x and w (x - mean)^2 over the sum of
// w, which broadcasts to x.
MomentsResult Moments(const Input& x, const IntList& axes, const MomentsOptions& options = {});
MomentsResult WeightedMoments(const Input& x, const IntList& axes, const Input& frequency_weights,
                              const MomentsOptions& options = {});
// From counts, sums of (x - shift) and of (x - shift)^2; an invalid shift (Tensor()) is 0.
MomentsResult NormalizeMoments(const Input& counts, const Input& mean_ss, const Input& variance_ss,
                               const Input& shift = Tensor(), const NameOptions& options = {});

// scale (x - mean) / sqrt(variance + epsilon) + offset. An invalid offset or scale (Tensor()) is
// left out.
Tensor BatchNormalization(const Input& x, const Input& mean, const Input& variance,
                          const Input& offset, const Input& scale, const Input& variance_epsilon,
                          const NameOptions& options = {});

struct DropoutOptions {
  // The shape of the random choice, which broadcasts to x; -1: as x. Elements that share one are
  // dropped together. Unset: that of x.
  std::optional<IntList> noise_shape = {};
  std::optional<int64_t> seed = {};
  std::string name = {};
};
// Each element is kept, as x / keep_prob, with probability keep_prob in (0, 1]; the others are 0.
Tensor Dropout(const Input& x, const Input& keep_prob, const DropoutOptions& options = {});

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
