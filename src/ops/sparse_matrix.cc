// SPDX-License-Identifier: Apache-2.0
// Sparse matrices in compressed rows (CSR), one or a stack of equal size, as variants: to and from
// sparse and dense tensors, sums, products, softmax and Cholesky's factor. What the variant holds
// is known by its handle data: the matrices' dtype and their dense shape of rank 2 or 3.
// gradients: sparse_matrix_grad.cc   kernels: kernels/cpu/sparse_matrix*.cc
// test: tests/ops/sparse_matrix_test.cc
#include <string>
#include <string_view>
#include <vector>

#include "src/core/strings.h"
#include "src/ops/sparse.h"
#include "src/ops/sparse_matrix.h"

namespace weft {
namespace {

// ---- Shapes
// --------------------------------------------------------------------------------------

// What scalar input i holds.
absl::StatusOr<HandleData> MatrixAt(ShapeContext& c, int i) {
  WEFT_RETURN_IF_ERROR(c.InputWithRank(i, 0).status());
  const std::vector<HandleData>* data = c.input_handle_data(i);
  if (data != nullptr && data->size() == 1) return data->front();
  return absl::InvalidArgumentError(
      StrCat("Unable to access shape and type info from variant input ", i));
}

// The same, of known rank 2 or 3.
absl::StatusOr<HandleData> KnownMatrixAt(ShapeContext& c, int i, std::string_view name) {
  WEFT_ASSIGN_OR_RETURN(HandleData matrix, MatrixAt(c, i));
  WEFT_RETURN_IF_ERROR(c.WithRankAtLeast(matrix.shape, 2).status());
  WEFT_RETURN_IF_ERROR(c.WithRankAtMost(matrix.shape, 3).status());
  if (matrix.shape.known_rank()) return matrix;
  return absl::InvalidArgumentError(StrCat(name, " has an unknown rank."));
}

// The output is a scalar that holds matrices of this kind.
absl::Status PutMatrix(ShapeContext& c, DataType dtype, PartialShape shape) {
  c.set_output(0, PartialShape::Scalar());
  c.set_output_handle_data(0, {{dtype, std::move(shape)}});
  return absl::OkStatus();
}

int64_t RankOrUnknown(const PartialShape& s) { return s.known_rank() ? s.rank() : -1; }

bool IsMatrices(const PartialShape& s) {
  return s.known_rank() && (s.rank() == 2 || s.rank() == 3);
}

absl::Status WrongRank(const PartialShape& s, std::string_view of = "") {
  return absl::InvalidArgumentError(StrCat("Invalid rank", of, ": ", RankOrUnknown(s),
                                           ".  Expected a known rank of either 2 or 3."));
}

// The dense shape that vector input i tells.
absl::StatusOr<PartialShape> DenseShapeAt(ShapeContext& c, int i, int64_t rank) {
  WEFT_ASSIGN_OR_RETURN(PartialShape shape, c.input_as_shape(i));
  if (rank >= 0) {
    WEFT_ASSIGN_OR_RETURN(shape, c.WithRank(shape, static_cast<int>(rank)));
  }
  if (!IsMatrices(shape)) return WrongRank(shape);
  return shape;
}

absl::Status FromSparseTensorShape(ShapeContext& c) {
  int64_t n = kUnknownDim, rank = kUnknownDim;
  WEFT_RETURN_IF_ERROR(CheckSparseShapes(c, 0, 1, 2, &n, &rank));
  WEFT_ASSIGN_OR_RETURN(PartialShape shape, DenseShapeAt(c, 2, rank));
  return PutMatrix(c, c.Attr<DataType>("T"), std::move(shape));
}

absl::Status MatrixZerosShape(ShapeContext& c) {
  const PartialShape& sizes = c.input(0);
  const int64_t rank = sizes.known_rank() && sizes.rank() == 1 ? sizes.dim(0) : kUnknownDim;
  WEFT_ASSIGN_OR_RETURN(PartialShape shape, DenseShapeAt(c, 0, rank));
  return PutMatrix(c, c.Attr<DataType>("type"), std::move(shape));
}

absl::Status FromDenseShape(ShapeContext& c) {
  const PartialShape &dense = c.input(0), &indices = c.input(1);
  if (!IsMatrices(dense)) return WrongRank(dense, " of dense");
  if (!indices.known_rank() || indices.rank() != 2) {
    return absl::InvalidArgumentError(
        StrCat("indices must be a matrix; but its rank is not 2: ", RankOrUnknown(indices)));
  }
  if (indices.dim(1) != dense.rank()) {
    return absl::InvalidArgumentError(StrCat(
        "indices.shape[1] must match rank of dense; saw: ", indices.dim(1), " vs. ", dense.rank()));
  }
  return PutMatrix(c, c.Attr<DataType>("T"), dense);
}

absl::StatusOr<PartialShape> ShapeAtMostThree(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(const HandleData matrix, MatrixAt(c, 0));
  WEFT_ASSIGN_OR_RETURN(PartialShape shape, c.WithRankAtMost(matrix.shape, 3));
  if (!shape.known_rank()) return absl::InvalidArgumentError("sparse_matrix has an unknown rank.");
  return shape;
}

absl::Status ToSparseTensorShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(const PartialShape shape, ShapeAtMostThree(c));
  c.set_output(0, PartialShape::Matrix(kUnknownDim, shape.rank()));
  c.set_output(1, PartialShape::Vector(kUnknownDim));
  c.set_output(2, PartialShape::Vector(shape.rank()));
  return absl::OkStatus();
}

absl::Status ToDenseShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(PartialShape shape, ShapeAtMostThree(c));
  c.set_output(0, std::move(shape));
  return absl::OkStatus();
}

