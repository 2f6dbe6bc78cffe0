// SPDX-License-Identifier: Apache-2.0
// MatrixSolveLs: least squares. BandedTriangularSolve: triangular systems of which a few diagonals
// are stored.
#include <algorithm>
#include <atomic>
#include <complex>
#include <limits>
#include <string>
#include <vector>

#include "kernels/common/broadcast_index.h"
#include "kernels/cpu/gemm.h"
#include "kernels/cpu/lapack.h"
#include "kernels/cpu/linalg.h"
#include "kernels/cpu/lu.h"
#include "kernels/cpu/matrix_stack.h"
#include "weft/core/complex.h"

namespace weft {
namespace {

using cpu::Real;

// ---- MatrixSolveLs ----

// One system: x [n, k] with a [m, n] x near b [m, k].
struct LeastSquares {
  int64_t m, n, k;
  double regularizer;
};

// c = a^H b for a [p, m] and b [p, n].
template <typename T>
absl::Status AdjointTimes(int64_t p, int64_t m, int64_t n, const T* a, const T* b, T* c) {
  cpu::GemmArgs g;
  g.op_a = cpu::MatrixOp::kAdjoint;
  g.m = m;
  g.n = n;
  g.k = p;
  return cpu::GemmAny(g, a, b, c);
}

// x [n, k] = (gram + regularizer)^-1 x; gram [n, n] is overwritten. False if that isn't positive
// definite.
template <typename T>
bool SolveGram(int64_t n, int64_t k, double regularizer, T* gram, T* x) {
  for (int64_t i = 0; i < n; ++i) gram[i * n + i] += T(static_cast<Real<T>>(regularizer));
  if (!cpu::FactorCholesky(n, gram)) return false;
  cpu::SolveTriangular(/*lower=*/true, /*adjoint=*/false, n, k, gram, x);
  cpu::SolveTriangular(/*lower=*/true, /*adjoint=*/true, n, k, gram, x);
  return true;
}

// By the normal equations: (a^H a + r)^-1 a^H b, or a^H (a a^H + r)^-1 b if there are more
// unknowns than equations.
template <typename T>
bool SolveNormal(const LeastSquares& s, const T* a, const T* b, T* x) {
  if (s.m >= s.n) {
    std::vector<T> gram(static_cast<size_t>(s.n * s.n));
    return AdjointTimes(s.m, s.n, s.n, a, a, gram.data()).ok() &&
           AdjointTimes(s.m, s.n, s.k, a, b, x).ok() &&
           SolveGram(s.n, s.k, s.regularizer, gram.data(), x);
  }
  std::vector<T> gram(static_cast<size_t>(s.m * s.m)), y(b, b + s.m * s.k);
  cpu::GemmArgs g;
  g.op_b = cpu::MatrixOp::kAdjoint;
  g.m = g.n = s.m;
  g.k = s.n;
  return cpu::GemmAny(g, a, a, gram.data()).ok() &&
         SolveGram(s.m, s.k, s.regularizer, gram.data(), y.data()) &&
         AdjointTimes(s.m, s.n, s.k, a, y.data(), x).ok();
}

// The solution of least norm, also of a matrix that lacks rank, by its singular values.
template <typename T>
bool SolveBySvd(const LeastSquares& s, const T* a, const T* b, T* x) {
  const int64_t p = std::min(s.m, s.n);
  // LAPACK stores by columns: it sees the transpose, a^T = u diag(values) vt.
  std::vector<T> copy(a, a + s.m * s.n), u(static_cast<size_t>(s.n * p)),
      vt(static_cast<size_t>(p * s.m));
  std::vector<Real<T>> values(static_cast<size_t>(p));
  if (!cpu::SingularValues(s.n, s.m, cpu::SvdVectors::kThin, copy.data(), values.data(), u.data(),
                           vt.data())) {
    return false;
  }
  const Real<T> least =
      values[0] * std::numeric_limits<Real<T>>::epsilon() * static_cast<Real<T>>(p);
  std::fill_n(x, s.n * s.k, T(0));
  for (int64_t r = 0; r < p; ++r) {
    const Real<T> value = values[static_cast<size_t>(r)];
    if (!(value > least)) continue;
    for (int64_t c = 0; c < s.k; ++c) {
      T sum = T(0);
      for (int64_t j = 0; j < s.m; ++j) sum += Conjugate(vt[j * p + r]) * b[j * s.k + c];
      sum /= value;
      for (int64_t i = 0; i < s.n; ++i) x[i * s.k + c] += Conjugate(u[r * s.n + i]) * sum;
    }
  }
  return true;
}

template <typename T>
class MatrixSolveLs final : public Kernel {
 public:
  explicit MatrixSolveLs(KernelConstruction& c) : fast_(c.Attr<bool>("fast")) {}

