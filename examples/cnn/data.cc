// SPDX-License-Identifier: Apache-2.0
#include "examples/cnn/data.h"

#include <algorithm>
#include <vector>

namespace weft::examples {

Array ImagesOf(const Values& images) {
  return Array::FromVector(images.floats(), Shape(images.shape));
}
Array LabelsOf(const Values& classes) {
  const std::vector<uint8_t>& bytes = classes.bytes();
  return Array::FromVector(std::vector<int64_t>(bytes.begin(), bytes.end()));
}

double MeanAccuracy(Session& session, const Tensor& accuracy, const Tensor& images,
                    const Tensor& labels, const DataSet& set) {
  constexpr int64_t kPiece = 1000;
  const Array pictures = ImagesOf(set.images()), classes = LabelsOf(set.labels());
  const int64_t n = set.num_examples();
  double right = 0;
  for (int64_t begin = 0; begin < n; begin += kPiece) {
    const int64_t end = std::min(n, begin + kPiece);
    const Array a = session.Run(accuracy, {{images, pictures.SliceRows(begin, end)},
                                           {labels, classes.SliceRows(begin, end)}});
    right += a.AsDouble() * static_cast<double>(end - begin);
  }
  return n == 0 ? 0 : right / static_cast<double>(n);
}

}  // namespace weft::examples
