// SPDX-License-Identifier: Apache-2.0
// Texts as code points of Unicode, and the other way round.
// kernels: kernels/cpu/strings_unicode.cc   test: tests/ops/strings_unicode_test.cc
#include "src/ops/strings.h"

namespace weft {
namespace {

constexpr const char* kErrors = "errors: {'strict', 'replace', 'ignore'} = 'replace'";
constexpr const char* kReplacement = "replacement_char: int = 65533";
constexpr const char* kReplaceControl = "replace_control_characters: bool = false";
constexpr const char* kOutputEncoding = "output_encoding: {'UTF-8', 'UTF-16-BE', 'UTF-32-BE'}";
constexpr const char* kSplits = "Tsplits: {int32, int64} = DT_INT64";

// A row for each text, whatever the shape of the texts.
absl::Status DecodeShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(const int64_t splits, shape::AddDims(c.input(0).num_elements(), 1));
  c.set_output(0, PartialShape::Vector(splits));
  for (int i = 1; i < c.num_outputs(); ++i) c.set_output(i, PartialShape::Vector(kUnknownDim));
  return absl::OkStatus();
}

absl::Status EncodeShape(ShapeContext& c) {
  WEFT_RETURN_IF_ERROR(c.InputWithRank(0, 1).status());
  WEFT_ASSIGN_OR_RETURN(const PartialShape splits, c.InputWithRank(1, 1));
  WEFT_ASSIGN_OR_RETURN(const int64_t rows, shape::SubDims(splits.dim(0), 1));
  c.set_output(0, PartialShape::Vector(rows));
  return absl::OkStatus();
}

OpDefBuilder&& Decoding(OpDefBuilder&& op) {
  return std::move(op)
      .Input("input: string")
      .Output("row_splits: Tsplits")
      .Output("char_values: int32")
      .Attr("input_encoding: string")
      .Attr(kErrors)
      .Attr(kReplacement)
      .Attr(kReplaceControl)
      .Attr(kSplits)
      .Shape(DecodeShape)
      .NoGradient(kTexts);
}

}  // namespace

void RegisterUnicodeOps(OpRegistry& ops) {
  ops.Add("UnicodeDecode")
      .Summary("The code points of each text, as a ragged matrix.")
      .Apply(Decoding);
  ops.Add("UnicodeDecodeWithOffsets")
      .Summary("The code points of each text, and the bytes where they begin, as ragged matrices.")
      .Apply(Decoding)
      .Output("char_to_byte_starts: int64");
  ops.Add("UnicodeEncode")
      .Summary("A text of each row of a ragged matrix of code points.")
      .Input("input_values: int32")
      .Input("input_splits: Tsplits")
      .Output("output: string")
      .Attr("errors: {'ignore', 'replace', 'strict'} = 'replace'")
      .Attr(kOutputEncoding)
      .Attr(kReplacement)
      .Attr(kSplits)
      .Shape(EncodeShape)
      .NoGradient(kTexts);
  ops.Add("UnicodeTranscode")
      .Summary("Each text in another encoding.")
      .Input("input: string")
      .Output("output: string")
      .Attr("input_encoding: string")
      .Attr(kOutputEncoding)
      .Attr(kErrors)
      .Attr(kReplacement)
      .Attr(kReplaceControl)
      .Shape(shape::SameAsInput)
      .NoGradient(kTexts);
  ops.Add("UnicodeScript")
      .Summary("The number of the script that each code point belongs to; -1 if it is none.")
      .Input("input: int32")
      .Output("output: int32")
      .Shape(shape::SameAsInput)
      .NoGradient("code points are integers");
}

}  // namespace weft
