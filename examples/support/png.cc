// SPDX-License-Identifier: Apache-2.0
#include "examples/support/png.h"

#include <png.h>

#include <limits>
#include <stdexcept>
#include <string>

#include "examples/support/idx.h"

namespace weft::examples {

void WritePng(const std::filesystem::path& path, int width, int height, int channels,
              std::span<const uint8_t> pixels) {
  const bool sides_ok = width >= 1 && height >= 1 && (channels == 1 || channels == 3);
  // A row must fit libpng's 32-bit count; the product of three ints below fits 64 bits then.
  const int64_t row = int64_t{width} * channels;
  if (!sides_ok || row > std::numeric_limits<int32_t>::max() ||
      row * height != static_cast<int64_t>(pixels.size())) {
    throw std::invalid_argument("WritePng " + path.string() + ": " + std::to_string(pixels.size()) +
                                " bytes are not " + std::to_string(height) + " x " +
                                std::to_string(width) + " pixels of " + std::to_string(channels) +
                                " channels (1 or 3)");
  }
  // libpng's simplified interface reports errors by value, so no longjmp passes over C++ objects.
  png_image image = {};
  image.version = PNG_IMAGE_VERSION;
  image.width = static_cast<png_uint_32>(width);
  image.height = static_cast<png_uint_32>(height);
  image.format = channels == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
  const int written =
      png_image_write_to_file(&image, path.c_str(), /*convert_to_8bit=*/0, pixels.data(),
                              static_cast<png_int_32>(row), /*colormap=*/nullptr);
  if (!written) throw FileError(path, std::string("cannot be written: ") + image.message);
}

}  // namespace weft::examples
