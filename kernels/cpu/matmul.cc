// SPDX-License-Identifier: Apache-2.0
// MatMul and the three BatchMatMuls.
#include <atomic>
#include <memory>
#include <type_traits>
#include <vector>

#include "kernels/cpu/gemm.h"
#include "kernels/cpu/gemv.h"
#include "kernels/cpu/rows.h"
#include "src/core/strings.h"
#include "weft/core/complex.h"
#include "weft/runtime/kernel.h"

namespace weft {

void RegisterSparseMatMulKernels(KernelRegistry& kernels);
void RegisterEinsumKernels(KernelRegistry& kernels);

namespace {

using cpu::GemmArgs;
using cpu::MatrixOp;

// How the products of two stacks go: `count` products of the same sizes. Matrix i of the result is
// made of matrix x_index[i] of x and y_index[i] of y; an empty index stands for i itself.
struct Products {
  GemmArgs gemm;
  Shape output;
  int64_t count = 1;
  std::vector<int64_t> x_index, y_index;
};

absl::Status SizesError(KernelContext& ctx, std::string_view rule) {
  return ctx.InvalidArgument(
      StrCat("Matrix size-incompatible: In[0]: ", ctx.input(0).shape().ToString(),
             ", In[1]: ", ctx.input(1).shape().ToString(), "; ", rule));
}

// Which matrix of a stack with these leading dimensions belongs to each matrix of the broadcast
// stack.
std::vector<int64_t> BroadcastIndex(const Shape& operand, const Shape& output, int64_t count) {
  const int batch_rank = output.rank() - 2, skipped = output.rank() - operand.rank();
  std::vector<int64_t> steps(static_cast<size_t>(batch_rank),
                             0);  // between neighbours along each dimension; 0 where broadcast
  int64_t step = 1;
  for (int d = batch_rank - 1; d >= skipped; --d) {
    const int64_t size = operand.dim(d - skipped);
    if (size != 1) steps[static_cast<size_t>(d)] = step;
    step *= size;
  }
  std::vector<int64_t> index(static_cast<size_t>(count));
  std::vector<int64_t> at(static_cast<size_t>(batch_rank), 0);
  int64_t current = 0;
  for (int64_t i = 0; i < count; ++i) {
    index[static_cast<size_t>(i)] = current;
    for (int d = batch_rank - 1; d >= 0; --d) {
      const auto u = static_cast<size_t>(d);
      current += steps[u];
      if (++at[u] < output.dim(d)) break;
      current -= steps[u] * at[u];
      at[u] = 0;
    }
  }
  return index;
}

absl::StatusOr<Products> PlanProducts(KernelContext& ctx, MatrixOp op_x, MatrixOp op_y,
                                      bool broadcast) {
  const Shape &x = ctx.input(0).shape(), &y = ctx.input(1).shape();
  if (x.rank() < 2 || y.rank() < 2)
    return SizesError(ctx, "both must have at least two dimensions");
  if (!broadcast && x.rank() != y.rank())
    return SizesError(ctx, "both must have the same number of dimensions");
  Products p;
  p.gemm.op_a = op_x;
  p.gemm.op_b = op_y;
  const int64_t x_rows = x.dim(x.rank() - 2), x_columns = x.dim(x.rank() - 1);
  const int64_t y_rows = y.dim(y.rank() - 2), y_columns = y.dim(y.rank() - 1);
  p.gemm.m = op_x == MatrixOp::kNone ? x_rows : x_columns;
  p.gemm.k = op_x == MatrixOp::kNone ? x_columns : x_rows;
  p.gemm.n = op_y == MatrixOp::kNone ? y_columns : y_rows;
  if (p.gemm.k != (op_y == MatrixOp::kNone ? y_rows : y_columns)) {
    return SizesError(ctx,
                      StrCat("the ", p.gemm.k, " columns of op(In[0]) must equal the ",
                             op_y == MatrixOp::kNone ? y_rows : y_columns, " rows of op(In[1])"));
  }
  const int rank = std::max(x.rank(), y.rank());
  std::vector<int64_t> dims(static_cast<size_t>(rank));
  bool x_whole = true, y_whole = true;  // not broadcast
  for (int d = 0; d < rank - 2; ++d) {
    const int dx = d - (rank - x.rank()), dy = d - (rank - y.rank());
    const int64_t a = dx >= 0 ? x.dim(dx) : 1, b = dy >= 0 ? y.dim(dy) : 1;
    if (a != b && !(broadcast && (a == 1 || b == 1))) {
      return SizesError(ctx, StrCat("In[0] and In[1] must have compatible batch dimensions, but ",
                                    a, " and ", b, " meet"));
    }
    const int64_t size = a == 1 ? b : a;
    dims[static_cast<size_t>(d)] = size;
    x_whole = x_whole && a == size;
    y_whole = y_whole && b == size;
  }
  dims[static_cast<size_t>(rank - 2)] = p.gemm.m;
  dims[static_cast<size_t>(rank - 1)] = p.gemm.n;
  std::string error;
  if (!Shape::Make(dims, &p.output, &error)) return SizesError(ctx, error);
  for (int d = 0; d < rank - 2; ++d) p.count *= dims[static_cast<size_t>(d)];
  if (p.output.num_elements() == 0) return p;
  const bool y_single = y.num_elements() == y_rows * y_columns;
  if (p.count > 1 && x_whole && y_single && op_x == MatrixOp::kNone) {
    // One matrix for all of a stack: the stack's rows are those of one tall matrix.
    p.gemm.m *= p.count;
    p.count = 1;
  } else {
    if (!x_whole) p.x_index = BroadcastIndex(x, p.output, p.count);
    if (!y_whole) p.y_index = BroadcastIndex(y, p.output, p.count);
  }
  return p;
}

// A rough cost in nanoseconds on one thread.
template <typename C>
double ProductCost(const GemmArgs& g) {
  const double work =
      static_cast<double>(g.m) * static_cast<double>(g.n) * static_cast<double>(g.k);
  return 100 + work / (cpu::kGemmIsInteger<C> ? 4 : 40);
}

// Products below this (multiplications) gain little from a team; stacks of them are shared out
// among the threads instead.
constexpr double kTeamWork = 1 << 22;

template <typename A, typename B, typename C>
class MatMulKernel : public Kernel {
 public:
  explicit MatMulKernel(KernelConstruction& c) {
    const bool matrices = c.op() == "MatMul";
    broadcast_ = c.op() == "BatchMatMulV2" || c.op() == "BatchMatMulV3";
    const MatrixOp flipped = matrices ? MatrixOp::kTranspose : MatrixOp::kAdjoint;
    if (c.Attr<bool>(matrices ? "transpose_a" : "adj_x")) op_x_ = flipped;
    if (c.Attr<bool>(matrices ? "transpose_b" : "adj_y")) op_y_ = flipped;
    only_matrices_ = matrices;
    // Set by the plan (row_weights.cc).
    if (std::is_same_v<C, float> && c.AttrOr<bool>("constant_weights", false))
      weights_ = std::make_unique<cpu::RowWeights>();
  }

