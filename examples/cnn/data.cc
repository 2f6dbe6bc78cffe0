// SPDX-License-Identifier: Apache-2.0
#include "examples/cnn/data.h"

#include <algorithm>
#include <cstdio>

#include "examples/support/draw_digits.h"

namespace weft::examples {

std::filesystem::path DigitsFolder(const std::string& data_dir) {
  if (!data_dir.empty()) return data_dir;
  const std::filesystem::path dir = std::filesystem::temp_directory_path() / "weft_digits";
  if (WriteDefaultDigits(dir)) std::printf("drew 70000 digits into %s\n", dir.c_str());
  return dir;
}

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