absl::Status ComponentsShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(const HandleData matrix, KnownMatrixAt(c, 0, "csr_sparse_matrix"));
  if (c.input(1).known_rank() && c.input(1).rank() != 0)
    return absl::InvalidArgumentError("index must be a scalar.");
  WEFT_ASSIGN_OR_RETURN(const int64_t pointers, shape::AddDims(matrix.shape.dim(-2), 1));
  c.set_output(0, PartialShape::Vector(pointers));
  c.set_output(1, PartialShape::Vector(kUnknownDim));
  c.set_output(2, PartialShape::Vector(kUnknownDim));
  return absl::OkStatus();
}

absl::Status CountShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(const HandleData matrix, KnownMatrixAt(c, 0, "sparse_matrix"));
  const PartialShape& s = matrix.shape;
  c.set_output(0, s.rank() == 3 ? PartialShape::Vector(s.dim(0)) : PartialShape::Scalar());
  return absl::OkStatus();
}

// Whether an operand is turned, by transpose_x or adjoint_x.
absl::StatusOr<bool> IsTurned(ShapeContext& c, std::string_view operand) {
  const bool transpose = c.Attr<bool>(StrCat("transpose_", operand)),
             adjoint = c.Attr<bool>(StrCat("adjoint_", operand));
  if (!transpose || !adjoint) return transpose || adjoint;
  return absl::InvalidArgumentError(
      StrCat("Only one of adjoint_", operand, " and transpose_", operand, " may be true."));
}

PartialShape BatchOfMatrices(const PartialShape& s) {
  if (!s.known_rank()) return PartialShape::Unknown();
  return s.rank() == 3 ? PartialShape::Vector(s.dim(0)) : PartialShape::Scalar();
}

// Of unknown rank: unknown.
int64_t MatrixDim(const PartialShape& s, int i) { return s.known_rank() ? s.dim(i) : kUnknownDim; }

PartialShape MatricesShape(const PartialShape& batch, int64_t rows, int64_t columns) {
  if (!batch.known_rank()) return PartialShape::Unknown();
  return batch.rank() == 0 ? PartialShape::Matrix(rows, columns)
                           : PartialShape({batch.dim(0), rows, columns});
}

// Rows and columns of the product of a and b; they have a common inner dimension.
absl::Status ProductSize(ShapeContext& c, const PartialShape& a, const PartialShape& b,
                         int64_t* rows, int64_t* columns) {
  WEFT_ASSIGN_OR_RETURN(const bool turn_a, IsTurned(c, "a"));
  WEFT_ASSIGN_OR_RETURN(const bool turn_b, IsTurned(c, "b"));
  *rows = MatrixDim(a, turn_a ? -1 : -2);
  *columns = MatrixDim(b, turn_b ? -2 : -1);
  return c.MergeDim(MatrixDim(a, turn_a ? -2 : -1), MatrixDim(b, turn_b ? -1 : -2)).status();
}

