// SPDX-License-Identifier: Apache-2.0
#include "src/core/image_format.h"

#include <optional>

#include "src/core/strings.h"

namespace weft {

ImageFormat ParseImageFormat(std::string_view data_format) {
  ImageFormat f;
  if (data_format == "NCHW" || data_format == "NCHW_VECT_C") {
    f.depth = 1;
    f.height = 2;
    f.width = 3;
  }
  if (data_format == "NCHW_VECT_C") f.rank = 5;
  return f;
}

absl::Status SetPadding(std::string_view padding, std::span<const int64_t> margins,
                        const ImageFormat& format, ImageWindow* window) {
  const std::optional<Padding> kind = ParsePadding(padding);
  if (!kind) return absl::InvalidArgumentError(StrCat("unknown padding '", padding, "'"));
  window->height.padding = window->width.padding = *kind;
  if (*kind != Padding::kExplicit) {
    if (margins.empty()) return absl::OkStatus();
    return absl::InvalidArgumentError(
        "explicit_paddings attribute must be empty if the padding attribute is not EXPLICIT");
  }
  if (margins.size() != 8) {
    return absl::InvalidArgumentError(
        StrCat("explicit_paddings attribute must contain 8 values, but got: ", margins.size()));
  }
  for (int64_t m : margins) {
    if (m < 0)
      return absl::InvalidArgumentError("All elements of explicit_paddings must be nonnegative");
  }
  const auto before = [&](int d) { return margins[static_cast<size_t>(2 * d)]; };
  const auto after = [&](int d) { return margins[static_cast<size_t>(2 * d + 1)]; };
  if (before(format.batch) + after(format.batch) + before(format.depth) + after(format.depth) !=
      0) {
    return absl::InvalidArgumentError(
        "Nonzero explicit padding in the batch or depth dimensions is not supported");
  }
  window->height.pad_before = before(format.height);
  window->height.pad_after = after(format.height);
  window->width.pad_before = before(format.width);
  window->width.pad_after = after(format.width);
  return absl::OkStatus();
}

absl::Status CheckFourValues(std::string_view op, std::string_view attribute, size_t count) {
  if (count == 4) return absl::OkStatus();
  return absl::InvalidArgumentError(
      StrCat(op, " requires the ", attribute, " attribute to contain 4 values, but got: ", count));
}

}  // namespace weft
