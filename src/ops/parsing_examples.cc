// SPDX-License-Identifier: Apache-2.0
// Ops that parse serialised Examples and SequenceExamples.
// kernels: kernels/cpu/parsing_examples.cc   test: tests/ops/parsing_examples_test.cc
#include "src/core/strings.h"
#include "src/ops/parsing.h"

namespace weft {
namespace {

constexpr const char* kTypes = "list({float, int64, string}) >= 0";

std::string TypesAttr(std::string_view name, bool with_default) {
  return StrCat(name, ": ", kTypes, with_default ? " = []" : "");
}

// The shapes of the outputs, in order. Sizes that all outputs begin with: those of the batch.
class OutputShapes {
 public:
  OutputShapes(ShapeContext& c, PartialShape batch) : c_(c), batch_(std::move(batch)) {}

  bool known_batch() const { return batch_.known_rank(); }
  // Sparse tensors of these many dimensions for an example.
  void Sparse(size_t n, int64_t rank) {
    if (known_batch()) rank += batch_.rank();
    const int64_t columns = known_batch() ? rank : kUnknownDim;
    for (size_t i = 0; i < n; ++i) Set(PartialShape::Matrix(kUnknownDim, columns));
    for (size_t i = 0; i < n; ++i) Set(PartialShape::Vector(kUnknownDim));
    for (size_t i = 0; i < n; ++i) Set(PartialShape::Vector(columns));
  }
  void Dense(const std::vector<PartialShape>& shapes, const PartialShape& before) {
    for (const PartialShape& s : shapes)
      Set(known_batch() ? batch_.Concatenate(before).Concatenate(s) : PartialShape());
  }
  void Lengths(size_t n) {
    for (size_t i = 0; i < n; ++i) Set(batch_);
  }
  void RaggedValues(size_t n) {
    for (size_t i = 0; i < n; ++i) Set(PartialShape::Vector(kUnknownDim));
  }
  // One more than examples; none for an example by itself.
  void OuterSplits(size_t n) {
    int64_t size = kUnknownDim;
    if (known_batch() && batch_.rank() == 0) size = 0;
    if (known_batch() && batch_.rank() == 1 && batch_.dim(0) >= 0) size = batch_.dim(0) + 1;
    for (size_t i = 0; i < n; ++i) Set(PartialShape::Vector(size));
  }

 private:
  void Set(PartialShape shape) { c_.set_output(next_++, std::move(shape)); }
  ShapeContext& c_;
  PartialShape batch_;
  int next_ = 0;
};

using Shapes = std::vector<PartialShape>;
using Types = std::vector<DataType>;

size_t Size(ShapeContext& c, std::string_view types) { return c.Attr<Types>(types).size(); }

absl::Status CheckShapes(ShapeContext& c, std::string_view types, std::string_view shapes) {
  const size_t n = Size(c, types), m = c.Attr<Shapes>(shapes).size();
  if (n == m) return absl::OkStatus();
  return absl::InvalidArgumentError(StrCat("len(dense_keys) != len(dense_shapes): attribute '",
                                           types, "' has ", n, " elements, '", shapes, "' has ",
                                           m));
}

absl::Status CheckNumber(ShapeContext& c, std::string_view number, std::string_view types) {
  const int64_t n = c.Attr<int64_t>(number);
  if (n == static_cast<int64_t>(Size(c, types))) return absl::OkStatus();
  return absl::InvalidArgumentError(StrCat("Attribute '", number, "' is ", n, ", but '", types,
                                           "' has ", Size(c, types), " elements"));
}

// Of ragged features there are as many dtypes of splits as of values.
absl::Status CheckRagged(ShapeContext& c, const std::string& prefix) {
  const std::string values = prefix + "ragged_value_types", splits = prefix + "ragged_split_types";
  const size_t n = Size(c, values), m = Size(c, splits);
  if (n == m) return absl::OkStatus();
  return absl::InvalidArgumentError(
      StrCat("len(", values, ") != len(", splits, "): ", n, " vs. ", m));
}

absl::Status ExampleShape(ShapeContext& c, const PartialShape& batch, const char* num_sparse) {
  WEFT_RETURN_IF_ERROR(CheckRagged(c, ""));
  WEFT_RETURN_IF_ERROR(CheckShapes(c, "Tdense", "dense_shapes"));
  WEFT_RETURN_IF_ERROR(CheckNumber(c, num_sparse, "sparse_types"));
  OutputShapes out(c, batch);
  out.Sparse(Size(c, "sparse_types"), 1);
  out.Dense(c.Attr<Shapes>("dense_shapes"), PartialShape::Scalar());
  const size_t ragged = Size(c, "ragged_value_types");
  out.RaggedValues(ragged);
  out.OuterSplits(ragged);
  return absl::OkStatus();
}

absl::Status ParseExampleShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(const PartialShape batch, c.InputWithRank(0, 1));
  WEFT_RETURN_IF_ERROR(c.InputWithRank(1, 1).status());
  return ExampleShape(c, batch, "Nsparse");
}

absl::Status ParseExampleV2Shape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(const PartialShape batch, c.WithRankAtMost(c.input(0), 1));
  for (int i = 2; i < 5; ++i) WEFT_RETURN_IF_ERROR(c.InputWithRank(i, 1).status());
  return ExampleShape(c, batch, "num_sparse");
}

