// SPDX-License-Identifier: Apache-2.0
#include "examples/support/draw_digits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <future>
#include <iterator>
#include <string>

#include "examples/support/digit_strokes.h"
#include "examples/support/idx.h"
#include "examples/support/mnist_data.h"
#include "tests/examples/temporary_folder.h"

namespace weft::examples {
namespace {

using testing::HasSubstr;

constexpr int64_t kPixels = kDigitSide * kDigitSide;

uint32_t Checksum(const std::vector<uint8_t>& bytes) {
  return static_cast<uint32_t>(crc32(0, bytes.data(), static_cast<unsigned>(bytes.size())));
}

TEST(DigitStrokes, PrototypesAreWellFormed) {
  for (int digit = 0; digit < 10; ++digit) {
    ASSERT_GE(PrototypesOf(digit).size(), 3u) << digit;
    for (const Prototype& prototype : PrototypesOf(digit)) {
      EXPECT_GT(prototype.weight, 0);
      ASSERT_EQ(prototype.knots.front().kind, KnotKind::kStart);
      ASSERT_NE(prototype.knots.back().kind, KnotKind::kStart);
      for (size_t i = 0; i < prototype.knots.size(); ++i) {
        const Knot& knot = prototype.knots[i];
        EXPECT_TRUE(knot.x >= 0 && knot.x <= 100 && knot.y >= 0 && knot.y <= 100) << digit;
        if (i == 0) continue;
        EXPECT_FALSE(knot.kind == KnotKind::kStart &&
                     prototype.knots[i - 1].kind == KnotKind::kStart)
            << digit;
      }
    }
  }
}

// The bytes are promised to be the same on every machine; the numbers are those of the first one.
TEST(DrawDigits, GoldenBytes) {
  const Digits digits = DrawDigits(500, 1);
  EXPECT_EQ(Checksum(digits.pixels), 3586865823u);
  EXPECT_EQ(Checksum(digits.classes), 841752215u);
}

TEST(DrawDigits, ThreadsDoNotMatterAndTheSeedDoes) {
  const Digits one = DrawDigits(101, 7, 1);
  for (const int threads : {0, 2, 3, 8, 200}) {
    const Digits many = DrawDigits(101, 7, threads);
    EXPECT_TRUE(many.pixels == one.pixels) << threads;
    EXPECT_EQ(many.classes, one.classes) << threads;
  }
  EXPECT_FALSE(DrawDigits(101, 8, 1).pixels == one.pixels);
  EXPECT_TRUE(DrawDigits(0, 7).pixels.empty());
}

TEST(DrawDigits, ADigitDependsOnItsPlaceAlone) {
  const Digits few = DrawDigits(10, 3), many = DrawDigits(25, 3);
  EXPECT_TRUE(std::equal(few.pixels.begin(), few.pixels.end(), many.pixels.begin()));
}

TEST(DrawDigits, LooksLikeMnist) {
  const int64_t count = 5000;
  const Digits digits = DrawDigits(count, 5);
  std::array<int, 10> of_class = {};
  int off_centre = 0;
  for (int64_t i = 0; i < count; ++i) {
    ++of_class[digits.classes[i]];
    const uint8_t* picture = &digits.pixels[i * kPixels];
    double mass = 0, x = 0, y = 0;
    for (int64_t k = 0; k < kPixels; ++k) {
      mass += picture[k];
      x += picture[k] * static_cast<double>(k % kDigitSide);
      y += picture[k] * static_cast<double>(k / kDigitSide);
    }
    const double ink = mass / 255 / kPixels;
    EXPECT_TRUE(ink > 0.02 && ink < 0.40) << "digit " << i << " has ink " << ink;
    EXPECT_GE(*std::max_element(picture, picture + kPixels), 150) << i;
    off_centre += std::abs(x / mass - 13.5) > 2.5 || std::abs(y / mass - 13.5) > 2.5;
  }
  EXPECT_LT(off_centre, count / 50);
  for (const int n : of_class) EXPECT_NEAR(n, count / 10, 100);
}

double Distance2(const uint8_t* a, const uint8_t* b) {
  int64_t sum = 0;
  for (int64_t k = 0; k < kPixels; ++k) sum += (a[k] - b[k]) * (a[k] - b[k]);
  return static_cast<double>(sum);
}

// Neither trivial (the mean pictures do not separate the classes) nor hopeless (near neighbours
// mostly agree).
TEST(DrawDigits, TheTaskIsLearnableAndNotTrivial) {
  const int64_t count = 3000, test_count = 300;
  const Digits train = DrawDigits(count, 100), test = DrawDigits(test_count, 101);
  std::array<std::array<double, kPixels>, 10> mean = {};
  std::array<double, 10> of_class = {};
  for (int64_t i = 0; i < count; ++i) {
    of_class[train.classes[i]] += 1;
    for (int64_t k = 0; k < kPixels; ++k)
      mean[train.classes[i]][k] += train.pixels[i * kPixels + k];
  }
  int by_mean = 0, by_neighbour = 0;
  for (int64_t i = 0; i < test_count; ++i) {
    const uint8_t* picture = &test.pixels[i * kPixels];
    std::array<double, 10> to_mean = {};
    for (int c = 0; c < 10; ++c) {
      for (int64_t k = 0; k < kPixels; ++k) {
        const double difference = picture[k] - mean[c][k] / of_class[c];
        to_mean[c] += difference * difference;
      }
    }
    by_mean +=
        std::min_element(to_mean.begin(), to_mean.end()) - to_mean.begin() == test.classes[i];
    int64_t nearest = 0;
    double least = 1e300;
    for (int64_t j = 0; j < count; ++j) {
      const double distance = Distance2(picture, &train.pixels[j * kPixels]);
      if (distance < least) least = distance, nearest = j;
    }
    by_neighbour += train.classes[nearest] == test.classes[i];
  }
  EXPECT_TRUE(by_mean > 0.65 * test_count && by_mean < 0.88 * test_count) << by_mean;
  EXPECT_GT(by_neighbour, 0.88 * test_count);
}

TEST(WriteDefaultDigits, AreAsManyAsMnistHas) {
  TemporaryFolder dir;
  EXPECT_TRUE(WriteDefaultDigits(dir.path()));
  const DataSets sets = ReadDataSets(dir.path());
  EXPECT_EQ(sets.train.num_examples(), 55000);
  EXPECT_EQ(sets.validation.num_examples(), 5000);
  EXPECT_EQ(sets.test.num_examples(), 10000);
}

constexpr DefaultDigits kFew = {.seed = 4, .num_train = 300, .num_test = 200};

TEST(WriteDefaultDigits, SplitsHaveDifferentDigits) {
  TemporaryFolder dir;
  ASSERT_TRUE(WriteDefaultDigits(dir.path(), kFew));
  const IdxArray train = ReadIdx(dir / kTrainImages), test = ReadIdx(dir / kTestImages);
  EXPECT_EQ(train.dims, (std::vector<int64_t>{300, 28, 28}));
  EXPECT_EQ(test.dims, (std::vector<int64_t>{200, 28, 28}));
  EXPECT_EQ(ReadIdx(dir / kTrainLabels).dims, std::vector<int64_t>{300});
  for (int64_t i = 0; i < 200; ++i) {
    const uint8_t* picture = &test.data[i * kPixels];
    for (int64_t j = 0; j < 300; ++j) {
      ASSERT_FALSE(std::equal(picture, picture + kPixels, &train.data[j * kPixels]))
          << i << " and " << j;
    }
  }
}

// Two programs that start together, as training and evaluation do: both end well and leave four
// whole files.
TEST(WriteDefaultDigits, TwoAtOnce) {
  TemporaryFolder temporary;
  for (int round = 0; round < 10; ++round) {
    const std::filesystem::path dir = temporary / std::to_string(round) / "data";
    auto other = std::async(std::launch::async, [&] { return WriteDefaultDigits(dir, kFew); });
    const bool wrote = WriteDefaultDigits(dir, kFew);
    EXPECT_TRUE(other.get() || wrote);
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(dir),
                            std::filesystem::directory_iterator()),
              4);
    EXPECT_EQ(ReadDataSets(dir, {.validation_size = 100}).train.num_examples(), 200);
  }
}

