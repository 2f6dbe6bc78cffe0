// SPDX-License-Identifier: Apache-2.0
// The wire format of protocol buffers, as far as graphs are read without making messages of all of
// their parts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace weft::wire {

// Wire types.
inline constexpr uint32_t kVarint = 0, kFixed64 = 1, kLengthDelimited = 2, kGroup = 3, kFixed32 = 5;

// Takes a number off the front. False if there is none.
inline bool TakeVarint(std::string_view* bytes, uint64_t* value) {
  *value = 0;
  size_t i = 0;
  for (int shift = 0; shift < 64 && i < bytes->size(); shift += 7) {
    const auto byte = static_cast<unsigned char>((*bytes)[i++]);
    *value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte >= 0x80) continue;
    bytes->remove_prefix(i);
    return true;
  }
  return false;
}

struct Field {
  uint32_t number = 0, wire_type = 0;
  std::string_view whole;    // with tag and length
  std::string_view payload;  // of a length-delimited field
};

// Has a length-delimited field a tag of one byte, and its length no more bytes than it needs?
inline bool IsUsual(const Field& field) {
  size_t header = 2;
  for (size_t n = field.payload.size(); n >= 0x80; n >>= 7) ++header;
  return field.whole.size() - field.payload.size() == header;
}

// The fields of a serialised message, one after the other.
class FieldReader {
 public:
  explicit FieldReader(std::string_view bytes) : rest_(bytes) {}

  // False at the end, and if the bytes are no message (or one with groups): then ok() is false.
  bool Next(Field* f) {
    if (rest_.empty() || !ok_) return false;
    const char* const start = rest_.data();
    uint64_t number = 0, length = 0;
    if (!(ok_ = TakeVarint(&rest_, &number))) return false;
    // The parser takes tags of up to five bytes, and of these 32 bits.
    constexpr ptrdiff_t kMaxTagBytes = 5;
    const auto tag = static_cast<uint32_t>(number);
    if (!(ok_ = tag >> 3 != 0 && rest_.data() - start <= kMaxTagBytes)) return false;
    f->number = tag >> 3;
    f->wire_type = tag & 7;
    f->payload = {};
    switch (f->wire_type) {
      case kVarint:
        ok_ = TakeVarint(&rest_, &length);
        length = 0;
        break;
      case kFixed64:
        length = 8;
        break;
      case kLengthDelimited:
        ok_ = TakeVarint(&rest_, &length);
        break;
      case kFixed32:
        length = 4;
        break;
      default:
        ok_ = false;
        at_group_ = f->wire_type == kGroup;
    }
    if (!(ok_ = ok_ && length <= rest_.size())) return false;
    if (f->wire_type == kLengthDelimited) f->payload = rest_.substr(0, length);
    rest_.remove_prefix(length);
    f->whole = {start, static_cast<size_t>(rest_.data() - start)};
    return true;
  }
  bool ok() const { return ok_; }
  // Did it end at a group? That is an old form of messages in messages.
  bool at_group() const { return at_group_; }

 private:
  std::string_view rest_;
  bool ok_ = true, at_group_ = false;
};

inline void AppendVarint(uint64_t value, std::string* out) {
  for (; value >= 0x80; value >>= 7) out->push_back(static_cast<char>(value | 0x80));
  out->push_back(static_cast<char>(value));
}

inline void AppendField(uint32_t number, std::string_view payload, std::string* out) {
  AppendVarint(number << 3 | kLengthDelimited, out);
  AppendVarint(payload.size(), out);
  out->append(payload);
}

// The one field of this number. nullopt if there is none, or more: then the parser has to merge.
std::optional<std::string_view> OnlyField(std::string_view message, uint32_t number);

// A message with the only field of this number replaced, or left out if `payload` is nullopt.
std::string Replaced(std::string_view message, uint32_t number,
                     std::optional<std::string_view> payload);

}  // namespace weft::wire