absl::Status ParseSingleExampleShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(const PartialShape batch, c.InputWithRank(0, 0));
  return ExampleShape(c, batch, "num_sparse");
}

absl::Status SequenceShape(ShapeContext& c, const PartialShape& batch, bool has_lengths) {
  WEFT_RETURN_IF_ERROR(CheckRagged(c, "context_"));
  WEFT_RETURN_IF_ERROR(CheckRagged(c, "feature_list_"));
  WEFT_RETURN_IF_ERROR(CheckShapes(c, "Tcontext_dense", "context_dense_shapes"));
  WEFT_RETURN_IF_ERROR(CheckShapes(c, "feature_list_dense_types", "feature_list_dense_shapes"));
  WEFT_RETURN_IF_ERROR(CheckNumber(c, "Ncontext_sparse", "context_sparse_types"));
  WEFT_RETURN_IF_ERROR(CheckNumber(c, "Nfeature_list_sparse", "feature_list_sparse_types"));
  WEFT_RETURN_IF_ERROR(CheckNumber(c, "Nfeature_list_dense", "feature_list_dense_types"));
  OutputShapes out(c, batch);
  out.Sparse(Size(c, "context_sparse_types"), 1);
  out.Dense(c.Attr<Shapes>("context_dense_shapes"), PartialShape::Scalar());
  const size_t context_ragged = Size(c, "context_ragged_value_types");
  out.RaggedValues(context_ragged);
  out.OuterSplits(context_ragged);
  out.Sparse(Size(c, "feature_list_sparse_types"), 2);
  out.Dense(c.Attr<Shapes>("feature_list_dense_shapes"), PartialShape::Vector(kUnknownDim));
  if (has_lengths) out.Lengths(Size(c, "feature_list_dense_types"));
  const size_t ragged = Size(c, "feature_list_ragged_value_types");
  out.RaggedValues(ragged);
  out.OuterSplits(ragged);
  out.RaggedValues(ragged);  // inner splits: a number of steps that is not known
  return absl::OkStatus();
}

absl::Status ParseSequenceExampleShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(const PartialShape batch, c.InputWithRank(0, 1));
  WEFT_RETURN_IF_ERROR(c.InputWithRank(1, 1).status());
  return SequenceShape(c, batch, true);
}

absl::Status ParseSequenceExampleV2Shape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(const PartialShape batch, c.WithRankAtMost(c.input(0), 1));
  return SequenceShape(c, batch, true);
}

absl::Status ParseSingleSequenceExampleShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(const PartialShape batch, c.InputWithRank(0, 0));
  WEFT_RETURN_IF_ERROR(c.InputWithRank(1, 1).status());
  return SequenceShape(c, batch, false);
}

