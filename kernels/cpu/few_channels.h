// SPDX-License-Identifier: Apache-2.0
// Convolutions of images with few channels, as the first one of a network is: the pixels of a row
// of a filter lie side by side in the image, and there are only a few floats of them, so tiles are
// multiplied where they lie. General kernels want channels in vectors.
#pragma once

#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "kernels/cpu/convolve.h"
#include "kernels/cpu/dnnl_convolve.h"
#include "kernels/cpu/pixel_product.h"
#include "weft/runtime/kernel.h"

namespace weft::cpu {

// Those of one node with a constant filter. Thread-safe.
class FewChannelsConvolution {
 public:
  FewChannelsConvolution(ConvPass pass, ConvEpilogue epilogue, bool constant_filter,
                         Array filter_scale)
      : fits_(pass == ConvPass::kForward && constant_filter && !epilogue.add),
        epilogue_(epilogue),
        filter_scale_(std::move(filter_scale)) {}

  // Whether this form is there for the geometry, and faster than oneDNN's.
  bool Pays(const ConvGeometry& g) const;

  // As DnnlConvolution's. The bits don't depend on the number of threads.
  absl::Status Run(KernelContext& ctx, const ConvGeometry& g, const ConvTensors& tensors);

 private:
  const bool fits_;
  const ConvEpilogue epilogue_;
  const Array filter_scale_;
  PackedConstant filter_;
};

}  // namespace weft::cpu
