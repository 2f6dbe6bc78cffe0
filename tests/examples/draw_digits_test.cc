// SPDX-License-Identifier: Apache-2.0
#include "examples/support/draw_digits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <functional>
#include <future>
#include <iterator>
#include <numeric>
#include <string>

#include "examples/support/digit_strokes.h"
#include "examples/support/idx.h"
#include "examples/support/mnist_data.h"
#include "tests/support/temporary_folder.h"

namespace weft::examples {
namespace {

using test::TemporaryFolder;
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

// A picture as the sums of its 7 x 7 squares of 4 x 4 pixels.
using Coarse = std::array<double, 49>;

std::vector<Coarse> MakeCoarse(const Digits& digits) {
  std::vector<Coarse> coarse(digits.classes.size(), Coarse{});
  for (size_t i = 0; i < digits.pixels.size(); ++i) {
    const size_t x = i % kDigitSide, y = i % kPixels / kDigitSide;
    coarse[i / kPixels][y / 4 * 7 + x / 4] += digits.pixels[i];
  }
  return coarse;
}

size_t Nearest(const Coarse& picture, const std::vector<Coarse>& others) {
  const auto distance2 = [&](const Coarse& other) {
    return std::transform_reduce(picture.begin(), picture.end(), other.begin(), 0.0, std::plus<>(),
                                 [](double a, double b) { return (a - b) * (a - b); });
  };
  std::vector<double> distances;
  for (const Coarse& other : others) distances.push_back(distance2(other));
  return std::min_element(distances.begin(), distances.end()) - distances.begin();
}

// Neither trivial (the mean pictures do not separate the classes) nor hopeless (near neighbours
// mostly agree).
TEST(DrawDigits, TheTaskIsLearnableAndNotTrivial) {
  const Digits train = DrawDigits(2000, 100), test = DrawDigits(400, 101);
  const std::vector<Coarse> train_pictures = MakeCoarse(train), test_pictures = MakeCoarse(test);
  std::vector<Coarse> means(10, Coarse{});
  std::array<double, 10> of_class = {};
  for (const uint8_t c : train.classes) of_class[c] += 1;
  for (size_t i = 0; i < train_pictures.size(); ++i) {
    const int c = train.classes[i];
    for (size_t k = 0; k < 49; ++k) means[c][k] += train_pictures[i][k] / of_class[c];
  }
  int by_mean = 0, by_neighbour = 0;
  for (size_t i = 0; i < test_pictures.size(); ++i) {
    by_mean += Nearest(test_pictures[i], means) == test.classes[i];
    by_neighbour += train.classes[Nearest(test_pictures[i], train_pictures)] == test.classes[i];
  }
  EXPECT_GT(by_mean, 400 * 0.60);
  EXPECT_LT(by_mean, 400 * 0.80);
  EXPECT_GT(by_neighbour, 400 * 0.84);
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
