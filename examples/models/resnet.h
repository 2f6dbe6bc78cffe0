// SPDX-License-Identifier: Apache-2.0
// Residual nets: v1 (arXiv:1512.03385), and v2 (arXiv:1603.05027), which normalises before each
// convolution.
#pragma once

#include "examples/models/net.h"

namespace weft::examples {

struct ResnetScopeOptions {
  float weight_decay = 0.0001f;
  double batch_norm_decay = 0.997;
  double batch_norm_epsilon = 1e-5;
  bool batch_norm_scale = true;
};
ScopeArguments ResnetArgScope(const ResnetScopeOptions& options = {});

struct ResnetOptions {
  // The mean over each image before the logits; false for nets that give a prediction a place.
  bool global_pool = true;
  // The wanted ratio of the images' size to that of the features: a multiple of 4 that the
  // strides reach; 0: 32. Layers after it has been reached keep their view by a rate.
  int64_t output_stride = 0;
};
// `depth` layers: 50, 101, 152 or 200. Images [n, 224, 224, 3] or others; those of nets without
// global_pool had best be 32 k + 1 wide. End points by the names of scopes, such as
// "resnet_v1_50/block1/unit_1/bottleneck_v1", and global_pool, predictions.
// std::invalid_argument for another depth, and for an output_stride that can't be reached.
Net ResnetV1(int depth, const Tensor& images, const NetOptions& options = {},
             const ResnetOptions& resnet = {});
Net ResnetV2(int depth, const Tensor& images, const NetOptions& options = {.num_classes = 1001},
             const ResnetOptions& resnet = {});

}  // namespace weft::examples
