// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "tests/gradients/gradient_table.h"

namespace weft {
namespace {

// The squares of rows that went through variants: one by one, and all together.
std::vector<Tensor> ThroughVariants(const std::vector<Tensor>& x) {
  std::vector<Tensor> squares;
  for (const bool batched : {true, false}) {
    const Tensor encoded = N("RaggedTensorToVariant", {ConstantOf(I64({0, 1, 1, 4})), x[0]},
                             {{"RAGGED_RANK", 1}, {"batched_input", batched}});
    const std::vector<Tensor> back = N("RaggedTensorFromVariant", {encoded},
                                       {{"input_ragged_rank", batched ? 0 : 1},
                                        {"output_ragged_rank", 1},
                                        {"Tvalues", x[0].dtype()},
                                        {"Tsplits", kInt64}})
                                         .op()
                                         .outputs();
    squares.push_back(N("Mul", {back[1], back[1]}));
  }
  return squares;
}

// ---- Sparse matrices: functions of numbers, since variants have no differences ----

// Two matrices [3, 3] with elements in these places; row 1 of the first has none.
Tensor FirstMatrix(Tensor values) {
  return N("SparseTensorToCSRSparseMatrix",
           {ConstantOf(I64({{0, 0}, {0, 2}, {2, 1}, {2, 2}})), values, ConstantOf(I64({3, 3}))});
}
Tensor SecondMatrix(Tensor values) {
  return N("SparseTensorToCSRSparseMatrix",
           {ConstantOf(I64({{0, 1}, {0, 2}, {1, 0}, {2, 1}})), values, ConstantOf(I64({3, 3}))});
}
Tensor DenseOf(Tensor matrix, DataType dtype) {
  return N("CSRSparseMatrixToDense", {matrix}, {{"type", dtype}});
}

// Indices in any order, two matrices.
std::vector<Tensor> UnorderedMatrices(const std::vector<Tensor>& x) {
  const Tensor m = N("SparseTensorToCSRSparseMatrix",
                     {ConstantOf(I64({{1, 2, 0}, {0, 0, 1}, {1, 0, 2}, {0, 0, 0}})), x[0],
                      ConstantOf(I64({2, 3, 3}))});
  return {N("SparseMatrixMatMul", {m, x[1]})};
}

std::vector<Tensor> PartsOfMatrix(const std::vector<Tensor>& x) {
  const Tensor m = FirstMatrix(x[0]);
  const Tensor values =
      N("CSRSparseMatrixToSparseTensor", {m}, {{"type", x[0].dtype()}}).op().output(1);
  return {N("Mul", {values, values}), DenseOf(m, x[0].dtype())};
}

std::vector<Tensor> PickedFromDense(const std::vector<Tensor>& x) {
  const Tensor m = N("DenseToCSRSparseMatrix", {x[0], ConstantOf(I64({{0, 1}, {1, 0}, {1, 2}}))});
  return {DenseOf(m, x[0].dtype())};
}

// Every pair of turned operands, and the turned products.
std::vector<AttrMap> AllTurns() {
  std::vector<AttrMap> all;
  for (const char* a : {"", "transpose_a", "adjoint_a"}) {
    for (const char* b : {"", "transpose_b", "adjoint_b"}) {
      AttrMap attrs;
      if (*a != 0) attrs[a] = true;
      if (*b != 0) attrs[b] = true;
      all.push_back(std::move(attrs));
    }
  }
  return all;
}

std::vector<Tensor> ProductsWithDense(const std::vector<Tensor>& x) {
  std::vector<Tensor> products;
  for (const AttrMap& turns : AllTurns()) {
    for (const bool out : {false, true}) {
      AttrMap attrs = turns;
      attrs["transpose_output"] = out;
      attrs["conjugate_output"] = !out || turns.empty();
      products.push_back(N("SparseMatrixMatMul", {FirstMatrix(x[0]), x[1]}, attrs));
    }
  }
  return products;
}

std::vector<Tensor> ProductsOfMatrices(const std::vector<Tensor>& x) {
  std::vector<Tensor> products;
  for (AttrMap attrs : AllTurns()) {
    attrs["type"] = x[0].dtype();
    const Tensor c = N("SparseMatrixSparseMatMul", {FirstMatrix(x[0]), SecondMatrix(x[1])}, attrs);
    products.push_back(DenseOf(c, x[0].dtype()));
  }
  return products;
}

std::vector<Tensor> SumOfMatrices(const std::vector<Tensor>& x) {
  const Tensor alpha = N("Cast", {ConstantOf(F64(2))}, {{"DstT", x[0].dtype()}}),
               beta = N("Cast", {ConstantOf(F64(-3))}, {{"DstT", x[0].dtype()}});
  const Tensor sum = N("SparseMatrixAdd", {FirstMatrix(x[0]), SecondMatrix(x[1]), alpha, beta});
  return {DenseOf(sum, x[0].dtype())};
}

// A matrix that is used twice has a gradient that is a sum.
std::vector<Tensor> TransposesOfMatrix(const std::vector<Tensor>& x) {
  const Tensor m = FirstMatrix(x[0]);
  std::vector<Tensor> turned;
  for (const bool conjugate : {false, true}) {
    const AttrMap attrs = {{"type", x[0].dtype()}, {"conjugate", conjugate}};
    turned.push_back(DenseOf(N("SparseMatrixTranspose", {m}, attrs), x[0].dtype()));
  }
  return turned;
}

std::vector<Tensor> SoftmaxOfMatrix(const std::vector<Tensor>& x) {
  const Tensor m = FirstMatrix(x[0]);
  return {DenseOf(N("SparseMatrixSoftmax", {m}, {{"type", x[0].dtype()}}), x[0].dtype())};
}

}  // namespace

GradientTable SparseGradients() {
  // [[a, 0, b], [0, c, 0]] and a second pattern of the same shape.
  const Array indices = I64({{0, 0}, {0, 2}, {1, 1}}), shape = I64({2, 3});
  const Array others = I64({{0, 0}, {1, 0}});
  const Shape three({3}), two({2}), four({4});
  const GradientCheck first = FirstOrderOnly();
  return {
      Check("SparseTensorDenseMatMul", {indices, three, shape, {3, 2}}),
      Check("SparseTensorDenseMatMul", {indices, three, shape, {2, 2}}, {}, {{"adjoint_a", true}}),
      Check("SparseTensorDenseAdd", {indices, three, shape, {2, 3}}),
      Check("SparseDenseCwiseAdd", {indices, three, shape, {2, 3}}, first),
      Check("SparseDenseCwiseMul", {indices, three, shape, {2, 3}}, first),
      Check("SparseDenseCwiseDiv", {indices, three, shape, Drawn(0.5, 2, {2, 3})}, first),
      Check("SparseAdd", {indices, three, shape, others, two, shape, GradientInput::Fixed(F64(0))},
            first),
      Check("SparseReduceSum", {indices, three, shape, I32({1})}, first),
      Check("SparseReorder", {I64({{1, 1}, {0, 2}, {0, 0}}), three, shape}),
      Check("SparseSoftmax", {indices, three, shape}, first),
      Check("SparseSparseMaximum", {indices, three, shape, others, two, shape}, first),
      Check("SparseSparseMinimum", {indices, three, shape, others, two, shape}, first),
      Check("SparseSlice", {indices, three, shape, I64({0, 1}), I64({2, 2})}, first),
      Check("SparseFillEmptyRows", {I64({{0, 0}, {2, 1}}), two, I64({3, 2}), {}}, first),
      Check("RaggedGather", {I64({0, 2, 3}), {3, 2}, I32({1, 0, 0})}, first,
            {{"PARAMS_RAGGED_RANK", 1}, {"OUTPUT_RAGGED_RANK", 1}}),
      Check("RaggedTensorToSparse", {I64({0, 2, 2, 3}), {3, 2}}),
      CheckWithin("RaggedTensorToVariant", ThroughVariants, {{4, 2}}, first),
      CheckWithin("RaggedTensorFromVariant", ThroughVariants, {{4, 2}}, first),
      CheckWithin("SparseTensorToCSRSparseMatrix", UnorderedMatrices, {four, {2, 3, 2}}),
      CheckWithin("CSRSparseMatrixToSparseTensor", PartsOfMatrix, {four}),
      CheckWithin("CSRSparseMatrixToDense", PartsOfMatrix, {four}),
      CheckWithin("DenseToCSRSparseMatrix", PickedFromDense, {{2, 3}}),
      CheckWithin("SparseMatrixMatMul", ProductsWithDense, {four, {3, 3}}),
      CheckWithin("SparseMatrixMatMul", ProductsWithDense, {four, {3, 3}}, AsDtype(kComplex128)),
      CheckWithin("SparseMatrixSparseMatMul", ProductsOfMatrices, {four, four}),
      CheckWithin("SparseMatrixSparseMatMul", ProductsOfMatrices, {four, four},
                  AsDtype(kComplex128)),
      CheckWithin("SparseMatrixAdd", SumOfMatrices, {four, four}, first),
      CheckWithin("SparseMatrixTranspose", TransposesOfMatrix, {four}),
      CheckWithin("SparseMatrixTranspose", TransposesOfMatrix, {four}, AsDtype(kComplex128)),
      CheckWithin("SparseMatrixSoftmax", SoftmaxOfMatrix, {four}, first),
      NotChecked("SparseMatrixMul", "there is no gradient, as in TensorFlow"),
      // A row is cut, others are filled up.
      Check("RaggedTensorToTensor", {I64({3, 2, 2}), {4, 2}, two, I64({0, 1, 1, 4})}, first,
            {{"row_partition_types", std::vector<std::string>{"ROW_SPLITS"}}}),
  };
}

}  // namespace weft
