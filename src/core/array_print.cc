// SPDX-License-Identifier: Apache-2.0
// Arrays as text: numpy's array2string with its default options, and TensorFlow's one-line
// summaries.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <functional>
#include <limits>
#include <ostream>
#include <span>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "src/core/decimal.h"
#include "weft/core/array.h"
#include "weft/core/complex.h"
#include "weft/core/handle.h"

namespace weft {
namespace {

// numpy.get_printoptions().
constexpr int kPrecision = 8;
constexpr int64_t kThreshold = 1000;
constexpr int64_t kEdgeItems = 3;
constexpr size_t kLineWidth = 75;

// Writes the element of a row-major number.
using ElementFormat = std::function<std::string(int64_t)>;

// Python's repr of a bytes object.
std::string BytesRepr(std::string_view bytes) {
  const bool double_quotes = bytes.find('\'') != bytes.npos && bytes.find('"') == bytes.npos;
  const char quote = double_quotes ? '"' : '\'';
  std::string s = {'b', quote};
  for (const char c : bytes) {
    switch (c) {
      case '\t':
        s += "\\t";
        break;
      case '\n':
        s += "\\n";
        break;
      case '\r':
        s += "\\r";
        break;
      case '\\':
        s += "\\\\";
        break;
      default:
        if (c == quote) {
          s += {'\\', c};
        } else if (c >= ' ' && c < 0x7f) {
          s += c;
        } else {
          char hex[8];
          std::snprintf(hex, sizeof(hex), "\\x%02x", static_cast<unsigned char>(c));
          s += hex;
        }
    }
  }
  return s + quote;
}

float Float8E4M3(uint8_t bits) {
  const int exponent = (bits >> 3) & 0xf;
  const int mantissa = bits & 7;
  if (exponent == 0xf && mantissa == 7) return std::numeric_limits<float>::quiet_NaN();
  const float magnitude = exponent == 0
                              ? std::ldexp(static_cast<float>(mantissa), -9)
                              : std::ldexp(static_cast<float>(8 + mantissa), exponent - 10);
  return bits & 0x80 ? -magnitude : magnitude;
}

float Float8E5M2(uint8_t bits) { return half::FromBits(static_cast<uint16_t>(bits << 8)); }

// The types that numpy doesn't know print as C++ streams do: six digits.
std::string SixDigits(float f) {
  if (std::isnan(f)) return "nan";
  char text[32];
  std::snprintf(text, sizeof(text), "%.6g", static_cast<double>(f));
  return text;
}

FloatKind KindOf(DataType dtype) {
  switch (dtype) {
    case kFloat16:
      return FloatKind::kHalf;
    case kFloat64:
    case kComplex128:
      return FloatKind::kDouble;
    default:
      return FloatKind::kFloat;
  }
}

// max / min as the element type computes it: halves and floats may overflow, and round.
double Quotient(double max, double min, FloatKind kind) {
  if (kind == FloatKind::kDouble) return max / min;
  const float quotient = static_cast<float>(max) / static_cast<float>(min);
  return kind == FloatKind::kHalf ? static_cast<float>(half(quotient)) : quotient;
}

// One notation and one column width for a set of numbers.
class FloatColumn {
 public:
  FloatColumn(const std::vector<double>& values, FloatKind kind, bool plus_sign)
      : kind_(kind), plus_sign_(plus_sign) {
    std::vector<double> finite;
    std::copy_if(values.begin(), values.end(), std::back_inserter(finite),
                 [](double v) { return std::isfinite(v); });
    scientific_ = NeedsScientific(finite);
    for (const double v : finite) Measure(v);
    if (scientific_) right_ = exponent_digits_ + 2 + precision_;
    if (finite.size() != values.size()) WidenForNonFinite(values);
  }

