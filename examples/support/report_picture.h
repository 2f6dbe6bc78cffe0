// SPDX-License-Identifier: Apache-2.0
// What a classifier of digits got right and wrong, as one picture: the confusion matrix, and the
// test digits it did worst on.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "examples/support/rgb_image.h"

namespace weft::examples {

// The answers of a classifier to n digits.
struct Answers {
  std::span<const float> images;         // [n, 28, 28], 0 (black) to 1
  std::span<const uint8_t> classes;      // [n], the true ones, 0 .. 9
  std::span<const float> probabilities;  // [n, 10]
};

// counts[t][p]: digits of class t for which p has the greatest probability (the first of equal
// ones).
using ConfusionMatrix = std::array<std::array<int64_t, 10>, 10>;
ConfusionMatrix CountConfusions(const Answers& answers);

// The indices of the (at most) `count` digits whose true class got the least probability, least
// first, equal ones by index. A probability that is not a number counts as 0.
std::vector<int64_t> WorstAnswers(const Answers& answers, int64_t count);

// Throws std::invalid_argument, as the functions above do, where the sizes do not fit together or a
// class is above 9.
RgbImage DrawReport(const Answers& answers, std::string_view title);

}  // namespace weft::examples
