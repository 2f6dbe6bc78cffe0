// SPDX-License-Identifier: Apache-2.0
// Expected values: TensorFlow 2.15.1's, on a CPU.
#include "tests/support/op_case.h"

namespace weft {
namespace {

Array Tall() { return F64({{1, 2}, {3, 4}, {5, 7}}); }
Array Sides() { return F64({{1, 0}, {2, 1}, {3, 5}}); }

TEST(MatrixSolveLs, NormalEquations) {
  OpCase("MatrixSolveLs")
      .In(Tall())
      .In(Sides())
      .In(F64(0.5))
      .Out(F64(
          {{0.15094339622641173, 0.5283018867924522}, {0.33962264150943633, 0.18867924528301933}}))
      .RunEverywhere();
  OpCase("MatrixSolveLs")
      .In(F64({{1, 3, 5}, {2, 4, 7}}))
      .In(F64({{1, 0}, {2, 1}}))
      .In(F64(0.1))
      .Out(F64({{0.5530520278574367, 0.8684965178205677},
                {-0.07783695206882513, -0.27038099139696925},
                {0.15977058582548143, 0.028676771814831525}}))
      .RunEverywhere();
}

TEST(MatrixSolveLs, LeastNorm) {
  OpCase("MatrixSolveLs")
      .In(Tall())
      .In(Sides())
      .In(F64(0))
      .Attr("fast", false)
      .Out(F64({{-1. / 14, 1.5}, {0.5, -0.5}}))
      .RunEverywhere();
  // Of rank 1.
  OpCase("MatrixSolveLs")
      .In(F64({{1, 2}, {2, 4}, {3, 6}}))
      .In(Sides())
      .In(F64(0))
      .Attr("fast", false)
      .Out(F64({{0.2, 0.24285714285714288}, {0.4, 0.48571428571428577}}))
      .RunEverywhere();
  // (a^H a)^-1 a^H b for complex numbers.
  OpCase("MatrixSolveLs")
      .In(C128({{complex128(0, 1)}, {complex128(1, 0)}}))
      .In(C128({{complex128(1, 0)}, {complex128(0, 1)}}))
      .In(F64(0))
      .Attr("fast", false)
      .Out(C128({{complex128(0, 0)}}))
      .Within(0, 1e-12)
      .RunEverywhere();
}

TEST(MatrixSolveLs, BadInput) {
  const auto expect = [](const Array& a, const Array& b, const Array& regularizer,
                         const char* why) {
    OpCase("MatrixSolveLs").In(a).In(b).In(regularizer).ExpectRunError(Code::kInvalidArgument, why);
  };
  expect(F64({{1, 2}, {2, 4}, {3, 6}}), Sides(), F64(0), "rank deficient or ill-conditioned");
  expect(Tall(), F64({{1, 2}}), F64(0), "Input matrix and rhs are incompatible");
  expect(Tall(), Sides(), F64(-1), "l2_regularizer must be >= 0");
  expect(Tall(), Sides(), F64({1}), "l2_regularizer must be scalar");
  ExpectShape("MatrixSolveLs", {"[5,?,2]", "[?,3,4]", "[]"}, "[5,2,4]");
}

TEST(BandedTriangularSolve, Values) {
  const Array rhs = F64({{1, 2}, {3, 4}, {5, 6}, {7, 8}});
  const Array forward =
      F64({{0.5, 1}, {5. / 6, 1}, {0.7083333333333333, 0.75}, {0.6416666666666666, 0.75}});
  const Array backward =
      F64({{13. / 30, 0.8166666666666668}, {-1. / 15, 1. / 15}, {0.2, 0.3}, {1.4, 1.6}});
  // Elements beyond the matrix are not read.
  const Array lower = F64({{2, 3, 4, 5}, {kNaN, 1, 2, 3}, {kNaN, kNaN, 1, 2}}),
              upper = F64({{1, 2, kNaN, kNaN}, {1, 2, 3, kNaN}, {2, 3, 4, 5}});
  for (const bool is_lower : {true, false}) {
    for (const bool adjoint : {false, true}) {
      OpCase("BandedTriangularSolve")
          .In(is_lower ? lower : upper)
          .In(rhs)
          .Attr("lower", is_lower)
          .Attr("adjoint", adjoint)
          .Out(is_lower != adjoint ? forward : backward)
          .RunEverywhere();
    }
  }
}

TEST(BandedTriangularSolve, Broadcast) {
  OpCase("BandedTriangularSolve")
      .In(F32(Shape({2, 1, 1, 2}), {1, 2, 4, 5}))
      .In(F32(Shape({2, 2, 1}), {20, 40, 60, 80}))
      .Out(F32(Shape({2, 2, 2, 1}), {20, 20, 60, 40, 5, 8, 15, 16}))
      .RunEverywhere();
  OpCase("BandedTriangularSolve")
      .In(F32(Shape({0, 1}), {}))
      .In(F32({{1}}))
      .ExpectRunError(Code::kInvalidArgument, "In[0] must not be an empty tensor");
  OpCase("BandedTriangularSolve")
      .In(F32({{1, 2}}))
      .In(F32({{1}}))
      .ExpectRunError(Code::kInvalidArgument, "In[1] must have 2 rows");
}

TEST(Eig, Values) {
  OpCase("Eig")
      .In(F64({{3, 0}, {0, 3}}))
      .Attr("Tout", kComplex128)
      .Out(C128({complex128(3, 0), complex128(3, 0)}))
      .Out(C128({{complex128(1, 0), complex128(0, 0)}, {complex128(0, 0), complex128(1, 0)}}))
      .RunEverywhere();
  OpCase("Eig")
      .In(F32({{kNaN, 0}, {0, 3}}))
      .Attr("Tout", kComplex64)
      .ExpectRunError(Code::kInvalidArgument, "Eigen decomposition was not successful");
  ExpectShape("Eig", {"[4,?,3]"}, "[4,3];[4,3,3]", {{"Tout", kComplex64}});
  ExpectShape("Eig", {"[3,3]"}, "[3];[0]", {{"Tout", kComplex64}, {"compute_v", false}});
}

// a v = v diag(e), and columns of v have length 1.
TEST(Eig, IsADecomposition) {
  Graph graph;
  GraphScope scope(graph);
  const Array a = F64({{1, 2, -1, 0}, {-3, 4, 0.5, 2}, {0, 1, -2, 1}, {2, 0, 3, 1}});
  const absl::StatusOr<Operation> eig = AddNode("Eig", {ConstantOf(a)}, {{"Tout", kComplex128}});
  ASSERT_TRUE(eig.ok()) << eig.status();
  const std::vector<Array> got = Session(graph).Run({eig->output(0), eig->output(1)});
  const complex128 *e = got[0].data<complex128>(), *v = got[1].data<complex128>();
  for (int k = 0; k < 4; ++k) {
    double length = 0;
    for (int i = 0; i < 4; ++i) {
      complex128 product = 0;
      for (int j = 0; j < 4; ++j) product += a.data<double>()[4 * i + j] * v[4 * j + k];
      EXPECT_LT(std::abs(product - e[k] * v[4 * i + k]), 1e-12);
      length += std::norm(v[4 * i + k]);
    }
    EXPECT_NEAR(length, 1, 1e-12);
  }
}

}  // namespace
}  // namespace weft
