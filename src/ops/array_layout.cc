// SPDX-License-Identifier: Apache-2.0
// Blocks of space moved to the batch or to the depth and back, and orders of dimensions by name.
// kernels: kernels/cpu/array_layout.cc   test: tests/ops/array_layout_test.cc
#include "weft/ops/array_layout.h"
#include "src/ops/sizes.h"
#include "weft/graph/op_builder.h"
#include "weft/graph/op_def.h"

#include "src/core/strings.h"

namespace weft {

void RegisterPatchOps(OpRegistry& ops);

namespace {

// What is known of the block sizes and of the paddings or crops around each of their dimensions.
struct BlockSpec {
  int dims = 0;
  std::vector<int64_t> block;                        // empty: unknown
  std::vector<std::pair<int64_t, int64_t>> margins;  // empty: unknown
};

absl::Status ReadMargins(ShapeContext& c, int input, std::string_view what, BlockSpec* spec) {
  WEFT_RETURN_IF_ERROR(c.Merge(c.input(input), PartialShape::Matrix(spec->dims, 2)).status());
  const Array* a = c.input_constant(input);
  if (!a) return absl::OkStatus();
  for (int64_t i = 0; i < spec->dims; ++i) {
    const int64_t before = a->AsInt64(2 * i), after = a->AsInt64(2 * i + 1);
    if (before < 0 || after < 0)
      return absl::InvalidArgumentError(StrCat(what, " cannot be negative"));
    spec->margins.emplace_back(before, after);
  }
  return absl::OkStatus();
}

// Of the ops that have the block sizes as input 1 and the margins as input 2.
absl::StatusOr<BlockSpec> ReadBlocks(ShapeContext& c, std::string_view margins) {
  const PartialShape& s = c.input(1);
  if (s.rank() != 1) return absl::InvalidArgumentError("block_shape must have rank 1.");
  if (s.dim(0) < 0) return absl::InvalidArgumentError("block_shape must have known size.");
  if (s.dim(0) >= kMaxRank)
    return absl::InvalidArgumentError(
        StrCat("block_shape has ", s.dim(0), " elements, more than a tensor's dimensions"));
  BlockSpec spec;
  spec.dims = static_cast<int>(s.dim(0));
  if (const Array* block = c.input_constant(1)) {
    for (int64_t i = 0; i < spec.dims; ++i) {
      if (block->AsInt64(i) < 1) return absl::InvalidArgumentError("block_shape must be positive");
      spec.block.push_back(block->AsInt64(i));
    }
  }
  WEFT_RETURN_IF_ERROR(ReadMargins(c, 2, margins, &spec));
  return spec;
}

// Of the older ops for images: one block size, an attribute, for height and width.
absl::StatusOr<BlockSpec> ReadSquareBlocks(ShapeContext& c, std::string_view margins) {
  WEFT_RETURN_IF_ERROR(c.InputWithRank(0, 4).status());
  BlockSpec spec;
  spec.dims = 2;
  spec.block.assign(2, c.Attr<int64_t>("block_size"));
  WEFT_RETURN_IF_ERROR(ReadMargins(c, 1, margins, &spec));
  return spec;
}

absl::StatusOr<PartialShape> SpaceToBatchResult(const PartialShape& input, const BlockSpec& spec) {
  PartialShape out = input;
  int64_t batch = input.dim(0);
  for (int64_t b : spec.block) {
    WEFT_ASSIGN_OR_RETURN(batch, shape::MulDims(batch, b));
  }
  out.set_dim(0, spec.dims > 0 && spec.block.empty() ? kUnknownDim : batch);
  for (int i = 0; i < spec.dims; ++i) {
    const size_t k = static_cast<size_t>(i);
    int64_t size = kUnknownDim;
    if (!spec.block.empty() && !spec.margins.empty()) {
      WEFT_ASSIGN_OR_RETURN(size, shape::AddDims(input.dim(i + 1), spec.margins[k].first));
      WEFT_ASSIGN_OR_RETURN(size, shape::AddDims(size, spec.margins[k].second));
      WEFT_ASSIGN_OR_RETURN(size, DivideEvenly(size, spec.block[k]));
    }
    out.set_dim(i + 1, size);
  }
  return out;
}

absl::StatusOr<PartialShape> BatchToSpaceResult(const PartialShape& input, const BlockSpec& spec) {
  PartialShape out = input;
  int64_t batch = input.dim(0);
  for (int64_t b : spec.block) {
    WEFT_ASSIGN_OR_RETURN(batch, DivideEvenly(batch, b));
  }
  out.set_dim(0, spec.dims > 0 && spec.block.empty() ? kUnknownDim : batch);
  for (int i = 0; i < spec.dims; ++i) {
    const size_t k = static_cast<size_t>(i);
    int64_t size = kUnknownDim;
    if (!spec.block.empty() && !spec.margins.empty()) {
      WEFT_ASSIGN_OR_RETURN(size, shape::MulDims(input.dim(i + 1), spec.block[k]));
      WEFT_ASSIGN_OR_RETURN(size, shape::SubDims(size, spec.margins[k].first));
      WEFT_ASSIGN_OR_RETURN(size, shape::SubDims(size, spec.margins[k].second));
    }
    out.set_dim(i + 1, size);
  }
  return out;
}

using BlockResult = absl::StatusOr<PartialShape> (*)(const PartialShape&, const BlockSpec&);

absl::Status SetBlockShape(ShapeContext& c, const BlockSpec& spec, BlockResult result) {
  WEFT_ASSIGN_OR_RETURN(const PartialShape input, c.WithRankAtLeast(c.input(0), spec.dims + 1));
  if (!input.known_rank()) return absl::OkStatus();
  WEFT_ASSIGN_OR_RETURN(PartialShape out, result(input, spec));
  c.set_output(0, std::move(out));
  return absl::OkStatus();
}

absl::Status SpaceToBatchNDShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(const BlockSpec spec, ReadBlocks(c, "paddings"));
  return SetBlockShape(c, spec, SpaceToBatchResult);
}
absl::Status BatchToSpaceNDShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(const BlockSpec spec, ReadBlocks(c, "crops"));
  return SetBlockShape(c, spec, BatchToSpaceResult);
}
absl::Status SpaceToBatchShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(const BlockSpec spec, ReadSquareBlocks(c, "paddings"));
  WEFT_ASSIGN_OR_RETURN(const PartialShape input, c.InputWithRank(0, 4));
  WEFT_ASSIGN_OR_RETURN(PartialShape out, SpaceToBatchResult(input, spec));
  c.set_output(0, std::move(out));
  return absl::OkStatus();
}
absl::Status BatchToSpaceShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(const BlockSpec spec, ReadSquareBlocks(c, "crops"));
  WEFT_ASSIGN_OR_RETURN(const PartialShape input, c.InputWithRank(0, 4));
  WEFT_ASSIGN_OR_RETURN(PartialShape out, BatchToSpaceResult(input, spec));
  c.set_output(0, std::move(out));
  return absl::OkStatus();
}

