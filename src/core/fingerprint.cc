// SPDX-License-Identifier: Apache-2.0
#include "src/core/fingerprint.h"

#include <bit>
#include <cstring>
#include <utility>

namespace weft {
namespace {

// Constants of the published function: odd numbers of about 64 bits, half of which are set.
constexpr uint64_t kA = 0xc3a5c85c97cb3127u, kB = 0xb492b66fbe98f273u, kC = 0x9ae16a3b2f90404fu;
constexpr uint64_t kSeed = 81;

uint64_t Word64(const char* p) {
  uint64_t w;
  std::memcpy(&w, p, 8);
  return w;
}
uint64_t Word32(const char* p) {
  uint32_t w;
  std::memcpy(&w, p, 4);
  return w;
}
uint64_t Fold(uint64_t v) { return v ^ (v >> 47); }

// Sixteen bytes to eight.
uint64_t Mix(uint64_t u, uint64_t v, uint64_t factor) {
  const uint64_t a = Fold((u ^ v) * factor);
  return Fold((v ^ a) * factor) * factor;
}

uint64_t UpTo16(const char* s, size_t n) {
  const uint64_t factor = kC + n * 2;
  if (n >= 8) {
    const uint64_t a = Word64(s) + kC, b = Word64(s + n - 8);
    return Mix(std::rotr(b, 37) * factor + a, (std::rotr(a, 25) + b) * factor, factor);
  }
  if (n >= 4) return Mix(n + (Word32(s) << 3), Word32(s + n - 4), factor);
  if (n == 0) return kC;
  const auto byte = [s](size_t i) { return static_cast<uint32_t>(static_cast<uint8_t>(s[i])); };
  const uint32_t y = byte(0) + (byte(n >> 1) << 8);
  const uint32_t z = static_cast<uint32_t>(n) + (byte(n - 1) << 2);
  return Fold(y * kC ^ z * kA) * kC;
}

uint64_t UpTo32(const char* s, size_t n) {
  const uint64_t factor = kC + n * 2;
  const uint64_t a = Word64(s) * kB, b = Word64(s + 8), c = Word64(s + n - 8) * factor,
                 d = Word64(s + n - 16) * kC;
  return Mix(std::rotr(a + b, 43) + std::rotr(c, 30) + d, a + std::rotr(b + kC, 18) + c, factor);
}

uint64_t UpTo64(const char* s, size_t n) {
  const uint64_t factor = kC + n * 2;
  const uint64_t a = Word64(s) * kC, b = Word64(s + 8), c = Word64(s + n - 8) * factor,
                 d = Word64(s + n - 16) * kC;
  const uint64_t y = std::rotr(a + b, 43) + std::rotr(c, 30) + d;
  const uint64_t z = Mix(y, a + std::rotr(b + kC, 18) + c, factor);
  const uint64_t e = Word64(s + 16) * factor, f = Word64(s + 24);
  const uint64_t g = (y + Word64(s + n - 32)) * factor, h = (z + Word64(s + n - 24)) * factor;
  return Mix(std::rotr(e + f, 43) + std::rotr(g, 30) + h, e + std::rotr(f + a, 18) + g, factor);
}

using Pair = std::pair<uint64_t, uint64_t>;

// Thirty-two bytes and two numbers to sixteen.
Pair Absorb(const char* s, uint64_t a, uint64_t b) {
  const uint64_t last = Word64(s + 24);
  a += Word64(s);
  b = std::rotr(b + a + last, 21);
  const uint64_t first = a;
  a += Word64(s + 8);
  a += Word64(s + 16);
  b += std::rotr(a, 44);
  return {a + last, b + first};
}

// What blocks of 64 bytes are taken into.
struct State {
  uint64_t x, y, z;
  Pair v{0, 0}, w{0, 0};

