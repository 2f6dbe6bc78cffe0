// SPDX-License-Identifier: Apache-2.0
#include "weft/core/buffer.h"

#include <sys/mman.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <memory>
#include <mutex>
#include <new>
#include <vector>

#include "src/core/host_memory.h"
#include "weft/core/handle.h"

namespace weft {
namespace {

// Blocks from here on come from the system one by one and go back to it, in huge pages where it has
// them: a page fault and an entry in the processor's table for 2 MiB instead of for 4 KiB.
constexpr size_t kLarge = size_t{4} << 20, kHugePage = size_t{2} << 20;

// Sanitizers see blocks that come from malloc alone.
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define WEFT_BLOCKS_FROM_MALLOC
#endif
#endif
#if defined(WEFT_BLOCKS_FROM_MALLOC) || defined(__SANITIZE_ADDRESS__) || \
    defined(__SANITIZE_THREAD__)
void* TakeFromSystem(size_t size, size_t) { return std::aligned_alloc(kAllocatorAlignment, size); }
void GiveToSystem(void* memory, size_t) { std::free(memory); }
#else
// A block of `size` bytes, of which the first `used` are asked for.
void* TakeFromSystem(size_t size, size_t used) {
  if (size < kLarge) return std::aligned_alloc(kAllocatorAlignment, size);
  const size_t room = size + kHugePage;
  if (room < size) return nullptr;
  void* const mapped =
      mmap(nullptr, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) return nullptr;
  // What lies before the first huge page, and behind the block, goes back.
  const auto begin = reinterpret_cast<uintptr_t>(mapped);
  const uintptr_t aligned = (begin + kHugePage - 1) / kHugePage * kHugePage;
  constexpr size_t kPage = 4096;
  const uintptr_t end = (aligned + size + kPage - 1) / kPage * kPage;
  if (aligned > begin) munmap(mapped, aligned - begin);
  if (begin + room > end) munmap(reinterpret_cast<void*>(end), begin + room - end);
  // Those that are used as a whole: no more memory than was asked for.
  madvise(reinterpret_cast<void*>(aligned), used / kHugePage * kHugePage, MADV_HUGEPAGE);
  return reinterpret_cast<void*>(aligned);
}
void GiveToSystem(void* memory, size_t size) {
  if (size < kLarge)
    std::free(memory);
  else
    munmap(memory, size);
}
#endif

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
        if (SizeOf(c) >= kLarge) kept_large_ -= SizeOf(c);
        return p;
      }
    }
    if (bytes >= kLarge) MakeRoom(bytes);
    return TakeFromSystem(BlockSize(bytes), bytes);
  }

  void Deallocate(void* memory, size_t bytes) override {
    if (!memory) return;
    const size_t c = ClassOf(bytes);
    if (c < kClasses) {
      Bin& bin = bins_[c];
      std::lock_guard lock(bin.mu);
      if ((bin.free.size() + 1) * SizeOf(c) <= kMaxCachedBytesPerClass || bin.free.empty()) {
        bin.free.push_back(memory);
        if (SizeOf(c) >= kLarge) kept_large_ += SizeOf(c);
        return;
      }
    }
    GiveToSystem(memory, BlockSize(bytes));
  }

  void Trim() {
    for (size_t c = 0; c < kClasses; ++c) {
      std::vector<void*> blocks;
      {
        std::lock_guard lock(bins_[c].mu);
        blocks.swap(bins_[c].free);
        if (SizeOf(c) >= kLarge) kept_large_ -= blocks.size() * SizeOf(c);
      }
      for (void* p : blocks) GiveToSystem(p, SizeOf(c));
    }
  }

 private:
  // Class 4k+j holds blocks of (4+j) * 2^(k+4) bytes: 64, 80, 96, 112, 128, 160, ... up to 64 MiB,
  // rounded to the alignment.
  static constexpr size_t kClasses = 84;
  static constexpr size_t kMaxCachedBytesPerClass = size_t{64} << 20;
  // Large blocks of all classes that may wait while a new one is taken from the system.
  static constexpr size_t kMaxKeptLarge = size_t{64} << 20;

  // Before a new large block: kept ones of other sizes go back for it, largest first, so that a run
  // over many sizes doesn't hold each of them twice.
  void MakeRoom(size_t bytes) {
    size_t freed = 0;
    for (size_t c = kClasses; c-- > 0 && SizeOf(c) >= kLarge;) {
      while (freed < bytes && kept_large_ > kMaxKeptLarge) {
        void* block = nullptr;
        {
          std::lock_guard lock(bins_[c].mu);
          if (bins_[c].free.empty()) break;
          block = bins_[c].free.back();
          bins_[c].free.pop_back();
        }
        kept_large_ -= SizeOf(c);
        freed += SizeOf(c);
        GiveToSystem(block, SizeOf(c));
      }
    }
  }

  struct Bin {
    std::mutex mu;
    std::vector<void*> free;
  };

  static size_t RoundUp(size_t bytes) {
    const size_t rounded = (bytes + kAllocatorAlignment - 1) & ~(kAllocatorAlignment - 1);
    return rounded < bytes ? std::numeric_limits<size_t>::max() & ~(kAllocatorAlignment - 1)
                           : (rounded ? rounded : kAllocatorAlignment);
  }
  static size_t BlockSize(size_t bytes) {
    const size_t c = ClassOf(bytes);
    return c < kClasses ? SizeOf(c) : RoundUp(bytes);
  }
  static size_t SizeOf(size_t c) { return RoundUp((4 + c % 4) << (c / 4 + 4)); }
  static size_t ClassOf(size_t bytes) {
    if (bytes <= 64) return 0;
    const int top = 63 - __builtin_clzll(bytes - 1);  // 2^top <= bytes - 1
    const size_t quarter = (bytes - 1) >> (top - 2);  // 4..7
    return static_cast<size_t>(top - 6) * 4 + (quarter - 4) + 1;
  }

  std::array<Bin, kClasses> bins_;
  std::atomic<size_t> kept_large_ = 0;
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

CachingHostAllocator& TheHostAllocator() {
  static auto* const allocator =
      new CachingHostAllocator();  // never destroyed: buffers may outlive main
  return *allocator;
}

}  // namespace

Allocator* HostAllocator() { return &TheHostAllocator(); }

void TrimHostMemory() { TheHostAllocator().Trim(); }

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
