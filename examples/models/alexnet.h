// SPDX-License-Identifier: Apache-2.0
// AlexNet in the form of arXiv:1404.5997, without response normalisation, as slim has it.
#pragma once

#include "examples/models/net.h"

namespace weft::examples {

ScopeArguments AlexnetArgScope(float weight_decay = 0.0005f);
// Images [n, 224, 224, 3]; larger ones with spatial_squeeze = false. keep_prob: 0.5.
Net Alexnet(const Tensor& images, const NetOptions& options = {});

}  // namespace weft::examples
