// SPDX-License-Identifier: Apache-2.0
// AsString, StringToHashBucketFast, StringToHashBucketStrong, StringToHashBucket, Fingerprint.
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "src/core/fingerprint.h"
#include "src/core/strings.h"
#include "src/core/text_hash.h"
#include "weft/runtime/kernel.h"

namespace weft {
namespace {

// `Hash` is made from the node and called with each text.
template <typename Hash>
class HashBucket final : public Kernel {
 public:
  explicit HashBucket(KernelConstruction& c)
      : hash_(c), buckets_(static_cast<uint64_t>(c.Attr<int64_t>("num_buckets"))) {
    if (c.Attr<int64_t>("num_buckets") < 1)
      c.Fail(absl::InvalidArgumentError("num_buckets must be at least 1"));
  }
  absl::Status Compute(KernelContext& ctx) override {
    const Array& in = ctx.input(0);
    WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, in.shape()));
    int64_t* to = out->mutable_data<int64_t>();
    for (const std::string& text : in.values<std::string>())
      *to++ = static_cast<int64_t>(hash_(text) % buckets_);
    return absl::OkStatus();
  }

 private:
  const Hash hash_;
  const uint64_t buckets_;
};

struct FastHash {
  explicit FastHash(KernelConstruction&) {}
  uint64_t operator()(std::string_view text) const { return Fingerprint64(text); }
};
struct OldHash {
  explicit OldHash(KernelConstruction&) {}
  // The seed is TensorFlow's.
  uint64_t operator()(std::string_view text) const { return MurmurHash64(text, 0xdecafcaffe); }
};
struct StrongHash {
  explicit StrongHash(KernelConstruction& c) : key(c.Attr<std::vector<int64_t>>("key")) {
    if (key.size() != 2) c.Fail(absl::InvalidArgumentError("Key must have 2 elements"));
    key.resize(2);
  }
  uint64_t operator()(std::string_view text) const {
    return SipHash(text, static_cast<uint64_t>(key[0]), static_cast<uint64_t>(key[1]));
  }
  std::vector<int64_t> key;
};

// The bytes of the number, the lowest first.
void PutBytes(uint64_t number, uint8_t* to) {
  for (int i = 0; i < 8; ++i) to[i] = static_cast<uint8_t>(number >> (8 * i));
}

// Of a row of several texts it is the fingerprint of their fingerprints.
uint64_t FingerprintOfTexts(const std::string* texts, int64_t n) {
  if (n == 1) return Fingerprint64(*texts);
  std::string bytes(static_cast<size_t>(n) * 8, '\0');
  for (int64_t i = 0; i < n; ++i) {
    PutBytes(Fingerprint64(texts[i]), reinterpret_cast<uint8_t*>(bytes.data()) + i * 8);
  }
  return Fingerprint64(bytes);
}

absl::Status Fingerprint(KernelContext& ctx) {
  const Array &data = ctx.input(0), &method = ctx.input(1);
  if (method.rank() != 0) {
    return ctx.InvalidArgument(
        StrCat("`method` should be a scalar string: ", method.shape().ToString()));
  }
  if (*method.data<std::string>() != "farmhash64") {
    return ctx.InvalidArgument(
        StrCat("Unsupported fingerprint method: ", *method.data<std::string>()));
  }
  if (!IsPlain(data.dtype()) && data.dtype() != kString)
    return ctx.InvalidArgument(StrCat("Data type not supported: ", DTypeName(data.dtype())));
  if (data.rank() == 0) return ctx.InvalidArgument("`data` should have at least one dimension: []");
  const int64_t rows = data.dim(0), width = rows == 0 ? 0 : data.num_elements() / rows;
  WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, Shape({rows, 8})));
  uint8_t* to = out->mutable_data<uint8_t>();
  const size_t row_bytes = static_cast<size_t>(width) * DTypeSize(data.dtype());
  for (int64_t row = 0; row < rows; ++row, to += 8) {
    if (data.dtype() == kString) {
      PutBytes(FingerprintOfTexts(data.data<std::string>() + row * width, width), to);
    } else {
      const char* bytes =
          static_cast<const char*>(data.raw_data()) + static_cast<size_t>(row) * row_bytes;
      PutBytes(Fingerprint64(std::string_view(bytes, row_bytes)), to);
    }
  }
  return absl::OkStatus();
}

