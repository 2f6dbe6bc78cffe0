// SPDX-License-Identifier: Apache-2.0
// max(v, 0), with 0 for NaN, for files that are compiled once an instruction set (Highway).
#if defined(WEFT_KERNELS_CPU_POSITIVE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef WEFT_KERNELS_CPU_POSITIVE_INL_H_
#undef WEFT_KERNELS_CPU_POSITIVE_INL_H_
#else
#define WEFT_KERNELS_CPU_POSITIVE_INL_H_
#endif

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace weft {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class D>
HWY_INLINE hn::Vec<D> Positive(D d, hn::Vec<D> v) {
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_SSE4
  // The instruction gives its second operand where the first is NaN.
  return hn::Max(v, hn::Zero(d));
#else
  return hn::IfThenElseZero(hn::Gt(v, hn::Zero(d)), v);
#endif
}

}  // namespace HWY_NAMESPACE
}  // namespace weft
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
