// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/tile_loops.h"

#include <algorithm>
#include <iterator>

#include "kernels/cpu/simd.h"
#include "kernels/cpu/vector_math.h"

namespace weft {
namespace {

// One loop for each way operands may be uniform, inlined into its callers, which are compiled once
// an instruction set.
template <typename F>
__attribute__((always_inline)) inline void Run(const ElementRun& run, F f) {
  const float* a = static_cast<const float*>(run.in[0]);
  const float* b = static_cast<const float*>(run.in[1]);
  float* out = static_cast<float*>(run.out);
  const int64_t n = run.n;
  if (run.uniform[0]) {
    const float left = *a;
    const int64_t step = run.uniform[1] ? 0 : 1;
    if (step == 0) {
      std::fill_n(out, n, f(left, *b));
      return;
    }
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) out[i] = f(left, b[i]);
  } else if (run.uniform[1]) {
    const float right = *b;
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) out[i] = f(a[i], right);
  } else {
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) out[i] = f(a[i], b[i]);
  }
}

}  // namespace

WEFT_SIMD void AddFloats(const ElementRun& run) {
  Run(
      run, [](float a, float b) __attribute__((always_inline)) { return a + b; });
}
WEFT_SIMD void SubtractFloats(const ElementRun& run) {
  Run(
      run, [](float a, float b) __attribute__((always_inline)) { return a - b; });
}
WEFT_SIMD void MultiplyFloats(const ElementRun& run) {
  Run(
      run, [](float a, float b) __attribute__((always_inline)) { return a * b; });
}
WEFT_SIMD void DivideFloats(const ElementRun& run) {
  Run(
      run, [](float a, float b) __attribute__((always_inline)) { return a / b; });
}
// NaN in either operand is the result.
WEFT_SIMD void MaximumFloats(const ElementRun& run) {
  Run(
      run, [](float a, float b) __attribute__((always_inline)) { return a != a || a > b ? a : b; });
}
WEFT_SIMD void MinimumFloats(const ElementRun& run) {
  Run(
      run, [](float a, float b) __attribute__((always_inline)) { return a != a || a < b ? a : b; });
}
WEFT_SIMD void SquaredDifferenceFloats(const ElementRun& run) {
  Run(
      run, [](float a, float b) __attribute__((always_inline)) { return (a - b) * (a - b); });
}

namespace {

template <VectorMath::Unary VectorMath::*kFn>
void Unary(const ElementRun& run) {
  (Vec().*kFn)(static_cast<const float*>(run.in[0]), static_cast<float*>(run.out), run.n);
}
// Operands of these ops have equal shapes, so neither is uniform in a longer run.
template <VectorMath::Binary VectorMath::*kFn>
void Pair(const ElementRun& run) {
  (Vec().*kFn)(static_cast<const float*>(run.in[0]), static_cast<const float*>(run.in[1]),
               static_cast<float*>(run.out), run.n);
}

constexpr float kCheap = 0.1f, kDivision = 0.4f, kFunction = 1.0f;

template <VectorMath::Unary VectorMath::*kFn>
constexpr TileOp UnaryOp(std::string_view type, float cost) {
  return {type, Unary<kFn>, 1, TileShapes::kAny, cost};
}
template <VectorMath::Binary VectorMath::*kFn>
constexpr TileOp PairOp(std::string_view type, float cost) {
  return {type, Pair<kFn>, 2, TileShapes::kSame, cost};
}
constexpr TileOp BroadcastOp(std::string_view type, ElementLoop loop, float cost) {
  return {type, loop, 2, TileShapes::kBroadcast, cost};
}

// By type, for a binary search.
constexpr TileOp kTileOps[] = {
    UnaryOp<&VectorMath::abs>("Abs", kCheap),
    BroadcastOp("Add", AddFloats, kCheap),
    {"AddN", AddFloats, 2, TileShapes::kSame, kCheap},
    BroadcastOp("AddV2", AddFloats, kCheap),
    {"BiasAdd", AddFloats, 2, TileShapes::kBias, kCheap},
    BroadcastOp("Div", DivideFloats, kDivision),
    UnaryOp<&VectorMath::elu>("Elu", kFunction),
    PairOp<&VectorMath::elu_grad>("EluGrad", kCheap),
    UnaryOp<&VectorMath::exp>("Exp", kFunction),
    UnaryOp<&VectorMath::expm1>("Expm1", kFunction),
    UnaryOp<&VectorMath::reciprocal>("Inv", kDivision),
    UnaryOp<&VectorMath::log>("Log", kFunction),
    UnaryOp<&VectorMath::log1p>("Log1p", kFunction),
    BroadcastOp("Maximum", MaximumFloats, kCheap),
    BroadcastOp("Minimum", MinimumFloats, kCheap),
    BroadcastOp("Mul", MultiplyFloats, kCheap),
    UnaryOp<&VectorMath::neg>("Neg", kCheap),
    BroadcastOp("RealDiv", DivideFloats, kDivision),
    UnaryOp<&VectorMath::reciprocal>("Reciprocal", kDivision),
    UnaryOp<&VectorMath::relu>("Relu", kCheap),
    UnaryOp<&VectorMath::relu6>("Relu6", kCheap),
    PairOp<&VectorMath::relu6_grad>("Relu6Grad", kCheap),
    PairOp<&VectorMath::relu_grad>("ReluGrad", kCheap),
    UnaryOp<&VectorMath::rsqrt>("Rsqrt", kDivision),
    UnaryOp<&VectorMath::selu>("Selu", kFunction),
    PairOp<&VectorMath::selu_grad>("SeluGrad", kCheap),
    UnaryOp<&VectorMath::sigmoid>("Sigmoid", kFunction),
    UnaryOp<&VectorMath::softplus>("Softplus", kFunction),
    PairOp<&VectorMath::softplus_grad>("SoftplusGrad", kFunction),
    UnaryOp<&VectorMath::softsign>("Softsign", kDivision),
    PairOp<&VectorMath::softsign_grad>("SoftsignGrad", kDivision),
    UnaryOp<&VectorMath::sqrt>("Sqrt", kDivision),
    UnaryOp<&VectorMath::square>("Square", kCheap),
    BroadcastOp("SquaredDifference", SquaredDifferenceFloats, kCheap),
    BroadcastOp("Sub", SubtractFloats, kCheap),
    UnaryOp<&VectorMath::tanh>("Tanh", kFunction),
};
static_assert(std::ranges::is_sorted(kTileOps, {}, &TileOp::type));

}  // namespace

const TileOp* FindTileOp(std::string_view type) {
  const auto* at = std::ranges::lower_bound(kTileOps, type, {}, &TileOp::type);
  return at != std::end(kTileOps) && at->type == type ? at : nullptr;
}

}  // namespace weft
