// SPDX-License-Identifier: Apache-2.0
// One text, or number, from each text; and a text from any values.
// kernels: kernels/cpu/strings_edit.cc   test: tests/ops/strings_edit_test.cc
#include <string>
#include <string_view>

#include "src/core/strings.h"
#include "src/ops/strings.h"

namespace weft {
namespace {

OpDefBuilder&& TextToText(OpDefBuilder&& op) {
  return std::move(op)
      .Input("input: string")
      .Output("output: string")
      .Shape(shape::SameAsInput)
      .NoGradient(kTexts);
}

// Positions and lengths have one shape, which is broadcast with that of the texts.
absl::Status SubstrShape(ShapeContext& c) {
  const PartialShape &pos = c.input(1), &len = c.input(2);
  if (pos.known_rank() && len.known_rank()) {
    PartialShape both;
    if (!PartialShape::Merge(pos, len, &both)) {
      return absl::InvalidArgumentError(
          StrCat("pos and len shapes must match: ", pos.ToString(), " vs. ", len.ToString()));
    }
  }
  return shape::Broadcast(c);
}

absl::Status RegexReplaceShape(ShapeContext& c) {
  WEFT_RETURN_IF_ERROR(c.InputWithRank(1, 0).status());
  WEFT_RETURN_IF_ERROR(c.InputWithRank(2, 0).status());
  c.set_output(0, c.input(0));
  return absl::OkStatus();
}

// How often the placeholder stands in the template.
int64_t CountPlaceholders(std::string_view text, std::string_view placeholder) {
  // Of nothing there is one between any two characters.
  if (placeholder.empty()) return text.empty() ? 0 : static_cast<int64_t>(text.size()) - 1;
  int64_t count = 0;
  for (size_t at = text.find(placeholder); at != text.npos;
       at = text.find(placeholder, at + placeholder.size())) {
    ++count;
  }
  return count;
}

absl::Status FormatShape(ShapeContext& c) {
  const int64_t places =
      CountPlaceholders(c.Attr<std::string>("template"), c.Attr<std::string>("placeholder"));
  if (places != c.num_inputs()) {
    return absl::InvalidArgumentError(
        StrCat("num placeholders in template and num inputs must match: ", places, " vs. ",
               c.num_inputs()));
  }
  return shape::Scalar(c);
}

}  // namespace

void RegisterStringEditOps(OpRegistry& ops) {
  ops.Add("StringLength")
      .Summary("The number of bytes, or of UTF-8 characters, of each text.")
      .Input("input: string")
      .Output("output: int32")
      .Attr("unit: {'BYTE', 'UTF8_CHAR'} = 'BYTE'")
      .Shape(shape::SameAsInput)
      .NoGradient(kTexts);
  ops.Add("StringLower")
      .Summary("Each text in lower case: letters of ASCII, or of all scripts with 'utf-8'.")
      .Apply(TextToText)
      .Attr("encoding: string = ''");
  ops.Add("StringUpper")
      .Summary("Each text in upper case: letters of ASCII, or of all scripts with 'utf-8'.")
      .Apply(TextToText)
      .Attr("encoding: string = ''");
  ops.Add("StringStrip").Summary("Each text without white space at its ends.").Apply(TextToText);
  ops.Add("Substr")
      .Summary("Of each text at most `len` bytes, or UTF-8 characters, from `pos` on.")
      .Input("input: string")
      .Input("pos: T")
      .Input("len: T")
      .Output("output: string")
      .Attr("T: {int32, int64}")
      .Attr("unit: {'BYTE', 'UTF8_CHAR'} = 'BYTE'")
      .Shape(SubstrShape)
      .NoGradient(kTexts);
  ops.Add("RegexReplace")
      .Summary("Each text with matches of a pattern (RE2's syntax) written anew.")
      .Input("input: string")
      .Input("pattern: string")
      .Input("rewrite: string")
      .Output("output: string")
      .Attr("replace_global: bool = true")
      .Shape(RegexReplaceShape)
      .NoGradient(kTexts);
  ops.Add("StaticRegexReplace")
      .Summary("Each text with matches of a pattern (RE2's syntax) written anew.")
      .Apply(TextToText)
      .Attr("pattern: string")
      .Attr("rewrite: string")
      .Attr("replace_global: bool = true");
  ops.Add("EncodeBase64")
      .Summary("Bytes as text, in the alphabet for web addresses; with '=' at the end if padded.")
      .Apply(TextToText)
      .Attr("pad: bool = false");
  ops.Add("DecodeBase64")
      .Summary("The bytes that EncodeBase64 made a text of, padded or not.")
      .Apply(TextToText);
  ops.Add("StringFormat")
      .Summary("The template with a summary of each input in place of a placeholder.")
      .Input("inputs: T")
      .Output("output: string")
      .Attr("T: list(type) >= 0")
      .Attr("template: string = '%s'")
      .Attr("placeholder: string = '%s'")
      .Attr("summarize: int = 3")
      .Shape(FormatShape)
      .NoGradient(kTexts);
}

}  // namespace weft
