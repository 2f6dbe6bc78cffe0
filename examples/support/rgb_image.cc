// SPDX-License-Identifier: Apache-2.0
#include "examples/support/rgb_image.h"

#include <algorithm>
#include <stdexcept>

#include "examples/support/bitmap_font.h"

namespace weft::examples {

RgbImage::RgbImage(int width, int height, Rgb background)
    : width_(width),
      height_(height),
      pixels_(size_t{3} * std::max(width, 0) * std::max(height, 0)) {
  if (width < 1 || height < 1)
    throw std::invalid_argument("RgbImage: width and height must be above 0");
  FillRect(0, 0, width, height, background);
}

Rgb RgbImage::At(int x, int y) const {
  const size_t at = 3 * (static_cast<size_t>(y) * width_ + x);
  return {pixels_[at], pixels_[at + 1], pixels_[at + 2]};
}

void RgbImage::FillRect(int x, int y, int width, int height, Rgb color) {
  const int left = std::max(x, 0), right = std::min(x + width, width_);
  for (int row = std::max(y, 0); row < std::min(y + height, height_); ++row) {
    for (int column = left; column < right; ++column) {
      uint8_t* pixel = &pixels_[3 * (static_cast<size_t>(row) * width_ + column)];
      pixel[0] = color.red;
      pixel[1] = color.green;
      pixel[2] = color.blue;
    }
  }
}

void RgbImage::DrawGrey(int x, int y, std::span<const float> grey, int rows, int columns,
                        int scale) {
  for (int row = 0; row < rows; ++row) {
    for (int column = 0; column < columns; ++column) {
      // The order of the arguments makes NaN black.
      const float value = std::min(1.0f, std::max(0.0f, grey[row * columns + column]));
      const uint8_t level = static_cast<uint8_t>(value * 255 + 0.5f);
      FillRect(x + column * scale, y + row * scale, scale, scale, {level, level, level});
    }
  }
}

void RgbImage::DrawText(int x, int y, std::string_view text, int scale, Rgb color) {
  for (const char c : text) {
    const Glyph& glyph = GlyphOf(c);
    for (int row = 0; row < kGlyphHeight; ++row) {
      for (int column = 0; column < kGlyphWidth; ++column) {
        if (glyph[row] >> (kGlyphWidth - 1 - column) & 1) {
          FillRect(x + column * scale, y + row * scale, scale, scale, color);
        }
      }
    }
    x += (kGlyphWidth + 1) * scale;
  }
}

int TextWidth(std::string_view text, int scale) {
  return text.empty() ? 0 : (static_cast<int>(text.size()) * (kGlyphWidth + 1) - 1) * scale;
}

}  // namespace weft::examples
