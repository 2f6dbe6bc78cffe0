// SPDX-License-Identifier: Apache-2.0
// The random stream of numpy.random.RandomState, number for number.
//
// Python programs of the TensorFlow 1 era draw their data and shuffle their examples with it, so a
// port that wants the same batches needs the same stream.
//   RandomState random(1);
//   std::vector<double> x = random.Rand(128 * 2);  // numpy.random.RandomState(1).rand(128, 2)
//
// Not safe for use by two threads at once.
#pragma once

#include <cstdint>
#include <optional>
#include <random>
#include <span>
#include <utility>
#include <vector>

namespace weft::examples {

class RandomState {
 public:
  // RandomState(seed). numpy takes seeds of 0 .. 2^32-1 and fills the 624 words of MT19937 by
  // Knuth's recurrence (init_genrand); std::mt19937 is specified to do the same.
  explicit RandomState(uint32_t seed) : engine_(seed) {}

  // random_sample(): uniform on [0, 1) with 53 random bits.
  double RandomSample();

  // rand(count), in the order in which numpy fills an array of any shape with `count` elements.
  std::vector<double> Rand(int64_t count);

  // uniform(low, high, count): low + (high - low) * random_sample().
  std::vector<double> Uniform(double low, double high, int64_t count);

  // randn(): normal of mean 0 and deviation 1, by the polar method of Marsaglia and Bray (1964).
  // Numbers come in pairs: the second one is kept for the next call, whatever is drawn between.
  double Gauss();
  std::vector<double> Randn(int64_t count);
  // normal(mean, deviation, count). Throws std::invalid_argument where deviation < 0.
  std::vector<double> Normal(double mean, double deviation, int64_t count);

  // randint(low, high): uniform on [low, high). Throws std::invalid_argument where low >= high.
  int64_t RandInt(int64_t low, int64_t high);
  // randint(low, high, count), of numpy's default dtype (int64).
  std::vector<int64_t> RandInt(int64_t low, int64_t high, int64_t count);

  // shuffle(values) of a one-dimensional array: Fisher and Yates from the last element down.
  template <typename T>
  void Shuffle(std::span<T> values) {
    for (size_t i = values.size(); i > 1; --i) std::swap(values[i - 1], values[Interval(i - 1)]);
  }

  // permutation(count): 0 .. count-1, shuffled.
  std::vector<int64_t> Permutation(int64_t count);

  // choice(population, count, replace, p): numbers of [0, population). `p`, if given, has a
  // probability for each of them, and their sum is 1. Throws std::invalid_argument where there is
  // nothing to draw from, where p is no distribution, or where `count` different numbers of
  // positive probability don't exist.
  std::vector<int64_t> Choice(int64_t population, int64_t count, bool replace = true,
                              const std::vector<double>& p = {});

  // The next 32 bits of the generator itself (genrand_int32).
  uint32_t Next32() { return static_cast<uint32_t>(engine_()); }

 private:
  // Uniform on [0, max]: draws as many bits as max has until the value is not above max. 32 bits
  // are drawn where max fits into them, otherwise 64, the upper half first.
  uint64_t Interval(uint64_t max);
  std::vector<int64_t> ChooseDifferent(int64_t count, std::vector<double> p);

  std::mt19937 engine_;
  std::optional<double> next_gauss_;
};

}  // namespace weft::examples
