// SPDX-License-Identifier: Apache-2.0
// MobileNet (arXiv:1704.04861): depthwise convolutions 3x3, each followed by a pointwise one.
#pragma once

#include "examples/models/net.h"

namespace weft::examples {

struct MobilenetScopeOptions {
  Input is_training = true;
  float weight_decay = 0.00004f;
  float stddev = 0.09f;
  bool regularize_depthwise = false;
};
ScopeArguments MobilenetV1ArgScope(const MobilenetScopeOptions& options = {});
// Images [n, 224, 224, 3]. keep_prob: 0.999. `depth_multiplier` thins all layers, to at least 8
// channels; std::invalid_argument unless it is positive. End points: Conv2d_0, Conv2d_1_depthwise,
// Conv2d_1_pointwise, ..., AvgPool_1a, Logits, Predictions.
Net MobilenetV1(const Tensor& images, const NetOptions& options = {.num_classes = 1001},
                double depth_multiplier = 1);

}  // namespace weft::examples
