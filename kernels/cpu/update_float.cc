// SPDX-License-Identifier: Apache-2.0
// The loops of training ops for float.
#include "kernels/cpu/update_rules.h"

// Each instruction set costs compile time; those left cover the machines of the last fifteen years.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_AVX3_DL)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/update_float.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
// After foreach_target.h.
#include "hwy/highway.h"
#include "kernels/cpu/simd_target.h"
#include "kernels/cpu/update_numbers-inl.h"

HWY_BEFORE_NAMESPACE();
namespace weft {
namespace HWY_NAMESPACE {

const UpdateLoops* FloatTable() {
  static constexpr UpdateLoops kLoops = LoopsOf<WideLoop<float>>();
  return &kLoops;
}

}  // namespace HWY_NAMESPACE
}  // namespace weft
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace weft {

const UpdateLoops& FloatUpdateLoops() {
  static const UpdateLoops& loops = *WEFT_CHOOSE_SIMD(FloatTable)();
  return loops;
}

}  // namespace weft
#endif