// Where height and depth are in an image of this format; width follows height.
struct ImageAxes {
  int rank = 4, height = 1, depth = 3;
};
ImageAxes AxesOf(const std::string& format) {
  if (format == "NCHW") return {4, 2, 1};
  if (format == "NCHW_VECT_C") return {5, 2, 1};
  return {};
}

absl::Status SpaceToDepthShape(ShapeContext& c) {
  const ImageAxes axes = AxesOf(c.Attr<std::string>("data_format"));
  const int64_t block = c.Attr<int64_t>("block_size");
  WEFT_ASSIGN_OR_RETURN(PartialShape s, c.InputWithRank(0, axes.rank));
  for (int i = axes.height; i < axes.height + 2; ++i) {
    WEFT_ASSIGN_OR_RETURN(const int64_t size, DivideEvenly(s.dim(i), block));
    s.set_dim(i, size);
  }
  WEFT_ASSIGN_OR_RETURN(const int64_t area, shape::MulDims(block, block));
  WEFT_ASSIGN_OR_RETURN(const int64_t depth, shape::MulDims(s.dim(axes.depth), area));
  s.set_dim(axes.depth, depth);
  c.set_output(0, std::move(s));
  return absl::OkStatus();
}

absl::Status DepthToSpaceShape(ShapeContext& c) {
  const ImageAxes axes = AxesOf(c.Attr<std::string>("data_format"));
  const int64_t block = c.Attr<int64_t>("block_size");
  WEFT_ASSIGN_OR_RETURN(PartialShape s, c.InputWithRank(0, axes.rank));
  for (int i = axes.height; i < axes.height + 2; ++i) {
    WEFT_ASSIGN_OR_RETURN(const int64_t size, shape::MulDims(s.dim(i), block));
    s.set_dim(i, size);
  }
  WEFT_ASSIGN_OR_RETURN(const int64_t area, shape::MulDims(block, block));
  WEFT_ASSIGN_OR_RETURN(const int64_t depth, DivideEvenly(s.dim(axes.depth), area));
  s.set_dim(axes.depth, depth);
  c.set_output(0, std::move(s));
  return absl::OkStatus();
}

