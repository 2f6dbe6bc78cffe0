// SPDX-License-Identifier: Apache-2.0
// Ragged tensors as variants, so that they can be elements of lists, queues and loops; and crosses
// of the features in their rows.
// kernels: kernels/cpu/ragged_variant.cc, sparse_cross.cc   test: tests/ops/ragged_variant_test.cc
#include <string>
#include <vector>

#include "src/core/strings.h"
#include "src/ops/sparse.h"

namespace weft {
namespace {

absl::Status RaggedToVariantShape(ShapeContext& c) {
  const int levels = static_cast<int>(c.Attr<int64_t>("RAGGED_RANK"));
  WEFT_RETURN_IF_ERROR(c.WithRankAtLeast(c.input(levels), 1).status());
  for (int i = 0; i < levels; ++i) WEFT_RETURN_IF_ERROR(c.InputWithRank(i, 1).status());
  if (!c.Attr<bool>("batched_input")) {
    c.set_output(0, PartialShape::Scalar());
    return absl::OkStatus();
  }
  // Without splits the rows are the values'.
  WEFT_ASSIGN_OR_RETURN(const int64_t rows, shape::SubDims(c.input(0).dim(0), levels == 0 ? 0 : 1));
  c.set_output(0, PartialShape::Vector(rows));
  return absl::OkStatus();
}

absl::Status RaggedFromVariantShape(ShapeContext& c) {
  const int64_t in = c.Attr<int64_t>("input_ragged_rank"),
                out = c.Attr<int64_t>("output_ragged_rank");
  if (in > out) {
    return absl::InvalidArgumentError(
        StrCat("output_ragged_rank, ", out, ", must not be below input_ragged_rank, ", in));
  }
  if (in >= 0) WEFT_RETURN_IF_ERROR(c.InputWithRank(0, static_cast<int>(out - in)).status());
  for (int i = 0; i < out; ++i) c.set_output(i, PartialShape::Vector(kUnknownDim));
  c.set_output(static_cast<int>(out), PartialShape::Unknown());
  return absl::OkStatus();
}

absl::Status RaggedToVariantGradShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(PartialShape shape, c.input_as_shape(2));
  c.set_output(0, std::move(shape));
  return absl::OkStatus();
}

void RaggedToVariantGradient(GradientContext& g) {
  const int levels = g.num_inputs() - 1;
  const Tensor values = g.input(levels);
  const Tensor splits = levels > 0 ? g.input(0) : g.ConstInt(0);
  g.SetDx(levels, g.Op("RaggedTensorToVariantGradient", {g.dy(0), splits, g.Op("Shape", {values})},
                       {{"Tvalues", values.dtype()}}));
}

void RaggedFromVariantGradient(GradientContext& g) {
  const PartialShape encoded = g.input(0).shape();
  const int levels = g.num_outputs() - 1;
  if (encoded.known_rank() && encoded.rank() > 1) {
    return g.Fail(absl::UnimplementedError(
        StrCat("there is no gradient of RaggedTensorFromVariant for a tensor of variants of rank ",
               encoded.rank())));
  }
  const bool batched = encoded.known_rank() ? encoded.rank() == 1 : levels > 0;
  std::vector<Tensor> inputs;
  for (int i = 0; i < levels; ++i) inputs.push_back(g.output(i));
  inputs.push_back(g.dy(levels));
  g.SetDx(0, g.Op("RaggedTensorToVariant", inputs,
                  {{"RAGGED_RANK", int64_t{levels}},
                   {"Tsplits", g.attr("Tsplits")},
                   {"batched_input", batched}}));
}

// All inputs have the same rows.
absl::Status RaggedCrossShape(ShapeContext& c) {
  const auto ragged = c.Attr<std::vector<DataType>>("ragged_values_types"),
             splits = c.Attr<std::vector<DataType>>("ragged_splits_types"),
             sparse = c.Attr<std::vector<DataType>>("sparse_values_types"),
             dense = c.Attr<std::vector<DataType>>("dense_types");
  if (ragged.size() != splits.size()) {
    return absl::InvalidArgumentError(
        "Parameters `values` and `row_splits` must be the same length");
  }
  if (static_cast<int64_t>(sparse.size()) != c.Attr<int64_t>("Nsparse"))
    return absl::InvalidArgumentError("sparse indices and values must have the same length");
  PartialShape rows = PartialShape::Vector(kUnknownDim);
  const auto agree = [&](const PartialShape& own) {
    if (PartialShape::Merge(rows, own, &rows)) return absl::OkStatus();
    return absl::InvalidArgumentError("inputs must all have the same batch dimension size.");
  };
  const int num_ragged = static_cast<int>(ragged.size());
  for (int i = num_ragged; i < 2 * num_ragged; ++i) WEFT_RETURN_IF_ERROR(agree(c.input(i)));
  for (int i = 2 * num_ragged + 3 * static_cast<int>(sparse.size()); i < c.num_inputs(); ++i) {
    const PartialShape& s = c.input(i);
    if (!s.known_rank() || s.rank() < 1 || s.dim(0) < 0) continue;
    WEFT_RETURN_IF_ERROR(agree(PartialShape::Vector(s.dim(0) + 1)));
  }
  c.set_output(0, PartialShape::Vector(kUnknownDim));
  c.set_output(1, rows);
  return absl::OkStatus();
}

}  // namespace

