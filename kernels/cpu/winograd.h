// SPDX-License-Identifier: Apache-2.0
// Float convolutions with stride 1 by 3 x 3 and 5 x 5 filters in Winograd's form: tiles of 6 x 6
// pixels and the filter are brought into a form in which a convolution is 36 products of matrices
// [tiles, channels] x [channels, output channels], one for each place of a tile, and the result is
// brought back. A tile gives 2 x 2 pixels of a 5 x 5 filter's result, or 4 x 4 of a 3 x 3 filter's:
// 9 multiplications a pixel and pair of channels in the place of 25, and 2.25 in the place of 9.
//
// Source: Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2015, and for the
// choice of points Barabasz, Anderson, Soodhalter and Gregg, "Error Analysis and Improving the
// Accuracy of Winograd Convolution for Deep Neural Networks", 2020. Here they are 0, the roots of
// 1/2 and 2 with both signs, and infinity: sums are off by about twice as much as plain ones,
// gradients for filters by four times as much. An infinite pixel makes NaN of all results of its
// tile.
#pragma once

#include <cstdint>
#include <mutex>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kernels/cpu/convolve.h"
#include "kernels/cpu/dnnl_convolve.h"
#include "weft/runtime/kernel.h"

namespace weft::cpu {

// Whether forms with fewer multiplications but more rounding than plain sums are allowed, this one
// and strassen.h's: they are not if TF_ENABLE_WINOGRAD_NONFUSED is 0 in the environment, as in
// TensorFlow.
bool FastFormsAllowed();

// Whether it is a flat convolution with stride 1 by size x size filters, and Winograd's form is
// allowed.
bool WinogradFits(const ConvGeometry& g, int64_t size);

// The convolutions of one node. Thread-safe.
class WinogradConvolution {
 public:
  // As DnnlConvolution's; a constant filter is transformed once.
  WinogradConvolution(ConvPass pass, ConvEpilogue epilogue, bool constant_filter,
                      Array filter_scale)
      : pass_(pass),
        epilogue_(epilogue),
        constant_filter_(constant_filter),
        filter_scale_(std::move(filter_scale)) {}

  // Whether this form is there for the geometry and faster than sums of products. Depends on sizes
  // alone, so that equal runs give equal bits.
  bool Pays(const ConvGeometry& g) const;

  // Tensors and working memory as DnnlConvolution::Run has them.
  // Gradients for filters are rounded in an order that depends on the number of threads.
  absl::Status Run(KernelContext& ctx, int workspace_output, const ConvGeometry& g,
                   const ConvTensors& tensors);

 private:
  absl::StatusOr<const float*> TransformedFilter(KernelContext& ctx, const ConvGeometry& g,
                                                 const float* filter, float* room);

  const ConvPass pass_;
  const ConvEpilogue epilogue_;
  const bool constant_filter_;
  const Array filter_scale_;
  std::mutex mu_;
  Array transformed_;  // of a constant filter
};

}  // namespace weft::cpu
