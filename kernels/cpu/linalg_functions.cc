// SPDX-License-Identifier: Apache-2.0
// Functions of matrices, and ops that only old graphs have: MatrixLogarithm, MatrixExponential,
// SelfAdjointEig, CholeskyGrad.
#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <complex>
#include <limits>
#include <numbers>
#include <type_traits>
#include <vector>

#include "absl/functional/function_ref.h"
#include "kernels/cpu/gemm.h"
#include "kernels/cpu/lapack.h"
#include "kernels/cpu/linalg.h"
#include "kernels/cpu/lu.h"
#include "kernels/cpu/matrix_stack.h"
#include "weft/core/complex.h"

namespace weft {
namespace {

template <typename T>
using Matrix = std::vector<T>;  // [n, n], by rows

absl::StatusOr<MatrixStack> SquareInput(KernelContext& ctx) {
  WEFT_ASSIGN_OR_RETURN(const MatrixStack stack, SquareStackOf(ctx, 0));
  if (stack.rows <= cpu::kMaxLapackSize) return stack;
  return ctx.InvalidArgument(StrCat("Input matrix is too large: got shape ",
                                    ctx.input(0).shape().ToString(), ", its side may be ",
                                    cpu::kMaxLapackSize));
}

// Calls work(i) for each matrix of a stack; the error if one returns false.
absl::Status ForEachMatrix(KernelContext& ctx, const MatrixStack& stack, double cost,
                           std::string_view error, absl::FunctionRef<bool(int64_t)> work) {
  if (stack.rows == 0) return absl::OkStatus();
  std::atomic<bool> failed{false};
  ctx.ParallelFor(stack.count, cost, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end && !failed; ++i) {
      if (!work(i)) failed = true;
    }
  });
  return failed ? ctx.InvalidArgument(error) : absl::OkStatus();
}

template <typename T>
bool AllFinite(const T* values, int64_t count) {
  return std::all_of(values, values + count, [](const T& x) {
    return std::isfinite(std::real(x)) && std::isfinite(std::imag(x));
  });
}

// The largest sum of absolute values of a column, of a - shift * 1.
template <typename T>
double OneNorm(int64_t n, const Matrix<T>& a, double shift = 0) {
  std::vector<double> sums(static_cast<size_t>(n));
  for (int64_t i = 0; i < n * n; ++i) {
    const T x = i % (n + 1) == 0 ? a[i] - T(shift) : a[i];
    sums[static_cast<size_t>(i % n)] += std::abs(x);
  }
  return *std::max_element(sums.begin(), sums.end());
}

template <typename T>
Matrix<T> Times(int64_t n, const Matrix<T>& a, const Matrix<T>& b,
                cpu::MatrixOp op_a = cpu::MatrixOp::kNone,
                cpu::MatrixOp op_b = cpu::MatrixOp::kNone) {
  Matrix<T> c(a.size());
  if constexpr (std::is_floating_point_v<T>) {
    using cpu::MatrixOp;
    cpu::Gemm(op_a != MatrixOp::kNone, op_b != MatrixOp::kNone, n, n, n, a.data(), n, b.data(), n,
              c.data(), n, /*threads=*/1);
  } else {
    cpu::Gemm(op_a, op_b, n, n, n, a.data(), n, b.data(), n, c.data(), n, /*threads=*/1);
  }
  return c;
}

// ---- MatrixLogarithm: inverse scaling and squaring of Schur's form (Higham, Functions of
// Matrices, 2008, algorithm 11.9), computed in double ----

constexpr int kNodes = 7;  // the degree of the Pade approximant
// Within this 1-norm of t - 1 its error is below double's rounding (the same book, table 11.1).
constexpr double kNearOne = 0.264;
// So many roots bring any number of double close enough to 1.
constexpr int kMaxRoots = 100;

struct Quadrature {
  std::array<double, kNodes> nodes, weights;
};
// Gauss and Legendre's on [0, 1]: Newton's iteration for the roots of Legendre's polynomial.
Quadrature GaussLegendre() {
  Quadrature q{};
  for (int i = 0; i < kNodes; ++i) {
    double x = std::cos(std::numbers::pi * (i + 0.75) / (kNodes + 0.5)), slope = 1;
    for (int step = 0; step < 8; ++step) {
      double before = 1, p = x;
      for (int k = 2; k <= kNodes; ++k) {
        const double next = ((2 * k - 1) * x * p - (k - 1) * before) / k;
        before = p;
        p = next;
      }
      slope = kNodes * (x * p - before) / (x * x - 1);
      x -= p / slope;
    }
    q.nodes[i] = (1 + x) / 2;
    q.weights[i] = 1 / ((1 - x * x) * slope * slope);
  }
  return q;
}

