// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "weft/graph/op_def.h"

namespace weft {

// The shape rule of BiasAdd, which QuantizedBiasAdd shares: input 1 is a vector of the channels of
// input 0, the last dimension of at least 2 or the second of at least 3. Sets output 0.
absl::Status BiasAddShape(ShapeContext& c, bool channels_first);

}  // namespace weft