  std::string Format(double v) const {
    if (!std::isfinite(v)) {
      std::string s = std::isnan(v) ? "nan" : "inf";
      if (std::isinf(v) && v < 0) {
        s = "-inf";
      } else if (plus_sign_) {
        s = "+" + s;
      }
      const size_t width = left_ + right_ + 1;
      return std::string(width > s.size() ? width - s.size() : 0, ' ') + s;
    }
    DecimalText text = Text(v, static_cast<int>(precision_));
    if (text.whole.size() < left_) text.whole.insert(0, left_ - text.whole.size(), ' ');
    if (scientific_) {
      const size_t digits = text.exponent.size() - 1;
      if (digits < exponent_digits_) text.exponent.insert(1, exponent_digits_ - digits, '0');
      return JoinText(text, Trim::kKeep);
    }
    const size_t padding = right_ - text.fraction.size();
    return JoinText(text, Trim::kDot) + std::string(padding, ' ');
  }

 private:
  bool NeedsScientific(const std::vector<double>& finite) const {
    double max = 0, min = std::numeric_limits<double>::infinity();
    for (const double v : finite) {
      if (v == 0) continue;
      max = std::max(max, std::fabs(v));
      min = std::min(min, std::fabs(v));
    }
    return max != 0 && (max >= 1.e8 || min < 0.0001 || Quotient(max, min, kind_) > 1000.);
  }

  // `fraction`: how many digits after the point in scientific notation, or -1 for as many as needed
  // up to kPrecision.
  DecimalText Text(double v, int fraction) const {
    const Trim trim = fraction < 0 ? Trim::kDot : Trim::kKeep;
    DecimalText text =
        scientific_ ? ScientificText(v, kind_, fraction < 0 ? kPrecision : fraction, fraction, trim)
                    : PositionalText(v, kind_, kPrecision, Trim::kDot);
    if (plus_sign_ && !std::signbit(v)) text.whole.insert(text.whole.begin(), '+');
    return text;
  }

  void Measure(double v) {
    const DecimalText text = Text(v, -1);
    left_ = std::max(left_, text.whole.size());
    if (scientific_) {
      precision_ = std::max(precision_, text.fraction.size());
      exponent_digits_ = std::max(exponent_digits_, text.exponent.size() - 1);
    } else {
      right_ = std::max(right_, text.fraction.size());
    }
  }

  void WidenForNonFinite(const std::vector<double>& values) {
    const bool negative =
        std::any_of(values.begin(), values.end(), [](double v) { return std::isinf(v) && v < 0; });
    const size_t longest = plus_sign_ || negative ? 4 : 3;
    if (longest > right_ + 1) left_ = std::max(left_, longest - (right_ + 1));
  }

