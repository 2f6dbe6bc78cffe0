// SPDX-License-Identifier: Apache-2.0
// DecodeRaw, DecodePaddedRaw, DecodeCompressed, DecodeJSONExample, ParseTensor, SerializeTensor,
// StringToNumber. (DecodeCSV: decode_csv.cc; Examples: parsing_examples.cc.)
#include "kernels/cpu/parsing.h"

#include <google/protobuf/util/json_util.h>
#include <zlib.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <string>

#include "absl/strings/numbers.h"
#include "kernels/common/dtype_names.h"
#include "proto/weft/example.pb.h"
#include "proto/weft/tensor.pb.h"
#include "src/core/strings.h"
#include "src/graph/proto_convert.h"
#include "weft/runtime/kernel.h"

namespace weft {
namespace {

// ---- Raw bytes ----------------------------------------------------------------------------------

// The bytes that an order of bytes turns round: a complex number has two such parts.
size_t PartSize(DataType dtype) {
  const size_t size = DTypeSize(dtype);
  return dtype == kComplex64 || dtype == kComplex128 ? size / 2 : size;
}

void ReverseParts(char* bytes, size_t n, size_t part) {
  for (size_t i = 0; i + part <= n; i += part) std::reverse(bytes + i, bytes + i + part);
}

// A byte that is no bool must not become one.
void CleanBools(Array* out) {
  if (out->dtype() != kBool) return;
  auto* bytes = static_cast<unsigned char*>(out->raw_data());
  for (int64_t i = 0; i < out->num_elements(); ++i) bytes[i] = bytes[i] != 0;
}

absl::StatusOr<Shape> Widened(KernelContext& ctx, const Shape& shape, int64_t width) {
  std::vector<int64_t> sizes = shape.ToVector();
  sizes.push_back(width);
  Shape wide;
  std::string error;
  if (!Shape::Make(sizes, &wide, &error)) return ctx.InvalidArgument(error);
  return wide;
}

class DecodeRaw final : public Kernel {
 public:
  explicit DecodeRaw(KernelConstruction& c)
      : dtype_(c.Attr<DataType>("out_type")),
        reverse_(c.Attr<bool>("little_endian") != (std::endian::native == std::endian::little)) {}

  absl::Status Compute(KernelContext& ctx) override {
    const Array& in = ctx.input(0);
    const auto texts = in.values<std::string>();
    const size_t length = texts.empty() ? 0 : texts[0].size(), size = DTypeSize(dtype_);
    for (size_t i = 1; i < texts.size(); ++i) {
      if (texts[i].size() == length) continue;
      return ctx.InvalidArgument(
          StrCat("DecodeRaw requires input strings to all be the same size, but element ", i,
                 " has size ", texts[i].size(), " != ", length));
    }
    if (length % size != 0) {
      return ctx.InvalidArgument(StrCat("Input to DecodeRaw has length ", length,
                                        " that is not a multiple of ", size, ", the size of ",
                                        DTypeOpName(dtype_)));
    }
    WEFT_ASSIGN_OR_RETURN(const Shape shape,
                          Widened(ctx, in.shape(), static_cast<int64_t>(length / size)));
    WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, shape));
    char* to = static_cast<char*>(out->raw_data());
    for (const std::string& text : texts) {
      if (length > 0) std::memcpy(to, text.data(), length);
      to += length;
    }
    if (reverse_)
      ReverseParts(static_cast<char*>(out->raw_data()), length * texts.size(), PartSize(dtype_));
    CleanBools(out);
    return absl::OkStatus();
  }

 private:
  const DataType dtype_;
  const bool reverse_;
};

class DecodePaddedRaw final : public Kernel {
 public:
  explicit DecodePaddedRaw(KernelConstruction& c)
      : dtype_(c.Attr<DataType>("out_type")),
        reverse_(c.Attr<bool>("little_endian") != (std::endian::native == std::endian::little)) {}

