// SPDX-License-Identifier: Apache-2.0
// Ops that surround or repeat values: Pad, PadV2, MirrorPad, MirrorPadGrad, Tile, TileGrad.
// kernels: kernels/cpu/array_pad.cc   test: tests/ops/array_pad_test.cc
#include <string>
#include <vector>

#include "src/core/strings.h"
#include "src/ops/array_nodes.h"
#include "weft/graph/op_def.h"

namespace weft {
namespace {

// The input's shape with the rank that `paddings` (input 1) has rows for, and the rank; unknown:
// -1.
absl::StatusOr<PartialShape> ShapeToPad(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(const PartialShape paddings, c.InputWithRank(1, 2));
  WEFT_RETURN_IF_ERROR(c.MergeDim(paddings.dim(1), 2).status());
  PartialShape in = c.input(0);
  if (paddings.dim(0) > kMaxRank) {
    return absl::InvalidArgumentError(
        StrCat("paddings has ", paddings.dim(0), " rows; at most ", kMaxRank, " are possible"));
  }
  if (paddings.dim(0) >= 0) return c.WithRank(in, static_cast<int>(paddings.dim(0)));
  return in;
}

// The sizes grown (sign 1) or shrunk (sign -1) by the paddings.
absl::Status SetPaddedShape(ShapeContext& c, int sign) {
  WEFT_ASSIGN_OR_RETURN(PartialShape in, ShapeToPad(c));
  const Array* paddings = c.input_constant(1);
  if (paddings == nullptr) {
    if (in.known_rank()) c.set_output(0, PartialShape::UnknownOfRank(in.rank()));
    return absl::OkStatus();
  }
  WEFT_ASSIGN_OR_RETURN(in, c.WithRank(in, static_cast<int>(paddings->dim(0))));
  for (int i = 0; i < in.rank(); ++i) {
    const int64_t before = paddings->AsInt64(2 * i), after = paddings->AsInt64(2 * i + 1);
    if (before < 0 || after < 0) {
      return absl::InvalidArgumentError(
          StrCat("Paddings must be non-negative: ", before, " ", after));
    }
    WEFT_ASSIGN_OR_RETURN(const int64_t both, shape::AddDims(before, after));
    WEFT_ASSIGN_OR_RETURN(const int64_t size, sign > 0 ? shape::AddDims(in.dim(i), both)
                                                       : shape::SubDims(in.dim(i), both));
    in.set_dim(i, size);
  }
  c.set_output(0, std::move(in));
  return absl::OkStatus();
}

absl::Status PadShape(ShapeContext& c) { return SetPaddedShape(c, 1); }
absl::Status MirrorPadGradShape(ShapeContext& c) { return SetPaddedShape(c, -1); }

absl::Status PadV2Shape(ShapeContext& c) {
  WEFT_RETURN_IF_ERROR(c.InputWithRank(2, 0).status());
  return SetPaddedShape(c, 1);
}

// The part of dy that comes from x.
void PadGradient(GradientContext& g) {
  const Tensor x = g.input(0), paddings = g.input(1);
  const Tensor size = StackScalars(g, {g.Rank(x), g.ConstInt(1, "stack/1")});
  const Tensor before = g.Op("Slice", {paddings, g.ConstInts({0, 0}, "Slice/begin"), size});
  const Tensor begin = g.Reshape(before, g.ConstInts({-1}, "Reshape/shape"));
  g.SetDx(0, g.Op("Slice", {g.dy(0), begin, ShapeAs(g, x, paddings.dtype())}));
}

void MirrorPadGradient(GradientContext& g) {
  g.SetDx(0, g.Op("MirrorPadGrad", {g.dy(0), g.input(1)}, {{"mode", g.attr("mode")}}));
}
void MirrorPadGradGradient(GradientContext& g) {
  g.SetDx(0, g.Op("MirrorPad", {g.dy(0), g.input(1)}, {{"mode", g.attr("mode")}}));
}

absl::Status TileShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(const PartialShape multiples_shape, c.InputWithRank(1, 1));
  PartialShape in = c.input(0);
  if (in.known_rank()) WEFT_RETURN_IF_ERROR(c.MergeDim(multiples_shape.dim(0), in.rank()).status());
  // Multiples are no sizes, but what is partly known of them is found the same way.
  WEFT_ASSIGN_OR_RETURN(PartialShape multiples, c.input_as_shape(1));
  if (in.known_rank()) {
    WEFT_ASSIGN_OR_RETURN(multiples, c.WithRank(multiples, in.rank()));
  }
  if (!multiples.known_rank()) return absl::OkStatus();
  WEFT_ASSIGN_OR_RETURN(in, c.WithRank(in, multiples.rank()));
  for (int i = 0; i < in.rank(); ++i) {
    WEFT_ASSIGN_OR_RETURN(const int64_t size, shape::MulDims(in.dim(i), multiples.dim(i)));
    in.set_dim(i, size);
  }
  c.set_output(0, std::move(in));
  return absl::OkStatus();
}

// dy as [m0, s0, m1, s1, ...] (multiples and sizes in turn), summed over the multiples.
void TileGradient(GradientContext& g) {
  const Tensor x = g.input(0), multiples = g.input(1);
  const Tensor sizes = ShapeAs(g, x, multiples.dtype());
  const Tensor pairs =
      g.Op("Transpose",
           {g.Op("Pack", {multiples, sizes}, {}, "stack"), g.ConstInts({1, 0}, "transpose/perm")},
           {}, "transpose");
  const Tensor split_shape = g.Reshape(pairs, g.ConstInts({-1}, "Reshape/shape"));
  const Tensor axes = x.shape().known_rank() ? [&] {
    std::vector<int32_t> even;
    for (int i = 0; i < x.shape().rank(); ++i) even.push_back(2 * i);
    return g.ConstInts(even, "range");
  }() : g.Op("Range", {g.ConstInt(0, "range/start"), g.Size(split_shape), g.ConstInt(2, "range/delta")}, {}, "range");
  g.SetDx(0, g.Sum(g.Reshape(g.dy(0), split_shape), axes));
}

OpDefBuilder&& PadAttrs(OpDefBuilder&& op) {
  return std::move(op)
      .Output("output: T")
      .Attr("T: type")
      .Attr("Tpaddings: {int32, int64} = DT_INT32");
}

}  // namespace

