// SPDX-License-Identifier: Apache-2.0
// What the gradient rules and shape functions of ops on stacks of matrices share.
#pragma once

#include "weft/graph/op_def.h"

namespace weft {

// All dimensions but the last two, of a shape of rank >= 2 or unknown rank.
PartialShape BatchDims(const PartialShape& s);

// Output 0 is the product of two matrices, by attributes transpose_a and transpose_b.
absl::Status MatMulShape(ShapeContext& c);

// tf.matmul with adjoints: MatMul for matrices, BatchMatMulV2 for stacks.
Tensor AdjointProduct(NodeAdder& g, Tensor a, Tensor b, bool adjoint_a, bool adjoint_b);

// Sets the gradients of inputs 0 and 1, two stacks whose leading dimensions were broadcast: sums
// over what was repeated.
void SetBroadcastBatchDx(GradientContext& g, Tensor dx, Tensor dy);

}  // namespace weft