  void Take(const char* s, uint64_t factor, uint64_t weight) {
    x = std::rotr(x + y + v.first + Word64(s + 8), 37) * factor;
    y = std::rotr(y + v.second + Word64(s + 48), 42) * factor;
    x ^= w.second * weight;
    y += v.first * weight + Word64(s + 40);
    z = std::rotr(z + w.first, 33) * factor;
    v = Absorb(s, v.second * factor, x + w.first);
    w = Absorb(s + 32, z + w.second, y + Word64(s + 16));
    std::swap(z, x);
  }
};

// The factor of hashes of 128 bits, of numbers of 64 bits.
constexpr uint64_t kJoin = 0x9ddfea08eb382d69u;
uint64_t Join(uint64_t u, uint64_t v) { return Mix(u, v, kJoin); }

// Of up to 127 bytes, from a seed.
Pair Short128(const char* s, size_t n, Pair seed) {
  auto [a, b] = seed;
  uint64_t c = 0, d = 0;
  if (n <= 16) {
    a = Fold(a * kB) * kB;
    c = b * kB + UpTo16(s, n);
    d = Fold(a + (n >= 8 ? Word64(s) : c));
  } else {
    c = Join(Word64(s + n - 8) + kB, a);
    d = Join(b + n, c + Word64(s + n - 16));
    a += d;
    // Steps of 16 bytes as long as more than 16 are left; the last step may read some again.
    for (size_t done = 0; done + 16 < n; done += 16) {
      a = (a ^ Fold(Word64(s + done) * kB) * kB) * kB;
      b ^= a;
      c = (c ^ Fold(Word64(s + done + 8) * kB) * kB) * kB;
      d ^= c;
    }
  }
  a = Join(a, c);
  b = Join(d, b);
  return {a ^ b, Join(b, a)};
}

// Of 128 bytes and more, from a seed.
Pair Long128(const char* s, size_t n, Pair seed) {
  State state{};
  state.x = seed.first;
  state.y = seed.second;
  state.z = n * kB;
  state.v.first = std::rotr(state.y ^ kB, 49) * kB + Word64(s);
  state.v.second = std::rotr(state.v.first, 42) * kB + Word64(s + 8);
  state.w.first = std::rotr(state.y + state.z, 35) * kB + state.x;
  state.w.second = std::rotr(state.x + Word64(s + 88), 53) * kB;
  for (; n >= 128; n -= 128) {
    for (int half = 0; half < 2; ++half, s += 64) state.Take(s, kB, 1);
  }
  auto& [x, y, z, v, w] = state;
  x += std::rotr(v.first + z, 49) * kA;
  y = y * kA + std::rotr(w.second, 37);
  z = z * kA + std::rotr(w.first, 27);
  w.first *= 9;
  v.first *= kA;
  // Blocks of 32 bytes from the end; the first of them may lie in what was taken already.
  for (size_t tail = 0; tail < n;) {
    tail += 32;
    const char* const block = s + n - tail;
    y = std::rotr(x + y, 42) * kA + v.second;
    w.first += Word64(block + 16);
    x = x * kA + w.first;
    z += w.second + Word64(block);
    w.second += v.first;
    v = Absorb(block, v.first + z, v.second);
    v.first *= kA;
  }
  x = Join(x, v.first);
  y = Join(y + z, w.first);
  return {Join(x + v.second, w.second) + y, Join(x + w.second, y + v.second)};
}

}  // namespace

std::pair<uint64_t, uint64_t> Fingerprint128(std::string_view text) {
  const char* s = text.data();
  size_t n = text.size();
  Pair seed(kA, kB);
  if (n >= 16) {
    seed = {Word64(s), Word64(s + 8) + kA};
    s += 16;
    n -= 16;
  }
  return n < 128 ? Short128(s, n, seed) : Long128(s, n, seed);
}

uint64_t Fingerprint64(std::string_view text) {
  static_assert(std::endian::native == std::endian::little);
  const char* s = text.data();
  const size_t n = text.size();
  if (n <= 16) return UpTo16(s, n);
  if (n <= 32) return UpTo32(s, n);
  if (n <= 64) return UpTo64(s, n);
  State state{};
  state.x = kSeed * kC + Word64(s);
  state.y = kSeed * kB + 113;
  state.z = Fold(state.y * kC + 113) * kC;
  const size_t rest = (n - 1) & 63;  // the last block, of 1 to 64 bytes, has rest + 1
  const char* const end = s + (n - 1 - rest);
  for (; s != end; s += 64) state.Take(s, kB, 1);
  const uint64_t factor = kB + ((state.z & 0xff) << 1);
  state.w.first += rest;
  state.v.first += state.w.first;
  state.w.first += state.v.first;
  state.Take(end + rest - 63, factor, 9);
  return Mix(Mix(state.v.first, state.w.first, factor) + Fold(state.y) * kA + state.z,
             Mix(state.v.second, state.w.second, factor) + state.x, factor);
}

}  // namespace weft
