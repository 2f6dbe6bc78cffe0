// SPDX-License-Identifier: Apache-2.0
// Weights of losses and metrics: they are a scalar, or of the values' rank with sizes that are the
// values' or 1.
#pragma once

#include "weft/graph/input.h"
#include "weft/graph/tensor.h"

namespace weft::internal {

// A node to run first: it is there for its name if shapes are known, else it checks them in the
// run. Throws InvalidArgumentError if they are known and don't fit.
Operation AssertBroadcastable(const Input& weights, const Tensor& values);
// The weights in the shape of the values, after that check.
Tensor BroadcastWeights(const Input& weights, const Tensor& values);

// Cast(x) as Python calls it: a literal becomes a constant of the scope "Cast".
Tensor ToDtype(const Input& x, DataType dtype);
// InvalidArgumentError if both shapes are known and differ.
void CheckCompatible(const Tensor& a, const Tensor& b);

}  // namespace weft::internal
