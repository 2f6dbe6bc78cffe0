// SPDX-License-Identifier: Apache-2.0
// Functions of square matrices, and ops that only graphs of old producers have.
// kernels: kernels/cpu/linalg_functions.cc   test: tests/ops/linalg_functions_test.cc
#include "src/ops/linalg.h"
#include "src/ops/matmul.h"

namespace weft {
namespace {

absl::StatusOr<PartialShape> SquareAt(ShapeContext& c, int i) {
  WEFT_ASSIGN_OR_RETURN(PartialShape a, c.WithRankAtLeast(c.input(i), 2));
  if (!a.known_rank()) return a;
  WEFT_ASSIGN_OR_RETURN(const int64_t n, c.MergeDim(a.dim(-2), a.dim(-1)));
  a.set_dim(-2, n);
  a.set_dim(-1, n);
  return a;
}

absl::Status SquareFunctionShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(PartialShape a, SquareAt(c, 0));
  c.set_output(0, std::move(a));
  return absl::OkStatus();
}

// One more row, for the eigenvalues.
absl::Status EigInOneShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(PartialShape a, SquareAt(c, 0));
  if (!a.known_rank()) return absl::OkStatus();
  WEFT_ASSIGN_OR_RETURN(const int64_t rows, shape::AddDims(a.dim(-1), 1));
  a.set_dim(-2, rows);
  c.set_output(0, std::move(a));
  return absl::OkStatus();
}

OpDefBuilder&& CholeskyGradSchema(OpDefBuilder&& op) {
  return std::move(op)
      .Summary("The gradient of Cholesky by its output l and that output's gradient; symmetric.")
      .Input("l: T")
      .Input("grad: T")
      .Output("output: T")
      .Shape(SquareFunctionShape);
}

OpDefBuilder&& EigInOneSchema(OpDefBuilder&& op) {
  return std::move(op)
      .Summary("Eigenvalues of Hermitian matrices as a first row, eigenvectors as columns below.")
      .Input("input: T")
      .Output("output: T")
      .Shape(EigInOneShape)
      .Deprecated(11, "Use SelfAdjointEigV2 instead.");
}

}  // namespace

void RegisterMatrixFunctionOps(OpRegistry& ops) {
  ops.Add("MatrixLogarithm")
      .Summary("y with exp(y) = a for each matrix a, its principal logarithm.")
      .Input("input: T")
      .Output("output: T")
      .Attr("T: {complex64, complex128}")
      .Shape(SquareFunctionShape);
  ops.Add("MatrixExponential")
      .Summary("The sum of a^k / k! for each matrix a.")
      .Input("input: T")
      .Output("output: T")
      .Attr("T: {double, float, half, complex64, complex128}")
      .Shape(SquareFunctionShape)
      .Deprecated(27, "Use Python implementation tf.linalg.matrix_exponential instead.");
  ops.Add("SelfAdjointEig").Apply(EigInOneSchema).Attr("T: {double, float, half}");
  ops.Add("BatchSelfAdjointEig").Apply(EigInOneSchema).Attr("T: {double, float}");
  ops.Add("CholeskyGrad").Apply(CholeskyGradSchema).Attr("T: {half, float, double}");
  ops.Add("BatchCholeskyGrad")
      .Apply(CholeskyGradSchema)
      .Attr("T: {float, double}")
      .Deprecated(13, "Use CholeskyGrad instead.");
}

}  // namespace weft