  FloatKind kind_;
  bool plus_sign_;
  bool scientific_ = false;
  size_t left_ = 0;   // characters before the point
  size_t right_ = 0;  // characters after it
  size_t precision_ = 0;
  size_t exponent_digits_ = 0;
};

double ComplexPart(const Array& a, int64_t i, bool imag) {
  if (a.dtype() == kComplex64) {
    const complex64 c = a.data<complex64>()[i];
    return imag ? c.imag() : c.real();
  }
  const complex128 c = a.data<complex128>()[i];
  return imag ? c.imag() : c.real();
}

std::string IntegerText(const Array& a, int64_t i) {
  if (a.dtype() == kUint64) return std::to_string(a.data<uint64_t>()[i]);
  const auto byte = [&] { return static_cast<const uint8_t*>(a.raw_data())[i]; };
  if (a.dtype() == kUint4) return std::to_string(byte() & 0xf);
  if (a.dtype() == kInt4) return std::to_string(((byte() & 0xf) ^ 8) - 8);
  return std::to_string(a.AsInt64(i));
}

// Elements that stand for themselves, without padding.
std::string ElementText(const Array& a, int64_t i) {
  switch (a.dtype()) {
    case kFloat16:
    case kFloat32:
    case kFloat64:
      return ScalarText(a.AsDouble(i), KindOf(a.dtype()));
    case kComplex64:
    case kComplex128:
      return ComplexText(ComplexPart(a, i, false), ComplexPart(a, i, true), KindOf(a.dtype()));
    case kBool:
      return a.data<bool>()[i] ? "True" : "False";
    case kBfloat16:
      return SixDigits(a.data<bfloat16>()[i]);
    case kFloat8E5M2:
      return SixDigits(Float8E5M2(static_cast<const uint8_t*>(a.raw_data())[i]));
    case kFloat8E4M3fn:
      return SixDigits(Float8E4M3(static_cast<const uint8_t*>(a.raw_data())[i]));
    case kString:
      return BytesRepr(a.data<std::string>()[i]);
    case kResource: {
      const ResourceHandle& h = a.data<ResourceHandle>()[i];
      return "<" + (h.type.empty() ? std::string("Resource") : h.type) + " '" + h.name + "'>";
    }
    case kVariant: {
      const std::string& name = a.data<Variant>()[i].type_name;
      return "<Variant" + (name.empty() ? std::string() : " " + name) + ">";
    }
    default:
      return IntegerText(a, i);
  }
}

ElementFormat IntegerFormat(const Array& a, std::span<const int64_t> shown) {
  size_t width = 0;
  for (const int64_t i : shown) width = std::max(width, IntegerText(a, i).size());
  return [&a, width](int64_t i) {
    std::string s = IntegerText(a, i);
    s.insert(0, width - s.size(), ' ');
    return s;
  };
}

ElementFormat FloatFormat(const Array& a, std::span<const int64_t> shown) {
  std::vector<double> values;
  for (const int64_t i : shown) values.push_back(a.AsDouble(i));
  return [&a, column = FloatColumn(values, KindOf(a.dtype()), false)](int64_t i) {
    return column.Format(a.AsDouble(i));
  };
}

ElementFormat ComplexFormat(const Array& a, std::span<const int64_t> shown) {
  std::vector<double> real, imag;
  for (const int64_t i : shown) {
    real.push_back(ComplexPart(a, i, false));
    imag.push_back(ComplexPart(a, i, true));
  }
  const FloatKind kind = KindOf(a.dtype());
  return [&a, reals = FloatColumn(real, kind, false),
          imags = FloatColumn(imag, kind, true)](int64_t i) {
    std::string s = imags.Format(ComplexPart(a, i, true));
    s.insert(s.find_last_not_of(' ') + 1, "j");  // before the padding
    return reals.Format(ComplexPart(a, i, false)) + s;
  };
}

// `shown`: the elements that the columns must fit.
ElementFormat FormatFor(const Array& a, std::span<const int64_t> shown) {
  switch (a.dtype()) {
    case kFloat16:
    case kFloat32:
    case kFloat64:
      return FloatFormat(a, shown);
    case kComplex64:
    case kComplex128:
      return ComplexFormat(a, shown);
    case kBool:
      return [&a](int64_t i) { return a.data<bool>()[i] ? " True" : "False"; };
    case kBfloat16:
    case kFloat8E5M2:
    case kFloat8E4M3fn:
    case kString:
    case kResource:
    case kVariant:
      return [&a](int64_t i) { return ElementText(a, i); };
    default:
      return IntegerFormat(a, shown);
  }
}

// Nested brackets, one row a line, wrapped at kLineWidth, with the middle left out where asked for.
class Layout {
 public:
  Layout(const Array& a, bool summarize) : array_(a), summarize_(summarize) {
    std::vector<int64_t> shown;
    CollectShown(0, 0, &shown);
    format_ = FormatFor(a, shown);
  }

  std::string Text() const { return Nested(0, 0, kLineWidth); }

 private:
  bool Skips(int64_t size) const { return summarize_ && size > 2 * kEdgeItems; }

  // Calls visit(i) for the items of a dimension that are shown, and gap() between the two ends if
  // some are not.
  template <typename Visit, typename Gap>
  void ForShown(int64_t size, Visit visit, Gap gap) const {
    if (!Skips(size)) {
      for (int64_t i = 0; i < size; ++i) visit(i);
      return;
    }
    for (int64_t i = 0; i < kEdgeItems; ++i) visit(i);
    gap();
    for (int64_t i = size - kEdgeItems; i < size; ++i) visit(i);
  }

  // Rows of dimension `axis` are numbered through all outer ones: the items of row r are r * size
  // ... r * size + size - 1.
  void CollectShown(int axis, int64_t row, std::vector<int64_t>* shown) const {
    if (axis == array_.rank()) {
      shown->push_back(row);
      return;
    }
    const int64_t size = array_.dim(axis);
    ForShown(
        size, [&](int64_t i) { CollectShown(axis + 1, row * size + i, shown); }, [] {});
  }

