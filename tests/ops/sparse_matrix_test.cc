// SPDX-License-Identifier: Apache-2.0
// Sparse matrices in compressed rows. TensorFlow's own results are among the cases of
// tests/conformance (tests/support/make_sparse_matrix_golden.py); here are those ops that it has no
// CPU kernel for, and bad input.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <complex>
#include <string>
#include <vector>

#include "tests/support/op_case.h"

namespace weft {
namespace {

using testing::HasSubstr;

class SparseMatrix : public testing::Test {
 protected:
  static std::vector<Tensor> Node(const std::string& op, const std::vector<Tensor>& inputs,
                                  const AttrMap& attrs = {}) {
    absl::StatusOr<Operation> node = AddNode(op, inputs, attrs);
    if (node.ok()) return node->outputs();
    ADD_FAILURE() << node.status();
    return std::vector<Tensor>(3);
  }
  static Tensor Matrix(const Array& indices, const Array& values, const Array& shape) {
    return Node("SparseTensorToCSRSparseMatrix",
                {ConstantOf(indices), ConstantOf(values), ConstantOf(shape)})[0];
  }
  // [[1, 0, 2], [0, 0, 0], [0, 3, 0]].
  static Tensor Three() {
    return Matrix(I64({{0, 0}, {0, 2}, {2, 1}}), F32({1, 2, 3}), I64({3, 3}));
  }
  // The same and [[0, 0, 0], [4, 5, 0], [0, 0, 0]].
  static Tensor Stack() {
    return Matrix(I64({{0, 0, 0}, {0, 0, 2}, {0, 2, 1}, {1, 1, 0}, {1, 1, 1}}),
                  F32({1, 2, 3, 4, 5}), I64({2, 3, 3}));
  }
  static Tensor Dense(Tensor matrix, DataType dtype = kFloat32) {
    return Node("CSRSparseMatrixToDense", {matrix}, {{"type", dtype}})[0];
  }
  Array Run(Tensor t) { return session_.Run(t); }
  std::string RunError(Tensor t, Code code = Code::kInvalidArgument) {
    try {
      session_.Run(t);
    } catch (const Error& e) {
      EXPECT_EQ(CodeName(e.code()), CodeName(code));
      return e.what();
    }
    ADD_FAILURE() << "no error";
    return "";
  }
  static std::string BuildError(const std::string& op, const std::vector<Tensor>& inputs,
                                const AttrMap& attrs = {}) {
    const absl::StatusOr<Operation> node = AddNode(op, inputs, attrs);
    return node.ok() ? "no error" : std::string(node.status().message());
  }
  static Tensor Fed(const Array& value) { return PlaceholderOf(value.dtype()); }

