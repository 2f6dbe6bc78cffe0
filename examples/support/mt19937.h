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

  // randint(low, high): uniform on [low, high). Throws std::invalid_argument where low >= high.
  int64_t RandInt(int64_t low, int64_t high);

  // shuffle(values) of a one-dimensional array: Fisher and Yates from the last element down.
  template <typename T>
  void Shuffle(std::span<T> values) {
    for (size_t i = values.size(); i > 1; --i) std::swap(values[i - 1], values[Interval(i - 1)]);
  }

  // permutation(count): 0 .. count-1, shuffled.
  std::vector<int64_t> Permutation(int64_t count);

  // The next 32 bits of the generator itself (genrand_int32).
  uint32_t Next32() { return static_cast<uint32_t>(engine_()); }

 private:
  // Uniform on [0, max]: draws as many bits as max has until the value is not above max. 32 bits
  // are drawn where max fits into them, otherwise 64, the upper half first.
  uint64_t Interval(uint64_t max);

  std::mt19937 engine_;
};

}  // namespace weft::examples
