// SPDX-License-Identifier: Apache-2.0
// Layers of convolution. The nodes are those of tf.layers, which slim's layers are made of.
#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/nn/layer_scope.h"
#include "src/ops/op_scope.h"
#include "weft/ops/array.h"
#include "weft/ops/convolution.h"
#include "weft/ops/math_binary.h"
#include "weft/ops/nn.h"

namespace weft::layers {
namespace {

using internal::AddModelVariable;
using internal::AddWeight;
using internal::HasBiases;
using internal::LayerScope;
using Sizes = std::vector<int64_t>;

internal::Renames KernelAndBias() { return {{"kernel", "weights"}, {"bias", "biases"}}; }

void CheckFilters(int64_t num_outputs, const std::string& layer) {
  if (num_outputs > 0) return;
  ThrowError(Code::kInvalidArgument,
             StrCat(layer, ": the number of outputs must be positive. Received: ", num_outputs));
}

Shape KernelShape(const Sizes& kernel, std::initializer_list<int64_t> channels,
                  const std::string& layer) {
  Sizes dims = kernel;
  dims.insert(dims.end(), channels.begin(), channels.end());
  Shape shape;
  std::string error;
  if (!Shape::Make(dims, &shape, &error))
    ThrowError(Code::kInvalidArgument, StrCat(layer, ": the shape of the weights: ", error));
  return shape;
}

Variable AddKernel(const Shape& shape, DataType dtype, const LayerOptions& o) {
  return AddWeight({.name = "kernel",
                    .in_layer = "weights",
                    .shape = shape,
                    .initializer = internal::WeightsInitializer(o),
                    .regularizer = o.weights_regularizer},
                   dtype, o);
}

Tensor WithBias(const Tensor& y, const Variable& bias, bool channels_first) {
  return nn::BiasAdd(y, bias, {.data_format = channels_first ? "NCHW" : "NHWC"});
}

Variable AddBias(int64_t num_outputs, DataType dtype, const LayerOptions& o) {
  return AddWeight({.name = "bias",
                    .in_layer = "biases",
                    .shape = Shape({num_outputs}),
                    .initializer = internal::BiasesInitializer(o),
                    .regularizer = o.biases_regularizer},
                   dtype, o);
}

// What a convolution of n dimensions is made of.
struct Geometry {
  Sizes kernel, strides, rate;
  std::string padding;
  bool channels_first = false;
};

Geometry GeometryOf(const Window& kernel_size, const LayerOptions& o, size_t n, bool channels_first,
                    const std::string& layer) {
  if (kernel_size.empty()) ThrowError(Code::kInvalidArgument, layer + ": kernel_size is empty");
  Geometry g{.kernel = internal::Spatial(kernel_size, 1, n, "kernel_size", layer),
             .strides = internal::Spatial(o.stride, 1, n, "stride", layer),
             .rate = internal::Spatial(o.rate, 1, n, "rate", layer),
             .padding = internal::PaddingOf(o, "SAME", layer),
             .channels_first = channels_first};
  const auto above_1 = [](int64_t s) { return s > 1; };
  if (std::any_of(g.strides.begin(), g.strides.end(), above_1) &&
      std::any_of(g.rate.begin(), g.rate.end(), above_1)) {
    ThrowError(Code::kInvalidArgument,
               StrCat(layer,
                      ": `strides > 1` not supported in conjunction with `rate > 1`. "
                      "Received: strides={",
                      StrJoin(g.strides, ", "), "} and rate={", StrJoin(g.rate, ", "), "}"));
  }
  return g;
}

Tensor Convolved(const Tensor& x, const Variable& kernel, const Geometry& g) {
  const size_t n = g.kernel.size();
  if (n == 1) {
    const NameScope scope("conv1d");
    return nn::Conv1D(x, kernel, g.strides[0], g.padding,
                      {.dilations = g.rate,
                       .data_format = g.channels_first ? "NCW" : "NWC",
                       .name = scope.name()});
  }
  if (n == 2) {
    return nn::Conv2D(
        x, kernel, g.strides, g.padding,
        {.dilations = g.rate, .data_format = g.channels_first ? "NCHW" : "NHWC", .name = "Conv2D"});
  }
  return nn::Conv3D(
      x, kernel, g.strides, g.padding,
      {.dilations = g.rate, .data_format = g.channels_first ? "NCDHW" : "NDHWC", .name = "Conv3D"});
}

// A tensor of rank 3 with channels first has no BiasAdd.
Tensor WithConvolutionBias(const Tensor& y, const Variable& bias, const Geometry& g,
                           int64_t num_outputs) {
  if (g.kernel.size() == 1 && g.channels_first) return y + Reshape(bias, {1, num_outputs, 1});
  return WithBias(y, bias, g.channels_first);
}

Tensor Convolution(const char* layer, const Input& inputs, int64_t num_outputs,
                   const Window& kernel_size, const LayerOptions& told, size_t n) {
  const LayerOptions o = ArgScope::Arguments(layer, told);
  CheckFilters(num_outputs, layer);
  const bool channels_first = internal::ChannelsFirst(
      o.data_format, {"NWC", "NCW", "NHWC", "NCHW", "NDHWC", "NCDHW"}, layer);
  const Geometry g = GeometryOf(kernel_size, o, n, channels_first, layer);
  const LayerScope scope(o, "Conv", GraphOf(inputs), KernelAndBias());
  const Tensor x = AsTensor(inputs);
  const int64_t channels =
      internal::ChannelsOf(x, channels_first, {static_cast<int>(n) + 2}, layer);
  const DataType dtype = RemoveRef(x.dtype());
  scope.MakeLayer();
  const Variable kernel =
      AddKernel(KernelShape(g.kernel, {channels, num_outputs}, layer), dtype, o);
  Variable bias;
  if (HasBiases(o)) bias = AddBias(num_outputs, dtype, o);
  Tensor y = Convolved(x, kernel, g);
  if (bias.valid()) y = WithConvolutionBias(y, bias, g, num_outputs);
  y = internal::NormalizedAndActivated(y, o);
  return CollectNamedOutputs(o.outputs_collections, scope.name(), y);
}

// How large an image becomes that each window of `kernel` pixels spreads over: unknown stays so.
int64_t TransposedSize(int64_t size, int64_t kernel, int64_t stride, const std::string& padding) {
  if (size == kUnknownDim) return kUnknownDim;
  const int64_t border = padding == "VALID" ? std::max<int64_t>(kernel - stride, 0) : 0;
  int64_t grown = 0;
  if (__builtin_mul_overflow(size, stride, &grown) ||
      __builtin_add_overflow(grown, border, &grown)) {
    ThrowError(Code::kInvalidArgument, StrCat(kConv2dTranspose, ": an image of size ", size,
                                              " with stride ", stride, " becomes too large"));
  }
  return grown;
}
Tensor TransposedSize(const Tensor& size, int64_t kernel, int64_t stride,
                      const std::string& padding) {
  const Tensor grown = size * static_cast<int32_t>(stride);
  if (padding == "SAME") return grown;
  return grown + static_cast<int32_t>(std::max<int64_t>(kernel - stride, 0));
}

Tensor Transposed(const Tensor& x, const Variable& kernel, int64_t num_outputs, const Geometry& g) {
  const int row = g.channels_first ? 2 : 1;
  const Tensor shape = ShapeOf(x);
  const Tensor batch = At(shape, {0});
  PartialShape known = x.shape();
  std::vector<IntList::Element> sizes(4, IntList::Element(num_outputs));
  sizes[0] = batch;
  // Sizes that are not known are read before any is computed with.
  std::array<Tensor, 2> read;
  for (size_t i = 0; i < 2; ++i) {
    const int dim = row + static_cast<int>(i);
    if (known.dim(dim) == kUnknownDim) read[i] = At(shape, {dim});
  }
  for (size_t i = 0; i < 2; ++i) {
    const int dim = row + static_cast<int>(i);
    const int64_t size = TransposedSize(known.dim(dim), g.kernel[i], g.strides[i], g.padding);
    sizes[static_cast<size_t>(dim)] =
        size == kUnknownDim
            ? IntList::Element(TransposedSize(read[i], g.kernel[i], g.strides[i], g.padding))
            : IntList::Element(size);
    known.set_dim(dim, size);
  }
  known.set_dim(g.channels_first ? 1 : 3, num_outputs);
  const Tensor output_shape = IntList(std::move(sizes)).AsInput("stack").tensor();
  // TensorFlow's layer looks whether the first size is None, and leaves this node behind.
  At(output_shape, {0});
  const Tensor y = nn::Conv2DTranspose(x, kernel, output_shape, g.strides, g.padding,
                                       {.data_format = g.channels_first ? "NCHW" : "NHWC"});
  y.set_shape(known);
  return y;
}

}  // namespace

Tensor Conv1d(const Input& inputs, int64_t num_outputs, const Window& kernel_size,
              const LayerOptions& options) {
  return Convolution(kConv1d, inputs, num_outputs, kernel_size, options, 1);
}
Tensor Conv2d(const Input& inputs, int64_t num_outputs, const Window& kernel_size,
              const LayerOptions& options) {
  return Convolution(kConv2d, inputs, num_outputs, kernel_size, options, 2);
}
Tensor Conv3d(const Input& inputs, int64_t num_outputs, const Window& kernel_size,
              const LayerOptions& options) {
  return Convolution(kConv3d, inputs, num_outputs, kernel_size, options, 3);
}

Tensor Conv2dInPlane(const Input& inputs, const Window& kernel_size, const LayerOptions& told) {
  const LayerOptions o = ArgScope::Arguments(kConv2dInPlane, told);
  const Geometry g = GeometryOf(kernel_size, o, 2, false, kConv2dInPlane);
  const LayerScope scope(o, "ConvInPlane", GraphOf(inputs), {});
  const Tensor x = AsTensor(inputs);
  const int64_t channels = internal::ChannelsOf(x, false, {4}, kConv2dInPlane);
  const DataType dtype = RemoveRef(x.dtype());
  const Variable weights = AddModelVariable({.name = "weights",
                                             .in_layer = "weights",
                                             .shape = KernelShape(g.kernel, {1, 1}, kConv2dInPlane),
                                             .initializer = internal::WeightsInitializer(o),
                                             .regularizer = o.weights_regularizer},
                                            dtype, o);
  const Tensor filters = Tile(weights, {1, 1, channels, 1});
  Tensor y = nn::DepthwiseConv2D(x, filters, g.strides, g.padding);
  if (HasBiases(o)) {
    const Variable biases = AddModelVariable({.name = "biases",
                                              .in_layer = "biases",
                                              .shape = Shape({channels}),
                                              .initializer = internal::BiasesInitializer(o),
                                              .regularizer = o.biases_regularizer},
                                             dtype, o);
    y = nn::BiasAdd(y, biases);
  }
  y = internal::NormalizedAndActivated(y, o);
  return CollectNamedOutputs(o.outputs_collections, scope.name(), y);
}

Tensor Conv2dTranspose(const Input& inputs, int64_t num_outputs, const Window& kernel_size,
                       const LayerOptions& told) {
  const LayerOptions o = ArgScope::Arguments(kConv2dTranspose, told);
  CheckFilters(num_outputs, kConv2dTranspose);
  const bool channels_first =
      internal::ChannelsFirst(o.data_format, {"NCHW", "NHWC"}, kConv2dTranspose);
  const Geometry g = GeometryOf(kernel_size, o, 2, channels_first, kConv2dTranspose);
  const LayerScope scope(o, "Conv2d_transpose", GraphOf(inputs), KernelAndBias());
  const Tensor x = AsTensor(inputs);
  const int64_t channels = internal::ChannelsOf(x, channels_first, {4}, kConv2dTranspose);
  const DataType dtype = RemoveRef(x.dtype());
  scope.MakeLayer();
  const Variable kernel =
      AddKernel(KernelShape(g.kernel, {num_outputs, channels}, kConv2dTranspose), dtype, o);
  Variable bias;
  if (HasBiases(o)) bias = AddBias(num_outputs, dtype, o);
  Tensor y = Transposed(x, kernel, num_outputs, g);
  if (bias.valid()) y = WithBias(y, bias, channels_first);
  y = internal::NormalizedAndActivated(y, o);
  return CollectNamedOutputs(o.outputs_collections, scope.name(), y);
}

namespace {

// What both forms of SeparableConv2d begin with.
struct Separable {
  Geometry geometry;
  int64_t channels = 0, multiplier = 1;
  DataType dtype = kFloat32;
  std::string format() const { return geometry.channels_first ? "NCHW" : "NHWC"; }
};

// Depthwise and pointwise, as the layer object has it.
Tensor BothConvolutions(const Tensor& x, const Separable& s, int64_t num_outputs,
                        const LayerOptions& o) {
  const Geometry& g = s.geometry;
  const Initializer initializer = internal::WeightsInitializer(o);
  const Variable depthwise =
      AddWeight({.name = "depthwise_kernel",
                 .in_layer = "weights",
                 .shape = KernelShape(g.kernel, {s.channels, s.multiplier}, kSeparableConv2d),
                 .initializer = initializer,
                 .regularizer = o.weights_regularizer},
                s.dtype, o);
  const Variable pointwise = AddWeight(
      {.name = "pointwise_kernel",
       .in_layer = "weights",
       .shape = KernelShape({1, 1}, {s.channels * s.multiplier, num_outputs}, kSeparableConv2d),
       .initializer = o.pointwise_initializer.valid() ? o.pointwise_initializer : initializer,
       .regularizer = o.weights_regularizer},
      s.dtype, o);
  Variable bias;
  if (HasBiases(o)) bias = AddBias(num_outputs, s.dtype, o);
  const Tensor y = nn::SeparableConv2D(x, depthwise, pointwise, g.strides, g.padding,
                                       {.dilations = g.rate, .data_format = s.format()});
  return bias.valid() ? WithBias(y, bias, g.channels_first) : y;
}

Tensor DepthwiseAlone(const Tensor& x, const Separable& s, const LayerOptions& o) {
  const Geometry& g = s.geometry;
  const Variable weights = AddModelVariable(
      {.name = "depthwise_weights",
       .in_layer = "weights",
       .shape = KernelShape(g.kernel, {s.channels, s.multiplier}, kSeparableConv2d),
       .initializer = internal::WeightsInitializer(o),
       .regularizer = o.weights_regularizer},
      s.dtype, o);
  const Tensor y = nn::DepthwiseConv2D(x, weights, g.strides, g.padding,
                                       {.dilations = g.rate, .data_format = s.format()});
  if (!HasBiases(o)) return y;
  const Variable biases = AddModelVariable({.name = "biases",
                                            .in_layer = "biases",
                                            .shape = Shape({s.channels * s.multiplier}),
                                            .initializer = internal::BiasesInitializer(o),
                                            .regularizer = o.biases_regularizer},
                                           s.dtype, o);
  return WithBias(y, biases, g.channels_first);
}

}  // namespace

Tensor SeparableConv2d(const Input& inputs, int64_t num_outputs, const Window& kernel_size,
                       const LayerOptions& told) {
  const LayerOptions o = ArgScope::Arguments(kSeparableConv2d, told);
  if (num_outputs != 0) CheckFilters(num_outputs, kSeparableConv2d);
  const bool channels_first =
      internal::ChannelsFirst(o.data_format, {"NCHW", "NHWC"}, kSeparableConv2d);
  Separable s;
  s.geometry = GeometryOf(kernel_size, o, 2, channels_first, kSeparableConv2d);
  s.multiplier = o.depth_multiplier.value_or(1);
  CheckFilters(s.multiplier, kSeparableConv2d);
  const LayerScope scope(o, "SeparableConv2d", GraphOf(inputs),
                         internal::Renames{{"depthwise_kernel", "depthwise_weights"},
                                           {"pointwise_kernel", "pointwise_weights"},
                                           {"bias", "biases"}});
  const Tensor x = AsTensor(inputs);
  s.channels = internal::ChannelsOf(x, channels_first, {4}, kSeparableConv2d);
  s.dtype = RemoveRef(x.dtype());
  Tensor y;
  if (num_outputs != 0) {
    scope.MakeLayer();
    y = BothConvolutions(x, s, num_outputs, o);
  } else {
    y = DepthwiseAlone(x, s, o);
  }
  y = internal::NormalizedAndActivated(y, o);
  return CollectNamedOutputs(o.outputs_collections, scope.name(), y);
}

}  // namespace weft::layers
