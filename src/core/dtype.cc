// SPDX-License-Identifier: Apache-2.0
#include "weft/core/dtype.h"
#include "weft/core/complex.h"

#include <array>

#include "weft/core/handle.h"

namespace weft {
namespace {

struct DTypeInfo {
  DataType type;
  const char* name;     // numpy's / tf.DType's
  const char* op_name;  // OpDef texts
  const char* enum_name;
  size_t size;
};

constexpr std::array<DTypeInfo, 27> kInfos = {{
    {kFloat32, "float32", "float", "DT_FLOAT", 4},
    {kFloat64, "float64", "double", "DT_DOUBLE", 8},
    {kInt32, "int32", "int32", "DT_INT32", 4},
    {kUint8, "uint8", "uint8", "DT_UINT8", 1},
    {kInt16, "int16", "int16", "DT_INT16", 2},
    {kInt8, "int8", "int8", "DT_INT8", 1},
    {kString, "string", "string", "DT_STRING", sizeof(std::string)},
    {kComplex64, "complex64", "complex64", "DT_COMPLEX64", 8},
    {kInt64, "int64", "int64", "DT_INT64", 8},
    {kBool, "bool", "bool", "DT_BOOL", 1},
    {kQint8, "qint8", "qint8", "DT_QINT8", 1},
    {kQuint8, "quint8", "quint8", "DT_QUINT8", 1},
    {kQint32, "qint32", "qint32", "DT_QINT32", 4},
    {kBfloat16, "bfloat16", "bfloat16", "DT_BFLOAT16", 2},
    {kQint16, "qint16", "qint16", "DT_QINT16", 2},
    {kQuint16, "quint16", "quint16", "DT_QUINT16", 2},
    {kUint16, "uint16", "uint16", "DT_UINT16", 2},
    {kComplex128, "complex128", "complex128", "DT_COMPLEX128", 16},
    {kFloat16, "float16", "half", "DT_HALF", 2},
    {kResource, "resource", "resource", "DT_RESOURCE", sizeof(ResourceHandle)},
    {kVariant, "variant", "variant", "DT_VARIANT", sizeof(Variant)},
    {kUint32, "uint32", "uint32", "DT_UINT32", 4},
    {kUint64, "uint64", "uint64", "DT_UINT64", 8},
    {kFloat8E5M2, "float8_e5m2", "float8_e5m2", "DT_FLOAT8_E5M2", 1},
    {kFloat8E4M3fn, "float8_e4m3fn", "float8_e4m3fn", "DT_FLOAT8_E4M3FN", 1},
    {kInt4, "int4", "int4", "DT_INT4", 1},
    {kUint4, "uint4", "uint4", "DT_UINT4", 1},
}};

const DTypeInfo* Find(DataType t) {
  for (const DTypeInfo& info : kInfos) {
    if (info.type == t) return &info;
  }
  return nullptr;
}

}  // namespace

std::string DTypeName(DataType t) {
  const DTypeInfo* info = Find(RemoveRef(t));
  if (!info) return "invalid";
  return IsRef(t) ? std::string(info->name) + "_ref" : info->name;
}

std::string DTypeOpName(DataType t) {
  const DTypeInfo* info = Find(RemoveRef(t));
  if (!info) return "invalid";
  return IsRef(t) ? std::string(info->op_name) + "_ref" : info->op_name;
}

bool ParseDType(std::string_view text, DataType* out) {
  bool ref = false;
  for (std::string_view suffix : {"_ref", "_REF"}) {
    if (text.ends_with(suffix)) {
      text.remove_suffix(suffix.size());
      ref = true;
    }
  }
  for (const DTypeInfo& info : kInfos) {
    if (text == info.name || text == info.op_name || text == info.enum_name) {
      *out = ref ? MakeRef(info.type) : info.type;
      return true;
    }
  }
  return false;
}

size_t DTypeSize(DataType t) {
  switch (RemoveRef(t)) {
    case kFloat32:
    case kInt32:
    case kUint32:
    case kQint32:
      return 4;
    case kFloat64:
    case kInt64:
    case kUint64:
    case kComplex64:
      return 8;
    case kComplex128:
      return 16;
    case kInt16:
    case kUint16:
    case kQint16:
    case kQuint16:
    case kFloat16:
    case kBfloat16:
      return 2;
    case kString:
      return sizeof(std::string);
    case kResource:
      return sizeof(ResourceHandle);
    case kVariant:
      return sizeof(Variant);
    case kInvalidType:
      return 0;
    default:
      return Find(RemoveRef(t)) ? 1 : 0;
  }
}

bool IsPlain(DataType t) {
  t = RemoveRef(t);
  return t != kInvalidType && t != kString && t != kResource && t != kVariant;
}

bool IsFloating(DataType t) {
  switch (RemoveRef(t)) {
    case kFloat16:
    case kBfloat16:
    case kFloat32:
    case kFloat64:
    case kFloat8E5M2:
    case kFloat8E4M3fn:
      return true;
    default:
      return false;
  }
}

bool IsComplex(DataType t) { return RemoveRef(t) == kComplex64 || RemoveRef(t) == kComplex128; }

bool IsUnsigned(DataType t) {
  switch (RemoveRef(t)) {
    case kUint8:
    case kUint16:
    case kUint32:
    case kUint64:
    case kUint4:
      return true;
    default:
      return false;
  }
}

bool IsInteger(DataType t) {
  switch (RemoveRef(t)) {
    case kInt4:
    case kInt8:
    case kInt16:
    case kInt32:
    case kInt64:
      return true;
    default:
      return IsUnsigned(t);
  }
}

bool IsQuantized(DataType t) {
  switch (RemoveRef(t)) {
    case kQint8:
    case kQuint8:
    case kQint16:
    case kQuint16:
    case kQint32:
      return true;
    default:
      return false;
  }
}

bool IsNumeric(DataType t) { return IsFloating(t) || IsComplex(t) || IsInteger(t); }

bool IsDifferentiable(DataType t) {
  t = RemoveRef(t);
  return IsFloating(t) || IsComplex(t) || t == kResource || t == kVariant;
}

}  // namespace weft
