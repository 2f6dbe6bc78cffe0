// SPDX-License-Identifier: Apache-2.0
// The loops of training ops for half: every operation is rounded to 16 bits, as in TensorFlow.
#include "kernels/cpu/update_rules.h"

// Each instruction set costs compile time; those left cover the machines of the last fifteen years.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_AVX3_DL)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/update_half.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
// After foreach_target.h.
#include "hwy/highway.h"
#include "kernels/cpu/simd_target.h"
#include "kernels/cpu/update_numbers-inl.h"

HWY_BEFORE_NAMESPACE();
namespace weft {
namespace HWY_NAMESPACE {

const UpdateLoops* HalfTable() {
  static constexpr UpdateLoops kLoops = LoopsOf<NarrowLoop<half, ToHalf>>();
  return &kLoops;
}

}  // namespace HWY_NAMESPACE
}  // namespace weft
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace weft {

const UpdateLoops& HalfUpdateLoops() {
  static const UpdateLoops& loops = *WEFT_CHOOSE_SIMD(HalfTable)();
  return loops;
}

}  // namespace weft
#endif
