// SPDX-License-Identifier: Apache-2.0
// QR decompositions. LAPACK stores by columns: it sees the transpose of each matrix, and its LQ
// factors are the transposes of r and q.
#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>
#include <vector>

#include "kernels/cpu/lapack.h"
#include "kernels/cpu/linalg.h"
#include "kernels/cpu/matrix_stack.h"
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
    if (a.num_elements() > 0 && std::max(m, n) > cpu::kMaxLqSize)
      return ctx.InvalidArgument(StrCat("Input matrix is too large to be decomposed: got shape ",
                                        a.shape().ToString(), ", a side may be up to ",
                                        cpu::kMaxLqSize));
    WEFT_ASSIGN_OR_RETURN(Array * q, ctx.AllocateOutput(0, q_shape));
    WEFT_ASSIGN_OR_RETURN(Array * r, ctx.AllocateOutput(1, r_shape));
    const T* in = a.data<T>();
    T *q_out = q->mutable_data<T>(), *r_out = r->mutable_data<T>();
    ctx.ParallelFor(stack.count, 200 + 2 * CubicCost(std::min(m, n), std::max(m, n)),
                    [&](int64_t begin, int64_t end) {
                      for (int64_t i = begin; i < end; ++i)
                        Decompose(in + i * m * n, m, n, inner, q_out + i * m * inner,
                                  r_out + i * inner * n);
                    });
    return absl::OkStatus();
  }

 private:
  using Element = ComputeType<T>;

  static void Decompose(const T* in, int64_t m, int64_t n, int64_t inner, T* q, T* r) {
    if (m == 0 || n == 0) {
      std::fill_n(q, m * inner, T(0));
      for (int64_t i = 0; i < inner; ++i) q[i * inner + i] = T(1);
      return;  // r has no elements
    }
    std::vector<Element> a(m * n), tau(std::min(m, n));
    // The sign of an element decides on that of a row of r: -0 counts as 0.
    for (int64_t i = 0; i < m * n; ++i) a[i] = static_cast<Element>(in[i]) + Element(0);
    cpu::LqFactor(n, m, a.data(), tau.data());
    for (int64_t i = 0; i < inner; ++i) {
      const int64_t zeros = std::min(i, n);
      std::fill_n(r + i * n, zeros, T(0));
      for (int64_t j = zeros; j < n; ++j) r[i * n + j] = T(a[i * n + j]);
    }
    if constexpr (std::is_same_v<T, Element>) {
      Basis(a, tau, m, n, inner, q);
    } else {
      std::vector<Element> basis(m * inner);
      Basis(a, tau, m, n, inner, basis.data());
      for (int64_t i = 0; i < m * inner; ++i) q[i] = T(basis[i]);
    }
    Spread(in, m, n, inner, q, r);
  }

  // q from what LqFactor left.
  static void Basis(const std::vector<Element>& a, const std::vector<Element>& tau, int64_t m,
                    int64_t n, int64_t inner, Element* q) {
    const int64_t k = std::min(m, n);
    for (int64_t i = 0; i < m; ++i) std::copy_n(a.data() + i * n, k, q + i * inner);
    cpu::LqRows(inner, m, k, q, tau.data());
  }

  // LAPACK passes over zeros, so that NaN need not spread. Of a matrix that isn't finite: what a
  // reflection by such a column, or of it, reaches becomes NaN.
  static void Spread(const T* in, int64_t m, int64_t n, int64_t inner, T* q, T* r) {
    using R = cpu::Real<Element>;
    const T nan = T(std::numeric_limits<R>::quiet_NaN());
    // The last row alone is reflected only if it is complex, to make it real.
    const int64_t reflections = std::min(std::is_same_v<Element, R> ? m - 1 : m, n);
    int64_t first = n;
    for (int64_t j = 0; j < n; ++j) {
      bool finite = true;
      for (int64_t i = 0; i < m && finite; ++i) {
        const Element x = static_cast<Element>(in[i * n + j]);
        finite = std::isfinite(std::real(x)) && std::isfinite(std::imag(x));
      }
      if (finite) continue;
      first = std::min(first, j);
      if (reflections == 0) continue;
      for (int64_t i = 0; i < std::min(j + 1, inner); ++i) r[i * n + j] = nan;
    }
    if (first >= reflections) return;
    std::fill_n(q, m * inner, nan);
    for (int64_t i = first; i < std::min(inner, n); ++i) std::fill_n(r + i * n + i, n - i, nan);
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