void RegisterArrayPadOps(OpRegistry& ops) {
  ops.Add("Pad")
      .Summary("Zeros around the input: paddings[d] = {before, after} for each dimension d.")
      .Input("input: T")
      .Input("paddings: Tpaddings")
      .Apply(PadAttrs)
      .Shape(PadShape)
      .Gradient(PadGradient);
  ops.Add("PadV2")
      .Summary(
          "constant_values around the input: paddings[d] = {before, after} for each dimension d.")
      .Input("input: T")
      .Input("paddings: Tpaddings")
      .Input("constant_values: T")
      .Apply(PadAttrs)
      .Shape(PadV2Shape)
      .Gradient(PadGradient);
  ops.Add("MirrorPad")
      .Summary(
          "The input's mirror image around it; REFLECT leaves out the border itself, SYMMETRIC "
          "repeats it.")
      .Input("input: T")
      .Input("paddings: Tpaddings")
      .Apply(PadAttrs)
      .Attr("mode: {'REFLECT', 'SYMMETRIC'}")
      .Shape(PadShape)
      .Gradient(MirrorPadGradient);
  ops.Add("MirrorPadGrad")
      .Summary("The gradient of MirrorPad: what lies in the padding is added to what it mirrors.")
      .Input("input: T")
      .Input("paddings: Tpaddings")
      .Apply(PadAttrs)
      .Attr("mode: {'REFLECT', 'SYMMETRIC'}")
      .Shape(MirrorPadGradShape)
      .Gradient(MirrorPadGradGradient);
  ops.Add("Tile")
      .Summary("The input repeated multiples[d] times along each dimension d.")
      .Input("input: T")
      .Input("multiples: Tmultiples")
      .Output("output: T")
      .Attr("T: type")
      .Attr("Tmultiples: {int32, int64} = DT_INT32")
      .Shape(TileShape)
      .Gradient(TileGradient);
  ops.Add("TileGrad")
      .Summary("The sum of the tiles that Tile made.")
      .Input("input: T")
      .Input("multiples: int32")
      .Output("output: T")
      .Attr("T: type")
      .Deprecated(3, "TileGrad has been replaced with reduce_sum")
      .Shape(shape::Unknown);
}

}  // namespace weft
