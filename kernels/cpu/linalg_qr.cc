// SPDX-License-Identifier: Apache-2.0
// QR decompositions.
#include "kernels/cpu/eigen_matrix.h"
#include "kernels/cpu/linalg.h"
#include "weft/core/complex.h"

namespace weft {
namespace {

template <typename T>
class QrKernel final : public Kernel {
 public:
  explicit QrKernel(KernelConstruction& c) : full_matrices_(c.Attr<bool>("full_matrices")) {}

  absl::Status Compute(KernelContext& ctx) override {
    const Array& a = ctx.input(0);
    WEFT_ASSIGN_OR_RETURN(const MatrixStack stack, StackOf(ctx, 0));
    const int64_t m = stack.rows, n = stack.columns;
    const int64_t inner = full_matrices_ ? m : std::min(m, n);
    WEFT_ASSIGN_OR_RETURN(const Shape q_shape, WithMatrixSize(ctx, a.shape(), m, inner));
    WEFT_ASSIGN_OR_RETURN(const Shape r_shape, WithMatrixSize(ctx, a.shape(), inner, n));
    WEFT_ASSIGN_OR_RETURN(Array * q, ctx.AllocateOutput(0, q_shape));
    WEFT_ASSIGN_OR_RETURN(Array * r, ctx.AllocateOutput(1, r_shape));
    const T* in = a.data<T>();
    T *q_out = q->mutable_data<T>(), *r_out = r->mutable_data<T>();
    ctx.ParallelFor(stack.count, 200 + 2 * CubicCost(std::min(m, n), std::max(m, n)),
                    [&](int64_t begin, int64_t end) {
                      for (int64_t i = begin; i < end; ++i)
                        Decompose(ReadMatrix(in + i * m * n, m, n), inner, q_out + i * m * inner,
                                  r_out + i * inner * n);
                    });
    return absl::OkStatus();
  }

 private:
  static void Decompose(const EigenMatrix<T>& a, int64_t inner, T* q, T* r) {
    const int64_t m = a.rows(), n = a.cols();
    if (m == 0 || n == 0) {
      WriteMatrix(EigenMatrix<T>::Identity(m, inner), q);
      return;  // r has no elements
    }
    const Eigen::HouseholderQR<EigenMatrix<T>> qr(a);
    EigenMatrix<T> identity = EigenMatrix<T>::Identity(m, inner);
    WriteMatrix(EigenMatrix<T>(qr.householderQ() * identity), q);
    EigenMatrix<T> upper = EigenMatrix<T>::Zero(inner, n);
    upper.template triangularView<Eigen::Upper>() = qr.matrixQR().topRows(inner);
    WriteMatrix(upper, r);
  }

  bool full_matrices_;
};

}  // namespace

void RegisterQrKernels(KernelRegistry& k) {
  ForTypes<float, double, half, std::complex<float>, std::complex<double>>([&]<typename T>() {
    k.Add<QrKernel<T>>("Qr", kCpu, {{"T", dtype_of<T>}});
  });
}

}  // namespace weft
