// SPDX-License-Identifier: Apache-2.0
// Losses over many classes that are computed from the true ones and a sample of the others.
//
//   auto loss = wf::ReduceMean(wf::nn::NceLoss(weights, biases, labels, hidden,
//                                              {.num_sampled = 64, .num_classes = vocabulary}));
//
// weights [classes, dim] and biases [classes] may be variables; labels int64 [batch, num_true];
// inputs [batch, dim]. Floating dtypes; gradients flow to inputs, weights and biases (those of
// weights and biases as slices). The full losses, for evaluation, are
// SigmoidCrossEntropyWithLogits and SoftmaxCrossEntropyWithLogits of inputs weights^T + biases.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "weft/graph/input.h"
#include "weft/graph/tensor.h"
#include "weft/ops/candidate_sampling.h"

namespace weft::nn {

struct SampledLossOptions {
  int64_t num_sampled = 1;
  int64_t num_classes = 1;
  int64_t num_true = 1;
  // Unset: of LogUniformCandidateSampler, without repetitions.
  std::optional<CandidateSamples> sampled_values = {};
  // Whether true classes are taken out of the sample. Unset: not for NceLoss, for
  // SampledSoftmaxLoss yes.
  std::optional<bool> remove_accidental_hits = {};
  std::optional<int64_t> seed = {};
  std::string name = {};
};
// Noise contrastive estimation (Gutmann and Hyvarinen, AISTATS 2010): the sum of the logistic
// losses of true (1) and sampled (0) classes, each logit less log of its expected count; [batch].
Tensor NceLoss(const Input& weights, const Input& biases, const Input& labels, const Input& inputs,
               const SampledLossOptions& options);
// Softmax cross entropy over the true and the sampled classes (Jean et al., ACL 2015); [batch].
Tensor SampledSoftmaxLoss(const Input& weights, const Input& biases, const Input& labels,
                          const Input& inputs, const SampledLossOptions& options);

}  // namespace weft::nn
