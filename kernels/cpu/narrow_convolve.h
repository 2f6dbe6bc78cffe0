// SPDX-License-Identifier: Apache-2.0
// Gradients for the input of flat float convolutions whose input has few channels: the first layer
// of a network, where channels fill no vector.
//
// Vectors hold neighbouring pixels instead. Pixels of dx that are a stride apart read, for each tap
// of the filter, pixels of dy that are neighbours. Rows of dy are turned, so that a channel's
// pixels lie side by side, into a piece of memory that stays in the second cache; from there some
// vectors of pixels of dx are summed up in registers over all taps and all channels of dy. Nothing
// is multiplied that is not needed, and each element of dx is written once.
//
// A sum's order depends on the sizes alone. An infinite weight makes NaN of the pixels for which
// its tap falls beside dy.
#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "kernels/cpu/convolve.h"
#include "kernels/cpu/dnnl_convolve.h"
#include "weft/runtime/kernel.h"

namespace weft::cpu {

// Whether this way is there for the geometry and faster than oneDNN's. Depends on sizes alone.
bool NarrowBackInputPays(const ConvGeometry& g);

// Tensors and working memory as DnnlConvolution::Run has them. Results don't depend on the number
// of threads.
absl::Status NarrowBackInput(KernelContext& ctx, int workspace_output, const ConvGeometry& g,
                             const ConvTensors& tensors);

// ---- parts, for each instruction set ------------------------------------------------------------

// Pixels of a row of dx that are a stride apart: what their sums are made of.
struct NarrowSums {
  // Rows of dy, turned, at pixel 0, and the weights for each: [dy's channels, taps, dx's channels].
  const float* const* rows;
  const float* const* weights;
  int64_t num_rows;
  // Pixel i of dx reads for tap k pixel i + shifts[k] of dy.
  const int64_t* shifts;
  int64_t num_taps;
  int64_t channels;  // of dy
  int64_t distance;  // of a turned row's channels
  // What is asked into the second cache meanwhile.
  const float* ahead;
  const float* ahead_end;
};

}  // namespace weft::cpu
