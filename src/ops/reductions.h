// SPDX-License-Identifier: Apache-2.0
// The parts of the reductions family, and what their gradient rules share.
#pragma once

#include "weft/graph/op_def.h"

namespace weft {

void RegisterScanOps(OpRegistry& ops);   // running sums and products
void RegisterCountOps(OpRegistry& ops);  // histograms; positions of the greatest and the least

// A vector of the sizes of g.input(0) with those that input 1 names set to 1: the shape that the
// result would have with keep_dims. A constant where statics tell.
Tensor ReducedShape(GradientContext& g);

}  // namespace weft