void RegisterExamples(OpRegistry& ops) {
  ops.Add("ParseExample")
      .Summary("The features of serialised Examples, dense and sparse.")
      .Input("serialized: string")
      .Input("names: string")
      .Input("sparse_keys: Nsparse * string")
      .Input("dense_keys: Ndense * string")
      .Input("dense_defaults: Tdense")
      .Output("sparse_indices: Nsparse * int64")
      .Output("sparse_values: sparse_types")
      .Output("sparse_shapes: Nsparse * int64")
      .Output("dense_values: Tdense")
      .Attr("Nsparse: int >= 0")
      .Attr("Ndense: int >= 0")
      .Attr(TypesAttr("sparse_types", false))
      .Attr(TypesAttr("Tdense", false))
      .Attr("dense_shapes: list(shape) >= 0")
      .Shape(ParseExampleShape)
      .NoGradient(kReadFromBytes);
  ops.Add("ParseExampleV2")
      .Summary("The features of serialised Examples, or of one: dense, sparse and ragged.")
      .Input("serialized: string")
      .Input("names: string")
      .Input("sparse_keys: string")
      .Input("dense_keys: string")
      .Input("ragged_keys: string")
      .Input("dense_defaults: Tdense")
      .Output("sparse_indices: num_sparse * int64")
      .Output("sparse_values: sparse_types")
      .Output("sparse_shapes: num_sparse * int64")
      .Output("dense_values: Tdense")
      .Output("ragged_values: ragged_value_types")
      .Output("ragged_row_splits: ragged_split_types")
      .Attr(TypesAttr("Tdense", false))
      .Attr("num_sparse: int >= 0")
      .Attr(TypesAttr("sparse_types", false))
      .Attr(TypesAttr("ragged_value_types", false))
      .Attr("ragged_split_types: list({int32, int64}) >= 0")
      .Attr("dense_shapes: list(shape) >= 0")
      .Shape(ParseExampleV2Shape)
      .NoGradient(kReadFromBytes);
  ops.Add("ParseSingleExample")
      .Summary("The features of one serialised Example.")
      .Input("serialized: string")
      .Input("dense_defaults: Tdense")
      .Output("sparse_indices: num_sparse * int64")
      .Output("sparse_values: sparse_types")
      .Output("sparse_shapes: num_sparse * int64")
      .Output("dense_values: Tdense")
      .Attr("num_sparse: int >= 0")
      .Attr("sparse_keys: list(string) >= 0")
      .Attr("dense_keys: list(string) >= 0")
      .Attr(TypesAttr("sparse_types", false))
      .Attr(TypesAttr("Tdense", false))
      .Attr("dense_shapes: list(shape) >= 0")
      .Shape(ParseSingleExampleShape)
      .NoGradient(kReadFromBytes);
}

OpDefBuilder&& SequenceAttrs(OpDefBuilder&& op) {
  return std::move(op)
      .Attr(TypesAttr("context_sparse_types", true))
      .Attr(TypesAttr("Tcontext_dense", true))
      .Attr(TypesAttr("feature_list_dense_types", true))
      .Attr("context_dense_shapes: list(shape) >= 0 = []")
      .Attr(TypesAttr("feature_list_sparse_types", true))
      .Attr("feature_list_dense_shapes: list(shape) >= 0 = []")
      .NoGradient(kReadFromBytes);
}

OpDefBuilder&& ContextOutputs(OpDefBuilder&& op) {
  return std::move(op)
      .Output("context_sparse_indices: Ncontext_sparse * int64")
      .Output("context_sparse_values: context_sparse_types")
      .Output("context_sparse_shapes: Ncontext_sparse * int64")
      .Output("context_dense_values: Tcontext_dense");
}

OpDefBuilder&& ListOutputs(OpDefBuilder&& op) {
  return std::move(op)
      .Output("feature_list_sparse_indices: Nfeature_list_sparse * int64")
      .Output("feature_list_sparse_values: feature_list_sparse_types")
      .Output("feature_list_sparse_shapes: Nfeature_list_sparse * int64")
      .Output("feature_list_dense_values: feature_list_dense_types");
}

