// SPDX-License-Identifier: Apache-2.0
// Candidate samplers: classes drawn from a ClassSampler, with how often each is expected.
#include <cfloat>
#include <cmath>
#include <limits>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "kernels/cpu/class_sampler.h"
#include "kernels/cpu/random_source.h"
#include "src/core/strings.h"
#include "weft/runtime/kernel.h"

namespace weft {
namespace {

constexpr int64_t kMaxInt32 = std::numeric_limits<int32_t>::max();
// So many words are set aside for each class; who draws more often meets the next run's words.
constexpr uint64_t kReservedWordsPerClass = 2048;

// How often a class of this probability is expected in a batch. For classes without repetition that
// took `tries` draws: 1 - (1 - p)^tries, as if that number of draws were fixed.
float ExpectedCount(float p, int64_t batch, int64_t tries) {
  if (tries == batch) return p * static_cast<float>(batch);
  return -std::expm1(static_cast<float>(tries) * std::log1p(-p));
}

class SamplerKernel : public Kernel {
 public:
  explicit SamplerKernel(KernelConstruction& c)
      : num_true_(c.Attr<int64_t>("num_true")),
        num_sampled_(c.Attr<int64_t>("num_sampled")),
        unique_(c.Attr<bool>("unique")),
        state_(c) {
    for (const auto& [name, value] :
         {std::pair("num_true", num_true_), {"num_sampled", num_sampled_}}) {
      if (value < 1 || value > kMaxInt32)
        c.Fail(absl::InvalidArgumentError(
            StrCat("attribute '", name, "' must be in [1, ", kMaxInt32, "], is ", value)));
    }
  }

  absl::Status Compute(KernelContext& ctx) final {
    WEFT_RETURN_IF_ERROR(CheckTrueClasses(ctx));
    const Array& true_classes = ctx.input(0);
    WEFT_ASSIGN_OR_RETURN(Array * sampled, ctx.AllocateOutput(0, Shape({num_sampled_})));
    WEFT_ASSIGN_OR_RETURN(Array * true_counts, ctx.AllocateOutput(1, true_classes.shape()));
    WEFT_ASSIGN_OR_RETURN(Array * sampled_counts, ctx.AllocateOutput(2, Shape({num_sampled_})));
    // Samplers that learn must not be read and changed at once; the rest is cheap enough.
    std::lock_guard lock(mu_);
    WEFT_ASSIGN_OR_RETURN(const int64_t tries, Draw(ctx, sampled->mutable_data<int64_t>()));
    const auto count = [&](const Array& classes, Array* counts) {
      const int64_t* in = classes.data<int64_t>();
      float* out = counts->mutable_data<float>();
      for (int64_t i = 0; i < classes.num_elements(); ++i) out[i] = Expected(in[i], tries);
    };
    count(true_classes, true_counts);
    count(*sampled, sampled_counts);
    sampler_->Update(true_classes.values<int64_t>());
    return absl::OkStatus();
  }

 protected:
  void set_sampler(KernelConstruction& c, absl::StatusOr<std::unique_ptr<ClassSampler>> sampler) {
    if (sampler.ok())
      sampler_ = *std::move(sampler);
    else
      c.Fail(sampler.status());
  }
  int64_t num_sampled() const { return num_sampled_; }

 private:
  absl::Status CheckTrueClasses(KernelContext& ctx) const {
    const Array& classes = ctx.input(0);
    if (classes.rank() != 2)
      return ctx.InvalidArgument(
          StrCat("true_classes must be a matrix, got shape ", classes.shape().ToString()));
    if (classes.dim(1) != num_true_)
      return ctx.InvalidArgument(StrCat("true_classes must have num_true columns, expected: ",
                                        num_true_, " was: ", classes.dim(1)));
    const int64_t range = sampler_->range();
    if (unique_ && num_sampled_ > range)
      return ctx.InvalidArgument(
          StrCat("Sampler's range is too small: ", num_sampled_, " different classes of ", range));
    if (unique_ && num_sampled_ > sampler_->num_possible())
      return ctx.InvalidArgument(StrCat("Sampler's range is too small: ", num_sampled_,
                                        " different classes of ", sampler_->num_possible(),
                                        " whose weight isn't 0"));
    for (const int64_t c : classes.values<int64_t>()) {
      if (c < 0 || c >= range)
        return ctx.InvalidArgument(
            StrCat("`true_candidate` out of range [0, ", range, "), received ", c));
    }
    return absl::OkStatus();
  }

