// SPDX-License-Identifier: Apache-2.0
// Reads PNG and JPEG files.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

namespace weft::examples {

struct Picture {
  int width = 0, height = 0;
  std::vector<uint8_t> pixels;  // [height, width, 3], row-major: red, green, blue
};

// By what the file begins with, not by its name. What is transparent is seen on white. Throws
// FileError (idx.h) where the file can't be read, is neither, is damaged, or claims more than 2^26
// pixels.
Picture ReadPicture(const std::filesystem::path& path);

// A picture brought to width x height by averaging areas: [height, width, 3], from 0 to 1.
std::vector<float> ColorAreas(const Picture& picture, int width, int height);

// The brightness of a picture brought to width x height by averaging areas: [height, width], from 0
// (black) to 1 (white).
std::vector<float> GreyAreas(const Picture& picture, int width, int height);

}  // namespace weft::examples
