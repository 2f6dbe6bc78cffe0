// SPDX-License-Identifier: Apache-2.0
// Plain loops as vector code for the machine that runs them.
#pragma once

// Before a function that holds hot loops: it is compiled for AVX-512, for AVX2 and for every
// x86-64, with the loops vectorised, and the dynamic loader picks. All versions give the same bits:
// products and sums are not fused, and sums are not reordered (keep an array of partial sums to get
// a vector of them). Functions that it calls are part of it only if they are inlined.
//
// Sanitizers run the plain version: their run-time is not ready when the loader picks.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)
#define WEFT_SIMD \
  __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default"), optimize("O3")))
#else
#define WEFT_SIMD
#endif

namespace weft::cpu {

// Partial results of sums over floats: one AVX-512 register, or several smaller ones. An array of
// them in a loop would be loaded and stored in each round.
typedef float FloatLanes __attribute__((vector_size(64)));
constexpr int kFloatLanes = 16;

__attribute__((always_inline)) inline void LoadLanes(const float* x, FloatLanes* lanes) {
  typedef float Unaligned __attribute__((vector_size(64), aligned(4)));
  *lanes = *reinterpret_cast<const Unaligned*>(x);
}

}  // namespace weft::cpu
