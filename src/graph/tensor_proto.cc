// SPDX-License-Identifier: Apache-2.0
// Arrays from and to TensorProtos.
#include "weft/graph/tensor_proto.h"
#include "weft/core/complex.h"

#include <algorithm>
#include <any>
#include <bit>
#include <cstring>
#include <string>
#include <type_traits>
#include <vector>

#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/graph/proto_convert.h"
#include "weft/core/handle.h"

namespace weft {
namespace {

using proto::TensorProto;

static_assert(std::endian::native == std::endian::little, "tensor_content is little-endian");

// Calls f.operator()<T>() for the C++ type whose values the proto's fields convert to. The types
// that share a field of the proto and a size share an instantiation.
template <typename F>
auto ForStorageType(DataType dtype, F&& f) {
  switch (dtype) {
    case kFloat32:
      return f.template operator()<float>();
    case kFloat64:
      return f.template operator()<double>();
    case kInt32:
    case kQint32:
      return f.template operator()<int32_t>();
    case kInt16:
    case kQint16:
      return f.template operator()<int16_t>();
    case kUint16:
    case kQuint16:
      return f.template operator()<uint16_t>();
    case kInt8:
    case kQint8:
    case kInt4:
      return f.template operator()<int8_t>();
    case kUint8:
    case kQuint8:
    case kUint4:
      return f.template operator()<uint8_t>();
    case kInt64:
      return f.template operator()<int64_t>();
    case kUint32:
      return f.template operator()<uint32_t>();
    case kUint64:
      return f.template operator()<uint64_t>();
    case kBool:
      return f.template operator()<bool>();
    case kFloat16:
    case kBfloat16:
      return f.template operator()<half>();
    case kComplex64:
      return f.template operator()<complex64>();
    case kComplex128:
      return f.template operator()<complex128>();
    case kString:
      return f.template operator()<std::string>();
    case kResource:
      return f.template operator()<ResourceHandle>();
    case kVariant:
      return f.template operator()<Variant>();
    default:
      return f.template operator()<std::byte>();  // 8-bit floats
  }
}

// The field of the proto for elements of T, and the number of its entries that make one element.
template <typename T>
decltype(auto) FieldOf(const TensorProto& t) {
  if constexpr (std::is_same_v<T, float>)
    return t.float_val();
  else if constexpr (std::is_same_v<T, double>)
    return t.double_val();
  else if constexpr (std::is_same_v<T, int64_t>)
    return t.int64_val();
  else if constexpr (std::is_same_v<T, uint32_t>)
    return t.uint32_val();
  else if constexpr (std::is_same_v<T, uint64_t>)
    return t.uint64_val();
  else if constexpr (std::is_same_v<T, bool>)
    return t.bool_val();
  else if constexpr (std::is_same_v<T, half>)
    return t.half_val();
  else if constexpr (std::is_same_v<T, complex64>)
    return t.scomplex_val();
  else if constexpr (std::is_same_v<T, complex128>)
    return t.dcomplex_val();
  else if constexpr (std::is_same_v<T, std::string>)
    return t.string_val();
  else if constexpr (std::is_same_v<T, ResourceHandle>)
    return t.resource_handle_val();
  else if constexpr (std::is_same_v<T, Variant>)
    return t.variant_val();
  else if constexpr (std::is_same_v<T, std::byte>)
    return t.float8_val();
  else
    return t.int_val();
}
template <typename T>
inline constexpr int kEntries =
    std::is_same_v<T, complex64> || std::is_same_v<T, complex128> ? 2 : 1;

ResourceHandle HandleFromProto(const proto::ResourceHandleProto& p) {
  ResourceHandle h;
  h.device = p.device();
  h.container = p.container();
  h.name = p.name();
  h.type = p.maybe_type_name();
  return h;
}

class ElementReader {
 public:
  ElementReader(const TensorProto& tensor, FillBudget* budget) : tensor_(tensor), budget_(budget) {}

  absl::StatusOr<Array> Read() {
    WEFT_RETURN_IF_ERROR(ReadHeader());
    if (!tensor_.tensor_content().empty()) return ReadContent();
    return ForStorageType(dtype_, [this]<typename T>() { return ReadField<T>(); });
  }

