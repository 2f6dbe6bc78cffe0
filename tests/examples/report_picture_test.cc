// SPDX-License-Identifier: Apache-2.0
#include "examples/support/report_picture.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <set>
#include <stdexcept>
#include <string>

#include "examples/support/bitmap_font.h"
#include "examples/support/draw_digits.h"

namespace weft::examples {
namespace {

constexpr Rgb kBlack = {0, 0, 0};
constexpr Rgb kWhite = {255, 255, 255};
constexpr Rgb kRed = {255, 0, 0};

// The picture as text: '#' where it is not white.
std::string Sketch(const RgbImage& image) {
  std::string text;
  for (int y = 0; y < image.height(); ++y) {
    for (int x = 0; x < image.width(); ++x) text += image.At(x, y) == kWhite ? '.' : '#';
    text += '\n';
  }
  return text;
}

TEST(BitmapFont, EachSignHasItsOwnShape) {
  const std::string signs = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ .,:-+%()/=><#'!~";
  std::set<Glyph> shapes;
  for (const char c : signs) shapes.insert(GlyphOf(c));
  EXPECT_EQ(shapes.size(), signs.size());
  for (const char c : signs) {
    for (const uint8_t row : GlyphOf(c)) EXPECT_LT(row, 32) << c;
  }
  EXPECT_EQ(GlyphOf('q'), GlyphOf('Q'));
  EXPECT_EQ(GlyphOf('\n'), GlyphOf('~'));  // both unknown
  EXPECT_EQ(GlyphOf(' '), Glyph{});
}

TEST(RgbImage, TextIsPaintedDotByDot) {
  RgbImage image(12, 7, kWhite);
  image.DrawText(0, 0, "1L", 1, kBlack);
  EXPECT_EQ(Sketch(image),
            "..#...#.....\n"
            ".##...#.....\n"
            "#.#...#.....\n"
            "..#...#.....\n"
            "..#...#.....\n"
            "..#...#.....\n"
            "#####.#####.\n");
  EXPECT_EQ(TextWidth("1L", 1), 11);
  EXPECT_EQ(TextWidth("", 3), 0);
  EXPECT_EQ(TextWidth("8", 3), 15);
}

TEST(RgbImage, PaintingIsCutOffAtTheEdges) {
  RgbImage image(4, 3, kWhite);
  image.FillRect(-2, -1, 3, 2, kRed);
  image.FillRect(3, 2, 100, 100, kRed);
  image.FillRect(50, 50, 2, 2, kRed);
  image.DrawText(-20, -20, "8", 9, kWhite);
  EXPECT_EQ(Sketch(image), "#...\n....\n...#\n");
  EXPECT_EQ(image.At(0, 0), kRed);
  EXPECT_THROW(RgbImage(0, 3, kWhite), std::invalid_argument);
  EXPECT_THROW(RgbImage(3, -1, kWhite), std::invalid_argument);
}

TEST(RgbImage, GreyPicturesAreScaledAndClamped) {
  RgbImage image(4, 4, kRed);
  image.DrawGrey(0, 0,
                 std::vector<float>{0.5f, 7.0f, -1.0f, std::numeric_limits<float>::quiet_NaN()}, 2,
                 2, 2);
  EXPECT_EQ(image.At(1, 1), (Rgb{128, 128, 128}));
  EXPECT_EQ(image.At(2, 0), kWhite);
  EXPECT_EQ(image.At(0, 3), kBlack);
  EXPECT_EQ(image.At(3, 3), kBlack);
}

// A classifier that gives `sure` to one class and shares the rest among the others.
struct Case {
  std::vector<float> images;
  std::vector<uint8_t> classes;
  std::vector<float> probabilities;

