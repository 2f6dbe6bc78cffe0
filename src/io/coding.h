// SPDX-License-Identifier: Apache-2.0
// Numbers and texts as bytes: little-endian words, varints (seven bits a byte, low ones first, the
// top bit set on all but the last) and the ordered code of checkpoint keys.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace weft::io {

static_assert(std::endian::native == std::endian::little,
              "files are little-endian and are read into memory as they are");

inline uint32_t LoadFixed32(const char* p) {
  uint32_t v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
inline uint64_t LoadFixed64(const char* p) {
  uint64_t v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
inline std::string_view Fixed32Bytes(const uint32_t& v) {
  return {reinterpret_cast<const char*>(&v), sizeof v};
}

void AppendVarint64(std::string* s, uint64_t v);
// Takes a varint from the front of *s. False if there is none, or it is longer than ten bytes.
bool TakeVarint64(std::string_view* s, uint64_t* v);
bool TakeVarint32(std::string_view* s, uint32_t* v);

// The ordered code: texts made of such pieces sort as the tuples of their values do.
//
// A number: how many bytes it takes without leading zeros, then those, the highest first.
void AppendOrderedUint64(std::string* s, uint64_t v);
// A signed number of n bytes (1 to 10): n ones, a zero, then the value in the remaining 7 n - 1
// bits, the highest first; of a negative number, all bits of what ~v would be are inverted.
void AppendOrderedInt64(std::string* s, int64_t v);
// The bytes, 0x00 as 00 ff and 0xff as ff 00, ended by 00 01.
void AppendOrderedString(std::string* s, std::string_view text);

}  // namespace weft::io