  absl::Status Compute(KernelContext& ctx) override {
    WEFT_ASSIGN_OR_RETURN(const MatrixStack a, StackOf(ctx, 0));
    WEFT_ASSIGN_OR_RETURN(const MatrixStack b, StackOf(ctx, 1));
    const Shape &a_shape = ctx.input(0).shape(), &b_shape = ctx.input(1).shape();
    bool same = a_shape.rank() == b_shape.rank() && a.rows == b.rows;
    for (int d = 0; same && d < a_shape.rank() - 2; ++d) same = a_shape.dim(d) == b_shape.dim(d);
    if (!same) {
      return ctx.InvalidArgument(StrCat("Input matrix and rhs are incompatible: ",
                                        a_shape.ToString(), " and ", b_shape.ToString()));
    }
    if (ctx.input(2).rank() != 0) {
      return ctx.InvalidArgument(StrCat("l2_regularizer must be scalar, but got tensor of shape ",
                                        ctx.input(2).shape().ToString()));
    }
    const LeastSquares s{a.rows, a.columns, b.columns, *ctx.input(2).data<double>()};
    if (!(s.regularizer >= 0)) return ctx.InvalidArgument("l2_regularizer must be >= 0.");
    if (std::max({s.m, s.n, s.k}) > std::numeric_limits<int>::max() / 16 ||
        (!fast_ && std::min(s.m, s.n) > cpu::kMaxLapackSize)) {
      return ctx.InvalidArgument(StrCat("the matrices are too large: got shapes ",
                                        a_shape.ToString(), " and ", b_shape.ToString()));
    }
    WEFT_ASSIGN_OR_RETURN(const Shape shape, WithMatrixSize(ctx, a_shape, s.n, s.k));
    WEFT_ASSIGN_OR_RETURN(Array * y, ctx.AllocateOutput(0, shape));
    T* out = y->mutable_data<T>();
    if (s.m == 0) std::fill_n(out, y->num_elements(), T(0));
    if (y->num_elements() == 0 || s.m == 0) return absl::OkStatus();
    const T *matrices = ctx.input(0).data<T>(), *sides = ctx.input(1).data<T>();
    std::atomic<bool> failed{false};
    const double cost = 500 + CubicCost(std::min(s.m, s.n), std::max(s.m, s.n) + s.k);
    ctx.ParallelFor(a.count, fast_ ? cost : 20 * cost, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end && !failed; ++i) {
        const T *matrix = matrices + i * s.m * s.n, *side = sides + i * s.m * s.k;
        T* x = out + i * s.n * s.k;
        if (!(fast_ ? SolveNormal(s, matrix, side, x) : SolveBySvd(s, matrix, side, x)))
          failed = true;
      }
    });
    if (!failed) return absl::OkStatus();
    return ctx.InvalidArgument(
        fast_ ? "Input matrix was rank deficient or ill-conditioned. Try setting fast=False or "
                "provide a larger l2_regularizer > 0."
              : "The decomposition of the input matrix was not successful.");
  }

 private:
  const bool fast_;
};

// ---- BandedTriangularSolve ----

// The matrix [n, n] behind `bands` [count, n]: of a lower one band d holds entry (i, i - d) at i;
// of an upper one the last band is the diagonal, and band count - 1 - d holds (i, i + d) at i.
template <typename T>
struct Bands {
  const T* data;
  int64_t count, n;
  bool lower;

  T at(int64_t row, int64_t column) const {
    return lower ? data[(row - column) * n + row] : data[(count - 1 - (column - row)) * n + row];
  }
};