TEST(WriteDefaultDigits, DrawsWhatIsMissingAndOnlyThat) {
  TemporaryFolder dir;
  EXPECT_TRUE(WriteDefaultDigits(dir.path(), kFew));
  EXPECT_FALSE(WriteDefaultDigits(dir.path(), kFew));
  const IdxArray labels = ReadIdx(dir / kTestLabels);
  std::filesystem::remove(dir / kTestLabels);
  EXPECT_TRUE(WriteDefaultDigits(dir.path(), kFew));
  EXPECT_EQ(ReadIdx(dir / kTestLabels).data, labels.data);
}

// Files of someone else stay as they are, whether all four are there or not.
TEST(WriteDefaultDigits, NeverOverOtherData) {
  TemporaryFolder dir;
  EXPECT_TRUE(WriteDefaultDigits(dir.path(), kFew));
  WriteIdx(dir / kTestImages, {{2}, {1, 2}});
  EXPECT_FALSE(WriteDefaultDigits(dir.path(), kFew));
  std::filesystem::remove(dir / kTrainLabels);
  try {
    WriteDefaultDigits(dir.path(), kFew);
    ADD_FAILURE() << "other data were taken for default digits";
  } catch (const FileError& error) {
    EXPECT_THAT(error.what(),
                HasSubstr("t10k-images-idx3-ubyte.gz: holds other data than the default digits"));
  }
  EXPECT_EQ(ReadIdx(dir / kTestImages).data, (std::vector<uint8_t>{1, 2}));
}

TEST(WriteDefaultDigits, NamesAFolderThatCannotBeMade) {
  TemporaryFolder temporary;
  WriteIdx(temporary / "file", {{1}, {1}});
  try {
    WriteDefaultDigits(temporary / "file" / "data");
    ADD_FAILURE() << "made a folder inside a file";
  } catch (const FileError& error) {
    EXPECT_THAT(error.what(), HasSubstr((temporary / "file").string()));
    EXPECT_THAT(error.what(), HasSubstr("cannot be made"));
  }
}

}  // namespace
}  // namespace weft::examples
