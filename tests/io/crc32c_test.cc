// SPDX-License-Identifier: Apache-2.0
#include "src/io/crc32c.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace weft::io {
namespace {

// The definition, a bit at a time.
uint32_t Reference(std::string_view bytes) {
  uint32_t crc = 0xffffffffu;
  for (const char c : bytes) {
    crc ^= static_cast<uint8_t>(c);
    for (int i = 0; i < 8; ++i) crc = (crc >> 1) ^ ((crc & 1) ? 0x82f63b78u : 0u);
  }
  return ~crc;
}

std::string Bytes(size_t n) {
  std::string s(n, '\0');
  uint32_t state = 12345;
  for (char& c : s) {
    state = state * 1664525u + 1013904223u;
    c = static_cast<char>(state >> 24);
  }
  return s;
}

// RFC 3720, B.4, and the check value of the catalogue of CRCs.
TEST(Crc32c, KnownValues) {
  EXPECT_EQ(Crc32c("123456789"), 0xe3069283u);
  EXPECT_EQ(Crc32c(std::string(32, '\0')), 0x8a9136aau);
  EXPECT_EQ(Crc32c(std::string(32, '\xff')), 0x62a8ab43u);
  std::string ascending(32, '\0');
  for (size_t i = 0; i < 32; ++i) ascending[i] = static_cast<char>(i);
  EXPECT_EQ(Crc32c(ascending), 0x46dd794eu);
  EXPECT_EQ(Crc32c(""), 0u);
}

TEST(Crc32c, BothWaysAgreeWithTheDefinition) {
  const std::string all = Bytes(40000);
  std::vector<size_t> sizes = {767, 768, 769, 1535, 1536, 12287, 12288, 12289, 25000, 39990};
  for (size_t n = 0; n < 300; ++n) sizes.push_back(n);
  for (const size_t n : sizes) {
    for (const size_t start : {0, 1, 7}) {
      const std::string_view part(all.data() + start, n);
      const uint32_t expected = Reference(part);
      EXPECT_EQ(internal::Crc32cExtendByTables(0, part.data(), n), expected) << n;
      uint32_t fast = expected;
      internal::Crc32cExtendByInstructions(0, part.data(), n, &fast);
      EXPECT_EQ(fast, expected) << n;
      EXPECT_EQ(Crc32c(part), expected) << n;
    }
  }
}

TEST(Crc32c, PartsMakeTheWhole) {
  const std::string all = Bytes(20000);
  const uint32_t whole = Crc32c(all);
  for (const size_t cut : {size_t{0}, size_t{1}, size_t{13}, size_t{9999}, all.size()}) {
    const uint32_t first = Crc32c(all.data(), cut);
    EXPECT_EQ(Crc32cExtend(first, all.data() + cut, all.size() - cut), whole);
    EXPECT_EQ(Crc32cConcat(first, Crc32c(all.data() + cut, all.size() - cut), all.size() - cut),
              whole);
  }
}

TEST(Crc32c, MaskIsUndone) {
  const uint32_t crc = Crc32c("foo");
  EXPECT_NE(MaskCrc32c(crc), crc);
  EXPECT_NE(MaskCrc32c(MaskCrc32c(crc)), crc);
  EXPECT_EQ(UnmaskCrc32c(MaskCrc32c(crc)), crc);
  EXPECT_EQ(MaskCrc32c(0), 0xa282ead8u);
  EXPECT_EQ(UnmaskCrc32c(UnmaskCrc32c(MaskCrc32c(MaskCrc32c(crc)))), crc);
}

}  // namespace
}  // namespace weft::io