// Triangular matrices below are stored by columns, as LAPACK has them: element (i, j) at j n + i.

// The principal root of upper triangular t, column by column (Bjorck and Hammarling, 1983).
Matrix<complex128> TriangularRoot(int64_t n, const Matrix<complex128>& t) {
  Matrix<complex128> r(t.size());
  for (int64_t j = 0; j < n; ++j) {
    r[j * n + j] = std::sqrt(t[j * n + j]);
    for (int64_t i = j - 1; i >= 0; --i) {
      complex128 rest = t[j * n + i];
      for (int64_t k = i + 1; k < j; ++k) rest -= r[k * n + i] * r[j * n + k];
      r[j * n + i] = rest == complex128(0) ? rest : rest / (r[i * n + i] + r[j * n + j]);
    }
  }
  return r;
}

// x = (1 + node * a)^-1 a, added times `weight` to *sum; a is upper triangular.
void AddFraction(int64_t n, const Matrix<complex128>& a, double node, double weight,
                 Matrix<complex128>* sum) {
  std::vector<complex128> x(static_cast<size_t>(n));
  for (int64_t j = 0; j < n; ++j) {
    for (int64_t i = j; i >= 0; --i) {
      complex128 rest = a[j * n + i];
      for (int64_t k = i + 1; k <= j; ++k) rest -= node * a[k * n + i] * x[k];
      x[i] = rest / (1.0 + node * a[i * n + i]);
      (*sum)[j * n + i] += weight * x[i];
    }
  }
}

// The principal logarithm of upper triangular t without a 0 on the diagonal, which it replaces.
void TriangularLogarithm(int64_t n, Matrix<complex128>* t) {
  static const Quadrature quadrature = GaussLegendre();
  std::vector<complex128> diagonal(static_cast<size_t>(n));
  for (int64_t i = 0; i < n; ++i) diagonal[i] = std::log((*t)[i * n + i]);
  int roots = 0;
  while (roots < kMaxRoots && OneNorm(n, *t, 1) > kNearOne) {
    *t = TriangularRoot(n, *t);
    ++roots;
  }
  for (int64_t i = 0; i < n; ++i) (*t)[i * n + i] -= 1.0;
  Matrix<complex128> sum(t->size());
  const double scale = std::ldexp(1.0, roots);
  for (int k = 0; k < kNodes; ++k) {
    AddFraction(n, *t, quadrature.nodes[k], scale * quadrature.weights[k], &sum);
  }
  for (int64_t i = 0; i < n; ++i) sum[i * n + i] = diagonal[i];
  *t = std::move(sum);
}

// NaN where there is none: of singular matrices, and of those with elements that aren't finite.
// False if Schur's form did not converge.
template <typename T>
bool LogarithmOf(const std::complex<T>* in, int64_t n, std::complex<T>* out) {
  Matrix<complex128> t(in, in + n * n), z(t.size());
  const auto none = [&] {
    constexpr T kNan = std::numeric_limits<T>::quiet_NaN();
    std::fill_n(out, n * n, std::complex<T>(kNan, kNan));
    return true;
  };
  if (!AllFinite(in, n * n)) return none();
  // By columns it is the transpose, whose logarithm is the logarithm's transpose.
  if (!cpu::ComplexSchur(n, t.data(), z.data())) return false;
  for (int64_t i = 0; i < n; ++i) {
    if (t[i * n + i] == complex128(0)) return none();
  }
  TriangularLogarithm(n, &t);
  // z t z^H by columns is z^H t z of what the product takes for rows.
  const Matrix<complex128> y = Times(n, Times(n, z, t, cpu::MatrixOp::kAdjoint), z);
  std::transform(y.begin(), y.end(), out, [](const complex128& x) { return std::complex<T>(x); });
  return true;
}

template <typename T>
absl::Status Logarithm(KernelContext& ctx) {
  WEFT_ASSIGN_OR_RETURN(const MatrixStack stack, SquareInput(ctx));
  WEFT_ASSIGN_OR_RETURN(Array * y, ctx.AllocateOutput(0, ctx.input(0).shape()));
  const int64_t n = stack.rows;
  const T* in = ctx.input(0).data<T>();
  T* out = y->mutable_data<T>();
  return ForEachMatrix(ctx, stack, 1000 + 60 * CubicCost(n, n), "The eigenvalues did not converge.",
                       [&](int64_t i) { return LogarithmOf(in + i * n * n, n, out + i * n * n); });
}

