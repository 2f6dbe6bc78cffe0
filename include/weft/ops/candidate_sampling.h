// SPDX-License-Identifier: Apache-2.0
// Samples of classes that stand for all of them in a loss over many classes, as in sampled softmax.
//
//   auto sampled = wf::nn::LogUniformCandidateSampler(labels, {.num_true = 1, .num_sampled = 64,
//                                                              .unique = true,
//                                                              .range_max = vocabulary});
//   auto w = wf::Gather(weights, sampled.sampled_candidates);
//
// true_classes is int64 [batch, num_true] with values in [0, range_max). How often each class is
// expected in a sample corrects the logits of the loss. No gradients. Seeds: see
// weft/ops/random.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "weft/graph/input.h"

namespace weft::nn {

struct CandidateSamples {
  Tensor sampled_candidates;      // int64 [num_sampled]
  Tensor true_expected_count;     // float32 [batch, num_true]
  Tensor sampled_expected_count;  // float32 [num_sampled]
};

struct CandidateSamplerOptions {
  int64_t num_true = 1;
  int64_t num_sampled = 1;
  bool unique = true;  // no class twice; then num_sampled is at most range_max
  int64_t range_max = 1;
  std::optional<int64_t> seed = {};
  std::string name = {};
};
// All classes alike.
CandidateSamples UniformCandidateSampler(const Input& true_classes,
                                         const CandidateSamplerOptions& options);
// P(c) = log((c + 2) / (c + 1)) / log(range_max + 1): for classes in the order of falling
// frequency.
CandidateSamples LogUniformCandidateSampler(const Input& true_classes,
                                            const CandidateSamplerOptions& options);
// As often as a class was among true_classes in this session, and once more each.
CandidateSamples LearnedUnigramCandidateSampler(const Input& true_classes,
                                                const CandidateSamplerOptions& options);

struct FixedUnigramOptions {
  int64_t num_true = 1;
  int64_t num_sampled = 1;
  bool unique = true;
  int64_t range_max = 1;
  // One of these gives the weights: a file whose lines end with a number after a comma, or a list.
  std::string vocab_file = {};
  std::vector<float> unigrams = {};
  float distortion = 1.0f;       // weights are raised to this power
  int64_t num_reserved_ids = 0;  // classes of weight 0 before the first given one
  int64_t num_shards = 1;        // only classes c with c % num_shards == shard are used
  int64_t shard = 0;
  std::optional<int64_t> seed = {};
  std::string name = {};
};
CandidateSamples FixedUnigramCandidateSampler(const Input& true_classes,
                                              const FixedUnigramOptions& options);

struct AllCandidatesOptions {
  int64_t num_true = 1;
  int64_t num_sampled = 1;  // the number of classes
  bool unique = true;       // ignored
  std::optional<int64_t> seed = {};
  std::string name = {};
};
// All classes [0, num_sampled), each expected once: to compare with.
CandidateSamples AllCandidateSampler(const Input& true_classes,
                                     const AllCandidatesOptions& options);

struct AccidentalHits {
  Tensor indices;  // int32: the row of true_classes
  Tensor ids;      // int64: the position in sampled_candidates
  Tensor weights;  // float32: -FLT_MAX, to be added to the logit there
};
struct AccidentalHitsOptions {
  int64_t num_true = 1;
  std::optional<int64_t> seed = {};
  std::string name = {};
};
// Where a class of true_classes was sampled as if it were another one.
AccidentalHits ComputeAccidentalHits(const Input& true_classes, const Input& sampled_candidates,
                                     const AccidentalHitsOptions& options = {});

}  // namespace weft::nn
