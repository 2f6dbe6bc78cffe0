// SPDX-License-Identifier: Apache-2.0
// The gradient rules of sparse matrices (sparse_matrix_grad.cc), for their schemas.
#pragma once

#include "weft/graph/op_def.h"

namespace weft {

void SparseTensorToSparseMatrixGradient(GradientContext& g);
void SparseMatrixToSparseTensorGradient(GradientContext& g);
void DenseToSparseMatrixGradient(GradientContext& g);
void SparseMatrixToDenseGradient(GradientContext& g);
void SparseMatrixMatMulGradient(GradientContext& g);
void SparseMatrixSparseMatMulGradient(GradientContext& g);
void SparseMatrixMulGradient(GradientContext& g);
void SparseMatrixAddGradient(GradientContext& g);
void SparseMatrixTransposeGradient(GradientContext& g);
void SparseMatrixSoftmaxGradient(GradientContext& g);

}  // namespace weft
