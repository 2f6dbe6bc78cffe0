// SPDX-License-Identifier: Apache-2.0
// Element types of tensors.
//
// DataType has TensorFlow's numbers, so that it can be written to and read from its files as it is.
// A reference type (kFloat32Ref = kFloat32 + 100) is the type of an output that hands out a
// variable itself and not its value.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "weft/core/half.h"

namespace weft {

enum DataType : int32_t {
  kInvalidType = 0,
  kFloat32 = 1,
  kFloat64 = 2,
  kInt32 = 3,
  kUint8 = 4,
  kInt16 = 5,
  kInt8 = 6,
  kString = 7,
  kComplex64 = 8,
  kInt64 = 9,
  kBool = 10,
  kQint8 = 11,
  kQuint8 = 12,
  kQint32 = 13,
  kBfloat16 = 14,
  kQint16 = 15,
  kQuint16 = 16,
  kUint16 = 17,
  kComplex128 = 18,
  kFloat16 = 19,
  kResource = 20,
  kVariant = 21,
  kUint32 = 22,
  kUint64 = 23,
  kFloat8E5M2 = 24,
  kFloat8E4M3fn = 25,
  kInt4 = 29,
  kUint4 = 30,
};

constexpr int32_t kRefOffset = 100;

constexpr bool IsRef(DataType t) { return t > kRefOffset; }
constexpr DataType MakeRef(DataType t) {
  return IsRef(t) ? t : static_cast<DataType>(t + kRefOffset);
}
constexpr DataType RemoveRef(DataType t) {
  return IsRef(t) ? static_cast<DataType>(t - kRefOffset) : t;
}

// "float32" as numpy and tf.DType.name write it; "float32_ref" for references; "invalid" if
// unknown.
std::string DTypeName(DataType t);
// "float" as NodeDef texts and OpDefs write it ("float", "double", "half", "int64", "float_ref").
std::string DTypeOpName(DataType t);
// Accepts both spellings and "DT_FLOAT". False if unknown.
bool ParseDType(std::string_view text, DataType* out);
// Bytes of one element in memory; 0 for an invalid type. Strings, resources and variants are C++
// objects.
size_t DTypeSize(DataType t);
// True if elements may be copied and compared as bytes: all but string, resource and variant.
bool IsPlain(DataType t);
bool IsFloating(DataType t);  // half, bfloat16, float, double, float8
bool IsComplex(DataType t);
bool IsInteger(DataType t);  // signed and unsigned integers; not bool, not quantized
bool IsUnsigned(DataType t);
bool IsQuantized(DataType t);
bool IsNumeric(DataType t);  // floating, complex or integer
// Gradients flow through floating, complex, resource and variant values only.
bool IsDifferentiable(DataType t);

// Quantized integers: same bytes as the integer they hold, but a type of their own.
#define WEFT_QUANTIZED_TYPE(Name, Value)                            \
  struct Name {                                                     \
    Value value = 0;                                                \
    Name() = default;                                               \
    constexpr explicit Name(Value v) : value(v) {}                  \
    constexpr operator Value() const { return value; } /* NOLINT */ \
  }
WEFT_QUANTIZED_TYPE(qint8, int8_t);
WEFT_QUANTIZED_TYPE(quint8, uint8_t);
WEFT_QUANTIZED_TYPE(qint16, int16_t);
WEFT_QUANTIZED_TYPE(quint16, uint16_t);
WEFT_QUANTIZED_TYPE(qint32, int32_t);
#undef WEFT_QUANTIZED_TYPE

class ResourceHandle;
class Variant;

namespace internal {
// std::complex, told by its members: <complex> takes a fifth of a second to compile, and only those
// who use it (weft/core/complex.h) should wait for it.
template <typename T>
concept ComplexNumber = requires(const T& z) {
  typename T::value_type;
  z.real();
  z.imag();
}
&&sizeof(T) == 2 * sizeof(typename T::value_type);

template <typename T>
struct DTypeOf;  // no value: T is no element type
template <>
struct DTypeOf<float> {
  static constexpr DataType value = kFloat32;
};
template <>
struct DTypeOf<double> {
  static constexpr DataType value = kFloat64;
};
template <ComplexNumber T>
requires std::same_as<typename T::value_type, float>
struct DTypeOf<T> {
  static constexpr DataType value = kComplex64;
};
template <ComplexNumber T>
requires std::same_as<typename T::value_type, double>
struct DTypeOf<T> {
  static constexpr DataType value = kComplex128;
};
template <>
struct DTypeOf<int32_t> {
  static constexpr DataType value = kInt32;
};
template <>
struct DTypeOf<uint8_t> {
  static constexpr DataType value = kUint8;
};
template <>
struct DTypeOf<int16_t> {
  static constexpr DataType value = kInt16;
};
template <>
struct DTypeOf<int8_t> {
  static constexpr DataType value = kInt8;
};
template <>
struct DTypeOf<std::string> {
  static constexpr DataType value = kString;
};
template <>
struct DTypeOf<int64_t> {
  static constexpr DataType value = kInt64;
};
template <>
struct DTypeOf<bool> {
  static constexpr DataType value = kBool;
};
template <>
struct DTypeOf<qint8> {
  static constexpr DataType value = kQint8;
};
template <>
struct DTypeOf<quint8> {
  static constexpr DataType value = kQuint8;
};
template <>
struct DTypeOf<qint32> {
  static constexpr DataType value = kQint32;
};
template <>
struct DTypeOf<bfloat16> {
  static constexpr DataType value = kBfloat16;
};
template <>
struct DTypeOf<qint16> {
  static constexpr DataType value = kQint16;
};
template <>
struct DTypeOf<quint16> {
  static constexpr DataType value = kQuint16;
};
template <>
struct DTypeOf<uint16_t> {
  static constexpr DataType value = kUint16;
};
template <>
struct DTypeOf<half> {
  static constexpr DataType value = kFloat16;
};
template <>
struct DTypeOf<ResourceHandle> {
  static constexpr DataType value = kResource;
};
template <>
struct DTypeOf<Variant> {
  static constexpr DataType value = kVariant;
};
template <>
struct DTypeOf<uint32_t> {
  static constexpr DataType value = kUint32;
};
template <>
struct DTypeOf<uint64_t> {
  static constexpr DataType value = kUint64;
};
}  // namespace internal

// The DataType of a C++ element type: dtype_of<float> == kFloat32. Constrained, so that it can
// choose overloads.
template <typename T>
requires requires { internal::DTypeOf<T>::value; }
inline constexpr DataType dtype_of = internal::DTypeOf<T>::value;

}  // namespace weft
