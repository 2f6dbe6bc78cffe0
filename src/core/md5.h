// SPDX-License-Identifier: Apache-2.0
// MD5 (RFC 1321). TensorFlow derives seeds from it; it protects nothing.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace weft {

std::array<uint8_t, 16> Md5(std::string_view text);

// The first 32 bits of the digest, as the number that its first eight hexadecimal digits write.
uint32_t Md5Prefix(std::string_view text);

}  // namespace weft