// ---- MatrixExponential: scaling and squaring with the Pade approximant of degree 13 (Higham, SIAM
// Journal on Matrix Analysis and Applications 26, 2005), computed in double ----

constexpr double kPade13Norm = 5.371920351148152;  // the 1-norm up to which its error is rounding
constexpr std::array<double, 14> kPade13 = {64764752532480000.,
                                            32382376266240000.,
                                            7771770303897600.,
                                            1187353796428800.,
                                            129060195264000.,
                                            10559470521600.,
                                            670442572800.,
                                            33522128640.,
                                            1323241920.,
                                            40840800.,
                                            960960.,
                                            16380.,
                                            182.,
                                            1.};

// Sum of factors[k] * terms[k] + diagonal * 1.
template <typename T>
Matrix<T> Combine(int64_t n, std::initializer_list<std::pair<double, const Matrix<T>*>> terms,
                  double diagonal) {
  Matrix<T> sum(static_cast<size_t>(n * n));
  for (const auto& [factor, term] : terms) {
    for (size_t i = 0; i < sum.size(); ++i) sum[i] += factor * (*term)[i];
  }
  for (int64_t i = 0; i < n; ++i) sum[i * n + i] += diagonal;
  return sum;
}

template <typename T>
Matrix<T> Exponential(int64_t n, Matrix<T> a) {
  const double norm = OneNorm(n, a);
  const int squarings =
      norm > kPade13Norm ? static_cast<int>(std::ceil(std::log2(norm / kPade13Norm))) : 0;
  for (T& x : a) x *= std::ldexp(1.0, -squarings);
  const std::array<double, 14>& b = kPade13;
  const Matrix<T> a2 = Times(n, a, a), a4 = Times(n, a2, a2), a6 = Times(n, a4, a2);
  const Matrix<T> high_u =
                      Times(n, a6, Combine<T>(n, {{b[13], &a6}, {b[11], &a4}, {b[9], &a2}}, 0)),
                  high_v =
                      Times(n, a6, Combine<T>(n, {{b[12], &a6}, {b[10], &a4}, {b[8], &a2}}, 0));
  const Matrix<T> u =
      Times(n, a, Combine<T>(n, {{1, &high_u}, {b[7], &a6}, {b[5], &a4}, {b[3], &a2}}, b[1]));
  const Matrix<T> v = Combine<T>(n, {{1, &high_v}, {b[6], &a6}, {b[4], &a4}, {b[2], &a2}}, b[0]);
  Matrix<T> lu = Combine<T>(n, {{1, &v}, {-1, &u}}, 0);
  const Matrix<T> right = Combine<T>(n, {{1, &v}, {1, &u}}, 0);
  std::vector<int64_t> order(static_cast<size_t>(n));
  cpu::FactorLu(n, lu.data(), order.data());
  Matrix<T> y(a.size());
  for (int64_t i = 0; i < n; ++i) std::copy_n(right.data() + order[i] * n, n, y.data() + i * n);
  cpu::SolveLu(n, n, lu.data(), y.data());
  for (int i = 0; i < squarings; ++i) y = Times(n, y, y);
  return y;
}

template <typename T>
absl::Status ExponentialKernel(KernelContext& ctx) {
  using Wide = std::conditional_t<std::is_floating_point_v<T>, double, complex128>;
  WEFT_ASSIGN_OR_RETURN(const MatrixStack stack, SquareInput(ctx));
  WEFT_ASSIGN_OR_RETURN(Array * y, ctx.AllocateOutput(0, ctx.input(0).shape()));
  const int64_t n = stack.rows;
  const T* in = ctx.input(0).data<T>();
  T* out = y->mutable_data<T>();
  return ForEachMatrix(ctx, stack, 1000 + 20 * CubicCost(n, n), "", [&](int64_t i) {
    const T* from = in + i * n * n;
    T* to = out + i * n * n;
    if (!AllFinite(from, n * n)) {
      std::fill_n(to, n * n, T(std::numeric_limits<cpu::Real<T>>::quiet_NaN()));
      return true;
    }
    const Matrix<Wide> e = Exponential(n, Matrix<Wide>(from, from + n * n));
    std::transform(e.begin(), e.end(), to, [](const Wide& x) { return static_cast<T>(x); });
    return true;
  });
}

// ---- SelfAdjointEig: eigenvalues in the first row, below them eigenvectors as columns ----

