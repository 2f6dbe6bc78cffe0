// SPDX-License-Identifier: Apache-2.0
#include "examples/support/mt19937.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <string>

namespace weft::examples {

double RandomState::RandomSample() {
  const double high = Next32() >> 5;  // 27 bits
  const double low = Next32() >> 6;   // 26 bits
  return (high * 0x1p26 + low) / 0x1p53;
}

std::vector<double> RandomState::Rand(int64_t count) {
  std::vector<double> values(count);
  for (double& value : values) value = RandomSample();
  return values;
}

std::vector<double> RandomState::Uniform(double low, double high, int64_t count) {
  std::vector<double> values = Rand(count);
  for (double& value : values) value = low + (high - low) * value;
  return values;
}

double RandomState::Gauss() {
  if (next_gauss_) {
    const double kept = *next_gauss_;
    next_gauss_.reset();
    return kept;
  }
  double x, y, square;
  do {  // a point of the unit disk without its centre
    x = 2.0 * RandomSample() - 1.0;
    y = 2.0 * RandomSample() - 1.0;
    square = x * x + y * y;
  } while (square >= 1.0 || square == 0.0);
  const double scale = std::sqrt(-2.0 * std::log(square) / square);
  next_gauss_ = scale * x;
  return scale * y;
}

std::vector<double> RandomState::Randn(int64_t count) {
  std::vector<double> values(count);
  for (double& value : values) value = Gauss();
  return values;
}

std::vector<double> RandomState::Normal(double mean, double deviation, int64_t count) {
  if (deviation < 0) {
    throw std::invalid_argument("Normal: deviation is " + std::to_string(deviation) +
                                "; it must not be negative");
  }
  std::vector<double> values = Randn(count);
  for (double& value : values) value = mean + deviation * value;
  return values;
}

std::vector<int64_t> RandomState::RandInt(int64_t low, int64_t high, int64_t count) {
  std::vector<int64_t> values(count);
  for (int64_t& value : values) value = RandInt(low, high);
  return values;
}

int64_t RandomState::RandInt(int64_t low, int64_t high) {
  if (low >= high) {
    throw std::invalid_argument("RandInt: low is " + std::to_string(low) + ", high is " +
                                std::to_string(high) + "; low must be below high");
  }
  // Unsigned, so that the full range of int64 does not overflow.
  const uint64_t last = static_cast<uint64_t>(high) - static_cast<uint64_t>(low) - 1;
  return static_cast<int64_t>(static_cast<uint64_t>(low) + Interval(last));
}

std::vector<int64_t> RandomState::Permutation(int64_t count) {
  std::vector<int64_t> order(count);
  std::iota(order.begin(), order.end(), int64_t{0});
  Shuffle(std::span<int64_t>(order));
  return order;
}

namespace {

// Running sums, the last of which is 1.
std::vector<double> Cumulative(const std::vector<double>& p) {
  std::vector<double> sums(p.size());
  std::partial_sum(p.begin(), p.end(), sums.begin());
  for (double& sum : sums) sum /= sums.back();
  return sums;
}

int64_t IndexOf(double x, const std::vector<double>& sums) {
  return std::upper_bound(sums.begin(), sums.end(), x) - sums.begin();
}

void CheckDistribution(const std::vector<double>& p, int64_t population) {
  const double sum = std::accumulate(p.begin(), p.end(), 0.0);
  const bool negative = std::any_of(p.begin(), p.end(), [](double x) { return !(x >= 0); });
  if (static_cast<int64_t>(p.size()) == population && !negative && std::abs(sum - 1) < 1.5e-8)
    return;
  throw std::invalid_argument("Choice: p has " + std::to_string(p.size()) + " elements of sum " +
                              std::to_string(sum) + (negative ? ", one of them negative" : "") +
                              "; it must have " + std::to_string(population) +
                              " probabilities of sum 1");
}

}  // namespace

std::vector<int64_t> RandomState::Choice(int64_t population, int64_t count, bool replace,
                                         const std::vector<double>& p) {
  if (population <= 0 || count < 0) {
    throw std::invalid_argument("Choice: " + std::to_string(count) + " of " +
                                std::to_string(population) + " numbers can't be drawn");
  }
  if (!p.empty()) CheckDistribution(p, population);
  const int64_t possible =
      p.empty() ? population : std::count_if(p.begin(), p.end(), [](double x) { return x > 0; });
  if (!replace && count > possible) {
    throw std::invalid_argument("Choice: there are " + std::to_string(possible) +
                                " numbers to draw from; " + std::to_string(count) +
                                " different ones were asked for");
  }
  if (!replace && !p.empty()) return ChooseDifferent(count, p);
  if (!replace) {
    std::vector<int64_t> order = Permutation(population);
    order.resize(static_cast<size_t>(count));
    return order;
  }
  if (p.empty()) return RandInt(0, population, count);
  const std::vector<double> sums = Cumulative(p);
  std::vector<int64_t> chosen;
  for (double x : Rand(count)) chosen.push_back(IndexOf(x, sums));
  return chosen;
}

// Draws as many as are missing, keeps the first of each number, and goes on with what is left.
std::vector<int64_t> RandomState::ChooseDifferent(int64_t count, std::vector<double> p) {
  std::vector<int64_t> chosen;
  while (static_cast<int64_t>(chosen.size()) < count) {
    const std::vector<double> drawn = Rand(count - static_cast<int64_t>(chosen.size()));
    for (int64_t taken : chosen) p[static_cast<size_t>(taken)] = 0;
    const std::vector<double> sums = Cumulative(p);
    for (double x : drawn) {
      const int64_t index = IndexOf(x, sums);
      if (std::find(chosen.begin(), chosen.end(), index) == chosen.end()) chosen.push_back(index);
    }
  }
  return chosen;
}

uint64_t RandomState::Interval(uint64_t max) {
  if (max == 0) return 0;  // no bits are drawn
  const uint64_t mask = ~uint64_t{0} >> std::countl_zero(max);
  const bool narrow = max <= std::numeric_limits<uint32_t>::max();
  while (true) {
    uint64_t bits = Next32();
    if (!narrow) bits = (bits << 32) | Next32();
    if ((bits & mask) <= max) return bits & mask;
  }
}

}  // namespace weft::examples
