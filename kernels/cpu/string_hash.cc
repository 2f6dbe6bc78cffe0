// SPDX-License-Identifier: Apache-2.0
// AsString, StringToHashBucketFast.
#include <cstdio>
#include <string>

#include "src/core/fingerprint.h"
#include "src/core/strings.h"
#include "weft/runtime/kernel.h"

namespace weft {
namespace {

class HashBucket final : public Kernel {
 public:
  explicit HashBucket(KernelConstruction& c)
      : buckets_(static_cast<uint64_t>(c.Attr<int64_t>("num_buckets"))) {
    if (c.Attr<int64_t>("num_buckets") < 1)
      c.Fail(absl::InvalidArgumentError("num_buckets must be at least 1"));
  }
  absl::Status Compute(KernelContext& ctx) override {
    const Array& in = ctx.input(0);
    WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, in.shape()));
    int64_t* to = out->mutable_data<int64_t>();
    for (const std::string& text : in.values<std::string>())
      *to++ = static_cast<int64_t>(Fingerprint64(text) % buckets_);
    return absl::OkStatus();
  }

 private:
  const uint64_t buckets_;
};

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
  kernels.Add<HashBucket>("StringToHashBucketFast", kCpu, {});
  kernels.Add<AsString>("AsString", kCpu, {});
}

}  // namespace weft
