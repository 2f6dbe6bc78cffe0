// SPDX-License-Identifier: Apache-2.0
// Examples and SequenceExamples (proto/weft/example.proto) read from their bytes, without making
// messages of them.
//
// Nothing here allocates by a size that the bytes merely claim, and views point into the bytes.
// What protocol buffers allow is read: fields that are not known are skipped, numbers may be packed
// or not, and if a map has a key twice the caller sees both entries (the last one counts). Groups
// are refused.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"

namespace weft::io {

// The fields of a serialised message, one after the other.
class WireReader {
 public:
  explicit WireReader(std::string_view bytes)
      : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  // Wire types.
  static constexpr uint32_t kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5;

  // Goes on to the next field. False at the end, and where the bytes are no message: then ok() is
  // false.
  bool Next() {
    if (at_ == end_ || !ok_) return false;
    const char* const start = at_;
    uint64_t number = 0;
    if (!(ok_ = ReadVarint(&number))) return false;
    // As protobuf's parser: tags of up to five bytes, and of these 32 bits.
    constexpr ptrdiff_t kMaxTagBytes = 5;
    const auto tag = static_cast<uint32_t>(number);
    if (!(ok_ = tag >> 3 != 0 && at_ - start <= kMaxTagBytes)) return false;
    number_ = tag >> 3;
    type_ = tag & 7;
    const size_t left = static_cast<size_t>(end_ - at_);
    switch (type_) {
      case kVarint:
        return ok_ = ReadVarint(&value_);
      case kFixed64:
        return ok_ = TakeBytes(8, left);
      case kBytes: {
        uint64_t length = 0;
        return ok_ = ReadVarint(&length) && TakeBytes(length, static_cast<size_t>(end_ - at_));
      }
      case kFixed32:
        return ok_ = TakeBytes(4, left);
      default:
        return ok_ = false;
    }
  }
  bool ok() const { return ok_; }
  uint32_t number() const { return number_; }
  uint32_t type() const { return type_; }
  bool Is(uint32_t number, uint32_t type) const { return number_ == number && type_ == type; }
  // Of a varint.
  uint64_t value() const { return value_; }
  // Of a length-delimited or fixed field.
  std::string_view bytes() const { return bytes_; }

  // A varint of at most ten bytes.
  static bool ReadVarint(const char** at, const char* end, uint64_t* value) {
    uint64_t result = 0;
    const char* p = *at;
    for (int shift = 0; shift < 70 && p != end; shift += 7) {
      const auto byte = static_cast<unsigned char>(*p++);
      result |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) {
        *value = result;
        *at = p;
        return true;
      }
    }
    return false;
  }

 private:
  bool ReadVarint(uint64_t* value) { return ReadVarint(&at_, end_, value); }
  bool TakeBytes(uint64_t length, size_t left) {
    if (length > left) return false;
    bytes_ = {at_, static_cast<size_t>(length)};
    at_ += length;
    return true;
  }
  const char *at_, *end_;
  std::string_view bytes_;
  uint64_t value_ = 0;
  uint32_t number_ = 0, type_ = 0;
  bool ok_ = true;
};

// The kind of values that a Feature holds: its field's number; kNone: no values at all.
enum class FeatureKind : uint8_t { kNone = 0, kBytes = 1, kFloat = 2, kInt64 = 3 };

// A Feature: its kind, and the bytes of its BytesList, FloatList or Int64List.
struct FeatureView {
  std::string_view list;
  FeatureKind kind = FeatureKind::kNone;
};

// False if the bytes are no Feature, or one of a kind that is not known.
bool ReadFeature(std::string_view feature, FeatureView* view);

// Calls visit(key, value) for each entry of the map that is field `number` of a message. False if
// the bytes are no such message or if visit returns false.
bool ForEachEntry(std::string_view message, uint32_t number,
                  absl::FunctionRef<bool(std::string_view, std::string_view)> visit);
// visit(name, feature) for the features of a serialised Example, visit(...) for the two parts of a
// SequenceExample. `feature` is for ReadFeature, `list` for ForEachStep.
bool ForEachFeature(std::string_view example,
                    absl::FunctionRef<bool(std::string_view name, std::string_view feature)> visit);
bool ForEachSequenceFeature(
    std::string_view example,
    absl::FunctionRef<bool(std::string_view name, std::string_view feature)> context,
    absl::FunctionRef<bool(std::string_view name, std::string_view list)> feature_list);
// visit(feature) for the steps of a FeatureList.
bool ForEachStep(std::string_view list, absl::FunctionRef<bool(std::string_view feature)> visit);

// The number of values in a list of this kind; -1 if the bytes are no such list. Integers are only
// counted: ReadInt64s may still refuse them.
int64_t CountValues(const FeatureView& view);
// Writes all values of a list, as many as CountValues says. False if they are no such list.
bool ReadFloats(std::string_view list, float* out);
bool ReadInt64s(std::string_view list, int64_t* out);
bool ReadStrings(std::string_view list, std::string* out);

}  // namespace weft::io
