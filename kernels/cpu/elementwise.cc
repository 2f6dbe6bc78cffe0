// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/elementwise.h"

#include <algorithm>
#include <cstring>
#include <span>
#include <string>
#include <utility>

#include "weft/core/status_macros.h"

namespace weft {
namespace {

using Operands = std::array<const void*, kMaxBroadcastOperands>;

// Up to here a call is about latency: no thread, no search for a buffer to take over.
constexpr int64_t kSmall = 2048;
// Inner runs below this many elements are first spread out into blocks.
constexpr int64_t kShortRun = 32;
constexpr int64_t kBlock = 512;
constexpr int64_t kMaxElement = 16;  // bytes; of plain types

const void* At(const void* base, int64_t elements, size_t size) {
  return static_cast<const char*>(base) + elements * static_cast<int64_t>(size);
}
void* At(void* base, int64_t elements, size_t size) {
  return static_cast<char*>(base) + elements * static_cast<int64_t>(size);
}

// A position in the space of a plan, with the offset of each operand there.
class Cursor {
 public:
  Cursor(const BroadcastPlan& plan, int64_t position) : plan_(plan), index_(plan.dims.size()) {
    for (int d = static_cast<int>(plan.dims.size()) - 1; d >= 0; --d) {
      const BroadcastDim& dim = plan.dims[d];
      index_[d] = position % dim.size;
      position /= dim.size;
      for (int k = 0; k < plan.num_operands; ++k) offsets_[k] += index_[d] * dim.strides[k];
    }
  }
  int64_t offset(int k) const { return offsets_[k]; }
  // Elements up to the end of the inner dimension.
  int64_t left_in_run() const { return plan_.dims.back().size - index_.back(); }
  // At most left_in_run().
  void Advance(int64_t n) {
    int d = static_cast<int>(plan_.dims.size()) - 1;
    Move(d, n);
    while (d > 0 && index_[d] == plan_.dims[d].size) {
      Move(d, -plan_.dims[d].size);
      Move(--d, 1);
    }
  }

 private:
  void Move(int d, int64_t n) {
    index_[d] += n;
    for (int k = 0; k < plan_.num_operands; ++k) offsets_[k] += n * plan_.dims[d].strides[k];
  }

  const BroadcastPlan& plan_;
  absl::InlinedVector<int64_t, 5> index_;
  std::array<int64_t, kMaxBroadcastOperands> offsets_{};
};

// Outputs [begin, end), a run of the inner dimension at a time.
void WalkRuns(const ElementwiseOp& op, const BroadcastPlan& plan, const Operands& in, void* out,
              int64_t begin, int64_t end) {
  ElementRun run{};
  for (int k = 0; k < op.num_operands; ++k) run.uniform[k] = plan.dims.back().strides[k] == 0;
  Cursor cursor(plan, begin);
  for (int64_t i = begin; i < end; i += run.n) {
    run.n = std::min(end - i, cursor.left_in_run());
    for (int k = 0; k < op.num_operands; ++k)
      run.in[k] = At(in[k], cursor.offset(k), op.in_sizes[k]);
    run.out = At(out, i, op.out_size);
    op.loop(run);
    cursor.Advance(run.n);
  }
}

struct Bytes16 {
  char bytes[16];
};

template <typename T>
void SpreadAs(const void* from, int64_t stride, int64_t n, void* to) {
  const T* source = static_cast<const T*>(from);
  T* target = static_cast<T*>(to);
  for (int64_t i = 0; i < n; ++i) target[i] = source[i * stride];
}

// Writes n elements of `size` bytes, equal ones (stride 0) or neighbours (stride 1).
void Spread(const void* from, int64_t stride, int64_t n, size_t size, void* to) {
  switch (size) {
    case 1:
      return SpreadAs<uint8_t>(from, stride, n, to);
    case 2:
      return SpreadAs<uint16_t>(from, stride, n, to);
    case 4:
      return SpreadAs<uint32_t>(from, stride, n, to);
    case 8:
      return SpreadAs<uint64_t>(from, stride, n, to);
    default:
      return SpreadAs<Bytes16>(from, stride, n, to);
  }
}

// One operand of a walk by blocks.
class SpreadOperand {
 public:
  SpreadOperand(const BroadcastPlan& plan, int k, const void* base, size_t size, int64_t begin,
                int64_t end)
      : plan_(plan), k_(k), base_(base), size_(size), cursor_(plan, begin) {
    const auto repeated = [k](const BroadcastDim& d) { return d.strides[k] == 0; };
    uniform_ = std::ranges::all_of(plan.dims, repeated);
    whole_ = std::ranges::none_of(plan.dims, repeated);
    if (plan.dims.size() == 2 && plan.dims[0].strides[k] == 0 && !uniform_) {
      period_ = plan.dims[1].size;
      Fill(std::min(kBlock + period_, end - begin + period_));
      phase_ = 0;
    }
  }
  bool uniform() const { return uniform_; }
  // The elements of outputs [begin, begin + n). Blocks are asked for in order.
  const void* Next(int64_t begin, int64_t n) {
    if (uniform_) return base_;
    if (whole_) return At(base_, begin, size_);
    if (period_ > 0) {
      const void* here = At(buffer_, phase_, size_);
      phase_ = (phase_ + n) % period_;
      return here;
    }
    Fill(n);
    return buffer_;
  }

