// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/arrays.h"
#include "weft/core/complex.h"
#include "weft/core/error.h"
#include "weft/ops/array.h"
#include "weft/ops/basic.h"
#include "weft/ops/linalg.h"
#include "weft/ops/matmul.h"
#include "weft/runtime/session.h"

namespace weft {
namespace {

class LinalgApi : public ::testing::Test {
 protected:
  // The result of the run is the array, but for rounding.
  void Expect(const Tensor& t, const Array& want) {
    EXPECT_TRUE(ArraysNear(session_.Run(t), want, {1e-10, 1e-10}));
  }
  Tensor Product(const Tensor& a, const Tensor& b) { return MatMul(a, b); }

  Graph graph_;
  GraphScope use_{graph_};
  Session session_{graph_};
};

TEST_F(LinalgApi, FactorsGiveTheMatrix) {
  const Array a = F64({{2, 1, 0}, {1, 3, 1}, {0, 1, 4}});
  const Tensor l = linalg::Cholesky(a);
  Expect(Product(l, Transpose(l)), a);
  const EigenPairs e = linalg::SelfAdjointEig(a);
  Expect(Product(Product(e.vectors, MatrixDiag(e.values)), Transpose(e.vectors)), a);
  Expect(SelfAdjointEigvals(a), session_.Run(e.values));
  const Array wide = F64({{1, 2, 3}, {0, 1, -1}});
  for (const bool full : {false, true}) {
    const SvdFactors f = linalg::Svd(wide, {.full_matrices = full});
    EXPECT_EQ(f.v.shape(), full ? PartialShape({3, 3}) : PartialShape({3, 2}));
    Expect(Product(Transpose(f.v), f.v), session_.Run(Eye(full ? 3 : 2, {.dtype = kFloat64})));
    if (full) continue;
    Expect(Product(Product(f.u, MatrixDiag(f.s)), Transpose(f.v)), wide);
    Expect(SingularValues(wide), session_.Run(f.s));
  }
  const Tensor root = linalg::Sqrtm(a);
  Expect(Product(root, root), a);
}

TEST_F(LinalgApi, ComplexFactors) {
  const Array a =
      Array::FromVector(std::vector<complex128>{{2, 0}, {1, 1}, {1, -1}, {3, 0}}, Shape({2, 2}));
  const EigenPairs e = SelfAdjointEig(a);
  Expect(e.values, Array::FromVector(std::vector<complex128>{{1, 0}, {4, 0}}));
  const Tensor adjoint = Transpose(e.vectors, TransposeOptions{.conjugate = true});
  Expect(Product(Product(e.vectors, MatrixDiag(e.values)), adjoint), a);
  const SvdFactors f = Svd(a);
  const Tensor v = Transpose(f.v, TransposeOptions{.conjugate = true});
  Expect(Product(Product(f.u, MatrixDiag(f.s)), v), a);
  const Tensor root = MatrixSquareRoot(a);
  Expect(Product(root, root), a);
}

TEST_F(LinalgApi, RootsThatAreNotReal) {
  // A turn by 90 degrees has a real root, a mirror has none.
  Expect(MatrixSquareRoot(F64({{0, -1}, {1, 0}})),
         F64({{std::sqrt(0.5), -std::sqrt(0.5)}, {std::sqrt(0.5), std::sqrt(0.5)}}));
  Expect(MatrixSquareRoot(F64({{-1, 0}, {0, 1}})), F64({{kNaN, kNaN}, {kNaN, kNaN}}));
  Expect(MatrixSquareRoot(F64({{0, 0}, {0, 0}})), F64({{0, 0}, {0, 0}}));
}

TEST_F(LinalgApi, NumbersThatAreNotFinite) {
  Expect(SingularValues(F64({{kNaN, 0}, {0, 1}})), F64({kNaN, kNaN}));
  Expect(MatrixSquareRoot(F64({{kInf}})), F64({{kNaN}}));
  EXPECT_THROW(session_.Run(SelfAdjointEigvals(F64({{kNaN, 0}, {0, 1}}))), Error);
}

TEST_F(LinalgApi, Determinants) {
  const Array a = F64({{2, 1}, {1, 3}});
  Expect(linalg::Det(a), F64(5));
  Expect(linalg::Slogdet(a).log_abs_determinant, F64(std::log(5.0)));
  Expect(linalg::Logdet(a), F64(std::log(5.0)));
  Expect(linalg::Inv(a), F64({{0.6, -0.2}, {-0.2, 0.4}}));
  Expect(linalg::Solve(a, F64({{3}, {4}})), F64({{1}, {1}}));
}

}  // namespace
}  // namespace weft
