// SPDX-License-Identifier: Apache-2.0
// Inverses, solutions of systems, Cholesky factors.
#include <atomic>

#include "kernels/common/broadcast_index.h"
#include "kernels/cpu/eigen_matrix.h"
#include "kernels/cpu/linalg.h"
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

// Not for an empty matrix.
template <typename M>
bool IsInvertible(const Eigen::PartialPivLU<M>& lu) {
  return lu.matrixLU().diagonal().cwiseAbs().minCoeff() > 0;
}

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
                           EigenMatrix<T> a = ReadMatrix(in + i * n * n, n, n);
                           if (adjoint_) a.adjointInPlace();
                           const Eigen::PartialPivLU<EigenMatrix<T>> lu(a);
                           if (!IsInvertible(lu)) return false;
                           WriteMatrix(EigenMatrix<T>(lu.inverse()), out + i * n * n);
                           return true;
                         });
  }

 private:
  bool adjoint_;
};

template <typename T>
absl::Status Cholesky(KernelContext& ctx) {
  WEFT_ASSIGN_OR_RETURN(const MatrixStack stack, SquareStackOf(ctx, 0));
  WEFT_ASSIGN_OR_RETURN(Array * y, ctx.ForwardOrAllocate({0}, 0, ctx.input(0).shape()));
  const int64_t n = stack.rows;
  if (n == 0) return absl::OkStatus();
  const T* in = ctx.input(0).data<T>();
  T* out = y->mutable_data<T>();
  return ForEachMatrix(ctx, stack.count, 200 + CubicCost(n, n) / 3,
                       "Cholesky decomposition was not successful. The input might not be valid.",
                       [&](int64_t i) {
                         const Eigen::LLT<EigenMatrix<T>> llt(ReadMatrix(in + i * n * n, n, n));
                         if (llt.info() != Eigen::Success) return false;
                         WriteMatrix(EigenMatrix<T>(llt.matrixL()), out + i * n * n);
                         return true;
                       });
}

absl::Status CheckRightSide(KernelContext& ctx, const MatrixStack& a, const MatrixStack& b) {
  if (a.rows == b.rows) return absl::OkStatus();
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
                           EigenMatrix<T> m = ReadMatrix(matrices + i * n * n, n, n);
                           if (adjoint_) m.adjointInPlace();
                           const Eigen::PartialPivLU<EigenMatrix<T>> lu(m);
                           if (!IsInvertible(lu)) return false;
                           const EigenMatrix<T> rhs = ReadMatrix(sides + i * n * k, n, k);
                           WriteMatrix(EigenMatrix<T>(lu.solve(rhs)), out + i * n * k);
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
        const EigenMatrix<T> m = ReadMatrix(matrices + OperandIndex(*plan, 0, i) * n * n, n, n);
        EigenMatrix<T> x = ReadMatrix(sides + OperandIndex(*plan, 1, i) * n * k, n, k);
        Solve(m, &x);
        WriteMatrix(x, out + i * n * k);
      }
    });
    return absl::OkStatus();
  }

 private:
  static Shape Batch(const Shape& s) {
    return Shape(std::vector<int64_t>(s.dims().begin(), s.dims().end() - 2));
  }
  void Solve(const EigenMatrix<T>& m, EigenMatrix<T>* x) const {
    const auto lower = m.template triangularView<Eigen::Lower>();
    const auto upper = m.template triangularView<Eigen::Upper>();
    if (lower_ && adjoint_)
      lower.adjoint().solveInPlace(*x);
    else if (lower_)
      lower.solveInPlace(*x);
    else if (adjoint_)
      upper.adjoint().solveInPlace(*x);
    else
      upper.solveInPlace(*x);
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