  absl::Status Compute(KernelContext& ctx) override {
    if (only_matrices_ && (ctx.input(0).rank() != 2 || ctx.input(1).rank() != 2))
      return SizesError(ctx, "both must be matrices");
    WEFT_ASSIGN_OR_RETURN(Products p, PlanProducts(ctx, op_x_, op_y_, broadcast_));
    WEFT_ASSIGN_OR_RETURN(Array * z, ctx.AllocateOutput(0, p.output));
    if (z->num_elements() == 0) return absl::OkStatus();
    const A* x = ctx.input(0).data<A>();
    const B* y = ctx.input(1).data<B>();
    C* out = z->mutable_data<C>();
    if constexpr (std::is_same_v<A, float> && std::is_same_v<B, float>) {
      if (weights_ && p.gemm.m == 1) {
        weights_->Times(p.gemm.n, p.gemm.k, x, y, out, ctx.num_threads());
        return absl::OkStatus();
      }
    }
    if (p.count == 1) return One(ctx, p.gemm, x, y, out);
    return Many(ctx, p, x, y, out);
  }

  bool works_by_rows() const override {
    return std::is_same_v<A, float> && std::is_same_v<B, float> && only_matrices_ &&
           op_x_ == MatrixOp::kNone;
  }
  RowUse DivideRows(const KernelContext& ctx, int64_t rows) const override {
    const int64_t m = ctx.input(0).dim(0), k = ctx.input(0).dim(1);
    const int64_t n = ctx.input(1).dim(op_y_ == MatrixOp::kNone ? 1 : 0);
    if (!cpu::ProductHasRows(op_y_ != MatrixOp::kNone, m, rows, n, k)) return {};
    return {.split = cpu::SplitFirst(ctx, 1), .row_ns = cpu::ProductRowCost(n, k)};
  }

