// SPDX-License-Identifier: Apache-2.0
// Reductions on the CPU.
//
// A fold says how partial results meet, a reader how an element becomes one; the order of the work
// is the same compiled code for all. That order depends on the shape alone, never on the number of
// threads, so results are the same bits always: elements meet in lanes and in blocks of fixed size,
// and the blocks' results meet in the same way, so that rounding errors grow with the logarithm of
// the number of blocks and not with the number of elements.
//
//   struct AddingFloats {
//     using Acc = float;
//     static float Identity() { return 0; }
//     static float Combine(float a, float b) { return a + b; }
//   };
//   struct SquareOfHalf {
//     float operator()(half x) const { return float(x) * float(x); }
//   };
//   void ToHalves(const void* acc, int64_t n, int64_t count, void* out);
//   WEFT_RETURN_IF_ERROR(Reduce(ctx, ReduceOpOf<AddingFloats, half, SquareOfHalf>(ToHalves), plan,
//                               x.raw_data(), y->raw_data()));
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
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

// Elements of a run that are folded in one go; their results are folded in a second pass.
inline constexpr int64_t kReduceRunBlock = 4096;

// Of "Sum", "Mean", "Max" or "Min" over floats; null for others.
const ReduceOp* FindFloatReduceOp(std::string_view type);

namespace reduce_internal {

// Partial results side by side in FoldRun, so that the sum of a run is no chain of dependent
// additions.
template <typename Acc>
inline constexpr int64_t kLanes = std::max<int64_t>(8, 256 / static_cast<int64_t>(sizeof(Acc)));

// n >= kWidth.
template <typename Fold, int64_t kWidth, typename In, typename Take>
typename Fold::Acc FoldInLanes(const In* x, int64_t n, Take take) {
  std::array<typename Fold::Acc, kWidth> lanes;
  for (int64_t l = 0; l < kWidth; ++l) lanes[l] = take(x[l]);
  int64_t i = kWidth;
  for (; i + kWidth <= n; i += kWidth) {
    for (int64_t l = 0; l < kWidth; ++l) lanes[l] = Fold::Combine(lanes[l], take(x[i + l]));
  }
  for (int64_t l = 0; i < n; ++i, ++l) lanes[l] = Fold::Combine(lanes[l], take(x[i]));
  for (int64_t half = kWidth / 2; half > 0; half /= 2) {
    for (int64_t l = 0; l < half; ++l) lanes[l] = Fold::Combine(lanes[l], lanes[l + half]);
  }
  return lanes[0];
}

template <typename Fold, typename In, typename Take>
typename Fold::Acc FoldRun(const In* x, int64_t n, Take take) {
  constexpr int64_t kWidth = kLanes<typename Fold::Acc>;
  constexpr int64_t kFewLanes = 8;
  if (n >= 2 * kWidth) return FoldInLanes<Fold, kWidth>(x, n, take);
  if (n >= 2 * kFewLanes) return FoldInLanes<Fold, kFewLanes>(x, n, take);
  if (n == 0) return Fold::Identity();
  typename Fold::Acc acc = take(x[0]);
  for (int64_t i = 1; i < n; ++i) acc = Fold::Combine(acc, take(x[i]));
  return acc;
}

// The functions of ReduceOp. Take is a type so that the calls are inlined.
template <typename Fold, typename In, typename Take>
void FoldRuns(const void* elements, int64_t rows, int64_t n, void* accumulators) {
  const In* x = static_cast<const In*>(elements);
  auto* acc = static_cast<typename Fold::Acc*>(accumulators);
  for (int64_t r = 0; r < rows; ++r) acc[r] = FoldRun<Fold>(x + r * n, n, Take());
}

// Part of its callers, which may be compiled for several instruction sets.
template <typename Fold, typename In, typename Take>
__attribute__((always_inline)) inline void FoldColumnsInline(const void* elements, int64_t rows,
                                                             int64_t stride, int64_t columns,
                                                             bool more, void* accumulators) {
  const In* x = static_cast<const In*>(elements);
  auto* acc = static_cast<typename Fold::Acc*>(accumulators);
  const Take take;
  int64_t r = 0;
  if (!more && rows == 0) {
    for (int64_t c = 0; c < columns; ++c) acc[c] = Fold::Identity();
  } else if (!more) {
    for (int64_t c = 0; c < columns; ++c) acc[c] = take(x[c]);
    r = 1;
  }
  // Four rows a pass, to load and store the accumulators less often. Not of short rows that come
  // from memory: processors foresee what is read next only if it is read in order.
  constexpr int64_t kShortRow = 2048, kLargeBlock = int64_t{128} << 10;
  const int64_t row_bytes = columns * static_cast<int64_t>(sizeof(In));
  const bool in_order = row_bytes <= kShortRow && row_bytes * rows >= kLargeBlock;
  for (; !in_order && r + 4 <= rows; r += 4) {
    const In* a = x + r * stride;
    const In* b = a + stride;
    const In* c = b + stride;
    const In* d = c + stride;
#pragma GCC ivdep
    for (int64_t i = 0; i < columns; ++i) {
      acc[i] = Fold::Combine(acc[i], Fold::Combine(Fold::Combine(take(a[i]), take(b[i])),
                                                   Fold::Combine(take(c[i]), take(d[i]))));
    }
  }
  for (; r < rows; ++r) {
    const In* row = x + r * stride;
#pragma GCC ivdep
    for (int64_t i = 0; i < columns; ++i) acc[i] = Fold::Combine(acc[i], take(row[i]));
  }
}
template <typename Fold, typename In, typename Take>
void FoldColumns(const void* elements, int64_t rows, int64_t stride, int64_t columns, bool more,
                 void* accumulators) {
  FoldColumnsInline<Fold, In, Take>(elements, rows, stride, columns, more, accumulators);
}

}  // namespace reduce_internal

// The reader of elements that are partial results but for their type.
template <typename In, typename Acc>
struct AsPartialResult {
  Acc operator()(const In& x) const { return static_cast<Acc>(x); }
};

// `finish` null: accumulators are the output.
template <typename Fold, typename In, typename Take = AsPartialResult<In, typename Fold::Acc>>
constexpr ReduceOp ReduceOpOf(FinishFn finish = nullptr, float cost_ns = 0.5f) {
  namespace in = reduce_internal;
  using Acc = typename Fold::Acc;
  ReduceOp op{};
  op.runs = in::FoldRuns<Fold, In, Take>;
  op.columns = in::FoldColumns<Fold, In, Take>;
  op.runs_again = in::FoldRuns<Fold, Acc, AsPartialResult<Acc, Acc>>;
  op.columns_again = in::FoldColumns<Fold, Acc, AsPartialResult<Acc, Acc>>;
  op.finish = finish;
  op.in_size = sizeof(In);
  op.acc_size = sizeof(Acc);
  op.cost_ns = cost_ns;
  return op;
}

}  // namespace weft
