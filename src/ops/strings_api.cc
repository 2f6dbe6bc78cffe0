// SPDX-License-Identifier: Apache-2.0
// The public functions of texts.
#include <string>
#include <utility>
#include <vector>

#include "src/ops/one_node.h"
#include "src/ops/op_scope.h"
#include "weft/graph/op_builder.h"
#include "weft/ops/array.h"
#include "weft/ops/strings.h"

namespace weft::strings {

using weft::internal::UnaryNode;
namespace {

const char* NameOf(Unit unit) { return unit == Unit::kByte ? "BYTE" : "UTF8_CHAR"; }

Tensor ChangeCase(const char* op, const Input& input, const CaseOptions& o) {
  return OpBuilder(op, o.name).In(input).Attr("encoding", o.encoding).Output();
}

Tensor Bucket(const char* op, const Input& input, int64_t num_buckets, const NameOptions& options) {
  return OpBuilder(op, options).In(input).Attr("num_buckets", num_buckets).Output();
}

// The one text of a literal; nullptr if it is a tensor or something else.
const std::string* LiteralText(const Input& input) {
  if (input.is_tensor()) return nullptr;
  const Array& a = input.array();
  return a.dtype() == kString && a.rank() == 0 ? a.data<std::string>() : nullptr;
}

// rank(x) - 1, ..., 0.
Input AxesFromTheLast(const Input& x) {
  const PartialShape shape = x.shape();
  if (!shape.known_rank()) {
    const Tensor rank = Rank(x);
    const Tensor last = OpBuilder("Sub", NameOptions(), "sub").In(rank).In(1).Output();
    return Range(last, -1, -1);
  }
  std::vector<int32_t> axes;
  for (int d = shape.rank(); d-- > 0;) axes.push_back(d);
  return AsTensor(Input(Array::FromVector(axes)), kInt32, "Const");
}

SparseTensor Sparse(const Operation& op) { return {op.output(0), op.output(1), op.output(2)}; }

OpBuilder& WithPolicy(OpBuilder& op, const UnicodeOptions& o) {
  return op.Attr("errors", o.errors).Attr("replacement_char", o.replacement_char);
}

CodePoints Decode(const char* type, const Input& input, const std::string& encoding,
                  const UnicodeOptions& o) {
  OpBuilder op(type, o.name);
  op.In(input).Attr("input_encoding", encoding);
  WithPolicy(op, o).Attr("replace_control_characters", o.replace_control_characters);
  const std::vector<Tensor> out = op.Attr("Tsplits", kInt64).Outputs();
  return {out[0], out[1], out.size() > 2 ? out[2] : Tensor()};
}

}  // namespace

Tensor Length(const Input& input, const UnitOptions& o) {
  return OpBuilder("StringLength", o.name).In(input).Attr("unit", NameOf(o.unit)).Output();
}

Tensor Substr(const Input& input, const Input& pos, const Input& len, const UnitOptions& o) {
  return OpBuilder("Substr", o.name)
      .In(input)
      .In(pos)
      .In(len)
      .Attr("unit", NameOf(o.unit))
      .Output();
}

Tensor Lower(const Input& input, const CaseOptions& o) {
  return ChangeCase("StringLower", input, o);
}
Tensor Upper(const Input& input, const CaseOptions& o) {
  return ChangeCase("StringUpper", input, o);
}
Tensor Strip(const Input& input, const NameOptions& options) {
  return UnaryNode("StringStrip", input, options);
}

Tensor RegexFullMatch(const Input& input, const Input& pattern, const NameOptions& options) {
  if (const std::string* text = LiteralText(pattern))
    return OpBuilder("StaticRegexFullMatch", options).In(input).Attr("pattern", *text).Output();
  return OpBuilder("RegexFullMatch", options).In(input).In(pattern).Output();
}

Tensor RegexReplace(const Input& input, const Input& pattern, const Input& rewrite,
                    const RegexReplaceOptions& o) {
  const std::string *from = LiteralText(pattern), *to = LiteralText(rewrite);
  if (from != nullptr && to != nullptr) {
    return OpBuilder("StaticRegexReplace", o.name)
        .In(input)
        .Attr("pattern", *from)
        .Attr("rewrite", *to)
        .Attr("replace_global", o.replace_global)
        .Output();
  }
  return OpBuilder("RegexReplace", o.name)
      .In(input)
      .In(pattern)
      .In(rewrite)
      .Attr("replace_global", o.replace_global)
      .Output();
}

Tensor Join(const std::vector<Input>& inputs, const JoinOptions& o) {
  return OpBuilder("StringJoin", o.name).InList(inputs).Attr("separator", o.separator).Output();
}

Tensor ReduceJoin(const Input& inputs, const ReduceJoinOptions& o) {
  const OpScope scope("", "ReduceJoin", {&inputs});
  const Tensor texts = AsTensor(inputs, kString, "inputs");
  const Input axis = o.axis ? o.axis->AsInput("reduction_indices") : AxesFromTheLast(texts);
  return OpBuilder("ReduceJoin", o.name)
      .In(texts)
      .In(axis)
      .Attr("keep_dims", o.keepdims)
      .Attr("separator", o.separator)
      .Output();
}

Tensor UnsortedSegmentJoin(const Input& inputs, const Input& segment_ids, const Input& num_segments,
                           const JoinOptions& o) {
  return OpBuilder("UnsortedSegmentJoin", o.name)
      .In(inputs)
      .In(segment_ids)
      .In(num_segments)
      .Attr("separator", o.separator)
      .Output();
}

SparseTensor Split(const Input& input, const SplitOptions& o) {
  const GraphScope use(GraphOf({&input}));
  const Tensor separator = AsTensor(Input(o.sep), kString);
  return Sparse(OpBuilder("StringSplitV2", o.name)
                    .In(input)
                    .In(separator)
                    .Attr("maxsplit", o.maxsplit)
                    .Build());
}

SparseTensor StringSplit(const Input& source, const StringSplitOptions& o) {
  const GraphScope use(GraphOf({&source}));
  const Tensor delimiter = AsTensor(Input(o.delimiter), kString);
  return Sparse(OpBuilder("StringSplit", NameOptions())
                    .In(source)
                    .In(delimiter)
                    .Attr("skip_empty", o.skip_empty)
                    .Build());
}

Tensor Format(const std::string& text, const std::vector<Input>& inputs, const FormatOptions& o) {
  return OpBuilder("StringFormat", o.name)
      .InList(inputs)
      .Attr("template", text)
      .Attr("placeholder", o.placeholder)
      .Attr("summarize", o.summarize)
      .Output();
}

Tensor AsString(const Input& input, const AsStringOptions& o) {
  return OpBuilder("AsString", o.name)
      .In(input)
      .Attr("precision", o.precision)
      .Attr("scientific", o.scientific)
      .Attr("shortest", o.shortest)
      .Attr("width", o.width)
      .Attr("fill", o.fill)
      .Output();
}

Tensor ToHashBucketFast(const Input& input, int64_t num_buckets, const NameOptions& options) {
  return Bucket("StringToHashBucketFast", input, num_buckets, options);
}
Tensor ToHashBucketStrong(const Input& input, int64_t num_buckets, const std::vector<int64_t>& key,
                          const NameOptions& options) {
  return OpBuilder("StringToHashBucketStrong", options)
      .In(input)
      .Attr("num_buckets", num_buckets)
      .Attr("key", key)
      .Output();
}
Tensor ToHashBucket(const Input& input, int64_t num_buckets, const NameOptions& options) {
  return Bucket("StringToHashBucket", input, num_buckets, options);
}

Tensor EncodeBase64(const Input& input, bool pad, const NameOptions& options) {
  return OpBuilder("EncodeBase64", options).In(input).Attr("pad", pad).Output();
}
Tensor DecodeBase64(const Input& input, const NameOptions& options) {
  return UnaryNode("DecodeBase64", input, options);
}

CodePoints UnicodeDecode(const Input& input, const std::string& input_encoding,
                         const UnicodeOptions& o) {
  return Decode("UnicodeDecode", input, input_encoding, o);
}
CodePoints UnicodeDecodeWithOffsets(const Input& input, const std::string& input_encoding,
                                    const UnicodeOptions& o) {
  return Decode("UnicodeDecodeWithOffsets", input, input_encoding, o);
}

Tensor UnicodeEncode(const Input& values, const Input& row_splits,
                     const std::string& output_encoding, const UnicodeOptions& o) {
  OpBuilder op("UnicodeEncode", o.name);
  op.In(values).In(row_splits).Attr("output_encoding", output_encoding);
  return WithPolicy(op, o).Output();
}

Tensor UnicodeTranscode(const Input& input, const std::string& input_encoding,
                        const std::string& output_encoding, const UnicodeOptions& o) {
  OpBuilder op("UnicodeTranscode", o.name);
  op.In(input).Attr("input_encoding", input_encoding).Attr("output_encoding", output_encoding);
  return WithPolicy(op, o)
      .Attr("replace_control_characters", o.replace_control_characters)
      .Output();
}

Tensor UnicodeScript(const Input& input, const NameOptions& options) {
  return UnaryNode("UnicodeScript", input, options);
}

}  // namespace weft::strings
