// SPDX-License-Identifier: Apache-2.0
// Inputs as stacks of matrices.
#pragma once

#include <complex>
#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

#include "src/core/strings.h"
#include "weft/core/half.h"
#include "weft/runtime/kernel.h"

namespace weft {

// What elements are computed as: half as float.
template <typename T>
using ComputeType = std::conditional_t<std::is_same_v<T, half>, float, T>;

template <typename T>
T Conjugate(const T& x) {
  if constexpr (std::is_floating_point_v<T>)
    return x;
  else
    return std::conj(x);
}

// The size of the matrices that input i is a stack of. InvalidArgument unless its rank is >= 2.
struct MatrixStack {
  int64_t rows, columns, count;
};
inline absl::StatusOr<MatrixStack> StackOf(KernelContext& ctx, int i) {
  const Shape& s = ctx.input(i).shape();
  if (s.rank() < 2)
    return ctx.InvalidArgument(StrCat("Input tensor ", i, " must have rank >= 2, got ", s.rank()));
  MatrixStack stack{s.dim(s.rank() - 2), s.dim(s.rank() - 1), 1};
  for (int d = 0; d < s.rank() - 2; ++d) stack.count *= s.dim(d);
  return stack;
}
inline absl::StatusOr<MatrixStack> SquareStackOf(KernelContext& ctx, int i) {
  WEFT_ASSIGN_OR_RETURN(const MatrixStack stack, StackOf(ctx, i));
  if (stack.rows != stack.columns)
    return ctx.InvalidArgument(
        StrCat("Input matrix must be square, got shape ", ctx.input(i).shape().ToString()));
  return stack;
}

// `s` with matrices of another size; InvalidArgument if it has too many elements.
inline absl::StatusOr<Shape> WithMatrixSize(KernelContext& ctx, const Shape& s, int64_t rows,
                                            int64_t columns) {
  std::vector<int64_t> dims(s.dims().begin(), s.dims().end());
  dims[dims.size() - 2] = rows;
  dims[dims.size() - 1] = columns;
  Shape shape;
  std::string why;
  if (!Shape::Make(dims, &shape, &why)) return ctx.InvalidArgument(why);
  return shape;
}

// n * n * m, as a cost in nanoseconds.
inline double CubicCost(int64_t n, int64_t m) {
  return static_cast<double>(n) * static_cast<double>(n) * static_cast<double>(m);
}

}  // namespace weft
