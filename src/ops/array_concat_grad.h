// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "weft/graph/op_def.h"

namespace weft {

// Output 0 is inputs [first, last) joined along the dimension that input `axis_input` names.
absl::Status ConcatShapeOf(ShapeContext& c, int first, int last, int axis_input);

// The gradient of a concatenation of inputs [first, last) along the dimension that input `axis`
// names: each value gets its part of dy.
void ConcatGradient(GradientContext& g, int first, int last, int axis);

}  // namespace weft
