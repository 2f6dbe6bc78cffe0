// SPDX-License-Identifier: Apache-2.0
#include "tools/weft/pictures.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdint>
#include <stdexcept>
#include <vector>

#include "absl/strings/str_split.h"
#include "examples/support/read_picture.h"
#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/io/file.h"
#include "tools/weft/model_options.h"
#include "weft/core/error.h"

namespace weft::tool {
namespace {

using examples::Picture;

// How the elements of an input are the pixels of pictures.
struct Layout {
  int64_t height = -1, width = -1, channels = -1;  // -1: as the picture has them
  bool channels_first = false;
  bool single = false;  // has no dimension for several
  bool rows = false;    // of all pixels
  bool flat = false;    // has no dimension for channels
};

bool IsChannels(int64_t size) { return size == 1 || size == 3; }

[[noreturn]] void Unfit(const serving::ValueSpec& spec, const std::string& why) {
  ThrowError(Code::kInvalidArgument, StrCat("--input ", spec.name, ": ", why, "; it is ",
                                            DTypeName(spec.dtype), " ", spec.shape.ToString()));
}

Layout LayoutOf(const serving::ValueSpec& spec) {
  Layout l;
  if (!spec.shape.known_rank()) return l;
  const auto dim = [&](int i) { return spec.shape.dim(i); };
  switch (spec.shape.rank()) {
    case 4:
      l.channels_first = IsChannels(dim(1)) && !IsChannels(dim(3));
      l.channels = dim(l.channels_first ? 1 : 3);
      l.height = dim(l.channels_first ? 2 : 1);
      l.width = dim(l.channels_first ? 3 : 2);
      break;
    case 3:
      l.single = IsChannels(dim(2)) || dim(2) < 0;
      l.flat = !l.single;
      l.channels = l.single ? dim(2) : 1;
      l.height = dim(l.single ? 0 : 1);
      l.width = dim(l.single ? 1 : 2);
      break;
    case 2: {
      l.rows = true;
      for (const int64_t channels : {1, 3}) {
        const auto side = static_cast<int64_t>(
            std::lround(std::sqrt(static_cast<double>(std::max<int64_t>(dim(1), 0) / channels))));
        if (dim(1) <= 0 || side * side * channels != dim(1)) continue;
        l.height = l.width = side;
        l.channels = channels;
        break;
      }
      if (l.channels < 0) Unfit(spec, "its rows are no squares of pixels");
      break;
    }
    default:
      Unfit(spec, "a picture has two to four dimensions");
  }
  if (l.channels >= 0 && !IsChannels(l.channels)) Unfit(spec, "a picture has one channel or three");
  return l;
}

Shape ShapeOf(const Layout& l, int64_t count) {
  if (l.rows) return Shape({count, l.height * l.width * l.channels});
  if (l.single) return Shape({l.height, l.width, l.channels});
  if (l.flat) return Shape({count, l.height, l.width});
  if (l.channels_first) return Shape({count, l.channels, l.height, l.width});
  return Shape({count, l.height, l.width, l.channels});
}

std::string_view SuffixOf(const std::string& file) {
  const size_t dot = file.rfind('.');
  return dot == std::string::npos ? std::string_view() : std::string_view(file).substr(dot);
}

}  // namespace

bool ArePictures(const std::string& files) {
  const std::vector<std::string> names = absl::StrSplit(files, ',');
  return std::all_of(names.begin(), names.end(), [](const std::string& name) {
    std::string suffix(SuffixOf(name));
    std::transform(suffix.begin(), suffix.end(), suffix.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return suffix == ".png" || suffix == ".jpg" || suffix == ".jpeg";
  });
}

Array PictureInput(const std::string& files, const serving::ValueSpec& spec) {
  const std::vector<std::string> names = absl::StrSplit(files, ',');
  const auto count = static_cast<int64_t>(names.size());
  if (spec.dtype == kString) {
    const bool scalar = spec.shape.known_rank() && spec.shape.rank() == 0;
    if (scalar && count != 1) Unfit(spec, "it takes one picture");
    Array bytes(kString, scalar ? Shape() : Shape({count}));
    for (int64_t i = 0; i < count; ++i)
      bytes.mutable_data<std::string>()[i] = ValueOrThrow(ReadFile(names[static_cast<size_t>(i)]));
    return bytes;
  }
  Layout l = LayoutOf(spec);
  if (l.single && count != 1) Unfit(spec, "it takes one picture");
  const bool fractions = IsFloating(spec.dtype);
  Array array;
  for (int64_t n = 0; n < count; ++n) {
    Picture picture;
    try {
      picture = examples::ReadPicture(names[static_cast<size_t>(n)]);
    } catch (const std::runtime_error& e) {
      ThrowError(Code::kInvalidArgument, e.what());
    }
    if (n == 0) {
      if (l.height < 0) l.height = picture.height;
      if (l.width < 0) l.width = picture.width;
      if (l.channels < 0) l.channels = 3;
      array = Array::Zeros(spec.dtype, ShapeOf(l, count));
    }
    const auto areas = l.channels == 1 ? examples::GreyAreas : examples::ColorAreas;
    const std::vector<float> pixels =
        areas(picture, static_cast<int>(l.width), static_cast<int>(l.height));
    const int64_t size = l.height * l.width, first = n * size * l.channels;
    for (int64_t i = 0; i < size; ++i) {
      for (int64_t c = 0; c < l.channels; ++c) {
        const double value = pixels[static_cast<size_t>(i * l.channels + c)];
        SetElement(&array, first + (l.channels_first ? c * size + i : i * l.channels + c),
                   fractions ? value : std::round(value * 255));
      }
    }
  }
  return array;
}

}  // namespace weft::tool
