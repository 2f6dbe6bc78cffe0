// SPDX-License-Identifier: Apache-2.0
// Texts cut to pieces, and texts of several others.
// kernels: kernels/cpu/strings_split.cc   test: tests/ops/strings_split_test.cc
#include "src/core/strings.h"
#include "src/ops/strings.h"

namespace weft {
namespace {

// A vector of texts becomes a sparse matrix.
absl::Status StringSplitShape(ShapeContext& c) {
  WEFT_RETURN_IF_ERROR(c.InputWithRank(0, 1).status());
  WEFT_RETURN_IF_ERROR(c.InputWithRank(1, 0).status());
  c.set_output(0, PartialShape::Matrix(kUnknownDim, 2));
  c.set_output(1, PartialShape::Vector(kUnknownDim));
  c.set_output(2, PartialShape::Vector(2));
  return absl::OkStatus();
}

OpDefBuilder&& SparseParts(OpDefBuilder&& op) {
  return std::move(op)
      .Output("indices: int64")
      .Output("values: string")
      .Output("shape: int64")
      .Shape(StringSplitShape)
      .NoGradient(kTexts);
}

// [num_segments, data dimensions beyond those of the ids...].
absl::Status SegmentJoinShape(ShapeContext& c) {
  const PartialShape &data = c.input(0), &ids = c.input(1);
  WEFT_RETURN_IF_ERROR(c.InputWithRank(2, 0).status());
  if (!data.known_rank() || !ids.known_rank()) return absl::OkStatus();
  WEFT_RETURN_IF_ERROR(c.WithRankAtLeast(data, ids.rank()).status());
  for (int d = 0; d < ids.rank(); ++d) {
    WEFT_RETURN_IF_ERROR(c.MergeDim(data.dim(d), ids.dim(d)).status());
  }
  const Array* count = c.input_constant(2);
  const int64_t segments = count == nullptr ? kUnknownDim : count->AsInt64();
  if (count != nullptr && segments < 0) {
    return absl::InvalidArgumentError(
        StrCat("Dimension size, given by scalar input 2, must be non-negative but is ", segments));
  }
  PartialShape out = PartialShape::Vector(segments);
  for (int d = ids.rank(); d < data.rank(); ++d) out.AddDim(data.dim(d));
  c.set_output(0, std::move(out));
  return absl::OkStatus();
}

absl::Status NGramsShape(ShapeContext& c) {
  WEFT_RETURN_IF_ERROR(c.InputWithRank(0, 1).status());
  WEFT_ASSIGN_OR_RETURN(const PartialShape splits, c.InputWithRank(1, 1));
  c.set_output(0, PartialShape::Vector(kUnknownDim));
  c.set_output(1, splits);
  return absl::OkStatus();
}

}  // namespace

void RegisterStringSplitOps(OpRegistry& ops) {
  ops.Add("StringSplit")
      .Summary("The parts of each text between any of the delimiter's bytes; its bytes if empty.")
      .Input("input: string")
      .Input("delimiter: string")
      .Attr("skip_empty: bool = true")
      .Apply(SparseParts);
  ops.Add("StringSplitV2")
      .Summary("The parts of each text between separators; between white space if empty.")
      .Input("input: string")
      .Input("sep: string")
      .Attr("maxsplit: int = -1")
      .Apply(SparseParts);
  ops.Add("ReduceJoin")
      .Summary(
          "The texts along some dimensions one after another, first along the dimension named "
          "first.")
      .Input("inputs: string")
      .Input("reduction_indices: int32")
      .Output("output: string")
      .Attr("keep_dims: bool = false")
      .Attr("separator: string = ''")
      .Shape(shape::Reduction)
      .NoGradient(kTexts);
  ops.Add("UnsortedSegmentJoin")
      .Summary("The texts of each segment one after another.")
      .Input("inputs: string")
      .Input("segment_ids: Tindices")
      .Input("num_segments: Tnumsegments")
      .Output("output: string")
      .Attr("separator: string = ''")
      .Attr("Tindices: {int32, int64}")
      .Attr("Tnumsegments: {int32, int64} = DT_INT32")
      .Shape(SegmentJoinShape)
      .NoGradient(kTexts);
  ops.Add("StringNGrams")
      .Summary("Runs of neighbouring tokens joined, for each row of a ragged matrix of tokens.")
      .Input("data: string")
      .Input("data_splits: Tsplits")
      .Output("ngrams: string")
      .Output("ngrams_splits: Tsplits")
      .Attr("separator: string")
      .Attr("ngram_widths: list(int) >= 0")
      .Attr("left_pad: string")
      .Attr("right_pad: string")
      .Attr("pad_width: int")
      .Attr("preserve_short_sequences: bool")
      .Attr("Tsplits: {int32, int64} = DT_INT64")
      .Shape(NGramsShape)
      .NoGradient(kTexts);
}

}  // namespace weft
