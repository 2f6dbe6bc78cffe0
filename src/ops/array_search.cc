// SPDX-License-Identifier: Apache-2.0
// Search in sorted values, indices as tuples, and distances of sequences.
// kernels: kernels/cpu/array_search.cc   test: tests/ops/array_misc_test.cc
#include "src/core/strings.h"
#include "src/ops/op_scope.h"
#include "weft/graph/op_builder.h"
#include "weft/graph/op_def.h"
#include "weft/ops/array_misc.h"

namespace weft {
namespace {

absl::Status BoundShape(ShapeContext& c) {
  WEFT_RETURN_IF_ERROR(c.InputWithRank(0, 2).status());
  WEFT_RETURN_IF_ERROR(c.InputWithRank(1, 2).status());
  c.set_output(0, c.input(1));
  return absl::OkStatus();
}

absl::Status UnravelIndexShape(ShapeContext& c) {
  const PartialShape& indices = c.input(0);
  WEFT_ASSIGN_OR_RETURN(const PartialShape dims, c.InputWithRank(1, 1));
  if (!indices.known_rank()) return absl::OkStatus();
  c.set_output(0, indices.rank() == 0 ? PartialShape::Vector(dims.dim(0))
                                      : PartialShape::Matrix(dims.dim(0), indices.num_elements()));
  return absl::OkStatus();
}

// Inputs first..first + 2 are the indices, values and shape of one sparse tensor.
absl::Status CheckSparse(ShapeContext& c, int first) {
  WEFT_ASSIGN_OR_RETURN(const PartialShape indices, c.InputWithRank(first, 2));
  WEFT_ASSIGN_OR_RETURN(const PartialShape values, c.InputWithRank(first + 1, 1));
  WEFT_ASSIGN_OR_RETURN(const PartialShape sizes, c.InputWithRank(first + 2, 1));
  WEFT_RETURN_IF_ERROR(c.MergeDim(indices.dim(0), values.dim(0)).status());
  return c.MergeDim(indices.dim(1), sizes.dim(0)).status();
}

absl::Status EditDistanceShape(ShapeContext& c) {
  WEFT_RETURN_IF_ERROR(CheckSparse(c, 0));
  WEFT_RETURN_IF_ERROR(CheckSparse(c, 3));
  const Array *hypothesis = c.input_constant(2), *truth = c.input_constant(5);
  if (!hypothesis || !truth) return absl::OkStatus();
  const int64_t rank = hypothesis->num_elements();
  if (truth->num_elements() != rank) {
    return absl::InvalidArgumentError(
        StrCat("Num elements of hypothesis_shape does not match truth_shape: ", rank, " vs. ",
               truth->num_elements()));
  }
  if (rank < 2) {
    return absl::InvalidArgumentError(StrCat(
        "Input Hypothesis SparseTensors must have rank at least 2, but hypothesis_shape rank is: ",
        rank));
  }
  std::vector<int64_t> dims;
  for (int64_t i = 0; i + 1 < rank; ++i) {
    if (hypothesis->AsInt64(i) < 0 || truth->AsInt64(i) < 0) {
      return absl::InvalidArgumentError(
          StrCat("hypothesis_shape and truth_shape must not be negative, but element ", i, " is ",
                 hypothesis->AsInt64(i), " and ", truth->AsInt64(i)));
    }
    dims.push_back(std::max(hypothesis->AsInt64(i), truth->AsInt64(i)));
  }
  c.set_output(0, PartialShape(dims));
  return absl::OkStatus();
}

OpDefBuilder&& BoundSchema(OpDefBuilder&& op) {
  return std::move(op)
      .Input("sorted_inputs: T")
      .Input("values: T")
      .Output("output: out_type")
      .Attr("T: type")
      .Attr("out_type: {int32, int64} = DT_INT32")
      .Shape(BoundShape)
      .NoGradient("the result is places");
}

}  // namespace

void RegisterSearchOps(OpRegistry& ops) {
  ops.Add("LowerBound")
      .Summary("How many elements of each row are below each value.")
      .Apply(BoundSchema);
  ops.Add("UpperBound")
      .Summary("How many elements of each row are not above each value.")
      .Apply(BoundSchema);
  ops.Add("Bucketize")
      .Summary("How many boundaries are not above each element.")
      .Input("input: T")
      .Output("output: int32")
      .Attr("T: {int32, int64, float, double}")
      .Attr("boundaries: list(float)")
      .Shape(shape::SameAsInput)
      .NoGradient("the result is places");
  ops.Add("UnravelIndex")
      .Summary("Flat indices as tuples of an array's dimensions.")
      .Input("indices: Tidx")
      .Input("dims: Tidx")
      .Output("output: Tidx")
      .Attr("Tidx: {int32, int64} = DT_INT32")
      .Shape(UnravelIndexShape)
      .NoGradient("the result is indices");
  ops.Add("EditDistance")
      .Summary(
          "The Levenshtein distance of the sequences along the last dimension of two sparse "
          "tensors.")
      .Input("hypothesis_indices: int64")
      .Input("hypothesis_values: T")
      .Input("hypothesis_shape: int64")
      .Input("truth_indices: int64")
      .Input("truth_values: T")
      .Input("truth_shape: int64")
      .Attr("normalize: bool = true")
      .Attr("T: type")
      .Output("output: float")
      .Shape(EditDistanceShape)
      .NoGradient("a distance of symbols is not differentiable");
}

// ---- the public functions ----

Tensor SearchSorted(const Input& sorted_sequence, const Input& values,
                    const SearchSortedOptions& options) {
  const OpScope scope(options.name, "searchsorted", {&sorted_sequence, &values});
  const DataType dtype = DtypeOf({&sorted_sequence, &values});
  const Tensor sorted = AsTensor(sorted_sequence, dtype, "sorted_sequence"),
               wanted = AsTensor(values, dtype, "values");
  const auto last = [](Tensor sizes) {
    return OpBuilder("StridedSlice", NameOptions("strided_slice"))
        .In(sizes)
        .In({-1})
        .In({0})
        .In({1})
        .Attr("shrink_axis_mask", 1)
        .Output();
  };
  // All leading dimensions become one.
  const auto rows = [&](Tensor x) {
    const Tensor sizes = OpBuilder("Shape", {}).In(x).Output();
    const Tensor matrix =
        OpBuilder("Pack", NameOptions("stack")).InList({Input(-1), last(sizes)}).Output();
    return OpBuilder("Reshape", {}).In(x).In(matrix).Output();
  };
  const Tensor found =
      OpBuilder(options.side == SearchSide::kLeft ? "LowerBound" : "UpperBound", {})
          .In(rows(sorted))
          .In(rows(wanted))
          .Attr("out_type", options.out_type)
          .Output();
  const Tensor sizes = OpBuilder("Shape", {}).In(wanted).Output();
  return OpBuilder("Reshape", {}).In(found).In(sizes).Output();
}

Tensor Bucketize(const Input& input, const std::vector<float>& boundaries,
                 const NameOptions& options) {
  return OpBuilder("Bucketize", options).In(input).Attr("boundaries", boundaries).Output();
}

Tensor UnravelIndex(const Input& indices, const Input& dims, const NameOptions& options) {
  return OpBuilder("UnravelIndex", options).In(indices).In(dims).Output();
}

Tensor EditDistance(const SparseParts& hypothesis, const SparseParts& truth,
                    const EditDistanceOptions& options) {
  return OpBuilder("EditDistance", options.name)
      .In(hypothesis.indices)
      .In(hypothesis.values)
      .In(hypothesis.dense_shape)
      .In(truth.indices)
      .In(truth.values)
      .In(truth.dense_shape)
      .Attr("normalize", options.normalize)
      .Output();
}

}  // namespace weft