absl::Status DenseProductShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(const HandleData a, KnownMatrixAt(c, 0, "a"));
  WEFT_RETURN_IF_ERROR(c.WithRankAtLeast(c.input(1), 2).status());
  WEFT_ASSIGN_OR_RETURN(const PartialShape b, c.WithRankAtMost(c.input(1), 3));
  int64_t rows = kUnknownDim, columns = kUnknownDim;
  WEFT_RETURN_IF_ERROR(ProductSize(c, a.shape, b, &rows, &columns));
  if (c.Attr<bool>("transpose_output")) std::swap(rows, columns);
  WEFT_ASSIGN_OR_RETURN(const PartialShape batch,
                        c.Merge(BatchOfMatrices(a.shape), BatchOfMatrices(b)));
  c.set_output(0, MatricesShape(batch, rows, columns));
  return absl::OkStatus();
}

absl::Status SparseProductShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(const HandleData a, KnownMatrixAt(c, 0, "a"));
  WEFT_ASSIGN_OR_RETURN(const HandleData b, KnownMatrixAt(c, 1, "b"));
  int64_t rows = kUnknownDim, columns = kUnknownDim;
  WEFT_RETURN_IF_ERROR(ProductSize(c, a.shape, b.shape, &rows, &columns));
  WEFT_ASSIGN_OR_RETURN(const PartialShape batch,
                        shape::BroadcastShapes(BatchOfMatrices(a.shape), BatchOfMatrices(b.shape)));
  return PutMatrix(c, b.dtype, MatricesShape(batch, rows, columns));
}

absl::Status MatrixMulShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(const HandleData a, MatrixAt(c, 0));
  WEFT_ASSIGN_OR_RETURN(PartialShape shape, c.WithRankAtMost(a.shape, 3));
  if (!shape.known_rank()) return absl::InvalidArgumentError("a has an unknown rank.");
  WEFT_ASSIGN_OR_RETURN(const PartialShape b, c.WithRankAtMost(c.input(1), 3));
  if (!b.known_rank()) return absl::InvalidArgumentError("b has an unknown rank.");
  if (b.rank() == 3) {
    if (shape.rank() != 3) return absl::UnimplementedError("rank of b is 3 but rank of a is not.");
    if (b.dim(1) != 1 || b.dim(2) != 1)
      return absl::UnimplementedError("b must be a scalar or shaped [batch_size, 1, 1]");
    WEFT_ASSIGN_OR_RETURN(const int64_t count, c.MergeDim(shape.dim(0), b.dim(0)));
    shape.set_dim(0, count);
  } else if (b.rank() != 0) {
    return absl::UnimplementedError("b must be a scalar or shaped [batch_size, 1, 1]");
  }
  return PutMatrix(c, a.dtype, std::move(shape));
}

// Inputs 0 and 1 have one shape, as has the output.
absl::Status SameMatrices(ShapeContext& c, std::string_view first, std::string_view second) {
  WEFT_ASSIGN_OR_RETURN(const HandleData a, KnownMatrixAt(c, 0, first));
  WEFT_ASSIGN_OR_RETURN(const HandleData b, KnownMatrixAt(c, 1, second));
  WEFT_ASSIGN_OR_RETURN(PartialShape both, c.Merge(a.shape, b.shape));
  return PutMatrix(c, b.dtype, std::move(both));
}

absl::Status SumOfMatricesShape(ShapeContext& c) {
  WEFT_RETURN_IF_ERROR(c.InputWithRank(2, 0).status());
  WEFT_RETURN_IF_ERROR(c.InputWithRank(3, 0).status());
  return SameMatrices(c, "a", "b");
}

absl::Status MatrixTransposeShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(const HandleData in, KnownMatrixAt(c, 0, "input"));
  const PartialShape& s = in.shape;
  return PutMatrix(c, in.dtype, MatricesShape(BatchOfMatrices(s), s.dim(-1), s.dim(-2)));
}

