// SPDX-License-Identifier: Apache-2.0
// What the public functions of random ops share.
#pragma once

#include <string_view>

#include "src/ops/op_scope.h"
#include "weft/graph/op_builder.h"
#include "weft/ops/random.h"

namespace weft {

// The sizes as the operand "shape" of a node in the current scope.
inline Tensor SizesOf(const IntList& shape) {
  return AsTensor(shape.AsInput("shape"), kInt32, "shape");
}
inline Tensor NamedBinary(const char* op, const char* name, const Tensor& a, const Tensor& b) {
  return OpBuilder(op, NameOptions(name)).In(a).In(b).Output();
}

// Adds an operand whose dtype is attribute `type_attr`. A literal keeps the dtype that it is
// written in ({1, 2} is int32), whatever the attribute's default.
inline OpBuilder& InAsWritten(OpBuilder& op, const Input& x, std::string_view type_attr) {
  op.In(x);
  if (!x.is_tensor() && x.weak()) op.Attr(type_attr, x.array().dtype());
  return op;
}

// alpha repeated as often as beta's shape says.
Tensor BroadcastAlpha(const Tensor& alpha, const Tensor& beta);
// gamma / beta, at least the smallest normal number.
Tensor ScaleGamma(const Tensor& gamma, const Tensor& beta);

}  // namespace weft
