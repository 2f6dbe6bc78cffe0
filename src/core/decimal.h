// SPDX-License-Identifier: Apache-2.0
// Decimal digits of binary floating point numbers, and the two ways of writing them that numpy has.
#pragma once

#include <string>
#include <string_view>

namespace weft {

// The precision that a number was stored with: what "shortest digits that give the number back"
// means.
enum class FloatKind { kHalf, kFloat, kDouble };

// How trailing zeros of the fraction are written.
enum class Trim {
  kKeep,          // "1.50"
  kDot,           // "1.5", "1."
  kLeaveOneZero,  // "1.5", "1.0"
  kDotAndZeros,   // "1.5", "1"
};

// The finite number (negative ? -1 : 1) * d.ddd * 10^exponent. Zero is "0" with exponent 0.
struct Decimal {
  bool negative = false;
  std::string digits;
  int exponent = 0;
};

// The fewest digits that read back as `value`; of several such the nearest. `value` must be finite
// and exact in `kind`.
Decimal ShortestDecimal(double value, FloatKind kind);
// `count` >= 1 digits: the exact value rounded, but so that it still reads back as `value` if so
// many digits can do that.
Decimal RoundedDecimal(double value, FloatKind kind, int count);

// A number split at its decimal point, for layouts in columns.
struct DecimalText {
  std::string whole;     // with the sign
  std::string fraction;  // without the point
  std::string exponent;  // digits with a sign, "+08"; empty in positional notation
};

// Positional notation with at most `max_fraction` digits after the point. With -1: as many as
// needed, and zeros stand for those digits before the point that are not needed either ("33900" for
// the half 33888).
DecimalText PositionalText(double value, FloatKind kind, int max_fraction, Trim trim);
// Scientific notation with at most `max_fraction` digits after the point (-1: as many as needed)
// and at least `min_fraction`.
DecimalText ScientificText(double value, FloatKind kind, int max_fraction, int min_fraction,
                           Trim trim);
// Joins the parts. With Trim::kDotAndZeros the point goes with an empty fraction.
std::string JoinText(const DecimalText& text, Trim trim);

// As numpy prints a scalar of this kind: "3.0", "0.099999905", "1e-05", "nan", "-inf".
std::string ScalarText(double value, FloatKind kind);
// As numpy prints a complex scalar: "(1+2j)", "2j".
std::string ComplexText(double real, double imag, FloatKind kind);

}  // namespace weft