absl::Status MatrixSoftmaxShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(HandleData logits, KnownMatrixAt(c, 0, "logits"));
  return PutMatrix(c, logits.dtype, std::move(logits.shape));
}

// Square matrices; *n is their size.
absl::StatusOr<HandleData> SquareMatrixAt(ShapeContext& c, int64_t* n) {
  WEFT_ASSIGN_OR_RETURN(const HandleData in, KnownMatrixAt(c, 0, "Sparse matrix"));
  WEFT_ASSIGN_OR_RETURN(*n, c.MergeDim(in.shape.dim(-2), in.shape.dim(-1)));
  return in;
}

absl::Status OrderingShape(ShapeContext& c) {
  int64_t n = kUnknownDim;
  WEFT_ASSIGN_OR_RETURN(const HandleData in, SquareMatrixAt(c, &n));
  const PartialShape& s = in.shape;
  c.set_output(0, s.rank() == 2 ? PartialShape::Vector(n) : PartialShape::Matrix(s.dim(0), n));
  return absl::OkStatus();
}

absl::Status CholeskyShape(ShapeContext& c) {
  int64_t n = kUnknownDim;
  WEFT_ASSIGN_OR_RETURN(HandleData in, SquareMatrixAt(c, &n));
  WEFT_RETURN_IF_ERROR(c.WithRankAtLeast(c.input(1), 1).status());
  WEFT_ASSIGN_OR_RETURN(const PartialShape order, c.WithRankAtMost(c.input(1), 2));
  if (!order.known_rank()) return absl::InvalidArgumentError("permutation has an unknown rank.");
  WEFT_RETURN_IF_ERROR(c.MergeDim(n, order.dim(-1)).status());
  return PutMatrix(c, in.dtype, std::move(in.shape));
}

// ---- Schemas
// -------------------------------------------------------------------------------------

constexpr std::string_view kMatrixT = "T: {float, double, complex64, complex128}",
                           kMatrixType = "type: {float, double, complex64, complex128}";

// How the operands of a product are turned.
OpDefBuilder&& TurnedOperands(OpDefBuilder&& op) {
  return std::move(op)
      .Attr("transpose_a: bool = false")
      .Attr("transpose_b: bool = false")
      .Attr("adjoint_a: bool = false")
      .Attr("adjoint_b: bool = false");
}

void RegisterMatrixConversions(OpRegistry& ops) {
  ops.Add("SparseTensorToCSRSparseMatrix")
      .Summary("A sparse tensor of rank 2 or 3 as a sparse matrix or a stack of them.")
      .Input("indices: int64")
      .Input("values: T")
      .Input("dense_shape: int64")
      .Output("sparse_matrix: variant")
      .Attr(kMatrixT)
      .Shape(FromSparseTensorShape)
      .Gradient(SparseTensorToSparseMatrixGradient);
  ops.Add("CSRSparseMatrixToSparseTensor")
      .Summary("Sparse matrices as a sparse tensor.")
      .Input("sparse_matrix: variant")
      .Output("indices: int64")
      .Output("values: type")
      .Output("dense_shape: int64")
      .Attr(kMatrixType)
      .Shape(ToSparseTensorShape)
      .Gradient(SparseMatrixToSparseTensorGradient);
  ops.Add("DenseToCSRSparseMatrix")
      .Summary("The elements of a dense tensor at these places as sparse matrices.")
      .Input("dense_input: T")
      .Input("indices: int64")
      .Output("sparse_output: variant")
      .Attr(kMatrixT)
      .Shape(FromDenseShape)
      .Gradient(DenseToSparseMatrixGradient);
  ops.Add("CSRSparseMatrixToDense")
      .Summary("Sparse matrices as a dense tensor.")
      .Input("sparse_input: variant")
      .Output("dense_output: type")
      .Attr(kMatrixType)
      .Shape(ToDenseShape)
      .Gradient(SparseMatrixToDenseGradient);
  ops.Add("CSRSparseMatrixComponents")
      .Summary("Where rows begin, columns and values of one of the matrices.")
      .Input("csr_sparse_matrix: variant")
      .Input("index: int32")
      .Output("row_ptrs: int32")
      .Output("col_inds: int32")
      .Output("values: type")
      .Attr(kMatrixType)
      .Shape(ComponentsShape);
  ops.Add("SparseMatrixNNZ")
      .Summary("How many elements each matrix has.")
      .Input("sparse_matrix: variant")
      .Output("nnz: int32")
      .Shape(CountShape)
      .NoGradient("counts are integers");
  ops.Add("SparseMatrixZeros")
      .Summary("Sparse matrices without an element.")
      .Input("dense_shape: int64")
      .Output("sparse_matrix: variant")
      .Attr(kMatrixType)
      .Shape(MatrixZerosShape)
      .NoGradient("the only input is a shape");
}