// These ops only move elements, so the gradient of each is the op that moves them back.
GradientFn InverseMove(const char* inverse, const char* attr) {
  return [inverse, attr](GradientContext& g) {
    g.SetDx(0, g.Op(inverse, {g.dy(0), g.input(1)}, {{attr, g.attr(attr)}}));
  };
}
GradientFn InverseBlockMove(const char* inverse) {
  return [inverse](GradientContext& g) {
    g.SetDx(0, g.Op(inverse, {g.dy(0), g.input(1), g.input(2)}));
  };
}
GradientFn InverseDepthMove(const char* inverse) {
  return [inverse](GradientContext& g) {
    if (g.Attr<std::string>("data_format") == "NCHW_VECT_C") {
      g.Fail(
          absl::InvalidArgumentError("Cannot compute the gradient of a space-depth exchange with "
                                     "NCHW_VECT_C: that format is for quantized data"));
      return;
    }
    g.SetDx(0,
            g.Op(inverse, {g.dy(0)},
                 {{"block_size", g.attr("block_size")}, {"data_format", g.attr("data_format")}}));
  };
}

void RegisterBatchOps(OpRegistry& ops) {
  ops.Add("SpaceToBatchND")
      .Summary("Pads with zeros and moves blocks of the spatial dimensions 1..M to the batch.")
      .Input("input: T")
      .Input("block_shape: Tblock_shape")
      .Input("paddings: Tpaddings")
      .Output("output: T")
      .Attr("T: type")
      .Attr("Tblock_shape: {int32, int64} = DT_INT32")
      .Attr("Tpaddings: {int32, int64} = DT_INT32")
      .Shape(SpaceToBatchNDShape)
      .Gradient(InverseBlockMove("BatchToSpaceND"));
  ops.Add("SpaceToBatch")
      .Summary("Pads with zeros and moves square blocks of images to the batch.")
      .Input("input: T")
      .Input("paddings: Tpaddings")
      .Output("output: T")
      .Attr("T: type")
      .Attr("Tpaddings: {int32, int64} = DT_INT32")
      .Attr("block_size: int >= 2")
      .Shape(SpaceToBatchShape)
      .Gradient(InverseMove("BatchToSpace", "block_size"));
  ops.Add("BatchToSpaceND")
      .Summary("Moves parts of the batch to blocks of the spatial dimensions 1..M, and crops.")
      .Input("input: T")
      .Input("block_shape: Tblock_shape")
      .Input("crops: Tcrops")
      .Output("output: T")
      .Attr("T: type")
      .Attr("Tblock_shape: {int32, int64} = DT_INT32")
      .Attr("Tcrops: {int32, int64} = DT_INT32")
      .Shape(BatchToSpaceNDShape)
      .Gradient(InverseBlockMove("SpaceToBatchND"));
  ops.Add("BatchToSpace")
      .Summary("Moves parts of the batch to square blocks of images, and crops.")
      .Input("input: T")
      .Input("crops: Tidx")
      .Output("output: T")
      .Attr("T: type")
      .Attr("block_size: int >= 2")
      .Attr("Tidx: {int32, int64} = DT_INT32")
      .Shape(BatchToSpaceShape)
      .Gradient(InverseMove("SpaceToBatch", "block_size"));
}