  absl::StatusOr<Array> AllocateFor(size_t content_bytes) {
    WEFT_RETURN_IF_ERROR(ReadHeader());
    if (!IsPlain(dtype_) || dtype_ == kBool) {
      return absl::UnimplementedError(StrCat("contents of ", DTypeName(dtype_), " are not copied"));
    }
    WEFT_RETURN_IF_ERROR(CheckContentSize(content_bytes));
    WEFT_RETURN_IF_ERROR(Allocate(shape_.num_elements()));
    return std::move(out_);
  }

 private:
  absl::Status ReadHeader() {
    WEFT_ASSIGN_OR_RETURN(dtype_, DTypeFromProto(tensor_.dtype(), /*allow_ref=*/false));
    if (dtype_ == kInvalidType) return Invalid("it has no dtype");
    return ReadShape();
  }

  absl::Status CheckContentSize(size_t bytes) const {
    if (static_cast<int64_t>(bytes) == bytes_) return absl::OkStatus();
    return Invalid(StrCat("tensor_content has ", bytes, " bytes instead of ", bytes_));
  }

  absl::Status Invalid(std::string_view why) const {
    return absl::InvalidArgumentError(StrCat("Cannot parse tensor from proto (dtype ",
                                             DTypeName(dtype_), ", shape ", shape_.ToString(),
                                             "): ", why));
  }

  absl::Status ReadShape() {
    const proto::TensorShapeProto& p = tensor_.tensor_shape();
    if (p.unknown_rank()) return Invalid("its shape is not known");
    if (p.dim_size() > kMaxRank) return Invalid(StrCat("it has rank ", p.dim_size()));
    std::vector<int64_t> dims;
    for (const auto& d : p.dim()) dims.push_back(d.size());
    std::string error;
    if (!Shape::Make(dims, &shape_, &error)) return Invalid(error);
    if (__builtin_mul_overflow(shape_.num_elements(), static_cast<int64_t>(DTypeSize(dtype_)),
                               &bytes_)) {
      return Invalid("its size overflows");
    }
    return absl::OkStatus();
  }

  // A new Array in out_. `given` of its elements come from the message.
  absl::Status Allocate(int64_t given) {
    const int64_t fill = (shape_.num_elements() - given) * static_cast<int64_t>(DTypeSize(dtype_));
    if (fill > 0) {
      if (fill > budget_->bytes) {
        return absl::ResourceExhaustedError(
            StrCat("Cannot parse tensor from proto: it holds ", given, " values for shape ",
                   shape_.ToString(), " of dtype ", DTypeName(dtype_), "; filling in ", fill,
                   " bytes is refused, because no more than ", budget_->bytes,
                   " bytes that a file does not hold may be filled in. Use a Fill op for large "
                   "constants."));
      }
      budget_->bytes -= fill;
    }
    BufferPtr buffer = AllocateBuffer(HostAllocator(), dtype_, shape_.num_elements());
    if (!buffer) {
      return absl::ResourceExhaustedError(StrCat(
          "no memory for a tensor of dtype ", DTypeName(dtype_), " and shape ", shape_.ToString()));
    }
    out_ = Array::FromBuffer(dtype_, shape_, std::move(buffer));
    return absl::OkStatus();
  }

  absl::StatusOr<Array> ReadContent() {
    const std::string& content = tensor_.tensor_content();
    if (dtype_ == kString) return ReadStrings(content);
    if (!IsPlain(dtype_)) return Invalid("tensor_content holds numbers only");
    WEFT_RETURN_IF_ERROR(CheckContentSize(content.size()));
    if (dtype_ == kBool && std::any_of(content.begin(), content.end(),
                                       [](char c) { return static_cast<unsigned char>(c) > 1; })) {
      return Invalid("a bool in tensor_content is neither 0 nor 1");
    }
    WEFT_RETURN_IF_ERROR(Allocate(shape_.num_elements()));
    std::memcpy(out_.raw_data(), content.data(), content.size());
    return std::move(out_);
  }

