// SPDX-License-Identifier: Apache-2.0
// Python's operators for composite functions, with its node names: add, sub, mul, truediv.
#pragma once

#include "src/ops/op_scope.h"
#include "weft/graph/op_builder.h"
#include "weft/ops/math_binary.h"

namespace weft::internal {

inline Tensor Plus(const Input& a, const Input& b) { return BinaryOperator("AddV2", "add", a, b); }
inline Tensor Minus(const Input& a, const Input& b) { return BinaryOperator("Sub", "sub", a, b); }
inline Tensor Times(const Input& a, const Input& b) { return BinaryOperator("Mul", "mul", a, b); }
// A node of one operand, named as its op.
inline Tensor Unary(const char* op, const Input& x) {
  return OpBuilder(op, NameOptions()).In(x).Output();
}
inline Tensor CastUnlessSame(const Tensor& x, DataType dtype) {
  if (RemoveRef(x.dtype()) == dtype) return x;
  return OpBuilder("Cast", NameOptions()).In(x).Attr("DstT", dtype).Output();
}
// The dtype to compute in: float for half and bfloat16.
inline DataType PreciseDtype(DataType dtype) {
  return dtype == kFloat16 || dtype == kBfloat16 ? kFloat32 : dtype;
}

// x[begin:end], for vectors; its literals are named as those of Python's indexing. `mask` is one of
// StridedSlice's: "begin_mask", "shrink_axis_mask", ...; "" for none.
inline Tensor SliceOf(const Tensor& x, const Input& begin, const Input& end, const char* mask) {
  const OpScope scope("", "strided_slice", x.graph());
  const Tensor from = AsTensor(begin, kInt32, "stack"), to = AsTensor(end, kInt32, "stack_1");
  const Tensor step = AsTensor(Array({1}), kInt32, "stack_2");
  OpBuilder node("StridedSlice", scope.self());
  node.In(x).In(from).In(to).In(step);
  if (*mask) node.Attr(mask, 1);
  return node.Output();
}

}  // namespace weft::internal
