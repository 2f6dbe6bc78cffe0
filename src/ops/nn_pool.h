// SPDX-License-Identifier: Apache-2.0
// Shape rules that ops of maximum and average pooling share: attributes ksize, strides, padding and
// data_format.
#pragma once

#include "weft/graph/op_def.h"

namespace weft {

// Output 0 is input 0 pooled.
absl::Status Pool2DShape(ShapeContext& c);
absl::Status Pool3DShape(ShapeContext& c);
absl::StatusOr<PartialShape> Pool3DShapeOf(ShapeContext& c, const PartialShape& input);

}  // namespace weft
