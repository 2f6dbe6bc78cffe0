// SPDX-License-Identifier: Apache-2.0
// Published hashes of texts beside that of fingerprint.h. Each gives the same number everywhere.
#pragma once

#include <cstdint>
#include <string_view>

namespace weft {

// SipHash-2-4 (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012) with a key of 128
// bits: without it nobody can choose texts that fall together.
uint64_t SipHash(std::string_view text, uint64_t key0, uint64_t key1);

// MurmurHash2 for 64 bits, variant A (Appleby; public domain).
uint64_t MurmurHash64(std::string_view text, uint64_t seed);

}  // namespace weft
