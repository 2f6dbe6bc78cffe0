// SPDX-License-Identifier: Apache-2.0
#include "src/ops/op_scope.h"
#include "weft/graph/op_builder.h"
#include "weft/ops/candidate_sampling.h"

namespace weft::nn {
namespace {

// The operands and attributes that all samplers have; `options` is one of the option structs.
template <typename Options>
OpBuilder Sampler(const char* op, const Input& true_classes, const Options& o) {
  const SeedPair seeds = GraphOf({&true_classes}).GetSeed(o.seed);
  OpBuilder builder(op, o.name);
  builder.In(true_classes)
      .Attr("num_true", o.num_true)
      .Attr("num_sampled", o.num_sampled)
      .Attr("unique", o.unique)
      .Attr("seed", seeds.seed)
      .Attr("seed2", seeds.seed2);
  return builder;
}

CandidateSamples Samples(const Operation& node) {
  return {node.output(0), node.output(1), node.output(2)};
}

CandidateSamples OfRange(const char* op, const Input& true_classes,
                         const CandidateSamplerOptions& o) {
  return Samples(Sampler(op, true_classes, o).Attr("range_max", o.range_max).Build());
}

}  // namespace

CandidateSamples UniformCandidateSampler(const Input& true_classes,
                                         const CandidateSamplerOptions& options) {
  return OfRange("UniformCandidateSampler", true_classes, options);
}
CandidateSamples LogUniformCandidateSampler(const Input& true_classes,
                                            const CandidateSamplerOptions& options) {
  return OfRange("LogUniformCandidateSampler", true_classes, options);
}
CandidateSamples LearnedUnigramCandidateSampler(const Input& true_classes,
                                                const CandidateSamplerOptions& options) {
  return OfRange("LearnedUnigramCandidateSampler", true_classes, options);
}

CandidateSamples FixedUnigramCandidateSampler(const Input& true_classes,
                                              const FixedUnigramOptions& o) {
  return Samples(Sampler("FixedUnigramCandidateSampler", true_classes, o)
                     .Attr("range_max", o.range_max)
                     .Attr("vocab_file", o.vocab_file)
                     .Attr("distortion", o.distortion)
                     .Attr("num_reserved_ids", o.num_reserved_ids)
                     .Attr("num_shards", o.num_shards)
                     .Attr("shard", o.shard)
                     .Attr("unigrams", o.unigrams)
                     .Build());
}

CandidateSamples AllCandidateSampler(const Input& true_classes,
                                     const AllCandidatesOptions& options) {
  return Samples(Sampler("AllCandidateSampler", true_classes, options).Build());
}

AccidentalHits ComputeAccidentalHits(const Input& true_classes, const Input& sampled_candidates,
                                     const AccidentalHitsOptions& o) {
  const SeedPair seeds = GraphOf({&true_classes, &sampled_candidates}).GetSeed(o.seed);
  const Operation node = OpBuilder("ComputeAccidentalHits", o.name)
                             .In(true_classes)
                             .In(sampled_candidates)
                             .Attr("num_true", o.num_true)
                             .Attr("seed", seeds.seed)
                             .Attr("seed2", seeds.seed2)
                             .Build();
  return {node.output(0), node.output(1), node.output(2)};
}

}  // namespace weft::nn
