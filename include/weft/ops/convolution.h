// SPDX-License-Identifier: Apache-2.0
// Convolution, pooling and normalisation of images and volumes.
//
//   auto h = wf::nn::Relu(wf::nn::BiasAdd(wf::nn::Conv2D(x, filter, {1, 1}, "SAME"), bias));
//   auto p = wf::nn::MaxPool(h, {2, 2}, {2, 2}, "SAME");
//
// Images are [batch, height, width, channels] (NHWC) or [batch, channels, height, width] (NCHW),
// volumes [batch, depth, height, width, channels] (NDHWC) or NCDHW. Strides, dilations and window
// sizes have one number for all spatial dimensions, one for each of them, or one for each
// dimension of the tensor. Padding "SAME" gives as many windows as the stride fits into the image,
// zeros around it, the odd one at the end; "VALID" takes windows that lie inside; "EXPLICIT" (where
// options have explicit_paddings) adds that many zeros before and after each dimension.
//
// Each function adds nodes with TensorFlow's names; dtypes are half, bfloat16, float, double unless
// it says more. All are differentiable. A window larger than a known size of the image (VALID), and
// channels that don't fit, are InvalidArgumentErrors.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "weft/graph/input.h"
#include "weft/graph/tensor.h"
#include "weft/ops/int_list.h"

