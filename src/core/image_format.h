// SPDX-License-Identifier: Apache-2.0
// The attributes that convolution and pooling of images share: where the dimensions lie, and how
// windows slide over height and width. Used by shape functions and kernels.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "src/core/window.h"

namespace weft {

// Which dimension of a tensor is which.
struct ImageFormat {
  int rank = 4;
  int batch = 0, height = 1, width = 2, depth = 3;
  bool channels_first() const { return depth == 1; }
};

// Of "NHWC", "NCHW" and "NCHW_VECT_C" (the latter has blocks of channels as a fifth dimension).
ImageFormat ParseImageFormat(std::string_view data_format);

// A window over height and width. Its sizes come from the filter of a convolution, or from ksize.
struct ImageWindow {
  WindowSpec height, width;
};

// Fills in padding and explicit margins. `explicit_paddings` holds pairs in the order of the
// format's dimensions, and must be empty unless the padding is "EXPLICIT".
absl::Status SetPadding(std::string_view padding, std::span<const int64_t> explicit_paddings,
                        const ImageFormat& format, ImageWindow* window);

// InvalidArgument unless the list has a value for each of 4 dimensions: "Conv2D requires the stride
// attribute to contain 4 values, but got: 2".
absl::Status CheckFourValues(std::string_view op, std::string_view attribute, size_t count);

}  // namespace weft
