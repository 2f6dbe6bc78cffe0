// SPDX-License-Identifier: Apache-2.0
// Pictures of flowers of five kinds, which differ in the number of petals and, less surely, in
// colour. Size, place, turn, light and noise are random; the pictures are a function of the seed.
#pragma once

#include <cstdint>
#include <vector>

namespace weft::examples {

inline constexpr int64_t kFlowerKinds = 5;

struct Flowers {
  int64_t side = 0;
  std::vector<float> pixels;     // [count, side, side, 3], in [-1, 1]
  std::vector<int64_t> classes;  // [count], 0 .. 4
};

// Throws std::invalid_argument unless count >= 0 and 8 <= side <= 1024.
Flowers DrawFlowers(int64_t count, int64_t side, uint32_t seed);

}  // namespace weft::examples
