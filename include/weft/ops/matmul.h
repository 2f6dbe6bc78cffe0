// SPDX-License-Identifier: Apache-2.0
// Matrix products and what is built of them.
//
//   auto logits = wf::MatMul(x, w) + b;                                  // [n,784] x [784,10]
//   auto scores = wf::MatMul(queries, keys, {.transpose_b = true});      // batches of matrices:
//   [b,h,q,d] x [b,h,k,d] auto trace = wf::Einsum("ii->", {m});
//
// Each function adds its nodes to the graph of its operands and returns the result; nothing is
// computed before Session::Run. Sizes that can't fit throw InvalidArgumentError when the node is
// made if they are known then, else when it runs. Sums over the inner dimension are rounded in an
// order that depends on the shapes and on the number of threads, and on nothing else.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "weft/graph/input.h"
#include "weft/graph/tensor.h"

namespace weft {

struct MatMulOptions {
  // At most one of transpose and adjoint (conjugate transpose) of an operand.
  bool transpose_a = false;
  bool transpose_b = false;
  bool adjoint_a = false;
  bool adjoint_b = false;
  // Hints that most elements are 0: uses SparseMatMul (float32 and bfloat16, matrices only), which
  // skips them.
  bool a_is_sparse = false;
  bool b_is_sparse = false;
  // The result's dtype if it is not the operands': int8 and uint8 operands allow kInt32.
  DataType output_type = kInvalidType;
  std::string name = {};
};
// C[..., i, j] = sum over k of A[..., i, k] * B[..., k, j]. Two matrices, or stacks of them, whose
// leading dimensions are broadcast as numpy does. T: half, bfloat16, float32, float64, int16
// (stacks only), int32, int64, complex64, complex128.
Tensor MatMul(const Input& a, const Input& b, const MatMulOptions& options = {});

struct MatVecOptions {
  bool transpose_a = false;
  bool adjoint_a = false;
  std::string name = {};
};
// y[..., i] = sum over j of A[..., i, j] * x[..., j].
Tensor MatVec(const Input& a, const Input& x, const MatVecOptions& options = {});

// Sums over the last `axes` dimensions of a and the first `axes` of b. 0 is the outer product.
// Shape: a's other dimensions, then b's.
Tensor Tensordot(const Input& a, const Input& b, int axes, const NameOptions& options = {});
// Sums over dimension a_axes[i] of a together with b_axes[i] of b. Negative axes count from the
// end.
Tensor Tensordot(const Input& a, const Input& b, const std::vector<int>& a_axes,
                 const std::vector<int>& b_axes, const NameOptions& options = {});

// Einstein's summation: "ij,jk->ik" is the matrix product, "ii->i" the diagonal, "...ij->...ji" a
// transpose, "bi,bi->b" row-wise dot products. A label that the result lacks is summed over;
// without "->" the result has the labels that occur once, in alphabetical order. Ellipses are
// broadcast. More than two operands are contracted pairwise, cheapest pair first. T: half,
// bfloat16, float32, float64, int32, int64, complex64, complex128.
Tensor Einsum(std::string_view equation, const std::vector<Input>& operands,
              const NameOptions& options = {});

}  // namespace weft
