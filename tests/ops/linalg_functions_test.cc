// SPDX-License-Identifier: Apache-2.0
// The rest of tf.linalg: the nodes are TensorFlow's (tests/support/make_linalg_golden.py), values
// by formulas or TensorFlow's own.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <complex>
#include <limits>
#include <vector>

#include "tests/support/arrays.h"
#include "tests/support/errors.h"
#include "tests/support/gradient_case.h"
#include "tests/support/graph_golden.h"
#include "tests/support/op_case.h"
#include "weft/ops/linalg_functions.h"
#include "weft/weft.h"

namespace weft {
namespace {

using testing::HasSubstr;

constexpr double kInfinite = std::numeric_limits<double>::infinity();

class LinalgFunctions : public testing::Test {
 protected:
  void Expect(const std::string& section, const std::function<void()>& build,
              std::source_location where = std::source_location::current()) {
    golden_.Expect(section, build, where);
  }
  static Tensor X(const PartialShape& shape, DataType dtype = kFloat32) {
    return Placeholder(dtype, shape, "x");
  }
  void Near(const Tensor& t, const Array& want, double tolerance = 1e-12) {
    EXPECT_TRUE(ArraysNear(Session(graph_).Run(t), want, {tolerance, tolerance}));
  }

  GoldenGraphs golden_{"tests/ops/data/linalg.golden"};
  Graph graph_;
  GraphScope scope_{graph_};
};

const PartialShape kAnything = PartialShape::Unknown();

// ---- Nodes
// ---------------------------------------------------------------------------------------------------

TEST_F(LinalgFunctions, NodesOfTransposesAndTraces) {
  Expect("adjoints", [] {
    linalg::Adjoint(X({2, 3}, kComplex64));
    linalg::Adjoint(X({4, 2, 3}), "turned");
    linalg::MatrixTranspose(X({2, 3, 4}));
    linalg::MatrixTranspose(X(kAnything), {.conjugate = true, .name = "any"});
  });
  Expect("traces", [] {
    linalg::Trace(X({3, 3}));
    linalg::Trace(X({2, 3, 3}), "sums");
  });
}

TEST_F(LinalgFunctions, NodesOfSolutions) {
  Expect("solutions", [] {
    const Tensor chol = X({3, 3}), rhs = X({3, 2});
    linalg::CholeskySolve(chol, rhs);
    const Tensor bands = X({2, 4}), right = X({4, 1});
    linalg::BandedTriangularSolve(bands, right, {.lower = false, .adjoint = true});
    linalg::Eig(X({3, 3}));
    linalg::Eigvals(X({2, 3, 3}, kComplex128), "values");
    linalg::Logm(X({2, 2}, kComplex64));
  });
  Expect("least_squares", [] {
    const auto solve = [](const PartialShape& a, const PartialShape& b, DataType dtype,
                          const linalg::LstsqOptions& options) {
      const Tensor matrix = X(a, dtype), rhs = X(b, dtype);
      linalg::Lstsq(matrix, rhs, options);
    };
    solve({4, 3}, {4, 2}, kFloat32, {});
    solve({3, 4}, {3, 2}, kFloat64, {.l2_regularizer = 0.5});
    solve({2, 4, 3}, {2, 4, 2}, kFloat32, {.l2_regularizer = 0.5});
    solve({4, 3}, {4, 2}, kFloat32, {.fast = false, .name = "slow"});
  });
  Expect("least_squares_of_unknown_shape", [] {
    const Tensor matrix = X({-1, 3}), rhs = X({-1, 2});
    linalg::Lstsq(matrix, rhs);
  });
}

TEST_F(LinalgFunctions, NodesOfRanks) {
  Expect("ranks_and_pseudo_inverses", [] {
    linalg::MatrixRank(X({4, 3}));
    linalg::MatrixRank(X({2, 4, 3}), {.tol = 0.5});
    linalg::Pinv(X({4, 3}));
    linalg::Pinv(X({2, 3, 4}, kFloat64), {.rcond = 0.1});
  });
  Expect("ranks_of_unknown_shape", [] {
    linalg::MatrixRank(X({-1, 3}));
    linalg::Pinv(X({-1, 3}));
  });
}

TEST_F(LinalgFunctions, NodesOfNorms) {
  Expect("norms", [] {
    const Tensor x = X({2, 3});
    linalg::Norm(x);
    linalg::Norm(x, {.axis = {1}});
    linalg::Norm(x, {.ord = 1});
    linalg::Norm(x, {.ord = kInfinite, .axis = {0}});
    linalg::Norm(x, {.ord = 3, .axis = {-1}, .keepdims = true});
    linalg::Norm(X({2, 3}, kComplex64), {.axis = {1}});
  });
  Expect("norms_of_matrices", [] {
    const Tensor x = X({4, 2, 3});
    linalg::Norm(x, {.axis = {1, 2}});
    linalg::Norm(x, {.ord = 1, .axis = {-2, -1}});
    linalg::Norm(x, {.ord = kInfinite, .axis = {-2, -1}});
  });
  Expect("normalised", [] {
    linalg::Normalize(X({2, 3}), {.axis = {1}});
    linalg::Normalize(X({2, 3}, kComplex64), {.ord = 1, .name = "of_sum_one"});
  });
}

TEST_F(LinalgFunctions, NodesOfFactors) {
  const auto operands = [](const PartialShape& lu, const PartialShape& p) {
    const Tensor packed = X(lu), order = X(p, kInt32);
    return std::pair{packed, order};
  };
  Expect("lu", [&] {
    const auto [lu, p] = operands({3, 3}, {3});
    const Tensor rhs = X({3, 2});
    linalg::LuSolve(lu, p, rhs);
    const auto [other, order] = operands({3, 3}, {3});
    linalg::LuReconstruct(other, order);
  });
  Expect("lu_inverse", [&] {
    const auto [lu, p] = operands({3, 3}, {3});
    linalg::LuMatrixInverse(lu, p);
  });
  Expect("lu_of_stacks", [&] {
    const auto [lu, p] = operands({4, 3, 3}, {4, 3});
    const Tensor rhs = X({4, 3, 2});
    linalg::LuSolve(lu, p, rhs);
  });
}

TEST_F(LinalgFunctions, NodesOfTridiagonals) {
  Expect("tridiagonal", [] {
    const Tensor compact = X({3, 4}), rhs = X({4, 2});
    linalg::TridiagonalMatmul(compact, rhs);
    const Tensor super = X({4}), main = X({4}), sub = X({4}), right = X({4, 2});
    linalg::TridiagonalMatmul(linalg::Tridiagonals{super, main, sub}, right);
    const Tensor matrix = X({4, 4}), last = X({4, 2});
    linalg::TridiagonalMatmul(linalg::CompactTridiagonals(matrix), last);
  });
  Expect("tridiagonal_solutions", [] {
    const Tensor compact = X({3, 4}), rhs = X({4});
    linalg::TridiagonalSolve(compact, rhs);
    const Tensor other = X({3, 4}), turned = X({2, 4});
    linalg::TridiagonalSolve(other, linalg::MatrixTranspose(turned), {.partial_pivoting = false});
    const Tensor super = X({3}), main = X({4}), sub = X({3}), right = X({4, 2});
    linalg::TridiagonalSolve(linalg::Tridiagonals{super, main, sub}, right);
    const Tensor matrix = X({4, 4}), last = X({4, 1});
    linalg::TridiagonalSolve(linalg::CompactTridiagonals(matrix), last);
  });
}

TEST_F(LinalgFunctions, NodesOfTheExponential) {
  Expect("exponential", [] { linalg::Expm(X({2, 2})); });
}

// ---- Values
// ---------------------------------------------------------------------------------------------------

TEST_F(LinalgFunctions, Norms) {
  const Array x = F64({{3, -4, 0}, {0, 12, 5}});
  Near(linalg::Norm(x), F64(std::sqrt(194.)));
  Near(linalg::Norm(x, {.axis = {1}}), F64({5, 13}));
  Near(linalg::Norm(x, {.ord = 1, .axis = {1}}), F64({7, 17}));
  Near(linalg::Norm(x, {.ord = kInfinite, .axis = {0}, .keepdims = true}), F64({{3, 12, 5}}));
  Near(linalg::Norm(x, {.ord = 1, .axis = {0, 1}}), F64(16));
  Near(linalg::Norm(x, {.ord = kInfinite, .axis = {0, 1}}), F64(17));
  Near(linalg::Norm(x, {.ord = 3, .axis = {-1}}), F64({std::cbrt(91.), std::cbrt(1853.)}));
  // The eigenvalues of x x^T = [[25, -48], [-48, 169]].
  const double largest = std::sqrt(97 + std::sqrt(72. * 72 + 48 * 48));
  Near(linalg::Norm(x, {.ord = 2, .axis = {0, 1}}), F64(largest));
  Near(linalg::Norm(F64(Shape({1, 3, 2}), {3, 0, 0, 0, -4, 0}),
                    {.ord = 2, .axis = {2, 0}, .keepdims = true}),
       F64(Shape({1, 3, 1}), {3, 0, 4}));
  const auto [unit, norm] = linalg::Normalize(x, {.axis = {1}});
  Near(unit, F64({{0.6, -0.8, 0}, {0, 12. / 13, 5. / 13}}));
  Near(norm, F64({{5}, {13}}));
}

TEST_F(LinalgFunctions, RanksAndPseudoInverses) {
  const Array one = F64({{1, 2}, {2, 4}, {3, 6}}), two = F64({{1, 0}, {0, 2}, {0, 0}});
  Near(linalg::MatrixRank(one), I32(1));
  Near(linalg::MatrixRank(Stack({one, two})), I32({1, 2}));
  Near(linalg::MatrixRank(two, {.tol = 1.5}), I32(1));
  Near(linalg::Pinv(one), F64({{1. / 70, 2. / 70, 3. / 70}, {2. / 70, 4. / 70, 6. / 70}}));
  Near(linalg::Pinv(two), F64({{1, 0, 0}, {0, 0.5, 0}}));
  const Tensor fed = PlaceholderOf(kFloat64);
  EXPECT_TRUE(ArraysNear(Session(graph_).Run(linalg::Pinv(fed), {{fed, two}}),
                         F64({{1, 0, 0}, {0, 0.5, 0}}), {1e-12, 1e-12}));
}

TEST_F(LinalgFunctions, Solutions) {
  const Array a = F64({{4, 2}, {2, 5}}), b = F64({{8}, {9}});
  Near(linalg::CholeskySolve(linalg::Cholesky(a), b), F64({{1.375}, {1.25}}));
  const Array tall = F64({{1, 0}, {1, 1}, {1, 2}});
  Near(linalg::Lstsq(tall, F64({{1}, {3}, {5}})), F64({{1}, {2}}), 1e-10);
  Near(linalg::Lstsq(F64({{1, 1}}), F64({{4}})), F64({{2}, {2}}), 1e-10);
  Near(linalg::Lstsq(F64({{1, 1}}), F64({{4}}), {.l2_regularizer = 2}), F64({{1}, {1}}), 1e-10);
  const Tensor fed = PlaceholderOf(kFloat64, {-1, -1});
  const Tensor x = linalg::Lstsq(fed, F64({{1}, {3}, {5}}));
  EXPECT_TRUE(ArraysNear(Session(graph_).Run(x, {{fed, tall}}), F64({{1}, {2}}), {1e-10, 1e-10}));
}

TEST_F(LinalgFunctions, Factors) {
  const Array a = F64(Shape({2, 2, 2}), {0, 2, 3, 4, 5, 1, 1, 2});
  const LuFactors f = linalg::Lu(a);
  Near(linalg::LuReconstruct(f.lu, f.p), a);
  const Tensor x = linalg::LuSolve(f.lu, f.p, F64(Shape({2, 2, 1}), {2, 7, 6, 3}));
  Near(x, F64(Shape({2, 2, 1}), {1, 1, 1, 1}));
  Near(linalg::Matmul(linalg::LuMatrixInverse(f.lu, f.p), a),
       F64(Shape({2, 2, 2}), {1, 0, 0, 1, 1, 0, 0, 1}));
  const LuFactors one = linalg::Lu(F64({{0, 2}, {3, 4}}));
  Near(linalg::LuReconstruct(one.lu, one.p), F64({{0, 2}, {3, 4}}));
  Near(linalg::LuSolve(one.lu, one.p, F64({{2}, {7}})), F64({{1}, {1}}));
}

TEST_F(LinalgFunctions, Tridiagonals) {
  const Array a = F64({{2, 1, 0}, {3, 4, 1}, {0, 1, 2}});
  const Tensor compact = linalg::CompactTridiagonals(a);
  Near(compact, F64({{1, 1, 0}, {2, 4, 2}, {0, 3, 1}}));
  const Array product = F64({{4}, {14}, {8}});
  Near(linalg::TridiagonalMatmul(compact, F64({{1}, {2}, {3}})), product);
  Near(linalg::TridiagonalSolve(compact, product), F64({{1}, {2}, {3}}));
  Near(linalg::TridiagonalSolve(compact, F64({4, 14, 8})), F64({1, 2, 3}));
  const linalg::Tridiagonals parts{F64({1, 1}), F64({2, 4, 2}), F64({3, 1})};
  Near(linalg::TridiagonalSolve(parts, product), F64({{1}, {2}, {3}}));
}

TEST_F(LinalgFunctions, Exponential) {
  const double e = std::exp(1.);
  for (const double scale : {1e-3, 0.2, 0.9, 2., 5.}) {
    // exp([[0, s], [-s, 0]]) is a rotation.
    const Array a = Array::FromVector(std::vector<double>{0, scale, -scale, 0}, Shape({2, 2}));
    const double c = std::cos(scale), s = std::sin(scale);
    Near(linalg::Expm(a), Array::FromVector(std::vector<double>{c, s, -s, c}, Shape({2, 2})));
  }
  // TensorFlow's values, whose graph squares once less than would be exact.
  Near(linalg::Expm(F64(Shape({2, 2, 2}), {1, 1, 0, 1, 0, 0, 0, 40})),
       F64(Shape({2, 2, 2}), {e, e, 0, e, 1, 0, 0, 2.3538528759467485e+17}));
  const double c = 0.1542514498788824, s = 0.9880316240942204;
  Near(linalg::Expm(F64({{0, 30}, {-30, 0}})), F64({{c, -s}, {s, c}}));
  const Tensor fed = PlaceholderOf(kFloat32);
  EXPECT_TRUE(ArraysNear(Session(graph_).Run(linalg::Expm(fed), {{fed, F32({{1, 1}, {0, 1}})}}),
                         F32({{2.7182817f, 2.7182817f}, {0, 2.7182817f}}), {1e-5, 1e-5}));
  EXPECT_TRUE(std::isnan(Session(graph_).Run(linalg::Expm(F64({{kInfinite}}))).AsDouble(0)));
}

TEST(Expm, Gradient) {
  const auto expm = [](const std::vector<Tensor>& x) {
    return std::vector<Tensor>{linalg::Expm(x[0])};
  };
  for (const double size : {0.1, 1., 8.})
    CheckGradientOf(expm, {GradientInput::Between(-size, size, {2, 2})}, FirstOrderOnly());
}

TEST_F(LinalgFunctions, Misuse) {
  using test::MessageOf;
  const Array x = F64({{1, 2}, {3, 4}});
  EXPECT_THAT(MessageOf([&] { linalg::Norm(x, {.ord = -1}); }), HasSubstr("vector norm"));
  EXPECT_THAT(MessageOf([&] {
                linalg::Norm(x, {.ord = 3, .axis = {0, 1}});
              }),
              HasSubstr("matrix norm"));
  EXPECT_THAT(MessageOf([&] { linalg::Norm(x, {.axis = {0, 0}}); }), HasSubstr("'axis'"));
  EXPECT_THAT(MessageOf([&] { linalg::Pinv(C64({{complex64(1, 0)}})); }),
              HasSubstr("`float`-like"));
  EXPECT_THAT(MessageOf([&] {
                linalg::LuSolve(x, I32({{0, 1}}), x);
              }),
              HasSubstr("`rank(perm) + 1`"));
  EXPECT_THAT(MessageOf<UnimplementedError>([&] {
                linalg::Lstsq(C128({{complex128(1, 0)}}), C128({{complex128(1, 0)}}),
                              {.l2_regularizer = 1});
              }),
              HasSubstr("complex128"));
  EXPECT_THAT(MessageOf([&] { linalg::Expm(I32({{1}})); }), HasSubstr("int32"));
  EXPECT_THAT(MessageOf([&] { linalg::MatrixTranspose(F64({1})); }), HasSubstr("rank >= 2"));
}

// ---- Ops
// ---------------------------------------------------------------------------------------------------

TEST(MatrixLogarithm, Values) {
  const double pi = std::acos(-1.);
  const auto check = [](const Array& a, const Array& want) {
    OpCase("MatrixLogarithm").In(a).Out(want).Within(1e-13, 1e-13).RunEverywhere();
  };
  const auto real = [](std::initializer_list<double> values, int64_t n) {
    std::vector<complex128> all(values.begin(), values.end());
    return Array::FromVector(all, Shape({n, n}));
  };
  check(real({1, 2, 0, 0, 1, 3, 0, 0, 1}, 3), real({0, 2, -3, 0, 0, 3, 0, 0, 0}, 3));
  check(real({0, 1, -1, 0}, 2), real({0, pi / 2, -pi / 2, 0}, 2));
  check(real({-1, 0, 0, -1}, 2), C128(Shape({2, 2}), {complex128(0, pi), complex128(0, 0),
                                                      complex128(0, 0), complex128(0, pi)}));
  check(real({1e100, 0, 0, 1e-100}, 2), real({std::log(1e100), 0, 0, std::log(1e-100)}, 2));
  // Two by two in a stack; TensorFlow's values.
  check(
      C128(Shape({2, 1, 1}), {complex128(1, 1), complex128(2, 0)}),
      C128(Shape({2, 1, 1}), {complex128(std::log(2.) / 2, pi / 4), complex128(std::log(2.), 0)}));
  const complex64 nan(kNaN, kNaN);
  OpCase("MatrixLogarithm")
      .In(C64(Shape({2, 2}), {complex64(1, 0), complex64(1, 0), complex64(0, 0), complex64(0, 0)}))
      .Out(C64(Shape({2, 2}), {nan, nan, nan, nan}))
      .RunEverywhere();
  OpCase("MatrixLogarithm")
      .In(Array(kComplex64, Shape({0, 2, 2})))
      .Out(Array(kComplex64, Shape({0, 2, 2})))
      .RunEverywhere();
  OpCase("MatrixLogarithm")
      .In(C64(Shape({1, 2}), {complex64(1, 0), complex64(1, 0)}))
      .ExpectRunError(Code::kInvalidArgument, "must be square");
  ExpectShape("MatrixLogarithm", {"complex64[?,3,?]"}, "[?,3,3]");
}

// exp(log(a)) = a.
TEST_F(LinalgFunctions, LogarithmUndoesTheExponential) {
  const Array a = C128(Shape({3, 3}), {complex128(4, 1), complex128(-2, 0), complex128(0, 3),
                                       complex128(1, 1), complex128(3, -2), complex128(1, 0),
                                       complex128(0, -1), complex128(2, 2), complex128(5, 0)});
  Near(linalg::Expm(linalg::Logm(a)), a, 1e-11);
}

TEST(CholeskyGrad, Values) {
  // TensorFlow's values; the upper triangles are not looked at.
  OpCase("CholeskyGrad")
      .In(F64({{2, 5, 9}, {1, 3, 9}, {0.5, -1, 2}}))
      .In(F64({{1, 7, 3}, {2, 3, 4}, {1, 5, 2}}))
      .Out(F64({{0.4270833333333333, -1. / 6, -0.375}, {-1. / 6, 5. / 6, 1}, {-0.375, 1, 0.5}}))
      .Within(1e-12, 1e-12)
      .RunEverywhere();
  OpCase("CholeskyGrad")
      .In(F32({{1, 0}, {0, 1}}))
      .In(F32({{1}}))
      .ExpectRunError(Code::kInvalidArgument, "must have the same shape");
}

}  // namespace
}  // namespace weft
