// SPDX-License-Identifier: Apache-2.0
// SelfAdjointEigV2, Eig, Svd, MatrixSquareRoot. LAPACK stores by columns: it sees each matrix
// transposed.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <complex>
#include <limits>
#include <type_traits>
#include <vector>

#include "kernels/cpu/gemm.h"
#include "kernels/cpu/lapack.h"
#include "kernels/cpu/linalg.h"
#include "kernels/cpu/matrix_stack.h"
#include "weft/core/complex.h"

namespace weft {
namespace {

using cpu::Real;

absl::StatusOr<Shape> ValuesShape(KernelContext& ctx, int64_t count) {
  const Shape& s = ctx.input(0).shape();
  std::vector<int64_t> dims(s.dims().begin(), s.dims().end() - 2);
  dims.push_back(count);
  Shape shape;
  std::string why;
  if (!Shape::Make(dims, &shape, &why)) return ctx.InvalidArgument(why);
  return shape;
}

// Input 0 as matrices that LAPACK can take.
absl::StatusOr<MatrixStack> LapackStackOf(KernelContext& ctx) {
  WEFT_ASSIGN_OR_RETURN(const MatrixStack stack, StackOf(ctx, 0));
  if (std::min(stack.rows, stack.columns) <= cpu::kMaxLapackSize &&
      std::max(stack.rows, stack.columns) <= std::numeric_limits<int>::max() / 16) {
    return stack;
  }
  return ctx.InvalidArgument(StrCat("Input matrix is too large to be decomposed: got shape ",
                                    ctx.input(0).shape().ToString(), ", the shorter side may be ",
                                    cpu::kMaxLapackSize));
}

absl::StatusOr<MatrixStack> SquareLapackStackOf(KernelContext& ctx) {
  WEFT_RETURN_IF_ERROR(SquareStackOf(ctx, 0).status());
  return LapackStackOf(ctx);
}

template <typename T>
bool AllFinite(const T* values, int64_t count) {
  return std::all_of(values, values + count, [](const T& x) {
    return std::isfinite(std::real(x)) && std::isfinite(std::imag(x));
  });
}

// The conjugate of `in` [rows, columns], which is stored by columns, by rows.
template <typename T>
void Transpose(const T* in, int64_t rows, int64_t columns, T* out) {
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < columns; ++c) out[r * columns + c] = Conjugate(in[c * rows + r]);
}

// ---- SelfAdjointEigV2 ----

template <typename T>
class SelfAdjointEig final : public Kernel {
 public:
  explicit SelfAdjointEig(KernelConstruction& c) : vectors_(c.Attr<bool>("compute_v")) {}

  absl::Status Compute(KernelContext& ctx) override {
    WEFT_ASSIGN_OR_RETURN(const MatrixStack stack, SquareLapackStackOf(ctx));
    const int64_t n = stack.rows;
    const Shape& shape = ctx.input(0).shape();
    WEFT_ASSIGN_OR_RETURN(const Shape values_shape, ValuesShape(ctx, n));
    WEFT_ASSIGN_OR_RETURN(Array * e, ctx.AllocateOutput(0, values_shape));
    WEFT_ASSIGN_OR_RETURN(Array * v, ctx.AllocateOutput(1, vectors_ ? shape : Shape({0})));
    if (n == 0) return absl::OkStatus();
    const T* in = ctx.input(0).data<T>();
    T *values = e->mutable_data<T>(), *vectors = v->mutable_data<T>();
    std::atomic<bool> failed{false};
    ctx.ParallelFor(stack.count, 500 + 10 * CubicCost(n, n), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end && !failed; ++i) {
        if (!One(in + i * n * n, n, values + i * n, vectors_ ? vectors + i * n * n : nullptr))
          failed = true;
      }
    });
    if (!failed) return absl::OkStatus();
    return ctx.InvalidArgument(
        "Self-adjoint eigen decomposition was not successful. The input might not be valid.");
  }

 private:
  // By rows the lower triangle is what counts: by columns the upper one of the conjugate matrix.
  static bool One(const T* in, int64_t n, T* values, T* vectors) {
    std::vector<T> a(in, in + n * n);
    std::vector<Real<T>> real_values(n);
    if (!AllFinite(in, n * n) ||
        !cpu::HermitianEigen(n, a.data(), real_values.data(), vectors != nullptr)) {
      return false;
    }
    std::copy(real_values.begin(), real_values.end(), values);
    if (vectors != nullptr) Transpose(a.data(), n, n, vectors);
    return true;
  }

  const bool vectors_;
};