namespace weft::nn {

using Sizes = std::vector<int64_t>;

struct ConvOptions {
  Sizes dilations = {1};  // distance of neighbouring taps of the filter
  Sizes explicit_paddings = {};
  std::string data_format = {};  // empty: channels last
  std::string name = {};
};
// y[b, i, j, o] = sum over ki, kj, c of x[b, i s - p + ki d, j s - p + kj d, c] filter[ki, kj, c,
// o]. filter: [height, width, channels / n, output channels]; n > 1 groups of channels are
// convolved on their own. int32 too.
Tensor Conv2D(const Input& input, const Input& filter, const Sizes& strides,
              const std::string& padding, const ConvOptions& options = {});
// Of [batch, width, channels] ("NWC"; "NCW") with a filter [width, channels, output channels].
Tensor Conv1D(const Input& value, const Input& filters, int64_t stride, const std::string& padding,
              const ConvOptions& options = {});
// Of volumes; filter: [depth, height, width, channels, output channels].
Tensor Conv3D(const Input& input, const Input& filter, const Sizes& strides,
              const std::string& padding, const ConvOptions& options = {});
// The gradient of a convolution for its input: each pixel of `value` spreads by the filter [height,
// width, output channels, channels] over an image of output_shape.
Tensor Conv2DTranspose(const Input& value, const Input& filter, const IntList& output_shape,
                       const Sizes& strides, const std::string& padding = "SAME",
                       const ConvOptions& options = {});
Tensor Conv3DTranspose(const Input& value, const Input& filter, const IntList& output_shape,
                       const Sizes& strides, const std::string& padding = "SAME",
                       const ConvOptions& options = {});
// Each channel by m filters of its own, filter [height, width, channels, m]: channel c makes
// channels c m .. c m + m - 1.
Tensor DepthwiseConv2D(const Input& input, const Input& filter, const Sizes& strides,
                       const std::string& padding, const ConvOptions& options = {});
// DepthwiseConv2D, then a Conv2D with pointwise_filter [1, 1, channels m, output channels].
Tensor SeparableConv2D(const Input& input, const Input& depthwise_filter,
                       const Input& pointwise_filter, const Sizes& strides,
                       const std::string& padding, const ConvOptions& options = {});
// A Conv2D with dilation `rate` and stride 1. One node, not the three that TensorFlow makes.
Tensor AtrousConv2D(const Input& value, const Input& filters, int64_t rate,
                    const std::string& padding, const NameOptions& options = {});

struct PoolOptions {
  Sizes explicit_paddings = {};  // of MaxPool
  std::string data_format = {};  // empty: channels last
  std::string name = {};
};
// The largest element of each window (all numbers), and the mean of those that lie on the image.
Tensor MaxPool(const Input& value, const Sizes& ksize, const Sizes& strides,
               const std::string& padding, const PoolOptions& options = {});
Tensor AvgPool(const Input& value, const Sizes& ksize, const Sizes& strides,
               const std::string& padding, const PoolOptions& options = {});
// Of volumes. The maximum is of half, bfloat16 and float.
Tensor MaxPool3D(const Input& input, const Sizes& ksize, const Sizes& strides,
                 const std::string& padding, const PoolOptions& options = {});
Tensor AvgPool3D(const Input& input, const Sizes& ksize, const Sizes& strides,
                 const std::string& padding, const PoolOptions& options = {});

struct GeneralPoolOptions {
  Sizes strides = {};            // of the spatial dimensions, at most the window's; empty: 1
  std::string data_format = {};  // NWC, NHWC, NDHWC, or with channels first; empty: channels last
  std::string name = {};
};
// Of one, two or three spatial dimensions, as many as window_shape has; pooling_type: "MAX", "AVG".
Tensor Pool(const Input& input, const Sizes& window_shape, const std::string& pooling_type,
            const std::string& padding, const GeneralPoolOptions& options = {});

struct MaxPoolWithArgmaxResult {
  Tensor output;
  Tensor argmax;  // (y * width + x) * channels + c
};
struct MaxPoolWithArgmaxOptions {
  DataType index_dtype = kInt64;
  bool include_batch_in_index = false;  // counts from the first image, not from its own
  std::string name = {};
};
MaxPoolWithArgmaxResult MaxPoolWithArgmax(const Input& input, const Sizes& ksize,
                                          const Sizes& strides, const std::string& padding,
                                          const MaxPoolWithArgmaxOptions& options = {});

struct FractionalPoolResult {
  Tensor output;
  Tensor row_pooling_sequence, col_pooling_sequence;  // where windows begin, and the end; int64
};
struct FractionalPoolOptions {
  bool pseudo_random = false;
  bool overlapping = false;    // windows share their border pixels
  bool deterministic = false;  // the same windows in each run; needed for seeds
  int64_t seed = 0, seed2 = 0;
  std::string name = {};
};
// Windows of random sizes, so that rows and columns shrink by pooling_ratio = {1, r, c, 1}, each at
// least 1. float, double, int32, int64.
FractionalPoolResult FractionalMaxPool(const Input& value, const std::vector<float>& pooling_ratio,
                                       const FractionalPoolOptions& options = {});
FractionalPoolResult FractionalAvgPool(const Input& value, const std::vector<float>& pooling_ratio,
                                       const FractionalPoolOptions& options = {});

struct LocalResponseNormalizationOptions {
  int64_t depth_radius = 5;
  float bias = 1, alpha = 1, beta = 0.5f;
  std::string name = {};
};
// x / (bias + alpha sum of the squares of the channels within depth_radius)^beta. Not double.
Tensor LocalResponseNormalization(const Input& input,
                                  const LocalResponseNormalizationOptions& options = {});

struct FusedBatchNormResult {
  Tensor y;
  Tensor batch_mean, batch_variance;  // or running averages
};
struct FusedBatchNormOptions {
  // Given statistics: needed unless is_training; with exponential_avg_factor below 1 the averages
  // that the batch's share is added to.
  Input mean = Tensor();
  Input variance = Tensor();
  float epsilon = 0.001f;
  std::string data_format = "NHWC";
  bool is_training = true;
  float exponential_avg_factor = 1;
  std::string name = {};
};
// scale (x - mean) / sqrt(variance + epsilon) + offset for each channel, with the statistics of the
// batch or those that are given. x: half, bfloat16, float; the vectors: float.
FusedBatchNormResult FusedBatchNorm(const Input& x, const Input& scale, const Input& offset,
                                    const FusedBatchNormOptions& options = {});

struct Dilation2DOptions {
  std::string name = {};
};
// max over ki, kj of x[b, i s + ki r, j s + kj r, c] + filter[ki, kj, c]. All numbers.
Tensor Dilation2D(const Input& input, const Input& filter, const Sizes& strides, const Sizes& rates,
                  const std::string& padding, const Dilation2DOptions& options = {});

}  // namespace weft::nn