  // The lengths of all strings as varints, then their bytes.
  absl::StatusOr<Array> ReadStrings(std::string_view content) {
    const int64_t n = shape_.num_elements();
    if (n > static_cast<int64_t>(content.size())) {
      return Invalid(StrCat("tensor_content has ", content.size(), " bytes, fewer than strings"));
    }
    std::vector<uint64_t> lengths(static_cast<size_t>(n));
    uint64_t total = 0;
    for (uint64_t& length : lengths) {
      if (!TakeVarint(&content, &length) || length > content.size()) {
        return Invalid("tensor_content is cut off, or a string in it has a wrong length");
      }
      total += length;  // at most n * content.size(): both come from bytes that are there
    }
    if (total != content.size()) {
      return Invalid(StrCat("the strings in tensor_content have ", content.size(),
                            " bytes instead of ", total));
    }
    WEFT_RETURN_IF_ERROR(Allocate(n));
    for (int64_t i = 0; i < n; ++i) {
      const size_t length = lengths[static_cast<size_t>(i)];
      out_.mutable_data<std::string>()[i] = std::string(content.substr(0, length));
      content.remove_prefix(length);
    }
    return std::move(out_);
  }

  static bool TakeVarint(std::string_view* bytes, uint64_t* value) {
    *value = 0;
    for (int shift = 0; shift < 64 && !bytes->empty(); shift += 7) {
      const auto byte = static_cast<unsigned char>(bytes->front());
      bytes->remove_prefix(1);
      *value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return true;
    }
    return false;
  }

  template <typename T>
  absl::StatusOr<Array> ReadField() {
    const auto& field = FieldOf<T>(tensor_);
    const int64_t entries = static_cast<int64_t>(field.size());
    if (entries % kEntries<T> != 0) return Invalid("an imaginary part is missing");
    const int64_t n = shape_.num_elements();
    const int64_t given = std::min(n, entries / kEntries<T>);
    // A number that is not given is 0. Nothing stands for a handle.
    if (given == 0 && n > 0 && (dtype_ == kResource || dtype_ == kVariant)) {
      return Invalid("it holds no value");
    }
    WEFT_RETURN_IF_ERROR(Allocate(given));
    T* data = static_cast<T*>(out_.raw_data());
    for (int64_t i = 0; i < given; ++i)
      WEFT_RETURN_IF_ERROR(Take(field, static_cast<int>(i), &data[i]));
    // A copy: the element lies in the memory that is written.
    const T last = given > 0 ? data[given - 1] : T();
    std::fill(data + given, data + n, last);
    return std::move(out_);
  }

  template <typename T, typename F>
  absl::Status Take(const F& field, int i, T* element) {
    if constexpr (kEntries<T> == 2) {
      *element = T(field.Get(2 * i), field.Get(2 * i + 1));
    } else if constexpr (std::is_same_v<T, half>) {
      *element = half::FromBits(static_cast<uint16_t>(field.Get(i)));
    } else if constexpr (std::is_same_v<T, ResourceHandle>) {
      *element = HandleFromProto(field.Get(i));
    } else if constexpr (std::is_same_v<T, Variant>) {
      return TakeVariant(field.Get(i), element);
    } else if constexpr (std::is_same_v<T, std::byte>) {
      *element = static_cast<std::byte>(field[static_cast<size_t>(i)]);
    } else {
      *element = static_cast<T>(field.Get(i));
    }
    return absl::OkStatus();
  }

  // What the type's own code can't make of a variant stays as it came: text, metadata and tensors.
  absl::Status TakeVariant(const proto::VariantTensorDataProto& p, Variant* v) {
    v->type_name = p.type_name();
    v->metadata = p.metadata();
    std::vector<Array> tensors;
    for (const TensorProto& t : p.tensors()) {
      WEFT_ASSIGN_OR_RETURN(Array a, ArrayFromProto(t, budget_));
      tensors.push_back(std::move(a));
    }
    v->value = std::move(tensors);
    return absl::OkStatus();
  }

