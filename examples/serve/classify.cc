// SPDX-License-Identifier: Apache-2.0
#include "examples/serve/classify.h"

#include <algorithm>

#include "weft/core/error.h"

namespace weft::examples {
namespace {

constexpr int kSide = 28;
constexpr int64_t kPixels = int64_t{kSide} * kSide, kClasses = 10;

}  // namespace

Array DigitOf(const Picture& picture) {
  std::vector<float> grey = GreyAreas(picture, kSide, kSide);
  double border = 0;
  for (int i = 0; i < kSide; ++i) {
    border += grey[static_cast<size_t>(i)] + grey[static_cast<size_t>(kPixels - 1 - i)] +
              grey[static_cast<size_t>(i * kSide)] + grey[static_cast<size_t>((i + 1) * kSide - 1)];
  }
  if (border > 0.5 * 4 * kSide) {
    for (float& g : grey) g = 1 - g;
  }
  return Array::FromVector(grey);
}

std::vector<Answer> Classify(const serving::Predictor& model,
                             const std::vector<std::filesystem::path>& files) {
  const auto n = static_cast<int64_t>(files.size());
  Array images(kFloat32, Shape({n, kPixels}));
  for (int64_t i = 0; i < n; ++i) {
    const Array digit = DigitOf(ReadPicture(files[static_cast<size_t>(i)]));
    std::copy_n(digit.data<float>(), kPixels, images.mutable_data<float>() + i * kPixels);
  }
  const Array probabilities = model.Predict(images);
  if (probabilities.shape() != Shape({n, kClasses})) {
    ThrowError(Code::kInvalidArgument, "the model gives " + probabilities.shape().ToString() +
                                           ", not ten probabilities for each picture");
  }
  std::vector<Answer> answers;
  for (int64_t i = 0; i < n; ++i) {
    const float* p = probabilities.data<float>() + i * kClasses;
    answers.push_back({static_cast<int>(std::max_element(p, p + kClasses) - p),
                       std::vector<float>(p, p + kClasses)});
  }
  return answers;
}

}  // namespace weft::examples
