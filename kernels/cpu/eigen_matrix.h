// SPDX-License-Identifier: Apache-2.0
// Stacks of matrices as Eigen sees them. To be included instead of Eigen's own headers: the same
// settings hold wherever its templates are compiled.
#pragma once

#define EIGEN_MPL2_ONLY
// A factorisation's bits must not depend on the number of threads; stacks are shared out instead.
#define EIGEN_DONT_PARALLELIZE
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
// Eigen loads a complex<float> as if it were an aligned double.
#define EIGEN_DONT_VECTORIZE
#endif
#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <Eigen/LU>
#include <Eigen/QR>
#include <algorithm>
#include <complex>
#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "src/core/strings.h"
#include "weft/core/half.h"
#include "weft/runtime/kernel.h"

namespace weft {

// What elements are computed as: half as float.
template <typename T>
using ComputeType = std::conditional_t<std::is_same_v<T, half>, float, T>;
template <typename T>
using EigenMatrix = Eigen::Matrix<ComputeType<T>, Eigen::Dynamic, Eigen::Dynamic>;
template <typename T>
using RowMajorMatrix =
    Eigen::Matrix<ComputeType<T>, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

// A row-major matrix in memory, copied.
template <typename T>
EigenMatrix<T> ReadMatrix(const T* data, int64_t rows, int64_t columns) {
  if constexpr (std::is_same_v<T, half>) {
    EigenMatrix<T> m(rows, columns);
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = 0; j < columns; ++j) m(i, j) = static_cast<float>(data[i * columns + j]);
    return m;
  } else {
    return Eigen::Map<const RowMajorMatrix<T>>(data, rows, columns);
  }
}
template <typename T, typename M>
void WriteMatrix(const M& m, T* data) {
  if constexpr (std::is_same_v<T, half>) {
    const EigenMatrix<T> values = m;
    for (int64_t i = 0; i < values.rows(); ++i)
      for (int64_t j = 0; j < values.cols(); ++j) data[i * values.cols() + j] = half(values(i, j));
  } else {
    Eigen::Map<RowMajorMatrix<T>>(data, m.rows(), m.cols()) = m;
  }
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
