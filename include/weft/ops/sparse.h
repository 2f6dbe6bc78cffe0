// SPDX-License-Identifier: Apache-2.0
// Sparse tensors: tf.sparse.
//
//   wf::SparseTensor a{indices, values, shape};
//   wf::Tensor y = wf::sparse::DenseMatMul(a, w);        // rows of w, weighted and added
//   wf::Tensor dense = wf::sparse::ToDense(wf::sparse::Reorder(a));
//
// A SparseTensor is three tensors: indices [n, rank], values [n], dense_shape [rank]. Most
// functions want indices in row-major order, each at most once; Reorder makes it so. Indices out of
// the shape fail the run with InvalidArgumentError. Gradients flow to values where TensorFlow has
// them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "weft/graph/input.h"
#include "weft/graph/sparse_tensor.h"
#include "weft/ops/int_list.h"

namespace weft::sparse {

// Three placeholders, "name/values", "name/shape" and "name/indices". What is known of the shape
// becomes its constant.
SparseTensor Placeholder(DataType dtype, const PartialShape& shape = {},
                         const NameOptions& options = {});

// The elements that are not 0 (or not empty).
SparseTensor FromDense(const Input& tensor, const NameOptions& options = {});
struct ToDenseOptions {
  Input default_value = 0;  // where there is none; "" for strings if it is not given
  bool validate_indices = true;
  std::string name = {};
};
Tensor ToDense(const SparseTensor& s, const ToDenseOptions& options = {});
// True where there is a value: [dense_shape].
Tensor ToIndicator(const SparseTensor& ids, int64_t vocab_size, const NameOptions& options = {});

SparseTensor Reorder(const SparseTensor& s, const NameOptions& options = {});
// At most one size is -1.
SparseTensor Reshape(const SparseTensor& s, const IntList& shape, const NameOptions& options = {});
// `perm` is constant.
SparseTensor Transpose(const SparseTensor& s, const std::vector<int64_t>& perm,
                       const NameOptions& options = {});
SparseTensor Concat(int64_t axis, const std::vector<SparseTensor>& parts,
                    const NameOptions& options = {});
// The first parts are one longer if the size is no multiple.
std::vector<SparseTensor> Split(const SparseTensor& s, int num_split, const Input& axis,
                                const NameOptions& options = {});
SparseTensor Slice(const SparseTensor& s, const IntList& start, const IntList& size,
                   const NameOptions& options = {});
// The values where `keep`, bool [n], holds.
SparseTensor Retain(const SparseTensor& s, const Input& keep, const NameOptions& options = {});

struct FilledRows {
  SparseTensor filled;
  Tensor was_empty;  // bool [rows]
};
// Rows of the first dimension that have no value get the default one, at index 0.
FilledRows FillEmptyRows(const SparseTensor& s, const Input& default_value,
                         const NameOptions& options = {});

// Sums of values whose absolute value is below the threshold are left out.
SparseTensor Add(const SparseTensor& a, const SparseTensor& b, const Input& threshold = 0,
                 const NameOptions& options = {});
Tensor Add(const SparseTensor& a, const Input& dense, const NameOptions& options = {});
// Where one operand has no value it counts as 0.
SparseTensor Maximum(const SparseTensor& a, const SparseTensor& b, const NameOptions& options = {});
SparseTensor Minimum(const SparseTensor& a, const SparseTensor& b, const NameOptions& options = {});
// The values with the dense tensor's at their places; it is broadcast to the sparse one's shape.
SparseTensor Multiply(const SparseTensor& a, const Input& dense, const NameOptions& options = {});
SparseTensor Divide(const SparseTensor& a, const Input& dense, const NameOptions& options = {});

struct MatMulOptions {
  bool adjoint_a = false;
  bool adjoint_b = false;
  std::string name = {};
};
// Matrices.
Tensor DenseMatMul(const SparseTensor& a, const Input& b, const MatMulOptions& options = {});
// Over the values of each row of the last dimension.
SparseTensor Softmax(const SparseTensor& logits, const NameOptions& options = {});

struct SparseReduceOptions {
  std::optional<IntList> axis = {};  // none: over all dimensions
  bool keep_dims = false;
  std::string name = {};
};
// Over the values that are there; 0 where there is none.
Tensor ReduceSum(const SparseTensor& s, const SparseReduceOptions& options = {});
Tensor ReduceMax(const SparseTensor& s, const SparseReduceOptions& options = {});

}  // namespace weft::sparse
