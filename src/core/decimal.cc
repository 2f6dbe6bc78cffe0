// SPDX-License-Identifier: Apache-2.0
#include "src/core/decimal.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include "weft/core/half.h"

namespace weft {
namespace {

// Takes apart what std::to_chars writes in scientific notation: "-d.ddde+xx".
Decimal ParseScientific(std::string_view text) {
  Decimal d;
  d.negative = text.starts_with('-');
  if (d.negative) text.remove_prefix(1);
  const size_t e = text.find('e');
  d.digits = text.substr(0, 1);
  if (e > 2) d.digits += text.substr(2, e - 2);
  std::string_view exponent = text.substr(e + 1);
  if (exponent.starts_with('+')) exponent.remove_prefix(1);
  std::from_chars(exponent.data(), exponent.data() + exponent.size(), d.exponent);
  return d;
}

// A double needs at most 767 digits, so this holds whatever is asked for.
constexpr int kMaxDigits = 800;

// Exact value rounded (half to even) to `count` digits.
Decimal NearestDecimal(double value, int count) {
  char buffer[kMaxDigits + 16];
  count = std::clamp(count, 1, kMaxDigits);
  const auto result = std::to_chars(buffer, buffer + sizeof(buffer), value,
                                    std::chars_format::scientific, count - 1);
  return ParseScientific({buffer, static_cast<size_t>(result.ptr - buffer)});
}

double ToDouble(const Decimal& d) {
  std::string text = d.negative ? "-" : "";
  text += d.digits + "e" + std::to_string(d.exponent - static_cast<int>(d.digits.size()) + 1);
  return std::strtod(text.c_str(), nullptr);
}

bool ReadsBack(const Decimal& d, double value, FloatKind kind) {
  const double read = ToDouble(d);
  switch (kind) {
    case FloatKind::kHalf: {
      // Decimals of a few digits and halves are far enough apart for the step over double and float
      // to be harmless: a tie between two halves is exact in both.
      return static_cast<float>(half(static_cast<float>(read))) == value;
    }
    case FloatKind::kFloat:
      return static_cast<float>(read) == value;
    case FloatKind::kDouble:
      return read == value;
  }
  return false;
}

// The next decimal of as many digits further away from zero.
Decimal NextUp(Decimal d) {
  size_t i = d.digits.size();
  while (i > 0 && d.digits[i - 1] == '9') d.digits[--i] = '0';
  if (i > 0) {
    ++d.digits[i - 1];
  } else {
    d.digits.insert(d.digits.begin(), '1');
    d.digits.pop_back();
    ++d.exponent;
  }
  return d;
}

void DropTrailingZeros(Decimal& d) {
  while (d.digits.size() > 1 && d.digits.back() == '0') d.digits.pop_back();
}

// Halves are few bits: a search over the number of digits is quick enough.
Decimal ShortestHalf(double value) {
  for (int count = 1;; ++count) {
    Decimal d = NearestDecimal(value, count);
    if (ReadsBack(d, value, FloatKind::kHalf)) return d;
    d = NextUp(std::move(d));
    if (ReadsBack(d, value, FloatKind::kHalf)) return d;
  }
}

void TrimFraction(std::string& fraction, Trim trim) {
  if (trim == Trim::kKeep) return;
  while (!fraction.empty() && fraction.back() == '0') fraction.pop_back();
  if (trim == Trim::kLeaveOneZero && fraction.empty()) fraction = "0";
}

}  // namespace

Decimal ShortestDecimal(double value, FloatKind kind) {
  if (value == 0) return {std::signbit(value), "0", 0};
  if (kind == FloatKind::kHalf) return ShortestHalf(value);
  char buffer[64];
  const auto result =
      kind == FloatKind::kFloat
          ? std::to_chars(buffer, buffer + sizeof(buffer), static_cast<float>(value),
                          std::chars_format::scientific)
          : std::to_chars(buffer, buffer + sizeof(buffer), value, std::chars_format::scientific);
  return ParseScientific({buffer, static_cast<size_t>(result.ptr - buffer)});
}

Decimal RoundedDecimal(double value, FloatKind kind, int count) {
  Decimal shortest = ShortestDecimal(value, kind);
  const int length = static_cast<int>(shortest.digits.size());
  if (length == count || value == 0) return shortest;
  Decimal nearest = NearestDecimal(value, count);
  // Just above a power of two numbers lie wider apart than just below, so that the nearest decimal
  // may read back as the number below while the next decimal up reads back as the value.
  if (length < count && !ReadsBack(nearest, value, kind)) return NextUp(std::move(nearest));
  return nearest;
}

DecimalText PositionalText(double value, FloatKind kind, int max_fraction, Trim trim) {
  Decimal d = ShortestDecimal(value, kind);
  const int fraction_digits = static_cast<int>(d.digits.size()) - 1 - d.exponent;
  if (max_fraction >= 0 && fraction_digits < 0) d = RoundedDecimal(value, kind, d.exponent + 1);
  if (max_fraction >= 0 && fraction_digits > max_fraction) {
    const int count = d.exponent + 1 + max_fraction;
    if (count >= 1) {
      d = RoundedDecimal(value, kind, count);
    } else {
      // All digits lie behind the last place, and at most the first one rounds up into it.
      const bool up = count == 0 && std::fabs(value) > 0.5 * std::pow(10.0, -max_fraction);
      d = up ? Decimal{d.negative, "1", -max_fraction} : Decimal{d.negative, "0", 0};
    }
    DropTrailingZeros(d);
  }
  DecimalText text;
  if (d.exponent < 0) {
    text.whole = "0";
    text.fraction = std::string(static_cast<size_t>(-d.exponent - 1), '0') + d.digits;
  } else {
    const size_t whole = static_cast<size_t>(d.exponent) + 1;
    text.whole = d.digits.substr(0, whole);
    text.whole.resize(whole, '0');
    if (d.digits.size() > whole) text.fraction = d.digits.substr(whole);
  }
  if (d.negative) text.whole.insert(text.whole.begin(), '-');
  TrimFraction(text.fraction, trim);
  return text;
}

DecimalText ScientificText(double value, FloatKind kind, int max_fraction, int min_fraction,
                           Trim trim) {
  Decimal d = ShortestDecimal(value, kind);
  const int digits = static_cast<int>(d.digits.size());
  if (max_fraction >= 0 && digits > max_fraction + 1) {
    d = RoundedDecimal(value, kind, max_fraction + 1);
  } else if (digits < min_fraction + 1) {
    d = RoundedDecimal(value, kind, min_fraction + 1);
  }
  DecimalText text;
  text.whole = d.digits.substr(0, 1);
  text.fraction = d.digits.substr(1);
  if (trim == Trim::kKeep && static_cast<int>(text.fraction.size()) < min_fraction) {
    text.fraction.resize(static_cast<size_t>(min_fraction), '0');
  }
  if (d.negative) text.whole.insert(text.whole.begin(), '-');
  TrimFraction(text.fraction, trim);
  const std::string exponent = std::to_string(std::abs(d.exponent));
  text.exponent = (d.exponent < 0 ? "-" : "+") + (exponent.size() < 2 ? "0" + exponent : exponent);
  return text;
}

std::string JoinText(const DecimalText& text, Trim trim) {
  std::string s = text.whole;
  if (trim != Trim::kDotAndZeros || !text.fraction.empty()) s += "." + text.fraction;
  if (!text.exponent.empty()) s += "e" + text.exponent;
  return s;
}

namespace {

std::string NumberText(double value, FloatKind kind, Trim positional_trim) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  // The decimal literals in extended precision: a float nearest to 1e-4 lies below 1e-4 itself.
  const long double magnitude = std::fabs(value);
  if (magnitude == 0 || (magnitude < 1.e16L && magnitude >= 1.e-4L)) {
    return JoinText(PositionalText(value, kind, -1, positional_trim), positional_trim);
  }
  return JoinText(ScientificText(value, kind, -1, -1, Trim::kDotAndZeros), Trim::kDotAndZeros);
}

}  // namespace

std::string ScalarText(double value, FloatKind kind) {
  return NumberText(value, kind, Trim::kLeaveOneZero);
}

std::string ComplexText(double real, double imag, FloatKind kind) {
  std::string imag_text = NumberText(imag, kind, Trim::kDotAndZeros) + "j";
  if (real == 0 && !std::signbit(real)) return imag_text;
  if (!imag_text.starts_with('-')) imag_text.insert(imag_text.begin(), '+');
  return "(" + NumberText(real, kind, Trim::kDotAndZeros) + imag_text + ")";
}

}  // namespace weft
