// SPDX-License-Identifier: Apache-2.0
// Parts of sparse tensors, sparse tensors of parts, crosses of features, and sparse tensors as
// texts. kernels: kernels/cpu/sparse_parts.cc, sparse_serialize.cc, sparse_cross.cc test:
// tests/ops/sparse_parts_test.cc
#include <utility>

#include "src/ops/sparse.h"

namespace weft {
namespace {

absl::Status ConcatShape(ShapeContext& c) {
  const int n = c.num_inputs() / 3;
  int64_t rows = 0, rank = kUnknownDim;
  PartialShape shape;
  for (int i = 0; i < n; ++i) {
    int64_t some = kUnknownDim, columns = kUnknownDim;
    WEFT_RETURN_IF_ERROR(CheckSparseShapes(c, i, i + n, i + 2 * n, &some, &columns));
    WEFT_ASSIGN_OR_RETURN(rows, shape::AddDims(rows, some));
    WEFT_ASSIGN_OR_RETURN(rank, c.MergeDim(rank, columns));
    WEFT_ASSIGN_OR_RETURN(shape, c.Merge(shape, c.input(i + 2 * n)));
  }
  c.set_output(0, PartialShape::Matrix(rows, rank));
  c.set_output(1, PartialShape::Vector(rows));
  c.set_output(2, shape);
  return absl::OkStatus();
}

absl::Status SparseSplitShape(ShapeContext& c) {
  WEFT_RETURN_IF_ERROR(c.InputWithRank(0, 0).status());
  const int n = c.num_outputs() / 3;
  const PartialShape& shape = c.input(3);
  for (int i = 0; i < n; ++i) {
    c.set_output(i, PartialShape::Matrix(kUnknownDim, shape.num_elements()));
    c.set_output(i + n, PartialShape::Vector(kUnknownDim));
    c.set_output(i + 2 * n, shape);
  }
  return absl::OkStatus();
}

absl::Status SliceShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(const PartialShape shape, c.InputWithRank(2, 1));
  WEFT_RETURN_IF_ERROR(c.InputWithRank(0, 2).status());
  WEFT_RETURN_IF_ERROR(c.InputWithRank(1, 1).status());
  WEFT_RETURN_IF_ERROR(c.InputWithRank(3, 1).status());
  WEFT_RETURN_IF_ERROR(c.InputWithRank(4, 1).status());
  c.set_output(0, PartialShape::Matrix(kUnknownDim, shape.num_elements()));
  c.set_output(1, PartialShape::Vector(kUnknownDim));
  c.set_output(2, shape);
  return absl::OkStatus();
}

absl::Status SliceGradShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(const PartialShape indices, c.InputWithRank(1, 2));
  c.set_output(0, PartialShape::Vector(indices.dim(0)));
  return absl::OkStatus();
}

void SliceGradient(GradientContext& g) {
  g.SetDx(1, g.Op("SparseSliceGrad", {g.dy(1), g.input(0), g.input(3), g.output(0)}));
}

absl::Status CrossShape(ShapeContext& c) {
  c.set_output(0, PartialShape::Matrix(kUnknownDim, 2));
  c.set_output(1, PartialShape::Vector(kUnknownDim));
  c.set_output(2, PartialShape::Vector(2));
  return absl::OkStatus();
}

absl::Status SerializeShape(ShapeContext& c, bool many) {
  int64_t n = kUnknownDim, rank = kUnknownDim;
  WEFT_RETURN_IF_ERROR(CheckSparseShapes(c, 0, 1, 2, &n, &rank));
  c.set_output(0, many ? PartialShape::Matrix(kUnknownDim, 3) : PartialShape::Vector(3));
  return absl::OkStatus();
}

absl::Status DeserializeShape(ShapeContext& c) {
  const PartialShape& in = c.input(0);
  if (in.known_rank()) {
    WEFT_RETURN_IF_ERROR(c.WithRankAtLeast(in, 1).status());
    WEFT_RETURN_IF_ERROR(c.MergeDim(in.dim(-1), 3).status());
  }
  c.set_output(0, PartialShape::Matrix(kUnknownDim, kUnknownDim));
  c.set_output(1, PartialShape::Vector(kUnknownDim));
  c.set_output(2, PartialShape::Vector(kUnknownDim));
  return absl::OkStatus();
}

// The columns of a cross.
OpDefBuilder&& CrossColumns(OpDefBuilder&& op) {
  return std::move(op)
      .Input("indices: N * int64")
      .Input("values: sparse_types")
      .Input("shapes: N * int64")
      .Input("dense_inputs: dense_types")
      .Output("output_indices: int64")
      .Attr("N: int >= 0")
      .Attr("sparse_types: list({int64, string}) >= 0")
      .Attr("dense_types: list({int64, string}) >= 0")
      .Shape(CrossShape)
      .NoGradient("a cross is no function of numbers");
}

