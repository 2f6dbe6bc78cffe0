// SPDX-License-Identifier: Apache-2.0
// The version of a Highway function for the machine that runs it. Highway's own choice
// (HWY_DYNAMIC_DISPATCH) lives in a library that measures the processor's clock while it is loaded:
// a tenth of a small program's start. This one needs its headers alone.
#pragma once

#include <type_traits>

#include "hwy/highway.h"

namespace weft::cpu {

enum class SimdTarget { kBaseline, kSse4, kAvx2, kAvx512 };

// The best of those that this processor and its operating system run, and at most what the
// environment variable WEFT_MAX_SIMD says when it is first asked for: baseline, sse4 or avx2 (to
// see what other machines compute: results differ by rounding).
SimdTarget BestSimdTarget();

// The best version of a function that runs here, of those compiled.
template <typename F>
F* ChooseSimd([[maybe_unused]] std::type_identity_t<F>* avx512,
              [[maybe_unused]] std::type_identity_t<F>* avx2,
              [[maybe_unused]] std::type_identity_t<F>* sse4, F* baseline) {
  const SimdTarget best = BestSimdTarget();
  if (best >= SimdTarget::kAvx512 && avx512 != nullptr) return avx512;
  if (best >= SimdTarget::kAvx2 && avx2 != nullptr) return avx2;
  if (best >= SimdTarget::kSse4 && sse4 != nullptr) return sse4;
  return baseline;
}

}  // namespace weft::cpu

// After the namespaces of the targets, in the namespace around them.
#if HWY_ARCH_X86
#define WEFT_CHOOSE_SIMD(f)                                                           \
  ::weft::cpu::ChooseSimd(HWY_CHOOSE_AVX3(f), HWY_CHOOSE_AVX2(f), HWY_CHOOSE_SSE4(f), \
                          HWY_CHOOSE_FALLBACK(f))
#else
#define WEFT_CHOOSE_SIMD(f) (&HWY_STATIC_DISPATCH(f))
#endif
