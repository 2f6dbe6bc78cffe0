// SPDX-License-Identifier: Apache-2.0
// 16-bit floats computed as float: whole arrays are converted before and after.
#pragma once

#include <cstdint>
#include <type_traits>

#include "kernels/cpu/vector_math.h"
#include "weft/core/array.h"
#include "weft/runtime/kernel.h"

namespace weft {

// The type that values of T are computed in.
template <typename T>
using Wide = std::conditional_t<std::is_same_v<T, half> || std::is_same_v<T, bfloat16>, float, T>;
template <typename T>
inline constexpr bool kIsWide = std::is_same_v<T, Wide<T>>;

inline void WidenRun(const half* x, float* y, int64_t n) { Vec().half_to_float(x, y, n); }
inline void WidenRun(const bfloat16* x, float* y, int64_t n) { Vec().bfloat16_to_float(x, y, n); }
inline void NarrowRun(const float* x, half* y, int64_t n) { Vec().float_to_half(x, y, n); }
inline void NarrowRun(const float* x, bfloat16* y, int64_t n) { Vec().float_to_bfloat16(x, y, n); }

// The values of x as Wide<T>: x itself (the buffer is shared), or a converted copy.
template <typename T>
absl::StatusOr<Array> WidenArray(KernelContext& ctx, const Array& x) {
  if constexpr (kIsWide<T>) {
    return x;
  } else {
    WEFT_ASSIGN_OR_RETURN(Array wide, ctx.AllocateTemp(dtype_of<Wide<T>>, x.shape()));
    WidenRun(x.data<T>(), wide.mutable_data<Wide<T>>(), x.num_elements());
    return wide;
  }
}

// Where results for y are written as Wide<T>: y itself, or an array that NarrowInto copies to y.
template <typename T>
absl::StatusOr<Array> WideOutput(KernelContext& ctx, const Array& y) {
  if constexpr (kIsWide<T>)
    return y;
  else
    return ctx.AllocateTemp(dtype_of<Wide<T>>, y.shape());
}

template <typename T>
void NarrowInto(const Array& wide, Array* y) {
  if constexpr (!kIsWide<T>)
    NarrowRun(wide.data<Wide<T>>(), y->mutable_data<T>(), y->num_elements());
}

}  // namespace weft
