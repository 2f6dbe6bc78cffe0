// SPDX-License-Identifier: Apache-2.0
#include "src/core/text_hash.h"

#include <bit>
#include <cstddef>

namespace weft {
namespace {

// Up to eight bytes as a number, the first one lowest.
uint64_t Word(const char* bytes, size_t n) {
  uint64_t word = 0;
  for (size_t i = n; i-- > 0;) word = word << 8 | static_cast<unsigned char>(bytes[i]);
  return word;
}

class SipState {
 public:
  SipState(uint64_t key0, uint64_t key1)
      : a_(key0 ^ 0x736f6d6570736575u),
        b_(key1 ^ 0x646f72616e646f6du),
        c_(key0 ^ 0x6c7967656e657261u),
        d_(key1 ^ 0x7465646279746573u) {}

  void Add(uint64_t word) {
    d_ ^= word;
    Round();
    Round();
    a_ ^= word;
  }
  uint64_t Finish() {
    c_ ^= 0xff;
    for (int i = 0; i < 4; ++i) Round();
    return a_ ^ b_ ^ c_ ^ d_;
  }

 private:
  // Figure 2.1 of the paper.
  void Round() {
    a_ += b_;
    c_ += d_;
    b_ = std::rotl(b_, 13) ^ a_;
    d_ = std::rotl(d_, 16) ^ c_;
    a_ = std::rotl(a_, 32);
    c_ += b_;
    a_ += d_;
    b_ = std::rotl(b_, 17) ^ c_;
    d_ = std::rotl(d_, 21) ^ a_;
    c_ = std::rotl(c_, 32);
  }

  uint64_t a_, b_, c_, d_;
};

}  // namespace

uint64_t SipHash(std::string_view text, uint64_t key0, uint64_t key1) {
  SipState state(key0, key1);
  size_t at = 0;
  for (; text.size() - at >= 8; at += 8) state.Add(Word(text.data() + at, 8));
  // The last word has the number of bytes, modulo 256, on top.
  state.Add(Word(text.data() + at, text.size() - at) | static_cast<uint64_t>(text.size()) << 56);
  return state.Finish();
}

uint64_t MurmurHash64(std::string_view text, uint64_t seed) {
  constexpr uint64_t kFactor = 0xc6a4a7935bd1e995u;
  const auto fold = [](uint64_t v) { return v ^ (v >> 47); };
  uint64_t hash = seed ^ (text.size() * kFactor);
  size_t at = 0;
  for (; text.size() - at >= 8; at += 8) {
    const uint64_t word = fold(Word(text.data() + at, 8) * kFactor) * kFactor;
    hash = (hash ^ word) * kFactor;
  }
  if (at < text.size()) hash = (hash ^ Word(text.data() + at, text.size() - at)) * kFactor;
  return fold(fold(hash) * kFactor);
}

}  // namespace weft