  const TensorProto& tensor_;
  FillBudget* budget_;
  DataType dtype_ = kInvalidType;
  Shape shape_;
  int64_t bytes_ = 0;
  Array out_;
};

// Below this size equal values are written out as TensorFlow's Python does.
constexpr size_t kMinBytesToShorten = 256;

bool AllEqual(const Array& a) {
  const char* data = static_cast<const char*>(a.raw_data());
  const size_t size = DTypeSize(a.dtype());
  return std::memcmp(data, data + size, a.num_bytes() - size) == 0;
}

// The dtypes that TensorFlow's Python writes as raw bytes.
bool UsesContent(DataType dtype) {
  switch (dtype) {
    case kFloat32:
    case kFloat64:
    case kInt32:
    case kUint8:
    case kInt16:
    case kInt8:
    case kInt64:
    case kUint32:
    case kUint64:
    case kQint8:
    case kQuint8:
    case kQint16:
    case kQuint16:
    case kQint32:
      return true;
    default:
      return false;
  }
}

void HandleToProto(const ResourceHandle& h, proto::ResourceHandleProto* p) {
  p->set_device(h.device);
  p->set_container(h.container);
  p->set_name(h.name);
  p->set_maybe_type_name(h.type);
}

void VariantToProto(const Variant& v, proto::VariantTensorDataProto* p) {
  p->set_type_name(v.type_name);
  p->set_metadata(v.metadata);
  if (const auto* tensors = std::any_cast<std::vector<Array>>(&v.value)) {
    for (const Array& a : *tensors) ArrayToProto(a, p->add_tensors());
  }
}

template <typename T>
void AddElement(const T& value, TensorProto* t) {
  if constexpr (std::is_same_v<T, float>)
    t->add_float_val(value);
  else if constexpr (std::is_same_v<T, double>)
    t->add_double_val(value);
  else if constexpr (std::is_same_v<T, int64_t>)
    t->add_int64_val(value);
  else if constexpr (std::is_same_v<T, uint32_t>)
    t->add_uint32_val(value);
  else if constexpr (std::is_same_v<T, uint64_t>)
    t->add_uint64_val(value);
  else if constexpr (std::is_same_v<T, bool>)
    t->add_bool_val(value);
  else if constexpr (std::is_same_v<T, half>)
    t->add_half_val(value.bits);
  else if constexpr (std::is_same_v<T, complex64>)
    t->add_scomplex_val(value.real()), t->add_scomplex_val(value.imag());
  else if constexpr (std::is_same_v<T, complex128>)
    t->add_dcomplex_val(value.real()), t->add_dcomplex_val(value.imag());
  else if constexpr (std::is_same_v<T, std::string>)
    t->add_string_val(value);
  else if constexpr (std::is_same_v<T, ResourceHandle>)
    HandleToProto(value, t->add_resource_handle_val());
  else if constexpr (std::is_same_v<T, Variant>)
    VariantToProto(value, t->add_variant_val());
  else if constexpr (std::is_same_v<T, std::byte>)
    t->mutable_float8_val()->push_back(static_cast<char>(value));
  else
    t->add_int_val(static_cast<int32_t>(value));
}

}  // namespace

absl::StatusOr<Array> ArrayFromProto(const proto::TensorProto& tensor, FillBudget* budget) {
  return ElementReader(tensor, budget).Read();
}

absl::StatusOr<Array> ArrayFromProto(const proto::TensorProto& tensor) {
  FillBudget budget;
  return ArrayFromProto(tensor, &budget);
}

absl::StatusOr<Array> ArrayForContent(const proto::TensorProto& tensor, size_t content_bytes) {
  FillBudget budget;
  return ElementReader(tensor, &budget).AllocateFor(content_bytes);
}

void ArrayToProto(const Array& array, proto::TensorProto* tensor) {
  tensor->Clear();
  if (!array.valid()) return;
  tensor->set_dtype(static_cast<proto::DataType>(array.dtype()));
  auto* shape = tensor->mutable_tensor_shape();
  for (const int64_t d : array.shape().dims()) shape->add_dim()->set_size(d);
  const int64_t n = array.num_elements();
  const bool shorten =
      IsPlain(array.dtype()) && array.num_bytes() >= kMinBytesToShorten && AllEqual(array);
  if (n > 1 && !shorten && UsesContent(array.dtype())) {
    tensor->set_tensor_content(array.raw_data(), array.num_bytes());
    return;
  }
  ForStorageType(array.dtype(), [&]<typename T>() {
    const T* data = static_cast<const T*>(array.raw_data());
    for (int64_t i = 0; i < (shorten ? 1 : n); ++i) AddElement(data[i], tensor);
  });
}

std::string ArrayToTensorProtoBytes(const Array& array) {
  proto::TensorProto tensor;
  ArrayToProto(array, &tensor);
  return SerializeProto(tensor);
}

Array ArrayFromTensorProtoBytes(std::string_view bytes) {
  proto::TensorProto tensor;
  if (!ParseProto(bytes, &tensor)) {
    ThrowStatus(absl::InvalidArgumentError(
        StrCat("these ", bytes.size(), " bytes are no serialised TensorProto")));
  }
  return ValueOrThrow(ArrayFromProto(tensor));
}

}  // namespace weft
