// SPDX-License-Identifier: Apache-2.0
// The MNIST digits as tensorflow.examples.tutorials.mnist.input_data gives them: the same splits,
// the same order of the examples for the same seed.
//
//   DataSets mnist = ReadDataSets("MNIST_data", {.one_hot = true});
//   Batch batch = mnist.train.NextBatch(100);
//   batch.images.floats()  // 100 x 784, row-major, in [0, 1]
//   batch.labels.floats()  // 100 x 10
//
// As there, the data sets of one ReadDataSets draw their shuffles from one random stream; so they,
// and copies of them, are for one thread at a time.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "examples/support/mt19937.h"

namespace weft::examples {

enum class PixelType { kFloat32, kUint8 };

// The names MNIST's files have.
inline constexpr std::string_view kTrainImages = "train-images-idx3-ubyte.gz";
inline constexpr std::string_view kTrainLabels = "train-labels-idx1-ubyte.gz";
inline constexpr std::string_view kTestImages = "t10k-images-idx3-ubyte.gz";
inline constexpr std::string_view kTestLabels = "t10k-labels-idx1-ubyte.gz";
inline constexpr std::array kMnistFiles = {kTrainImages, kTrainLabels, kTestImages, kTestLabels};

// A row-major array of one of the two element types.
struct Values {
  std::vector<int64_t> shape;
  std::variant<std::vector<float>, std::vector<uint8_t>> data;

  std::vector<float>& floats() { return std::get<0>(data); }
  const std::vector<float>& floats() const { return std::get<0>(data); }
  std::vector<uint8_t>& bytes() { return std::get<1>(data); }
  const std::vector<uint8_t>& bytes() const { return std::get<1>(data); }
};

struct Batch {
  Values images;
  Values labels;
};

struct DataSetOptions {
  // Labels: float [n, 10], rows of zeros and one 1; otherwise uint8 [n], the classes.
  bool one_hot = false;
  // Pixels: float in [0, 1], which is p * (1/255); or uint8, p as it is in the file.
  PixelType dtype = PixelType::kFloat32;
  // Images: [n, rows * columns]; otherwise [n, rows, columns, 1].
  bool reshape = true;
  // The first examples of the training files; the rest are for training.
  int64_t validation_size = 5000;
  // Of the shuffles, what numpy.random.seed is given there: the graph's seed where only that is
  // set. Unset: another order in each run.
  std::optional<uint32_t> seed = {};
};

class DataSet {
 public:
  // `pixels` hold classes.size() pictures of rows * columns. Throws std::invalid_argument where
  // they don't.
  DataSet(std::vector<uint8_t> pixels, int64_t rows, int64_t columns, std::vector<uint8_t> classes,
          const DataSetOptions& options, std::shared_ptr<RandomState> random);

  // The next `batch_size` examples (1 .. num_examples). With `shuffle` the examples are put into a
  // new order before the first epoch, and each time an epoch ends; a batch that reaches over the
  // end of an epoch has the rest of the old order first, then the beginning of the new one.
  Batch NextBatch(int64_t batch_size, bool shuffle = true);

  int64_t num_examples() const { return static_cast<int64_t>(order_.size()); }
  int64_t epochs_completed() const { return epochs_completed_; }

  // All examples in their present order, which NextBatch changes. Each call makes a new array.
  Values images() const { return Images(0, order_.size()); }
  Values labels() const { return Labels(0, order_.size()); }

 private:
  void ShuffleOrder();
  // Examples [begin, end) of the present order, added to the end of `to`.
  void AppendImages(size_t begin, size_t end, Values& to) const;
  void AppendLabels(size_t begin, size_t end, Values& to) const;
  Values Images(size_t begin, size_t end) const;
  Values Labels(size_t begin, size_t end) const;

  // As in the file; batches are gathered from them, so that a new order moves no picture.
  std::vector<uint8_t> pixels_;
  std::vector<uint8_t> classes_;
  std::vector<uint32_t> order_;  // order_[i]: which example comes i-th
  int64_t rows_;
  int64_t columns_;
  DataSetOptions options_;
  std::shared_ptr<RandomState> random_;
  int64_t epochs_completed_ = 0;
  int64_t index_in_epoch_ = 0;
};

struct DataSets {
  DataSet train;
  DataSet validation;
  DataSet test;
};

// Reads the four files of kMnistFiles, or the same without ".gz", in `dir`. Throws FileError
// (idx.h) that names the files looked for where one is missing, or the file and place where one is
// damaged; std::invalid_argument for a validation_size outside the training files.
DataSets ReadDataSets(const std::filesystem::path& dir, const DataSetOptions& options = {});

}  // namespace weft::examples
