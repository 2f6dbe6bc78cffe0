// SPDX-License-Identifier: Apache-2.0
// Memory of Arrays: Allocator (where memory comes from) and Buffer (a reference-counted block).
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>
#include <utility>

#include "weft/core/dtype.h"

namespace weft {

// Kernels may rely on this alignment of every allocation (one cache line, one AVX-512 register).
inline constexpr size_t kAllocatorAlignment = 64;

// Implementations are thread-safe.
class Allocator {
 public:
  virtual ~Allocator() = default;
  virtual std::string_view name() const = 0;
  // nullptr if the memory can't be had. bytes == 0 is allowed.
  virtual void* Allocate(size_t bytes) = 0;
  virtual void Deallocate(void* memory, size_t bytes) = 0;
  // False for memory that the host's code must not touch (a GPU's).
  virtual bool host_accessible() const { return true; }
};

// The process's host allocator. Small and medium blocks are kept in per-size free lists.
Allocator* HostAllocator();

// A block of memory with an atomic reference count; intrusive so that an Array costs one pointer.
class Buffer {
 public:
  // Made with one reference.
  virtual ~Buffer() = default;
  void* data() const { return data_; }
  size_t size() const { return size_; }
  Allocator* allocator() const { return allocator_; }
  // Memory of a plan's arena: it is reused after the run, so whoever keeps a value beyond the run
  // must copy it.
  bool transient() const { return transient_; }
  // Rows of an Array over it lie in several places: values of the executor's own
  // (src/core/parted_rows.h), which no other kernel's input or result ever is.
  bool parted() const { return parted_; }
  void Ref() { refs_.fetch_add(1, std::memory_order_relaxed); }
  void Unref() {
    if (refs_.fetch_sub(1, std::memory_order_acq_rel) == 1) Destroy();
  }
  bool RefCountIsOne() const { return refs_.load(std::memory_order_acquire) == 1; }
  int32_t ref_count() const { return refs_.load(std::memory_order_acquire); }

 protected:
  Buffer(void* data, size_t size, Allocator* allocator, bool transient, bool parted = false)
      : data_(data), size_(size), allocator_(allocator), transient_(transient), parted_(parted) {}
  // Called when the last reference goes.
  virtual void Destroy() { delete this; }

 private:
  std::atomic<int32_t> refs_{1};
  void* data_;
  size_t size_;
  Allocator* allocator_;
  bool transient_;
  bool parted_;
};

// Owning pointer to a Buffer.
class BufferPtr {
 public:
  BufferPtr() = default;
  // Takes over the reference that `b` was made with.
  explicit BufferPtr(Buffer* b) : b_(b) {}
  static BufferPtr Share(Buffer* b) {
    if (b) b->Ref();
    return BufferPtr(b);
  }
  BufferPtr(const BufferPtr& o) : b_(o.b_) {
    if (b_) b_->Ref();
  }
  BufferPtr(BufferPtr&& o) noexcept : b_(std::exchange(o.b_, nullptr)) {}
  BufferPtr& operator=(BufferPtr o) noexcept {
    std::swap(b_, o.b_);
    return *this;
  }
  ~BufferPtr() {
    if (b_) b_->Unref();
  }
  Buffer* get() const { return b_; }
  Buffer* operator->() const { return b_; }
  explicit operator bool() const { return b_ != nullptr; }

 private:
  Buffer* b_ = nullptr;
};

// A buffer of n elements from `allocator`; constructs and later destroys strings, resources and
// variants. Empty BufferPtr if the memory can't be had.
BufferPtr AllocateBuffer(Allocator* allocator, DataType dtype, int64_t n);

}  // namespace weft
