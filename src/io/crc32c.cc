// SPDX-License-Identifier: Apache-2.0
#include "src/io/crc32c.h"

#include <array>
#include <bit>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace weft::io {
namespace {

// Polynomials over GF(2) of degree < 32 are held reflected: bit i is the coefficient of x^(31-i).
constexpr uint32_t kPolynomial = 0x82f63b78u;
constexpr uint32_t kOne = 0x80000000u;

constexpr uint32_t TimesX(uint32_t a) { return (a >> 1) ^ ((a & 1) ? kPolynomial : 0); }

// a * b mod P.
constexpr uint32_t Multiply(uint32_t a, uint32_t b) {
  uint32_t product = 0;
  for (int bit = 31; bit >= 0; --bit) {
    if ((a >> bit) & 1) product ^= b;
    b = TimesX(b);
  }
  return product;
}

// x^n mod P.
constexpr uint32_t PowerOfX(uint64_t n) {
  uint32_t power = kOne;
  for (uint32_t square = TimesX(kOne); n != 0; n >>= 1, square = Multiply(square, square)) {
    if (n & 1) power = Multiply(power, square);
  }
  return power;
}

// tables[k][b]: what byte b adds when k more bytes follow in the group of eight.
constexpr auto MakeTables() {
  std::array<std::array<uint32_t, 256>, 8> tables{};
  for (uint32_t b = 0; b < 256; ++b) {
    uint32_t crc = b;
    for (int bit = 0; bit < 8; ++bit) crc = TimesX(crc);
    tables[0][b] = crc;
  }
  for (size_t k = 1; k < 8; ++k) {
    for (size_t b = 0; b < 256; ++b)
      tables[k][b] = (tables[k - 1][b] >> 8) ^ tables[0][tables[k - 1][b] & 0xff];
  }
  return tables;
}
constexpr auto kTables = MakeTables();

inline uint64_t Load64(const uint8_t* p) {
  uint64_t v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

#if defined(__x86_64__)

// Advances *crc over groups of 3 * kLane bytes. The crc32 instruction starts one group of eight
// bytes a cycle but takes three to end, so three lanes are summed at a time. They are joined by
// crc(A B C) = crc(A) x^(16 kLane) + crc(B) x^(8 kLane) + crc(C): a carry-less product of two
// reflected 32-bit values, read as a reflected 64-bit message, is a * k * x, and the instruction
// multiplies a message by x^32 while it reduces it; hence the exponents less 33.
template <size_t kLane>
__attribute__((target("sse4.2,pclmul"))) void ThreeLanes(uint32_t* crc, const uint8_t** data,
                                                         size_t* n) {
  static_assert(kLane % 8 == 0);
  constexpr uint32_t kShiftOne = PowerOfX(8 * kLane - 33);
  constexpr uint32_t kShiftTwo = PowerOfX(16 * kLane - 33);
  const __m128i shifts =
      _mm_set_epi64x(static_cast<int64_t>(kShiftTwo), static_cast<int64_t>(kShiftOne));
  const uint8_t* p = *data;
  size_t left = *n;
  uint64_t a = *crc;
  for (; left >= 3 * kLane; left -= 3 * kLane, p += 3 * kLane) {
    uint64_t b = 0, c = 0;
    for (size_t i = 0; i < kLane; i += 8) {
      a = _mm_crc32_u64(a, Load64(p + i));
      b = _mm_crc32_u64(b, Load64(p + kLane + i));
      c = _mm_crc32_u64(c, Load64(p + 2 * kLane + i));
    }
    const __m128i a_shifted =
        _mm_clmulepi64_si128(_mm_cvtsi64_si128(static_cast<int64_t>(a)), shifts, 0x10);
    const __m128i b_shifted =
        _mm_clmulepi64_si128(_mm_cvtsi64_si128(static_cast<int64_t>(b)), shifts, 0x00);
    const auto sum = static_cast<uint64_t>(_mm_cvtsi128_si64(_mm_xor_si128(a_shifted, b_shifted)));
    a = c ^ _mm_crc32_u64(0, sum);
  }
  *crc = static_cast<uint32_t>(a);
  *data = p;
  *n = left;
}

__attribute__((target("sse4.2,pclmul"))) uint32_t ExtendByInstructions(uint32_t crc,
                                                                       const uint8_t* p, size_t n) {
  crc = ~crc;
  ThreeLanes<4096>(&crc, &p, &n);
  ThreeLanes<256>(&crc, &p, &n);
  uint64_t wide = crc;
  for (; n >= 8; n -= 8, p += 8) wide = _mm_crc32_u64(wide, Load64(p));
  crc = static_cast<uint32_t>(wide);
  for (; n > 0; --n, ++p) crc = _mm_crc32_u8(crc, *p);
  return ~crc;
}

bool HasInstructions() {
  static const bool has = __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul");
  return has;
}

#else

bool HasInstructions() { return false; }
uint32_t ExtendByInstructions(uint32_t crc, const uint8_t* p, size_t n) {
  return internal::Crc32cExtendByTables(crc, p, n);
}

#endif

}  // namespace

namespace internal {

bool Crc32cExtendByInstructions(uint32_t crc, const void* data, size_t n, uint32_t* result) {
  if (!HasInstructions()) return false;
  *result = ExtendByInstructions(crc, static_cast<const uint8_t*>(data), n);
  return true;
}

uint32_t Crc32cExtendByTables(uint32_t crc, const void* data, size_t n) {
  const auto* p = static_cast<const uint8_t*>(data);
  crc = ~crc;
  if constexpr (std::endian::native == std::endian::little) {
    for (; n >= 8; n -= 8, p += 8) {
      const uint64_t v = Load64(p) ^ crc;
      crc = 0;
      for (int k = 0; k < 8; ++k) crc ^= kTables[static_cast<size_t>(7 - k)][(v >> (8 * k)) & 0xff];
    }
  }
  for (; n > 0; --n, ++p) crc = (crc >> 8) ^ kTables[0][(crc ^ *p) & 0xff];
  return ~crc;
}

}  // namespace internal

uint32_t Crc32cExtend(uint32_t crc, const void* data, size_t n) {
  if (HasInstructions()) return ExtendByInstructions(crc, static_cast<const uint8_t*>(data), n);
  return internal::Crc32cExtendByTables(crc, data, n);
}

uint32_t Crc32cConcat(uint32_t first, uint32_t second, uint64_t second_length) {
  // The inversions at both ends cancel. (8 * length fits for every file that can exist.)
  return Multiply(first, PowerOfX(8 * second_length)) ^ second;
}

}  // namespace weft::io
