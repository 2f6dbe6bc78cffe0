// SPDX-License-Identifier: Apache-2.0
#include "examples/support/mnist_data.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <numeric>
#include <stdexcept>

#include "examples/support/idx.h"
#include "tests/support/temporary_folder.h"

namespace weft::examples {
namespace {

using test::TemporaryFolder;
using testing::Each;
using testing::HasSubstr;
using Bytes = std::vector<uint8_t>;
using Dims = std::vector<int64_t>;

constexpr int64_t kPixelsOfImage = 4;

// Pictures of 2 x 2 pixels whose first pixel is the number of the example: 14 for training (10 and
// 4 for validation), 6 for test numbered from 14. The class of example i is i % 10.
void WriteSmallMnist(const TemporaryFolder& dir) {
  const auto write = [&](int64_t first, int64_t count, std::string_view images,
                         std::string_view labels) {
    IdxArray pixels = {{count, 2, 2}, {}}, classes = {{count}, {}};
    for (int64_t i = first; i < first + count; ++i) {
      for (const int64_t pixel : {i, 255 - i, int64_t{0}, int64_t{255}})
        pixels.data.push_back(static_cast<uint8_t>(pixel));
      classes.data.push_back(static_cast<uint8_t>(i % 10));
    }
    WriteIdx(dir / images, pixels);
    WriteIdx(dir / labels, classes);
  };
  write(0, 14, kTrainImages, kTrainLabels);
  write(14, 6, kTestImages, kTestLabels);
}

constexpr DataSetOptions kSmallSets = {
    .dtype = PixelType::kUint8, .validation_size = 4, .seed = 11};

// The numbers of the examples in a uint8 batch, which must be whole examples with their labels.
Bytes Numbers(const Values& images, const Values& labels) {
  EXPECT_EQ(images.shape, (Dims{labels.shape[0], kPixelsOfImage}));
  Bytes numbers;
  for (int64_t i = 0; i < labels.shape[0]; ++i) {
    const uint8_t* picture = &images.bytes()[i * kPixelsOfImage];
    EXPECT_EQ(picture[1], 255 - picture[0]);
    EXPECT_EQ(labels.bytes()[i], picture[0] % 10);
    numbers.push_back(picture[0]);
  }
  return numbers;
}
Bytes Numbers(const Batch& batch) { return Numbers(batch.images, batch.labels); }

TEST(ReadDataSets, Splits) {
  TemporaryFolder dir;
  WriteSmallMnist(dir);
  const DataSets sets = ReadDataSets(dir.path(), kSmallSets);
  EXPECT_EQ(Numbers(sets.validation.images(), sets.validation.labels()), (Bytes{0, 1, 2, 3}));
  EXPECT_EQ(Numbers(sets.train.images(), sets.train.labels()),
            (Bytes{4, 5, 6, 7, 8, 9, 10, 11, 12, 13}));
  EXPECT_EQ(Numbers(sets.test.images(), sets.test.labels()), (Bytes{14, 15, 16, 17, 18, 19}));
  EXPECT_EQ(sets.train.num_examples(), 10);
}

TEST(ReadDataSets, WholeTrainingSetOnEitherSide) {
  TemporaryFolder dir;
  WriteSmallMnist(dir);
  EXPECT_EQ(ReadDataSets(dir.path(), {.validation_size = 0}).train.num_examples(), 14);
  DataSets sets = ReadDataSets(dir.path(), {.validation_size = 14});
  EXPECT_EQ(sets.train.num_examples(), 0);
  EXPECT_EQ(sets.validation.num_examples(), 14);
  EXPECT_THROW(sets.train.NextBatch(1), std::invalid_argument);
  EXPECT_THROW(ReadDataSets(dir.path(), {.validation_size = 15}), std::invalid_argument);
  EXPECT_THROW(ReadDataSets(dir.path(), {.validation_size = -1}), std::invalid_argument);
}

TEST(ReadDataSets, FloatPixelsAndOneHotLabels) {
  TemporaryFolder dir;
  WriteSmallMnist(dir);
  const DataSets sets = ReadDataSets(dir.path(), {.one_hot = true, .validation_size = 4});
  const Values images = sets.validation.images(), labels = sets.validation.labels();
  ASSERT_EQ(images.shape, (Dims{4, 4}));
  ASSERT_EQ(labels.shape, (Dims{4, 10}));
  const float unit = 1.0f / 255.0f;
  EXPECT_EQ(images.floats()[3 * kPixelsOfImage], 3 * unit);
  EXPECT_EQ(images.floats()[3 * kPixelsOfImage + 1], 252 * unit);
  EXPECT_EQ(images.floats()[3 * kPixelsOfImage + 2], 0.0f);
  EXPECT_EQ(images.floats()[3 * kPixelsOfImage + 3], 1.0f);
  for (int64_t i = 0; i < 40; ++i)
    EXPECT_EQ(labels.floats()[i], i / 10 == i % 10 ? 1.0f : 0.0f) << i;
}

TEST(ReadDataSets, PicturesKeepTheirShapeOnRequest) {
  TemporaryFolder dir;
  WriteSmallMnist(dir);
  DataSets sets = ReadDataSets(dir.path(), {.reshape = false, .validation_size = 4});
  EXPECT_EQ(sets.test.images().shape, (Dims{6, 2, 2, 1}));
  EXPECT_EQ(sets.train.NextBatch(3).images.shape, (Dims{3, 2, 2, 1}));
}

TEST(ReadDataSets, TakesUnpackedFiles) {
  TemporaryFolder dir;
  WriteSmallMnist(dir);
  const IdxArray labels = ReadIdx(dir / kTestLabels);
  std::filesystem::remove(dir / kTestLabels);
  WriteIdx(dir / kTestLabels.substr(0, kTestLabels.size() - 3), labels);
  EXPECT_EQ(ReadDataSets(dir.path(), kSmallSets).test.num_examples(), 6);
}

// The order that numpy.random.seed(11) gives to the Python data sets for the same calls: computed
// with numpy 2.4.6 from the rules of mnist.py. One stream serves all three sets.
TEST(NextBatch, OrderOfShuffledEpochs) {
  TemporaryFolder dir;
  WriteSmallMnist(dir);
  DataSets sets = ReadDataSets(dir.path(), kSmallSets);
  DataSet& train = sets.train;
  EXPECT_EQ(Numbers(train.NextBatch(4)), (Bytes{11, 12, 6, 10}));
  EXPECT_EQ(Numbers(train.NextBatch(4)), (Bytes{8, 9, 5, 7}));
  EXPECT_EQ(train.epochs_completed(), 0);
  EXPECT_EQ(Numbers(train.NextBatch(4)),
            (Bytes{4, 13, 10, 12}));  // two of the old order, two of the new
  EXPECT_EQ(train.epochs_completed(), 1);
  EXPECT_EQ(Numbers(sets.validation.NextBatch(3)), (Bytes{0, 3, 1}));
  EXPECT_EQ(Numbers(train.NextBatch(4)), (Bytes{4, 6, 5, 7}));
  EXPECT_EQ(Numbers(train.NextBatch(4)), (Bytes{8, 9, 13, 11}));  // just fills the epoch
  EXPECT_EQ(train.epochs_completed(), 1);
  EXPECT_EQ(Numbers(train.NextBatch(4)), (Bytes{13, 8, 4, 11}));
  EXPECT_EQ(train.epochs_completed(), 2);
  EXPECT_EQ(Numbers(train.images(), train.labels()), (Bytes{13, 8, 4, 11, 7, 10, 6, 12, 5, 9}));
  EXPECT_EQ(Numbers(sets.validation.NextBatch(3)), (Bytes{2, 3, 0}));
  EXPECT_EQ(Numbers(sets.test.NextBatch(6)), (Bytes{18, 15, 16, 17, 14, 19}));
  EXPECT_EQ(Numbers(sets.test.NextBatch(6)), (Bytes{14, 19, 18, 15, 16, 17}));
  EXPECT_EQ(Numbers(sets.test.NextBatch(4, /*shuffle=*/false)), (Bytes{14, 19, 18, 15}));
  EXPECT_EQ(Numbers(sets.test.NextBatch(4, /*shuffle=*/false)), (Bytes{16, 17, 14, 19}));
  EXPECT_EQ(sets.test.epochs_completed(), 3);
}

TEST(NextBatch, WithoutShuffleTheOrderIsTheFiles) {
  TemporaryFolder dir;
  WriteSmallMnist(dir);
  DataSets sets = ReadDataSets(dir.path(), kSmallSets);
  EXPECT_EQ(Numbers(sets.test.NextBatch(4, false)), (Bytes{14, 15, 16, 17}));
  EXPECT_EQ(Numbers(sets.test.NextBatch(4, false)), (Bytes{18, 19, 14, 15}));
  EXPECT_EQ(Numbers(sets.test.NextBatch(4, false)), (Bytes{16, 17, 18, 19}));
}

TEST(NextBatch, FloatBatchOverTheEndOfAnEpoch) {
  TemporaryFolder dir;
  WriteSmallMnist(dir);
  DataSets sets = ReadDataSets(dir.path(), {.one_hot = true, .validation_size = 4, .seed = 11});
  sets.train.NextBatch(8);
  const Batch batch = sets.train.NextBatch(4);
  ASSERT_EQ(batch.images.shape, (Dims{4, 4}));
  ASSERT_EQ(batch.labels.shape, (Dims{4, 10}));
  const int numbers[] = {4, 13, 10, 12};
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(batch.images.floats()[i * kPixelsOfImage], numbers[i] * (1.0f / 255.0f));
    EXPECT_EQ(batch.labels.floats()[i * 10 + numbers[i] % 10], 1.0f);
  }
  EXPECT_EQ(std::accumulate(batch.labels.floats().begin(), batch.labels.floats().end(), 0.0f),
            4.0f);
}

TEST(NextBatch, EachEpochHasEachExampleOnce) {
  TemporaryFolder dir;
  WriteSmallMnist(dir);
  DataSets sets = ReadDataSets(dir.path(), {.dtype = PixelType::kUint8, .validation_size = 4});
  std::vector<int> seen(20);
  for (int batch = 0; batch < 30; ++batch) {
    for (const uint8_t number : Numbers(sets.train.NextBatch(3))) ++seen[number];
  }
  EXPECT_THAT(std::vector<int>(seen.begin() + 4, seen.begin() + 14), Each(9));
}

TEST(NextBatch, RefusesBatchesThatDoNotFit) {
  TemporaryFolder dir;
  WriteSmallMnist(dir);
  DataSets sets = ReadDataSets(dir.path(), kSmallSets);
  EXPECT_THROW(sets.train.NextBatch(0), std::invalid_argument);
  EXPECT_THROW(sets.train.NextBatch(11), std::invalid_argument);
  EXPECT_EQ(sets.train.NextBatch(10).labels.shape, Dims{10});
}

void ExpectReadFails(const TemporaryFolder& dir, std::vector<std::string> texts) {
  try {
    ReadDataSets(dir.path(), kSmallSets);
    ADD_FAILURE() << "was read; expected: " << texts[0];
  } catch (const FileError& error) {
    for (const std::string& text : texts) EXPECT_THAT(error.what(), HasSubstr(text));
  }
}

TEST(ReadDataSets, MissingFilesAreNamedWithTheWayOut) {
  TemporaryFolder dir;
  WriteSmallMnist(dir);
  std::filesystem::remove(dir / kTestImages);
  ExpectReadFails(
      dir, {dir.path(), "looked here for train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz",
            "missing: t10k-images-idx3-ubyte.gz.", "WriteDefaultDigits"});
}

TEST(ReadDataSets, FilesThatDoNotBelongTogether) {
  TemporaryFolder dir;
  WriteSmallMnist(dir);
  WriteIdx(dir / kTestLabels, {{5}, Bytes(5)});
  ExpectReadFails(dir, {(dir / kTestLabels).string(), "has 5 labels", "has 6 images"});
  WriteIdx(dir / kTestLabels, {{6}, {0, 1, 2, 10, 4, 5}});
  ExpectReadFails(dir, {(dir / kTestLabels).string() + ", byte 11", "label 10; labels are 0 .. 9"});
  std::filesystem::copy_file(dir / kTestImages, dir / kTestLabels,
                             std::filesystem::copy_options::overwrite_existing);
  ExpectReadFails(
      dir, {(dir / kTestLabels).string(), "labels have 1 dimensions; this file has [6,2,2]"});
  WriteSmallMnist(dir);
  WriteIdx(dir / kTestImages, {{0, 4294967295, 4294967295}, {}});
  ExpectReadFails(dir, {(dir / kTestImages).string(), "a side is at most 32768"});
}

// The real files, where they are at hand: in WEFT_MNIST_DIR, or in shared/data/mnist beside the
// project, which is looked for upwards from the folder the test runs in.
std::filesystem::path RealMnist() {
  if (const char* dir = std::getenv("WEFT_MNIST_DIR")) return dir;
  for (std::filesystem::path at = std::filesystem::current_path(); at.has_relative_path();
       at = at.parent_path()) {
    if (std::filesystem::exists(at / "shared/data/mnist")) return at / "shared/data/mnist";
  }
  return {};
}

TEST(ReadDataSets, RealMnist) {
  if (!std::filesystem::exists(RealMnist() / kTrainImages))
    GTEST_SKIP() << "no MNIST files; set WEFT_MNIST_DIR";
  DataSets sets = ReadDataSets(RealMnist(), {.dtype = PixelType::kUint8, .seed = 2024});
  EXPECT_EQ(sets.train.num_examples(), 55000);
  EXPECT_EQ(sets.validation.num_examples(), 5000);
  EXPECT_EQ(sets.test.num_examples(), 10000);
  const auto sum = [](const Batch& b) {
    return std::accumulate(b.images.bytes().begin(), b.images.bytes().end(), int64_t{0});
  };
  const auto labels16 = [](const Batch& b) {
    return Bytes(b.labels.bytes().begin(), b.labels.bytes().begin() + 16);
  };
  // From numpy and the rules of mnist.py: the first batch, and the 600th, in the second epoch.
  Batch batch = sets.train.NextBatch(100);
  EXPECT_EQ(labels16(batch), (Bytes{0, 9, 4, 7, 0, 6, 9, 4, 8, 2, 0, 3, 6, 8, 8, 2}));
  EXPECT_EQ(sum(batch), 2607877);
  for (int i = 1; i < 600; ++i) batch = sets.train.NextBatch(100);
  EXPECT_EQ(labels16(batch), (Bytes{4, 1, 8, 4, 5, 4, 1, 1, 0, 6, 2, 3, 5, 1, 4, 2}));
  EXPECT_EQ(sum(batch), 2573180);
  EXPECT_EQ(sets.train.epochs_completed(), 1);
}

}  // namespace
}  // namespace weft::examples
