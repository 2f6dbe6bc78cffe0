// SPDX-License-Identifier: Apache-2.0
#include "src/io/coding.h"

#include <limits>

namespace weft::io {

void AppendVarint64(std::string* s, uint64_t v) {
  for (; v >= 0x80; v >>= 7) s->push_back(static_cast<char>(v | 0x80));
  s->push_back(static_cast<char>(v));
}

bool TakeVarint64(std::string_view* s, uint64_t* v) {
  uint64_t value = 0;
  for (size_t i = 0; i < s->size() && i < 10; ++i) {
    const auto byte = static_cast<uint8_t>((*s)[i]);
    if (i == 9 && byte > 1) return false;  // more than 64 bits
    value |= static_cast<uint64_t>(byte & 0x7f) << (7 * i);
    if (byte < 0x80) {
      s->remove_prefix(i + 1);
      *v = value;
      return true;
    }
  }
  return false;
}

bool TakeVarint32(std::string_view* s, uint32_t* v) {
  uint64_t wide;
  std::string_view rest = *s;
  if (!TakeVarint64(&rest, &wide) || wide > std::numeric_limits<uint32_t>::max()) return false;
  *v = static_cast<uint32_t>(wide);
  *s = rest;
  return true;
}

void AppendOrderedUint64(std::string* s, uint64_t v) {
  const int bytes = (std::bit_width(v) + 7) / 8;
  s->push_back(static_cast<char>(bytes));
  for (int i = bytes - 1; i >= 0; --i) s->push_back(static_cast<char>(v >> (8 * i)));
}

void AppendOrderedInt64(std::string* s, int64_t v) {
  const bool negative = v < 0;
  const auto magnitude = static_cast<uint64_t>(negative ? ~v : v);
  // n bytes hold a sign and 7 n - 1 bits.
  const int n = std::bit_width(magnitude) / 7 + 1;
  char bytes[10];
  for (int i = 0; i < n; ++i) {
    const int shift = 8 * (n - 1 - i);
    bytes[i] = shift < 64 ? static_cast<char>(magnitude >> shift) : '\0';
  }
  // The leading ones; with n = 10 they go on into the second byte.
  bytes[0] = static_cast<char>(bytes[0] | (n < 8 ? 0xff00 >> n : 0xff));
  if (n > 8) bytes[1] = static_cast<char>(bytes[1] | (0xff00 >> (n - 8)));
  for (int i = 0; i < n; ++i) s->push_back(negative ? static_cast<char>(~bytes[i]) : bytes[i]);
}

void AppendOrderedString(std::string* s, std::string_view text) {
  for (const char c : text) {
    s->push_back(c);
    if (c == '\0') s->push_back('\xff');
    if (c == '\xff') s->push_back('\0');
  }
  s->append("\0\1", 2);
}

}  // namespace weft::io
