// SPDX-License-Identifier: Apache-2.0
// Adding a bias to each channel, and dense tensors from sparse ones.
// kernels: kernels/cpu/nn_misc.cc   test: tests/ops/nn_misc_test.cc
#include "src/core/strings.h"
#include "src/ops/nn_bias.h"
#include "weft/graph/op_def.h"

namespace weft {

void RegisterTopKOps(OpRegistry& ops);
void RegisterIsotonicOps(OpRegistry& ops);

absl::Status BiasAddShape(ShapeContext& c, bool channels_first) {
  WEFT_ASSIGN_OR_RETURN(PartialShape value, c.WithRankAtLeast(c.input(0), channels_first ? 3 : 2));
  WEFT_ASSIGN_OR_RETURN(const PartialShape bias, c.InputWithRank(1, 1));
  if (!value.known_rank()) return absl::OkStatus();
  const int axis = channels_first ? 1 : value.rank() - 1;
  WEFT_ASSIGN_OR_RETURN(const int64_t channels, c.MergeDim(value.dim(axis), bias.dim(0)));
  value.set_dim(axis, channels);
  c.set_output(0, std::move(value));
  return absl::OkStatus();
}

namespace {

bool ChannelsFirst(const std::string& data_format) { return data_format == "NCHW"; }

absl::Status BiasAddNodeShape(ShapeContext& c) {
  return BiasAddShape(c, ChannelsFirst(c.Attr<std::string>("data_format")));
}

absl::Status BiasAddGradShape(ShapeContext& c) {
  const bool first = ChannelsFirst(c.Attr<std::string>("data_format"));
  WEFT_ASSIGN_OR_RETURN(const PartialShape value, c.WithRankAtLeast(c.input(0), first ? 3 : 2));
  c.set_output(0, PartialShape::Vector(value.dim(first ? 1 : -1)));
  return absl::OkStatus();
}

void BiasAddGradient(GradientContext& g) {
  const Tensor dy = g.dy(0);
  g.SetDx(0, dy);
  if (g.needs_dx(1))
    g.SetDx(1, g.Op("BiasAddGrad", {dy}, {{"data_format", g.attr("data_format")}}));
}

// sum over all dimensions but the last.
void BiasAddV1Gradient(GradientContext& g) {
  const Tensor dy = g.dy(0);
  g.SetDx(0, dy);
  if (!g.needs_dx(1)) return;
  const Tensor count = g.Sub(g.Rank(dy), g.ConstInt(1, "sub/y"));
  const Tensor axes = g.Op(
      "Range", {g.ConstInt(0, "range/start"), count, g.ConstInt(1, "range/delta")}, {}, "range");
  g.SetDx(1, g.Sum(dy, axes));
}

// sizes[begin:end] of a vector; `whole_end`: to its end.
Tensor SliceSizes(NodeAdder& g, Tensor sizes, int begin, int end, bool whole_end) {
  return g.Op(
      "StridedSlice",
      {sizes, g.ConstInts({begin}, "strided_slice/stack"),
       g.ConstInts({end}, "strided_slice/stack_1"), g.ConstInts({1}, "strided_slice/stack_2")},
      {{"begin_mask", begin == 0 ? 1 : 0}, {"end_mask", whole_end ? 1 : 0}}, "strided_slice");
}

// The gradient of a sum over all but one dimension: the vector is repeated along the others.
void BiasAddGradGradient(GradientContext& g) {
  const bool first = ChannelsFirst(g.Attr<std::string>("data_format"));
  const Tensor dy = g.dy(0);
  const Tensor sizes = g.Shape(g.input(0)), channels = g.Shape(dy);
  const Tensor zero = g.ConstInt(0, "concat/axis"), one = g.ConstInts({1}, "concat/values_1");
  const auto concat = [&](const std::vector<Tensor>& parts) {
    std::vector<Tensor> inputs = parts;
    inputs.push_back(zero);
    return g.Op("ConcatV2", inputs, {{"N", static_cast<int64_t>(parts.size())}}, "concat");
  };
  Tensor expanded, multiples;
  if (first) {
    const Tensor before = SliceSizes(g, sizes, 0, 1, false),
                 after = SliceSizes(g, sizes, 2, 0, true);
    expanded = concat({g.OnesLike(before), channels, g.OnesLike(after)});
    multiples = concat({before, one, after});
  } else {
    const Tensor before = SliceSizes(g, sizes, 0, -1, false);
    expanded = concat({g.OnesLike(before), channels});
    multiples = concat({before, one});
  }
  g.SetDx(0, g.Op("Tile", {g.Reshape(dy, expanded), multiples}));
}

absl::Status SparseToDenseShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(PartialShape s, c.input_as_shape(1));
  c.set_output(0, std::move(s));
  return absl::OkStatus();
}

// Indices as GatherNd takes them: a row for each element.
Tensor IndexRows(GradientContext& g, Tensor indices) {
  const int rank = indices.shape().rank();
  if (rank != 0 && rank != 1) return indices;
  return g.Reshape(indices, g.ConstInts({-1, 1}, "Reshape/shape"));
}

// What was written passes to the values; all other elements hold the default value.
void SparseToDenseGradient(GradientContext& g) {
  const Tensor dy = g.dy(0);
  Tensor picked = g.Op("GatherNd", {dy, IndexRows(g, g.input(0))});
  const auto total = [&](Tensor t) {
    const Tensor axes =
        g.Op("Range", {g.ConstInt(0, "range/start"), g.Rank(t), g.ConstInt(1, "range/delta")}, {},
             "range");
    return g.Sum(t, axes);
  };
  g.SetDx(3, g.Sub(total(dy), total(picked)));
  // One value for all indices takes the sum of theirs.
  g.SetDx(2, g.input(2).shape().rank() == 0 ? total(picked) : picked);
}

}  // namespace

void RegisterNnMiscOps(OpRegistry& ops) {
  ops.Add("BiasAdd")
      .Summary("Adds bias[c] to every element of channel c.")
      .Attr("T: numbertype")
      .Input("value: T")
      .Input("bias: T")
      .Attr("data_format: {'NHWC', 'NCHW'} = 'NHWC'")
      .Output("output: T")
      .Shape(BiasAddNodeShape)
      .Gradient(BiasAddGradient);
  ops.Add("BiasAddV1")
      .Summary("Adds bias[c] to every element of channel c; channels are the last dimension.")
      .Attr("T: numbertype")
      .Input("value: T")
      .Input("bias: T")
      .Output("output: T")
      .Shape([](ShapeContext& c) { return BiasAddShape(c, /*channels_first=*/false); })
      .Gradient(BiasAddV1Gradient);
  ops.Add("BiasAddGrad")
      .Summary("The sum of each channel: the gradient of BiasAdd for the bias.")
      .Attr("T: numbertype")
      .Input("out_backprop: T")
      .Attr("data_format: {'NHWC', 'NCHW'} = 'NHWC'")
      .Output("output: T")
      .Shape(BiasAddGradShape)
      .Gradient(BiasAddGradGradient);
  ops.Add("SparseToDense")
      .Summary("A tensor of default_value with sparse_values at sparse_indices.")
      .Input("sparse_indices: Tindices")
      .Input("output_shape: Tindices")
      .Input("sparse_values: T")
      .Input("default_value: T")
      .Attr("validate_indices: bool = true")
      .Attr("T: type")
      .Output("dense: T")
      .Attr("Tindices: {int32, int64}")
      .Shape(SparseToDenseShape)
      .Gradient(SparseToDenseGradient);
  RegisterTopKOps(ops);
  RegisterIsotonicOps(ops);
}

}  // namespace weft
