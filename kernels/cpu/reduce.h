// SPDX-License-Identifier: Apache-2.0
// Reductions on the CPU.
//
// A reducer says how an element is taken up, how two partial results meet and what comes out at the
// end; the order of the work is the same compiled code for all. That order depends on the shape
// alone, never on the number of threads, so results are the same bits always: elements meet in
// lanes and in blocks of fixed size, and the blocks' results meet in the same way, so that rounding
// errors grow with the logarithm of the number of blocks and not with the number of elements.
//
//   struct SumOfSquares {
//     using In = half; using Acc = float; using Out = half;
//     static Acc Identity() { return 0; }
//     static Acc Load(In x) { return float(x) * float(x); }
//     static Acc Combine(Acc a, Acc b) { return a + b; }
//     static Out Finish(Acc a, int64_t count) { return half(a); }
//   };
//   WEFT_RETURN_IF_ERROR(Reduce(ctx, ReduceOpOf<SumOfSquares>(), plan, x.raw_data(),
//   y->raw_data()));
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "absl/status/status.h"
#include "kernels/common/reduce.h"
#include "weft/runtime/kernel.h"

namespace weft {

// acc[r] = x[r * n] + ... + x[r * n + n - 1] for each of `rows` rows ("+" being the reducer's
// Combine).
using FoldRunsFn = void (*)(const void* x, int64_t rows, int64_t n, void* acc);
// acc[c] = x[c] + x[stride + c] + ... over `rows` rows for each of `columns` columns; `more`: added
// to what acc holds.
using FoldColumnsFn = void (*)(const void* x, int64_t rows, int64_t stride, int64_t columns,
                               bool more, void* acc);
// out[i] from acc[i], into each of which `count` elements went.
using FinishFn = void (*)(const void* acc, int64_t n, int64_t count, void* out);

struct ReduceOp {
  FoldRunsFn runs;  // of elements
  FoldColumnsFn columns;
  FoldRunsFn runs_again;  // of accumulators
  FoldColumnsFn columns_again;
  FinishFn finish;  // null if accumulators are the output
  size_t in_size;   // bytes
  size_t acc_size;
  float cost_ns;  // of one element
};

// x of the shape that the plan was made for; out of plan.output. ResourceExhausted if there is no
// memory for partial results.
absl::Status Reduce(KernelContext& ctx, const ReduceOp& op, const ReductionPlan& plan,
                    const void* x, void* out);

// The usual kernel: input 1 has the axes. `copy_if_whole`: where no element meets another one the
// output is the input itself.
absl::Status ReduceKernel(KernelContext& ctx, const ReduceOp& op, bool keep_dims,
                          bool copy_if_whole);

namespace reduce_internal {

// Partial results side by side in FoldRun, so that the sum of a run is no chain of dependent
// additions.
template <typename Acc>
inline constexpr int64_t kLanes = std::max<int64_t>(8, 256 / static_cast<int64_t>(sizeof(Acc)));

// In: what x holds; Take: In -> Acc. n >= kWidth.
template <typename R, int64_t kWidth, typename In, typename Take>
typename R::Acc FoldInLanes(const In* x, int64_t n, Take take) {
  std::array<typename R::Acc, kWidth> lanes;
  for (int64_t l = 0; l < kWidth; ++l) lanes[l] = take(x[l]);
  int64_t i = kWidth;
  for (; i + kWidth <= n; i += kWidth) {
    for (int64_t l = 0; l < kWidth; ++l) lanes[l] = R::Combine(lanes[l], take(x[i + l]));
  }
  for (int64_t l = 0; i < n; ++i, ++l) lanes[l] = R::Combine(lanes[l], take(x[i]));
  for (int64_t half = kWidth / 2; half > 0; half /= 2) {
    for (int64_t l = 0; l < half; ++l) lanes[l] = R::Combine(lanes[l], lanes[l + half]);
  }
  return lanes[0];
}

template <typename R, typename In, typename Take>
typename R::Acc FoldRun(const In* x, int64_t n, Take take) {
  constexpr int64_t kWidth = kLanes<typename R::Acc>;
  constexpr int64_t kFewLanes = 8;
  if (n >= 2 * kWidth) return FoldInLanes<R, kWidth>(x, n, take);
  if (n >= 2 * kFewLanes) return FoldInLanes<R, kFewLanes>(x, n, take);
  if (n == 0) return R::Identity();
  typename R::Acc acc = take(x[0]);
  for (int64_t i = 1; i < n; ++i) acc = R::Combine(acc, take(x[i]));
  return acc;
}

template <typename R, typename In, typename Take>
void FoldRuns(const In* x, int64_t rows, int64_t n, typename R::Acc* acc, Take take) {
  for (int64_t r = 0; r < rows; ++r) acc[r] = FoldRun<R>(x + r * n, n, take);
}

template <typename R, typename In, typename Take>
void FoldColumns(const In* x, int64_t rows, int64_t stride, int64_t columns, bool more,
                 typename R::Acc* acc, Take take) {
  int64_t r = 0;
  if (!more && rows == 0) {
    for (int64_t c = 0; c < columns; ++c) acc[c] = R::Identity();
  } else if (!more) {
    for (int64_t c = 0; c < columns; ++c) acc[c] = take(x[c]);
    r = 1;
  }
  // Four rows a pass, to load and store the accumulators less often.
  for (; r + 4 <= rows; r += 4) {
    const In* a = x + r * stride;
    const In* b = a + stride;
    const In* c = b + stride;
    const In* d = c + stride;
#pragma GCC ivdep
    for (int64_t i = 0; i < columns; ++i) {
      acc[i] = R::Combine(acc[i], R::Combine(R::Combine(take(a[i]), take(b[i])),
                                             R::Combine(take(c[i]), take(d[i]))));
    }
  }
  for (; r < rows; ++r) {
    const In* row = x + r * stride;
#pragma GCC ivdep
    for (int64_t i = 0; i < columns; ++i) acc[i] = R::Combine(acc[i], take(row[i]));
  }
}

// The functions of ReduceOp. Take is a type so that the calls are inlined.
template <typename R>
struct TakeElement {
  typename R::Acc operator()(const typename R::In& x) const { return R::Load(x); }
};
template <typename R>
struct TakeAcc {
  typename R::Acc operator()(const typename R::Acc& x) const { return x; }
};
template <typename R, typename In, typename Take>
void Runs(const void* x, int64_t rows, int64_t n, void* acc) {
  FoldRuns<R>(static_cast<const In*>(x), rows, n, static_cast<typename R::Acc*>(acc), Take());
}
template <typename R, typename In, typename Take>
void Columns(const void* x, int64_t rows, int64_t stride, int64_t columns, bool more, void* acc) {
  FoldColumns<R>(static_cast<const In*>(x), rows, stride, columns, more,
                 static_cast<typename R::Acc*>(acc), Take());
}
template <typename R>
void FinishAll(const void* acc, int64_t n, int64_t count, void* out) {
  const auto* from = static_cast<const typename R::Acc*>(acc);
  auto* to = static_cast<typename R::Out*>(out);
  for (int64_t i = 0; i < n; ++i) to[i] = R::Finish(from[i], count);
}

}  // namespace reduce_internal

// A reducer whose accumulator is its output and needs no last step has no Finish.
template <typename R>
concept HasFinish = requires(typename R::Acc a, int64_t n) {
  R::Finish(a, n);
};

template <typename R>
constexpr ReduceOp ReduceOpOf(float cost_ns = 0.5f) {
  namespace in = reduce_internal;
  using In = typename R::In;
  using Acc = typename R::Acc;
  ReduceOp op{};
  op.runs = in::Runs<R, In, in::TakeElement<R>>;
  op.columns = in::Columns<R, In, in::TakeElement<R>>;
  op.runs_again = in::Runs<R, Acc, in::TakeAcc<R>>;
  op.columns_again = in::Columns<R, Acc, in::TakeAcc<R>>;
  if constexpr (HasFinish<R>) {
    op.finish = in::FinishAll<R>;
  } else {
    static_assert(std::is_same_v<Acc, typename R::Out>);
  }
  op.in_size = sizeof(In);
  op.acc_size = sizeof(Acc);
  op.cost_ns = cost_ns;
  return op;
}

}  // namespace weft
