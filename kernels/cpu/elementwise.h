// SPDX-License-Identifier: Apache-2.0
// Element-wise kernels of two and three operands with broadcasting.
//
// An op gives one loop over a contiguous run, made from a functor; how runs are found in broadcast
// operands, threads, small shapes and buffers that are taken over are the same compiled code for
// all ops.
//
//   struct Hypot {
//     float operator()(float a, float b) const { return std::hypot(a, b); }
//   };
//   kernels.Add("Hypot", kCpu, {{"T", kFloat32}}, Elementwise<BinaryLoop<float, float, float,
//   Hypot>, float(float, float)>);
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "absl/status/status.h"
#include "kernels/common/broadcast.h"
#include "weft/runtime/kernel.h"

namespace weft {

// A run of `n` neighbouring output elements. Operand k has one element for each of them, or a
// single one for all.
struct ElementRun {
  std::array<const void*, kMaxBroadcastOperands> in;
  std::array<bool, kMaxBroadcastOperands> uniform;
  void* out;
  int64_t n;
};
using ElementLoop = void (*)(const ElementRun&);

// What the driver has to know of an op.
struct ElementwiseOp {
  ElementLoop loop;
  int num_operands;
  std::array<uint8_t, kMaxBroadcastOperands> in_sizes;  // bytes of an element
  uint8_t out_size;
  bool plain;     // elements may be moved as bytes
  bool in_place;  // the output may take over an operand of its size
  float cost_ns;  // of one element
};

// Inputs 0 .. num_operands - 1 to output 0.
absl::Status RunElementwise(KernelContext& ctx, const ElementwiseOp& op);

// As RunElementwise for operands and an output that the caller has: `out` has the plan's output
// shape.
void RunElementwise(KernelContext& ctx, const ElementwiseOp& op, const BroadcastPlan& plan,
                    const std::array<const void*, kMaxBroadcastOperands>& in, void* out);

// F()(A, B) -> Out, without state.
template <typename A, typename B, typename Out, typename F>
void BinaryLoop(const ElementRun& run) {
  const A* a = static_cast<const A*>(run.in[0]);
  const B* b = static_cast<const B*>(run.in[1]);
  Out* out = static_cast<Out*>(run.out);
  const int64_t n = run.n;
  const F f{};
  // The output may be one of the operands, but then it is so element by element.
  if (run.uniform[0]) {
    const A left = *a;
    if (run.uniform[1]) {
      const B right = *b;
      for (int64_t i = 0; i < n; ++i) out[i] = f(left, right);
      return;
    }
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) out[i] = f(left, b[i]);
  } else if (run.uniform[1]) {
    const B right = *b;
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) out[i] = f(a[i], right);
  } else {
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) out[i] = f(a[i], b[i]);
  }
}

// F()(A, B, C) -> Out, without state.
template <typename A, typename B, typename C, typename Out, typename F>
void TernaryLoop(const ElementRun& run) {
  const A* a = static_cast<const A*>(run.in[0]);
  const B* b = static_cast<const B*>(run.in[1]);
  const C* c = static_cast<const C*>(run.in[2]);
  Out* out = static_cast<Out*>(run.out);
  const int64_t n = run.n;
  const F f{};
  if (!run.uniform[0] && !run.uniform[1] && !run.uniform[2]) {
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) out[i] = f(a[i], b[i], c[i]);
  } else if (!run.uniform[0] && run.uniform[1] && run.uniform[2]) {
    const B second = *b;
    const C third = *c;
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) out[i] = f(a[i], second, third);
  } else {
    const int64_t step_a = run.uniform[0] ? 0 : 1, step_b = run.uniform[1] ? 0 : 1,
                  step_c = run.uniform[2] ? 0 : 1;
    for (int64_t i = 0; i < n; ++i) out[i] = f(a[i * step_a], b[i * step_b], c[i * step_c]);
  }
}

namespace internal {
template <typename T>
inline constexpr bool kMovableAsBytes = std::is_trivially_copyable_v<T>;
}  // namespace internal

// The driver's view of a loop over elements of these types; Signature is Out(A, B) or Out(A, B, C).
template <typename Signature>
struct ElementwiseTypes;
template <typename Out, typename... In>
struct ElementwiseTypes<Out(In...)> {
  static constexpr ElementwiseOp Op(ElementLoop loop, float cost_ns) {
    ElementwiseOp op{};
    op.loop = loop;
    op.num_operands = sizeof...(In);
    int k = 0;
    ((op.in_sizes[k++] = sizeof(In)), ...);
    op.out_size = sizeof(Out);
    op.plain = (internal::kMovableAsBytes<In> && ...) && internal::kMovableAsBytes<Out>;
    op.in_place = true;
    op.cost_ns = cost_ns;
    return op;
  }
};

// A kernel function for KernelRegistry::Add. kCostNs: nanoseconds for one element, roughly; whole
// numbers are exact enough.
template <ElementLoop kLoop, typename Signature, int kCostNs = 1>
absl::Status Elementwise(KernelContext& ctx) {
  static constexpr ElementwiseOp kOp = ElementwiseTypes<Signature>::Op(kLoop, kCostNs);
  return RunElementwise(ctx, kOp);
}

}  // namespace weft