// ---- Eig ----

// Of `a` [n, n], complex and stored by columns, by which it is replaced: a's eigenvalues, and if
// wanted its eigenvectors of length 1, by rows the columns of `vectors`. False if the iteration did
// not converge.
template <typename R>
bool GeneralEigen(int64_t n, std::complex<R>* a, std::complex<R>* values,
                  std::complex<R>* vectors) {
  using C = std::complex<R>;
  std::vector<C> z(n * n);
  if (!cpu::ComplexSchur(n, a, z.data())) return false;
  R largest = 0;
  for (int64_t i = 0; i < n * n; ++i) largest = std::max(largest, std::abs(a[i]));
  // Instead of the difference of two equal eigenvalues.
  const R tiny =
      std::max(largest * std::numeric_limits<R>::epsilon(), std::numeric_limits<R>::min());
  const auto t = [&](int64_t i, int64_t j) { return a[j * n + i]; };
  std::vector<C> x(n), v(n);
  for (int64_t k = 0; k < n; ++k) {
    values[k] = t(k, k);
    if (vectors == nullptr) continue;
    // Of the triangular matrix, by substitution; z turns it into one of the matrix.
    x[k] = C(1);
    for (int64_t i = k - 1; i >= 0; --i) {
      C sum = t(i, k);
      for (int64_t j = i + 1; j < k; ++j) sum += t(i, j) * x[j];
      C gap = t(k, k) - t(i, i);
      if (std::abs(gap) < tiny) gap = C(tiny);
      x[i] = sum / gap;
    }
    R square = 0;
    for (int64_t i = 0; i < n; ++i) {
      v[i] = C(0);
      for (int64_t j = 0; j <= k; ++j) v[i] += z[j * n + i] * x[j];
      square += std::norm(v[i]);
    }
    const R length = std::sqrt(square);
    for (int64_t i = 0; i < n; ++i) vectors[i * n + k] = v[i] / length;
  }
  return true;
}

template <typename T>
class Eig final : public Kernel {
 public:
  explicit Eig(KernelConstruction& c) : vectors_(c.Attr<bool>("compute_v")) {}

  absl::Status Compute(KernelContext& ctx) override {
    using C = std::complex<Real<T>>;
    WEFT_ASSIGN_OR_RETURN(const MatrixStack stack, SquareLapackStackOf(ctx));
    const int64_t n = stack.rows;
    WEFT_ASSIGN_OR_RETURN(const Shape values_shape, ValuesShape(ctx, n));
    WEFT_ASSIGN_OR_RETURN(Array * e, ctx.AllocateOutput(0, values_shape));
    WEFT_ASSIGN_OR_RETURN(Array * v,
                          ctx.AllocateOutput(1, vectors_ ? ctx.input(0).shape() : Shape({0})));
    if (n == 0) return absl::OkStatus();
    const T* in = ctx.input(0).data<T>();
    C *values = e->mutable_data<C>(), *vectors = v->mutable_data<C>();
    std::atomic<bool> failed{false};
    ctx.ParallelFor(stack.count, 1000 + 40 * CubicCost(n, n), [&](int64_t begin, int64_t end) {
      std::vector<C> a(n * n);
      for (int64_t m = begin; m < end && !failed; ++m) {
        const T* matrix = in + m * n * n;
        for (int64_t i = 0; i < n; ++i)
          for (int64_t j = 0; j < n; ++j) a[j * n + i] = C(matrix[i * n + j]);
        if (!AllFinite(matrix, n * n) ||
            !GeneralEigen(n, a.data(), values + m * n, vectors_ ? vectors + m * n * n : nullptr)) {
          failed = true;
        }
      }
    });
    if (!failed) return absl::OkStatus();
    return ctx.InvalidArgument(
        "Eigen decomposition was not successful. The input might not be valid.");
  }

 private:
  const bool vectors_;
};

// ---- Svd ----