// printf's conversion for the attributes.
class AsString final : public Kernel {
 public:
  explicit AsString(KernelConstruction& c) : dtype_(c.Attr<DataType>("T")) {
    const int64_t precision = c.Attr<int64_t>("precision"), width = c.Attr<int64_t>("width");
    const bool scientific = c.Attr<bool>("scientific"), shortest = c.Attr<bool>("shortest");
    const std::string fill = c.Attr<std::string>("fill");
    const auto fail = [&c](const std::string& why) { c.Fail(absl::InvalidArgumentError(why)); };
    const bool is_integer = IsInteger(dtype_);
    if (scientific && shortest) fail("Cannot select both scientific and shortest notation");
    if (precision >= 0 && is_integer) {
      fail(StrCat("precision not supported for datatype ", DTypeOpName(dtype_)));
    }
    if (fill.size() > 1) {
      fail(StrCat("Fill argument cannot be more than one character: '", fill, "'"));
    }
    if (width > 1 << 20 || precision > 1 << 20) fail("width and precision must be reasonable");
    if (!fill.empty() && std::string("+- 0#").find(fill) == std::string::npos)
      fail(StrCat("Fill argument not supported: \"", fill, "\""));
    format_ = "%";
    format_ += fill;
    if (width > -1) StrAppend(&format_, width);
    if (precision > -1) StrAppend(&format_, ".", precision);
    if (is_integer) {
      format_ += IsUnsigned() ? "llu" : "lld";
    } else {
      format_ += shortest ? 'g' : (scientific ? 'e' : 'f');
    }
  }

  absl::Status Compute(KernelContext& ctx) override {
    const Array& in = ctx.input(0);
    if (dtype_ == kString) {
      ctx.set_output(0, in);
      return absl::OkStatus();
    }
    if (dtype_ == kVariant) return ctx.InvalidArgument("variants can't be shown as text");
    WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, in.shape()));
    std::string* to = out->mutable_data<std::string>();
    for (int64_t i = 0; i < in.num_elements(); ++i) to[i] = Text(in, i);
    return absl::OkStatus();
  }

 private:
  bool IsUnsigned() const {
    return dtype_ == kUint8 || dtype_ == kUint16 || dtype_ == kUint32 || dtype_ == kUint64;
  }

  std::string Text(const Array& in, int64_t i) const {
    if (dtype_ == kBool) return in.data<bool>()[i] ? "true" : "false";
    if (dtype_ == kUint64) return Format(static_cast<unsigned long long>(in.data<uint64_t>()[i]));
    if (IsInteger(dtype_)) {
      const int64_t value = in.AsInt64(i);
      return IsUnsigned() ? Format(static_cast<unsigned long long>(value))
                          : Format(static_cast<long long>(value));
    }
    if (dtype_ == kComplex64) return Pair(in.data<complex64>()[i]);
    if (dtype_ == kComplex128) return Pair(in.data<complex128>()[i]);
    return Format(in.AsDouble(i));
  }

  template <typename C>
  std::string Pair(const C& value) const {
    return StrCat("(", Format(static_cast<double>(value.real())), ",",
                  Format(static_cast<double>(value.imag())), ")");
  }

  template <typename T>
  std::string Format(T value) const {
    const int size = std::snprintf(nullptr, 0, format_.c_str(), value);
    std::string text(static_cast<size_t>(size), '\0');
    std::snprintf(text.data(), text.size() + 1, format_.c_str(), value);
    return text;
  }

  const DataType dtype_;
  std::string format_;
};

}  // namespace

void RegisterStringHashKernels(KernelRegistry& kernels) {
  kernels.Add<HashBucket<FastHash>>("StringToHashBucketFast", kCpu, {});
  kernels.Add<HashBucket<StrongHash>>("StringToHashBucketStrong", kCpu, {});
  kernels.Add<HashBucket<OldHash>>("StringToHashBucket", kCpu, {});
  kernels.Add("Fingerprint", kCpu, {}, Fingerprint);
  kernels.Add<AsString>("AsString", kCpu, {});
}

}  // namespace weft
