// SPDX-License-Identifier: Apache-2.0
// Inception v3 (arXiv:1512.00567): modules of parallel convolutions, whose outputs are joined.
#pragma once

#include "examples/models/net.h"

namespace weft::examples {

struct InceptionScopeOptions {
  float weight_decay = 0.00004f;
  bool use_batch_norm = true;
  double batch_norm_decay = 0.9997;
  double batch_norm_epsilon = 0.001;
};
ScopeArguments InceptionV3ArgScope(const InceptionScopeOptions& options = {});

struct InceptionV3BaseOptions {
  // One of Conv2d_1a_3x3, Conv2d_2a_3x3, Conv2d_2b_3x3, MaxPool_3a_3x3, Conv2d_3b_1x1,
  // Conv2d_4a_3x3, MaxPool_5a_3x3, Mixed_5b, _5c, _5d, _6a ... _6e, _7a, _7b, _7c.
  std::string final_endpoint = "Mixed_7c";
  int64_t min_depth = 16;
  double depth_multiplier = 1;  // of all numbers of channels
};
// The net up to an end point, in the variable scope where it is called. std::invalid_argument for
// an unknown end point, or a multiplier that is not positive.
Net InceptionV3Base(const Tensor& images, const InceptionV3BaseOptions& options = {});
// Images [n, 299, 299, 3]. keep_prob: 0.8. End points: those of the base, AuxLogits, PreLogits
// (features [n, 1, 1, 2048]), Logits, Predictions.
Net InceptionV3(const Tensor& images, const NetOptions& options = {.num_classes = 1001},
                const InceptionV3BaseOptions& base = {});

}  // namespace weft::examples
