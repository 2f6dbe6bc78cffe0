// SPDX-License-Identifier: Apache-2.0
// Array: a concrete n-dimensional value: dtype, shape and a reference-counted buffer.
//
// Copying an Array shares its buffer; Clone() copies the elements. What a Session returns and what
// is fed are Arrays.
//   Array a = {{1.f, 2.f}, {3.f, 4.f}};          // float32 [2,2]
//   Array b(kInt64, {3});                         // uninitialised
//   Array c = Array::FromMemory(pixels, {100, 784});   // no copy; pixels must outlive c and its
//   copies std::cout << a;                               // as numpy prints
//
// Thread-safety: reading from several threads is safe; writing to elements needs the user's own
// synchronisation.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <iosfwd>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "weft/core/buffer.h"
#include "weft/core/dtype.h"
#include "weft/core/shape.h"

namespace weft {

class Array {
 public:
  Array() = default;  // dtype kInvalidType, no buffer
  // Plain elements are not initialised; strings, resources and variants are default-constructed.
  // Throws ResourceExhaustedError if the memory can't be had. Kernels use
  // KernelContext::AllocateOutput instead.
  Array(DataType dtype, const Shape& shape, Allocator* allocator = nullptr);

  // Scalars, and nested lists: vectors and matrices and 3-d ones; rows must be of one length (else
  // InvalidArgumentError).
  template <typename T, DataType kType = internal::DTypeOf<T>::value>
  Array(T value) : Array(kType, Shape()) {  // NOLINT
    *mutable_data<T>() = std::move(value);
  }
  Array(const char* text) : Array(std::string(text)) {}  // NOLINT
  template <typename T, DataType kType = internal::DTypeOf<T>::value>
  Array(std::initializer_list<T> values)
      : Array(FromSpan<T>({values.begin(), values.size()}, {static_cast<int64_t>(values.size())})) {
  }
  template <typename T, DataType kType = internal::DTypeOf<T>::value>
  Array(std::initializer_list<std::initializer_list<T>> rows) : Array(FromRows<T>(rows)) {}
  template <typename T, DataType kType = internal::DTypeOf<T>::value>
  Array(std::initializer_list<std::initializer_list<std::initializer_list<T>>> blocks)
      : Array(FromBlocks<T>(blocks)) {}

  // Copies the values. Their number must be shape's (else InvalidArgumentError).
  template <typename T>
  static Array FromSpan(std::span<const T> values, const Shape& shape) {
    Array a(dtype_of<T>, shape);
    a.CheckCount(values.size());
    if constexpr (std::is_trivially_copyable_v<T>) {
      if (!values.empty())
        std::char_traits<char>::copy(a.bytes(), reinterpret_cast<const char*>(values.data()),
                                     values.size() * sizeof(T));
    } else {
      for (size_t i = 0; i < values.size(); ++i) a.mutable_data<T>()[i] = values[i];
    }
    return a;
  }
  template <typename T>
  static Array FromVector(const std::vector<T>& values) {
    Array a(dtype_of<T>, Shape({static_cast<int64_t>(values.size())}));
    for (size_t i = 0; i < values.size(); ++i)
      a.mutable_data<T>()[i] = values[i];  // element-wise for vector<bool>
    return a;
  }
  template <typename T>
  static Array FromVector(const std::vector<T>& values, const Shape& shape) {
    return FromVector(values).Reshaped(shape);
  }
  // Uses the memory as it is. `release` is called once when the last Array that shares it goes.
  template <typename T>
  static Array FromMemory(T* values, const Shape& shape, std::function<void()> release = {}) {
    return FromRawMemory(dtype_of<std::remove_const_t<T>>,
                         const_cast<std::remove_const_t<T>*>(values), shape, std::move(release));
  }
  static Array FromRawMemory(DataType dtype, void* values, const Shape& shape,
                             std::function<void()> release = {});
  // All elements equal to the scalar `value` / zero.
  static Array Full(const Shape& shape, const Array& value);
  static Array Zeros(DataType dtype, const Shape& shape);

  bool valid() const { return dtype_ != kInvalidType; }
  DataType dtype() const { return dtype_; }
  const Shape& shape() const { return shape_; }
  int rank() const { return shape_.rank(); }
  int64_t dim(int i) const { return shape_.dim(i); }
  int64_t num_elements() const { return shape_.num_elements(); }
  size_t num_bytes() const { return static_cast<size_t>(num_elements()) * DTypeSize(dtype_); }

