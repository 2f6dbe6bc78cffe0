// SPDX-License-Identifier: Apache-2.0
// Stores that go past the caches: for results too large to be found there when they are read. A
// plain store first reads the line that it writes to from memory.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace weft::cpu {

// Results of this many bytes and more don't stay in the caches. A little below what usual
// last-level caches hold, of which others want a part.
inline constexpr int64_t kStreamBytes = int64_t{24} << 20;

// Copies 16 bytes to where memory is aligned to as many. Stores to all of a cache line should
// follow each other closely. After the last call on a thread: EndStreams().
inline void StreamVector(const void* from, void* to) {
#if defined(__x86_64__)
  _mm_stream_si128(static_cast<__m128i*>(to), _mm_loadu_si128(static_cast<const __m128i*>(from)));
#else
  std::memcpy(to, from, 16);
#endif
}

// Copies whole elements. After the last call on a thread: EndStreams().
inline void StreamCopy(const void* from, int64_t bytes, void* to) {
  auto* out = static_cast<char*>(to);
  const auto* in = static_cast<const char*>(from);
#if defined(__x86_64__)
  const int64_t head =
      std::min(bytes, static_cast<int64_t>(-reinterpret_cast<uintptr_t>(to) & uintptr_t{15}));
  if (head > 0) std::memcpy(out, in, static_cast<size_t>(head));
  int64_t i = head;
  for (; i + 16 <= bytes; i += 16) {
    StreamVector(in + i, out + i);
  }
  if (i < bytes) std::memcpy(out + i, in + i, static_cast<size_t>(bytes - i));
#else
  std::memcpy(out, in, static_cast<size_t>(bytes));
#endif
}

// Makes streamed stores visible to other threads before what this one does next.
inline void EndStreams() {
#if defined(__x86_64__)
  _mm_sfence();
#endif
}

}  // namespace weft::cpu
