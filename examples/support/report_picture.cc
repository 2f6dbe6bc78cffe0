// SPDX-License-Identifier: Apache-2.0
#include "examples/support/report_picture.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>
#include <stdexcept>
#include <string>

#include "examples/support/draw_digits.h"

namespace weft::examples {
namespace {

constexpr int kClasses = 10;
constexpr int kSide = kDigitSide;
constexpr int64_t kPixels = kDigitSide * kDigitSide;

constexpr Rgb kPaper = {250, 249, 246};
constexpr Rgb kText = {40, 42, 48};
constexpr Rgb kFaint = {130, 132, 138};
constexpr Rgb kWhite = {255, 255, 255};
constexpr Rgb kEmpty = {238, 237, 233};
constexpr Rgb kRight = {24, 104, 142};
constexpr Rgb kWrong = {200, 62, 40};

constexpr int kMargin = 24;
constexpr int kTop = 96;  // where matrix and digits begin, below the title and the headings
constexpr int kRowLabels = 36;
constexpr int kCell = 52;
constexpr int kGap = 2;
constexpr int kMatrix = kClasses * kCell;
constexpr int kWorstLeft = kMargin + kRowLabels + kMatrix + 40;
constexpr int kWorstColumns = 5;
constexpr int kWorstRows = 4;
constexpr int kZoom = 3;
constexpr int kTileWidth = kSide * kZoom + 20;
constexpr int kTileHeight = kMatrix / kWorstRows;

void Check(const Answers& a) {
  const size_t n = a.classes.size();
  if (a.images.size() != n * kPixels || a.probabilities.size() != n * kClasses) {
    throw std::invalid_argument(
        "Answers: " + std::to_string(n) + " classes need " + std::to_string(n * kPixels) +
        " pixels and " + std::to_string(n * kClasses) + " probabilities; there are " +
        std::to_string(a.images.size()) + " and " + std::to_string(a.probabilities.size()));
  }
  const auto bad =
      std::find_if(a.classes.begin(), a.classes.end(), [](uint8_t c) { return c >= kClasses; });
  if (bad != a.classes.end()) {
    throw std::invalid_argument("Answers: class " + std::to_string(*bad) + " of digit " +
                                std::to_string(bad - a.classes.begin()) + " is above 9");
  }
}

int Predicted(const Answers& a, int64_t i) {
  const auto row = a.probabilities.subspan(i * kClasses, kClasses);
  return static_cast<int>(std::max_element(row.begin(), row.end()) - row.begin());
}

float ProbabilityOf(const Answers& a, int64_t i, int digit) {
  const float p = a.probabilities[i * kClasses + digit];
  return p > 0 ? p : 0;  // NaN is 0 too
}

Rgb Blend(Rgb from, Rgb to, float share) {
  const auto mix = [share](uint8_t a, uint8_t b) {
    return static_cast<uint8_t>(a + share * (b - a) + 0.5f);
  };
  return {mix(from.red, to.red), mix(from.green, to.green), mix(from.blue, to.blue)};
}

void DrawCentred(RgbImage& image, int centre, int y, std::string_view text, int scale, Rgb color) {
  image.DrawText(centre - TextWidth(text, scale) / 2, y, text, scale, color);
}

std::string Percent(double share, int decimals) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.*f%%", decimals, 100 * share);
  return text;
}

void DrawCell(RgbImage& image, int truth, int guess, int64_t count, int64_t row_total) {
  const int x = kMargin + kRowLabels + guess * kCell, y = kTop + truth * kCell;
  const float share = row_total > 0 ? static_cast<float>(count) / static_cast<float>(row_total) : 0;
  // The right ones are nearly all of a row, the wrong ones a few in a thousand: the fourth root
  // spreads the small shares.
  const float depth = truth == guess ? share * share : std::sqrt(std::sqrt(share));
  const Rgb color = count == 0 ? kEmpty : Blend(kEmpty, truth == guess ? kRight : kWrong, depth);
  image.FillRect(x, y, kCell - kGap, kCell - kGap, color);
  const std::string text = std::to_string(count);
  const int scale = TextWidth(text, 2) <= kCell - kGap ? 2 : 1;
  const Rgb ink = count == 0 ? Blend(kEmpty, kFaint, 0.4f) : depth > 0.6f ? kWhite : kText;
  DrawCentred(image, x + (kCell - kGap) / 2, y + (kCell - kGap - TextHeight(scale)) / 2, text,
              scale, ink);
}

void DrawMatrix(RgbImage& image, const ConfusionMatrix& counts) {
  const int left = kMargin + kRowLabels;
  image.DrawText(left, kTop - 44, "TRUE DIGIT IN ROWS, PREDICTED IN COLUMNS", 1, kFaint);
  for (int i = 0; i < kClasses; ++i) {
    const char digit[] = {static_cast<char>('0' + i), '\0'};
    DrawCentred(image, left + i * kCell + (kCell - kGap) / 2, kTop - 24, digit, 2, kText);
    DrawCentred(image, kMargin + 10, kTop + i * kCell + (kCell - kGap - TextHeight(2)) / 2, digit,
                2, kText);
    const int64_t total = std::accumulate(counts[i].begin(), counts[i].end(), int64_t{0});
    for (int j = 0; j < kClasses; ++j) DrawCell(image, i, j, counts[i][j], total);
  }
}

// The digit and below it "4 > 9 87%": true class, predicted class, probability of the predicted
// one.
void DrawTile(RgbImage& image, int x, int y, const Answers& a, int64_t index) {
  const int truth = a.classes[index], guess = Predicted(a, index);
  const int side = kSide * kZoom;
  const Rgb verdict = truth == guess ? kRight : kWrong;
  image.FillRect(x - 2, y - 2, side + 4, side + 4, verdict);
  image.DrawGrey(x, y, a.images.subspan(index * kPixels, kPixels), kSide, kSide, kZoom);
  const std::string percent = Percent(ProbabilityOf(a, index, guess), 0);
  const int text_y = y + side + 8;
  image.DrawText(x, text_y, std::to_string(truth), 2, kText);
  image.DrawText(x + 13, text_y, ">", 2, kFaint);
  image.DrawText(x + 26, text_y, std::to_string(guess), 2, verdict);
  image.DrawText(x + side + 10 - TextWidth(percent, 2), text_y, percent, 2, kFaint);
}

void DrawWorst(RgbImage& image, const Answers& a) {
  image.DrawText(kWorstLeft, kTop - 44, "THE DIGITS WHOSE TRUE CLASS GOT THE LEAST PROBABILITY", 1,
                 kFaint);
  image.DrawText(kWorstLeft, kTop - 30, "TRUE > PREDICTED, PROBABILITY OF THE PREDICTED", 1,
                 kFaint);
  const std::vector<int64_t> worst = WorstAnswers(a, kWorstColumns * kWorstRows);
  for (size_t i = 0; i < worst.size(); ++i) {
    const int column = static_cast<int>(i) % kWorstColumns,
              row = static_cast<int>(i) / kWorstColumns;
    DrawTile(image, kWorstLeft + 2 + column * kTileWidth, kTop + 2 + row * kTileHeight, a,
             worst[i]);
  }
}

}  // namespace

