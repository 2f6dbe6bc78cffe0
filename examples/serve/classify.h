// SPDX-License-Identifier: Apache-2.0
// Classifies pictures of digits with a model that takes 28 x 28 pixels.
#pragma once

#include <filesystem>
#include <vector>

#include "examples/support/read_picture.h"
#include "weft/serving/predictor.h"

namespace weft::examples {

// As MNIST has digits: 28 x 28 pixels, white on black; a picture whose border is bright is turned
// into its negative.
Array DigitOf(const Picture& picture);

struct Answer {
  int digit = -1;                    // the likeliest one
  std::vector<float> probabilities;  // of 0 to 9
};

// One answer for each file, in one run of the model, which must take float [n, 784] (or [784]-sized
// rows of any shape) and give [n, 10]. Throws FileError (idx.h) for files, wf::Errors for models.
std::vector<Answer> Classify(const serving::Predictor& model,
                             const std::vector<std::filesystem::path>& files);

}  // namespace weft::examples