// x [n, k] = a^-1 x, or (a^H)^-1 x.
template <typename T>
void SolveBands(const Bands<T>& a, bool adjoint, int64_t k, T* x) {
  const bool forward = a.lower != adjoint;  // whether the first row has one unknown
  const int64_t step = forward ? 1 : -1;
  for (int64_t t = 0; t < a.n; ++t) {
    const int64_t i = forward ? t : a.n - 1 - t;
    T* own = x + i * k;
    for (int64_t d = std::min(a.count - 1, t); d > 0; --d) {
      const int64_t j = i - step * d;
      const T factor = adjoint ? Conjugate(a.at(j, i)) : a.at(i, j);
      const T* other = x + j * k;
      for (int64_t c = 0; c < k; ++c) own[c] -= factor * other[c];
    }
    const T pivot = adjoint ? Conjugate(a.at(i, i)) : a.at(i, i);
    for (int64_t c = 0; c < k; ++c) own[c] /= pivot;
  }
}

template <typename T>
class BandedTriangularSolve final : public Kernel {
 public:
  explicit BandedTriangularSolve(KernelConstruction& c)
      : lower_(c.Attr<bool>("lower")), adjoint_(c.Attr<bool>("adjoint")) {}

  absl::Status Compute(KernelContext& ctx) override {
    WEFT_ASSIGN_OR_RETURN(const MatrixStack a, StackOf(ctx, 0));
    WEFT_ASSIGN_OR_RETURN(const MatrixStack b, StackOf(ctx, 1));
    const Shape &a_shape = ctx.input(0).shape(), &b_shape = ctx.input(1).shape();
    for (int i = 0; i < 2; ++i) {
      if (ctx.input(i).num_elements() > 0) continue;
      return ctx.InvalidArgument(StrCat("In[", i, "] must not be an empty tensor, but is of shape ",
                                        ctx.input(i).shape().ToString()));
    }
    if (a.columns != b.rows) {
      return ctx.InvalidArgument(StrCat("In[0] and In[1] are incompatible: ", a_shape.ToString(),
                                        " vs. ", b_shape.ToString(), "; In[1] must have ",
                                        a.columns, " rows"));
    }
    const Shape a_batch(a_shape.dims().first(static_cast<size_t>(a_shape.rank()) - 2)),
        b_batch(b_shape.dims().first(static_cast<size_t>(b_shape.rank()) - 2));
    const Shape* const batches[] = {&a_batch, &b_batch};
    const absl::StatusOr<BroadcastPlan> plan = PlanBroadcast(batches);
    if (!plan.ok()) {
      return ctx.InvalidArgument(StrCat("In[0] and In[1] must have compatible batch dimensions: ",
                                        a_shape.ToString(), " vs. ", b_shape.ToString()));
    }
    std::vector<int64_t> dims = plan->output.ToVector();
    dims.insert(dims.end(), {b.rows, b.columns});
    Shape shape;
    std::string why;
    if (!Shape::Make(dims, &shape, &why)) return ctx.InvalidArgument(why);
    WEFT_ASSIGN_OR_RETURN(Array * y, ctx.AllocateOutput(0, shape));
    const T *bands = ctx.input(0).data<T>(), *sides = ctx.input(1).data<T>();
    T* out = y->mutable_data<T>();
    const int64_t n = b.rows, k = b.columns;
    ctx.ParallelFor(
        plan->output.num_elements(),
        100.0 + static_cast<double>(a.rows * n) * static_cast<double>(k),
        [&](int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; ++i) {
            const T* side = sides + OperandIndex(*plan, 1, i) * n * k;
            const T* matrix = bands + OperandIndex(*plan, 0, i) * a.rows * n;
            std::copy_n(side, n * k, out + i * n * k);
            SolveBands(Bands<T>{matrix, a.rows, n, lower_}, adjoint_, k, out + i * n * k);
          }
        });
    return absl::OkStatus();
  }

 private:
  const bool lower_, adjoint_;
};

}  // namespace

void RegisterLeastSquaresKernels(KernelRegistry& kernels) {
  ForTypes<float, double, complex64, complex128>([&]<typename T>() {
    kernels.Add<MatrixSolveLs<T>>("MatrixSolveLs", kCpu, {{"T", dtype_of<T>}},
                                  {.host_arguments = {"l2_regularizer"}});
    kernels.Add<BandedTriangularSolve<T>>("BandedTriangularSolve", kCpu, {{"T", dtype_of<T>}});
  });
  kernels.Add<MatrixSolveLs<double>>("BatchMatrixSolveLs", kCpu, {{"T", kFloat64}},
                                     {.host_arguments = {"l2_regularizer"}});
  kernels.Add<MatrixSolveLs<float>>("BatchMatrixSolveLs", kCpu, {{"T", kFloat32}},
                                    {.host_arguments = {"l2_regularizer"}});
}

}  // namespace weft
