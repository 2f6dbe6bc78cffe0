// SPDX-License-Identifier: Apache-2.0
// A hash of texts that is the same everywhere and for ever: FarmHash's Fingerprint64, by which
// TensorFlow puts texts into buckets.
#pragma once

#include <cstdint>
#include <string_view>

namespace weft {

uint64_t Fingerprint64(std::string_view text);

}  // namespace weft
