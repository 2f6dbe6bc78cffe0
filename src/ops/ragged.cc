// SPDX-License-Identifier: Apache-2.0
// Ragged tensors: rows of any length, as values one after another and the places where rows begin
// and end ("splits").   kernels: kernels/cpu/ragged.cc   test: tests/ops/ragged_test.cc
#include <string>
#include <vector>

#include "src/core/strings.h"
#include "src/ops/sparse.h"

namespace weft {
namespace {

absl::Status RaggedRangeShape(ShapeContext& c) {
  int64_t rows = kUnknownDim;
  bool all_scalars = true;
  for (int i = 0; i < 3; ++i) {
    WEFT_ASSIGN_OR_RETURN(const PartialShape s, c.WithRankAtMost(c.input(i), 1));
    if (!s.known_rank()) all_scalars = false;
    if (!s.known_rank() || s.rank() == 0) continue;
    all_scalars = false;
    WEFT_ASSIGN_OR_RETURN(rows, c.MergeDim(rows, s.dim(0)));
  }
  if (all_scalars) rows = 1;
  c.set_output(0, PartialShape::Vector(rows == kUnknownDim ? rows : rows + 1));
  c.set_output(1, PartialShape::Vector(kUnknownDim));
  return absl::OkStatus();
}

absl::Status RaggedGatherShape(ShapeContext& c) {
  const int ragged = static_cast<int>(c.Attr<int64_t>("PARAMS_RAGGED_RANK"));
  for (int i = 0; i < ragged; ++i) WEFT_RETURN_IF_ERROR(c.InputWithRank(i, 1).status());
  WEFT_ASSIGN_OR_RETURN(const PartialShape values, c.WithRankAtLeast(c.input(ragged), 1));
  const PartialShape& indices = c.input(ragged + 1);
  const int64_t out = c.Attr<int64_t>("OUTPUT_RAGGED_RANK");
  if (indices.known_rank() && indices.rank() + ragged - 1 != out) {
    return absl::InvalidArgumentError(
        StrCat("OUTPUT_RAGGED_RANK must be equal to indices.rank + PARAMS_RAGGED_RANK - 1; got ",
               out, " for indices of rank ", indices.rank(), " and ", ragged));
  }
  for (int i = 0; i < out; ++i) c.set_output(i, PartialShape::Vector(kUnknownDim));
  if (!values.known_rank()) return absl::OkStatus();
  PartialShape rows = PartialShape::Vector(kUnknownDim);
  for (int d = 1; d < values.rank(); ++d) rows.AddDim(values.dim(d));
  c.set_output(static_cast<int>(out), rows);
  return absl::OkStatus();
}

// The same gather of 0, 1, ... tells of which row each result is.
void RaggedGatherGradient(GradientContext& g) {
  const int ragged = static_cast<int>(g.Attr<int64_t>("PARAMS_RAGGED_RANK"));
  const int out = static_cast<int>(g.Attr<int64_t>("OUTPUT_RAGGED_RANK"));
  const Tensor values = g.input(ragged);
  const Tensor shape = g.Op("Shape", {values});
  const Tensor rows =
      g.Op("StridedSlice", {shape, g.ConstInts({0}), g.ConstInts({1}), g.ConstInts({1})},
           {{"shrink_axis_mask", int64_t{1}}}, "strided_slice");
  std::vector<Tensor> inputs;
  for (int i = 0; i < ragged; ++i) inputs.push_back(g.input(i));
  inputs.push_back(g.Op("Range", {g.ConstInt(0), rows, g.ConstInt(1)}));
  inputs.push_back(g.input(ragged + 1));
  const std::vector<Tensor> sources =
      g.Ops("RaggedGather", inputs,
            {{"PARAMS_RAGGED_RANK", int64_t{ragged}}, {"OUTPUT_RAGGED_RANK", int64_t{out}}});
  if (!g.ok()) return;
  g.SetDx(ragged, g.Op("UnsortedSegmentSum", {g.dy(out), sources[static_cast<size_t>(out)], rows}));
}

absl::Status RaggedToSparseShape(ShapeContext& c) {
  const int ragged = static_cast<int>(c.Attr<int64_t>("RAGGED_RANK"));
  for (int i = 0; i < ragged; ++i) WEFT_RETURN_IF_ERROR(c.InputWithRank(i, 1).status());
  WEFT_ASSIGN_OR_RETURN(const PartialShape values, c.WithRankAtLeast(c.input(ragged), 1));
  int64_t n = kUnknownDim, rank = kUnknownDim;
  if (values.known_rank()) {
    rank = ragged + values.rank();
    n = values.num_elements();
  }
  c.set_output(0, PartialShape::Matrix(n, rank));
  c.set_output(1, PartialShape::Vector(n));
  c.set_output(2, PartialShape::Vector(rank));
  return absl::OkStatus();
}

void RaggedToSparseGradient(GradientContext& g) {
  const int ragged = static_cast<int>(g.Attr<int64_t>("RAGGED_RANK"));
  g.SetDx(ragged, g.Reshape(g.dy(1), g.Op("Shape", {g.input(ragged)})));
}

// The given sizes; behind those of rows come the values' own.
absl::Status RaggedToTensorShape(ShapeContext& c) {
  const auto types = c.Attr<std::vector<std::string>>("row_partition_types");
  if (types.empty() || static_cast<int>(types.size()) != c.num_inputs() - 3) {
    return absl::InvalidArgumentError(
        StrCat("row_partition_types must have one entry for each row partition, but has ",
               types.size(), " for ", c.num_inputs() - 3));
  }
  WEFT_ASSIGN_OR_RETURN(const PartialShape given, c.input_as_shape(0));
  const PartialShape& values = c.input(1);
  const PartialShape& shape = c.input(0);
  const bool is_vector = shape.known_rank() && shape.rank() == 1;
  if (is_vector && given.known_rank()) c.set_output(0, given);
  if (!is_vector || !given.known_rank() || !values.known_rank()) return absl::OkStatus();
  PartialShape out = given;
  for (int d = 1; d < values.rank() && d < given.rank(); ++d) {
    const int at = given.rank() - d;
    WEFT_ASSIGN_OR_RETURN(const int64_t size,
                          c.MergeDim(given.dim(at), values.dim(values.rank() - d)));
    out.set_dim(at, size);
  }
  c.set_output(0, out);
  return absl::OkStatus();
}

// The same of 0, 1, ... tells which value is where; -1 where the default is.
void RaggedToTensorGradient(GradientContext& g) {
  const auto types = g.Attr<std::vector<std::string>>("row_partition_types");
  const Tensor values = g.input(1), dy = g.dy(0);
  const Tensor shape = g.Op("Shape", {values}), count = g.Size(values);
  const Tensor numbers = g.Reshape(g.Op("Range", {g.ConstInt(0), count, g.ConstInt(1)}), shape);
  std::vector<Tensor> inputs = {g.Op("Shape", {dy}), numbers, g.ConstInt(-1)};
  for (int i = 3; i < g.op().num_inputs(); ++i) inputs.push_back(g.input(i));
  const Tensor sources = g.Op("RaggedTensorToTensor", inputs,
                              {{"row_partition_types", types},
                               {"num_row_partition_tensors", static_cast<int64_t>(types.size())}});
  // Negative segments are dropped.
  const Tensor flat = g.Op("UnsortedSegmentSum", {g.Reshape(dy, g.ConstInts({-1})),
                                                  g.Reshape(sources, g.ConstInts({-1})), count});
  g.SetDx(1, g.Reshape(flat, shape));
  const Tensor is_default = g.Op("Less", {sources, g.ConstInt(0)});
  const Tensor rest = g.Op("SelectV2", {is_default, dy, g.ZerosLike(dy)});
  const std::vector<Tensor> axes =
      g.Ops("BroadcastGradientArgs", {g.Op("Shape", {g.input(2)}), g.Op("Shape", {dy})});
  if (!g.ok()) return;
  g.SetDx(2, g.Reshape(g.Sum(rest, axes[0]), g.Op("Shape", {g.input(2)})));
}

}  // namespace

void RegisterRaggedOps(OpRegistry& ops) {
  ops.Add("RaggedRange")
      .Summary("A row of numbers from each start up to each limit: a ragged matrix.")
      .Input("starts: T")
      .Input("limits: T")
      .Input("deltas: T")
      .Output("rt_nested_splits: Tsplits")
      .Output("rt_dense_values: T")
      .Attr("T: {bfloat16, float32, float64, int32, int64} = DT_INT32")
      .Attr("Tsplits: {int32, int64} = DT_INT64")
      .Shape(RaggedRangeShape)
      .NoGradient("the numbers follow from integers");
  ops.Add("RaggedGather")
      .Summary("Rows of a ragged tensor, by their numbers.")
      .Input("params_nested_splits: PARAMS_RAGGED_RANK * Tsplits")
      .Input("params_dense_values: Tvalues")
      .Input("indices: Tindices")
      .Output("output_nested_splits: OUTPUT_RAGGED_RANK * Tsplits")
      .Output("output_dense_values: Tvalues")
      .Attr("Tvalues: type")
      .Attr("Tindices: {int32, int64}")
      .Attr("Tsplits: {int32, int64} = DT_INT64")
      .Attr("PARAMS_RAGGED_RANK: int >= 1")
      .Attr("OUTPUT_RAGGED_RANK: int >= 0")
      .Shape(RaggedGatherShape)
      .Gradient(RaggedGatherGradient);
  ops.Add("RaggedTensorToSparse")
      .Summary("A ragged tensor as a sparse one.")
      .Input("rt_nested_splits: RAGGED_RANK * Tsplits")
      .Input("rt_dense_values: T")
      .Output("sparse_indices: int64")
      .Output("sparse_values: T")
      .Output("sparse_dense_shape: int64")
      .Attr("RAGGED_RANK: int >= 1")
      .Attr("T: type")
      .Attr("Tsplits: {int32, int64} = DT_INT64")
      .Shape(RaggedToSparseShape)
      .Gradient(RaggedToSparseGradient);
  ops.Add("RaggedTensorToTensor")
      .Summary("A ragged tensor as a dense one: short rows are filled up, long ones cut.")
      .Input("shape: Tshape")
      .Input("values: T")
      .Input("default_value: T")
      .Input("row_partition_tensors: num_row_partition_tensors * Tindex")
      .Output("result: T")
      .Attr("T: type")
      .Attr("Tindex: {int64, int32}")
      .Attr("Tshape: {int64, int32}")
      .Attr("num_row_partition_tensors: int >= 1")
      .Attr("row_partition_types: list(string)")
      .Shape(RaggedToTensorShape)
      .Gradient(RaggedToTensorGradient);
  RegisterRaggedVariantOps(ops);
}

}  // namespace weft
