// SPDX-License-Identifier: Apache-2.0
// Inverses, solutions of systems, Cholesky factors.
#include <algorithm>
#include <atomic>
#include <limits>
#include <vector>

#include "kernels/common/broadcast_index.h"
#include "kernels/cpu/linalg.h"
#include "kernels/cpu/lu.h"
#include "kernels/cpu/matrix_stack.h"
#include "weft/core/complex.h"

namespace weft {
namespace {

// Calls solve(i) for each of `count` matrices, in parallel; `error` if one of them says no.
template <typename F>
absl::Status ForEachMatrix(KernelContext& ctx, int64_t count, double cost, const char* error,
                           const F& solve) {
  std::atomic<bool> failed{false};
  ctx.ParallelFor(count, cost, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      if (!solve(i)) failed.store(true, std::memory_order_relaxed);
    }
  });
  return failed ? ctx.InvalidArgument(error) : absl::OkStatus();
}

// The LU factors of one matrix [n, n].
template <typename T>
class Factors {
 public:
  Factors(const T* a, int64_t n, bool adjoint) : n_(n), lu_(n * n), order_(n) {
    for (int64_t i = 0; i < n; ++i) {
      for (int64_t j = 0; j < n; ++j) {
        lu_[i * n + j] = adjoint ? Conjugate(static_cast<Element>(a[j * n + i]))
                                 : static_cast<Element>(a[i * n + j]);
      }
    }
    cpu::FactorLu(n, lu_.data(), order_.data());
  }

  bool IsInvertible() const { return cpu::IsInvertible(n_, lu_.data()); }

  // Copies the solution for the right side b [n, k] to x.
  void Solve(const T* b, int64_t k, T* x) const {
    for (int64_t i = 0; i < n_; ++i) std::copy_n(b + order_[i] * k, k, x + i * k);
    cpu::SolveLu(n_, k, lu_.data(), x);
  }

  void Invert(T* x) const {
    std::vector<Element> inverse(n_ * n_);
    for (int64_t i = 0; i < n_; ++i) inverse[i * n_ + order_[i]] = Element(1);
    cpu::SolveLu(n_, n_, lu_.data(), inverse.data());
    for (int64_t i = 0; i < n_ * n_; ++i) x[i] = T(inverse[i]);
  }

 private:
  using Element = ComputeType<T>;

  const int64_t n_;
  std::vector<Element> lu_;
  std::vector<int64_t> order_;  // row i of the factors is this row of the matrix
};

template <typename T>
class MatrixInverseKernel final : public Kernel {
 public:
  explicit MatrixInverseKernel(KernelConstruction& c) : adjoint_(c.Attr<bool>("adjoint")) {}

  absl::Status Compute(KernelContext& ctx) override {
    WEFT_ASSIGN_OR_RETURN(const MatrixStack stack, SquareStackOf(ctx, 0));
    WEFT_ASSIGN_OR_RETURN(Array * y, ctx.ForwardOrAllocate({0}, 0, ctx.input(0).shape()));
    const int64_t n = stack.rows;
    if (n == 0) return absl::OkStatus();
    const T* in = ctx.input(0).data<T>();
    T* out = y->mutable_data<T>();
    return ForEachMatrix(ctx, stack.count, 200 + CubicCost(n, n), "Input is not invertible.",
                         [&](int64_t i) {
                           const Factors<T> factors(in + i * n * n, n, adjoint_);
                           if (!factors.IsInvertible()) return false;
                           factors.Invert(out + i * n * n);
                           return true;
                         });
  }

 private:
  bool adjoint_;
};

template <typename T>
bool LowerCholesky(const T* in, int64_t n, T* out) {
  if (out != in) std::copy_n(in, n * n, out);
  if (!cpu::FactorCholesky(n, out)) return false;
  for (int64_t i = 0; i < n; ++i) std::fill_n(out + i * n + i + 1, n - i - 1, T(0));
  return true;
}

template <typename T>
absl::Status Cholesky(KernelContext& ctx) {
  WEFT_ASSIGN_OR_RETURN(const MatrixStack stack, SquareStackOf(ctx, 0));
  WEFT_ASSIGN_OR_RETURN(Array * y, ctx.ForwardOrAllocate({0}, 0, ctx.input(0).shape()));
  const int64_t n = stack.rows;
  if (n == 0) return absl::OkStatus();
  const T* in = ctx.input(0).data<T>();
  T* out = y->mutable_data<T>();
  return ForEachMatrix(
      ctx, stack.count, 200 + CubicCost(n, n) / 3,
      "Cholesky decomposition was not successful. The input might not be valid.",
      [&](int64_t i) { return LowerCholesky(in + i * n * n, n, out + i * n * n); });
}

absl::Status CheckRightSide(KernelContext& ctx, const MatrixStack& a, const MatrixStack& b) {
  if (a.rows == b.rows) {
    constexpr int64_t kMost = std::numeric_limits<int>::max();
    if (b.columns <= kMost) return absl::OkStatus();
    return ctx.InvalidArgument(StrCat("rhs is too large: got shape ",
                                      ctx.input(1).shape().ToString(), ", at most ", kMost,
                                      " columns can be solved for"));
  }
  return ctx.InvalidArgument(
      StrCat("Input matrix and rhs are incompatible: ", ctx.input(0).shape().ToString(), " and ",
             ctx.input(1).shape().ToString(), "; rhs must have ", a.rows, " rows"));
}

template <typename T>
class MatrixSolveKernel final : public Kernel {
 public:
  explicit MatrixSolveKernel(KernelConstruction& c) : adjoint_(c.Attr<bool>("adjoint")) {}

