// SPDX-License-Identifier: Apache-2.0
// Ops that take or replace a part of a value: Slice, StridedSlice, its gradient,
// TensorStridedSliceUpdate. kernels: kernels/cpu/array_slice.cc   test:
// tests/ops/array_slice_test.cc
#include <string>
#include <vector>

#include "src/core/strided_slice.h"
#include "src/core/strings.h"
#include "src/ops/array_nodes.h"
#include "weft/graph/op_def.h"

namespace weft {

// The other files of the family.
void RegisterArrayConcatOps(OpRegistry& ops);
void RegisterArrayPadOps(OpRegistry& ops);

namespace {

std::vector<int64_t> ToInts(const Array& a) {
  std::vector<int64_t> values;
  for (int64_t i = 0; i < a.num_elements(); ++i) values.push_back(a.AsInt64(i));
  return values;
}

// Sizes of a slice with constant sizes; -1 is what is left after `begin`, whose elements may be
// unknown.
absl::Status SliceWithKnownSizes(ShapeContext& c, const PartialShape& in, const PartialShape& begin,
                                 const std::vector<int64_t>& sizes) {
  PartialShape out = PartialShape::Scalar();
  for (size_t k = 0; k < sizes.size(); ++k) {
    const int i = static_cast<int>(k);
    if (sizes[k] >= 0) {
      out.AddDim(sizes[k]);
      continue;
    }
    if (sizes[k] < -1)
      return absl::InvalidArgumentError(StrCat("size[", i, "] must be >= -1, got ", sizes[k]));
    WEFT_ASSIGN_OR_RETURN(const int64_t left, shape::SubDims(in.dim(i), begin.dim(i)));
    out.AddDim(left);
  }
  c.set_output(0, std::move(out));
  return absl::OkStatus();
}

absl::Status SliceShape(ShapeContext& c) {
  PartialShape in = c.input(0);
  WEFT_ASSIGN_OR_RETURN(const PartialShape begin_shape, c.InputWithRank(1, 1));
  WEFT_ASSIGN_OR_RETURN(const PartialShape size_shape, c.InputWithRank(2, 1));
  WEFT_ASSIGN_OR_RETURN(const int64_t rank, c.MergeDim(begin_shape.dim(0), size_shape.dim(0)));
  if (rank > kMaxRank)
    return absl::InvalidArgumentError(
        StrCat("begin has ", rank, " elements; at most ", kMaxRank, " are possible"));
  if (rank >= 0) {
    WEFT_ASSIGN_OR_RETURN(in, c.WithRank(in, static_cast<int>(rank)));
  }
  // Positions are not sizes, but what is partly known of them is found the same way.
  WEFT_ASSIGN_OR_RETURN(PartialShape begin, c.input_as_shape(1));
  if (const Array* size = c.input_constant(2)) {
    const std::vector<int64_t> sizes = ToInts(*size);
    WEFT_ASSIGN_OR_RETURN(begin, c.WithRank(begin, static_cast<int>(sizes.size())));
    return SliceWithKnownSizes(c, in, begin, sizes);
  }
  // A -1 among sizes that are only partly known counts as unknown.
  WEFT_ASSIGN_OR_RETURN(PartialShape out, c.input_as_shape(2));
  if (!out.known_rank() && in.known_rank()) out = PartialShape::UnknownOfRank(in.rank());
  c.set_output(0, std::move(out));
  return absl::OkStatus();
}

// Zeros around dy: before it as many as `begin`, after it what is left of x.
void SliceGradient(GradientContext& g) {
  const Tensor x = g.input(0), begin = g.input(1);
  const Tensor rank = g.Rank(x);
  const Tensor size = ShapeAs(g, g.output(0), begin.dtype());
  const Tensor column = StackScalars(g, {rank, g.ConstInt(1, "stack/1")});
  const Tensor before = g.Reshape(begin, column);
  const Tensor after = g.Reshape(g.Sub(g.Sub(ShapeAs(g, x, begin.dtype()), size), begin), column);
  const Tensor paddings =
      g.Op("ConcatV2", {before, after, g.ConstInt(1, "concat/axis")}, {}, "concat");
  g.SetDx(0, g.Op("Pad", {g.dy(0), paddings}));
}

StridedSliceMasks MasksOf(ShapeContext& c) {
  return {.begin = c.Attr<int64_t>("begin_mask"),
          .end = c.Attr<int64_t>("end_mask"),
          .ellipsis = c.Attr<int64_t>("ellipsis_mask"),
          .new_axis = c.Attr<int64_t>("new_axis_mask"),
          .shrink_axis = c.Attr<int64_t>("shrink_axis_mask")};
}

absl::Status StridedSliceShape(ShapeContext& c) {
  int64_t entries = kUnknownDim;
  for (int i = 1; i < 4; ++i) {
    WEFT_ASSIGN_OR_RETURN(const PartialShape s, c.InputWithRank(i, 1));
    WEFT_ASSIGN_OR_RETURN(entries, c.MergeDim(entries, s.dim(0)));
  }
  if (const auto* data = c.input_handle_data(0)) c.set_output_handle_data(0, *data);
  const PartialShape& in = c.input(0);
  const Array* strides = c.input_constant(3);
  if (!in.known_rank() || strides == nullptr) return absl::OkStatus();
  const std::vector<int64_t> stride_values = ToInts(*strides);
  std::vector<int64_t> begin_values, end_values;
  StridedSliceSpec spec;
  spec.strides = stride_values;
  spec.masks = MasksOf(c);
  if (const Array* begin = c.input_constant(1)) {
    begin_values = ToInts(*begin);
    spec.begin = begin_values;
  }
  if (const Array* end = c.input_constant(2)) {
    end_values = ToInts(*end);
    spec.end = end_values;
  }
  WEFT_ASSIGN_OR_RETURN(const StridedSlicePlan plan, PlanStridedSlice(in.dims(), spec));
  c.set_output(0, PartialShape(std::span<const int64_t>(plan.result)));
  return absl::OkStatus();
}

// Adds a node of `type` with these inputs and the masks of the forward op.
Tensor WithMasks(GradientContext& g, std::string_view type, const std::vector<Tensor>& inputs) {
  return g.Op(type, inputs,
              {{"begin_mask", g.attr("begin_mask")},
               {"end_mask", g.attr("end_mask")},
               {"ellipsis_mask", g.attr("ellipsis_mask")},
               {"new_axis_mask", g.attr("new_axis_mask")},
               {"shrink_axis_mask", g.attr("shrink_axis_mask")}});
}

void StridedSliceGradient(GradientContext& g) {
  Tensor begin = g.input(1), end = g.input(2), strides = g.input(3);
  // StridedSliceGrad has no int16 form.
  if (begin.dtype() == kInt16) {
    begin = g.Cast(begin, kInt32);
    end = g.Cast(end, kInt32);
    strides = g.Cast(strides, kInt32);
  }
  g.SetDx(0, WithMasks(g, "StridedSliceGrad",
                       {ShapeAs(g, g.input(0), begin.dtype()), begin, end, strides, g.dy(0)}));
}

void StridedSliceGradGradient(GradientContext& g) {
  g.SetDx(4, WithMasks(g, "StridedSlice", {g.dy(0), g.input(1), g.input(2), g.input(3)}));
}

absl::Status StridedSliceGradShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(PartialShape out, c.input_as_shape(0));
  c.set_output(0, std::move(out));
  return absl::OkStatus();
}

// x keeps its gradient outside the slice; the value gets that of the slice, summed over what was
// broadcast.
void TensorStridedSliceUpdateGradient(GradientContext& g) {
  const Tensor dy = g.dy(0), begin = g.input(1), end = g.input(2), strides = g.input(3),
               value = g.input(4);
  const Tensor slice = WithMasks(g, "StridedSlice", {dy, begin, end, strides});
  g.SetDx(0,
          WithMasks(g, "TensorStridedSliceUpdate", {dy, begin, end, strides, g.ZerosLike(slice)}));
  const Tensor value_shape = ShapeAs(g, value, begin.dtype());
  const Tensor axes =
      g.Ops("BroadcastGradientArgs", {ShapeAs(g, slice, begin.dtype()), value_shape})[1];
  g.SetDx(4, g.Reshape(g.Sum(slice, axes, /*keep_dims=*/true), value_shape));
}

OpDefBuilder&& StridedSliceAttrs(OpDefBuilder&& op, const char* index_types) {
  return std::move(op)
      .Attr("T: type")
      .Attr(StrCat("Index: ", index_types))
      .Attr("begin_mask: int = 0")
      .Attr("end_mask: int = 0")
      .Attr("ellipsis_mask: int = 0")
      .Attr("new_axis_mask: int = 0")
      .Attr("shrink_axis_mask: int = 0");
}

}  // namespace