  void Add(int truth, int guess, float sure) {
    images.resize(images.size() + kDigitSide * kDigitSide, 0.25f);
    classes.push_back(static_cast<uint8_t>(truth));
    for (int c = 0; c < 10; ++c) probabilities.push_back(c == guess ? sure : (1 - sure) / 9);
  }
  Answers answers() const { return {images, classes, probabilities}; }
};

TEST(Report, CountsConfusions) {
  Case c;
  c.Add(3, 3, 0.9f);
  c.Add(3, 3, 0.5f);
  c.Add(3, 5, 0.5f);
  c.Add(9, 0, 0.7f);
  c.Add(8, 8, 0.1f);
  std::fill(c.probabilities.end() - 10, c.probabilities.end(),
            0.1f);  // of equal ones the first is taken
  const ConfusionMatrix counts = CountConfusions(c.answers());
  EXPECT_EQ(counts[3][3], 2);
  EXPECT_EQ(counts[3][5], 1);
  EXPECT_EQ(counts[9][0], 1);
  EXPECT_EQ(counts[8][0], 1);
  int64_t total = 0;
  for (const auto& row : counts) {
    for (const int64_t count : row) total += count;
  }
  EXPECT_EQ(total, 5);
}

TEST(Report, WorstAreThoseWithTheLeastProbabilityOfTheTruth) {
  Case c;
  c.Add(1, 1, 0.99f);
  c.Add(1, 2, 0.55f);  // truth 0.05
  c.Add(1, 2, 0.91f);  // truth 0.01
  c.Add(1, 1, 0.30f);
  c.Add(1, 7, 0.91f);  // truth 0.01, later
  c.Add(1, 1, std::numeric_limits<float>::quiet_NaN());
  EXPECT_EQ(WorstAnswers(c.answers(), 4), (std::vector<int64_t>{5, 2, 4, 1}));
  EXPECT_EQ(WorstAnswers(c.answers(), 100), (std::vector<int64_t>{5, 2, 4, 1, 3, 0}));
  EXPECT_TRUE(WorstAnswers(c.answers(), 0).empty());
}

TEST(Report, RefusesSizesThatDoNotFit) {
  Case c;
  c.Add(1, 1, 0.9f);
  Answers short_images = c.answers(), short_probabilities = c.answers();
  short_images.images = short_images.images.first(783);
  short_probabilities.probabilities = short_probabilities.probabilities.first(9);
  EXPECT_THROW(CountConfusions(short_images), std::invalid_argument);
  EXPECT_THROW(WorstAnswers(short_probabilities, 1), std::invalid_argument);
  c.classes[0] = 10;
  EXPECT_THROW(DrawReport(c.answers(), "x"), std::invalid_argument);
}

int CountColor(const RgbImage& image, Rgb color) {
  int count = 0;
  for (int y = 0; y < image.height(); ++y) {
    for (int x = 0; x < image.width(); ++x) count += image.At(x, y) == color;
  }
  return count;
}

// The pictures of the digits have a grey of their own (0.25 * 255 = 64), so they can be counted.
TEST(Report, PictureShowsTwentyDigitsAndAMatrix) {
  Case c;
  for (int i = 0; i < 50; ++i) c.Add(i % 10, i < 30 ? i % 10 : (i + 1) % 10, 0.6f);
  const RgbImage report = DrawReport(c.answers(), "Test");
  EXPECT_GT(report.width(), report.height());
  EXPECT_EQ(CountColor(report, {64, 64, 64}), 20 * 84 * 84);

  const RgbImage none = DrawReport(Answers{}, "Test");
  EXPECT_EQ(none.width(), report.width());
  EXPECT_EQ(CountColor(none, {64, 64, 64}), 0);

  // More right answers make the diagonal another colour, and the rest of the matrix stays empty.
  Case right;
  for (int i = 0; i < 10; ++i) right.Add(i, i, 0.9f);
  EXPECT_NE(DrawReport(right.answers(), "Test").pixels(), report.pixels());
}

TEST(Report, TitleIsPainted) {
  Case c;
  c.Add(1, 1, 0.9f);
  EXPECT_NE(DrawReport(c.answers(), "Test").pixels(), DrawReport(c.answers(), "Best").pixels());
}

}  // namespace
}  // namespace weft::examples
