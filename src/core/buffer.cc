// SPDX-License-Identifier: Apache-2.0
#include "weft/core/buffer.h"

#include <array>
#include <cstdlib>
#include <limits>
#include <memory>
#include <mutex>
#include <new>
#include <vector>

#include "weft/core/handle.h"

namespace weft {
namespace {

// Keeps freed blocks in lists by size class (powers of two and the three steps between), so that
// steps of the same shapes reuse warm memory and large blocks are not given back to the system and
// faulted in again on each run.
class CachingHostAllocator final : public Allocator {
 public:
  std::string_view name() const override { return "host"; }

  void* Allocate(size_t bytes) override {
    const size_t c = ClassOf(bytes);
    if (c < kClasses) {
      Bin& bin = bins_[c];
      std::lock_guard lock(bin.mu);
      if (!bin.free.empty()) {
        void* p = bin.free.back();
        bin.free.pop_back();
        return p;
      }
    }
    const size_t size = c < kClasses ? SizeOf(c) : RoundUp(bytes);
    return std::aligned_alloc(kAllocatorAlignment, size);
  }

  void Deallocate(void* memory, size_t bytes) override {
    if (!memory) return;
    const size_t c = ClassOf(bytes);
    if (c < kClasses) {
      Bin& bin = bins_[c];
      std::lock_guard lock(bin.mu);
      if ((bin.free.size() + 1) * SizeOf(c) <= kMaxCachedBytesPerClass || bin.free.empty()) {
        bin.free.push_back(memory);
        return;
      }
    }
    std::free(memory);
  }

 private:
  // Class 4k+j holds blocks of (4+j) * 2^(k+4) bytes: 64, 80, 96, 112, 128, 160, ... up to 64 MiB,
  // rounded to the alignment.
  static constexpr size_t kClasses = 84;
  static constexpr size_t kMaxCachedBytesPerClass = size_t{64} << 20;

  struct Bin {
    std::mutex mu;
    std::vector<void*> free;
  };

  static size_t RoundUp(size_t bytes) {
    const size_t rounded = (bytes + kAllocatorAlignment - 1) & ~(kAllocatorAlignment - 1);
    return rounded < bytes ? std::numeric_limits<size_t>::max() & ~(kAllocatorAlignment - 1)
                           : (rounded ? rounded : kAllocatorAlignment);
  }
  static size_t SizeOf(size_t c) { return RoundUp((4 + c % 4) << (c / 4 + 4)); }
  static size_t ClassOf(size_t bytes) {
    if (bytes <= 64) return 0;
    const int top = 63 - __builtin_clzll(bytes - 1);  // 2^top <= bytes - 1
    const size_t quarter = (bytes - 1) >> (top - 2);  // 4..7
    return static_cast<size_t>(top - 6) * 4 + (quarter - 4) + 1;
  }

  std::array<Bin, kClasses> bins_;
};

template <typename T>
void Construct(void* memory, int64_t n) {
  std::uninitialized_value_construct_n(static_cast<T*>(memory), n);
}

// Owns its memory, constructed elements included.
class HeapBuffer final : public Buffer {
 public:
  HeapBuffer(void* data, size_t size, Allocator* allocator, DataType dtype, int64_t n)
      : Buffer(data, size, allocator, false), dtype_(dtype), n_(n) {
    if (dtype_ == kString) Construct<std::string>(data, n);
    if (dtype_ == kResource) Construct<ResourceHandle>(data, n);
    if (dtype_ == kVariant) Construct<Variant>(data, n);
  }
  ~HeapBuffer() override {
    if (dtype_ == kString) std::destroy_n(static_cast<std::string*>(data()), n_);
    if (dtype_ == kResource) std::destroy_n(static_cast<ResourceHandle*>(data()), n_);
    if (dtype_ == kVariant) std::destroy_n(static_cast<Variant*>(data()), n_);
    allocator()->Deallocate(data(), size());
  }

 private:
  DataType dtype_;
  int64_t n_;
};

}  // namespace

Allocator* HostAllocator() {
  static Allocator* const allocator =
      new CachingHostAllocator();  // never destroyed: buffers may outlive main
  return allocator;
}

BufferPtr AllocateBuffer(Allocator* allocator, DataType dtype, int64_t n) {
  size_t bytes = 0;
  if (n < 0 || __builtin_mul_overflow(static_cast<size_t>(n), DTypeSize(dtype), &bytes))
    return BufferPtr();
  // Beyond any address space: some malloc implementations warn or abort on it.
  if (bytes > (size_t{1} << 46)) return BufferPtr();
  void* memory = allocator->Allocate(bytes);
  if (!memory) return BufferPtr();
  return BufferPtr(new HeapBuffer(memory, bytes, allocator, dtype, n));
}

}  // namespace weft
