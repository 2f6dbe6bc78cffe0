// SPDX-License-Identifier: Apache-2.0
// CRC-32C (Castagnoli): the checksum of checkpoints, TFRecords and event files.
//
// Polynomial 0x1EDC6F41, bits reflected, initial value and final xor 0xffffffff, as in RFC 3720
// appendix B.4: Crc32c("123456789", 9) == 0xe3069283. Uses the processor's instructions where it
// has them. Functions are pure: any number of threads may call them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace weft::io {

// The checksum of a message whose first part has the checksum `crc` and whose rest is `data`.
uint32_t Crc32cExtend(uint32_t crc, const void* data, size_t n);

inline uint32_t Crc32c(const void* data, size_t n) { return Crc32cExtend(0, data, n); }
inline uint32_t Crc32c(std::string_view bytes) { return Crc32c(bytes.data(), bytes.size()); }

// The checksum of a message, from those of its two parts and the length of the second: parts may be
// summed by several threads.
uint32_t Crc32cConcat(uint32_t first, uint32_t second, uint64_t second_length);

// What files store in place of a checksum: bytes that hold checksums would otherwise have
// checksums of little strength. mask(c) = rotate_right(c, 15) + 0xa282ead8.
inline uint32_t MaskCrc32c(uint32_t crc) { return ((crc >> 15) | (crc << 17)) + 0xa282ead8u; }
inline uint32_t UnmaskCrc32c(uint32_t masked) {
  const uint32_t rotated = masked - 0xa282ead8u;
  return (rotated >> 17) | (rotated << 15);
}

namespace internal {
// The two ways to compute it, for the test that compares them. The first returns false where the
// processor lacks the instructions.
bool Crc32cExtendByInstructions(uint32_t crc, const void* data, size_t n, uint32_t* result);
uint32_t Crc32cExtendByTables(uint32_t crc, const void* data, size_t n);
}  // namespace internal

}  // namespace weft::io
