// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/simd_target.h"

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#endif

#include <algorithm>
#include <cstdlib>
#include <string_view>
#include <utility>

namespace weft::cpu {
namespace {

#if HWY_ARCH_X86
// What not all compilers know by name in __builtin_cpu_supports.
bool HasHalfConversionAndLeadingZeros() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (__get_cpuid(1, &a, &b, &c, &d) == 0 || (c & bit_F16C) == 0) return false;
  return __get_cpuid(0x80000001u, &a, &b, &c, &d) != 0 && (c & bit_LZCNT) != 0;
}
#endif

// What Highway 1.0 compiles its targets for.
SimdTarget Detect() {
#if HWY_ARCH_X86
  __builtin_cpu_init();
  const bool sse4 = __builtin_cpu_supports("ssse3") && __builtin_cpu_supports("sse4.1") &&
                    __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul") &&
                    __builtin_cpu_supports("aes");
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                    __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") &&
                    HasHalfConversionAndLeadingZeros();
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw");
  if (sse4 && avx2 && avx512) return SimdTarget::kAvx512;
  if (sse4 && avx2) return SimdTarget::kAvx2;
  if (sse4) return SimdTarget::kSse4;
#endif
  return SimdTarget::kBaseline;
}

// As the environment wants it, if this machine can.
SimdTarget Choose() {
  const SimdTarget best = Detect();
  const char* const wanted = std::getenv("WEFT_MAX_SIMD");
  if (wanted == nullptr) return best;
  for (const auto& [name, target] : {std::pair{"baseline", SimdTarget::kBaseline},
                                     {"sse4", SimdTarget::kSse4},
                                     {"avx2", SimdTarget::kAvx2}}) {
    if (std::string_view(wanted) == name) return std::min(best, target);
  }
  return best;
}

}  // namespace

SimdTarget BestSimdTarget() {
  static const SimdTarget best = Choose();
  return best;
}

}  // namespace weft::cpu
