// SPDX-License-Identifier: Apache-2.0
// LeNet in slim's form: two convolutions with ReLU and pooling, two full connections with dropout.
#pragma once

#include "examples/models/net.h"

namespace weft::examples {

ScopeArguments LenetArgScope(float weight_decay = 0);
// Images [n, 28, 28, 1]. keep_prob: 0.5.
Net Lenet(const Tensor& images,
          const NetOptions& options = {.num_classes = 10, .is_training = false});
// LeNet-5 of the paper's sizes (LeCun et al., 1998): images [n, 32, 32, 1]; 6 and 16 filters 5x5
// without a border, each followed by a pooling 2x2, then 120, 84 and num_classes units. End points:
// conv1, pool1, conv2, pool2, fc3, fc4.
Net Lenet5(const Tensor& images, const NetOptions& options = {.num_classes = 10});

}  // namespace weft::examples