 private:
  void Fill(int64_t n) {
    const int64_t stride = plan_.dims.back().strides[k_];
    for (int64_t i = 0; i < n;) {
      const int64_t length = std::min(n - i, cursor_.left_in_run());
      Spread(At(base_, cursor_.offset(k_), size_), stride, length, size_, At(buffer_, i, size_));
      cursor_.Advance(length);
      i += length;
    }
  }

  const BroadcastPlan& plan_;
  const int k_;
  const void* const base_;
  const size_t size_;
  Cursor cursor_;
  bool uniform_ = false;
  bool whole_ = false;
  int64_t period_ = 0;  // > 0: the buffer holds more than a block of a repeated row
  int64_t phase_ = 0;
  alignas(64) char buffer_[(kBlock + kShortRun) * kMaxElement];
};

// Outputs [begin, end), a block at a time with the operands spread out: for inner dimensions too
// short for a loop of their own.
void WalkBlocks(const ElementwiseOp& op, const BroadcastPlan& plan, const Operands& in, void* out,
                int64_t begin, int64_t end) {
  SpreadOperand first(plan, 0, in[0], op.in_sizes[0], begin, end);
  SpreadOperand second(plan, 1, in[1], op.in_sizes[1], begin, end);
  // Of two operands, the second stands for the third and is asked for nothing.
  const bool three = op.num_operands == 3;
  SpreadOperand third(plan, three ? 2 : 1, in[three ? 2 : 1], op.in_sizes[three ? 2 : 1], begin,
                      three ? end : begin);
  ElementRun run{};
  run.uniform = {first.uniform(), second.uniform(), third.uniform()};
  for (int64_t i = begin; i < end; i += run.n) {
    run.n = std::min(end - i, kBlock);
    run.in = {first.Next(i, run.n), second.Next(i, run.n), three ? third.Next(i, run.n) : nullptr};
    run.out = At(out, i, op.out_size);
    op.loop(run);
  }
}

void Walk(const ElementwiseOp& op, const BroadcastPlan& plan, const Operands& in, void* out,
          int64_t begin, int64_t end) {
  const bool short_runs = plan.dims.size() > 1 && plan.dims.back().size < kShortRun;
  if (short_runs && op.plain && end - begin > 2 * plan.dims.back().size) {
    WalkBlocks(op, plan, in, out, begin, end);
  } else {
    WalkRuns(op, plan, in, out, begin, end);
  }
}

absl::StatusOr<Array*> Output(KernelContext& ctx, const ElementwiseOp& op, const Shape& shape) {
  if (!op.in_place || shape.num_elements() <= kSmall) return ctx.AllocateOutput(0, shape);
  if (op.num_operands == 2) return ctx.ForwardOrAllocate({0, 1}, 0, shape);
  return ctx.ForwardOrAllocate({0, 1, 2}, 0, shape);
}

[[gnu::noinline]] absl::Status RunGeneral(KernelContext& ctx, const ElementwiseOp& op) {
  const Shape* shapes[kMaxBroadcastOperands];
  Operands in{};
  for (int k = 0; k < op.num_operands; ++k) {
    shapes[k] = &ctx.input(k).shape();
    in[k] = ctx.input(k).raw_data();
  }
  absl::StatusOr<BroadcastPlan> plan = PlanBroadcast(std::span(shapes, op.num_operands));
  if (!plan.ok()) return ctx.Error(plan.status().code(), std::string(plan.status().message()));
  WEFT_ASSIGN_OR_RETURN(Array * out, Output(ctx, op, plan->output));
  RunElementwise(ctx, op, *plan, in, out->raw_data());
  return absl::OkStatus();
}

}  // namespace

void RunElementwise(KernelContext& ctx, const ElementwiseOp& op, const BroadcastPlan& plan,
                    const Operands& in, void* out) {
  const int64_t n = plan.output.num_elements();
  if (n == 0) return;
  if (n <= kSmall) return Walk(op, plan, in, out, 0, n);
  ctx.ParallelFor(n, op.cost_ns,
                  [&](int64_t begin, int64_t end) { Walk(op, plan, in, out, begin, end); });
}

absl::Status RunElementwise(KernelContext& ctx, const ElementwiseOp& op) {
  const Array& a = ctx.input(0);
  const Array& b = ctx.input(1);
  if (op.num_operands != 2 || a.num_elements() > kSmall || !(a.shape() == b.shape()))
    return RunGeneral(ctx, op);
  auto out = ctx.AllocateOutput(0, a.shape());
  if (!out.ok()) return std::move(out).status();
  op.loop({{a.raw_data(), b.raw_data()}, {}, (*out)->raw_data(), a.num_elements()});
  return absl::OkStatus();
}

}  // namespace weft