  absl::Status Compute(KernelContext& ctx) override {
    if (ctx.input(1).rank() != 0) {
      return ctx.InvalidArgument(
          StrCat("k must be scalar, got shape ", ctx.input(1).shape().ToString()));
    }
    const int64_t fixed = ctx.input(1).AsInt64();
    const auto size = static_cast<int64_t>(DTypeSize(dtype_));
    if (fixed < size) {
      return ctx.InvalidArgument(StrCat(
          "fixed_length (", fixed, ") must be greater than the size of out_type (", size, ")"));
    }
    if (fixed % size != 0) {
      return ctx.InvalidArgument(StrCat(
          "fixed_length (", fixed, ") must be a multiple of the size of out_type (", size, ")"));
    }
    const Array& in = ctx.input(0);
    WEFT_ASSIGN_OR_RETURN(const Shape shape, Widened(ctx, in.shape(), fixed / size));
    WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, shape));
    char* to = static_cast<char*>(out->raw_data());
    const auto width = static_cast<size_t>(fixed);
    for (const std::string& text : in.values<std::string>()) {
      const size_t n = std::min(text.size(), width);
      if (n > 0) std::memcpy(to, text.data(), n);
      std::memset(to + n, 0, width - n);
      if (reverse_) ReverseParts(to, width, PartSize(dtype_));
      to += width;
    }
    return absl::OkStatus();
  }

 private:
  const DataType dtype_;
  const bool reverse_;
};

// ---- Compressed texts ---------------------------------------------------------------------------

// All members of a zlib or gzip stream.
absl::StatusOr<std::string> Inflate(const std::string& in, bool gzip) {
  z_stream stream = {};
  if (inflateInit2(&stream, gzip ? 16 + MAX_WBITS : MAX_WBITS) != Z_OK)
    return absl::ResourceExhaustedError("DecodeCompressed: zlib can't be started");
  std::string out;
  char buffer[1 << 16];
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));
  size_t left = in.size();
  int code = Z_OK;
  while (code == Z_OK) {
    if (stream.avail_in == 0 && left > 0) {
      stream.avail_in = static_cast<uInt>(std::min<size_t>(left, 1 << 30));
      left -= stream.avail_in;
    }
    stream.next_out = reinterpret_cast<Bytef*>(buffer);
    stream.avail_out = sizeof buffer;
    code = inflate(&stream, Z_NO_FLUSH);
    out.append(buffer, sizeof buffer - stream.avail_out);
    if (code == Z_STREAM_END && gzip && (stream.avail_in > 0 || left > 0))
      code = inflateReset(&stream);
  }
  const std::string reason = stream.msg ? stream.msg : "it ends too soon";
  inflateEnd(&stream);
  if (code == Z_STREAM_END) return out;
  return absl::DataLossError(
      StrCat("DecodeCompressed: the text is no ", gzip ? "gzip" : "zlib", " stream: ", reason));
}

class DecodeCompressed final : public Kernel {
 public:
  explicit DecodeCompressed(KernelConstruction& c)
      : type_(c.Attr<std::string>("compression_type")) {
    if (type_ != "ZLIB" && type_ != "GZIP" && !type_.empty()) {
      c.Fail(absl::InvalidArgumentError(
          StrCat("Only ZLIB, GZIP or NONE are supported compressions, not '", type_, "'")));
    }
  }
  absl::Status Compute(KernelContext& ctx) override {
    const Array& in = ctx.input(0);
    if (type_.empty()) {
      ctx.set_output(0, in);
      return absl::OkStatus();
    }
    WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, in.shape()));
    std::string* to = out->mutable_data<std::string>();
    for (const std::string& text : in.values<std::string>()) {
      WEFT_ASSIGN_OR_RETURN(*to++, Inflate(text, type_ == "GZIP"));
    }
    return absl::OkStatus();
  }

 private:
  const std::string type_;
};

// ---- Messages -----------------------------------------------------------------------------------