void RegisterRaggedVariantOps(OpRegistry& ops) {
  ops.Add("RaggedTensorToVariant")
      .Summary("A ragged tensor as a variant; or if batched, each of its rows as one.")
      .Input("rt_nested_splits: RAGGED_RANK * Tsplits")
      .Input("rt_dense_values: Tvalues")
      .Output("encoded_ragged: variant")
      .Attr("RAGGED_RANK: int >= 0")
      .Attr("Tvalues: type")
      .Attr("Tsplits: {int32, int64} = DT_INT64")
      .Attr("batched_input: bool")
      .Shape(RaggedToVariantShape)
      .Gradient(RaggedToVariantGradient);
  ops.Add("RaggedTensorFromVariant")
      .Summary("The ragged tensor of a variant, or of many as rows of one.")
      .Input("encoded_ragged: variant")
      .Output("output_nested_splits: output_ragged_rank * Tsplits")
      .Output("output_dense_values: Tvalues")
      .Attr("input_ragged_rank: int >= -1")
      .Attr("output_ragged_rank: int >= 0")
      .Attr("Tvalues: type")
      .Attr("Tsplits: {int32, int64} = DT_INT64")
      .Shape(RaggedFromVariantShape)
      .Gradient(RaggedFromVariantGradient);
  ops.Add("RaggedTensorToVariantGradient")
      .Summary("The gradient of RaggedTensorToVariant: the variants' values, 0 where one is empty.")
      .Input("encoded_ragged_grad: variant")
      .Input("row_splits: Tsplits")
      .Input("dense_values_shape: int32")
      .Output("dense_values_grad: Tvalues")
      .Attr("Tvalues: type")
      .Attr("Tsplits: {int32, int64} = DT_INT64")
      .Shape(RaggedToVariantGradShape);
  ops.Add("RaggedCross")
      .Summary("For each row all combinations of one feature of each input.")
      .Input("ragged_values: ragged_values_types")
      .Input("ragged_row_splits: ragged_splits_types")
      .Input("sparse_indices: Nsparse * int64")
      .Input("sparse_values: sparse_values_types")
      .Input("sparse_shape: Nsparse * int64")
      .Input("dense_inputs: dense_types")
      .Output("output_values: out_values_type")
      .Output("output_row_splits: out_row_splits_type")
      .Attr("Nsparse: int >= 0")
      .Attr("input_order: string")
      .Attr("hashed_output: bool")
      .Attr("num_buckets: int >= 0")
      .Attr("hash_key: int")
      .Attr("ragged_values_types: list({int64, string}) >= 0")
      .Attr("ragged_splits_types: list({int32, int64}) >= 0")
      .Attr("sparse_values_types: list({int64, string}) >= 0")
      .Attr("dense_types: list({int64, string}) >= 0")
      .Attr("out_values_type: {int64, string}")
      .Attr("out_row_splits_type: {int32, int64}")
      .Shape(RaggedCrossShape)
      .NoGradient("texts and fingerprints have none");
}

}  // namespace weft
