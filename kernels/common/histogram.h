// SPDX-License-Identifier: Apache-2.0
// Histograms with TensorFlow's default buckets: limits that grow by 10 % from 1e-12 to 1e20, the
// same below zero, and zero itself; each bucket is [previous limit, limit).
#pragma once

#include <cstddef>
#include <limits>
#include <vector>

namespace weft {

class Histogram {
 public:
  Histogram() : counts_(Limits().size(), 0) {}

  // NaN is not counted anywhere: callers refuse it.
  void Add(double value);

  // Calls f(limit, count) for the buckets in order; a run of empty buckets is one.
  template <typename F>
  void ForEachBucket(F&& f) const {
    const std::vector<double>& limits = Limits();
    for (size_t i = 0; i < counts_.size();) {
      double limit = limits[i], count = counts_[i];
      for (++i; count <= 0 && i < counts_.size() && counts_[i] <= 0; ++i) limit = limits[i];
      f(limit, count);
    }
  }

  // Of no values: the largest double, and its negative.
  double min() const { return min_; }
  double max() const { return max_; }
  double num() const { return num_; }
  double sum() const { return sum_; }
  double sum_squares() const { return sum_squares_; }

 private:
  static const std::vector<double>& Limits();

  std::vector<double> counts_;
  double min_ = std::numeric_limits<double>::max(), max_ = -std::numeric_limits<double>::max();
  double num_ = 0, sum_ = 0, sum_squares_ = 0;
};

}  // namespace weft
