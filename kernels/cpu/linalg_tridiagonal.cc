// SPDX-License-Identifier: Apache-2.0
// TridiagonalMatMul. TridiagonalSolve: elimination on three diagonals, with exchanges of
// neighbouring rows or without.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <vector>

#include "kernels/cpu/linalg.h"
#include "src/core/strings.h"
#include "weft/core/complex.h"

namespace weft {
namespace {

// Row i after elimination: diagonal, and the two entries right of it.
template <typename T>
struct Row {
  T pivot, next, second;
};

// Solves for k right sides; x [m, k] holds them and becomes the solution. `diagonals` [3, m]:
// element i of the first is a[i, i + 1], of the last a[i, i - 1]. False if a pivot is 0.
template <typename T>
bool Solve(const T* diagonals, int64_t m, int64_t k, bool pivoting, T* x) {
  const T *upper = diagonals, *middle = diagonals + m, *lower = diagonals + 2 * m;
  std::vector<Row<T>> rows(static_cast<size_t>(m));
  // The row that the next one is subtracted from, or exchanged with.
  Row<T> current{middle[0], m > 1 ? upper[0] : T(0), T(0)};
  for (int64_t i = 0; i + 1 < m; ++i) {
    T *here = x + i * k, *below = here + k;
    const T entry = lower[i + 1];
    Row<T> next{middle[i + 1], i + 2 < m ? upper[i + 1] : T(0), T(0)};
    if (pivoting && std::abs(entry) > std::abs(current.pivot)) {
      // The lower row goes first: [entry, next.pivot, next.next].
      const T factor = current.pivot / entry;
      rows[static_cast<size_t>(i)] = {entry, next.pivot, next.next};
      current = {current.next - factor * next.pivot, current.second - factor * next.next, T(0)};
      for (int64_t j = 0; j < k; ++j) {
        const T mine = here[j];
        here[j] = below[j];
        below[j] = mine - factor * below[j];
      }
      continue;
    }
    if (current.pivot == T(0)) return false;
    const T factor = entry / current.pivot;
    rows[static_cast<size_t>(i)] = current;
    current = {next.pivot - factor * current.next, next.next - factor * current.second, T(0)};
    for (int64_t j = 0; j < k; ++j) below[j] -= factor * here[j];
  }
  if (current.pivot == T(0)) return false;
  rows[static_cast<size_t>(m) - 1] = current;
  for (int64_t i = m; i-- > 0;) {
    const Row<T>& row = rows[static_cast<size_t>(i)];
    T* here = x + i * k;
    for (int64_t j = 0; j < k; ++j) {
      T value = here[j];
      if (i + 1 < m) value -= row.next * here[k + j];
      if (i + 2 < m) value -= row.second * here[2 * k + j];
      here[j] = value / row.pivot;
    }
  }
  return true;
}

// Inputs: super-, main and subdiagonal [..., 1, m], right side [..., m, k].
template <typename T>
absl::Status TridiagonalMatMul(KernelContext& ctx) {
  const Shape& b = ctx.input(3).shape();
  const int rank = b.rank();
  for (int i = 0; i < 3; ++i) {
    const Shape& a = ctx.input(i).shape();
    bool fits = rank >= 2 && a.rank() == rank && a.dim(rank - 2) == 1;
    fits = fits && a.dim(rank - 1) == b.dim(rank - 2);
    for (int d = 0; fits && d < rank - 2; ++d) fits = a.dim(d) == b.dim(d);
    if (!fits) {
      return ctx.InvalidArgument(
          StrCat("Expected diagonals [..., 1, M] and right-hand sides [..., M, K] of the same "
                 "outer dimensions, got ",
                 a.ToString(), " and ", b.ToString()));
    }
  }
  WEFT_ASSIGN_OR_RETURN(Array * y, ctx.AllocateOutput(0, b));
  if (y->num_elements() == 0) return absl::OkStatus();
  const int64_t m = b.dim(rank - 2), k = b.dim(rank - 1), count = y->num_elements() / (m * k);
  const T *upper = ctx.input(0).data<T>(), *middle = ctx.input(1).data<T>(),
          *lower = ctx.input(2).data<T>(), *x = ctx.input(3).data<T>();
  T* out = y->mutable_data<T>();
  ctx.ParallelFor(count * m, 3 * static_cast<double>(k), [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      const int64_t row = r % m;
      for (int64_t j = 0; j < k; ++j) {
        const T* at = x + r * k + j;
        T sum = middle[r] * *at;
        if (row > 0) sum += lower[r] * at[-k];
        if (row + 1 < m) sum += upper[r] * at[k];
        out[r * k + j] = sum;
      }
    }
  });
  return absl::OkStatus();
}

template <typename T>
class TridiagonalSolve final : public Kernel {
 public:
  explicit TridiagonalSolve(KernelConstruction& c) : pivoting_(c.Attr<bool>("partial_pivoting")) {
    if (c.AttrOr("perturb_singular", false)) {
      c.Fail(absl::UnimplementedError("perturb_singular is not there on a CPU"));
    }
  }

  absl::Status Compute(KernelContext& ctx) override {
    const Shape &a = ctx.input(0).shape(), &b = ctx.input(1).shape();
    const int rank = a.rank();
    bool fits = rank >= 2 && b.rank() == rank && a.dim(rank - 2) == 3;
    fits = fits && a.dim(rank - 1) == b.dim(rank - 2);
    for (int d = 0; fits && d < rank - 2; ++d) fits = a.dim(d) == b.dim(d);
    if (!fits) {
      return ctx.InvalidArgument(
          StrCat("Expected diagonals [..., 3, M] and right-hand sides [..., M, K] of the same "
                 "outer dimensions, got ",
                 a.ToString(), " and ", b.ToString()));
    }
    WEFT_ASSIGN_OR_RETURN(Array * x, ctx.AllocateOutput(0, b));
    if (x->num_elements() == 0) return absl::OkStatus();
    std::copy_n(ctx.input(1).data<T>(), x->num_elements(), x->mutable_data<T>());
    const int64_t m = b.dim(rank - 2), k = b.dim(rank - 1);
    const int64_t count = x->num_elements() / (m * k);
    const T* diagonals = ctx.input(0).data<T>();
    T* out = x->mutable_data<T>();
    std::atomic<bool> singular{false};
    ctx.ParallelFor(count, static_cast<double>(m) * (10 + 5 * static_cast<double>(k)),
                    [&](int64_t begin, int64_t end) {
                      for (int64_t i = begin; i < end; ++i) {
                        if (!Solve(diagonals + i * 3 * m, m, k, pivoting_, out + i * m * k))
                          singular = true;
                      }
                    });
    return singular ? ctx.InvalidArgument("The input matrix is not invertible.") : absl::OkStatus();
  }

 private:
  const bool pivoting_;
};

}  // namespace

void RegisterTridiagonalKernels(KernelRegistry& kernels) {
  ForTypes<float, double, complex64, complex128>([&]<typename T>() {
    kernels.Add("TridiagonalMatMul", kCpu, {{"T", dtype_of<T>}}, TridiagonalMatMul<T>);
    kernels.Add<TridiagonalSolve<T>>("TridiagonalSolve", kCpu, {{"T", dtype_of<T>}});
  });
}

}  // namespace weft