void RegisterArraySliceOps(OpRegistry& ops) {
  const auto attrs = [](OpDefBuilder&& op) -> OpDefBuilder&& {
    return StridedSliceAttrs(std::move(op), "{int32, int64}");
  };
  ops.Add("Slice")
      .Summary(
          "The part of the input that begins at `begin` and has `size`; a size of -1 is all that "
          "is left.")
      .Input("input: T")
      .Input("begin: Index")
      .Input("size: Index")
      .Output("output: T")
      .Attr("T: type")
      .Attr("Index: {int32, int64}")
      .Shape(SliceShape)
      .Gradient(SliceGradient);
  ops.Add("StridedSlice")
      .Summary(
          "Python's x[begin:end:strides], with new axes, an ellipsis and dropped dimensions by "
          "masks.")
      .Input("input: T")
      .Input("begin: Index")
      .Input("end: Index")
      .Input("strides: Index")
      .Output("output: T")
      .Apply([](OpDefBuilder&& op) -> OpDefBuilder&& {
        return StridedSliceAttrs(std::move(op), "{int16, int32, int64}");
      })
      .Shape(StridedSliceShape)
      .Gradient(StridedSliceGradient);
  ops.Add("StridedSliceGrad")
      .Summary("Zeros of shape `shape` with dy at the places that StridedSlice would take.")
      .Input("shape: Index")
      .Input("begin: Index")
      .Input("end: Index")
      .Input("strides: Index")
      .Input("dy: T")
      .Output("output: T")
      .Apply(attrs)
      .Shape(StridedSliceGradShape)
      .Gradient(StridedSliceGradGradient);
  ops.Add("TensorStridedSliceUpdate")
      .Summary("The input with a strided slice replaced by `value`, which is broadcast to it.")
      .Input("input: T")
      .Input("begin: Index")
      .Input("end: Index")
      .Input("strides: Index")
      .Input("value: T")
      .Output("output: T")
      .Apply(attrs)
      .Shape(shape::SameAsInput)
      .Gradient(TensorStridedSliceUpdateGradient);
  RegisterArrayConcatOps(ops);
  RegisterArrayPadOps(ops);
}

}  // namespace weft
