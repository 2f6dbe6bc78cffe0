// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/scatter_nd.h"

#include <algorithm>
#include <string>
#include <type_traits>

#include "kernels/cpu/element_class.h"
#include "kernels/cpu/update_loops.h"
#include "kernels/cpu/wrapping.h"
#include "weft/core/complex.h"

namespace weft {
namespace {

// Integers: b must not be 0. The one quotient that does not fit wraps around.
template <typename T>
T Quotient(T a, T b) {
  if constexpr (std::is_integral_v<T> && std::is_signed_v<T>) {
    if (b == -1) return arithmetic::Subtract(T{0}, a);
  }
  return static_cast<T>(a / b);
}

template <ScatterOp kOp, typename T>
void Combine(T& target, const T& update) {
  if constexpr (kOp == ScatterOp::kAssign) {
    target = update;
  } else if constexpr (kOp == ScatterOp::kAdd && std::is_same_v<T, std::string>) {
    target += update;
  } else if constexpr (kOp == ScatterOp::kAdd) {
    target = arithmetic::Add(target, update);
  } else if constexpr (kOp == ScatterOp::kSub) {
    target = arithmetic::Subtract(target, update);
  } else if constexpr (kOp == ScatterOp::kMul) {
    target = arithmetic::Multiply(target, update);
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
void CombineRun(T* target, const T* updates, int64_t n) {
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

template <ScatterOp kOp, typename T>
void ScatterSlices(const ScatterNdPlan& plan, int64_t first, int64_t last, const void* updates,
                   void* target) {
  const T* from = static_cast<const T*>(updates) + first;
  T* to = static_cast<T*>(target) + first;
  for (const int64_t offset : plan.offsets) {
    CombineRun<kOp>(to + offset, from, last - first);
    from += plan.inner;
  }
}

template <ScatterOp kOp, typename T>
void ScatterOne(const ScatterNdPlan& plan, int64_t first, int64_t last, const void* update,
                void* target) {
  const T& value = *static_cast<const T*>(update);
  T* to = static_cast<T*>(target);
  for (const int64_t offset : plan.offsets) {
    for (int64_t j = first; j < last; ++j) Combine<kOp>(to[offset + j], value);
  }
}

template <ScatterOp kOp, typename T>
inline constexpr ScatterLoops kScatterLoops = {ScatterSlices<kOp, T>, ScatterOne<kOp, T>};

template <ScatterOp kOp, typename... T>
const ScatterLoops* FindAmong(DataType dtype) {
  const ScatterLoops* found = nullptr;
  ((dtype == dtype_of<T> ? found = &kScatterLoops<kOp, T> : nullptr), ...);
  return found;
}

template <ScatterOp kOp, typename... More>
const ScatterLoops* FindNumeric(DataType dtype) {
  return FindAmong<kOp, float, double, half, bfloat16, int8_t, int16_t, int32_t, int64_t, uint8_t,
                   uint16_t, uint32_t, uint64_t, More...>(dtype);
}

}  // namespace

const ScatterLoops* FindScatterLoops(ScatterOp op, DataType dtype) {
  switch (op) {
    case ScatterOp::kAssign:
      return WithElementClass(dtype, []<typename U>() -> const ScatterLoops* {
        return &kScatterLoops<ScatterOp::kAssign, U>;
      });
    case ScatterOp::kAdd:
      return FindNumeric<ScatterOp::kAdd, complex64, complex128, bool, std::string>(dtype);
    case ScatterOp::kSub:
      return FindNumeric<ScatterOp::kSub, complex64, complex128, bool>(dtype);
    case ScatterOp::kMul:
      return FindNumeric<ScatterOp::kMul, complex64, complex128>(dtype);
    case ScatterOp::kDiv:
      return FindNumeric<ScatterOp::kDiv, complex64, complex128>(dtype);
    case ScatterOp::kMin:
      return FindNumeric<ScatterOp::kMin>(dtype);
    case ScatterOp::kMax:
      return FindNumeric<ScatterOp::kMax>(dtype);
  }
  return nullptr;
}

void ApplyScatterNd(KernelContext& ctx, const ScatterLoops& loops, const ScatterNdPlan& plan,
                    const Array& updates, Array* target) {
  constexpr int64_t kColumns = 16;  // of a slice, for one piece of work
  const int64_t pieces = (plan.inner + kColumns - 1) / kColumns;
  const auto count = static_cast<double>(plan.offsets.size());
  ctx.ParallelFor(pieces, count * kColumns, [&](int64_t begin, int64_t end) {
    loops.slices(plan, begin * kColumns, std::min(end * kColumns, plan.inner), updates.raw_data(),
                 target->raw_data());
  });
}

void ApplyScatterScalar(KernelContext& ctx, const ScatterLoops& loops, const ScatterNdPlan& plan,
                        const Array& update, Array* target) {
  const auto count = static_cast<double>(plan.offsets.size());
  ctx.ParallelFor(plan.inner, count, [&](int64_t begin, int64_t end) {
    loops.scalar(plan, begin, end, update.raw_data(), target->raw_data());
  });
}

}  // namespace weft
