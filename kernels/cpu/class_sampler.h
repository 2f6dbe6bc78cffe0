// SPDX-License-Identifier: Apache-2.0
// Distributions over the classes [0, range) that candidate samplers draw from.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "kernels/cpu/random_distributions.h"

namespace weft {

class ClassSampler {
 public:
  explicit ClassSampler(int64_t range) : range_(range) {}
  virtual ~ClassSampler() = default;
  int64_t range() const { return range_; }
  virtual int64_t Sample(Words& words) const = 0;
  virtual float Probability(int64_t value) const = 0;
  // Of how many classes the probability isn't 0.
  virtual int64_t num_possible() const { return range_; }
  // These classes have been seen; needs outside locking.
  virtual void Update(std::span<const int64_t> values) { (void)values; }

 private:
  int64_t range_;
};

class UniformSampler final : public ClassSampler {
 public:
  explicit UniformSampler(int64_t range)
      : ClassSampler(range), probability_(static_cast<float>(1.0 / static_cast<double>(range))) {}
  int64_t Sample(Words& words) const override {
    return static_cast<int64_t>(words.Below64(static_cast<uint64_t>(range())));
  }
  float Probability(int64_t) const override { return probability_; }

 private:
  float probability_;
};

// Zipf's distribution, nearly: floor(exp(u * log(range + 1))) - 1.
class LogUniformSampler final : public ClassSampler {
 public:
  explicit LogUniformSampler(int64_t range)
      : ClassSampler(range), log_range_(std::log1p(static_cast<double>(range))) {}
  int64_t Sample(Words& words) const override {
    const auto value = static_cast<int64_t>(std::exp(words.Double() * log_range_)) - 1;
    return value % range();  // rounding may have reached the end
  }
  float Probability(int64_t value) const override {
    const double v = static_cast<double>(value);
    return static_cast<float>(std::log((v + 2.0) / (v + 1.0)) / log_range_);
  }

 private:
  double log_range_;
};

// A class has the weight 1 and 1 more for each time it was seen. The weights are the leaves of a
// binary tree of sums; it stores only what was added to the ones, in memory that the system gives
// when it is written to, so that a large range costs nothing before it is used.
class LearnedSampler final : public ClassSampler {
 public:
  // InvalidArgument unless range < 2^31 - 1, ResourceExhausted if the tree has no place.
  static absl::StatusOr<std::unique_ptr<ClassSampler>> Make(int64_t range);
  int64_t Sample(Words& words) const override;
  float Probability(int64_t value) const override;
  void Update(std::span<const int64_t> values) override;

 private:
  struct Free {
    void operator()(int32_t* p) const { std::free(p); }
  };
  explicit LearnedSampler(int64_t range) : ClassSampler(range) {}
  // Node `index` of the level that has 2^level nodes.
  int32_t Sum(int level, int64_t index) const;
  int32_t total() const { return Sum(0, 0); }

  int depth_ = 0;                         // leaves are at this level
  std::unique_ptr<int32_t, Free> added_;  // node i of level l at 2^l - 1 + i
};

// Given weights (Walker's alias method: each column holds one class up to its height, another one
// above).
class WeightedSampler final : public ClassSampler {
 public:
  explicit WeightedSampler(std::vector<float> weights);
  int64_t Sample(Words& words) const override;
  float Probability(int64_t value) const override {
    return weights_[static_cast<size_t>(value)] / total_;
  }
  int64_t num_possible() const override { return num_possible_; }

 private:
  struct Column {
    float height = 1;
    int32_t above = 0;
  };
  std::vector<float> weights_;
  float total_ = 0;
  std::vector<Column> columns_;
  int64_t num_possible_ = 0;
};

// The number at the end of each line of a text in CSV format.
absl::StatusOr<std::vector<float>> WeightsFromVocabulary(const std::string& path);

}  // namespace weft