void RegisterDepthOps(OpRegistry& ops) {
  const auto schema = [](OpDefBuilder&& op) -> OpDefBuilder&& {
    return std::move(op)
        .Input("input: T")
        .Output("output: T")
        .Attr("T: type")
        .Attr("block_size: int >= 2")
        .Attr("data_format: {'NHWC', 'NCHW', 'NCHW_VECT_C'} = 'NHWC'");
  };
  ops.Add("SpaceToDepth")
      .Summary("Moves square blocks of images to the depth.")
      .Apply(schema)
      .Shape(SpaceToDepthShape)
      .Gradient(InverseDepthMove("DepthToSpace"));
  ops.Add("DepthToSpace")
      .Summary("Moves parts of the depth to square blocks of images.")
      .Apply(schema)
      .Shape(DepthToSpaceShape)
      .Gradient(InverseDepthMove("SpaceToDepth"));
}

void RegisterFormatOps(OpRegistry& ops) {
  const auto schema = [](OpDefBuilder&& op) -> OpDefBuilder&& {
    return std::move(op)
        .Input("x: T")
        .Output("y: T")
        .Attr("T: {int32, int64} = DT_INT32")
        .Attr("src_format: string = 'NHWC'")
        .Attr("dst_format: string = 'NCHW'")
        .Shape(shape::SameAsInput)
        .NoGradient("the result is integers");
  };
  ops.Add("DataFormatDimMap")
      .Summary("The numbers of dimensions in another data format.")
      .Apply(schema);
  ops.Add("DataFormatVecPermute")
      .Summary(
          "Values given for each dimension, or pairs of them, in the order of another data format.")
      .Apply(schema);
}

}  // namespace

void RegisterArrayLayoutOps(OpRegistry& ops) {
  RegisterBatchOps(ops);
  RegisterDepthOps(ops);
  RegisterFormatOps(ops);
  RegisterPatchOps(ops);
}

// ---- the public functions ----

Tensor SpaceToBatchND(const Input& input, const Input& block_shape, const Input& paddings,
                      const NameOptions& options) {
  return OpBuilder("SpaceToBatchND", options).In(input).In(block_shape).In(paddings).Output();
}

Tensor BatchToSpaceND(const Input& input, const Input& block_shape, const Input& crops,
                      const NameOptions& options) {
  return OpBuilder("BatchToSpaceND", options).In(input).In(block_shape).In(crops).Output();
}

Tensor SpaceToBatch(const Input& input, const Input& paddings, int block_size,
                    const NameOptions& options) {
  return OpBuilder("SpaceToBatchND", options, "SpaceToBatch")
      .In(input)
      .In({block_size, block_size})
      .In(paddings)
      .Output();
}

Tensor BatchToSpace(const Input& input, const Input& crops, int block_size,
                    const NameOptions& options) {
  return OpBuilder("BatchToSpaceND", options, "BatchToSpace")
      .In(input)
      .In({block_size, block_size})
      .In(crops)
      .Output();
}

Tensor SpaceToDepth(const Input& input, int block_size, const DepthOptions& options) {
  return OpBuilder("SpaceToDepth", options.name)
      .In(input)
      .Attr("block_size", block_size)
      .Attr("data_format", options.data_format)
      .Output();
}

Tensor DepthToSpace(const Input& input, int block_size, const DepthOptions& options) {
  return OpBuilder("DepthToSpace", options.name)
      .In(input)
      .Attr("block_size", block_size)
      .Attr("data_format", options.data_format)
      .Output();
}

}  // namespace weft
