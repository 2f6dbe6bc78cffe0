// SPDX-License-Identifier: Apache-2.0
// Ops that change slices of a value at given indices: ScatterNd, ScatterNdNonAliasingAdd,
// TensorScatter*, Inplace*. kernels: kernels/cpu/array_scatter_nd.cc   test:
// tests/ops/array_scatter_nd_test.cc
#include <string>
#include <vector>

#include "src/core/strings.h"
#include "src/ops/array_nodes.h"
#include "src/ops/sizes.h"
#include "weft/graph/op_def.h"

namespace weft {
namespace {

// indices [outer..., depth] and updates [outer..., slice...] must fit a target [depth sizes,
// slice...].
absl::Status CheckScatter(ShapeContext& c, const PartialShape& target, const PartialShape& indices,
                          const PartialShape& updates) {
  if (target.num_elements() == 0 && (indices.num_elements() > 0 || updates.num_elements() > 0)) {
    return absl::InvalidArgumentError(StrCat(
        "Indices and updates specified for empty output tensor of shape ", target.ToString()));
  }
  if (!indices.known_rank() || !updates.known_rank()) return absl::OkStatus();
  // TensorFlow takes a vector of indices as tuples of one, but its shape function does not look
  // into that form.
  const int outer = indices.rank() - 1;
  const int64_t depth = indices.rank() == 1 ? -1 : indices.dim(outer);
  if (depth < 0) return absl::OkStatus();
  if (updates.rank() < outer ||
      !c.Merge(SubShape(indices, 0, outer), SubShape(updates, 0, outer)).ok()) {
    return absl::InvalidArgumentError(StrCat(
        "Dimensions [0,", outer, ") of indices[shape=", indices.ToString(),
        "] must match dimensions [0,", outer, ") of updates[shape=", updates.ToString(), "]"));
  }
  if (!target.known_rank()) return absl::OkStatus();
  if (depth > target.rank() || !c.Merge(SubShape(target, static_cast<int>(depth), target.rank()),
                                        SubShape(updates, outer, updates.rank()))
                                    .ok()) {
    return absl::InvalidArgumentError(
        StrCat("Dimensions [", depth, ",", target.rank(), ") of input[shape=", target.ToString(),
               "] must match dimensions [", outer, ",", updates.rank(),
               ") of updates[shape=", updates.ToString(), "]"));
  }
  return absl::OkStatus();
}

absl::Status ScatterNdShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(const PartialShape indices, c.WithRankAtLeast(c.input(0), 1));
  WEFT_ASSIGN_OR_RETURN(const PartialShape updates, c.WithRankAtLeast(c.input(1), 1));
  WEFT_ASSIGN_OR_RETURN(PartialShape out, c.input_as_shape(2));
  WEFT_RETURN_IF_ERROR(CheckScatter(c, out, indices, updates));
  c.set_output(0, std::move(out));
  return absl::OkStatus();
}

// Inputs: the tensor, indices, updates.
absl::Status TensorScatterShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(PartialShape out, c.WithRankAtLeast(c.input(0), 1));
  WEFT_ASSIGN_OR_RETURN(const PartialShape indices, c.WithRankAtLeast(c.input(1), 1));
  WEFT_ASSIGN_OR_RETURN(const PartialShape updates, c.WithRankAtLeast(c.input(2), 1));
  WEFT_RETURN_IF_ERROR(CheckScatter(c, out, indices, updates));
  c.set_output(0, std::move(out));
  return absl::OkStatus();
}

Tensor GatherNd(NodeAdder& g, Tensor params, Tensor indices) {
  return g.Op("GatherNd", {params, indices});
}

void ScatterNdGradient(GradientContext& g) { g.SetDx(1, GatherNd(g, g.dy(0), g.input(0))); }

void ScatterAddGradient(GradientContext& g) {
  g.SetDx(0, g.dy(0));
  g.SetDx(2, GatherNd(g, g.dy(0), g.input(1)));
}

void ScatterSubGradient(GradientContext& g) {
  g.SetDx(0, g.dy(0));
  g.SetDx(2, g.Neg(GatherNd(g, g.dy(0), g.input(1))));
}