  Graph graph_;
  GraphScope scope_{graph_};
  Session session_{graph_};
};

// Any order of indices gives the same matrix.
TEST_F(SparseMatrix, IndicesInAnyOrder) {
  const Tensor m = Matrix(I64({{2, 1}, {0, 2}, {0, 0}}), F32({3, 2, 1}), I64({3, 3}));
  const std::vector<Tensor> parts =
      Node("CSRSparseMatrixToSparseTensor", {m}, {{"type", kFloat32}});
  EXPECT_EQ(Run(parts[0]), I64({{0, 0}, {0, 2}, {2, 1}}));
  EXPECT_EQ(Run(parts[1]), F32({1, 2, 3}));
  const Tensor picked = Node("DenseToCSRSparseMatrix", {ConstantOf(F32({{1, 2}, {3, 4}})),
                                                        ConstantOf(I64({{1, 1}, {0, 1}}))})[0];
  EXPECT_EQ(Run(Dense(picked)), F32({{0, 2}, {0, 4}}));
}

TEST_F(SparseMatrix, StaticShapes) {
  EXPECT_EQ(ShapeText(Three().shape()), "[]");
  EXPECT_EQ(ShapeText(Dense(Stack()).shape()), "[2,3,3]");
  const Tensor m = Node("SparseMatrixZeros", {ConstantOf(I64({2, 3, 4}))}, {{"type", kFloat64}})[0];
  const Tensor turned = Node("SparseMatrixTranspose", {m}, {{"type", kFloat64}})[0];
  EXPECT_EQ(ShapeText(Dense(turned, kFloat64).shape()), "[2,4,3]");
  EXPECT_EQ(ShapeText(Node("SparseMatrixNNZ", {m})[0].shape()), "[2]");
  const std::vector<Tensor> parts =
      Node("CSRSparseMatrixComponents", {m, ConstantOf(I32(0))}, {{"type", kFloat64}});
  EXPECT_EQ(ShapeText(parts[0].shape()), "[4]");
  EXPECT_EQ(ShapeText(Dense(Node("AddN", {m, m})[0], kFloat64).shape()), "[2,3,4]");
}

TEST_F(SparseMatrix, Zeros) {
  const Tensor m = Node("SparseMatrixZeros", {ConstantOf(I64({2, 3}))}, {{"type", kComplex64}})[0];
  EXPECT_EQ(Run(Dense(m, kComplex64)), Array::Zeros(kComplex64, Shape({2, 3})));
  EXPECT_EQ(Run(Node("SparseMatrixNNZ", {m})[0]), I32(0));
  const Tensor like = Node("ZerosLike", {Stack()})[0];
  EXPECT_EQ(Run(Node("SparseMatrixNNZ", {like})[0]), I32({0, 0}));
  const Tensor none =
      Node("SparseMatrixZeros", {ConstantOf(I64({0, 3, 2}))}, {{"type", kFloat32}})[0];
  EXPECT_EQ(Run(Dense(none)).shape(), Shape({0, 3, 2}));
}

TEST_F(SparseMatrix, Add) {
  const Tensor other = Matrix(I64({{0, 1}, {0, 2}, {1, 0}}), F32({10, 20, 30}), I64({3, 3}));
  const Tensor sum =
      Node("SparseMatrixAdd", {Three(), other, ConstantOf(F32(2)), ConstantOf(F32(-0.1f))})[0];
  const std::vector<Tensor> parts =
      Node("CSRSparseMatrixToSparseTensor", {sum}, {{"type", kFloat32}});
  EXPECT_EQ(Run(parts[0]), I64({{0, 0}, {0, 1}, {0, 2}, {1, 0}, {2, 1}}));
  EXPECT_TRUE(ArraysNear(Run(parts[1]), F32({2, -1, 2, -3, 6}), DefaultTolerance(kFloat32)));
  const Tensor many = Node("AddN", {Stack(), Stack(), Stack()})[0];
  EXPECT_EQ(Run(Dense(many)),
            F32(Shape({2, 3, 3}), {3, 0, 6, 0, 0, 0, 0, 9, 0, 0, 0, 0, 12, 15, 0, 0, 0, 0}));
}

TEST_F(SparseMatrix, MulByNumbers) {
  const Tensor by_one = Node("SparseMatrixMul", {Three(), ConstantOf(F32(3))})[0];
  EXPECT_EQ(Run(Dense(by_one)), F32({{3, 0, 6}, {0, 0, 0}, {0, 9, 0}}));
  const Tensor each =
      Node("SparseMatrixMul", {Stack(), ConstantOf(F32(Shape({2, 1, 1}), {2, -1}))})[0];
  EXPECT_EQ(Run(Dense(each)),
            F32(Shape({2, 3, 3}), {2, 0, 4, 0, 0, 0, 0, 6, 0, 0, 0, 0, -4, -5, 0, 0, 0, 0}));
}

TEST_F(SparseMatrix, SoftmaxOfElements) {
  const Tensor soft = Node("SparseMatrixSoftmax", {Stack()}, {{"type", kFloat32}})[0];
  const float small = 0.26894143f, large = 0.7310586f;  // 1 / (1 + e), e / (1 + e)
  EXPECT_TRUE(ArraysNear(
      Run(Dense(soft)),
      F32(Shape({2, 3, 3}), {small, 0, large, 0, 0, 0, 0, 1, 0, 0, 0, 0, small, large, 0, 0, 0, 0}),
      DefaultTolerance(kFloat32)));
  // dy has an element that y has not, and lacks one that y has.
  const Tensor dy =
      Matrix(I64({{0, 0, 0}, {0, 1, 1}, {1, 1, 0}, {1, 1, 1}}), F32({1, 9, 2, 5}), I64({2, 3, 3}));
  const Tensor dx = Node("SparseMatrixSoftmaxGrad", {soft, dy}, {{"type", kFloat32}})[0];
  const float d = small * large;
  EXPECT_TRUE(ArraysNear(
      Run(Dense(dx)),
      F32(Shape({2, 3, 3}), {d, 0, -d, 0, 0, 0, 0, 0, 0, 0, 0, 0, -3 * d, 3 * d, 0, 0, 0, 0}),
      {1e-5, 1e-6}));
}

TEST_F(SparseMatrix, Conjugate) {
  const Tensor m = Matrix(I64({{0, 1}}), C64({complex64(1, 2)}), I64({1, 2}));
  EXPECT_EQ(Run(Dense(Node("Conj", {m})[0], kComplex64)),
            C64(Shape({1, 2}), {complex64(0, 0), complex64(1, -2)}));
  EXPECT_EQ(Run(Dense(Node("Conj", {Three()})[0])), Run(Dense(Three())));
}

// A product's columns may be many more than its elements.
TEST_F(SparseMatrix, WideProduct) {
  const int64_t wide = int64_t{1} << 30;
  const Tensor a = Matrix(I64({{0, 0}, {1, 1}}), F32({2, 3}), I64({2, 2}));
  const Tensor b = Matrix(I64({{0, 5}, {1, wide - 1}}), F32({1, 1}), I64({2, wide}));
  const Tensor product = Node("SparseMatrixSparseMatMul", {a, b}, {{"type", kFloat32}})[0];
  const std::vector<Tensor> parts =
      Node("CSRSparseMatrixToSparseTensor", {product}, {{"type", kFloat32}});
  EXPECT_EQ(Run(parts[0]), I64({{0, 5}, {1, wide - 1}}));
  EXPECT_EQ(Run(parts[1]), F32({2, 3}));
}

// Elements of one place count together.
TEST_F(SparseMatrix, SamePlaceTwice) {
  const Tensor m = Matrix(I64({{0, 0}, {0, 0}, {1, 1}, {1, 1}}), F64({3, 1, 4, 5}), I64({2, 2}));
  const Tensor factor =
      Node("SparseMatrixSparseCholesky", {m, ConstantOf(I32({1, 0}))}, {{"type", kFloat64}})[0];
  EXPECT_EQ(Run(Dense(factor, kFloat64)), F64({{3, 0}, {0, 2}}));
  EXPECT_EQ(Run(Node("SparseMatrixMatMul", {m, ConstantOf(F64({{1}, {1}}))})[0]), F64({{4}, {9}}));
}

TEST_F(SparseMatrix, NoMatrixInTheVariant) {
  const Tensor list = Node("TensorListReserve", {ConstantOf(I32({2, 2})), ConstantOf(I32(1))},
                           {{"element_dtype", kFloat32}})[0];
  EXPECT_THAT(RunError(Node("SparseMatrixNNZ", {list})[0]),
              HasSubstr("Could not retrieve Variant input 0"));
  EXPECT_THAT(BuildError("SparseMatrixNNZ", {PlaceholderOf(kVariant)}),
              HasSubstr("Unable to access shape and type info from variant input 0"));
  EXPECT_THAT(RunError(Dense(Three(), kFloat64)),
              HasSubstr("Asked for a CSRSparseMatrix of type double but saw dtype: float"));
}

TEST_F(SparseMatrix, BadShapes) {
  const Tensor indices = ConstantOf(I64({{0, 0}})), values = ConstantOf(F32({1}));
  const std::string op = "SparseTensorToCSRSparseMatrix";
  EXPECT_THAT(BuildError(op, {indices, values, PlaceholderOf(kInt64)}), HasSubstr("no error"));
  EXPECT_THAT(
      BuildError(op, {PlaceholderOf(kInt64), PlaceholderOf(kFloat32), PlaceholderOf(kInt64)}),
      HasSubstr("Invalid rank: -1.  Expected a known rank of either 2 or 3."));
  EXPECT_THAT(BuildError(op, {ConstantOf(I64(Shape({1, 1}), {0})), values, ConstantOf(I64({1}))}),
              HasSubstr("Invalid rank: 1"));
  EXPECT_THAT(RunError(Matrix(I64({{0, 3}}), F32({1}), I64({3, 3}))),
              HasSubstr("indices[0,1] = 3 is out of bounds"));
  EXPECT_THAT(RunError(Matrix(I64({{-1, 0}}), F32({1}), I64({3, 3}))), HasSubstr("out of bounds"));
  const int64_t many = int64_t{1} << 31;
  EXPECT_THAT(
      RunError(Matrix(I64(Shape({0, 3}), {}), F32(Shape({0}), {}), I64({1 << 20, many, 1}))),
      HasSubstr("must be <= Int32Max"));
  EXPECT_THAT(RunError(Matrix(I64(Shape({0, 2}), {}), F32(Shape({0}), {}), I64({1, many}))),
              HasSubstr("columns"));
}

TEST_F(SparseMatrix, BadProducts) {
  const Tensor two = ConstantOf(F32({{1, 2}, {3, 4}}));
  EXPECT_THAT(BuildError("SparseMatrixMatMul", {Three(), two}),
              HasSubstr("Dimensions must be equal"));
  EXPECT_THAT(RunError(Node("SparseMatrixMatMul", {Three(), Fed(F32(0))})[0]),
              HasSubstr("must feed"));
  EXPECT_THAT(BuildError("SparseMatrixMatMul", {Three(), two},
                         {{"transpose_a", true}, {"adjoint_a", true}}),
              HasSubstr("Only one of adjoint_a and transpose_a may be true."));
  EXPECT_THAT(BuildError("SparseMatrixMul", {Three(), two}),
              HasSubstr("b must be a scalar or shaped [batch_size, 1, 1]"));
  EXPECT_THAT(
      BuildError("SparseMatrixAdd", {Three(), Stack(), ConstantOf(F32(1)), ConstantOf(F32(1))}),
      HasSubstr("Shapes must be equal rank"));
}

TEST_F(SparseMatrix, BadFactors) {
  const auto factor = [&](const Array& values, const Array& order) {
    const Tensor m = Matrix(I64({{0, 0}, {1, 1}}), values, I64({2, 2}));
    return Node("SparseMatrixSparseCholesky", {m, ConstantOf(order)}, {{"type", kFloat32}})[0];
  };
  EXPECT_THAT(RunError(factor(F32({1, -1}), I32({0, 1}))),
              HasSubstr("Sparse Cholesky factorization failed for batch index 0"));
  for (const Array& order : {I32({0, 0}), I32({0, 2}), I32({-1, 1})}) {
    EXPECT_THAT(RunError(factor(F32({1, 1}), order)), HasSubstr("must hold each of 0 to 1 once"));
  }
  const Tensor wide = Matrix(I64({{0, 0}}), F32({1}), I64({2, 3}));
  EXPECT_THAT(BuildError("SparseMatrixOrderingAMD", {wide}), HasSubstr("Dimensions must be equal"));
  EXPECT_THAT(BuildError("SparseMatrixSparseCholesky", {Three(), ConstantOf(I32({0, 1}))},
                         {{"type", kFloat32}}),
              HasSubstr("Dimensions must be equal"));
}

TEST_F(SparseMatrix, BadComponents) {
  for (const int index : {-1, 2}) {
    const Tensor t = Node("CSRSparseMatrixComponents", {Stack(), ConstantOf(I32(index))},
                          {{"type", kFloat32}})[0];
    EXPECT_THAT(RunError(t), HasSubstr("not in [0, 2)"));
  }
}

}  // namespace
}  // namespace weft
