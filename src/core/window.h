// SPDX-License-Identifier: Apache-2.0
// Windows that slide over a dimension: convolution, pooling, patches. Shared by shape functions and
// kernels.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/status/statusor.h"

namespace weft {

// kValid: every window lies inside the input. kSame: as many windows as the stride fits into the
// input, with zeros (for a maximum: nothing) around it, the odd one at the end. kExplicit: given.
enum class Padding { kValid, kSame, kExplicit };

// From the attribute's text; nullopt if it is none of "VALID", "SAME", "EXPLICIT".
std::optional<Padding> ParsePadding(std::string_view text);

// One dimension of a window.
struct WindowSpec {
  int64_t size = 1;
  int64_t stride = 1;
  int64_t dilation = 1;
  Padding padding = Padding::kValid;
  int64_t pad_before = 0, pad_after = 0;  // of kExplicit
  // The extent of a dilated window.
  int64_t extent() const { return (size - 1) * dilation + 1; }
};

// How the windows lie on an input: number i covers inputs i * stride - before + k * dilation.
struct WindowFit {
  int64_t count = 0;
  int64_t before = 0, after = 0;  // positions outside of the input that the windows reach
};

// InvalidArgument if a size is out of range or no window fits ("Computed output size would be
// negative").
absl::StatusOr<WindowFit> FitWindows(int64_t input, const WindowSpec& window);

// The number of windows on a dimension of which the input's and the window's size may be unknown
// (-1). Unlike FitWindows, windows larger than the input are an error.
absl::StatusOr<int64_t> InferWindowCount(int64_t input, const WindowSpec& window);

}  // namespace weft