void RegisterMatrixProducts(OpRegistry& ops) {
  ops.Add("SparseMatrixMatMul")
      .Summary("Products of sparse and dense matrices, dense.")
      .Input("a: variant")
      .Input("b: T")
      .Output("output: T")
      .Attr("T: type")
      .Apply(TurnedOperands)
      .Attr("transpose_output: bool = false")
      .Attr("conjugate_output: bool = false")
      .Shape(DenseProductShape)
      .Gradient(SparseMatrixMatMulGradient);
  ops.Add("SparseMatrixSparseMatMul")
      .Summary("Products of sparse matrices.")
      .Input("a: variant")
      .Input("b: variant")
      .Output("c: variant")
      .Attr(kMatrixType)
      .Apply(TurnedOperands)
      .Shape(SparseProductShape)
      .Gradient(SparseMatrixSparseMatMulGradient);
}

void RegisterMatrixFactors(OpRegistry& ops) {
  ops.Add("SparseMatrixOrderingAMD")
      .Summary("Orders of rows and columns that leave Cholesky's factors sparse.")
      .Input("input: variant")
      .Output("output: int32")
      .Shape(OrderingShape);
  ops.Add("SparseMatrixSparseCholesky")
      .Summary("L with L L^H = the positive definite matrix with rows and columns in an order.")
      .Input("input: variant")
      .Input("permutation: int32")
      .Output("output: variant")
      .Attr(kMatrixType)
      .Shape(CholeskyShape);
}

}  // namespace

void RegisterSparseMatrixOps(OpRegistry& ops) {
  RegisterMatrixConversions(ops);
  RegisterMatrixProducts(ops);
  RegisterMatrixFactors(ops);
  ops.Add("SparseMatrixMul")
      .Summary("Sparse matrices times a number, or each times one of its own.")
      .Input("a: variant")
      .Input("b: T")
      .Output("output: variant")
      .Attr("T: type")
      .Shape(MatrixMulShape)
      .Gradient(SparseMatrixMulGradient);
  ops.Add("SparseMatrixAdd")
      .Summary("alpha * a + beta * b.")
      .Input("a: variant")
      .Input("b: variant")
      .Input("alpha: T")
      .Input("beta: T")
      .Output("c: variant")
      .Attr(kMatrixT)
      .Shape(SumOfMatricesShape)
      .Gradient(SparseMatrixAddGradient);
  ops.Add("SparseMatrixTranspose")
      .Summary("The transposes, conjugated if wanted.")
      .Input("input: variant")
      .Output("output: variant")
      .Attr("conjugate: bool = false")
      .Attr(kMatrixType)
      .Shape(MatrixTransposeShape)
      .Gradient(SparseMatrixTransposeGradient);
  ops.Add("SparseMatrixSoftmax")
      .Summary("exp(x) / sum of exp(x) over each row's elements.")
      .Input("logits: variant")
      .Output("softmax: variant")
      .Attr("type: {float, double}")
      .Shape(MatrixSoftmaxShape)
      .Gradient(SparseMatrixSoftmaxGradient);
  ops.Add("SparseMatrixSoftmaxGrad")
      .Summary("The gradient of SparseMatrixSoftmax by its output.")
      .Input("softmax: variant")
      .Input("grad_softmax: variant")
      .Output("gradient: variant")
      .Attr("type: {float, double}")
      .Shape([](ShapeContext& c) { return SameMatrices(c, "softmax", "grad_softmax"); });
}

}  // namespace weft
