// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/class_sampler.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <fstream>
#include <limits>
#include <utility>

#include "src/core/strings.h"

namespace weft {

absl::StatusOr<std::unique_ptr<ClassSampler>> LearnedSampler::Make(int64_t range) {
  constexpr int64_t kMax = std::numeric_limits<int32_t>::max();
  if (range >= kMax)
    return absl::InvalidArgumentError(
        StrCat("range_max must be less than ", kMax, " for unigram samplers, got ", range));
  auto sampler = std::unique_ptr<LearnedSampler>(new LearnedSampler(range));
  sampler->depth_ = std::bit_width(static_cast<uint64_t>(range - 1));
  const size_t nodes = (size_t{2} << sampler->depth_) - 1;
  sampler->added_.reset(static_cast<int32_t*>(std::calloc(nodes, sizeof(int32_t))));
  if (!sampler->added_)
    return absl::ResourceExhaustedError(StrCat("no memory for the counts of ", range, " classes"));
  return sampler;
}

int32_t LearnedSampler::Sum(int level, int64_t index) const {
  const int64_t leaves = int64_t{1} << (depth_ - level);
  const int64_t ones = std::clamp<int64_t>(range() - index * leaves, 0, leaves);
  return static_cast<int32_t>(ones) + added_.get()[(int64_t{1} << level) - 1 + index];
}

int64_t LearnedSampler::Sample(Words& words) const {
  auto position = static_cast<int32_t>(words.Below(static_cast<uint32_t>(total())));
  int64_t index = 0;
  for (int level = 1; level <= depth_; ++level) {
    index *= 2;
    const int32_t left = Sum(level, index);
    if (position < left) continue;
    position -= left;
    ++index;
  }
  return index;
}

float LearnedSampler::Probability(int64_t value) const {
  return static_cast<float>(Sum(depth_, value)) / static_cast<float>(total());
}

void LearnedSampler::Update(std::span<const int64_t> values) {
  const auto room = static_cast<size_t>(std::numeric_limits<int32_t>::max() - total());
  for (const int64_t value : values.first(std::min(values.size(), room))) {
    for (int level = 0; level <= depth_; ++level)
      ++added_.get()[(int64_t{1} << level) - 1 + (value >> (depth_ - level))];
  }
}

WeightedSampler::WeightedSampler(std::vector<float> weights)
    : ClassSampler(static_cast<int64_t>(weights.size())),
      weights_(std::move(weights)),
      columns_(weights_.size()) {
  double sum = 0;
  for (const float w : weights_) {
    sum += w;
    total_ += w;
    num_possible_ += w > 0;
  }
  const size_t n = weights_.size();
  std::vector<double> heights(n);
  std::vector<size_t> low, high;
  for (size_t i = 0; i < n; ++i) {
    heights[i] = weights_[i] * static_cast<float>(n) / sum;
    (heights[i] < 1.0 ? low : high).push_back(i);
  }
  // A low column is filled up with a part of a high one.
  while (!high.empty() && !low.empty()) {
    const size_t l = low.back(), h = high.back();
    low.pop_back();
    high.pop_back();
    columns_[l].above = static_cast<int32_t>(h);
    heights[h] -= 1.0 - heights[l];
    (heights[h] < 1.0 ? low : high).push_back(h);
  }
  for (size_t i = 0; i < n; ++i) columns_[i].height = static_cast<float>(heights[i]);
  // What is left is full but for rounding.
  for (const auto* rest : {&high, &low}) {
    for (const size_t i : *rest) columns_[i] = {1.0f, static_cast<int32_t>(i)};
  }
}

int64_t WeightedSampler::Sample(Words& words) const {
  const float height = words.Float();
  const uint32_t i = words.Below(static_cast<uint32_t>(columns_.size()));
  return height < columns_[i].height ? static_cast<int64_t>(i) : columns_[i].above;
}

absl::StatusOr<std::vector<float>> WeightsFromVocabulary(const std::string& path) {
  std::ifstream file(path);
  if (!file) {
    const bool missing = errno == ENOENT;
    const std::string text = StrCat("can't read vocab_file '", path, "'");
    return missing ? absl::NotFoundError(text) : absl::PermissionDeniedError(text);
  }
  std::vector<float> weights;
  for (std::string line; std::getline(file, line);) {
    const std::string last(StripSpace(std::string_view(line).substr(line.rfind(',') + 1)));
    char* end = nullptr;
    const float weight = std::strtof(last.c_str(), &end);
    if (last.empty() || *end != '\0')
      return absl::InvalidArgumentError(StrCat("Wrong vocabulary format at line: ", line));
    weights.push_back(weight);
  }
  if (file.bad()) return absl::DataLossError(StrCat("vocab_file '", path, "' broke off"));
  return weights;
}

}  // namespace weft
