// SPDX-License-Identifier: Apache-2.0
// MatrixDeterminant, LogMatrixDeterminant, Lu.
#include <atomic>
#include <cmath>
#include <limits>

#include "kernels/cpu/eigen_matrix.h"
#include "kernels/cpu/linalg.h"
#include "weft/core/complex.h"

namespace weft {
namespace {

// The shape of a stack of square matrices without `dims` of the last two.
Shape WithoutLast(const Shape& s, int dims) {
  return Shape(std::vector<int64_t>(s.dims().begin(), s.dims().end() - dims));
}

template <typename T>
using Real = typename Eigen::NumTraits<T>::Real;

// The sign (of absolute value 1, or 0) and the logarithm of the absolute value of a determinant.
template <typename T>
void LogDeterminant(const EigenMatrix<T>& a, T* sign, T* log_abs) {
  *sign = T(1);
  Real<T> sum = 0;
  if (a.rows() > 0) {
    const Eigen::PartialPivLU<EigenMatrix<T>> lu(a);
    *sign = static_cast<T>(static_cast<Real<T>>(lu.permutationP().determinant()));
    for (int64_t i = 0; i < a.rows(); ++i) {
      const T pivot = lu.matrixLU()(i, i);
      const Real<T> magnitude = std::abs(pivot);
      if (magnitude == 0) {
        *sign = T(0);
        sum = -std::numeric_limits<Real<T>>::infinity();
        break;
      }
      *sign *= pivot / magnitude;
      sum += std::log(magnitude);
    }
  }
  *log_abs = T(sum);
}

template <typename T>
absl::Status Determinant(KernelContext& ctx) {
  WEFT_ASSIGN_OR_RETURN(const MatrixStack stack, SquareStackOf(ctx, 0));
  WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, WithoutLast(ctx.input(0).shape(), 2)));
  const int64_t n = stack.rows;
  const T* in = ctx.input(0).data<T>();
  T* to = out->mutable_data<T>();
  ctx.ParallelFor(stack.count, 200 + CubicCost(n, n) / 3, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      if (n == 0) {
        to[i] = T(1);
      } else {
        const Eigen::PartialPivLU<EigenMatrix<T>> lu(ReadMatrix(in + i * n * n, n, n));
        to[i] = lu.determinant();
      }
    }
  });
  return absl::OkStatus();
}

template <typename T>
absl::Status LogDeterminants(KernelContext& ctx) {
  WEFT_ASSIGN_OR_RETURN(const MatrixStack stack, SquareStackOf(ctx, 0));
  const Shape shape = WithoutLast(ctx.input(0).shape(), 2);
  WEFT_ASSIGN_OR_RETURN(Array * sign, ctx.AllocateOutput(0, shape));
  WEFT_ASSIGN_OR_RETURN(Array * log_abs, ctx.AllocateOutput(1, shape));
  const int64_t n = stack.rows;
  const T* in = ctx.input(0).data<T>();
  T *signs = sign->mutable_data<T>(), *logs = log_abs->mutable_data<T>();
  ctx.ParallelFor(stack.count, 200 + CubicCost(n, n) / 3, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      LogDeterminant<T>(ReadMatrix(in + i * n * n, n, n), signs + i, logs + i);
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
    for (int64_t i = begin; i < end; ++i) {
      const Eigen::PartialPivLU<EigenMatrix<T>> lu(ReadMatrix(in + i * n * n, n, n));
      if (!(lu.matrixLU().diagonal().cwiseAbs().minCoeff() > 0)) singular = true;
      WriteMatrix(EigenMatrix<T>(lu.matrixLU()), out + i * n * n);
      for (int64_t row = 0; row < n; ++row)
        rows[i * n + lu.permutationP().indices()[row]] = static_cast<Index>(row);
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