OpDefBuilder&& Serialized(OpDefBuilder&& op) {
  return std::move(op)
      .Input("sparse_indices: int64")
      .Input("sparse_values: T")
      .Input("sparse_shape: int64")
      .Output("serialized_sparse: out_type")
      .Attr("T: type")
      .Attr("out_type: {string, variant} = DT_STRING")
      .NoGradient("texts have no gradient");
}
OpDefBuilder&& Deserialized(OpDefBuilder&& op) {
  return std::move(op)
      .Output("sparse_indices: int64")
      .Output("sparse_values: dtype")
      .Output("sparse_shape: int64")
      .Attr("dtype: type")
      .NoGradient("texts have no gradient");
}

}  // namespace

void RegisterSparsePartsOps(OpRegistry& ops) {
  ops.Add("SparseConcat")
      .Summary("Sparse tensors one behind another along a dimension, in row-major order.")
      .Input("indices: N * int64")
      .Input("values: N * T")
      .Input("shapes: N * int64")
      .Output("output_indices: int64")
      .Output("output_values: T")
      .Output("output_shape: int64")
      .Attr("concat_dim: int")
      .Attr("N: int >= 2")
      .Attr("T: type")
      .Shape(ConcatShape)
      .NoGradient("TensorFlow has none: it counts as a constant");
  ops.Add("SparseSplit")
      .Summary("A sparse tensor cut along a dimension to parts that differ by 1 in size at most.")
      .Input("split_dim: int64")
      .Input("indices: int64")
      .Input("values: T")
      .Input("shape: int64")
      .Output("output_indices: num_split * int64")
      .Output("output_values: num_split * T")
      .Output("output_shape: num_split * int64")
      .Attr("num_split: int >= 1")
      .Attr("T: type")
      .Shape(SparseSplitShape);
  ops.Add("SparseSlice")
      .Summary("The part of a sparse tensor that begins at `start` and is of `size`, or less.")
      .Input("indices: int64")
      .Input("values: T")
      .Input("shape: int64")
      .Input("start: int64")
      .Input("size: int64")
      .Output("output_indices: int64")
      .Output("output_values: T")
      .Output("output_shape: int64")
      .Attr("T: type")
      .Shape(SliceShape)
      .Gradient(SliceGradient);
  ops.Add("SparseSliceGrad")
      .Summary("The gradient of SparseSlice by its values.")
      .Input("backprop_val_grad: T")
      .Input("input_indices: int64")
      .Input("input_start: int64")
      .Input("output_indices: int64")
      .Output("val_grad: T")
      .Attr("T: numbertype")
      .Shape(SliceGradShape);
  ops.Add("SparseCross")
      .Summary("For each row all combinations of one feature of each column, as texts or hashes.")
      .Input("indices: N * int64")
      .Input("values: sparse_types")
      .Input("shapes: N * int64")
      .Input("dense_inputs: dense_types")
      .Output("output_indices: int64")
      .Output("output_values: out_type")
      .Output("output_shape: int64")
      .Attr("N: int >= 0")
      .Attr("hashed_output: bool")
      .Attr("num_buckets: int >= 0")
      .Attr("hash_key: int")
      .Attr("sparse_types: list({int64, string}) >= 0")
      .Attr("dense_types: list({int64, string}) >= 0")
      .Attr("out_type: {int64, string}")
      .Attr("internal_type: {int64, string}")
      .Shape(CrossShape)
      .NoGradient("a cross is no function of numbers");
  ops.Add("SparseCrossV2")
      .Summary("For each row all combinations of one feature of each column, as texts.")
      .Apply(CrossColumns)
      .Input("sep: string")
      .Output("output_values: string")
      .Output("output_shape: int64");
  ops.Add("SparseCrossHashed")
      .Summary("For each row all combinations of one feature of each column, as hashes.")
      .Apply(CrossColumns)
      .Input("num_buckets: int64")
      .Input("strong_hash: bool")
      .Input("salt: int64")
      .Output("output_values: int64")
      .Output("output_shape: int64");
  ops.Add("SerializeSparse")
      .Summary("A sparse tensor as three texts: TensorProtos of its parts.")
      .Apply(Serialized)
      .Shape([](ShapeContext& c) { return SerializeShape(c, false); });
  ops.Add("SerializeManySparse")
      .Summary("Each row of a sparse tensor as three texts: TensorProtos of its parts.")
      .Apply(Serialized)
      .Shape([](ShapeContext& c) { return SerializeShape(c, true); });
  ops.Add("DeserializeSparse")
      .Summary("The sparse tensor of which SerializeSparse made texts; several of them stacked.")
      .Input("serialized_sparse: Tserialized")
      .Apply(Deserialized)
      .Attr("Tserialized: {string, variant} = DT_STRING")
      .Shape(DeserializeShape);
  ops.Add("DeserializeManySparse")
      .Summary("The sparse tensor whose rows SerializeSparse made texts of.")
      .Input("serialized_sparse: string")
      .Apply(Deserialized)
      .Shape([](ShapeContext& c) {
        WEFT_RETURN_IF_ERROR(c.InputWithRank(0, 2).status());
        return DeserializeShape(c);
      });
}

}  // namespace weft
