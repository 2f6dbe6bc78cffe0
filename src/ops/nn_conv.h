// SPDX-License-Identifier: Apache-2.0
// What ops of convolutions share.
#pragma once

#include "weft/graph/op_def.h"

namespace weft {

// Output 0 is the convolution of input 0 with the filter in input 1.
absl::Status Conv2DShape(ShapeContext& c);

void RegisterFusedConvOps(OpRegistry& ops);  // nn_conv_fused.cc

}  // namespace weft
