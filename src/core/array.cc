// SPDX-License-Identifier: Apache-2.0
#include "weft/core/array.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "weft/core/complex.h"
#include "weft/core/error.h"
#include "weft/core/handle.h"

namespace weft {
namespace {

// Memory that belongs to somebody else.
class ForeignBuffer final : public Buffer {
 public:
  ForeignBuffer(void* data, size_t size, std::function<void()> release)
      : Buffer(data, size, nullptr, false), release_(std::move(release)) {}
  ~ForeignBuffer() override {
    if (release_) release_();
  }

 private:
  std::function<void()> release_;
};

template <typename T>
void CopyObjects(const void* from, void* to, int64_t n) {
  std::copy_n(static_cast<const T*>(from), n, static_cast<T*>(to));
}

void CopyElements(DataType dtype, const void* from, void* to, int64_t n) {
  if (n == 0) return;
  switch (dtype) {
    case kString:
      return CopyObjects<std::string>(from, to, n);
    case kResource:
      return CopyObjects<ResourceHandle>(from, to, n);
    case kVariant:
      return CopyObjects<Variant>(from, to, n);
    default:
      std::memcpy(to, from, static_cast<size_t>(n) * DTypeSize(dtype));
  }
}

template <typename To>
To Convert(DataType dtype, const void* data, int64_t i) {
  switch (dtype) {
    case kFloat32:
      return static_cast<To>(static_cast<const float*>(data)[i]);
    case kFloat64:
      return static_cast<To>(static_cast<const double*>(data)[i]);
    case kFloat16:
      return static_cast<To>(static_cast<float>(static_cast<const half*>(data)[i]));
    case kBfloat16:
      return static_cast<To>(static_cast<float>(static_cast<const bfloat16*>(data)[i]));
    case kInt8:
    case kQint8:
      return static_cast<To>(static_cast<const int8_t*>(data)[i]);
    case kUint8:
    case kQuint8:
      return static_cast<To>(static_cast<const uint8_t*>(data)[i]);
    case kInt16:
    case kQint16:
      return static_cast<To>(static_cast<const int16_t*>(data)[i]);
    case kUint16:
    case kQuint16:
      return static_cast<To>(static_cast<const uint16_t*>(data)[i]);
    case kInt32:
    case kQint32:
      return static_cast<To>(static_cast<const int32_t*>(data)[i]);
    case kUint32:
      return static_cast<To>(static_cast<const uint32_t*>(data)[i]);
    case kInt64:
      return static_cast<To>(static_cast<const int64_t*>(data)[i]);
    case kUint64:
      return static_cast<To>(static_cast<const uint64_t*>(data)[i]);
    case kBool:
      return static_cast<To>(static_cast<const bool*>(data)[i]);
    default:
      ThrowError(Code::kInvalidArgument, "an Array of dtype " + DTypeName(dtype) +
                                             " has no elements that convert to a number");
  }
}

}  // namespace

Array::Array(DataType dtype, const Shape& shape, Allocator* allocator)
    : dtype_(dtype),
      shape_(shape),
      buffer_(
          AllocateBuffer(allocator ? allocator : HostAllocator(), dtype, shape.num_elements())) {
  if (!buffer_) {
    ThrowError(Code::kResourceExhausted, "no memory for an Array of dtype " + DTypeName(dtype) +
                                             " and shape " + shape.ToString());
  }
  data_ = buffer_->data();
}

Array Array::FromRawMemory(DataType dtype, void* values, const Shape& shape,
                           std::function<void()> release) {
  const size_t bytes = static_cast<size_t>(shape.num_elements()) * DTypeSize(dtype);
  return FromBuffer(dtype, shape, BufferPtr(new ForeignBuffer(values, bytes, std::move(release))));
}

Array Array::FromBuffer(DataType dtype, const Shape& shape, BufferPtr buffer, size_t byte_offset) {
  Array a;
  a.dtype_ = dtype;
  a.shape_ = shape;
  a.data_ = static_cast<char*>(buffer->data()) + byte_offset;
  a.buffer_ = std::move(buffer);
  return a;
}

Array Array::Full(const Shape& shape, const Array& value) {
  value.CheckCount(1);
  Array a(value.dtype(), shape);
  const size_t size = DTypeSize(value.dtype());
  for (int64_t i = 0; i < a.num_elements(); ++i)
    CopyElements(a.dtype_, value.data_, a.bytes() + static_cast<size_t>(i) * size, 1);
  return a;
}

Array Array::Zeros(DataType dtype, const Shape& shape) {
  Array a(dtype, shape);
  if (IsPlain(dtype) && a.num_bytes() > 0) std::memset(a.data_, 0, a.num_bytes());
  return a;
}

double Array::AsDouble(int64_t i) const { return Convert<double>(dtype_, data_, i); }
int64_t Array::AsInt64(int64_t i) const { return Convert<int64_t>(dtype_, data_, i); }

Array Array::Reshaped(const Shape& shape) const {
  if (shape.num_elements() != num_elements()) {
    ThrowError(Code::kInvalidArgument,
               "an Array of shape " + shape_.ToString() + " has " + std::to_string(num_elements()) +
                   " elements; it can't be reshaped to " + shape.ToString());
  }
  Array a = *this;
  a.shape_ = shape;
  return a;
}

Array Array::SliceRows(int64_t begin, int64_t end) const {
  if (rank() == 0 || begin < 0 || end < begin || end > dim(0)) {
    ThrowError(Code::kInvalidArgument, "rows [" + std::to_string(begin) + ", " +
                                           std::to_string(end) + ") are not in an Array of shape " +
                                           shape_.ToString());
  }
  Array a = *this;
  const int64_t row = dim(0) == 0 ? 0 : num_elements() / dim(0);
  a.shape_.set_dim(0, end - begin);
  a.data_ = static_cast<char*>(data_) + static_cast<size_t>(begin * row) * DTypeSize(dtype_);
  return a;
}

Array Array::BitcastTo(DataType dtype) const {
  if (!IsPlain(dtype) || !IsPlain(dtype_) || DTypeSize(dtype) != DTypeSize(dtype_)) {
    ThrowError(Code::kInvalidArgument, "elements of " + DTypeName(dtype_) + " can't be taken as " +
                                           DTypeName(dtype) + " as they are");
  }
  Array a = *this;
  a.dtype_ = dtype;
  return a;
}

Array Array::Clone() const {
  if (!valid()) return {};
  Array a(dtype_, shape_);
  CopyElements(dtype_, data_, a.data_, num_elements());
  return a;
}

bool operator==(const Array& a, const Array& b) {
  if (a.dtype_ != b.dtype_ || !(a.shape_ == b.shape_)) return false;
  const int64_t n = a.num_elements();
  auto equal = [&]<typename T>() {
    const T* x = static_cast<const T*>(a.data_);
    return std::equal(x, x + n, static_cast<const T*>(b.data_));
  };
  switch (a.dtype_) {
    case kInvalidType:
      return true;
    case kFloat32:
      return equal.operator()<float>();
    case kFloat64:
      return equal.operator()<double>();
    case kFloat16:
      return equal.operator()<half>();
    case kBfloat16:
      return equal.operator()<bfloat16>();
    case kComplex64:
      return equal.operator()<complex64>();
    case kComplex128:
      return equal.operator()<complex128>();
    case kString:
      return equal.operator()<std::string>();
    case kResource:
      return equal.operator()<ResourceHandle>();
    case kVariant:
      return a.SharesBufferWith(b) && a.data_ == b.data_;
    default:
      return n == 0 || std::memcmp(a.data_, b.data_, a.num_bytes()) == 0;
  }
}

void Array::CheckCount(size_t n) const {
  if (static_cast<int64_t>(n) != num_elements()) {
    ThrowError(Code::kInvalidArgument, std::to_string(n) + " values given for an Array of shape " +
                                           shape_.ToString() + ", which has " +
                                           std::to_string(num_elements()) + " elements");
  }
}

void Array::CheckScalar(DataType wanted) const {
  if (dtype_ != wanted || num_elements() != 1) {
    ThrowError(Code::kInvalidArgument, "asked for one value of " + DTypeName(wanted) +
                                           "; the Array is " + DTypeName(dtype_) + " of shape " +
                                           shape_.ToString());
  }
}

void Array::CheckRow(int64_t size, int64_t expected) {
  if (size != expected) {
    ThrowError(Code::kInvalidArgument, "rows of a nested list have " + std::to_string(expected) +
                                           " and " + std::to_string(size) +
                                           " elements; all must have the same number");
  }
}

void Array::CheckType(DataType wanted) const {
  if (dtype_ == wanted) return;
  std::fprintf(stderr, "weft: elements of an Array of dtype %s accessed as %s\n",
               DTypeName(dtype_).c_str(), DTypeName(wanted).c_str());
  std::abort();
}

}  // namespace weft
