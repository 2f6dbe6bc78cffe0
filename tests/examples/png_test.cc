// SPDX-License-Identifier: Apache-2.0
#include "examples/support/png.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <png.h>

#include <filesystem>
#include <stdexcept>

#include "examples/support/idx.h"
#include "tests/support/temporary_folder.h"

namespace weft::examples {
namespace {

using test::TemporaryFolder;
using testing::HasSubstr;

struct Decoded {
  int width = 0;
  int height = 0;
  bool color = false;
  std::vector<uint8_t> pixels;
};

Decoded Decode(const std::filesystem::path& path, int channels) {
  png_image image = {};
  image.version = PNG_IMAGE_VERSION;
  Decoded decoded;
  EXPECT_TRUE(png_image_begin_read_from_file(&image, path.c_str())) << image.message;
  decoded.color = image.format & PNG_FORMAT_FLAG_COLOR;
  EXPECT_FALSE(image.format &
               (PNG_FORMAT_FLAG_ALPHA | PNG_FORMAT_FLAG_LINEAR | PNG_FORMAT_FLAG_COLORMAP));
  image.format = channels == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
  decoded.width = static_cast<int>(image.width);
  decoded.height = static_cast<int>(image.height);
  decoded.pixels.resize(PNG_IMAGE_SIZE(image));
  EXPECT_TRUE(png_image_finish_read(&image, nullptr, decoded.pixels.data(), 0, nullptr))
      << image.message;
  return decoded;
}

TEST(Png, GreyAndRgbComeBack) {
  TemporaryFolder dir;
  for (const int channels : {1, 3}) {
    std::vector<uint8_t> pixels(11 * 7 * channels);
    for (size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<uint8_t>(i * 37 % 256);
    WritePng(dir / "a.png", 11, 7, channels, pixels);
    const Decoded decoded = Decode(dir / "a.png", channels);
    EXPECT_EQ(decoded.width, 11);
    EXPECT_EQ(decoded.height, 7);
    EXPECT_EQ(decoded.color, channels == 3);
    EXPECT_EQ(decoded.pixels, pixels) << channels;
  }
}

TEST(Png, WritesAnRgbImage) {
  TemporaryFolder dir;
  RgbImage image(5, 4, {1, 2, 3});
  image.FillRect(1, 1, 2, 2, {200, 100, 50});
  WritePng(dir / "a.png", image);
  EXPECT_EQ(Decode(dir / "a.png", 3).pixels, image.pixels());
}

TEST(Png, RefusesSizesThatDoNotFit) {
  TemporaryFolder dir;
  const std::vector<uint8_t> pixels(12);
  const auto expect = [&](int width, int height, int channels) {
    EXPECT_THROW(WritePng(dir / "a.png", width, height, channels, pixels), std::invalid_argument)
        << width << " x " << height << " x " << channels;
  };
  expect(4, 4, 1);
  expect(3, 2, 2);
  expect(6, 1, 2);
  expect(0, 4, 1);
  expect(-3, -4, 1);
  expect(2147483647, 2147483647, 3);
  EXPECT_TRUE(std::filesystem::is_empty(dir.path()));
}

TEST(Png, NamesAFileThatCannotBeWritten) {
  TemporaryFolder dir;
  const std::vector<uint8_t> pixels(12);
  try {
    WritePng(dir / "none" / "a.png", 4, 3, 1, pixels);
    ADD_FAILURE() << "wrote into a folder that is not there";
  } catch (const FileError& error) {
    EXPECT_THAT(error.what(),
                HasSubstr((dir / "none" / "a.png").string() + ": cannot be written: No such file"));
  }
}

}  // namespace
}  // namespace weft::examples
