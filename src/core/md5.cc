// SPDX-License-Identifier: Apache-2.0
#include "src/core/md5.h"

#include <bit>
#include <cmath>
#include <string>

namespace weft {
namespace {

using Md5State = std::array<uint32_t, 4>;

// floor(2^32 |sin(i + 1)|).
const std::array<uint32_t, 64>& Constants() {
  static const std::array<uint32_t, 64> constants = [] {
    std::array<uint32_t, 64> c{};
    for (size_t i = 0; i < 64; ++i)
      c[i] = static_cast<uint32_t>(std::floor(4294967296.0 * std::fabs(std::sin(i + 1.0))));
    return c;
  }();
  return constants;
}

uint32_t WordAt(const char* p) {
  uint32_t word = 0;
  for (int i = 3; i >= 0; --i) word = word << 8 | static_cast<unsigned char>(p[i]);
  return word;
}

void AddBlock(const char* block, Md5State* state) {
  static constexpr int kRotations[4][4] = {
      {7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};
  auto [a, b, c, d] = *state;
  for (uint32_t i = 0; i < 64; ++i) {
    uint32_t f = 0, word = 0;
    switch (i / 16) {
      case 0:
        f = (b & c) | (~b & d);
        word = i;
        break;
      case 1:
        f = (d & b) | (~d & c);
        word = (5 * i + 1) % 16;
        break;
      case 2:
        f = b ^ c ^ d;
        word = (3 * i + 5) % 16;
        break;
      default:
        f = c ^ (b | ~d);
        word = 7 * i % 16;
    }
    const uint32_t sum = a + f + Constants()[i] + WordAt(block + 4 * word);
    a = d;
    d = c;
    c = b;
    b += std::rotl(sum, kRotations[i / 16][i % 4]);
  }
  *state = {(*state)[0] + a, (*state)[1] + b, (*state)[2] + c, (*state)[3] + d};
}

}  // namespace

std::array<uint8_t, 16> Md5(std::string_view text) {
  // A bit 1, zeros up to 8 bytes before the end of a block, and the length in bits.
  std::string padded(text);
  padded.push_back('\x80');
  while (padded.size() % 64 != 56) padded.push_back('\0');
  const uint64_t bits = uint64_t{text.size()} * 8;
  for (int i = 0; i < 8; ++i) padded.push_back(static_cast<char>(bits >> (8 * i) & 0xff));
  Md5State state = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
  for (size_t at = 0; at < padded.size(); at += 64) AddBlock(padded.data() + at, &state);
  std::array<uint8_t, 16> digest{};
  for (size_t i = 0; i < 16; ++i) digest[i] = static_cast<uint8_t>(state[i / 4] >> (8 * (i % 4)));
  return digest;
}

uint32_t Md5Prefix(std::string_view text) {
  const std::array<uint8_t, 16> digest = Md5(text);
  uint32_t prefix = 0;
  for (size_t i = 0; i < 4; ++i) prefix = prefix << 8 | digest[i];
  return prefix;
}

}  // namespace weft
