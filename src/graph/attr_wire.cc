// SPDX-License-Identifier: Apache-2.0
#include "src/graph/attr_wire.h"

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "src/graph/wire.h"
#include "weft/core/dtype.h"
#include "weft/core/shape.h"

namespace weft {
namespace {

using wire::Field;
using wire::FieldReader;

constexpr char kAttr = 5 << 3 | wire::kLengthDelimited;  // the tag
// Field numbers: of an entry of the map, of AttrValue and its lists, of TensorShapeProto.
constexpr uint32_t kKey = 1, kValue = 2;
constexpr uint32_t kList = 1, kString = 2, kInt = 3, kFloat = 4, kBool = 5, kType = 6, kShape = 7;
constexpr uint32_t kDim = 2, kUnknownRank = 3, kDimSize = 1;
// A negative number is written with all of its 64 bits.
constexpr size_t kMaxVarintBytes = 10;

bool IsUsualText(const Field& f) {
  return f.wire_type == wire::kLengthDelimited && wire::IsUsual(f);
}

// Takes a number that is all of a message's last field, or one of a packed list.
bool TakeNumber(std::string_view* bytes, int64_t* number) {
  const std::string_view before = *bytes;
  uint64_t value = 0;
  if (!wire::TakeVarint(bytes, &value)) return false;
  const size_t length = before.size() - bytes->size();
  if (length == kMaxVarintBytes && before[length - 1] != 1) return false;
  *number = std::bit_cast<int64_t>(value);
  return true;
}

// The number of a field that is there, behind its tag.
bool NumberOf(const Field& field, int64_t* number) {
  if (field.wire_type != wire::kVarint) return false;
  std::string_view rest = field.whole.substr(1);
  return TakeNumber(&rest, number) && rest.empty();
}

bool TypeOf(int64_t number, DataType* type) {
  if (number <= 0 || number >= 1 << 14) return false;
  *type = static_cast<DataType>(number);
  return DTypeSize(*type) > 0;
}

bool ReadShape(std::string_view bytes, PartialShape* shape) {
  std::array<int64_t, kMaxRank> dims;
  size_t rank = 0;
  FieldReader reader(bytes);
  int64_t number = 0;
  for (Field f; reader.Next(&f);) {
    if (f.number == kUnknownRank) {
      *shape = PartialShape::Unknown();
      return f.whole.size() == bytes.size() && NumberOf(f, &number) && number == 1;
    }
    if (f.number != kDim || !IsUsualText(f) || rank == dims.size()) return false;
    int64_t size = 0;  // which is not written
    if (!f.payload.empty()) {
      FieldReader dim(f.payload);
      Field only;
      if (!dim.Next(&only) || only.number != kDimSize || !NumberOf(only, &size)) return false;
      if (only.whole.size() != f.payload.size() || size < kUnknownDim) return false;
    }
    dims[rank++] = size;
  }
  *shape = PartialShape(std::span<const int64_t>(dims.data(), rank));
  return reader.ok();
}

// A list, whose fields all have the number of the first.
bool ReadList(std::string_view bytes, AttrValue* value) {
  if (bytes.empty()) {
    *value = EmptyList();
    return true;
  }
  std::vector<std::string> strings;
  std::vector<int64_t> ints;
  std::vector<DataType> types;
  std::vector<PartialShape> shapes;
  uint32_t kind = 0;
  FieldReader reader(bytes);
  for (Field f; reader.Next(&f);) {
    if (!IsUsualText(f) || (kind != 0 && kind != f.number)) return false;
    kind = f.number;
    int64_t number = 0;
    switch (kind) {
      case kString:
        strings.emplace_back(f.payload);
        break;
      case kShape:
        if (!ReadShape(f.payload, &shapes.emplace_back())) return false;
        break;
      case kInt:
        while (!f.payload.empty()) {
          if (!TakeNumber(&f.payload, &number)) return false;
          ints.push_back(number);
        }
        break;
      case kType:
        while (!f.payload.empty()) {
          if (!TakeNumber(&f.payload, &number)) return false;
          if (!TypeOf(number, &types.emplace_back())) return false;
        }
        break;
      default:
        return false;
    }
  }
  if (!reader.ok()) return false;
  if (!strings.empty()) {
    *value = std::move(strings);
  } else if (!shapes.empty()) {
    *value = std::move(shapes);
  } else if (!ints.empty()) {
    *value = std::move(ints);
  } else if (!types.empty()) {
    *value = std::move(types);
  } else {
    *value = EmptyList();
  }
  return true;
}

// A serialised AttrValue of one field.
bool ReadValue(std::string_view bytes, AttrValue* value) {
  FieldReader reader(bytes);
  Field f;
  if (!reader.Next(&f) || f.whole.size() != bytes.size()) return false;
  const bool is_text = IsUsualText(f);
  int64_t number = 0;
  DataType type = kInvalidType;
  PartialShape shape;
  float real = 0;
  switch (f.number) {
    case kList:
      return is_text && ReadList(f.payload, value);
    case kString:
      if (is_text) *value = std::string(f.payload);
      return is_text;
    case kInt:
      if (!NumberOf(f, &number)) return false;
      *value = number;
      return true;
    case kFloat:
      if (f.wire_type != wire::kFixed32 || f.whole.size() != 1 + sizeof real) return false;
      static_assert(std::endian::native == std::endian::little);
      std::memcpy(&real, f.whole.data() + 1, sizeof real);
      *value = real;
      return true;
    case kBool:
      if (!NumberOf(f, &number) || number >> 1 != 0) return false;
      *value = number == 1;
      return true;
    case kType:
      if (!NumberOf(f, &number) || !TypeOf(number, &type)) return false;
      *value = type;
      return true;
    case kShape:
      if (!is_text || !ReadShape(f.payload, &shape)) return false;
      *value = std::move(shape);
      return true;
    default:
      return false;
  }
}

}  // namespace

bool IsAscii(std::string_view text) {
  uint64_t bits = 0, word = 0;
  const char* p = text.data();
  size_t left = text.size();
  for (; left >= 8; p += 8, left -= 8) {
    std::memcpy(&word, p, 8);
    bits |= word;
  }
  for (; left > 0; ++p, --left) bits |= static_cast<unsigned char>(*p);
  return (bits & 0x8080808080808080ull) == 0;
}

bool ReadAttrs(std::string_view bytes, AttrMap* attrs) {
  FieldReader reader(bytes);
  for (Field attr; reader.Next(&attr);) {
    if (attr.whole.front() != kAttr || !IsUsualText(attr)) return false;
    FieldReader entry(attr.payload);
    Field key, value;
    if (!entry.Next(&key) || !entry.Next(&value)) return false;
    const bool usual = key.number == kKey && IsUsualText(key) && value.number == kValue &&
                       IsUsualText(value) &&
                       key.whole.size() + value.whole.size() == attr.payload.size();
    if (!usual || !IsAscii(key.payload)) return false;
    const auto [named, is_new] = attrs->try_emplace(std::string(key.payload));
    if (!is_new || !ReadValue(value.payload, &named->second)) return false;
  }
  return reader.ok();
}

}  // namespace weft
