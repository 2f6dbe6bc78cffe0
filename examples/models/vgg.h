// SPDX-License-Identifier: Apache-2.0
// VGG (arXiv:1409.1556): convolutions 3x3 in five blocks, each followed by a pooling.
#pragma once

#include "examples/models/net.h"

namespace weft::examples {

ScopeArguments VggArgScope(float weight_decay = 0.0005f);
// `depth` layers with weights: 11 (A), 16 (D) or 19 (E). Images [n, 224, 224, 3]; larger ones with
// spatial_squeeze = false. keep_prob: 0.5. std::invalid_argument for another depth.
Net Vgg(int depth, const Tensor& images, const NetOptions& options = {});

}  // namespace weft::examples
