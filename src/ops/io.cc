// SPDX-License-Identifier: Apache-2.0
// Ops on files: checkpoints, names of shards, whole files.
// kernels: kernels/cpu/{checkpoint,vocab_remap,files}.cc   test: tests/ops/io_test.cc
#include "src/core/strings.h"
#include "src/io/tensor_slice.h"
#include "weft/graph/op_def.h"

namespace weft {
namespace {

absl::Status ScalarInputs(ShapeContext& c, int first, int last) {
  for (int i = first; i < last; ++i) WEFT_RETURN_IF_ERROR(c.InputWithRank(i, 0).status());
  return absl::OkStatus();
}

absl::Status ScalarsToScalar(ShapeContext& c) {
  WEFT_RETURN_IF_ERROR(ScalarInputs(c, 0, c.num_inputs()));
  return shape::Scalar(c);
}

absl::Status ScalarsToNothing(ShapeContext& c) { return ScalarInputs(c, 0, c.num_inputs()); }

// The first input is a scalar; the following `vectors` have an element for each tensor.
template <int vectors>
absl::Status SaveShape(ShapeContext& c) {
  WEFT_RETURN_IF_ERROR(ScalarInputs(c, 0, 1));
  const int64_t tensors = c.num_inputs() - 1 - vectors;
  for (int i = 1; i <= vectors; ++i) {
    WEFT_ASSIGN_OR_RETURN(const PartialShape names, c.InputWithRank(i, 1));
    if (names.dim(0) != kUnknownDim && names.dim(0) != tensors) {
      return absl::InvalidArgumentError(
          StrCat("Dimension must be ", tensors, " but is ", names.dim(0)));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<PartialShape> ShapeOfSpec(const std::string& spec) {
  if (spec.empty()) return PartialShape();
  WEFT_ASSIGN_OR_RETURN(const io::ShapeAndSlice parsed, io::ParseShapeAndSlice(spec));
  return PartialShape(parsed.slice_shape);
}

absl::Status RestoreV2Shape(ShapeContext& c) {
  WEFT_RETURN_IF_ERROR(ScalarInputs(c, 0, 1));
  WEFT_ASSIGN_OR_RETURN(const PartialShape names, c.InputWithRank(1, 1));
  WEFT_ASSIGN_OR_RETURN(const PartialShape specs, c.InputWithRank(2, 1));
  WEFT_RETURN_IF_ERROR(c.Merge(names, specs).status());
  const Array* values = c.input_constant(2);
  if (!values) return absl::OkStatus();
  if (values->num_elements() != c.num_outputs()) {
    return absl::InvalidArgumentError(StrCat("shape_and_slices has ", values->num_elements(),
                                             " elements for ", c.num_outputs(), " tensors"));
  }
  for (int i = 0; i < c.num_outputs(); ++i) {
    WEFT_ASSIGN_OR_RETURN(PartialShape shape, ShapeOfSpec(values->data<std::string>()[i]));
    c.set_output(i, std::move(shape));
  }
  return absl::OkStatus();
}

absl::Status RestoreSliceShape(ShapeContext& c) {
  WEFT_RETURN_IF_ERROR(ScalarInputs(c, 0, 3));
  const Array* spec = c.input_constant(2);
  if (!spec) return absl::OkStatus();
  WEFT_ASSIGN_OR_RETURN(PartialShape shape, ShapeOfSpec(spec->scalar<std::string>()));
  c.set_output(0, std::move(shape));
  return absl::OkStatus();
}

absl::Status MergeCheckpointsShape(ShapeContext& c) {
  WEFT_RETURN_IF_ERROR(c.InputWithRank(0, 1).status());
  return ScalarInputs(c, 1, 2);
}

absl::Status VocabRemappingShape(ShapeContext& c) {
  WEFT_RETURN_IF_ERROR(ScalarInputs(c, 0, 2));
  c.set_output(0, PartialShape::Vector(c.Attr<int64_t>("num_new_vocab")));
  c.set_output(1, PartialShape::Scalar());
  return absl::OkStatus();
}

absl::Status RemappedMatrixShape(ShapeContext& c) {
  WEFT_RETURN_IF_ERROR(ScalarInputs(c, 1, 2));
  c.set_output(0, PartialShape({c.Attr<int64_t>("num_rows"), c.Attr<int64_t>("num_cols")}));
  return absl::OkStatus();
}

absl::Status MatchingFilesShape(ShapeContext& c) {
  WEFT_RETURN_IF_ERROR(c.WithRankAtMost(c.input(0), 1).status());
  c.set_output(0, PartialShape::Vector(kUnknownDim));
  return absl::OkStatus();
}

constexpr const char* kFiles = "the values are those of files";

void RegisterCheckpointOps(OpRegistry& ops) {
  ops.Add("SaveV2")
      .Summary("Writes a checkpoint (version 2) of tensors under these names, whole or as slices.")
      .Attr("dtypes: list(type) >= 1")
      .Input("prefix: string")
      .Input("tensor_names: string")
      .Input("shape_and_slices: string")
      .Input("tensors: dtypes")
      .Shape(SaveShape<2>)
      .Stateful()
      .NoGradient(kFiles);
  ops.Add("RestoreV2")
      .Summary("Reads tensors, or slices of them, from a checkpoint of either version.")
      .Attr("dtypes: list(type) >= 1")
      .Input("prefix: string")
      .Input("tensor_names: string")
      .Input("shape_and_slices: string")
      .Output("tensors: dtypes")
      .Shape(RestoreV2Shape)
      .Stateful()
      .NoGradient(kFiles);
  ops.Add("MergeV2Checkpoints")
      .Summary("Makes one checkpoint of those that the shards of a model were saved to.")
      .Attr("delete_old_dirs: bool = true")
      .Attr("allow_missing_files: bool = false")
      .Input("checkpoint_prefixes: string")
      .Input("destination_prefix: string")
      .Shape(MergeCheckpointsShape)
      .Stateful()
      .NoGradient(kFiles);
  ops.Add("Save")
      .Summary("Writes a checkpoint of version 1 of tensors under these names.")
      .Attr("T: list(type) >= 1")
      .Input("filename: string")
      .Input("tensor_names: string")
      .Input("data: T")
      .Shape(SaveShape<1>)
      .Stateful()
      .NoGradient(kFiles);
  ops.Add("SaveSlices")
      .Summary("Writes a checkpoint of version 1 of tensors, whole or as slices.")
      .Attr("T: list(type) >= 1")
      .Input("filename: string")
      .Input("tensor_names: string")
      .Input("shapes_and_slices: string")
      .Input("data: T")
      .Shape(SaveShape<2>)
      .Stateful()
      .NoGradient(kFiles);
  ops.Add("Restore")
      .Summary("Reads a tensor from checkpoint files of version 1.")
      .Attr("dt: type")
      .Attr("preferred_shard: int = -1")
      .Input("file_pattern: string")
      .Input("tensor_name: string")
      .Output("tensor: dt")
      .Shape(ScalarsToNothing)
      .Stateful()
      .NoGradient(kFiles);
  ops.Add("RestoreSlice")
      .Summary("Reads a slice of a tensor from checkpoint files of version 1.")
      .Attr("dt: type")
      .Attr("preferred_shard: int = -1")
      .Input("file_pattern: string")
      .Input("tensor_name: string")
      .Input("shape_and_slice: string")
      .Output("tensor: dt")
      .Shape(RestoreSliceShape)
      .Stateful()
      .NoGradient(kFiles);
  ops.Add("GenerateVocabRemapping")
      .Summary("For each line of a new vocabulary file its line in an old one, -1 if it has none.")
      .Attr("new_vocab_offset: int >= 0")
      .Attr("num_new_vocab: int >= 0")
      .Attr("old_vocab_size: int >= -1 = -1")
      .Input("new_vocab_file: string")
      .Input("old_vocab_file: string")
      .Output("remapping: int64")
      .Output("num_present: int32")
      .Shape(VocabRemappingShape)
      .NoGradient(kFiles);
  ops.Add("LoadAndRemapMatrix")
      .Summary("A matrix of a checkpoint, its rows and columns put to where remappings have them.")
      .Attr("num_rows: int >= 0")
      .Attr("num_cols: int >= 1")
      .Attr("max_rows_in_memory: int = -1")
      .Input("ckpt_path: string")
      .Input("old_tensor_name: string")
      .Input("row_remapping: int64")
      .Input("col_remapping: int64")
      .Input("initializing_values: float")
      .Output("output_matrix: float")
      .Shape(RemappedMatrixShape)
      .Stateful()
      .NoGradient(kFiles);
  ops.Add("ShardedFilename")
      .Summary("basename-00002-of-00011")
      .Input("basename: string")
      .Input("shard: int32")
      .Input("num_shards: int32")
      .Output("filename: string")
      .Shape(ScalarsToScalar)
      .NoGradient("of texts");
  ops.Add("ShardedFilespec")
      .Summary("The pattern of all shards' names: five question marks in place of the number.")
      .Input("basename: string")
      .Input("num_shards: int32")
      .Output("filename: string")
      .Shape(ScalarsToScalar)
      .NoGradient("of texts");
}

}  // namespace

void RegisterIoOps(OpRegistry& ops) {
  RegisterCheckpointOps(ops);
  // Stateful, so that each run looks at the files as they are then.
  ops.Add("MatchingFiles")
      .Summary("The paths that match one of the patterns, sorted.")
      .Input("pattern: string")
      .Output("filenames: string")
      .Shape(MatchingFilesShape)
      .Stateful()
      .NoGradient(kFiles);
  ops.Add("ReadFile")
      .Summary("The contents of a file.")
      .Input("filename: string")
      .Output("contents: string")
      .Shape(ScalarsToScalar)
      .Stateful()
      .NoGradient(kFiles);
  ops.Add("WriteFile")
      .Summary("Writes a file, and makes its folder if need be.")
      .Input("filename: string")
      .Input("contents: string")
      .Shape(ScalarsToNothing)
      .Stateful()
      .NoGradient(kFiles);
}

}  // namespace weft