template <typename T>
absl::Status EigInOne(KernelContext& ctx) {
  WEFT_ASSIGN_OR_RETURN(const MatrixStack stack, SquareInput(ctx));
  const int64_t n = stack.rows;
  WEFT_ASSIGN_OR_RETURN(const Shape shape, WithMatrixSize(ctx, ctx.input(0).shape(), n + 1, n));
  WEFT_ASSIGN_OR_RETURN(Array * y, ctx.AllocateOutput(0, shape));
  const T* in = ctx.input(0).data<T>();
  T* out = y->mutable_data<T>();
  return ForEachMatrix(
      ctx, stack, 500 + 10 * CubicCost(n, n),
      "Self-adjoint eigen decomposition was not successful. The input might not be valid.",
      [&](int64_t i) {
        // The lower triangle by rows is the upper one by columns.
        Matrix<T> a(in + i * n * n, in + (i + 1) * n * n);
        T* to = out + i * (n + 1) * n;
        if (!AllFinite(a.data(), n * n) || !cpu::HermitianEigen(n, a.data(), to, true))
          return false;
        for (int64_t r = 0; r < n; ++r) {
          for (int64_t c = 0; c < n; ++c) to[(r + 1) * n + c] = a[c * n + r];
        }
        return true;
      });
}

// ---- CholeskyGrad ----

// With p the lower triangle of l^T dl, its diagonal halved, and s = l^-T p l^-1: da = (s + s^T) / 2
// (Murray, "Differentiation of the Cholesky decomposition", 2016).
template <typename T>
void CholeskyGradOf(int64_t n, const T* l, const T* dl, T* da) {
  Matrix<T> lower(l, l + n * n), d(dl, dl + n * n);
  for (int64_t r = 0; r < n; ++r) {
    std::fill_n(lower.data() + r * n + r + 1, n - r - 1, T(0));
    std::fill_n(d.data() + r * n + r + 1, n - r - 1, T(0));
  }
  Matrix<T> p = Times(n, lower, d, cpu::MatrixOp::kTranspose);
  for (int64_t r = 0; r < n; ++r) {
    std::fill_n(p.data() + r * n + r + 1, n - r - 1, T(0));
    p[r * n + r] /= 2;
  }
  const auto transpose = [n](Matrix<T>* m) {
    for (int64_t r = 0; r < n; ++r)
      for (int64_t c = 0; c < r; ++c) std::swap((*m)[r * n + c], (*m)[c * n + r]);
  };
  // s^T = l^-T (l^-T p)^T.
  cpu::SolveTriangular(/*lower=*/true, /*adjoint=*/true, n, n, lower.data(), p.data());
  transpose(&p);
  cpu::SolveTriangular(/*lower=*/true, /*adjoint=*/true, n, n, lower.data(), p.data());
  for (int64_t r = 0; r < n; ++r) {
    for (int64_t c = 0; c < n; ++c) da[r * n + c] = (p[r * n + c] + p[c * n + r]) / 2;
  }
}

template <typename T>
absl::Status CholeskyGrad(KernelContext& ctx) {
  WEFT_ASSIGN_OR_RETURN(const MatrixStack stack, SquareInput(ctx));
  const Shape& shape = ctx.input(0).shape();
  if (!(shape == ctx.input(1).shape())) {
    return ctx.InvalidArgument(StrCat("Inputs L and grad must have the same shape: got ",
                                      shape.ToString(), " and ", ctx.input(1).shape().ToString()));
  }
  WEFT_ASSIGN_OR_RETURN(Array * y, ctx.AllocateOutput(0, shape));
  const int64_t n = stack.rows;
  const T *l = ctx.input(0).data<T>(), *dl = ctx.input(1).data<T>();
  T* out = y->mutable_data<T>();
  return ForEachMatrix(ctx, stack, 500 + 2 * CubicCost(n, n), "", [&](int64_t i) {
    CholeskyGradOf(n, l + i * n * n, dl + i * n * n, out + i * n * n);
    return true;
  });
}

}  // namespace

void RegisterMatrixFunctionKernels(KernelRegistry& k) {
  ForTypes<complex64, complex128>([&]<typename T>() {
    k.Add("MatrixLogarithm", kCpu, {{"T", dtype_of<T>}}, Logarithm<T>);
  });
  ForTypes<float, double, complex64, complex128>([&]<typename T>() {
    k.Add("MatrixExponential", kCpu, {{"T", dtype_of<T>}}, ExponentialKernel<T>);
  });
  ForTypes<float, double>([&]<typename T>() {
    for (const char* op : {"SelfAdjointEig", "BatchSelfAdjointEig"})
      k.Add(op, kCpu, {{"T", dtype_of<T>}}, EigInOne<T>);
    for (const char* op : {"CholeskyGrad", "BatchCholeskyGrad"})
      k.Add(op, kCpu, {{"T", dtype_of<T>}}, CholeskyGrad<T>);
  });
}

}  // namespace weft
