// SPDX-License-Identifier: Apache-2.0
#include "src/graph/literal.h"

#include <type_traits>

#include "src/core/status.h"
#include "src/core/strings.h"
#include "weft/core/complex.h"

namespace weft {

Array ConvertLiteral(const Array& literal, DataType dtype, std::string_view op,
                     std::string_view arg) {
  if (literal.dtype() == dtype) return literal;
  const bool fraction = IsFloating(literal.dtype());
  if (IsComplex(literal.dtype()) || (fraction && !IsFloating(dtype) && !IsComplex(dtype)) ||
      !(IsNumeric(dtype) || IsQuantized(dtype))) {
    ThrowError(Code::kInvalidArgument,
               StrCat("Input '", arg, "' of '", op, "' Op: a literal of dtype ",
                      DTypeName(literal.dtype()), " can't be taken as ", DTypeName(dtype)));
  }
  Array out(dtype, literal.shape());
  auto fill = [&]<typename T>() {
    for (int64_t i = 0; i < out.num_elements(); ++i) {
      if constexpr (std::is_integral_v<T>) {
        const int64_t v = literal.AsInt64(i);
        if (static_cast<int64_t>(static_cast<T>(v)) != v) {
          ThrowError(Code::kInvalidArgument,
                     StrCat("Input '", arg, "' of '", op, "' Op: the literal ", v,
                            " does not fit in ", DTypeName(dtype)));
        }
        out.mutable_data<T>()[i] = static_cast<T>(v);
      } else if constexpr (std::is_same_v<T, half> || std::is_same_v<T, bfloat16>) {
        out.mutable_data<T>()[i] = T(static_cast<float>(literal.AsDouble(i)));
      } else {
        out.mutable_data<T>()[i] = T(literal.AsDouble(i));
      }
    }
  };
  switch (dtype) {
    case kFloat32:
      fill.operator()<float>();
      break;
    case kFloat64:
      fill.operator()<double>();
      break;
    case kFloat16:
      fill.operator()<half>();
      break;
    case kBfloat16:
      fill.operator()<bfloat16>();
      break;
    case kInt8:
      fill.operator()<int8_t>();
      break;
    case kInt16:
      fill.operator()<int16_t>();
      break;
    case kInt32:
      fill.operator()<int32_t>();
      break;
    case kInt64:
      fill.operator()<int64_t>();
      break;
    case kUint8:
      fill.operator()<uint8_t>();
      break;
    case kUint16:
      fill.operator()<uint16_t>();
      break;
    case kUint32:
      fill.operator()<uint32_t>();
      break;
    case kUint64:
      fill.operator()<uint64_t>();
      break;
    case kComplex64:
      for (int64_t i = 0; i < out.num_elements(); ++i)
        out.mutable_data<complex64>()[i] = complex64(static_cast<float>(literal.AsDouble(i)));
      break;
    case kComplex128:
      for (int64_t i = 0; i < out.num_elements(); ++i)
        out.mutable_data<complex128>()[i] = complex128(literal.AsDouble(i));
      break;
    default:
      ThrowError(Code::kInvalidArgument,
                 StrCat("Input '", arg, "' of '", op, "' Op: a literal can't be taken as ",
                        DTypeName(dtype)));
  }
  return out;
}

}  // namespace weft