  virtual float Expected(int64_t value, int64_t tries) const {
    return ExpectedCount(sampler_->Probability(value), num_sampled_, tries);
  }

  // Returns how many draws it took.
  virtual absl::StatusOr<int64_t> Draw(KernelContext& ctx, int64_t* out) {
    Words words(state_.ReserveWords(kReservedWordsPerClass * static_cast<uint64_t>(num_sampled_)));
    if (!unique_) {
      for (int64_t i = 0; i < num_sampled_; ++i) out[i] = sampler_->Sample(words);
      return num_sampled_;
    }
    std::unordered_set<int64_t> used(static_cast<size_t>(num_sampled_));
    int64_t tries = 0;
    for (int64_t found = 0; found < num_sampled_;) {
      if (++tries == kMaxInt32)
        return ctx.Error(
            absl::StatusCode::kResourceExhausted,
            StrCat("found ", found, " of ", num_sampled_, " different classes in 2^31 - 1 draws"));
      const int64_t value = sampler_->Sample(words);
      if (used.insert(value).second) out[found++] = value;
    }
    return tries;
  }

  int64_t num_true_, num_sampled_;
  bool unique_;
  PhiloxState state_;
  std::mutex mu_;
  std::unique_ptr<ClassSampler> sampler_;
};

template <typename S>
class RangeSamplerKernel final : public SamplerKernel {
 public:
  explicit RangeSamplerKernel(KernelConstruction& c) : SamplerKernel(c) {
    const int64_t range = c.Attr<int64_t>("range_max");
    if (range <= 0) {
      c.Fail(absl::InvalidArgumentError(StrCat("range_max must be positive, is ", range)));
    } else if constexpr (std::is_same_v<S, LearnedSampler>) {
      set_sampler(c, S::Make(range));
    } else {
      set_sampler(c, std::make_unique<S>(range));
    }
  }
};

class AllSamplerKernel final : public SamplerKernel {
 public:
  explicit AllSamplerKernel(KernelConstruction& c) : SamplerKernel(c) {
    if (c.status().ok()) set_sampler(c, std::make_unique<UniformSampler>(num_sampled()));
  }

 private:
  float Expected(int64_t, int64_t) const override { return 1; }
  absl::StatusOr<int64_t> Draw(KernelContext&, int64_t* out) override {
    for (int64_t i = 0; i < num_sampled(); ++i) out[i] = i;
    return num_sampled();
  }
};

// The weights of one shard: 0 for reserved classes, then those of the file or the list.
absl::StatusOr<std::unique_ptr<ClassSampler>> FixedSampler(KernelConstruction& c) {
  const int64_t range = c.Attr<int64_t>("range_max"),
                reserved = c.Attr<int64_t>("num_reserved_ids"),
                shards = c.Attr<int64_t>("num_shards"), shard = c.Attr<int64_t>("shard");
  const auto vocab_file = c.Attr<std::string>("vocab_file");
  auto unigrams = c.Attr<std::vector<float>>("unigrams");
  const float distortion = c.Attr<float>("distortion");
  WEFT_RETURN_IF_ERROR(c.status());
  if (vocab_file.empty() && unigrams.empty())
    return absl::InvalidArgumentError("Must provide either vocab_file or unigrams.");
  if (!vocab_file.empty() && !unigrams.empty())
    return absl::InvalidArgumentError("Must only provide one of vocab_file and unigrams.");
  if (shards < 1 || shard < 0)
    return absl::InvalidArgumentError(
        StrCat("num_shards must be at least 1 and shard at least 0, are ", shards, " and ", shard));
  if (!vocab_file.empty()) {
    WEFT_ASSIGN_OR_RETURN(unigrams, WeightsFromVocabulary(vocab_file));
  }
  const int64_t num_reserved = reserved > shard ? (reserved - shard - 1) / shards + 1 : 0;
  if (range > kMaxInt32 || num_reserved > range)
    return absl::InvalidArgumentError(StrCat("range is ", range, "; it must be less than 2^31 and ",
                                             "at least ", num_reserved, ", the reserved classes"));
  std::vector<float> weights(static_cast<size_t>(num_reserved), 0.0f);
  // Numbers go on after the reserved classes of this shard, as TensorFlow has it.
  int64_t id = num_reserved;
  for (size_t i = 0; i < unigrams.size(); ++i, ++id) {
    if (id % shards != shard) continue;
    const float weight = std::pow(unigrams[i], distortion);
    if (!(weight >= 0) || std::isinf(weight))
      return absl::InvalidArgumentError(StrCat("weight ", i, " is ", unigrams[i], " to the power ",
                                               distortion, ": neither positive nor 0"));
    weights.push_back(weight);
  }
  if (static_cast<int64_t>(weights.size()) != range)
    return absl::InvalidArgumentError(
        StrCat("range is ", range, " must be equal to weights size  ", weights.size()));
  return std::make_unique<WeightedSampler>(std::move(weights));
}

class FixedSamplerKernel final : public SamplerKernel {
 public:
  explicit FixedSamplerKernel(KernelConstruction& c) : SamplerKernel(c) {
    set_sampler(c, FixedSampler(c));
  }
};

class AccidentalHitsKernel final : public Kernel {
 public:
  explicit AccidentalHitsKernel(KernelConstruction& c) : num_true_(c.Attr<int64_t>("num_true")) {}