absl::Status DecodeJsonExample(KernelContext& ctx) {
  const Array& in = ctx.input(0);
  WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, in.shape()));
  std::string* to = out->mutable_data<std::string>();
  for (const std::string& text : in.values<std::string>()) {
    proto::Example example;
    const auto status = google::protobuf::util::JsonStringToMessage(text, &example);
    if (!status.ok()) {
      return ctx.InvalidArgument(StrCat("Error while parsing JSON: ", status.message().ToString()));
    }
    *to++ = SerializeProto(example);
  }
  return absl::OkStatus();
}

class ParseTensor final : public Kernel {
 public:
  explicit ParseTensor(KernelConstruction& c) : dtype_(c.Attr<DataType>("out_type")) {}
  absl::Status Compute(KernelContext& ctx) override {
    const Array& in = ctx.input(0);
    if (in.rank() != 0) {
      return ctx.InvalidArgument(
          StrCat("Expected `serialized` to be a scalar, got shape: ", in.shape().ToString()));
    }
    proto::TensorProto message;
    if (!ParseProto(*in.data<std::string>(), &message)) {
      return ctx.InvalidArgument(
          StrCat("Could not parse `serialized` as TensorProto: '", *in.data<std::string>(), "'"));
    }
    WEFT_ASSIGN_OR_RETURN(Array value, ArrayFromProto(message));
    if (value.dtype() != dtype_) {
      return ctx.InvalidArgument(StrCat("Type mismatch between parsed tensor (",
                                        DTypeOpName(value.dtype()), ") and dtype (",
                                        DTypeOpName(dtype_), ")"));
    }
    ctx.set_output(0, std::move(value));
    return absl::OkStatus();
  }

 private:
  const DataType dtype_;
};

absl::Status SerializeTensor(KernelContext& ctx) {
  proto::TensorProto message;
  ArrayToProto(ctx.input(0), &message);
  WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, Shape()));
  *out->mutable_data<std::string>() = SerializeProto(message);
  return absl::OkStatus();
}

// ---- Numbers ------------------------------------------------------------------------------------

template <typename T>
absl::Status StringToNumber(KernelContext& ctx) {
  const Array& in = ctx.input(0);
  WEFT_ASSIGN_OR_RETURN(Array * out, ctx.AllocateOutput(0, in.shape()));
  T* to = out->mutable_data<T>();
  for (const std::string& text : in.values<std::string>()) {
    if (!ParseNumber(text, to++)) {
      return ctx.InvalidArgument(
          StrCat("StringToNumberOp could not correctly convert string: ", text));
    }
  }
  return absl::OkStatus();
}

}  // namespace

bool ParseNumber(std::string_view text, float* value) {
  return absl::SimpleAtof({text.data(), text.size()}, value);
}
bool ParseNumber(std::string_view text, double* value) {
  return absl::SimpleAtod({text.data(), text.size()}, value);
}
bool ParseNumber(std::string_view text, int32_t* value) {
  return absl::SimpleAtoi(absl::string_view(text.data(), text.size()), value);
}
bool ParseNumber(std::string_view text, int64_t* value) {
  return absl::SimpleAtoi(absl::string_view(text.data(), text.size()), value);
}

void RegisterParsingKernels(KernelRegistry& kernels) {
  RegisterParsingExampleKernels(kernels);
  RegisterDecodeCsvKernels(kernels);
  RegisterWavKernels(kernels);
  kernels.Add<DecodeRaw>("DecodeRaw", kCpu, {});
  kernels.Add<DecodePaddedRaw>("DecodePaddedRaw", kCpu, {});
  kernels.Add<DecodeCompressed>("DecodeCompressed", kCpu, {});
  kernels.Add("DecodeJSONExample", kCpu, {}, DecodeJsonExample);
  kernels.Add<ParseTensor>("ParseTensor", kCpu, {});
  kernels.Add("SerializeTensor", kCpu, {}, SerializeTensor);
  ForTypes<float, double, int32_t, int64_t>([&]<typename T>() {
    kernels.Add("StringToNumber", kCpu, {{"out_type", dtype_of<T>}}, StringToNumber<T>);
  });
}

}  // namespace weft
