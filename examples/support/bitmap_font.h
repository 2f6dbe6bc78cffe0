// SPDX-License-Identifier: Apache-2.0
// Letters of 5 x 7 dots.
#pragma once

#include <array>
#include <cstdint>

namespace weft::examples {

inline constexpr int kGlyphWidth = 5;
inline constexpr int kGlyphHeight = 7;

// Rows from the top; the leftmost dot is bit 4.
using Glyph = std::array<uint8_t, kGlyphHeight>;

// Digits, letters (small ones look like capitals), blank and . , : - + % ( ) / = > < # ' !; a
// hollow box for all else.
const Glyph& GlyphOf(char c);

}  // namespace weft::examples
