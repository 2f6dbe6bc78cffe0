// SPDX-License-Identifier: Apache-2.0
#include "src/io/example_wire.h"

#include <bit>

namespace weft::io {
namespace {

// Field numbers.
constexpr uint32_t kExampleFeatures = 1, kSequenceLists = 2, kMapKey = 1, kMapValue = 2,
                   kListValue = 1;

// The value of a varint whose highest bits are known to be cut off as protocol buffers do.
bool ReadInt64(const char** at, const char* end, int64_t* value) {
  // One byte is the common case.
  if (*at != end && static_cast<unsigned char>(**at) < 0x80) {
    *value = static_cast<unsigned char>(*(*at)++);
    return true;
  }
  uint64_t bits = 0;
  if (!WireReader::ReadVarint(at, end, &bits)) return false;
  *value = static_cast<int64_t>(bits);
  return true;
}

// Varints end in a byte below 128.
int64_t CountVarints(std::string_view packed) {
  int64_t count = 0;
  const char *p = packed.data(), *const end = p + packed.size();
  for (; end - p >= 8; p += 8) {
    uint64_t eight;
    std::memcpy(&eight, p, 8);
    count += std::popcount(~eight & 0x8080808080808080u);
  }
  for (; p != end; ++p) count += static_cast<unsigned char>(*p) < 0x80;
  // The last one must end.
  if (!packed.empty() && static_cast<unsigned char>(packed.back()) >= 0x80) return -1;
  return count;
}

}  // namespace

bool ReadFeature(std::string_view feature, FeatureView* view) {
  *view = {};
  WireReader fields(feature);
  while (fields.Next()) {
    if (fields.number() < 1 || fields.number() > 3 || fields.type() != WireReader::kBytes)
      return false;
    *view = {fields.bytes(), static_cast<FeatureKind>(fields.number())};
  }
  return fields.ok();
}

bool ForEachEntry(std::string_view message, uint32_t number,
                  absl::FunctionRef<bool(std::string_view, std::string_view)> visit) {
  WireReader fields(message);
  while (fields.Next()) {
    if (!fields.Is(number, WireReader::kBytes)) continue;
    std::string_view key, value;
    WireReader entry(fields.bytes());
    while (entry.Next()) {
      if (entry.Is(kMapKey, WireReader::kBytes)) key = entry.bytes();
      if (entry.Is(kMapValue, WireReader::kBytes)) value = entry.bytes();
    }
    if (!entry.ok() || !visit(key, value)) return false;
  }
  return fields.ok();
}

bool ForEachFeature(std::string_view example,
                    absl::FunctionRef<bool(std::string_view, std::string_view)> visit) {
  WireReader fields(example);
  while (fields.Next()) {
    if (fields.Is(kExampleFeatures, WireReader::kBytes) && !ForEachEntry(fields.bytes(), 1, visit))
      return false;
  }
  return fields.ok();
}

bool ForEachSequenceFeature(
    std::string_view example, absl::FunctionRef<bool(std::string_view, std::string_view)> context,
    absl::FunctionRef<bool(std::string_view, std::string_view)> feature_list) {
  WireReader fields(example);
  while (fields.Next()) {
    if (fields.type() != WireReader::kBytes) continue;
    if (fields.number() == kExampleFeatures && !ForEachEntry(fields.bytes(), 1, context))
      return false;
    if (fields.number() == kSequenceLists && !ForEachEntry(fields.bytes(), 1, feature_list))
      return false;
  }
  return fields.ok();
}

bool ForEachStep(std::string_view list, absl::FunctionRef<bool(std::string_view)> visit) {
  WireReader fields(list);
  while (fields.Next()) {
    if (fields.Is(kListValue, WireReader::kBytes) && !visit(fields.bytes())) return false;
  }
  return fields.ok();
}

int64_t CountValues(const FeatureView& view) {
  int64_t count = 0;
  WireReader fields(view.list);
  while (fields.Next()) {
    if (fields.number() != kListValue) continue;
    const bool packed = fields.type() == WireReader::kBytes;
    switch (view.kind) {
      case FeatureKind::kNone:
        return -1;
      case FeatureKind::kBytes:
        if (!packed) return -1;
        ++count;
        break;
      case FeatureKind::kFloat:
        if (!packed && fields.type() != WireReader::kFixed32) return -1;
        if (fields.bytes().size() % 4 != 0) return -1;
        count += static_cast<int64_t>(fields.bytes().size() / 4);
        break;
      case FeatureKind::kInt64: {
        if (!packed && fields.type() != WireReader::kVarint) return -1;
        const int64_t more = packed ? CountVarints(fields.bytes()) : 1;
        if (more < 0) return -1;
        count += more;
        break;
      }
    }
  }
  return fields.ok() ? count : -1;
}

bool ReadFloats(std::string_view list, float* out) {
  static_assert(std::endian::native == std::endian::little);
  WireReader fields(list);
  while (fields.Next()) {
    if (fields.number() != kListValue) continue;
    if (fields.type() != WireReader::kBytes && fields.type() != WireReader::kFixed32) return false;
    const size_t count = fields.bytes().size() / 4;
    if (count > 0) std::memcpy(out, fields.bytes().data(), count * 4);
    out += count;
  }
  return fields.ok();
}

bool ReadInt64s(std::string_view list, int64_t* out) {
  WireReader fields(list);
  while (fields.Next()) {
    if (fields.number() != kListValue) continue;
    if (fields.type() == WireReader::kVarint) {
      *out++ = static_cast<int64_t>(fields.value());
      continue;
    }
    if (fields.type() != WireReader::kBytes) return false;
    const char *p = fields.bytes().data(), *const end = p + fields.bytes().size();
    while (p != end) {
      if (!ReadInt64(&p, end, out++)) return false;
    }
  }
  return fields.ok();
}

bool ReadStrings(std::string_view list, std::string* out) {
  WireReader fields(list);
  while (fields.Next()) {
    if (fields.number() != kListValue) continue;
    if (fields.type() != WireReader::kBytes) return false;
    (out++)->assign(fields.bytes());
  }
  return fields.ok();
}

}  // namespace weft::io
