// SPDX-License-Identifier: Apache-2.0
// Slices of an array changed at tuples of indices: the core of ScatterNd, the tensor scatters and
// the scatters of variables.
#pragma once

#include <algorithm>
#include <complex>
#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

#include "absl/status/statusor.h"
#include "kernels/cpu/element_class.h"
#include "kernels/cpu/update_loops.h"
#include "weft/core/array.h"
#include "weft/runtime/kernel.h"

namespace weft {

// Where the slices of `updates` go, checked.
struct ScatterNdPlan {
  std::vector<int64_t> offsets;  // of the target's slices, in elements
  int64_t inner = 1;             // elements of a slice
};

// For a target of shape `shape`. As TensorFlow, a vector of n indices is taken as n tuples of one
// index. InvalidArgument if the shapes don't fit or an index is outside.
absl::StatusOr<ScatterNdPlan> PlanScatterNd(KernelContext& ctx, const Array& indices,
                                            const Shape& updates, const Shape& shape);

enum class ScatterOp { kAssign, kAdd, kSub, kMul, kDiv, kMin, kMax };

// Integers wrap around.
template <typename T>
inline T WrapAdd(T a, T b, bool subtract) {
  using U = std::make_unsigned_t<T>;
  return static_cast<T>(subtract ? static_cast<U>(a) - static_cast<U>(b)
                                 : static_cast<U>(a) + static_cast<U>(b));
}

template <typename T>
inline T WrapMultiply(T a, T b) {
  // Wider than int: products of narrow unsigned numbers would overflow it.
  using U = std::conditional_t<sizeof(T) <= sizeof(uint32_t), uint32_t, uint64_t>;
  return static_cast<T>(static_cast<U>(a) * static_cast<U>(b));
}

// Integers: b must not be 0. The one quotient that does not fit wraps around.
template <typename T>
inline T Quotient(T a, T b) {
  if constexpr (std::is_integral_v<T> && std::is_signed_v<T>) {
    if (b == -1) return WrapAdd(T{0}, a, /*subtract=*/true);
  }
  return static_cast<T>(a / b);
}

template <ScatterOp kOp, typename T>
inline void Combine(T& target, const T& update) {
  if constexpr (kOp == ScatterOp::kAssign) {
    target = update;
  } else if constexpr (kOp == ScatterOp::kAdd) {
    if constexpr (std::is_same_v<T, bool>) {
      target = target || update;
    } else if constexpr (std::is_integral_v<T>) {
      target = WrapAdd(target, update, false);
    } else {
      target += update;
    }
  } else if constexpr (kOp == ScatterOp::kSub) {
    if constexpr (std::is_same_v<T, bool>) {
      target = target != update;
    } else if constexpr (std::is_integral_v<T>) {
      target = WrapAdd(target, update, true);
    } else {
      target -= update;
    }
  } else if constexpr (kOp == ScatterOp::kMul) {
    if constexpr (std::is_integral_v<T>) {
      target = WrapMultiply(target, update);
    } else {
      target *= update;
    }
  } else if constexpr (kOp == ScatterOp::kDiv) {
    target = Quotient(target, update);
  } else if constexpr (kOp == ScatterOp::kMin) {
    target = update < target ? update : target;
  } else {
    target = target < update ? update : target;
  }
}

// Combine for n elements.
template <ScatterOp kOp, typename T>
inline void CombineRun(T* target, const T* updates, int64_t n) {
  constexpr bool kVector = std::is_same_v<T, float> || std::is_same_v<T, double>;
  if constexpr (kVector && kOp == ScatterOp::kAdd) {
    cpu::AddRows(target, updates, n, target);
  } else if constexpr (kVector && kOp == ScatterOp::kSub) {
    cpu::SubtractRows(target, updates, n, target);
  } else if constexpr (kOp == ScatterOp::kAssign) {
    CopyRun(target, updates, n);
  } else {
    for (int64_t j = 0; j < n; ++j) Combine<kOp>(target[j], updates[j]);
  }
}

// Updates are applied in their order for every element, so that the result does not depend on the
// number of threads.
template <ScatterOp kOp, typename T>
void ApplyScatterNd(KernelContext& ctx, const ScatterNdPlan& plan, const T* updates, T* target) {
  constexpr int64_t kColumns = 16;  // of a slice, for one piece of work
  const int64_t pieces = (plan.inner + kColumns - 1) / kColumns;
  const int64_t count = static_cast<int64_t>(plan.offsets.size());
  ctx.ParallelFor(pieces, static_cast<double>(count) * kColumns, [&](int64_t begin, int64_t end) {
    const int64_t first = begin * kColumns, last = std::min(end * kColumns, plan.inner);
    for (int64_t k = 0; k < count; ++k) {
      T* to = target + plan.offsets[k];
      const T* from = updates + k * plan.inner;
      CombineRun<kOp>(to + first, from + first, last - first);
    }
  });
}

// As ApplyScatterNd with one update for every element of every slice.
template <ScatterOp kOp, typename T>
void ApplyScatterScalar(KernelContext& ctx, const ScatterNdPlan& plan, const T& update, T* target) {
  const double cost = static_cast<double>(plan.offsets.size());
  ctx.ParallelFor(plan.inner, cost, [&](int64_t begin, int64_t end) {
    for (const int64_t offset : plan.offsets) {
      for (int64_t j = begin; j < end; ++j) Combine<kOp>(target[offset + j], update);
    }
  });
}

}  // namespace weft
