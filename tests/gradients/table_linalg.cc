// SPDX-License-Identifier: Apache-2.0
#include "tests/gradients/gradient_table.h"

namespace weft {
namespace {

Tensor Matmul(Tensor a, Tensor b, bool adjoint_b = false) {
  return N("BatchMatMulV2", {a, b}, {{"adj_y", adjoint_b}});
}
Tensor Transposed(Tensor a) { return N("Transpose", {a, ConstantOf(I32({1, 0}))}); }

// x x^T + 1, symmetric and positive definite, from any 3x3 matrix x.
Tensor Positive(Tensor x) {
  const Tensor one = ConstantOf(F64({{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}));
  return N("AddV2", {Matmul(x, x, true), one});
}
// Its values well apart, so that eigenvalues are.
Array Apart() { return F64({{1, 0.2, -0.3}, {0.1, 2, 0.4}, {0.3, -0.2, 3.5}}); }

GradientTable Products() {
  GradientTable table;
  for (const bool a : {false, true}) {
    for (const bool b : {false, true}) {
      const Shape x = a ? Shape({3, 2}) : Shape({2, 3}), y = b ? Shape({4, 3}) : Shape({3, 4});
      const Shape xs = a ? Shape({2, 1, 3, 2}) : Shape({2, 1, 2, 3});
      const Shape ys = b ? Shape({3, 4, 3}) : Shape({3, 3, 4});
      const Shape same = b ? Shape({2, 1, 4, 3}) : Shape({2, 1, 3, 4});
      table.push_back(Check("MatMul", {x, y}, {}, {{"transpose_a", a}, {"transpose_b", b}}));
      const AttrMap adjoint = {{"adj_x", a}, {"adj_y", b}};
      table.push_back(Check("BatchMatMul", {xs, same}, {}, adjoint));
      table.push_back(Check("BatchMatMulV2", {xs, ys}, {}, adjoint));
      AttrMap v3 = adjoint;
      v3["Tout"] = kFloat64;
      table.push_back(Check("BatchMatMulV3", {xs, ys}, {}, v3));
      table.push_back(Check("SparseMatMul", {x, y}, AsDtype(kFloat32),
                            {{"transpose_a", a}, {"transpose_b", b}}));
    }
  }
  table.push_back(
      Check("MatMul", {{2, 3}, {3, 2}}, AsDtype(kComplex128), {{"transpose_a", false}}));
  table.push_back(
      Check("BatchMatMulV2", {{3, 2}, {3, 2}}, AsDtype(kComplex128), {{"adj_x", true}}));
  const auto einsum = [&](const char* equation, std::vector<GradientInput> inputs) {
    table.push_back(Check("Einsum", std::move(inputs), {}, {{"equation", equation}}));
  };
  einsum("ij,jk->ik", {{2, 3}, {3, 2}});
  einsum("bij,bkj->bik", {{2, 2, 3}, {2, 2, 3}});
  einsum("ij->j", {{2, 3}});
  einsum("ii->i", {{3, 3}});
  einsum("...i,i->...", {{2, 3}, {3}});
  return table;
}

GradientTable Solvers() {
  const GradientInput a = Apart();
  const GradientInput lower = F64({{2, 0, 0}, {0.5, 1, 0}, {-0.3, 0.4, 1.5}});
  return {
      Check("MatrixDeterminant", {a}),
      Check("LogMatrixDeterminant", {a}, GradientCheck().Outputs({1})),
      Check("MatrixInverse", {a}),
      Check("MatrixInverse", {a}, {}, {{"adjoint", true}}),
      Check("MatrixSolve", {a, {3, 2}}),
      Check("MatrixSolve", {a, {3, 2}}, {}, {{"adjoint", true}}),
      Check("MatrixSolveLs", {{4, 2}, {4, 1}, GradientInput::Fixed(F64(0.1))}, FirstOrderOnly(),
            {{"fast", true}}),
      Check("MatrixSquareRoot", {F64({{4, 1}, {0.5, 9}})}, FirstOrderOnly()),
      Check("MatrixTriangularSolve", {lower, {3, 2}}),
      Check("MatrixTriangularSolve", {lower, {3, 2}}, {}, {{"adjoint", true}}),
      Check("MatrixSolveLs", {{2, 4}, {2, 3}, GradientInput::Fixed(F64(0.1))}, FirstOrderOnly(),
            {{"fast", true}}),
      Check("BandedTriangularSolve", {F64({{2, 1, 1.5}, {0, 0.5, 0.4}}), {3, 2}}, FirstOrderOnly()),
      Check("BandedTriangularSolve", {F64({{2, 1, 1.5}, {0, 0.5, 0.4}}), {2, 3, 1}},
            FirstOrderOnly(), {{"adjoint", true}}),
      Check("BandedTriangularSolve", {F64({{0.5, 0.4, 0}, {2, 1, 1.5}}), {3, 2}}, FirstOrderOnly(),
            {{"lower", false}}),
      Check("BandedTriangularSolve", {F64({{2, 1, 1.5}}), {3, 2}}, FirstOrderOnly()),
      Check("TridiagonalSolve", {F64({{0.1, 0.2, 0}, {2, 3, 4}, {0, 0.3, 0.4}}), {3, 2}},
            FirstOrderOnly()),
      Check("TridiagonalMatMul",
            {F64({{0.1, 0.2, 0}}), F64({{2, 3, 4}}), F64({{0, 0.3, 0.4}}), {3, 2}},
            FirstOrderOnly()),
  };
}

GradientTable Decompositions() {
  return {
      // Of a general matrix these read one half, so the rule speaks of symmetric ones only.
      CheckWithin(
          "Cholesky",
          [](const auto& x) { return std::vector<Tensor>{N("Cholesky", {Positive(x[0])})}; },
          {{3, 3}}),
      Check("Lu", {Apart()}, FirstOrderOnly()),
      CheckWithin(
          "SelfAdjointEigV2",
          [](const auto& x) {
            const Tensor e = N("SelfAdjointEigV2", {Positive(x[0])}, {{"compute_v", true}});
            // The sign of an eigenvector is free; its products with itself are not.
            const Tensor v = e.op().output(1);
            return std::vector<Tensor>{e, N("Mul", {v, v})};
          },
          {Apart()}, FirstOrderOnly()),
      CheckWithin(
          "Qr",
          [](const auto& x) {
            return N("Qr", {x[0]}, {{"full_matrices", false}}).op().outputs();
          },
          {F64({{1, 0.2, -0.3}, {0.1, 2, 0.4}, {0.3, -0.2, 3.5}, {0.5, 0.1, 0.2}})},
          FirstOrderOnly()),
      CheckWithin(
          "Svd",
          [](const auto& x) {
            const auto s =
                N("Svd", {x[0]}, {{"compute_uv", true}, {"full_matrices", false}}).op().outputs();
            return std::vector<Tensor>{s[0], Matmul(s[1], Transposed(s[2])),
                                       N("Mul", {s[1], s[1]})};
          },
          {Apart()}, FirstOrderOnly()),
      // The phase of an eigenvector is free; the absolute values of its elements are not.
      CheckWithin(
          "Eig",
          [](const auto& x) {
            const auto both =
                N("Eig", {x[0]}, {{"compute_v", true}, {"Tout", kComplex128}}).op().outputs();
            return std::vector<Tensor>{N("Real", {both[0]}, {{"Tout", kFloat64}}),
                                       N("ComplexAbs", {both[1]}, {{"Tout", kFloat64}})};
          },
          {Apart()}, FirstOrderOnly()),
      CheckWithin(
          "Eig",
          [](const auto& x) {
            const Tensor e = N("Eig", {x[0]}, {{"compute_v", false}, {"Tout", kComplex128}});
            return std::vector<Tensor>{N("Imag", {e}, {{"Tout", kFloat64}})};
          },
          {F64({{1, 2}, {-3, 4}})}, FirstOrderOnly()),
  };
}

GradientTable Transforms() {
  GradientTable table;
  for (const char* op : {"FFT", "IFFT"}) table.push_back(Check(op, {{2, 3}}, AsDtype(kComplex128)));
  for (const char* op : {"FFT2D", "IFFT2D"})
    table.push_back(Check(op, {{2, 3}}, AsDtype(kComplex128)));
  for (const char* op : {"FFT3D", "IFFT3D"})
    table.push_back(Check(op, {{2, 2, 3}}, AsDtype(kComplex128)));
  // Both parities of the length: the frequency in the middle has no twin if it is even.
  for (const int n : {4, 5}) {
    const Array length = I32({n}), lengths = I32({3, n});
    const AttrMap to_complex = {{"Tcomplex", kComplex128}}, to_real = {{"Treal", kFloat64}};
    table.push_back(Check("RFFT", {{2, n}, length}, {}, to_complex));
    table.push_back(Check("RFFT2D", {{3, n}, lengths}, {}, to_complex));
    const Array three = I32({2, 3, n});
    table.push_back(Check("RFFT3D", {{2, 3, n}, three}, {}, to_complex));
    const int64_t half = n / 2 + 1;
    table.push_back(
        Check("IRFFT", {{2, half}, length}, AsDtype(kComplex128).FirstOrderOnly(), to_real));
    table.push_back(
        Check("IRFFT2D", {{3, half}, lengths}, AsDtype(kComplex128).FirstOrderOnly(), to_real));
    table.push_back(
        Check("IRFFT3D", {{2, 3, half}, three}, AsDtype(kComplex128).FirstOrderOnly(), to_real));
  }
  return table;
}

}  // namespace

GradientTable LinalgGradients() {
  GradientTable table = Products();
  for (GradientTable part : {Solvers(), Decompositions(), Transforms()})
    table.insert(table.end(), part.begin(), part.end());
  return table;
}

}  // namespace weft
