// SPDX-License-Identifier: Apache-2.0
// Arrays as Eigen's maps, without a copy. This header includes nothing of Eigen, so that Weft needs
// none of it: include <Eigen/Core> (3.4) as well, in any order.
//
//   Eigen::VectorXf sums = wf::eigen::Matrix<float>(a).rowwise().sum();
//   wf::eigen::MutableVector<float>(b).setZero();
//
// A map points into the Array's buffer and is valid as long as an Array holds it; a mutable map
// writes for all that share the buffer. T is the C++ type of the dtype (float, double, integers,
// bool, std::complex); another throws InvalidArgumentError.
#pragma once

#include "weft/core/array.h"

namespace Eigen {
template <typename Scalar, int kRows, int kColumns, int kOptions, int kMaxRows, int kMaxColumns>
class Matrix;
template <typename Plain, int kOptions, typename Stride>
class Map;
template <int kOuter, int kInner>
class Stride;
}  // namespace Eigen

namespace weft::eigen {

// Eigen's Dynamic is -1, its RowMajor 1.
template <typename T>
using PlainMatrix = Eigen::Matrix<T, -1, -1, 1, -1, -1>;
template <typename T>
using PlainVector = Eigen::Matrix<T, -1, 1, 0, -1, 1>;
template <typename Plain>
using MapOf = Eigen::Map<Plain, 0, Eigen::Stride<0, 0>>;

// InvalidArgumentError unless `a` has this dtype and at least this rank.
void CheckMap(const Array& a, DataType dtype, int min_rank);

// Rows of the last dimension: [d0, d1, d2] is a matrix of d0 * d1 rows and d2 columns, as
// TensorFlow's flat_inner_dims. A vector is one row.
template <typename T>
MapOf<const PlainMatrix<T>> Matrix(const Array& a) {
  CheckMap(a, dtype_of<T>, 1);
  const int64_t columns = a.dim(a.rank() - 1);
  return {a.data<T>(), columns == 0 ? 0 : a.num_elements() / columns, columns};
}
template <typename T>
MapOf<PlainMatrix<T>> MutableMatrix(Array& a) {
  CheckMap(a, dtype_of<T>, 1);
  const int64_t columns = a.dim(a.rank() - 1);
  return {a.mutable_data<T>(), columns == 0 ? 0 : a.num_elements() / columns, columns};
}

// All elements in row-major order.
template <typename T>
MapOf<const PlainVector<T>> Vector(const Array& a) {
  CheckMap(a, dtype_of<T>, 0);
  return {a.data<T>(), a.num_elements()};
}
template <typename T>
MapOf<PlainVector<T>> MutableVector(Array& a) {
  CheckMap(a, dtype_of<T>, 0);
  return {a.mutable_data<T>(), a.num_elements()};
}

}  // namespace weft::eigen