template <typename T>
class Svd final : public Kernel {
 public:
  explicit Svd(KernelConstruction& c)
      : vectors_(c.Attr<bool>("compute_uv")), full_(c.Attr<bool>("full_matrices")) {}

  absl::Status Compute(KernelContext& ctx) override {
    WEFT_ASSIGN_OR_RETURN(const MatrixStack stack, LapackStackOf(ctx));
    const int64_t m = stack.rows, n = stack.columns, p = std::min(m, n);
    const int64_t left = full_ ? m : p, right = full_ ? n : p;
    const Shape& shape = ctx.input(0).shape();
    WEFT_ASSIGN_OR_RETURN(const Shape s_shape, ValuesShape(ctx, p));
    Shape u_shape({0}), v_shape({0});
    if (vectors_) {
      WEFT_ASSIGN_OR_RETURN(u_shape, WithMatrixSize(ctx, shape, m, left));
      WEFT_ASSIGN_OR_RETURN(v_shape, WithMatrixSize(ctx, shape, n, right));
    }
    WEFT_ASSIGN_OR_RETURN(Array * s, ctx.AllocateOutput(0, s_shape));
    WEFT_ASSIGN_OR_RETURN(Array * u, ctx.AllocateOutput(1, u_shape));
    WEFT_ASSIGN_OR_RETURN(Array * v, ctx.AllocateOutput(2, v_shape));
    const T* in = ctx.input(0).data<T>();
    T *values = s->mutable_data<T>(), *us = u->mutable_data<T>(), *vs = v->mutable_data<T>();
    std::atomic<bool> failed{false};
    ctx.ParallelFor(
        stack.count, 1000 + 20 * CubicCost(p, std::max(m, n)), [&](int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end && !failed; ++i) {
            if (!One(in + i * m * n, m, n, values + i * p, us + (vectors_ ? i * m * left : 0),
                     vs + (vectors_ ? i * n * right : 0))) {
              failed = true;
            }
          }
        });
    if (!failed) return absl::OkStatus();
    return ctx.Error(absl::StatusCode::kInternal, "The singular values did not converge.");
  }

 private:
  bool One(const T* in, int64_t m, int64_t n, T* s, T* u, T* v) const {
    const int64_t p = std::min(m, n), left = full_ ? m : p, right = full_ ? n : p;
    if (p == 0) {
      // Bases of the whole space, or of nothing.
      if (vectors_ && full_) {
        Identity(m, u);
        Identity(n, v);
      }
      return true;
    }
    if (!AllFinite(in, m * n)) {
      std::fill_n(s, p, T(std::numeric_limits<Real<T>>::quiet_NaN()));
      if (!vectors_) return true;
      std::fill_n(u, m * left, T(std::numeric_limits<Real<T>>::quiet_NaN()));
      std::fill_n(v, n * right, T(std::numeric_limits<Real<T>>::quiet_NaN()));
      return true;
    }
    // By columns it is the transpose: conj(v) s u^T, and u^T by columns is u by rows.
    std::vector<T> a(in, in + m * n), v_columns(vectors_ ? n * right : 0);
    std::vector<Real<T>> real_values(p);
    using cpu::SvdVectors;
    const SvdVectors wanted = !vectors_ ? SvdVectors::kNone
                              : full_   ? SvdVectors::kFull
                                        : SvdVectors::kThin;
    if (!cpu::SingularValues(n, m, wanted, a.data(), real_values.data(), v_columns.data(), u))
      return false;
    std::copy(real_values.begin(), real_values.end(), s);
    if (vectors_) Transpose(v_columns.data(), n, right, v);
    return true;
  }

  static void Identity(int64_t n, T* out) {
    std::fill_n(out, n * n, T(0));
    for (int64_t k = 0; k < n; ++k) out[k * n + k] = T(1);
  }

  const bool vectors_, full_;
};

// ---- MatrixSquareRoot ----

