// SPDX-License-Identifier: Apache-2.0
#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/nn/layer_scope.h"
#include "src/ops/op_scope.h"
#include "weft/ops/convolution.h"

namespace weft::layers {
namespace {

using Pooling = Tensor (*)(const Input& value, const nn::Sizes& ksize, const nn::Sizes& strides,
                           const std::string& padding, const nn::PoolOptions& options);

Tensor Pooled(const char* layer, const char* default_name, Pooling pooling, size_t n,
              const Input& inputs, const Window& kernel_size, const LayerOptions& told) {
  const LayerOptions o = ArgScope::Arguments(layer, told);
  const char* const first = n == 2 ? "NCHW" : "NCDHW";
  const char* const last = n == 2 ? "NHWC" : "NDHWC";
  const bool channels_first = internal::ChannelsFirst(o.data_format, {first, last}, layer);
  if (kernel_size.empty())
    ThrowError(Code::kInvalidArgument, StrCat(layer, ": kernel_size is empty"));
  const std::vector<int64_t> kernel = internal::Spatial(kernel_size, 1, n, "kernel_size", layer);
  const std::vector<int64_t> strides = internal::Spatial(o.stride, 2, n, "stride", layer);
  const std::string padding = internal::PaddingOf(o, "VALID", layer);
  const OpScope scope(o.scope, default_name, {&inputs});
  const Tensor x = AsTensor(inputs);
  if (x.shape().known_rank() && x.shape().rank() != static_cast<int>(n) + 2) {
    ThrowError(Code::kInvalidArgument,
               StrCat(layer, ": input '", x.name(), "' has shape ", x.shape().ToPythonString(),
                      "; its rank must be ", n + 2, "."));
  }
  const Tensor y =
      pooling(x, kernel, strides, padding, {.data_format = channels_first ? first : last});
  return CollectNamedOutputs(o.outputs_collections, scope.name(), y);
}

}  // namespace

Tensor MaxPool2d(const Input& inputs, const Window& kernel_size, const LayerOptions& options) {
  return Pooled(kMaxPool2d, "MaxPool2D", nn::MaxPool, 2, inputs, kernel_size, options);
}
Tensor AvgPool2d(const Input& inputs, const Window& kernel_size, const LayerOptions& options) {
  return Pooled(kAvgPool2d, "AvgPool2D", nn::AvgPool, 2, inputs, kernel_size, options);
}
Tensor MaxPool3d(const Input& inputs, const Window& kernel_size, const LayerOptions& options) {
  return Pooled(kMaxPool3d, "MaxPool3D", nn::MaxPool3D, 3, inputs, kernel_size, options);
}
Tensor AvgPool3d(const Input& inputs, const Window& kernel_size, const LayerOptions& options) {
  return Pooled(kAvgPool3d, "AvgPool3D", nn::AvgPool3D, 3, inputs, kernel_size, options);
}

}  // namespace weft::layers
