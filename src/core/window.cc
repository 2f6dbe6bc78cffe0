// SPDX-License-Identifier: Apache-2.0
#include "src/core/window.h"

#include <algorithm>

#include "src/core/strings.h"
#include "weft/core/status_macros.h"

namespace weft {
namespace {

// Sums of sizes up to this can't overflow.
constexpr int64_t kLargest = int64_t{1} << 61;

absl::Status CheckSpec(const WindowSpec& w) {
  if (w.stride <= 0)
    return absl::InvalidArgumentError(StrCat("Stride must be > 0, but got ", w.stride));
  if (w.dilation < 1)
    return absl::InvalidArgumentError(StrCat("Dilation rate must be >= 1, but got ", w.dilation));
  if (w.pad_before < 0 || w.pad_after < 0) {
    return absl::InvalidArgumentError(StrCat("All explicit paddings must be nonnegative, but got ",
                                             w.pad_before, " and ", w.pad_after));
  }
  int64_t extent = 0;
  if (w.stride > kLargest || w.pad_before > kLargest || w.pad_after > kLargest ||
      __builtin_mul_overflow(w.size - 1, w.dilation, &extent) || extent > kLargest) {
    return absl::InvalidArgumentError(StrCat("a window of size ", w.size, ", stride ", w.stride,
                                             ", dilation ", w.dilation, " and padding ",
                                             w.pad_before, " + ", w.pad_after, " is too large"));
  }
  return absl::OkStatus();
}

}  // namespace

std::optional<Padding> ParsePadding(std::string_view text) {
  if (text == "VALID") return Padding::kValid;
  if (text == "SAME") return Padding::kSame;
  if (text == "EXPLICIT") return Padding::kExplicit;
  return std::nullopt;
}

absl::StatusOr<WindowFit> FitWindows(int64_t input, const WindowSpec& w) {
  WEFT_RETURN_IF_ERROR(CheckSpec(w));
  if (input < 0 || input > kLargest || w.size < 0)
    return absl::InvalidArgumentError(
        StrCat("a window of size ", w.size, " on an input of size ", input));
  WindowFit fit;
  if (w.padding == Padding::kSame) {
    fit.count = (input + w.stride - 1) / w.stride;
    const int64_t reach = (fit.count - 1) * w.stride + w.extent();
    const int64_t outside = std::max<int64_t>(0, reach - input);
    fit.before = outside / 2;
    fit.after = outside - fit.before;
    return fit;
  }
  if (w.padding == Padding::kExplicit) {
    fit.before = w.pad_before;
    fit.after = w.pad_after;
  }
  const int64_t free = input + fit.before + fit.after - w.extent();
  if (free < -w.stride) {
    return absl::InvalidArgumentError(StrCat(
        "Computed output size would be negative: ", (free + w.stride) / w.stride, " [input_size: ",
        input, ", effective_filter_size: ", w.extent(), ", stride: ", w.stride, "]"));
  }
  fit.count = (free + w.stride) / w.stride;
  return fit;
}

absl::StatusOr<int64_t> InferWindowCount(int64_t input, const WindowSpec& w) {
  WEFT_RETURN_IF_ERROR(CheckSpec(w));
  if (input < 0 || (w.size < 0 && w.padding != Padding::kSame)) return int64_t{-1};
  if (w.padding != Padding::kSame) {
    const int64_t padded =
        input + (w.padding == Padding::kExplicit ? w.pad_before + w.pad_after : 0);
    if (padded < w.extent()) {
      return absl::InvalidArgumentError(
          StrCat("Negative dimension size caused by subtracting ", w.extent(), " from ", padded));
    }
  }
  WindowSpec known = w;
  known.size = std::max<int64_t>(w.size, 0);
  WEFT_ASSIGN_OR_RETURN(const WindowFit fit, FitWindows(input, known));
  return fit.count;
}

}  // namespace weft
