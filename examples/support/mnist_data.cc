// SPDX-License-Identifier: Apache-2.0
#include "examples/support/mnist_data.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>

#include "examples/support/idx.h"

namespace weft::examples {
namespace {

constexpr int64_t kClasses = 10;
constexpr int64_t kMaxSide = 1 << 15;  // of an image; keeps products of sizes far from overflow

struct Split {
  int64_t rows;
  int64_t columns;
  std::vector<uint8_t> pixels;
  std::vector<uint8_t> classes;
};

std::string Dims(const IdxArray& array) {
  std::string text;
  for (const int64_t dim : array.dims) text += (text.empty() ? "[" : ",") + std::to_string(dim);
  return text.empty() ? "[]" : text + "]";
}

// `name`, or the unpacked file beside it.
std::filesystem::path Find(const std::filesystem::path& dir, std::string_view name) {
  std::error_code error;  // a folder that cannot be looked into has no such file
  for (const std::string_view candidate : {name, name.substr(0, name.size() - 3)}) {
    if (std::filesystem::exists(dir / candidate, error)) return dir / candidate;
  }
  return {};
}

void RequireFiles(const std::filesystem::path& dir) {
  std::string looked_for, missing;
  for (const std::string_view name : kMnistFiles) {
    looked_for += (looked_for.empty() ? "" : ", ") + std::string(name);
    if (Find(dir, name).empty()) missing += (missing.empty() ? "" : ", ") + std::string(name);
  }
  if (missing.empty()) return;
  throw FileError(dir, "looked here for " + looked_for + " (or without .gz); missing: " + missing +
                           ". Put MNIST's files there, or let WriteDefaultDigits "
                           "(examples/support/draw_digits.h) draw "
                           "default digits into an empty folder");
}

IdxArray ReadWithDims(const std::filesystem::path& path, size_t num_dims, const char* kind) {
  IdxArray array = ReadIdx(path);
  if (array.dims.size() == num_dims) return array;
  throw FileError(path, 3,
                  std::string(kind) + " have " + std::to_string(num_dims) +
                      " dimensions; this file has " + Dims(array));
}

Split ReadSplit(const std::filesystem::path& dir, std::string_view images_name,
                std::string_view labels_name) {
  const std::filesystem::path images_path = Find(dir, images_name);
  const std::filesystem::path labels_path = Find(dir, labels_name);
  IdxArray images = ReadWithDims(images_path, 3, "images");
  IdxArray labels = ReadWithDims(labels_path, 1, "labels");
  if (images.dims[1] > kMaxSide || images.dims[2] > kMaxSide) {
    throw FileError(
        images_path, 8,
        "images of " + Dims(images) + "; a side is at most " + std::to_string(kMaxSide));
  }
  if (images.dims[0] != labels.dims[0]) {
    throw FileError(labels_path, 4,
                    "has " + std::to_string(labels.dims[0]) + " labels, but " +
                        images_path.string() + " has " + std::to_string(images.dims[0]) +
                        " images");
  }
  const auto bad =
      std::find_if(labels.data.begin(), labels.data.end(), [](uint8_t c) { return c >= kClasses; });
  if (bad != labels.data.end()) {
    throw FileError(
        labels_path, 8 + (bad - labels.data.begin()),
        "label " + std::to_string(*bad) + "; labels are 0 .. " + std::to_string(kClasses - 1));
  }
  return {images.dims[1], images.dims[2], std::move(images.data), std::move(labels.data)};
}

// Takes the first `count` examples out of `split`.
Split TakeFront(Split& split, int64_t count) {
  const auto pixels_end = split.pixels.begin() + count * split.rows * split.columns;
  const auto classes_end = split.classes.begin() + count;
  Split front = {split.rows,
                 split.columns,
                 {split.pixels.begin(), pixels_end},
                 {split.classes.begin(), classes_end}};
  split.pixels.erase(split.pixels.begin(), pixels_end);
  split.classes.erase(split.classes.begin(), classes_end);
  return front;
}

}  // namespace

DataSet::DataSet(std::vector<uint8_t> pixels, int64_t rows, int64_t columns,
                 std::vector<uint8_t> classes, const DataSetOptions& options,
                 std::shared_ptr<RandomState> random)
    : pixels_(std::move(pixels)),
      classes_(std::move(classes)),
      order_(classes_.size()),
      rows_(rows),
      columns_(columns),
      options_(options),
      random_(std::move(random)) {
  const bool sides_ok = rows >= 0 && rows <= kMaxSide && columns >= 0 && columns <= kMaxSide;
  if (!sides_ok || pixels_.size() != classes_.size() * rows * columns) {
    throw std::invalid_argument("DataSet: " + std::to_string(pixels_.size()) + " pixels are not " +
                                std::to_string(classes_.size()) + " images of " +
                                std::to_string(rows) + " x " + std::to_string(columns));
  }
  std::iota(order_.begin(), order_.end(), 0u);
}

void DataSet::ShuffleOrder() {
  // Where each example of the new order stands in the old one.
  const std::vector<int64_t> permutation = random_->Permutation(num_examples());
  std::vector<uint32_t> order(order_.size());
  std::transform(permutation.begin(), permutation.end(), order.begin(),
                 [this](int64_t i) { return order_[i]; });
  order_ = std::move(order);
}

Batch DataSet::NextBatch(int64_t batch_size, bool shuffle) {
  if (batch_size < 1 || batch_size > num_examples()) {
    throw std::invalid_argument("NextBatch: batch_size is " + std::to_string(batch_size) +
                                "; the data set has " + std::to_string(num_examples()) +
                                " examples");
  }
  if (epochs_completed_ == 0 && index_in_epoch_ == 0 && shuffle) ShuffleOrder();
  const int64_t rest = num_examples() - index_in_epoch_;
  if (batch_size <= rest) {
    const int64_t begin = index_in_epoch_;
    index_in_epoch_ += batch_size;
    return {Images(begin, index_in_epoch_), Labels(begin, index_in_epoch_)};
  }
  Batch batch = {Images(index_in_epoch_, num_examples()), Labels(index_in_epoch_, num_examples())};
  ++epochs_completed_;
  if (shuffle) ShuffleOrder();
  index_in_epoch_ = batch_size - rest;
  AppendImages(0, index_in_epoch_, batch.images);
  AppendLabels(0, index_in_epoch_, batch.labels);
  return batch;
}

void DataSet::AppendImages(size_t begin, size_t end, Values& to) const {
  to.shape[0] += end - begin;
  const size_t size = rows_ * columns_;
  const std::span<const uint32_t> chosen(order_.data() + begin, end - begin);
  if (options_.dtype == PixelType::kUint8) {
    for (const uint32_t i : chosen) {
      to.bytes().insert(to.bytes().end(), pixels_.begin() + i * size,
                        pixels_.begin() + (i + 1) * size);
    }
    return;
  }
  // numpy multiplies float32 pixels by the double 1/255 rounded to float32.
  constexpr float kScale = static_cast<float>(1.0 / 255.0);
  std::vector<float>& floats = to.floats();
  size_t at = floats.size();
  floats.resize(at + chosen.size() * size);
  for (const uint32_t i : chosen) {
    const uint8_t* from = pixels_.data() + i * size;
    for (size_t k = 0; k < size; ++k) floats[at + k] = static_cast<float>(from[k]) * kScale;
    at += size;
  }
}

void DataSet::AppendLabels(size_t begin, size_t end, Values& to) const {
  to.shape[0] += end - begin;
  const std::span<const uint32_t> chosen(order_.data() + begin, end - begin);
  if (!options_.one_hot) {
    for (const uint32_t i : chosen) to.bytes().push_back(classes_[i]);
    return;
  }
  size_t at = to.floats().size();
  to.floats().resize(at + chosen.size() * kClasses, 0.0f);
  for (const uint32_t i : chosen) {
    to.floats()[at + classes_[i]] = 1.0f;
    at += kClasses;
  }
}

Values DataSet::Images(size_t begin, size_t end) const {
  Values images;
  images.shape = options_.reshape ? std::vector<int64_t>{0, rows_ * columns_}
                                  : std::vector<int64_t>{0, rows_, columns_, 1};
  if (options_.dtype == PixelType::kUint8) images.data = std::vector<uint8_t>();
  AppendImages(begin, end, images);
  return images;
}

Values DataSet::Labels(size_t begin, size_t end) const {
  Values labels;
  labels.shape = options_.one_hot ? std::vector<int64_t>{0, kClasses} : std::vector<int64_t>{0};
  if (!options_.one_hot) labels.data = std::vector<uint8_t>();
  AppendLabels(begin, end, labels);
  return labels;
}

DataSets ReadDataSets(const std::filesystem::path& dir, const DataSetOptions& options) {
  RequireFiles(dir);
  Split train = ReadSplit(dir, kTrainImages, kTrainLabels);
  Split test = ReadSplit(dir, kTestImages, kTestLabels);
  const int64_t num_train = static_cast<int64_t>(train.classes.size());
  if (options.validation_size < 0 || options.validation_size > num_train) {
    throw std::invalid_argument("ReadDataSets: validation_size is " +
                                std::to_string(options.validation_size) +
                                "; it must be from 0 to " + std::to_string(num_train));
  }
  Split validation = TakeFront(train, options.validation_size);
  const auto random =
      std::make_shared<RandomState>(options.seed ? *options.seed : std::random_device()());
  const auto make = [&](Split& split) {
    return DataSet(std::move(split.pixels), split.rows, split.columns, std::move(split.classes),
                   options, random);
  };
  return {make(train), make(validation), make(test)};
}

}  // namespace weft::examples