  absl::Status Compute(KernelContext& ctx) override {
    const Shape &a_shape = ctx.input(0).shape(), &b_shape = ctx.input(1).shape();
    WEFT_ASSIGN_OR_RETURN(const MatrixStack a, SquareStackOf(ctx, 0));
    WEFT_ASSIGN_OR_RETURN(const MatrixStack b, StackOf(ctx, 1));
    WEFT_RETURN_IF_ERROR(CheckRightSide(ctx, a, b));
    bool same = a_shape.rank() == b_shape.rank();
    for (int d = 0; same && d < a_shape.rank() - 2; ++d) same = a_shape.dim(d) == b_shape.dim(d);
    if (!same)
      return ctx.InvalidArgument(StrCat("All input tensors must have the same outer dimensions: ",
                                        a_shape.ToString(), " and ", b_shape.ToString()));
    WEFT_ASSIGN_OR_RETURN(Array * y, ctx.AllocateOutput(0, b_shape));
    if (y->num_elements() == 0) return absl::OkStatus();
    const int64_t n = a.rows, k = b.columns;
    const T *matrices = ctx.input(0).data<T>(), *sides = ctx.input(1).data<T>();
    T* out = y->mutable_data<T>();
    return ForEachMatrix(ctx, a.count, 200 + CubicCost(n, n + k), "Input matrix is not invertible.",
                         [&](int64_t i) {
                           const Factors<T> factors(matrices + i * n * n, n, adjoint_);
                           if (!factors.IsInvertible()) return false;
                           factors.Solve(sides + i * n * k, k, out + i * n * k);
                           return true;
                         });
  }

 private:
  bool adjoint_;
};

template <typename T>
class TriangularSolveKernel final : public Kernel {
 public:
  explicit TriangularSolveKernel(KernelConstruction& c)
      : lower_(c.Attr<bool>("lower")), adjoint_(c.Attr<bool>("adjoint")) {}

  absl::Status Compute(KernelContext& ctx) override {
    WEFT_ASSIGN_OR_RETURN(const MatrixStack a, SquareStackOf(ctx, 0));
    WEFT_ASSIGN_OR_RETURN(const MatrixStack b, StackOf(ctx, 1));
    WEFT_RETURN_IF_ERROR(CheckRightSide(ctx, a, b));
    const Shape a_batch = Batch(ctx.input(0).shape()), b_batch = Batch(ctx.input(1).shape());
    const Shape* const batches[] = {&a_batch, &b_batch};
    const absl::StatusOr<BroadcastPlan> plan = PlanBroadcast(batches);
    if (!plan.ok())
      return ctx.InvalidArgument(StrCat("In[0] and In[1] must have compatible batch dimensions: ",
                                        ctx.input(0).shape().ToString(), " vs. ",
                                        ctx.input(1).shape().ToString()));
    const int64_t n = a.rows, k = b.columns, count = plan->output.num_elements();
    std::vector<int64_t> dims(plan->output.dims().begin(), plan->output.dims().end());
    dims.insert(dims.end(), {n, k});
    Shape shape;
    std::string why;
    if (!Shape::Make(dims, &shape, &why)) return ctx.InvalidArgument(why);
    WEFT_ASSIGN_OR_RETURN(Array * y, ctx.AllocateOutput(0, shape));
    if (y->num_elements() == 0) return absl::OkStatus();
    const T *matrices = ctx.input(0).data<T>(), *sides = ctx.input(1).data<T>();
    T* out = y->mutable_data<T>();
    ctx.ParallelFor(count, 100 + CubicCost(n, k) / 2, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const T* side = sides + OperandIndex(*plan, 1, i) * n * k;
        T* x = out + i * n * k;
        std::copy_n(side, n * k, x);
        cpu::SolveTriangular(lower_, adjoint_, n, k, matrices + OperandIndex(*plan, 0, i) * n * n,
                             x);
      }
    });
    return absl::OkStatus();
  }

 private:
  static Shape Batch(const Shape& s) {
    return Shape(std::vector<int64_t>(s.dims().begin(), s.dims().end() - 2));
  }

  bool lower_, adjoint_;
};

}  // namespace

void RegisterSolveKernels(KernelRegistry& k) {
  ForTypes<float, double, std::complex<float>, std::complex<double>>([&]<typename T>() {
    k.Add("Cholesky", kCpu, {{"T", dtype_of<T>}}, Cholesky<T>);
    k.Add<MatrixSolveKernel<T>>("MatrixSolve", kCpu, {{"T", dtype_of<T>}});
    k.Add<TriangularSolveKernel<T>>("MatrixTriangularSolve", kCpu, {{"T", dtype_of<T>}});
  });
  // Old names of them.
  ForTypes<float, double>([&]<typename T>() {
    const KernelConstraints type = {{"T", dtype_of<T>}};
    k.Add("BatchCholesky", kCpu, type, Cholesky<T>);
    k.Add<MatrixSolveKernel<T>>("BatchMatrixSolve", kCpu, type);
    k.Add<TriangularSolveKernel<T>>("BatchMatrixTriangularSolve", kCpu, type);
    k.Add<MatrixInverseKernel<T>>("BatchMatrixInverse", kCpu, type);
  });
  ForTypes<float, double, half, std::complex<float>, std::complex<double>>([&]<typename T>() {
    k.Add<MatrixInverseKernel<T>>("MatrixInverse", kCpu, {{"T", dtype_of<T>}});
  });
}

}  // namespace weft
