// SPDX-License-Identifier: Apache-2.0
// Gradients for the filter of flat float convolutions whose input has few channels: the first layer
// of a network.
//
// The taps of a filter's row and their channels are a run of floats of x for each pixel of dy. Some
// floats of the run times some vectors of dy's channels are summed up in registers over a row of
// dy, and then added to what other rows gave. x is never laid out as windows; its rows are copied
// between zeros.
#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "kernels/cpu/convolve.h"
#include "kernels/cpu/dnnl_convolve.h"
#include "weft/runtime/kernel.h"

namespace weft::cpu {

// Whether this way is there for the geometry and faster than oneDNN's. Depends on sizes alone.
bool NarrowBackFilterPays(const ConvGeometry& g);

// Tensors and working memory as DnnlConvolution::Run has them. Results don't depend on the number
// of threads.
absl::Status NarrowBackFilter(KernelContext& ctx, int workspace_output, const ConvGeometry& g,
                              const ConvTensors& tensors);

// ---- parts, for each instruction set ------------------------------------------------------------

// sums [run, columns] += the products of a row of x and a row of dy [pixels, columns]. Columns are
// a multiple of two vectors.
struct NarrowOuter {
  int64_t pixels;
  const float* x;  // [pixels, run], pixels x_step elements apart
  int64_t x_step, run;
  const float* dy;
  int64_t columns;
  float* sums;
};

}  // namespace weft::cpu
