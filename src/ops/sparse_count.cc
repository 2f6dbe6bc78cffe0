// SPDX-License-Identifier: Apache-2.0
// Counts of small integers, of sparse and ragged tensors, and as sparse results.
// kernels: kernels/cpu/sparse_count.cc   test: tests/ops/sparse_count_test.cc
#include "src/core/strings.h"
#include "src/ops/sparse.h"

namespace weft {
namespace {

// The constant scalar `size`, input i; unknown if it is none.
absl::StatusOr<int64_t> CountSize(ShapeContext& c, int i) {
  WEFT_RETURN_IF_ERROR(c.InputWithRank(i, 0).status());
  const Array* size = c.input_constant(i);
  if (size == nullptr) return kUnknownDim;
  if (size->AsInt64() < 0) {
    return absl::InvalidArgumentError(StrCat("size (", size->AsInt64(), ") must be non-negative"));
  }
  return size->AsInt64();
}

absl::Status SparseBincountShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(const int64_t size, CountSize(c, 3));
  WEFT_ASSIGN_OR_RETURN(const PartialShape dense, c.input_as_shape(2));
  if (!dense.known_rank() || dense.rank() == 0) return shape::Unknown(c);
  c.set_output(
      0, dense.rank() == 1 ? PartialShape::Vector(size) : PartialShape::Matrix(dense.dim(0), size));
  return absl::OkStatus();
}

absl::Status RaggedBincountShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(const PartialShape splits, c.InputWithRank(0, 1));
  WEFT_ASSIGN_OR_RETURN(const int64_t size, CountSize(c, 2));
  const int64_t rows = splits.dim(0) > 0 ? splits.dim(0) - 1 : kUnknownDim;
  c.set_output(0, PartialShape::Matrix(rows, size));
  return absl::OkStatus();
}

void SetSparseCounts(ShapeContext& c, int64_t rank) {
  c.set_output(0, PartialShape::Matrix(kUnknownDim, rank));
  c.set_output(1, PartialShape::Vector(kUnknownDim));
  c.set_output(2, PartialShape::Vector(rank));
}

absl::Status DenseCountShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(const PartialShape values, c.WithRankAtLeast(c.input(0), 1));
  WEFT_RETURN_IF_ERROR(c.WithRankAtMost(values, 2).status());
  SetSparseCounts(c, values.known_rank() ? values.rank() : kUnknownDim);
  return absl::OkStatus();
}

absl::Status SparseCountShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(const PartialShape indices, c.InputWithRank(0, 2));
  SetSparseCounts(c, indices.dim(1) == 1 ? 1 : indices.dim(1) < 0 ? kUnknownDim : 2);
  return absl::OkStatus();
}

absl::Status RaggedCountShape(ShapeContext& c) {
  SetSparseCounts(c, 2);
  return absl::OkStatus();
}

constexpr char kCounts[] = "counts of integers are not differentiable";

OpDefBuilder&& Bincounts(OpDefBuilder&& op) {
  return std::move(op)
      .Input("size: Tidx")
      .Input("weights: T")
      .Output("output: T")
      .Attr("Tidx: {int32, int64}")
      .Attr("T: {int32, int64, float32, float64}")
      .Attr("binary_output: bool = false");
}

OpDefBuilder&& SparseCounts(OpDefBuilder&& op) {
  return std::move(op)
      .Input("weights: output_type")
      .Output("output_indices: int64")
      .Output("output_values: output_type")
      .Output("output_dense_shape: int64")
      .Attr("T: {int32, int64}")
      .Attr("minlength: int >= -1 = -1")
      .Attr("maxlength: int >= -1 = -1")
      .Attr("binary_output: bool")
      .Attr("output_type: {int32, int64, float32, float64}")
      .NoGradient(kCounts);
}

}  // namespace

void RegisterSparseCountOps(OpRegistry& ops) {
  ops.Add("SparseBincount")
      .Summary("Bincount of the values of a sparse vector, or of each row of a sparse tensor.")
      .Input("indices: int64")
      .Input("values: Tidx")
      .Input("dense_shape: int64")
      .Apply(Bincounts)
      .Shape(SparseBincountShape);
  ops.Add("RaggedBincount")
      .Summary("Bincount of each row of a ragged matrix.")
      .Input("splits: int64")
      .Input("values: Tidx")
      .Apply(Bincounts)
      .Shape(RaggedBincountShape);
  ops.Add("DenseCountSparseOutput")
      .Summary("Bincount of a vector, or of each row of a matrix; the counts that are not 0.")
      .Input("values: T")
      .Apply(SparseCounts)
      .Shape(DenseCountShape);
  ops.Add("SparseCountSparseOutput")
      .Summary("Bincount of the rows of a sparse tensor; the counts that are not 0.")
      .Input("indices: int64")
      .Input("values: T")
      .Input("dense_shape: int64")
      .Apply(SparseCounts)
      .Shape(SparseCountShape);
  ops.Add("RaggedCountSparseOutput")
      .Summary("Bincount of the rows of a ragged matrix; the counts that are not 0.")
      .Input("splits: int64")
      .Input("values: T")
      .Apply(SparseCounts)
      .Shape(RaggedCountShape);
}

}  // namespace weft
