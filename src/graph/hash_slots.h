// SPDX-License-Identifier: Apache-2.0
// A hash table for what lies elsewhere already: nodes by their names, sets of attributes by their
// bytes. It holds small values (pointers, numbers) in one block of memory, and leaves it to the
// caller to say whether a value is the one that is looked for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

namespace weft {

namespace internal {
// Differs from one run of a program to the next, so that no file can be written whose names all
// have one hash.
uint64_t HashSeed();

inline uint64_t MultiplyAndFold(uint64_t a, uint64_t b) {
  const auto product = static_cast<unsigned __int128>(a) * b;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}
}  // namespace internal

// A hash of these bytes, eight at a time. For tables of this process alone.
inline uint64_t HashText(std::string_view text) {
  constexpr uint64_t kFirst = 0xa0761d6478bd642full, kSecond = 0xe7037ed1a0b428dbull;
  static const uint64_t seed = internal::HashSeed();
  uint64_t h = seed ^ (text.size() * kFirst);
  const char* p = text.data();
  size_t left = text.size();
  uint64_t word = 0;
  for (; left >= 8; p += 8, left -= 8) {
    std::memcpy(&word, p, 8);
    h = internal::MultiplyAndFold(h ^ word, kSecond);
  }
  if (left > 0) {
    word = 0;
    for (size_t i = 0; i < left; ++i) {
      word |= uint64_t{static_cast<unsigned char>(p[i])} << (8 * i);
    }
    h = internal::MultiplyAndFold(h ^ word, kFirst);
  }
  return h;
}

template <typename T>
class HashSlots {
 public:
  // The value with this hash for which `same` holds; nullptr if there is none.
  template <typename Same>
  const T* Find(uint64_t hash, Same same) const {
    if (slots_.empty()) return nullptr;
    hash |= kTaken;
    for (size_t i = hash & mask(); slots_[i].hash != 0; i = (i + 1) & mask()) {
      if (slots_[i].hash == hash && same(slots_[i].value)) return &slots_[i].value;
    }
    return nullptr;
  }
  // Adds a value that isn't there yet.
  void Insert(uint64_t hash, T value) {
    Reserve(++size_);
    Place({hash | kTaken, value});
  }
  // Room for so many values altogether.
  void Reserve(size_t n) {
    if (n * 2 <= slots_.size()) return;
    size_t wanted = 16;
    while (wanted < n * 2) wanted *= 2;
    std::vector<Slot> old(wanted);
    old.swap(slots_);
    for (const Slot& slot : old) {
      if (slot.hash != 0) Place(slot);
    }
  }
  void Clear() {
    slots_.clear();
    size_ = 0;
  }

 private:
  static constexpr uint64_t kTaken = uint64_t{1} << 63;
  struct Slot {
    uint64_t hash = 0;  // 0: free
    T value{};
  };
  size_t mask() const { return slots_.size() - 1; }
  void Place(const Slot& slot) {
    size_t i = slot.hash & mask();
    while (slots_[i].hash != 0) i = (i + 1) & mask();
    slots_[i] = slot;
  }

  std::vector<Slot> slots_;  // a power of two of them, at most half of them taken
  size_t size_ = 0;
};

}  // namespace weft
