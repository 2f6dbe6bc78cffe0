// SPDX-License-Identifier: Apache-2.0
// The loops of training ops for bfloat16: every operation is rounded to 16 bits, as in TensorFlow.
#include "kernels/cpu/update_rules.h"

// Each instruction set costs compile time; those left cover the machines of the last fifteen years.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_AVX3_DL)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/update_bfloat16.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
// After foreach_target.h.
#include "hwy/highway.h"
#include "kernels/cpu/simd_target.h"
#include "kernels/cpu/update_numbers-inl.h"

HWY_BEFORE_NAMESPACE();
namespace weft {
namespace HWY_NAMESPACE {

const UpdateLoops* Bfloat16Table() {
  static constexpr UpdateLoops kLoops = LoopsOf<NarrowLoop<bfloat16, ToBfloat16>>();
  return &kLoops;
}

}  // namespace HWY_NAMESPACE
}  // namespace weft
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace weft {

const UpdateLoops& Bfloat16UpdateLoops() {
  static const UpdateLoops& loops = *WEFT_CHOOSE_SIMD(Bfloat16Table)();
  return loops;
}

}  // namespace weft
#endif
