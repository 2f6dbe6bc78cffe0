// SPDX-License-Identifier: Apache-2.0
#include "weft/ops/linalg.h"
#include "weft/core/complex.h"

#include <cmath>
#include <random>

#include "gmock/gmock.h"
#include "tests/support/first_run.h"
#include "tests/support/gradient_case.h"
#include "weft/gradients/gradients.h"

namespace weft {
namespace {

Tensor Product(const Tensor& a, const Tensor& b, bool adjoint_a = false, bool adjoint_b = false) {
  const absl::StatusOr<Operation> op =
      AddNode("BatchMatMulV2", {a, b}, {{"adj_x", adjoint_a}, {"adj_y", adjoint_b}});
  EXPECT_TRUE(op.ok()) << op.status();
  return op->output(0);
}

// Elements in (-1, 1), another matrix for each seed.
template <typename T>
Array Drawn(const Shape& shape, unsigned seed) {
  std::mt19937 bits(seed);
  auto number = [&] { return static_cast<double>(bits()) / 0x80000000u - 1; };
  std::vector<T> values;
  for (int64_t i = 0; i < shape.num_elements(); ++i) {
    if constexpr (std::is_arithmetic_v<T>) {
      values.push_back(static_cast<T>(number()));
    } else {
      const double real = number();
      values.push_back(T(static_cast<typename T::value_type>(real),
                         static_cast<typename T::value_type>(number())));
    }
  }
  return Array::FromVector(values, shape);
}

const Array kTall = F64({{1, 2, 3}, {4, 5, 6}, {7, 8, 10}, {1, 0, 1}});

// As TensorFlow 2.15.1 gives them, with its signs.
TEST(Qr, Values) {
  OpCase("Qr")
      .In(kTall)
      .Out(F64({{-0.122169444, 0.564276493, 0.81229142},
                {-0.488677777, 0.231756417, -0.150171523},
                {-0.85518611, -0.100763659, -0.109215653},
                {-0.122169444, -0.785956543, 0.552904244}}))
      .Out(F64({{-8.185352772, -9.52921666, -11.972605547},
                {0, 1.481225793, 1.28977484},
                {0, 0, 0.996592835}}))
      .Within(0, 1e-8)
      .RunEverywhere();
  OpCase("Qr")
      .In(F64({{1, 2, 3}, {4, 5, 6}}))
      .Attr("full_matrices", true)
      .Out(F64({{-0.242535625, -0.9701425}, {-0.9701425, 0.242535625}}))
      .Out(F64({{-4.123105626, -5.335783751, -6.548461876}, {0, -0.727606875, -1.45521375}}))
      .Within(0, 1e-8)
      .RunEverywhere();
}

template <typename T>
class QrOf : public testing::Test {};
using MatrixTypes = testing::Types<float, double, complex64, complex128>;
TYPED_TEST_SUITE(QrOf, MatrixTypes);

// q r is the input, q has orthonormal columns, r is upper triangular.
TYPED_TEST(QrOf, Factors) {
  using T = TypeParam;
  const double precision =
      DTypeSize(dtype_of<T>) == sizeof(T) && sizeof(T) >= 8 && !std::is_same_v<T, complex64> ? 1e-12
                                                                                             : 1e-5;
  for (const Shape& shape : {Shape({5, 3}), Shape({3, 5}), Shape({2, 4, 4}), Shape({70, 60})}) {
    for (bool full : {false, true}) {
      const Graph graph;
      const GraphScope use(graph);
      const Array a = Drawn<T>(shape, 3);
      const auto [q, r] = Qr(a, {.full_matrices = full});
      Session session(graph);
      const auto results = session.Run({Product(q, r), Product(q, q, true), r});
      EXPECT_TRUE(ArraysNear(results[0], a, {0, 10 * precision}));
      const int64_t n = results[1].dim(-1 + results[1].rank());
      const auto unit = results[1].template values<T>();
      for (size_t i = 0; i < unit.size(); ++i) {
        const auto row = static_cast<int64_t>(i) / n % n, column = static_cast<int64_t>(i) % n;
        EXPECT_LT(std::abs(unit[i] - T(row == column)), 10 * precision);
      }
      const int64_t rows = results[2].dim(results[2].rank() - 2),
                    columns = results[2].dim(results[2].rank() - 1);
      const auto triangle = results[2].template values<T>();
      for (size_t i = 0; i < triangle.size(); ++i) {
        const auto at = static_cast<int64_t>(i);
        if (at / columns % rows > at % columns) {
          EXPECT_EQ(triangle[i], T(0));
        }
      }
    }
  }
}

// Sizes at which matrices are factored in blocks.
TYPED_TEST(QrOf, BlocksOfOthers) {
  using T = TypeParam;
  const double precision =
      std::is_same_v<T, double> || std::is_same_v<T, complex128> ? 1e-11 : 1e-3;
  for (int64_t n : {17, 24, 33, 90}) {
    const Graph graph;
    const GraphScope use(graph);
    const Array b = Drawn<T>(Shape({2, n, 3}), 5);
    const Tensor a = ConstantOf(Drawn<T>(Shape({2, n, n}), 4));
    const Tensor positive = Product(a, a, false, true) + Eye(n, {.dtype = dtype_of<T>});
    const Tensor l = Cholesky(positive);
    const Tensor x = MatrixSolve(positive, b);
    const Tensor y = MatrixTriangularSolve(l, MatrixTriangularSolve(l, b), {.adjoint = true});
    Session session(graph);
    const auto r = session.Run({positive, Product(l, l, false, true), Product(positive, x), y, x,
                                Product(positive, MatrixInverse(positive, {.adjoint = true}))});
    EXPECT_TRUE(ArraysNear(r[1], r[0], {0, precision})) << n;
    EXPECT_TRUE(ArraysNear(r[2], b, {0, precision})) << n;
    EXPECT_TRUE(ArraysNear(r[3], r[4], {0, precision})) << n;
    const auto unit = r[5].template values<T>();
    for (size_t i = 0; i < unit.size(); ++i) {
      const auto at = static_cast<int64_t>(i);
      EXPECT_LT(std::abs(unit[i] - T(at / n % n == at % n)), precision);
    }
  }
}

TEST(Qr, Half) {
  OpCase("Qr")
      .In(F16({{3, 1}, {4, 2}}))
      .Out(F16({{-0.6f, -0.8f}, {-0.8f, 0.6f}}))
      .Out(F16({{-5, -2.2f}, {0, 0.4f}}))
      .Within(0, 4e-3)
      .RunEverywhere();
}

TEST(Qr, Empty) {
  OpCase("Qr")
      .In(F32(Shape({2, 0}), {}))
      .Attr("full_matrices", true)
      .Out(F32({{1, 0}, {0, 1}}))
      .Out(F32(Shape({2, 0}), {}))
      .RunEverywhere();
  OpCase("Qr")
      .In(F32(Shape({0, 3}), {}))
      .Out(F32(Shape({0, 0}), {}))
      .Out(F32(Shape({0, 3}), {}))
      .RunEverywhere();
  OpCase("Qr")
      .In(F32(Shape({0, 3, 2}), {}))
      .Out(F32(Shape({0, 3, 2}), {}))
      .Out(F32(Shape({0, 2, 2}), {}))
      .RunEverywhere();
  OpCase("Qr").In(F32({1, 2})).ExpectRunError(Code::kInvalidArgument, "rank >= 2, got 1");
}

TEST(Linalg, Shapes) {
  ExpectShape("Qr", {"[7,?,3]"}, "[7,?,?];[7,?,3]");
  ExpectShape("Qr", {"[7,5,3]"}, "[7,5,3];[7,3,3]");
  ExpectShape("Qr", {"[3,5]"}, "[3,3];[3,5]");
  ExpectShape("Qr", {"?"}, "?;?");
  ExpectShape("Qr", {"[?,3]"}, "[?,?];[?,3]", {{"full_matrices", true}});
  ExpectBuildError("Qr", {"[3]"}, "Shape must be at least rank 2 but is rank 1");
  for (const char* op : {"Cholesky", "MatrixInverse"}) {
    ExpectShape(op, {"[?,3,?]"}, "[?,3,3]");
    ExpectShape(op, {"?"}, "?");
    ExpectBuildError(op, {"[3,4]"}, "Dimensions must be equal, but are 3 and 4");
    ExpectBuildError(op, {"[3]"}, "Shape must be at least rank 2 but is rank 1");
  }
  ExpectShape("MatrixSolve", {"[?,3,3]", "[2,?,5]"}, "[2,3,5]");
  ExpectShape("MatrixSolve", {"?", "[2,3,5]"}, "[2,3,5]");
  ExpectBuildError("MatrixSolve", {"[4,3,3]", "[2,3,5]"}, "4 and 2");
  ExpectShape("MatrixTriangularSolve", {"[4,1,3,3]", "[2,?,5]"}, "[4,2,3,5]");
  ExpectBuildError("MatrixTriangularSolve", {"[4,3,3]", "[2,3,5]"}, "4");
  ExpectBuildError("MatrixTriangularSolve", {"[3,3]", "[4,5]"}, "3 and 4");
}

TEST(Cholesky, Values) {
  // The upper triangle isn't looked at.
  OpCase("Cholesky")
      .In(F64({{4, 99, 99}, {2, 5, 99}, {6, 9, 22}}))
      .Out(F64({{2, 0, 0}, {1, 2, 0}, {3, 3, 2}}))
      .RunEverywhere();
  OpCase("Cholesky")
      .In(C128({{complex128(4), complex128(0, -2)}, {complex128(0, 2), complex128(5)}}))
      .Out(C128({{complex128(2), complex128(0)}, {complex128(0, 1), complex128(2)}}))
      .RunEverywhere();
  OpCase("Cholesky").In(F32(Shape({2, 0, 0}), {})).Out(F32(Shape({2, 0, 0}), {})).RunEverywhere();
  for (const Array& a : {F32({{1, 2}, {2, 1}}), F32({{-1}}), F32({{0}})}) {
    OpCase("Cholesky")
        .In(a)
        .ExpectRunError(Code::kInvalidArgument, "Cholesky decomposition was not successful");
  }
  OpCase("Cholesky").In(F32({{1, 2}})).ExpectRunError(Code::kInvalidArgument, "must be square");
}

// As TensorFlow 2.15.1 has it: an error only if the first pivot is NaN.
TEST(Linalg, NanSpreads) {
  OpCase("Cholesky")
      .In(F32({{4, 0, 0}, {2, 10, 0}, {2, kNaN, 9}}))
      .Out(F32({{2, 0, 0}, {1, 3, 0}, {1, kNaN, kNaN}}))
      .RunEverywhere();
  OpCase("MatrixInverse")
      .In(F32({{1, kNaN}, {0, 1}}))
      .Out(F32({{kNaN, kNaN}, {kNaN, kNaN}}))
      .RunEverywhere();
  OpCase("MatrixInverse")
      .In(F32({{1, 1}, {kNaN, 1}}))
      .ExpectRunError(Code::kInvalidArgument, "Input is not invertible");
  OpCase("Qr")
      .In(F32({{kNaN, 0}, {3, 1}}))
      .Out(F32({{kNaN, kNaN}, {kNaN, kNaN}}))
      .Out(F32({{kNaN, kNaN}, {0, kNaN}}))
      .RunEverywhere();
}

TEST(MatrixInverse, Values) {
  const Array a = F64({{4, 7}, {2, 6}});
  OpCase("MatrixInverse").In(a).Out(F64({{.6, -.7}, {-.2, .4}})).RunEverywhere();
  OpCase("MatrixInverse")
      .In(a)
      .Attr("adjoint", true)
      .Out(F64({{.6, -.2}, {-.7, .4}}))
      .RunEverywhere();
  OpCase("MatrixInverse").In(F16({{2, 0}, {0, 4}})).Out(F16({{.5f, 0}, {0, .25f}})).RunEverywhere();
  OpCase("MatrixInverse")
      .In(F32(Shape({0, 2, 2}), {}))
      .Out(F32(Shape({0, 2, 2}), {}))
      .RunEverywhere();
  for (const Array& singular : {F32({{1, 2}, {2, 4}}), F32({{kNaN}}), F32({{0}})}) {
    OpCase("MatrixInverse")
        .In(singular)
        .ExpectRunError(Code::kInvalidArgument, "Input is not invertible");
  }
}

TEST(MatrixSolve, Values) {
  const Array a = C128({{complex128(0, 2), complex128(1)}, {complex128(0), complex128(4)}});
  const Array b = C128({{complex128(2)}, {complex128(8)}});
  OpCase("MatrixSolve").In(a).In(b).Out(C128({{complex128(0)}, {complex128(2)}})).RunEverywhere();
  OpCase("MatrixSolve")
      .In(a)
      .In(b)
      .Attr("adjoint", true)
      .Out(C128({{complex128(0, 1)}, {complex128(2, -.25)}}))
      .RunEverywhere();
  const auto error = [](Array m, Array rhs, const char* text) {
    OpCase("MatrixSolve").In(m).In(rhs).ExpectRunError(Code::kInvalidArgument, text);
  };
  error(F32({{1, 2}, {2, 4}}), F32({{1}, {1}}), "Input matrix is not invertible");
  error(F32({{1, 2}, {2, 5}}), F32({{1, 1}}), "rhs must have 2 rows");
  error(F32({{1, 2}}), F32({{1, 1}}), "must be square");
  error(F32(Shape({2, 1, 1}), {1}), F32(Shape({3, 1, 1}), {1}), "same outer dimensions");
}

TEST(MatrixTriangularSolve, Values) {
  // 7 and 9 are in the triangles that don't count.
  const Array lower = F64({{2, 7}, {1, 4}}), upper = F64({{2, 1}, {9, 4}}), b = F64({{2}, {9}});
  const auto check = [&](const Array& a, bool is_lower, bool adjoint, const Array& x) {
    OpCase("MatrixTriangularSolve")
        .In(a)
        .In(b)
        .Attr("lower", is_lower)
        .Attr("adjoint", adjoint)
        .Out(x)
        .RunEverywhere();
  };
  check(lower, true, false, F64({{1}, {2}}));
  check(lower, true, true, F64({{-.125}, {2.25}}));
  check(upper, false, false, F64({{-.125}, {2.25}}));
  check(upper, false, true, F64({{1}, {2}}));
  // Each matrix with each right side.
  OpCase("MatrixTriangularSolve")
      .In(F32(Shape({2, 1, 1, 1}), {2, 4}))
      .In(F32(Shape({3, 1, 2}), {4, 8, 12, 16, 20, 24}))
      .Out(F32(Shape({2, 3, 1, 2}), {2, 4, 6, 8, 10, 12, 1, 2, 3, 4, 5, 6}))
      .RunEverywhere();
  OpCase("MatrixTriangularSolve").In(F32({{0}})).In(F32({{1}})).Out(F32({{kInf}})).RunEverywhere();
  OpCase("MatrixTriangularSolve")
      .In(F32(Shape({2, 1, 1}), {1}))
      .In(F32(Shape({3, 1, 1}), {1}))
      .ExpectRunError(Code::kInvalidArgument, "compatible batch dimensions");
}

// r's diagonal must keep away from 0.
TEST(Qr, Gradient) {
  CheckGradient("Qr", {kTall});
  CheckGradient("Qr", {Drawn<double>(Shape({3, 3}), 5)});
  CheckGradient("Qr", {Drawn<double>(Shape({2, 4}), 6)});
  CheckGradient("Qr", {Drawn<double>(Shape({2, 3, 2}), 7)}, FirstOrderOnly());
  CheckGradient("Qr", {Drawn<double>(Shape({2, 2, 3}), 8)}, FirstOrderOnly());
  CheckGradient("Qr", {Drawn<double>(Shape({3, 3}), 9)}, {}, {{"full_matrices", true}});
  CheckGradient("Qr", {Drawn<complex128>(Shape({4, 3}), 10)},
                AsDtype(kComplex128).FirstOrderOnly());
  CheckGradient("Qr", {Drawn<complex128>(Shape({2, 3}), 11)},
                AsDtype(kComplex128).FirstOrderOnly());
}

TEST(Qr, GradientThatDoesNotExist) {
  const Graph graph;
  const GraphScope use(graph);
  const Tensor a = ConstantOf(kTall), loose = PlaceholderOf(kFloat64);
  const QrFactors full = Qr(a, {.full_matrices = true});
  EXPECT_THROW(Gradients({full.r}, {a}), UnimplementedError);
  EXPECT_THROW(Gradients({Qr(loose).r}, {loose}), UnimplementedError);
}

TEST(MatrixSolve, Gradient) {
  const Array a = Drawn<double>(Shape({2, 3, 3}), 12);
  for (bool adjoint : {false, true}) {
    CheckGradient("MatrixSolve", {a, {2, 3, 2}}, {}, {{"adjoint", adjoint}});
    CheckGradient("MatrixInverse", {a}, {}, {{"adjoint", adjoint}});
    CheckGradient("MatrixInverse", {Drawn<complex128>(Shape({3, 3}), 13)},
                  AsDtype(kComplex128).FirstOrderOnly(), {{"adjoint", adjoint}});
  }
}

TEST(MatrixTriangularSolve, Gradient) {
  const Array a = F64({{2, .3, .2}, {.5, -1.5, .4}, {.7, -.6, 1.7}});
  for (bool lower : {false, true}) {
    for (bool adjoint : {false, true}) {
      const AttrMap attrs = {{"lower", lower}, {"adjoint", adjoint}};
      CheckGradient("MatrixTriangularSolve", {a, {3, 2}}, {}, attrs);
      // One matrix for two right sides.
      CheckGradient("MatrixTriangularSolve", {a, {2, 3, 2}}, FirstOrderOnly(), attrs);
    }
  }
}

// Of a a^H + 2 I, which is positive definite for any a.
TEST(Cholesky, Gradient) {
  const auto f = [](const std::vector<Tensor>& x) {
    const Array twice =
        x[0].dtype() == kFloat64
            ? F64({{2, 0}, {0, 2}})
            : C128({{complex128(2), complex128(0)}, {complex128(0), complex128(2)}});
    const absl::StatusOr<Operation> a =
        AddNode("AddV2", {Product(x[0], x[0], false, true), ConstantOf(twice)});
    EXPECT_TRUE(a.ok()) << a.status();
    return std::vector<Tensor>{Cholesky(a->output(0))};
  };
  CheckGradientOf(f, {{2, 2}});
  CheckGradientOf(f, {{3, 2, 2}}, FirstOrderOnly());
  CheckGradientOf(f, {{2, 2}}, AsDtype(kComplex128).FirstOrderOnly());
}

TEST(Linalg, AnyNumberOfThreads) {
  const Array a = Drawn<float>(Shape({20, 50, 50}), 14);
  ConfigProto one, four;
  one.intra_op_parallelism_threads = 1;
  four.intra_op_parallelism_threads = 4;
  for (const char* op : {"Qr", "MatrixInverse"})
    EXPECT_TRUE(ArraysNear(FirstRun(op, {a}, {}, one), FirstRun(op, {a}, {}, four), {})) << op;
}

TEST(Linalg, Functions) {
  const Graph graph;
  const GraphScope use(graph);
  const Tensor a = PlaceholderOf(kFloat32), b = PlaceholderOf(kFloat32);
  Qr(a);
  Cholesky(a);
  MatrixInverse(a, {.adjoint = true});
  MatrixSolve(a, b);
  MatrixTriangularSolve(a, b, {.lower = false});
  EXPECT_THAT(NodeLines(graph),
              testing::ElementsAre(
                  "Placeholder Placeholder()", "Placeholder Placeholder_1()", "Qr Qr(Placeholder)",
                  "Cholesky Cholesky(Placeholder)", "MatrixInverse MatrixInverse(Placeholder)",
                  "MatrixSolve MatrixSolve(Placeholder, Placeholder_1)",
                  "MatrixTriangularSolve triangular_solve/MatrixTriangularSolve(Placeholder, "
                  "Placeholder_1)"));
}

}  // namespace
}  // namespace weft
