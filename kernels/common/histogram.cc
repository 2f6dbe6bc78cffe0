// SPDX-License-Identifier: Apache-2.0
#include "kernels/common/histogram.h"

#include <algorithm>

namespace weft {

const std::vector<double>& Histogram::Limits() {
  static const std::vector<double>* const limits = [] {
    auto* all = new std::vector<double>();
    // The limits are what repeated multiplication gives; 1e-12 * pow(1.1, i) rounds differently.
    for (double v = 1.0e-12; v < 1.0e20; v *= 1.1) all->push_back(v);
    all->push_back(std::numeric_limits<double>::max());
    std::vector<double> negative(all->rbegin(), all->rend());
    for (double& v : negative) v = -v;
    negative.push_back(0.0);
    all->insert(all->begin(), negative.begin(), negative.end());
    return all;
  }();
  return *limits;
}

void Histogram::Add(double value) {
  const std::vector<double>& limits = Limits();
  const auto bucket = std::upper_bound(limits.begin(), limits.end(), value);
  // The largest double itself has no limit above it.
  counts_[static_cast<size_t>(std::min(bucket, limits.end() - 1) - limits.begin())] += 1;
  min_ = std::min(min_, value);
  max_ = std::max(max_, value);
  num_ += 1;
  sum_ += value;
  sum_squares_ += value * value;
}

}  // namespace weft
