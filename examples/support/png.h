// SPDX-License-Identifier: Apache-2.0
// Writes 8-bit PNG files.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>

#include "examples/support/rgb_image.h"

namespace weft::examples {

// `pixels`: [height, width, channels], row-major; channels is 1 (grey) or 3 (RGB). Replaces a file
// of that name. Throws std::invalid_argument for sizes that do not fit together, FileError (idx.h)
// where the file cannot be written; no half file is left then.
void WritePng(const std::filesystem::path& path, int width, int height, int channels,
              std::span<const uint8_t> pixels);

inline void WritePng(const std::filesystem::path& path, const RgbImage& image) {
  WritePng(path, image.width(), image.height(), 3, image.pixels());
}

}  // namespace weft::examples
