// SPDX-License-Identifier: Apache-2.0
// How the ten digits are written: pen strokes, several ways for each digit, from which
// draw_digits.h draws its pictures.
#pragma once

#include <cstdint>
#include <span>

namespace weft::examples {

enum class KnotKind : uint8_t {
  kStart,   // the pen is put down
  kSmooth,  // the curve (a Catmull-Rom spline) runs through
  kCorner,  // the curve runs through and may turn sharply
};

// A point on a stroke. The digit stands in 0 .. 100, x to the right, y down.
struct Knot {
  int8_t x;
  int8_t y;
  KnotKind kind;
};

// One way to write a digit. A prototype starts with a kStart knot, and each stroke has at least two
// knots.
struct Prototype {
  std::span<const Knot> knots;
  int weight;  // how often it is chosen, relative to the others of the digit
};

// The prototypes of `digit`, 0 .. 9.
std::span<const Prototype> PrototypesOf(int digit);

}  // namespace weft::examples
