// SPDX-License-Identifier: Apache-2.0
// The parts of the linalg family, and what their gradient rules share.
#pragma once

#include "weft/graph/op_def.h"

namespace weft {

void RegisterDecompositionOps(OpRegistry& ops);   // eigenvalues, singular values, LU
void RegisterDeterminantOps(OpRegistry& ops);     // determinants, roots, tridiagonal systems
void RegisterLeastSquaresOps(OpRegistry& ops);    // least squares, banded triangular systems
void RegisterMatrixFunctionOps(OpRegistry& ops);  // logarithms, exponentials, old ops

inline PartialShape MatrixOf(int64_t rows, int64_t columns) {
  return PartialShape({rows, columns});
}

// Of each matrix of a stack. The conjugate transpose:
Tensor AdjointOf(GradientContext& g, Tensor a);
// The entries on and below (lower) or on and above the diagonal.
Tensor TriangleOf(GradientContext& g, Tensor a, bool lower);
Tensor DiagonalOf(GradientContext& g, Tensor a);
Tensor SetDiagonal(GradientContext& g, Tensor a, Tensor diagonal);

}  // namespace weft
