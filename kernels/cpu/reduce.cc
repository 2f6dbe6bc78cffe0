// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/reduce.h"

#include <cstring>
#include <string>

#include "weft/core/status_macros.h"

namespace weft {
namespace {

constexpr int64_t kRunBlock = kReduceRunBlock;
// Rows of a matrix that are folded in one go.
constexpr int64_t kRowBlock = 256;
// Narrower matrices are taken several rows at a time, as a matrix of wider rows.
constexpr int64_t kNarrow = 64;
// Columns that one thread takes: as many as have their partial results in half of the first-level
// cache, so that rows are read for long. Fewer where that would leave threads without work.
constexpr int64_t kWideChunkBytes = int64_t{16} << 10, kColumnChunk = 1024;
constexpr size_t kMaxAccumulator = 16;  // bytes

int64_t CeilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

const void* At(const void* base, int64_t elements, size_t size) {
  return static_cast<const char*>(base) + elements * static_cast<int64_t>(size);
}
void* At(void* base, int64_t elements, size_t size) {
  return static_cast<char*>(base) + elements * static_cast<int64_t>(size);
}

// One pass over the data: `from` [outer, reduced, inner] becomes `to` [outer, blocks, inner]. A
// pass with more than one block is followed by another over the blocks' results.
struct Pass {
  FoldRunsFn runs;
  FoldColumnsFn columns;
  FoldColumnsFn columns_again;
  size_t in_size;
  size_t acc_size;
  double cost_ns;
  ReductionStep shape;
  int64_t block;  // elements of the reduced dimension
  int64_t blocks;

  void Run(KernelContext& ctx, const void* from, void* to) const {
    if (shape.inner == 1) return RunRuns(ctx, from, to);
    if (shape.inner < kNarrow) return RunNarrow(ctx, from, to);
    RunWide(ctx, from, to);
  }

 private:
  // Where block `item` of all begins, and how many rows it has.
  const void* Begin(const void* from, int64_t item) const {
    const int64_t outer = item / blocks, b = item % blocks;
    return At(from, (outer * shape.reduced + b * block) * shape.inner, in_size);
  }
  int64_t Rows(int64_t item) const {
    return std::min(block, shape.reduced - (item % blocks) * block);
  }

  void RunRuns(KernelContext& ctx, const void* from, void* to) const {
    const double cost = cost_ns * static_cast<double>(std::min(block, shape.reduced));
    ctx.ParallelFor(shape.outer * blocks, cost, [&](int64_t begin, int64_t end) {
      if (blocks == 1) {
        runs(Begin(from, begin), end - begin, shape.reduced, At(to, begin, acc_size));
        return;
      }
      for (int64_t i = begin; i < end; ++i) runs(Begin(from, i), 1, Rows(i), At(to, i, acc_size));
    });
  }

  void RunWide(KernelContext& ctx, const void* from, void* to) const {
    const int64_t wide = kWideChunkBytes / static_cast<int64_t>(acc_size);
    const int64_t wide_items = shape.outer * blocks * CeilDiv(shape.inner, wide);
    const int64_t chunk = wide_items >= 4 * ctx.num_threads() ? wide : kColumnChunk;
    const int64_t chunks = CeilDiv(shape.inner, chunk);
    const double cost =
        cost_ns * static_cast<double>(std::min(block, shape.reduced) * shape.inner / chunks);
    ctx.ParallelFor(shape.outer * blocks * chunks, cost, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t item = i / chunks, column = (i % chunks) * chunk;
        columns(At(Begin(from, item), column, in_size), Rows(item), shape.inner,
                std::min(chunk, shape.inner - column), false,
                At(to, item * shape.inner + column, acc_size));
      }
    });
  }

  void RunNarrow(KernelContext& ctx, const void* from, void* to) const {
    const double cost = cost_ns * static_cast<double>(std::min(block, shape.reduced) * shape.inner);
    ctx.ParallelFor(shape.outer * blocks, cost, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        FoldNarrow(Begin(from, i), Rows(i), At(to, i * shape.inner, acc_size));
      }
    });
  }

  void FoldNarrow(const void* x, int64_t rows, void* acc) const {
    const int64_t inner = shape.inner;
    const int64_t together = 2 * kNarrow / inner;
    if (rows < 2 * together) return columns(x, rows, inner, inner, false, acc);
    alignas(64) char wide[2 * kNarrow * kMaxAccumulator];
    const int64_t width = together * inner;
    const int64_t full = rows / together, rest = rows % together;
    columns(x, full, width, width, false, wide);
    if (rest > 0) {
      columns(At(x, full * width, in_size), 1, rest * inner, rest * inner, true, wide);
    }
    columns_again(wide, together, inner, inner, false, acc);
  }
};

