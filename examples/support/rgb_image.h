// SPDX-License-Identifier: Apache-2.0
// A small picture to paint on: filled rectangles, pictures inside it, and text in capitals.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace weft::examples {

struct Rgb {
  uint8_t red;
  uint8_t green;
  uint8_t blue;
  bool operator==(const Rgb&) const = default;
};

// Whatever is painted outside the picture is cut off.
class RgbImage {
 public:
  RgbImage(int width, int height, Rgb background);

  int width() const { return width_; }
  int height() const { return height_; }
  // [height, width, 3], row-major.
  const std::vector<uint8_t>& pixels() const { return pixels_; }

  // The colour at a place inside the picture.
  Rgb At(int x, int y) const;

  void FillRect(int x, int y, int width, int height, Rgb color);

  // `grey`: a picture of rows x columns values from 0 (black) to 1 (white), each painted as a
  // square of `scale` pixels.
  void DrawGrey(int x, int y, std::span<const float> grey, int rows, int columns, int scale);

  // Text whose upper left corner is (x, y): letters of 5 x 7 squares of `scale` pixels, one square
  // apart.
  void DrawText(int x, int y, std::string_view text, int scale, Rgb color);

 private:
  int width_;
  int height_;
  std::vector<uint8_t> pixels_;
};

// The width of the text as DrawText paints it.
int TextWidth(std::string_view text, int scale);
inline int TextHeight(int scale) { return 7 * scale; }

}  // namespace weft::examples
