// SPDX-License-Identifier: Apache-2.0
// What the public functions of linear algebra share.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <utility>
#include <vector>

#include "src/ops/op_scope.h"
#include "src/ops/operators.h"
#include "weft/core/array.h"
#include "weft/graph/op_builder.h"
#include "weft/ops/array.h"
#include "weft/ops/math_binary.h"

namespace weft::internal {

// Python's indexing of several dimensions: begins, ends and steps, and StridedSlice's masks.
struct Index {
  std::vector<std::vector<int>> bounds;  // begin, end, step
  std::vector<std::pair<std::string_view, int>> masks;
};
inline Tensor Indexed(const Tensor& x, const Index& index) {
  const OpScope scope("", "strided_slice", x.graph());
  OpBuilder node("StridedSlice", scope.self());
  node.In(x);
  const char* const names[] = {"stack", "stack_1", "stack_2"};
  for (int i = 0; i < 3; ++i)
    node.In(AsTensor(Array::FromVector(index.bounds[static_cast<size_t>(i)]), kInt32, names[i]));
  for (const auto& [mask, bits] : index.masks) node.Attr(mask, bits);
  return node.Output();
}

// x[begin:end] of a vector, or x[begin] for the mask "shrink_axis_mask"; see SliceOf.
inline Tensor PartOf(const Tensor& x, int begin, int end, const char* mask) {
  return SliceOf(x, Array({begin}), Array({end}), mask);
}

// The sizes of a shape, and behind them these scalars.
inline Tensor ConcatSizes(const Tensor& sizes, const std::vector<Input>& more) {
  const OpScope scope("", "concat", sizes.graph());
  const Tensor last = OpBuilder("Pack", "values_1").InList(more).Output();
  const Tensor axis = AsTensor(0, kInt32, "axis");
  return OpBuilder("ConcatV2", scope.self()).InList({sizes, last}).In(axis).Output();
}

// Identity matrices [batch..., n, n].
inline Tensor EyeOf(const Tensor& n, const Tensor& batch, DataType dtype) {
  const OpScope scope("", "eye", n.graph());
  return MatrixDiag(Ones(ConcatSizes(batch, {Minimum(n, n)}), dtype));
}

}  // namespace weft::internal
