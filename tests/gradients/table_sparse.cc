// SPDX-License-Identifier: Apache-2.0
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

}  // namespace

GradientTable SparseGradients() {
  // [[a, 0, b], [0, c, 0]] and a second pattern of the same shape.
  const Array indices = I64({{0, 0}, {0, 2}, {1, 1}}), shape = I64({2, 3});
  const Array others = I64({{0, 0}, {1, 0}});
  const Shape three({3}), two({2});
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
      // A row is cut, others are filled up.
      Check("RaggedTensorToTensor", {I64({3, 2, 2}), {4, 2}, two, I64({0, 1, 1, 4})}, first,
            {{"row_partition_types", std::vector<std::string>{"ROW_SPLITS"}}}),
  };
}

}  // namespace weft
