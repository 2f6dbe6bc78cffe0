// SPDX-License-Identifier: Apache-2.0
// MatrixDeterminant, LogMatrixDeterminant, Lu.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/cpu/lapack.h"
#include "kernels/cpu/linalg.h"
#include "kernels/cpu/lu.h"
#include "kernels/cpu/matrix_stack.h"
#include "weft/core/complex.h"

namespace weft {
namespace {

// The shape of a stack of square matrices without `dims` of the last two.
Shape WithoutLast(const Shape& s, int dims) {
  return Shape(std::vector<int64_t>(s.dims().begin(), s.dims().end() - dims));
}

// Factors matrices of a stack of them, one after the other.
template <typename T>
class Factors {
 public:
  explicit Factors(int64_t n) : n_(n), lu_(n * n), order_(n) {}
  void Of(const T* a) {
    std::copy_n(a, n_ * n_, lu_.data());
    sign_ = cpu::FactorLu(n_, lu_.data(), order_.data());
  }
  int sign() const { return sign_; }
  T pivot(int64_t i) const { return lu_[i * n_ + i]; }

 private:
  const int64_t n_;
  std::vector<T> lu_;
  std::vector<int64_t> order_;
  int sign_ = 1;
};

// Calls use(i, factors) for each matrix of input 0, in parallel.
template <typename T, typename F>
void ForEachFactors(KernelContext& ctx, const MatrixStack& stack, const F& use) {
  const int64_t n = stack.rows;
  const T* in = ctx.input(0).data<T>();
  ctx.ParallelFor(stack.count, 200 + CubicCost(n, n) / 3, [&](int64_t begin, int64_t end) {
    Factors<T> factors(n);
    for (int64_t i = begin; i < end; ++i) {
      factors.Of(in + i * n * n);
      use(i, factors);
    }
  });
}

template <typename T>
absl::Status Determinant(KernelContext& ctx) {
  WEFT_ASSIGN_OR_RETURN(const MatrixStack stack, SquareStackOf(ctx, 0));
  WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, WithoutLast(ctx.input(0).shape(), 2)));
  T* to = out->mutable_data<T>();
  ForEachFactors<T>(ctx, stack, [&](int64_t i, const Factors<T>& factors) {
    T product(static_cast<cpu::Real<T>>(factors.sign()));
    for (int64_t k = 0; k < stack.rows; ++k) product *= factors.pivot(k);
    to[i] = product;
  });
  return absl::OkStatus();
}

// The sign (of absolute value 1, or 0) and the logarithm of the absolute value of a determinant.
template <typename T>
void LogDeterminant(const Factors<T>& factors, int64_t n, T* sign, T* log_abs) {
  using R = cpu::Real<T>;
  *sign = T(static_cast<R>(factors.sign()));
  R sum = 0;
  for (int64_t k = 0; k < n; ++k) {
    const T pivot = factors.pivot(k);
    const R magnitude = std::abs(pivot);
    if (magnitude == 0) {
      *sign = T(0);
      sum = -std::numeric_limits<R>::infinity();
      break;
    }
    *sign *= pivot / magnitude;
    sum += std::log(magnitude);
  }
  *log_abs = T(sum);
}

template <typename T>
absl::Status LogDeterminants(KernelContext& ctx) {
  WEFT_ASSIGN_OR_RETURN(const MatrixStack stack, SquareStackOf(ctx, 0));
  const Shape shape = WithoutLast(ctx.input(0).shape(), 2);
  WEFT_ASSIGN_OR_RETURN(Array * sign, ctx.AllocateOutput(0, shape));
  WEFT_ASSIGN_OR_RETURN(Array * log_abs, ctx.AllocateOutput(1, shape));
  T *signs = sign->mutable_data<T>(), *logs = log_abs->mutable_data<T>();
  ForEachFactors<T>(ctx, stack, [&](int64_t i, const Factors<T>& factors) {
    LogDeterminant(factors, stack.rows, signs + i, logs + i);
  });
  return absl::OkStatus();
}

// Row i of l u is row p[i] of the matrix.
template <typename T, typename Index>
absl::Status Lu(KernelContext& ctx) {
  WEFT_ASSIGN_OR_RETURN(const MatrixStack stack, SquareStackOf(ctx, 0));
  const Shape& shape = ctx.input(0).shape();
  WEFT_ASSIGN_OR_RETURN(Array * packed, ctx.AllocateOutput(0, shape));
  WEFT_ASSIGN_OR_RETURN(Array * order, ctx.AllocateOutput(1, WithoutLast(shape, 1)));
  const int64_t n = stack.rows;
  if (n == 0) return absl::OkStatus();
  const T* in = ctx.input(0).data<T>();
  T* out = packed->mutable_data<T>();
  Index* rows = order->mutable_data<Index>();
  std::atomic<bool> singular{false};
  ctx.ParallelFor(stack.count, 200 + CubicCost(n, n) / 3, [&](int64_t begin, int64_t end) {
    std::vector<int64_t> row_order(n);
    for (int64_t i = begin; i < end; ++i) {
      T* lu = out + i * n * n;
      std::copy_n(in + i * n * n, n * n, lu);
      cpu::FactorLu(n, lu, row_order.data());
      if (!cpu::IsInvertible(n, lu)) singular = true;
      for (int64_t row = 0; row < n; ++row) rows[i * n + row] = static_cast<Index>(row_order[row]);
    }
  });
  return singular ? ctx.InvalidArgument("Input is not invertible.") : absl::OkStatus();
}

}  // namespace

void RegisterDecomposeKernels(KernelRegistry& k) {
  ForTypes<float, double, std::complex<float>, std::complex<double>>([&]<typename T>() {
    k.Add("MatrixDeterminant", kCpu, {{"T", dtype_of<T>}}, Determinant<T>);
    k.Add("BatchMatrixDeterminant", kCpu, {{"T", dtype_of<T>}}, Determinant<T>);
    k.Add("LogMatrixDeterminant", kCpu, {{"T", dtype_of<T>}}, LogDeterminants<T>);
    k.Add("Lu", kCpu, {{"T", dtype_of<T>}, {"output_idx_type", kInt32}}, Lu<T, int32_t>);
    k.Add("Lu", kCpu, {{"T", dtype_of<T>}, {"output_idx_type", kInt64}}, Lu<T, int64_t>);
  });
}

}  // namespace weft