void ScatterUpdateGradient(GradientContext& g) {
  const Tensor dy = g.dy(0), indices = g.input(1);
  g.SetDx(0, g.Op("TensorScatterUpdate", {dy, indices, g.ZerosLike(g.input(2))}));
  g.SetDx(2, GatherNd(g, dy, indices));
}

// Where several operands equal the result, they share its gradient.
void ScatterExtremeGradient(GradientContext& g) {
  const Tensor dy = g.dy(0), x = g.input(0), indices = g.input(1), updates = g.input(2),
               y = g.output(0);
  const Tensor from_x = g.Cast(g.Op("Equal", {x, y}), dy.dtype());
  const Tensor from_updates = g.Cast(g.Op("Equal", {updates, GatherNd(g, y, indices)}), dy.dtype());
  const Tensor updates_count =
      g.Op("ScatterNd", {indices, from_updates, ShapeAs(g, x, indices.dtype())});
  const Tensor count = g.Add(from_x, updates_count);
  g.SetDx(0, g.Div(g.Mul(dy, from_x), count));
  g.SetDx(2, g.Mul(GatherNd(g, g.Div(dy, count), indices), from_updates));
}

OpDefBuilder&& Scatter(OpDefBuilder&& op) {
  return std::move(op)
      .Input("tensor: T")
      .Input("indices: Tindices")
      .Input("updates: T")
      .Output("output: T")
      .Attr("T: type")
      .Shape(TensorScatterShape);
}

OpDefBuilder&& Inplace(OpDefBuilder&& op) {
  return std::move(op)
      .Input("x: T")
      .Input("i: int32")
      .Input("v: T")
      .Output("y: T")
      .Attr("T: type")
      .Shape(shape::SameAsInput);
}

}  // namespace

void RegisterArrayScatterNdOps(OpRegistry& ops) {
  constexpr const char* kIndices = "Tindices: {int32, int64}";
  ops.Add("ScatterNd")
      .Summary("Zeros of the given shape with `updates` added at tuples of indices.")
      .Input("indices: Tindices")
      .Input("updates: T")
      .Input("shape: Tindices")
      .Output("output: T")
      .Attr("T: type")
      .Attr("Tindices: {int16, int32, int64}")
      .Shape(ScatterNdShape)
      .Gradient(ScatterNdGradient);
  ops.Add("ScatterNdNonAliasingAdd")
      .Summary("The input with `updates` added at tuples of indices.")
      .Input("input: T")
      .Input("indices: Tindices")
      .Input("updates: T")
      .Output("output: T")
      .Attr("T: {numbertype, bool}")
      .Attr(kIndices)
      .Shape(TensorScatterShape)
      .Gradient(ScatterAddGradient);
  ops.Add("TensorScatterUpdate")
      .Summary("The tensor with slices replaced by `updates` at tuples of indices.")
      .Apply(Scatter)
      .Attr("Tindices: {int16, int32, int64, uint16}")
      .Gradient(ScatterUpdateGradient);
  ops.Add("TensorScatterAdd")
      .Summary("The tensor with `updates` added at tuples of indices.")
      .Apply(Scatter)
      .Attr(kIndices)
      .Gradient(ScatterAddGradient);
  ops.Add("TensorScatterSub")
      .Summary("The tensor with `updates` subtracted at tuples of indices.")
      .Apply(Scatter)
      .Attr(kIndices)
      .Gradient(ScatterSubGradient);
  ops.Add("TensorScatterMin")
      .Summary("The least of the tensor and all `updates` at tuples of indices.")
      .Apply(Scatter)
      .Attr(kIndices)
      .Gradient(ScatterExtremeGradient);
  ops.Add("TensorScatterMax")
      .Summary("The greatest of the tensor and all `updates` at tuples of indices.")
      .Apply(Scatter)
      .Attr(kIndices)
      .Gradient(ScatterExtremeGradient);
  ops.Add("InplaceUpdate").Summary("x with rows i replaced by the rows of v.").Apply(Inplace);
  ops.Add("InplaceAdd").Summary("x with the rows of v added to rows i.").Apply(Inplace);
  ops.Add("InplaceSub").Summary("x with the rows of v subtracted from rows i.").Apply(Inplace);
}

}  // namespace weft
