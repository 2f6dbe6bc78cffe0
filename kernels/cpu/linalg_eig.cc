// SPDX-License-Identifier: Apache-2.0
// SelfAdjointEigV2, Svd, MatrixSquareRoot.
#include "kernels/cpu/eigen_matrix.h"

#include <Eigen/Eigenvalues>
#include <Eigen/SVD>
#include <atomic>
#include <unsupported/Eigen/MatrixFunctions>

#include "kernels/cpu/linalg.h"
#include "weft/core/complex.h"

namespace weft {
namespace {

absl::StatusOr<Shape> ValuesShape(KernelContext& ctx, int64_t count) {
  const Shape& s = ctx.input(0).shape();
  std::vector<int64_t> dims(s.dims().begin(), s.dims().end() - 2);
  dims.push_back(count);
  Shape shape;
  std::string why;
  if (!Shape::Make(dims, &shape, &why)) return ctx.InvalidArgument(why);
  return shape;
}

template <typename T>
class SelfAdjointEig final : public Kernel {
 public:
  explicit SelfAdjointEig(KernelConstruction& c) : vectors_(c.Attr<bool>("compute_v")) {}

  absl::Status Compute(KernelContext& ctx) override {
    WEFT_ASSIGN_OR_RETURN(const MatrixStack stack, SquareStackOf(ctx, 0));
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
      for (int64_t i = begin; i < end; ++i) {
        const Eigen::SelfAdjointEigenSolver<EigenMatrix<T>> eig(
            ReadMatrix(in + i * n * n, n, n),
            vectors_ ? Eigen::ComputeEigenvectors : Eigen::EigenvaluesOnly);
        if (eig.info() != Eigen::Success) {
          failed = true;
          continue;
        }
        for (int64_t k = 0; k < n; ++k) values[i * n + k] = T(eig.eigenvalues()[k]);
        if (vectors_) WriteMatrix(EigenMatrix<T>(eig.eigenvectors()), vectors + i * n * n);
      }
    });
    if (!failed) return absl::OkStatus();
    return ctx.InvalidArgument(
        "Self-adjoint eigen decomposition was not successful. The input might not be valid.");
  }

 private:
  const bool vectors_;
};

template <typename T>
class Svd final : public Kernel {
 public:
  explicit Svd(KernelConstruction& c)
      : vectors_(c.Attr<bool>("compute_uv")), full_(c.Attr<bool>("full_matrices")) {}

  absl::Status Compute(KernelContext& ctx) override {
    WEFT_ASSIGN_OR_RETURN(const MatrixStack stack, StackOf(ctx, 0));
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
    ctx.ParallelFor(
        stack.count, 1000 + 20 * CubicCost(p, std::max(m, n)), [&](int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; ++i) {
            Decompose(ReadMatrix(in + i * m * n, m, n), values + i * p,
                      us + (vectors_ ? i * m * left : 0), vs + (vectors_ ? i * n * right : 0));
          }
        });
    return absl::OkStatus();
  }

 private:
  void Decompose(const EigenMatrix<T>& a, T* s, T* u, T* v) const {
    if (a.size() == 0) {
      // Bases of the whole space, or of nothing.
      if (vectors_ && full_) {
        WriteMatrix(EigenMatrix<T>::Identity(a.rows(), a.rows()), u);
        WriteMatrix(EigenMatrix<T>::Identity(a.cols(), a.cols()), v);
      }
      return;
    }
    unsigned options = 0;
    if (vectors_) {
      options = full_ ? Eigen::ComputeFullU | Eigen::ComputeFullV
                      : Eigen::ComputeThinU | Eigen::ComputeThinV;
    }
    const Eigen::BDCSVD<EigenMatrix<T>> svd(a, options);
    for (int64_t k = 0; k < svd.singularValues().size(); ++k) s[k] = T(svd.singularValues()[k]);
    if (!vectors_) return;
    WriteMatrix(EigenMatrix<T>(svd.matrixU()), u);
    WriteMatrix(EigenMatrix<T>(svd.matrixV()), v);
  }

  const bool vectors_, full_;
};

template <typename T>
absl::Status SquareRoot(KernelContext& ctx) {
  WEFT_ASSIGN_OR_RETURN(const MatrixStack stack, SquareStackOf(ctx, 0));
  WEFT_ASSIGN_OR_RETURN(Array * y, ctx.AllocateOutput(0, ctx.input(0).shape()));
  const int64_t n = stack.rows;
  if (n == 0) return absl::OkStatus();
  const T* in = ctx.input(0).data<T>();
  T* out = y->mutable_data<T>();
  ctx.ParallelFor(stack.count, 1000 + 30 * CubicCost(n, n), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const EigenMatrix<T> a = ReadMatrix(in + i * n * n, n, n);
      WriteMatrix(EigenMatrix<T>(a.sqrt()), out + i * n * n);
    }
  });
  return absl::OkStatus();
}

}  // namespace

void RegisterEigKernels(KernelRegistry& k) {
  ForTypes<float, double, std::complex<float>, std::complex<double>>([&]<typename T>() {
    k.Add<SelfAdjointEig<T>>("SelfAdjointEigV2", kCpu, {{"T", dtype_of<T>}});
    k.Add<Svd<T>>("Svd", kCpu, {{"T", dtype_of<T>}});
    k.Add("MatrixSquareRoot", kCpu, {{"T", dtype_of<T>}}, SquareRoot<T>);
  });
}

}  // namespace weft