 private:
  static absl::Status One(KernelContext& ctx, GemmArgs gemm, const A* x, const B* y, C* out) {
    gemm.threads = ctx.num_threads();
    if constexpr (cpu::kGemmIsInteger<C>) {
      ctx.ParallelFor(
          gemm.m, ProductCost<C>(gemm) / static_cast<double>(gemm.m),
          [&](int64_t begin, int64_t end) { cpu::GemmIntegers(gemm, begin, end, x, y, out); });
      return absl::OkStatus();
    } else {
      return cpu::GemmAny(gemm, x, y, out);
    }
  }

  static absl::Status Many(KernelContext& ctx, const Products& p, const A* x, const B* y, C* out) {
    const GemmArgs& g = p.gemm;
    const int64_t x_size = g.m * g.k, y_size = g.k * g.n, z_size = g.m * g.n;
    const auto x_at = [&](int64_t i) {
      return x + (p.x_index.empty() ? i : p.x_index[static_cast<size_t>(i)]) * x_size;
    };
    const auto y_at = [&](int64_t i) {
      return y + (p.y_index.empty() ? i : p.y_index[static_cast<size_t>(i)]) * y_size;
    };
    const int threads = ctx.num_threads();
    const bool team = static_cast<double>(z_size) * static_cast<double>(g.k) >= kTeamWork &&
                      p.count % threads != 0 && p.count < 4 * threads;
    if (team && !cpu::kGemmIsInteger<C>) {
      for (int64_t i = 0; i < p.count; ++i)
        WEFT_RETURN_IF_ERROR(One(ctx, g, x_at(i), y_at(i), out + i * z_size));
      return absl::OkStatus();
    }
    std::atomic<bool> no_memory = false;
    ctx.ParallelFor(p.count, ProductCost<C>(g), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        if (!cpu::GemmAny(g, x_at(i), y_at(i), out + i * z_size).ok()) no_memory = true;
      }
    });
    if (no_memory)
      return ctx.Error(absl::StatusCode::kResourceExhausted,
                       "no memory for the blocks of a matrix product in float");
    return absl::OkStatus();
  }

  MatrixOp op_x_ = MatrixOp::kNone, op_y_ = MatrixOp::kNone;
  bool broadcast_ = false;
  bool only_matrices_ = false;
  std::unique_ptr<cpu::RowWeights> weights_;  // of a constant second matrix
};

template <typename A, typename B, typename C>
void AddV3(KernelRegistry& kernels) {
  kernels.Add<MatMulKernel<A, B, C>>(
      "BatchMatMulV3", kCpu, {{"Ta", dtype_of<A>}, {"Tb", dtype_of<B>}, {"Tout", dtype_of<C>}});
}

}  // namespace

void RegisterMatmulKernels(KernelRegistry& kernels) {
  ForTypes<float, double, half, bfloat16, complex64, complex128, int16_t, int32_t, int64_t>(
      [&]<typename T>() {
        for (const char* op : {"MatMul", "BatchMatMul", "BatchMatMulV2"})
          kernels.Add<MatMulKernel<T, T, T>>(op, kCpu, {{"T", dtype_of<T>}});
        AddV3<T, T, T>(kernels);
      });
  AddV3<int8_t, int8_t, int32_t>(kernels);
  AddV3<int8_t, uint8_t, int32_t>(kernels);
  AddV3<uint8_t, int8_t, int32_t>(kernels);
  AddV3<uint8_t, uint8_t, int32_t>(kernels);
  AddV3<bfloat16, int8_t, bfloat16>(kernels);
  AddV3<bfloat16, uint8_t, bfloat16>(kernels);
  AddV3<int8_t, bfloat16, bfloat16>(kernels);
  AddV3<uint8_t, bfloat16, bfloat16>(kernels);
  RegisterSparseMatMulKernels(kernels);
  RegisterEinsumKernels(kernels);
}

}  // namespace weft
