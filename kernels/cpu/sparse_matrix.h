// SPDX-License-Identifier: Apache-2.0
// Sparse matrices in compressed rows, one or a stack of equal size, as values of variants.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "kernels/cpu/matrix_stack.h"
#include "weft/core/array.h"
#include "weft/core/complex.h"
#include "weft/core/handle.h"
#include "weft/runtime/kernel.h"

namespace weft {

// Element (r, c) of matrix m is values[i] where column_indices[i] == c, for i from
// batch_pointers[m] + row_pointers[m * (rows + 1) + r] until the same of r + 1; all others are 0.
// Within a row columns never fall; one that comes twice stands for the sum. What the constructors
// of sparse_matrix.cc make has been checked: kernels trust a value of this class.
struct SparseMatrixValue {
  static constexpr const char* kTypeName = "tensorflow::CSRSparseMatrix";

  Shape shape;           // of rank 2 or 3
  Array batch_pointers;  // int32 [count + 1]
  Array row_pointers;    // int32 [count * (rows + 1)], from 0 in each matrix
  Array column_indices;  // int32 [elements of all]
  Array values;          // [elements of all]

  DataType dtype() const { return values.dtype(); }
  int64_t count() const { return shape.rank() == 3 ? shape.dim(0) : 1; }
  int64_t rows() const { return shape.dim(shape.rank() - 2); }
  int64_t columns() const { return shape.dim(shape.rank() - 1); }
  int64_t num_values() const { return values.num_elements(); }
};

// One matrix of a stack.
template <typename T>
struct SparseMatrixView {
  int64_t rows, columns;
  const int32_t* row_pointers;    // [rows + 1]
  const int32_t* column_indices;  // [row_pointers[rows]]
  const T* values;
};
template <typename T>
SparseMatrixView<T> MatrixOf(const SparseMatrixValue& all, int64_t m) {
  const int32_t first = all.batch_pointers.data<int32_t>()[m];
  return {all.rows(), all.columns(), all.row_pointers.data<int32_t>() + m * (all.rows() + 1),
          all.column_indices.data<int32_t>() + first, all.values.data<T>() + first};
}

// The matrices of scalar input i; InvalidArgument if it is none.
absl::StatusOr<const SparseMatrixValue*> SparseMatrixInput(KernelContext& ctx, int i);
// As above, with elements of this dtype; `what` names the input in the error.
absl::StatusOr<const SparseMatrixValue*> SparseMatrixInput(KernelContext& ctx, int i,
                                                           DataType dtype, std::string_view what);
// The matrices of a variant; null if it holds none.
const SparseMatrixValue* SparseMatrixOf(const Variant& v);
Variant VariantOf(SparseMatrixValue matrix);
// Output o is a scalar of these.
absl::Status PutSparseMatrix(KernelContext& ctx, int o, SparseMatrixValue matrix);

// As many matrices of this shape without an element. InvalidArgument if there are too many rows for
// 32-bit positions.
absl::StatusOr<SparseMatrixValue> EmptySparseMatrix(KernelContext& ctx, DataType dtype,
                                                    const Shape& shape);
// With the places of `like` and values yet to be written.
absl::StatusOr<SparseMatrixValue> WithPlacesOf(KernelContext& ctx, const SparseMatrixValue& like);

// A matrix that is made row by row.
template <typename T>
struct SparseRows {
  std::vector<int32_t> row_pointers, column_indices;
  std::vector<T> values;
};
// One after the other; there are as many as `shape` says. InvalidArgument if they have more than
// 2^31 - 1 elements.
template <typename T>
absl::StatusOr<SparseMatrixValue> StackOfRows(KernelContext& ctx, const Shape& shape,
                                              std::span<const SparseRows<T>> all);

// Each matrix transposed, its values conjugated if wanted.
template <typename T>
absl::StatusOr<SparseMatrixValue> TransposedSparse(KernelContext& ctx, const SparseMatrixValue& a,
                                                   bool conjugate);
// alpha * a + beta * b, of one shape. Elements that become 0 are kept.
template <typename T>
absl::StatusOr<SparseMatrixValue> AddSparse(KernelContext& ctx, const SparseMatrixValue& a,
                                            const SparseMatrixValue& b, T alpha, T beta);

// Whether Cholesky's factor of a matrix of n < 2^31 rows has at most `most` elements. The upper
// triangle's rows are in compressed columns; what is below the diagonal does not count.
bool CholeskyFitsIn(int64_t n, const int32_t* column_pointers, const int32_t* rows, int64_t most);

// ---- Of variants, as AddN, ZerosLike and Conj see them
// ---------------------------------------------------------------------------------------------------

absl::StatusOr<Variant> ZerosLikeSparseMatrix(KernelContext& ctx, const SparseMatrixValue& like);
absl::StatusOr<Variant> AddSparseMatrices(KernelContext& ctx, const SparseMatrixValue& a,
                                          const SparseMatrixValue& b);

void RegisterSparseMatrixKernels(KernelRegistry& kernels);         // sparse_matrix.cc
void RegisterSparseMatrixMathKernels(KernelRegistry& kernels);     // sparse_matrix_math.cc
void RegisterSparseMatrixProductKernels(KernelRegistry& kernels);  // sparse_matrix_product.cc
void RegisterSparseMatrixFactorKernels(KernelRegistry& kernels);   // sparse_matrix_factor.cc

}  // namespace weft