  absl::Status Compute(KernelContext& ctx) override {
    const Array &true_classes = ctx.input(0), &sampled = ctx.input(1);
    if (true_classes.rank() != 2 || true_classes.dim(1) != num_true_)
      return ctx.InvalidArgument(
          StrCat("true_candidates must be a batch_size * num_true matrix, got shape ",
                 true_classes.shape().ToString(), " with num_true ", num_true_));
    if (sampled.rank() != 1)
      return ctx.InvalidArgument(
          StrCat("sampled_candidates must be a vector, which is typically an output from "
                 "CandidateSampler, got shape ",
                 sampled.shape().ToString()));
    // Of a class that was sampled twice, the last position.
    std::unordered_map<int64_t, int64_t> positions(static_cast<size_t>(sampled.num_elements()));
    for (int64_t i = 0; i < sampled.num_elements(); ++i) positions[sampled.data<int64_t>()[i]] = i;
    std::vector<std::pair<int64_t, int64_t>> hits;
    for (int64_t i = 0; i < true_classes.num_elements(); ++i) {
      const auto found = positions.find(true_classes.data<int64_t>()[i]);
      if (found != positions.end()) hits.emplace_back(i / num_true_, found->second);
    }
    return SetOutputs(ctx, hits);
  }

 private:
  static absl::Status SetOutputs(KernelContext& ctx,
                                 const std::vector<std::pair<int64_t, int64_t>>& hits) {
    const Shape shape({static_cast<int64_t>(hits.size())});
    WEFT_ASSIGN_OR_RETURN(Array * indices, ctx.AllocateOutput(0, shape));
    WEFT_ASSIGN_OR_RETURN(Array * ids, ctx.AllocateOutput(1, shape));
    WEFT_ASSIGN_OR_RETURN(Array * weights, ctx.AllocateOutput(2, shape));
    for (size_t i = 0; i < hits.size(); ++i) {
      indices->mutable_data<int32_t>()[i] = static_cast<int32_t>(hits[i].first);
      ids->mutable_data<int64_t>()[i] = hits[i].second;
      weights->mutable_data<float>()[i] = -FLT_MAX;
    }
    return absl::OkStatus();
  }

  int64_t num_true_;
};

}  // namespace

void RegisterCandidateSamplingKernels(KernelRegistry& k) {
  k.Add<RangeSamplerKernel<UniformSampler>>("UniformCandidateSampler", kCpu, {});
  k.Add<RangeSamplerKernel<LogUniformSampler>>("LogUniformCandidateSampler", kCpu, {});
  k.Add<RangeSamplerKernel<LearnedSampler>>("LearnedUnigramCandidateSampler", kCpu, {});
  k.Add<RangeSamplerKernel<LearnedSampler>>("ThreadUnsafeUnigramCandidateSampler", kCpu, {});
  k.Add<FixedSamplerKernel>("FixedUnigramCandidateSampler", kCpu, {});
  k.Add<AllSamplerKernel>("AllCandidateSampler", kCpu, {});
  k.Add<AccidentalHitsKernel>("ComputeAccidentalHits", kCpu, {});
}

}  // namespace weft
