// SPDX-License-Identifier: Apache-2.0
// Array literals of a chosen dtype, and comparing Arrays within a tolerance.
//
//   F32({1, 2})   I64({{1, 2}, {3, 4}})   F64(0.5)   F16(Shape({2, 1, 1, 3}), {1, 2, 3, 4, 5, 6})
//   EXPECT_TRUE(ArraysNear(got, F32({1, 2}), DefaultTolerance(kFloat32)));
#pragma once

#include <cstdint>
#include <initializer_list>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

#include "gtest/gtest.h"
#include "weft/core/array.h"
#include "weft/core/complex.h"

namespace weft {

inline constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
inline constexpr float kInf = std::numeric_limits<float>::infinity();

// Makes Arrays of T; elements are written as Written.
template <typename T, typename Written = T>
class Literal {
  // A conversion of its own for one number makes {{1}} a matrix and not a vector.
  struct Element {
    template <typename U>
    requires std::is_convertible_v<U, Written> Element(U v) : value(static_cast<Written>(v)) {}
    T value;
  };
  using RowElement = std::conditional_t<std::is_same_v<Written, std::string>, const char*, Written>;

 public:
  Array operator()(Element e) const { return Array(e.value); }
  Array operator()(std::initializer_list<Element> values) const {
    return (*this)(Shape({static_cast<int64_t>(values.size())}), values);
  }
  Array operator()(std::initializer_list<std::initializer_list<RowElement>> rows) const {
    const int64_t columns = rows.size() ? static_cast<int64_t>(rows.begin()->size()) : 0;
    std::vector<T> flat;
    for (const auto& row : rows) {
      for (const RowElement& e : row) flat.push_back(T(e));
    }
    return Array::FromVector(flat, Shape({static_cast<int64_t>(rows.size()), columns}));
  }
  // Any rank: row-major elements. One value fills the whole Array.
  Array operator()(const Shape& shape, std::initializer_list<Element> values) const {
    std::vector<T> flat;
    for (const Element& e : values) flat.push_back(e.value);
    if (flat.size() == 1) flat.resize(static_cast<size_t>(shape.num_elements()), flat[0]);
    return Array::FromVector(flat, shape);
  }
};
inline constexpr Literal<float> F32;
inline constexpr Literal<double> F64;
inline constexpr Literal<half, float> F16;
inline constexpr Literal<bfloat16, float> BF16;
inline constexpr Literal<int8_t> I8;
inline constexpr Literal<int16_t> I16;
inline constexpr Literal<int32_t> I32;
inline constexpr Literal<int64_t> I64;
inline constexpr Literal<uint8_t> U8;
inline constexpr Literal<uint16_t> U16;
inline constexpr Literal<uint32_t> U32;
inline constexpr Literal<uint64_t> U64;
inline constexpr Literal<bool> Bool;
inline constexpr Literal<complex64> C64;
inline constexpr Literal<complex128> C128;
inline constexpr Literal<std::string> Str;
inline constexpr Literal<qint8, int8_t> Q8;
inline constexpr Literal<quint8, uint8_t> QU8;
inline constexpr Literal<qint32, int32_t> Q32;

// |got - want| <= absolute + relative * |want|.
struct Tolerance {
  double relative = 0;
  double absolute = 0;
};

// Some units in the last place of the dtype; zero (exact) if it is neither floating nor complex.
Tolerance DefaultTolerance(DataType dtype);

// Same dtype and shape, elements within the tolerance (of the parts of complex ones). NaN equals
// NaN, an infinity only itself. The failure names the worst element.
testing::AssertionResult ArraysNear(const Array& got, const Array& want, Tolerance tolerance);
// The same, bit for bit in value.
testing::AssertionResult ArraysEqual(const Array& got, const Array& want);

// "[1,0,2]" of the row-major element number i.
std::string IndexText(const Shape& shape, int64_t i);

// The dtype `to`, element by element, of a real or bool Array with a real value of that type.
Array CastArray(const Array& from, DataType to);

}  // namespace weft