Pass MakePass(const ReduceOp& op, const ReductionStep& shape, bool again) {
  Pass pass;
  pass.runs = again ? op.runs_again : op.runs;
  pass.columns = again ? op.columns_again : op.columns;
  pass.columns_again = op.columns_again;
  pass.in_size = again ? op.acc_size : op.in_size;
  pass.acc_size = op.acc_size;
  pass.cost_ns = op.cost_ns;
  pass.shape = shape;
  pass.block = kRowBlock;
  if (shape.inner == 1) {
    pass.block = kRunBlock;
  } else if (shape.inner < kNarrow) {
    pass.block = kRowBlock * (2 * kNarrow / shape.inner);
  }
  pass.blocks = CeilDiv(shape.reduced, pass.block);
  return pass;
}

// No element meets another one: every output is one element, or none.
void FoldNothing(const ReduceOp& op, const ReductionPlan& plan, const void* x, void* acc) {
  const int64_t n = plan.output.num_elements();
  if (n > 0) op.columns(x, plan.reduced == 0 ? 0 : 1, n, n, false, acc);
}

absl::StatusOr<Array> Accumulators(KernelContext& ctx, const ReduceOp& op, int64_t n) {
  return ctx.AllocateTemp(kInt8, Shape({n * static_cast<int64_t>(op.acc_size)}));
}

}  // namespace

absl::Status Reduce(KernelContext& ctx, const ReduceOp& op, const ReductionPlan& plan,
                    const void* x, void* out) {
  const int64_t n = plan.output.num_elements();
  if (n == 0) return absl::OkStatus();
  Array result;  // accumulators that are not the output
  void* last = out;
  alignas(kMaxAccumulator) char single[kMaxAccumulator];
  if (op.finish != nullptr && n == 1) {
    last = single;
  } else if (op.finish != nullptr) {
    WEFT_ASSIGN_OR_RETURN(result, Accumulators(ctx, op, n));
    last = result.raw_data();
  }

  if (plan.steps.empty()) FoldNothing(op, plan, x, last);
  Array held;  // what the pass before has made
  const void* from = x;
  bool again = false;
  for (size_t s = 0; s < plan.steps.size(); ++s) {
    ReductionStep shape = plan.steps[s];
    while (true) {
      const Pass pass = MakePass(op, shape, again);
      const bool final_pass = pass.blocks == 1 && s + 1 == plan.steps.size();
      Array made;
      if (!final_pass) {
        WEFT_ASSIGN_OR_RETURN(made, Accumulators(ctx, op, shape.outer * pass.blocks * shape.inner));
      }
      pass.Run(ctx, from, final_pass ? last : made.raw_data());
      again = true;
      held = std::move(made);
      from = held.raw_data();
      if (pass.blocks == 1) break;
      shape.reduced = pass.blocks;
    }
  }
  if (op.finish != nullptr) op.finish(last, n, plan.reduced, out);
  return absl::OkStatus();
}

absl::Status ReduceKernel(KernelContext& ctx, const ReduceOp& op, bool keep_dims,
                          bool copy_if_whole) {
  const Array& x = ctx.input(0);
  const absl::StatusOr<ReductionPlan> plan = PlanReduction(x.shape(), ctx.input(1), keep_dims);
  if (!plan.ok()) return ctx.Error(plan.status().code(), std::string(plan.status().message()));
  if (copy_if_whole && plan->steps.empty() && plan->reduced == 1) {
    ctx.set_output(0, x.Reshaped(plan->output));
    return absl::OkStatus();
  }
  WEFT_ASSIGN_OR_RETURN(Array * y, ctx.AllocateOutput(0, plan->output));
  return Reduce(ctx, op, *plan, x.raw_data(), y->raw_data());
}

}  // namespace weft
