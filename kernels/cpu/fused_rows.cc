// SPDX-License-Identifier: Apache-2.0
// Programs with reductions, row by row.
#include <algorithm>
#include <cstdlib>
#include <memory>

#include "kernels/common/reduce.h"
#include "kernels/cpu/fused_chain.h"
#include "weft/core/status_macros.h"

namespace weft::fused {
namespace {

// Rows beyond this would leave the second-level cache.
constexpr int64_t kMaxRowBytes = 256 << 10;

// The order of sums is that of the single op: blocks of a fixed size, then their results.
float ReduceRow(const Instruction& in, const float* x, int64_t n) {
  constexpr int64_t kBlock = kReduceRunBlock;
  const ReduceOp& op = *in.reduce;
  const auto run = [&](const float* from, int64_t count, float* acc) {
    op.runs(from, 1, count, acc);
  };
  float acc = 0;
  if (n <= kBlock) {
    run(x, n, &acc);
  } else {
    float partial[kMaxRowBytes / sizeof(float) / kBlock + 1];
    const int64_t blocks = (n + kBlock - 1) / kBlock;
    for (int64_t b = 0; b < blocks; ++b)
      run(x + b * kBlock, std::min(kBlock, n - b * kBlock), partial + b);
    op.runs_again(partial, 1, blocks, &acc);
  }
  float result = acc;
  if (op.finish) op.finish(&acc, 1, n, &result);
  return result;
}

}  // namespace

// For programs with reductions: finds out which results have one element a row. False if the
// operands are not all rows, columns and numbers of `out`, or its rows are too long.
bool FusedChain::ClassifyRows(const Shape& out, Call* call) const {
  const int64_t n = out.rank() > 0 ? out.dim(out.rank() - 1) : 0;
  if (n == 0 || (call->row != 0 && call->row != n)) return false;
  if (n * static_cast<int64_t>(sizeof(float)) * std::max(registers_, 1) > kMaxRowBytes)
    return false;
  call->row = n;
  call->is_column.assign(program_.size(), 0);
  for (size_t i = 0; i < program_.size(); ++i) {
    const Instruction& in = program_[i];
    bool column = true;
    for (int k = 0; k < in.operands(); ++k) {
      const int a = in.arguments[k];
      if (a < 0) {
        column &= call->is_column[static_cast<size_t>(-1 - a)] != 0;
        continue;
      }
      const Extent e = call->inputs[static_cast<size_t>(a)].extent;
      column &= e == Extent::kScalar || e == Extent::kColumn;
    }
    if (in.reduce && column) return false;
    call->is_column[i] = column || in.reduce;
  }
  return !call->is_column.back();
}

void FusedChain::RunRows(const Call& call, int64_t begin, int64_t end) const {
  const int64_t n = call.row;
  // Rows of the registers begin on cache lines.
  const int64_t stride = (n + 15) / 16 * 16;
  const size_t bytes = static_cast<size_t>(stride * std::max(registers_, 1)) * sizeof(float);
  const std::unique_ptr<float, void (*)(void*)> memory(
      static_cast<float*>(std::aligned_alloc(64, bytes)), std::free);
  const auto at = [&](int target) { return memory.get() + target * stride; };
  // While a row is computed the next one comes from memory, a part for each instruction; short
  // arrays are in the cache as it is.
  absl::InlinedVector<const float*, 8> fetched;
  for (const Input& in : call.inputs) {
    if (in.extent == Extent::kFull && call.n >= (int64_t{1} << 18)) fetched.push_back(in.data);
  }
  const int64_t part = (n / static_cast<int64_t>(program_.size()) + 15) / 16 * 16;
  const auto fetch = [&](int64_t row, int64_t from) {
    if (row >= end) return;
    for (const float* data : fetched) {
      for (int64_t i = from; i < std::min(from + part, n); i += 16)
        __builtin_prefetch(data + row * n + i);
    }
  };
  Steps steps;
  for (int64_t r = begin; r < end; ++r) {
    const auto operand = [&](int a, bool* uniform) -> const float* {
      if (a < 0) {
        const auto i = static_cast<size_t>(-1 - a);
        *uniform = call.is_scalar[i] || call.is_column[i];
        return call.is_scalar[i] ? &call.scalar_values[i] : at(program_[i].target);
      }
      const Input& in = call.inputs[static_cast<size_t>(a)];
      *uniform = in.extent == Extent::kScalar || in.extent == Extent::kColumn;
      return in.extent == Extent::kFull     ? in.data + r * n
             : in.extent == Extent::kColumn ? in.data + r
                                            : in.data;
    };
    for (size_t i = 0; i < program_.size(); ++i) {
      fetch(r + 1, static_cast<int64_t>(i) * part);
      if (call.is_scalar[i]) continue;
      const Instruction& in = program_[i];
      // A chain of columns would be short; one that ends in the row may begin with one.
      if (!in.reduce && !call.is_column[i] && in.starts != RegisterOp::kNone &&
          in.chain_end > i + 1) {
        const float* first = nullptr;
        bool uniform = false;
        const auto fill = [&](int a, ElementRun* run, size_t k) {
          run->in[k] = operand(a, &run->uniform[k]);
        };
        MakeChain(i, fill, &first, &uniform, &steps);
        for (size_t k = i + 1; k < in.chain_end; ++k) fetch(r + 1, static_cast<int64_t>(k) * part);
        const int target = program_[in.chain_end - 1].target;
        RunInRegisters(first, uniform, steps, target >= 0 ? at(target) : call.out + r * n, n,
                       false);
        i = in.chain_end - 1;
        continue;
      }
      float* const to = in.target >= 0 ? at(in.target) : call.out + r * n;
      bool uniform = false;
      if (in.reduce) {
        *to = ReduceRow(in, operand(in.arguments[0], &uniform), n);
        continue;
      }
      ElementRun run{};
      run.n = call.is_column[i] ? 1 : n;
      run.out = to;
      for (int k = 0; k < in.op->operands; ++k) {
        const auto u = static_cast<size_t>(k);
        run.in[u] = operand(in.arguments[k], &uniform);
        // A single element is as good as a run of one.
        run.uniform[u] = uniform && run.n > 1;
      }
      in.op->loop(run);
    }
  }
}

// Reduction i over whole arrays.
absl::Status FusedChain::ReduceLast(KernelContext& ctx, const Call& call,
                                    std::span<const Shape* const> inputs,
                                    std::span<const Shape* const> results, size_t i,
                                    std::vector<Array>* values) const {
  const int a = program_[i].arguments[0];
  const auto u = static_cast<size_t>(a >= 0 ? a : -1 - a);
  const Shape& shape = a >= 0 ? *inputs[u] : *results[u];
  AxisFlags axes(static_cast<size_t>(shape.rank()), false);
  axes.back() = true;
  WEFT_ASSIGN_OR_RETURN((*values)[i], ctx.AllocateTemp(kFloat32, *results[i]));
  const void* from =
      a >= 0 ? static_cast<const void*>(call.inputs[u].data) : (*values)[u].raw_data();
  return Reduce(ctx, *program_[i].reduce, PlanReduction(shape, axes, true), from,
                (*values)[i].raw_data());
}

}  // namespace weft::fused
