// SPDX-License-Identifier: Apache-2.0
// Hashes of texts that are the same everywhere and for ever: FarmHash's Fingerprint64, by which
// TensorFlow puts texts into buckets.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>

namespace weft {

uint64_t Fingerprint64(std::string_view text);

// FarmHash's Fingerprint128: the lower and the upper half.
std::pair<uint64_t, uint64_t> Fingerprint128(std::string_view text);

}  // namespace weft