void RegisterSequences(OpRegistry& ops) {
  ops.Add("ParseSequenceExample")
      .Summary("Context features and feature lists of serialised SequenceExamples.")
      .Input("serialized: string")
      .Input("debug_name: string")
      .Input("context_dense_defaults: Tcontext_dense")
      .Apply(ContextOutputs)
      .Apply(ListOutputs)
      .Output("feature_list_dense_lengths: Nfeature_list_dense * int64")
      .Attr("feature_list_dense_missing_assumed_empty: list(string) >= 0")
      .Attr("context_sparse_keys: list(string) >= 0")
      .Attr("context_dense_keys: list(string) >= 0")
      .Attr("feature_list_sparse_keys: list(string) >= 0")
      .Attr("feature_list_dense_keys: list(string) >= 0")
      .Attr("Ncontext_sparse: int >= 0 = 0")
      .Attr("Ncontext_dense: int >= 0 = 0")
      .Attr("Nfeature_list_sparse: int >= 0 = 0")
      .Attr("Nfeature_list_dense: int >= 0 = 0")
      .Shape(ParseSequenceExampleShape)
      .Apply(SequenceAttrs);
  ops.Add("ParseSequenceExampleV2")
      .Summary(
          "Context features and feature lists of SequenceExamples, or of one; ragged ones too.")
      .Input("serialized: string")
      .Input("debug_name: string")
      .Input("context_sparse_keys: string")
      .Input("context_dense_keys: string")
      .Input("context_ragged_keys: string")
      .Input("feature_list_sparse_keys: string")
      .Input("feature_list_dense_keys: string")
      .Input("feature_list_ragged_keys: string")
      .Input("feature_list_dense_missing_assumed_empty: bool")
      .Input("context_dense_defaults: Tcontext_dense")
      .Apply(ContextOutputs)
      .Output("context_ragged_values: context_ragged_value_types")
      .Output("context_ragged_row_splits: context_ragged_split_types")
      .Apply(ListOutputs)
      .Output("feature_list_dense_lengths: Nfeature_list_dense * int64")
      .Output("feature_list_ragged_values: feature_list_ragged_value_types")
      .Output("feature_list_ragged_outer_splits: feature_list_ragged_split_types")
      .Output("feature_list_ragged_inner_splits: feature_list_ragged_split_types")
      .Attr("Ncontext_sparse: int >= 0 = 0")
      .Attr("Nfeature_list_sparse: int >= 0 = 0")
      .Attr("Nfeature_list_dense: int >= 0 = 0")
      .Attr(TypesAttr("context_ragged_value_types", true))
      .Attr("context_ragged_split_types: list({int32, int64}) >= 0 = []")
      .Attr(TypesAttr("feature_list_ragged_value_types", true))
      .Attr("feature_list_ragged_split_types: list({int32, int64}) >= 0 = []")
      .Shape(ParseSequenceExampleV2Shape)
      .Apply(SequenceAttrs);
  ops.Add("ParseSingleSequenceExample")
      .Summary("Context features and feature lists of one serialised SequenceExample.")
      .Input("serialized: string")
      .Input("feature_list_dense_missing_assumed_empty: string")
      .Input("context_sparse_keys: Ncontext_sparse * string")
      .Input("context_dense_keys: Ncontext_dense * string")
      .Input("feature_list_sparse_keys: Nfeature_list_sparse * string")
      .Input("feature_list_dense_keys: Nfeature_list_dense * string")
      .Input("context_dense_defaults: Tcontext_dense")
      .Input("debug_name: string")
      .Apply(ContextOutputs)
      .Apply(ListOutputs)
      .Attr("Ncontext_sparse: int >= 0 = 0")
      .Attr("Ncontext_dense: int >= 0 = 0")
      .Attr("Nfeature_list_sparse: int >= 0 = 0")
      .Attr("Nfeature_list_dense: int >= 0 = 0")
      .Shape(ParseSingleSequenceExampleShape)
      .Apply(SequenceAttrs);
}

}  // namespace

void RegisterParsingExampleOps(OpRegistry& ops) {
  RegisterExamples(ops);
  RegisterSequences(ops);
}

}  // namespace weft
