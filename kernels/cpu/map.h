// SPDX-License-Identifier: Apache-2.0
// Kernels of one operand, y[i] = f(x[i]), and of two with as many elements, z[i] = f(x[i], y[i]).
//
//   AddMap<[](auto x) { return std::cbrt(x); }, half, bfloat16, float, double>(kernels, "Cbrt");
//   AddVectorMap<&VectorMath::exp>(kernels, "Exp");   // float, and half and bfloat16 by way of it
//
// half and bfloat16 are computed in float, with one rounding at the end.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <type_traits>

#include "absl/status/status.h"
#include "kernels/cpu/vector_math.h"
#include "weft/runtime/kernel.h"

namespace weft {

using MapLoop = void (*)(const void* x, void* y, int64_t n);
using PairLoop = void (*)(const void* x, const void* y, void* z, int64_t n);

// Input 0 to output 0, in place where possible. The loop is called for parts, on several threads;
// cost of an element in ns.
absl::Status RunMap(KernelContext& ctx, MapLoop loop, double cost_ns);
// Inputs 0 and 1, which must have as many elements (or the same shape), to output 0 with the shape
// of input 0.
enum class PairShapes { kSameCount, kSame };
absl::Status RunPairMap(KernelContext& ctx, PairLoop loop, double cost_ns, PairShapes shapes);

template <typename T>
inline constexpr bool kIsNarrow = std::is_same_v<T, half> || std::is_same_v<T, bfloat16>;
// The type that elements are computed in.
template <typename T>
using ComputeType = std::conditional_t<kIsNarrow<T>, float, T>;

// Elements of a narrow type that are converted at a time.
inline constexpr int64_t kNarrowBlock = 512;

inline void Widen(const half* x, float* y, int64_t n) { Vec().half_to_float(x, y, n); }
inline void Widen(const bfloat16* x, float* y, int64_t n) { Vec().bfloat16_to_float(x, y, n); }
inline void Narrow(const float* x, half* y, int64_t n) { Vec().float_to_half(x, y, n); }
inline void Narrow(const float* x, bfloat16* y, int64_t n) { Vec().float_to_bfloat16(x, y, n); }

// loop(x, y, n) over floats, for a narrow T.
template <typename T, typename F>
void MapNarrow(const T* x, T* y, int64_t n, F loop) {
  float block[kNarrowBlock];
  for (int64_t i = 0; i < n; i += kNarrowBlock) {
    const int64_t size = std::min(kNarrowBlock, n - i);
    Widen(x + i, block, size);
    loop(block, block, size);
    Narrow(block, y + i, size);
  }
}

// loop(x, y, z, n) over floats, for a narrow T.
template <typename T, typename F>
void PairMapNarrow(const T* x, const T* y, T* z, int64_t n, F loop) {
  float a[kNarrowBlock], b[kNarrowBlock];
  for (int64_t i = 0; i < n; i += kNarrowBlock) {
    const int64_t size = std::min(kNarrowBlock, n - i);
    Widen(x + i, a, size);
    Widen(y + i, b, size);
    loop(a, b, a, size);
    Narrow(a, z + i, size);
  }
}

// The loops of f: kF(In) -> Out.
template <auto kF, typename In, typename Out = In>
void LoopOf(const void* x, void* y, int64_t n) {
  const In* in = static_cast<const In*>(x);
  Out* out = static_cast<Out*>(y);
  if constexpr (kIsNarrow<In> && std::is_same_v<In, Out>) {
    MapNarrow(in, out, n,
              [](const float* a, float* b, int64_t size) { LoopOf<kF, float>(a, b, size); });
  } else {
    for (int64_t i = 0; i < n; ++i) out[i] = kF(static_cast<ComputeType<In>>(in[i]));
  }
}
template <auto kF, typename T>
void PairLoopOf(const void* x, const void* y, void* z, int64_t n) {
  const T* a = static_cast<const T*>(x);
  const T* b = static_cast<const T*>(y);
  T* out = static_cast<T*>(z);
  if constexpr (kIsNarrow<T>) {
    PairMapNarrow(a, b, out, n, [](const float* p, const float* q, float* r, int64_t size) {
      PairLoopOf<kF, float>(p, q, r, size);
    });
  } else {
    for (int64_t i = 0; i < n; ++i) out[i] = kF(a[i], b[i]);
  }
}

// The loops of a function on vectors.
template <VectorMath::Unary VectorMath::*kFn, typename T>
void VectorLoop(const void* x, void* y, int64_t n) {
  if constexpr (kIsNarrow<T>) {
    MapNarrow(static_cast<const T*>(x), static_cast<T*>(y), n, Vec().*kFn);
  } else {
    (Vec().*kFn)(static_cast<const float*>(x), static_cast<float*>(y), n);
  }
}
template <VectorMath::Binary VectorMath::*kFn, typename T>
void VectorPairLoop(const void* x, const void* y, void* z, int64_t n) {
  if constexpr (kIsNarrow<T>) {
    PairMapNarrow(static_cast<const T*>(x), static_cast<const T*>(y), static_cast<T*>(z), n,
                  Vec().*kFn);
  } else {
    (Vec().*kFn)(static_cast<const float*>(x), static_cast<const float*>(y), static_cast<float*>(z),
                 n);
  }
}

template <MapLoop kLoop, int kCostNs>
absl::Status MapKernel(KernelContext& ctx) {
  return RunMap(ctx, kLoop, kCostNs);
}
template <PairLoop kLoop, PairShapes kShapes, int kCostNs>
absl::Status PairMapKernel(KernelContext& ctx) {
  return RunPairMap(ctx, kLoop, kCostNs, kShapes);
}

// Registers kF for dtypes T of the attribute "T".
template <auto kF, typename... T>
void AddMap(KernelRegistry& kernels, std::string_view op) {
  ForTypes<T...>([&]<typename U>() {
    kernels.Add(op, kCpu, {{"T", dtype_of<U>}}, MapKernel < LoopOf<kF, U>,
                std::is_integral_v<U> ? 1 : 8 >);
  });
}
// kF from T to Out.
template <auto kF, typename Out, typename... T>
void AddMapTo(KernelRegistry& kernels, std::string_view op) {
  ForTypes<T...>([&]<typename U>() {
    kernels.Add(op, kCpu, {{"T", dtype_of<U>}}, MapKernel<LoopOf<kF, U, Out>, 1>);
  });
}
template <VectorMath::Unary VectorMath::*kFn>
void AddVectorMap(KernelRegistry& kernels, std::string_view op) {
  ForTypes<float, half, bfloat16>([&]<typename U>() {
    kernels.Add(op, kCpu, {{"T", dtype_of<U>}}, MapKernel<VectorLoop<kFn, U>, 1>);
  });
}
template <auto kF, PairShapes kShapes, typename... T>
void AddPairMap(KernelRegistry& kernels, std::string_view op) {
  ForTypes<T...>([&]<typename U>() {
    kernels.Add(op, kCpu, {{"T", dtype_of<U>}}, PairMapKernel<PairLoopOf<kF, U>, kShapes, 2>);
  });
}
template <VectorMath::Binary VectorMath::*kFn, PairShapes kShapes>
void AddVectorPairMap(KernelRegistry& kernels, std::string_view op) {
  ForTypes<float, half, bfloat16>([&]<typename U>() {
    kernels.Add(op, kCpu, {{"T", dtype_of<U>}}, PairMapKernel<VectorPairLoop<kFn, U>, kShapes, 1>);
  });
}

}  // namespace weft