ConfusionMatrix CountConfusions(const Answers& answers) {
  Check(answers);
  ConfusionMatrix counts = {};
  for (size_t i = 0; i < answers.classes.size(); ++i)
    ++counts[answers.classes[i]][Predicted(answers, i)];
  return counts;
}

std::vector<int64_t> WorstAnswers(const Answers& answers, int64_t count) {
  Check(answers);
  std::vector<int64_t> order(answers.classes.size());
  std::iota(order.begin(), order.end(), int64_t{0});
  count = std::clamp<int64_t>(count, 0, static_cast<int64_t>(order.size()));
  const auto probability = [&](int64_t i) { return ProbabilityOf(answers, i, answers.classes[i]); };
  std::partial_sort(order.begin(), order.begin() + count, order.end(), [&](int64_t a, int64_t b) {
    const float pa = probability(a), pb = probability(b);
    return pa != pb ? pa < pb : a < b;
  });
  order.resize(count);
  return order;
}

RgbImage DrawReport(const Answers& answers, std::string_view title) {
  const ConfusionMatrix counts = CountConfusions(answers);
  int64_t right = 0;
  for (int i = 0; i < kClasses; ++i) right += counts[i][i];
  const int64_t total = static_cast<int64_t>(answers.classes.size());

  RgbImage image(kWorstLeft + kWorstColumns * kTileWidth - 20 + 4 + kMargin,
                 kTop + kMatrix + kMargin, kPaper);
  std::string heading =
      std::string(title) + ": " + std::to_string(right) + " of " + std::to_string(total) + " right";
  if (total > 0)
    heading += " (" + Percent(static_cast<double>(right) / static_cast<double>(total), 2) + ")";
  image.DrawText(kMargin + kRowLabels, kMargin, heading, 2, kText);
  DrawMatrix(image, counts);
  DrawWorst(image, answers);
  return image;
}

}  // namespace weft::examples
