// SPDX-License-Identifier: Apache-2.0
// The values along the last dimension as sets: SetSize and operations of two sets.
// kernels: kernels/cpu/sets.cc   test: tests/ops/sets_test.cc
#include <utility>

#include "src/core/strings.h"
#include "src/ops/sparse.h"

namespace weft {
namespace {

constexpr const char* kWhy = "sets are no functions of numbers";
constexpr const char* kTypes = "T: {int8, int16, int32, int64, uint8, uint16, string}";

// A sparse result of this rank, which is 2 or more.
absl::Status SetResult(ShapeContext& c, int64_t rank) {
  if (rank >= 0 && rank < 2)
    return absl::InvalidArgumentError(StrCat("Input 0, expected rank >= 2, got ", rank, "."));
  c.set_output(0, PartialShape::Matrix(kUnknownDim, rank));
  c.set_output(1, PartialShape::Vector(kUnknownDim));
  c.set_output(2, PartialShape::Vector(rank));
  return absl::OkStatus();
}

absl::Status DenseToDenseShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(const PartialShape a, c.WithRankAtLeast(c.input(0), 2));
  WEFT_ASSIGN_OR_RETURN(const PartialShape b, c.WithRankAtLeast(c.input(1), 2));
  WEFT_ASSIGN_OR_RETURN(const int64_t rank, c.MergeDim(a.rank(), b.rank()));
  if (a.known_rank() && b.known_rank()) {
    for (int d = 0; d + 1 < a.rank(); ++d) {
      WEFT_RETURN_IF_ERROR(c.MergeDim(a.dim(d), b.dim(d)).status());
    }
  }
  return SetResult(c, rank);
}

absl::Status DenseToSparseShape(ShapeContext& c) {
  int64_t n = kUnknownDim, rank = kUnknownDim;
  WEFT_RETURN_IF_ERROR(CheckSparseShapes(c, 1, 2, 3, &n, &rank));
  WEFT_ASSIGN_OR_RETURN(const PartialShape a, c.WithRankAtLeast(c.input(0), 2));
  WEFT_ASSIGN_OR_RETURN(rank, c.MergeDim(rank, a.rank()));
  return SetResult(c, rank);
}

absl::Status SparseToSparseShape(ShapeContext& c) {
  int64_t n = kUnknownDim, a = kUnknownDim, b = kUnknownDim;
  WEFT_RETURN_IF_ERROR(CheckSparseShapes(c, 0, 1, 2, &n, &a));
  WEFT_RETURN_IF_ERROR(CheckSparseShapes(c, 3, 4, 5, &n, &b));
  WEFT_ASSIGN_OR_RETURN(const int64_t rank, c.MergeDim(a, b));
  return SetResult(c, rank);
}

OpDefBuilder&& SetOperation(OpDefBuilder&& op) {
  return std::move(op)
      .Output("result_indices: int64")
      .Output("result_values: T")
      .Output("result_shape: int64")
      .Attr("set_operation: string")
      .Attr("validate_indices: bool = true")
      .Attr(kTypes)
      .NoGradient(kWhy);
}

}  // namespace

void RegisterSetOps(OpRegistry& ops) {
  ops.Add("SetSize")
      .Summary("The number of different values in each row of a sparse tensor.")
      .Input("set_indices: int64")
      .Input("set_values: T")
      .Input("set_shape: int64")
      .Output("size: int32")
      .Attr("validate_indices: bool = true")
      .Attr(kTypes)
      .Shape(shape::Unknown)
      .NoGradient(kWhy);
  ops.Add("DenseToDenseSetOperation")
      .Summary("For each row 'a-b', 'b-a', 'intersection' or 'union' of two sets.")
      .Input("set1: T")
      .Input("set2: T")
      .Apply(SetOperation)
      .Shape(DenseToDenseShape);
  ops.Add("DenseToSparseSetOperation")
      .Summary("For each row 'a-b', 'b-a', 'intersection' or 'union' of two sets.")
      .Input("set1: T")
      .Input("set2_indices: int64")
      .Input("set2_values: T")
      .Input("set2_shape: int64")
      .Apply(SetOperation)
      .Shape(DenseToSparseShape);
  ops.Add("SparseToSparseSetOperation")
      .Summary("For each row 'a-b', 'b-a', 'intersection' or 'union' of two sets.")
      .Input("set1_indices: int64")
      .Input("set1_values: T")
      .Input("set1_shape: int64")
      .Input("set2_indices: int64")
      .Input("set2_values: T")
      .Input("set2_shape: int64")
      .Apply(SetOperation)
      .Shape(SparseToSparseShape);
}

}  // namespace weft