  // Row-major elements. T must be the dtype's type (checked in debug builds; As<T>() below
  // converts).
  template <typename T>
  const T* data() const {
    DebugCheckType(dtype_of<T>);
    return reinterpret_cast<const T*>(data_);
  }
  template <typename T>
  T* mutable_data() {
    DebugCheckType(dtype_of<T>);
    return reinterpret_cast<T*>(data_);
  }
  const void* raw_data() const { return data_; }
  void* raw_data() { return data_; }
  template <typename T>
  std::span<const T> values() const {
    return {data<T>(), static_cast<size_t>(num_elements())};
  }
  template <typename T>
  std::span<T> mutable_values() {
    return {mutable_data<T>(), static_cast<size_t>(num_elements())};
  }
  // The value of a one-element Array of exactly this type; throws InvalidArgumentError otherwise.
  template <typename T>
  const T& scalar() const {
    CheckScalar(dtype_of<T>);
    return *data<T>();
  }
  // The i-th element (row-major) converted to double / int64; any numeric or bool dtype, no bounds
  // check.
  double AsDouble(int64_t i = 0) const;
  int64_t AsInt64(int64_t i = 0) const;

  // Shares the buffer. The number of elements must stay the same (else InvalidArgumentError).
  Array Reshaped(const Shape& shape) const;
  // Shares the buffer: rows [begin, end) of the first dimension.
  Array SliceRows(int64_t begin, int64_t end) const;
  // Shares the buffer under another plain dtype of the same element size.
  Array BitcastTo(DataType dtype) const;
  Array Clone() const;

  Buffer* buffer() const { return buffer_.get(); }
  bool SharesBufferWith(const Array& o) const {
    return buffer_.get() == o.buffer_.get() && buffer_;
  }
  // True if nobody else holds the buffer, so that a kernel may overwrite it.
  bool OwnsBufferAlone() const { return buffer_ && buffer_->RefCountIsOne(); }

  // For allocators and the executor: an Array over part of a buffer.
  static Array FromBuffer(DataType dtype, const Shape& shape, BufferPtr buffer,
                          size_t byte_offset = 0);
  // For the executor: the elements lie there from now on, in memory that outlives this Array and is
  // none of its buffer's.
  void PointTo(void* elements) { data_ = elements; }

  // As numpy prints it (numpy.array2string with default options: 8 digits precision, shortest that
  // round-trips, summarised over 1000 elements).
  std::string ToString() const;
  // Shortest text with at most `max_elements` values in row-major order: "1 2 3...".
  std::string Summarize(int64_t max_elements) const;
  friend std::ostream& operator<<(std::ostream& out, const Array& a);
  // Same dtype, shape and elements; NaN differs from itself.
  friend bool operator==(const Array& a, const Array& b);

 private:
  template <typename T>
  static Array FromRows(std::initializer_list<std::initializer_list<T>> rows) {
    const int64_t columns = rows.size() == 0 ? 0 : static_cast<int64_t>(rows.begin()->size());
    std::vector<T> flat;
    for (const auto& row : rows) {
      CheckRow(static_cast<int64_t>(row.size()), columns);
      flat.insert(flat.end(), row.begin(), row.end());
    }
    return FromVector<T>(flat, Shape({static_cast<int64_t>(rows.size()), columns}));
  }
  template <typename T>
  static Array FromBlocks(
      std::initializer_list<std::initializer_list<std::initializer_list<T>>> blocks) {
    std::vector<T> flat;
    const int64_t rows = blocks.size() == 0 ? 0 : static_cast<int64_t>(blocks.begin()->size());
    const int64_t columns = rows == 0 ? 0 : static_cast<int64_t>(blocks.begin()->begin()->size());
    for (const auto& block : blocks) {
      CheckRow(static_cast<int64_t>(block.size()), rows);
      for (const auto& row : block) {
        CheckRow(static_cast<int64_t>(row.size()), columns);
        flat.insert(flat.end(), row.begin(), row.end());
      }
    }
    return FromVector<T>(flat, Shape({static_cast<int64_t>(blocks.size()), rows, columns}));
  }
  char* bytes() { return static_cast<char*>(data_); }
  void CheckCount(size_t n) const;
  void CheckScalar(DataType wanted) const;
  static void CheckRow(int64_t size, int64_t expected);
  // The library has the check whether or not it was built with assertions: programs that are may
  // link to one that is not.
  void CheckType(DataType wanted) const;
  void DebugCheckType([[maybe_unused]] DataType wanted) const {
#ifndef NDEBUG
    CheckType(wanted);
#endif
  }

  // In this order what kernels read of a small value lies together (ValueSlot in
  // weft/runtime/kernel.h).
  void* data_ = nullptr;
  DataType dtype_ = kInvalidType;
  Shape shape_;
  BufferPtr buffer_;
};

}  // namespace weft