// The principal root of `a` [n, n], in place; false if the iteration did not converge. By Schur's
// form, whose root is triangular too (Bjorck and Hammarling 1983). It is the same for a matrix
// and its transpose, so the order of storage does not matter.
template <typename T>
bool PrincipalRoot(int64_t n, std::complex<T>* a) {
  using Complex = std::complex<T>;
  std::vector<Complex> z(n * n), root_data(n * n);
  if (!cpu::ComplexSchur(n, a, z.data())) return false;
  const auto root = [&](int64_t i, int64_t j) -> Complex& { return root_data[j * n + i]; };
  for (int64_t j = 0; j < n; ++j) {
    root(j, j) = std::sqrt(a[j * n + j]);
    for (int64_t i = j - 1; i >= 0; --i) {
      Complex rest = a[j * n + i];
      for (int64_t k = i + 1; k < j; ++k) rest -= root(i, k) * root(k, j);
      // The sum is 0 only if the matrix is singular.
      root(i, j) = rest == Complex(0) ? rest : rest / (root(i, i) + root(j, j));
    }
  }
  // z root z^H, which by rows is z^H root z.
  std::vector<Complex> product(n * n);
  using cpu::MatrixOp;
  cpu::Gemm(MatrixOp::kAdjoint, MatrixOp::kNone, n, n, n, z.data(), n, root_data.data(), n,
            product.data(), n, /*threads=*/1);
  cpu::Gemm(MatrixOp::kNone, MatrixOp::kNone, n, n, n, product.data(), n, z.data(), n, a, n,
            /*threads=*/1);
  return true;
}

// NaN where there is no root: that of a real matrix must be real.
template <typename T>
bool SquareRootOf(const T* in, int64_t n, T* out) {
  using R = Real<T>;
  std::vector<std::complex<R>> a(in, in + n * n);
  const T nan = T(std::numeric_limits<R>::quiet_NaN());
  if (!AllFinite(in, n * n)) {
    std::fill_n(out, n * n, nan);
    return true;
  }
  if (!PrincipalRoot(n, a.data())) return false;
  if constexpr (std::is_same_v<T, R>) {
    R real = 0, imaginary = 0;
    for (const std::complex<R>& x : a) {
      real = std::max(real, std::abs(x.real()));
      imaginary = std::max(imaginary, std::abs(x.imag()));
    }
    const bool none = imaginary > std::sqrt(std::numeric_limits<R>::epsilon()) * real;
    for (int64_t i = 0; i < n * n; ++i) out[i] = none ? nan : a[i].real();
  } else {
    std::copy(a.begin(), a.end(), out);
  }
  return true;
}

template <typename T>
absl::Status SquareRoot(KernelContext& ctx) {
  WEFT_ASSIGN_OR_RETURN(const MatrixStack stack, SquareLapackStackOf(ctx));
  WEFT_ASSIGN_OR_RETURN(Array * y, ctx.AllocateOutput(0, ctx.input(0).shape()));
  const int64_t n = stack.rows;
  if (n == 0) return absl::OkStatus();
  const T* in = ctx.input(0).data<T>();
  T* out = y->mutable_data<T>();
  std::atomic<bool> failed{false};
  ctx.ParallelFor(stack.count, 1000 + 30 * CubicCost(n, n), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end && !failed; ++i) {
      if (!SquareRootOf(in + i * n * n, n, out + i * n * n)) failed = true;
    }
  });
  if (!failed) return absl::OkStatus();
  return ctx.Error(absl::StatusCode::kInternal, "The eigenvalues did not converge.");
}

}  // namespace

void RegisterEigKernels(KernelRegistry& k) {
  ForTypes<float, double, complex64, complex128>([&]<typename T>() {
    k.Add<SelfAdjointEig<T>>("SelfAdjointEigV2", kCpu, {{"T", dtype_of<T>}});
    k.Add<Eig<T>>("Eig", kCpu, {{"T", dtype_of<T>}, {"Tout", dtype_of<std::complex<Real<T>>>}});
    k.Add<Svd<T>>("Svd", kCpu, {{"T", dtype_of<T>}});
    if constexpr (std::is_floating_point_v<T>)
      k.Add<SelfAdjointEig<T>>("BatchSelfAdjointEigV2", kCpu, {{"T", dtype_of<T>}});
    k.Add<Svd<T>>("BatchSvd", kCpu, {{"T", dtype_of<T>}});
    k.Add("MatrixSquareRoot", kCpu, {{"T", dtype_of<T>}}, SquareRoot<T>);
  });
}

}  // namespace weft
