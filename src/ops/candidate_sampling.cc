// SPDX-License-Identifier: Apache-2.0
// Samples of classes that stand for all of them in a loss over many classes.
// kernels: kernels/cpu/candidate_sampling.cc   test: tests/ops/candidate_sampling_test.cc
#include <limits>
#include <string>
#include <utility>

#include "src/core/strings.h"
#include "weft/graph/op_def.h"

namespace weft {
namespace {

absl::Status SamplerShape(ShapeContext& c) {
  const int64_t num_sampled = c.Attr<int64_t>("num_sampled"),
                num_true = c.Attr<int64_t>("num_true");
  WEFT_ASSIGN_OR_RETURN(const PartialShape true_classes, c.InputWithRank(0, 2));
  c.set_output(0, PartialShape({num_sampled}));
  c.set_output(1, PartialShape({true_classes.dim(0), num_true}));
  c.set_output(2, PartialShape({num_sampled}));
  return absl::OkStatus();
}

OpDefBuilder&& Sampler(OpDefBuilder&& op) {
  return std::move(op)
      .Input("true_classes: int64")
      .Output("sampled_candidates: int64")
      .Output("true_expected_count: float")
      .Output("sampled_expected_count: float")
      .Attr("num_true: int >= 1")
      .Attr("num_sampled: int >= 1")
      .Attr("unique: bool")
      .Stateful()
      .Shape(SamplerShape);
}
OpDefBuilder&& Seeds(OpDefBuilder&& op) {
  return std::move(op).Attr("seed: int = 0").Attr("seed2: int = 0");
}
OpDefBuilder&& RangeSampler(OpDefBuilder&& op) {
  return std::move(op).Apply(Sampler).Attr("range_max: int >= 1").Apply(Seeds);
}

absl::Status AccidentalHitsShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(const PartialShape true_classes, c.InputWithRank(0, 2));
  WEFT_RETURN_IF_ERROR(c.MergeDim(true_classes.dim(1), c.Attr<int64_t>("num_true")).status());
  WEFT_RETURN_IF_ERROR(c.InputWithRank(1, 1).status());
  for (int i = 0; i < 3; ++i) c.set_output(i, PartialShape({-1}));
  return absl::OkStatus();
}

}  // namespace

void RegisterCandidateSamplingOps(OpRegistry& ops) {
  ops.Add("UniformCandidateSampler")
      .Summary("Classes distributed evenly over [0, range_max).")
      .Apply(RangeSampler);
  ops.Add("LogUniformCandidateSampler")
      .Summary("Classes with P(c) = log((c + 2) / (c + 1)) / log(range_max + 1).")
      .Apply(RangeSampler);
  ops.Add("LearnedUnigramCandidateSampler")
      .Summary("Classes as often as they were true classes before, and once more each.")
      .Apply(RangeSampler);
  ops.Add("ThreadUnsafeUnigramCandidateSampler")
      .Summary("LearnedUnigramCandidateSampler (here as safe as that).")
      .Apply(RangeSampler);
  ops.Add("FixedUnigramCandidateSampler")
      .Summary("Classes by weights from a file or a list, raised to the power `distortion`.")
      .Apply(Sampler)
      .Attr("range_max: int >= 1")
      .Attr("vocab_file: string = ''")
      .Attr("distortion: float = 1.0")
      .Attr("num_reserved_ids: int = 0")
      .Attr("num_shards: int >= 1 = 1")
      .Attr("shard: int >= 0 = 0")
      .Attr("unigrams: list(float) = []")
      .Apply(Seeds);
  ops.Add("AllCandidateSampler")
      .Summary("All classes [0, num_sampled), each expected once.")
      .Apply(Sampler)
      .Apply(Seeds);
  ops.Add("ComputeAccidentalHits")
      .Summary("Where true classes were sampled: row, position among the samples, -FLT_MAX.")
      .Input("true_classes: int64")
      .Input("sampled_candidates: int64")
      .Output("indices: int32")
      .Output("ids: int64")
      .Output("weights: float")
      .Attr("num_true: int")
      .Apply(Seeds)
      .Shape(AccidentalHitsShape);
}

}  // namespace weft
