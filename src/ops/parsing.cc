// SPDX-License-Identifier: Apache-2.0
// Ops that make numbers of texts and bytes.
// kernels: kernels/cpu/parsing.cc, kernels/cpu/decode_csv.cc   test: tests/ops/parsing_test.cc
#include "src/ops/parsing.h"

#include "src/core/strings.h"

namespace weft {
namespace {

// The input's shape and one more dimension.
absl::Status DecodeRawShape(ShapeContext& c) {
  c.set_output(0, c.input(0).Concatenate(PartialShape::Vector(kUnknownDim)));
  return absl::OkStatus();
}

absl::Status DecodePaddedRawShape(ShapeContext& c) {
  WEFT_RETURN_IF_ERROR(c.InputWithRank(1, 0).status());
  int64_t width = kUnknownDim;
  if (const Array* length = c.input_constant(1)) {
    const auto size = static_cast<int64_t>(DTypeSize(c.Attr<DataType>("out_type")));
    const int64_t bytes = length->AsInt64();
    if (bytes % size != 0) {
      return absl::InvalidArgumentError(StrCat("Fixed length must be divisible by size of dtype: ",
                                               bytes, " bytes, elements of ", size));
    }
    if (bytes >= 0) width = bytes / size;
  }
  c.set_output(0, c.input(0).Concatenate(PartialShape::Vector(width)));
  return absl::OkStatus();
}

absl::Status DecodeCsvShape(ShapeContext& c) {
  for (int i = 1; i < c.num_inputs(); ++i) {
    WEFT_ASSIGN_OR_RETURN(const PartialShape value, c.WithRankAtMost(c.input(i), 1));
    if (value.known_rank() && value.rank() == 1 && value.dim(0) > 1) {
      return absl::InvalidArgumentError(
          "Shape of a default must be a length-0 or length-1 vector, or a scalar.");
    }
  }
  for (int i = 0; i < c.num_outputs(); ++i) c.set_output(i, c.input(0));
  return absl::OkStatus();
}

void RegisterTensors(OpRegistry& ops) {
  ops.Add("ParseTensor")
      .Summary("The tensor that a serialised TensorProto holds.")
      .Input("serialized: string")
      .Output("output: out_type")
      .Attr("out_type: type")
      .Shape(shape::Unknown)
      .NoGradient(kReadFromBytes);
  ops.Add("SerializeTensor")
      .Summary("A tensor as a serialised TensorProto.")
      .Input("tensor: T")
      .Output("serialized: string")
      .Attr("T: type")
      .Shape(shape::Scalar)
      .NoGradient("what comes out are bytes");
}

// A size that an attribute asks for; -1: what the file has.
absl::StatusOr<int64_t> Desired(ShapeContext& c, std::string_view attr) {
  const int64_t n = c.Attr<int64_t>(attr);
  if (n >= -1) return n;
  return absl::InvalidArgumentError(StrCat(attr, " must be non-negative, got ", n));
}

absl::Status DecodeWavShape(ShapeContext& c) {
  WEFT_RETURN_IF_ERROR(c.InputWithRank(0, 0).status());
  WEFT_ASSIGN_OR_RETURN(const int64_t channels, Desired(c, "desired_channels"));
  WEFT_ASSIGN_OR_RETURN(const int64_t samples, Desired(c, "desired_samples"));
  c.set_output(0, PartialShape::Matrix(samples, channels));
  c.set_output(1, PartialShape::Scalar());
  return absl::OkStatus();
}

absl::Status EncodeWavShape(ShapeContext& c) {
  WEFT_RETURN_IF_ERROR(c.InputWithRank(0, 2).status());
  WEFT_RETURN_IF_ERROR(c.InputWithRank(1, 0).status());
  return shape::Scalar(c);
}

void RegisterWav(OpRegistry& ops) {
  ops.Add("DecodeWav")
      .Summary("The samples of a WAV file of 16 bits, from -1 to 1, and how many a second has.")
      .Input("contents: string")
      .Output("audio: float")
      .Output("sample_rate: int32")
      .Attr("desired_channels: int = -1")
      .Attr("desired_samples: int = -1")
      .Shape(DecodeWavShape)
      .NoGradient(kReadFromBytes);
  ops.Add("EncodeWav")
      .Summary("Samples from -1 to 1 as a WAV file of 16 bits.")
      .Input("audio: float")
      .Input("sample_rate: int32")
      .Output("contents: string")
      .Shape(EncodeWavShape)
      .NoGradient("what comes out are bytes");
}

}  // namespace

void RegisterParsingOps(OpRegistry& ops) {
  RegisterParsingExampleOps(ops);
  RegisterWav(ops);
  RegisterTensors(ops);
  ops.Add("DecodeRaw")
      .Summary("The bytes of texts of one length as numbers.")
      .Input("bytes: string")
      .Output("output: out_type")
      .Attr(
          "out_type: {half, float, double, int32, uint16, uint8, int16, int8, int64, complex64, "
          "complex128, bool, bfloat16}")
      .Attr("little_endian: bool = true")
      .Shape(DecodeRawShape)
      .NoGradient(kReadFromBytes);
  ops.Add("DecodePaddedRaw")
      .Summary(
          "The bytes of texts as numbers; each text is cut or filled with zeros to one length.")
      .Input("input_bytes: string")
      .Input("fixed_length: int32")
      .Output("output: out_type")
      .Attr("out_type: {half, float, double, int32, uint16, uint8, int16, int8, int64, bfloat16}")
      .Attr("little_endian: bool = true")
      .Shape(DecodePaddedRawShape)
      .NoGradient(kReadFromBytes);
  ops.Add("DecodeCompressed")
      .Summary("Texts that were compressed with zlib or gzip.")
      .Input("bytes: string")
      .Output("output: string")
      .Attr("compression_type: string = ''")
      .Shape(shape::SameAsInput)
      .NoGradient(kReadFromBytes);
  ops.Add("DecodeCSV")
      .Summary("The columns of lines of comma-separated values, one tensor a column.")
      .Input("records: string")
      .Input("record_defaults: OUT_TYPE")
      .Output("output: OUT_TYPE")
      .Attr("OUT_TYPE: list({float, double, int32, int64, string}) >= 1")
      .Attr("field_delim: string = ','")
      .Attr("use_quote_delim: bool = true")
      .Attr("na_value: string = ''")
      .Attr("select_cols: list(int) = []")
      .Shape(DecodeCsvShape)
      .NoGradient(kReadFromBytes);
  ops.Add("DecodeJSONExample")
      .Summary("Examples written as JSON, serialised.")
      .Input("json_examples: string")
      .Output("binary_examples: string")
      .Shape(shape::SameAsInput)
      .NoGradient(kReadFromBytes);
  ops.Add("StringToNumber")
      .Summary("The number that each text writes.")
      .Input("string_tensor: string")
      .Output("output: out_type")
      .Attr("out_type: {float, double, int32, int64} = DT_FLOAT")
      .Shape(shape::SameAsInput)
      .NoGradient(kReadFromBytes);
}

}  // namespace weft
