// SPDX-License-Identifier: Apache-2.0
#include "examples/support/read_picture.h"

#include <jpeglib.h>
#include <png.h>

#include <algorithm>
#include <cmath>
#include <csetjmp>
#include <fstream>
#include <iterator>
#include <string>

#include "examples/support/idx.h"

namespace weft::examples {
namespace {

constexpr int64_t kMaxPixels = int64_t{1} << 26;

using Bytes = std::vector<uint8_t>;

Bytes ReadBytes(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw FileError(path, "cannot be read");
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void CheckSize(const std::filesystem::path& path, int64_t width, int64_t height) {
  if (width < 1 || height < 1 || width > kMaxPixels / height) {
    throw FileError(path, "claims to have " + std::to_string(width) + " x " +
                              std::to_string(height) + " pixels");
  }
}

Picture DecodePng(const std::filesystem::path& path, const Bytes& bytes) {
  png_image image = {};
  image.version = PNG_IMAGE_VERSION;
  if (!png_image_begin_read_from_memory(&image, bytes.data(), bytes.size()))
    throw FileError(path, std::string("is no PNG picture: ") + image.message);
  image.format = PNG_FORMAT_RGB;
  Picture picture;
  try {
    CheckSize(path, image.width, image.height);
    picture.width = static_cast<int>(image.width);
    picture.height = static_cast<int>(image.height);
    picture.pixels.resize(PNG_IMAGE_SIZE(image));
  } catch (...) {
    png_image_free(&image);
    throw;
  }
  const png_color white = {255, 255, 255};
  if (!png_image_finish_read(&image, &white, picture.pixels.data(), 0, nullptr))
    throw FileError(path, std::string("is damaged: ") + image.message);
  return picture;
}

// libjpeg reports an error by a jump, which may pass over no object that has a destructor: so all
// of those live outside of the function that decodes.
struct JpegError {
  jpeg_error_mgr manager;
  std::jmp_buf jump;
  char message[JMSG_LENGTH_MAX];
};

void JpegFailed(j_common_ptr info) {
  auto* error = reinterpret_cast<JpegError*>(info->err);
  info->err->format_message(info, error->message);
  std::longjmp(error->jump, 1);
}

void JpegQuiet(j_common_ptr) {}

// False if the picture is damaged (error->message) or too large (message empty).
bool DecodeRows(jpeg_decompress_struct* info, JpegError* error, const Bytes& bytes,
                Picture* picture) {
  if (setjmp(error->jump)) return false;
  jpeg_create_decompress(info);
  jpeg_mem_src(info, bytes.data(), bytes.size());
  jpeg_read_header(info, TRUE);
  if (int64_t{info->image_width} * info->image_height > kMaxPixels) return false;
  info->out_color_space = JCS_RGB;
  jpeg_start_decompress(info);
  picture->width = static_cast<int>(info->output_width);
  picture->height = static_cast<int>(info->output_height);
  const size_t row = size_t{info->output_width} * 3;
  picture->pixels.resize(row * info->output_height);
  while (info->output_scanline < info->output_height) {
    JSAMPROW to = picture->pixels.data() + row * info->output_scanline;
    jpeg_read_scanlines(info, &to, 1);
  }
  jpeg_finish_decompress(info);
  return true;
}

Picture DecodeJpeg(const std::filesystem::path& path, const Bytes& bytes) {
  jpeg_decompress_struct info = {};
  JpegError error = {};
  info.err = jpeg_std_error(&error.manager);
  error.manager.error_exit = JpegFailed;
  error.manager.output_message = JpegQuiet;
  Picture picture;
  const bool decoded = DecodeRows(&info, &error, bytes, &picture);
  jpeg_destroy_decompress(&info);
  if (decoded) return picture;
  throw FileError(path, error.message[0] ? std::string("is damaged: ") + error.message
                                         : std::string("claims to have too many pixels"));
}

bool BeginsWith(const Bytes& bytes, std::initializer_list<uint8_t> start) {
  return bytes.size() >= start.size() && std::equal(start.begin(), start.end(), bytes.begin());
}

// How much of the pixels [begin, end) of a row of `from` pixels lies in part i of `to`.
struct Range {
  double begin, end;
};
Range PartOf(int i, int from, int to) {
  const double size = static_cast<double>(from) / to;
  return {i * size, (i + 1) * size};
}
double Overlap(Range r, int pixel) {
  return std::min(r.end, pixel + 1.0) - std::max(r.begin, static_cast<double>(pixel));
}

}  // namespace

Picture ReadPicture(const std::filesystem::path& path) {
  const Bytes bytes = ReadBytes(path);
  if (BeginsWith(bytes, {0x89, 'P', 'N', 'G'})) return DecodePng(path, bytes);
  if (BeginsWith(bytes, {0xff, 0xd8, 0xff})) return DecodeJpeg(path, bytes);
  throw FileError(path, "is neither a PNG nor a JPEG picture");
}

std::vector<float> ColorAreas(const Picture& picture, int width, int height) {
  std::vector<float> colors;
  colors.reserve(static_cast<size_t>(width) * static_cast<size_t>(height) * 3);
  for (int y = 0; y < height; ++y) {
    const Range rows = PartOf(y, picture.height, height);
    for (int x = 0; x < width; ++x) {
      const Range columns = PartOf(x, picture.width, width);
      double sum[3] = {}, area = 0;
      for (int r = static_cast<int>(rows.begin); r < picture.height && r < rows.end; ++r) {
        for (int c = static_cast<int>(columns.begin); c < picture.width && c < columns.end; ++c) {
          const double share = Overlap(rows, r) * Overlap(columns, c);
          const uint8_t* p =
              picture.pixels.data() + (static_cast<size_t>(r) * picture.width + c) * 3;
          for (int i = 0; i < 3; ++i) sum[i] += share * p[i];
          area += share;
        }
      }
      for (const double s : sum)
        colors.push_back(area > 0 ? static_cast<float>(s / (255.0 * area)) : 0.0f);
    }
  }
  return colors;
}

std::vector<float> GreyAreas(const Picture& picture, int width, int height) {
  const std::vector<float> colors = ColorAreas(picture, width, height);
  std::vector<float> grey;
  grey.reserve(colors.size() / 3);
  // ITU-R BT.601: how bright the three primaries seem.
  for (size_t i = 0; i + 2 < colors.size(); i += 3)
    grey.push_back(0.299f * colors[i] + 0.587f * colors[i + 1] + 0.114f * colors[i + 2]);
  return grey;
}

}  // namespace weft::examples