  std::string Nested(int axis, int64_t row, size_t width) const {
    const int64_t size = array_.dim(axis);
    const std::string indent(static_cast<size_t>(axis) + 1, ' ');
    if (axis + 1 == array_.rank()) return "[" + Row(row, size, indent, width) + "]";
    const std::string separator(static_cast<size_t>(array_.rank() - axis - 1), '\n');
    std::string s = "[";
    bool first = true;
    const auto begin_item = [&] {
      if (!first) s += separator + indent;
      first = false;
    };
    ForShown(
        size,
        [&](int64_t i) {
          begin_item();
          // The closing brackets of the outer dimensions take their place in the line too.
          s += Nested(axis + 1, row * size + i, width > 0 ? width - 1 : 0);
        },
        [&] {
          begin_item();
          s += "...";
        });
    return s + "]";
  }

  std::string Row(int64_t row, int64_t size, const std::string& indent, size_t width) const {
    std::string s, line = indent;
    const auto add_word = [&](const std::string& word) {
      if (line.size() > indent.size()) {
        line += ' ';
        if (line.size() + word.size() + 1 > width) {
          line.erase(line.find_last_not_of(' ') + 1);
          s += line + "\n";
          line = indent;
        }
      }
      line += word;
    };
    ForShown(
        size, [&](int64_t i) { add_word(format_(row * size + i)); }, [&] { add_word("..."); });
    return (s + line).substr(indent.size());
  }

  const Array& array_;
  bool summarize_;
  ElementFormat format_;
};

// "%.6g" if that reads back as the value, else with the digits that surely do.
std::string SummaryFloat(double v, FloatKind kind) {
  if (std::isnan(v)) return "nan";
  const bool is_double = kind == FloatKind::kDouble;
  char text[40];
  std::snprintf(text, sizeof(text), "%.*g", is_double ? 15 : 6, v);
  const double read = is_double ? std::strtod(text, nullptr) : std::strtof(text, nullptr);
  if (read != v) std::snprintf(text, sizeof(text), "%.*g", is_double ? 17 : 9, v);
  return text;
}

std::string SummaryElement(const Array& a, int64_t i) {
  switch (a.dtype()) {
    case kFloat32:
    case kFloat64:
    case kFloat16:
    case kBfloat16:
      return SummaryFloat(a.AsDouble(i), KindOf(a.dtype()));
    case kBool:
      return a.data<bool>()[i] ? "1" : "0";
    case kString:
      return absl::Utf8SafeCEscape(a.data<std::string>()[i]);
    default:
      return ElementText(a, i);
  }
}

class Summary {
 public:
  Summary(const Array& a, int64_t limit) : array_(a), limit_(limit) {}

  std::string Text() {
    Dimension(0);
    if (next_ < array_.num_elements()) text_ += "...";
    return std::move(text_);
  }

 private:
  void Dimension(int axis) {
    const int64_t size = array_.dim(axis);
    const bool last = axis + 1 == array_.rank();
    for (int64_t i = 0; i < size; ++i) {
      if (next_ >= limit_) {
        if (last && axis > 0) text_ += "...";
        return;
      }
      if (last) {
        if (i > 0) text_ += ' ';
        text_ += SummaryElement(array_, next_++);
      } else {
        text_ += '[';
        Dimension(axis + 1);
        text_ += ']';
      }
    }
  }

  const Array& array_;
  int64_t limit_;
  int64_t next_ = 0;
  std::string text_;
};

}  // namespace

std::string Array::ToString() const {
  if (!valid()) return "<no value>";
  if (rank() == 0) return ElementText(*this, 0);
  if (num_elements() == 0) return "[]";
  return Layout(*this, num_elements() > kThreshold).Text();
}

std::string Array::Summarize(int64_t max_elements) const {
  if (!valid()) return "<no value>";
  if (num_elements() == 0) return "";
  if (max_elements < 0) max_elements = num_elements();
  if (rank() == 0) return max_elements > 0 ? SummaryElement(*this, 0) : "...";
  return Summary(*this, max_elements).Text();
}

std::ostream& operator<<(std::ostream& out, const Array& a) { return out << a.ToString(); }

}  // namespace weft
