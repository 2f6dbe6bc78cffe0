// SPDX-License-Identifier: Apache-2.0
// Histograms, and the positions of the greatest and the least element.
// kernels: kernels/cpu/reductions_count.cc   test: tests/ops/reductions_test.cc
#include "src/core/strings.h"
#include "src/ops/reductions.h"

namespace weft {
namespace {

absl::Status ArgShape(ShapeContext& c) {
  WEFT_RETURN_IF_ERROR(c.InputWithRank(1, 0).status());
  const PartialShape& in = c.input(0);
  if (!in.known_rank()) return absl::OkStatus();
  const int rank = in.rank();
  if (rank <= 1) {
    c.set_output(0, PartialShape::Scalar());
    return absl::OkStatus();
  }
  const Array* dimension = c.input_constant(1);
  if (dimension == nullptr) {
    c.set_output(0, PartialShape::UnknownOfRank(rank - 1));
    return absl::OkStatus();
  }
  const int64_t given = dimension->AsInt64();
  if (given < -rank || given >= rank) {
    return absl::InvalidArgumentError(StrCat("Dimension (", given, ") must be in the range [",
                                             -rank, ", ", rank, "), where ", rank,
                                             " is the number of dimensions in the input."));
  }
  const int axis = static_cast<int>(given < 0 ? given + rank : given);
  PartialShape out = PartialShape::Scalar();
  for (int d = 0; d < rank; ++d) {
    if (d != axis) out.AddDim(in.dim(d));
  }
  c.set_output(0, std::move(out));
  return absl::OkStatus();
}

// The number that scalar input i holds; kUnknownDim if that is not known.
absl::StatusOr<int64_t> SizeOf(ShapeContext& c, int i, std::string_view name) {
  WEFT_RETURN_IF_ERROR(c.InputWithRank(i, 0).status());
  const Array* value = c.input_constant(i);
  if (value == nullptr) return kUnknownDim;
  const int64_t size = value->AsInt64();
  if (size < 0) {
    return absl::InvalidArgumentError(StrCat(name, " (", size, ") must be non-negative"));
  }
  return size;
}

absl::Status BincountShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(const int64_t size, SizeOf(c, 1, "size"));
  c.set_output(0, PartialShape::Vector(size));
  return absl::OkStatus();
}

absl::Status DenseBincountShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(const PartialShape in, c.WithRankAtMost(c.input(0), 2));
  WEFT_ASSIGN_OR_RETURN(const int64_t size, SizeOf(c, 1, "size"));
  if (!in.known_rank() || size == kUnknownDim) return absl::OkStatus();
  if (in.rank() == 1) c.set_output(0, PartialShape::Vector(size));
  if (in.rank() == 2) c.set_output(0, PartialShape::Matrix(in.dim(0), size));
  return absl::OkStatus();
}

absl::Status HistogramShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(const PartialShape range, c.InputWithRank(1, 1));
  WEFT_RETURN_IF_ERROR(c.MergeDim(range.dim(0), 2).status());
  WEFT_ASSIGN_OR_RETURN(const int64_t bins, SizeOf(c, 2, "nbins"));
  c.set_output(0, PartialShape::Vector(bins));
  return absl::OkStatus();
}

}  // namespace

void RegisterCountOps(OpRegistry& ops) {
  ops.Add("ArgMax")
      .Summary("The position of the greatest element along a dimension; the first of equal ones.")
      .Input("input: T")
      .Input("dimension: Tidx")
      .Output("output: output_type")
      .Attr("T: {realnumbertype, quantizedtype, bool}")
      .Attr("Tidx: {int16, int32, int64} = DT_INT32")
      .Attr("output_type: {int16, uint16, int32, int64} = DT_INT64")
      .Shape(ArgShape)
      .NoGradient("positions are not differentiable");
  ops.Add("ArgMin")
      .Summary("The position of the least element along a dimension; the first of equal ones.")
      .Input("input: T")
      .Input("dimension: Tidx")
      .Output("output: output_type")
      .Attr("T: {realnumbertype, quantizedtype, bool}")
      .Attr("Tidx: {int32, int64} = DT_INT32")
      .Attr("output_type: {int32, int64} = DT_INT64")
      .Shape(ArgShape)
      .NoGradient("positions are not differentiable");
  ops.Add("Bincount")
      .Summary("How often each of 0 ... size - 1 occurs, or the sum of the weights at it.")
      .Input("arr: int32")
      .Input("size: int32")
      .Input("weights: T")
      .Output("bins: T")
      .Attr("T: {int32, int64, float32, float64}")
      .Shape(BincountShape);
  ops.Add("DenseBincount")
      .Summary(
          "Bincount of a vector, or of each row of a matrix; with binary_output whether a "
          "number occurs.")
      .Input("input: Tidx")
      .Input("size: Tidx")
      .Input("weights: T")
      .Output("output: T")
      .Attr("Tidx: {int32, int64}")
      .Attr("T: {int32, int64, float32, float64}")
      .Attr("binary_output: bool = false")
      .Shape(DenseBincountShape);
  ops.Add("HistogramFixedWidth")
      .Summary(
          "How many values fall into each of nbins equal parts of a range; those outside "
          "count for the first or the last.")
      .Input("values: T")
      .Input("value_range: T")
      .Input("nbins: int32")
      .Output("out: dtype")
      .Attr("T: {int32, int64, float32, float64}")
      .Attr("dtype: {int32, int64} = DT_INT32")
      .Shape(HistogramShape);
}

}  // namespace weft
