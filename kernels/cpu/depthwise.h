// SPDX-License-Identifier: Apache-2.0
// Depthwise convolutions by 3 x 3 filters, some pixels at a time, for those who use the result at
// once (kernels/cpu/pixel_product.h).
#pragma once

#include <cstdint>

#include "kernels/cpu/convolve.h"
#include "kernels/cpu/packed_gemm.h"

namespace weft::cpu {

// One output channel for each of the input, windows of 3 x 3 pixels side by side with strides 1 or
// 2, the same for rows and columns.
bool DepthwiseFits(const ConvGeometry& g);

// What all pixels share. Tensors as convolve.h says; `zeros` are g.in_channels zeros.
struct Depthwise {
  ConvGeometry g;  // DepthwiseFits
  const float* x;
  const float* filter;
  SumFinish finish;  // without `add`
  const float* zeros;
};

// Rows of the result that are best made together.
inline constexpr int64_t kDepthwiseRows = 4;

// Pixels [begin, end) of the result, counted over all images, as rows that begin ld elements apart.
// The bits of a pixel do not depend on the others.
void DepthwiseRows(const Depthwise& t, int64_t begin, int64_t end, float* rows, int64_t ld);

}  // namespace weft::cpu
