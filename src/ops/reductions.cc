// SPDX-License-Identifier: Apache-2.0
// Reductions over dimensions.
// kernels: kernels/cpu/reductions.cc   test: tests/ops/reductions_test.cc
#include "src/ops/reductions.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "src/graph/node.h"
#include "src/ops/array_nodes.h"
#include "weft/graph/op_def.h"

namespace weft {
namespace {

// What is known of a reduction when its gradient is built.
struct StaticReduction {
  std::vector<int32_t> sizes;  // of the input
  std::vector<bool> reduced;
  bool all() const { return std::ranges::find(reduced, false) == reduced.end(); }
};

// The dimensions that a constant names; nullopt if the rank or the axes are unknown (or wrong: the
// node's own shape function has told).
std::optional<std::vector<bool>> StaticAxes(GradientContext& g) {
  const Array* axes = ConstantValue(g.input(1));
  if (axes == nullptr || !g.input(0).shape().known_rank()) return std::nullopt;
  const int rank = g.input(0).shape().rank();
  std::vector<bool> reduced(static_cast<size_t>(rank), false);
  for (int64_t i = 0; i < axes->num_elements(); ++i) {
    const int64_t axis = axes->AsInt64(i);
    if (axis < -rank || axis >= rank) return std::nullopt;
    reduced[static_cast<size_t>(axis < 0 ? axis + rank : axis)] = true;
  }
  return reduced;
}

std::optional<StaticReduction> Static(GradientContext& g) {
  const PartialShape& shape = g.input(0).shape();
  const std::optional<std::vector<bool>> reduced = StaticAxes(g);
  if (!reduced || !shape.IsFullyKnown()) return std::nullopt;
  StaticReduction known;
  known.reduced = *reduced;
  for (const int64_t size : shape.dims()) {
    if (size != static_cast<int32_t>(size)) return std::nullopt;
    known.sizes.push_back(static_cast<int32_t>(size));
  }
  return known;
}

std::vector<int32_t> Kept(const StaticReduction& known) {
  std::vector<int32_t> kept = known.sizes;
  for (size_t d = 0; d < kept.size(); ++d) {
    if (known.reduced[d]) kept[d] = 1;
  }
  return kept;
}

// Axes as int32 numbers of 0 or more.
Tensor PositiveAxes(GradientContext& g, Tensor rank) {
  return Mod(g, g.Add(g.Cast(g.input(1), kInt32), rank), rank);
}

// dy with the reduced dimensions back, of size 1.
Tensor WithReducedDims(GradientContext& g, Tensor t) {
  return g.Attr<bool>("keep_dims") ? t : g.Reshape(t, ReducedShape(g));
}

// dy for every element of the input.
Tensor SpreadOut(GradientContext& g) {
  const Tensor x = g.input(0);
  const std::optional<std::vector<bool>> axes = StaticAxes(g);
  if (axes && std::ranges::find(*axes, false) == axes->end()) {
    const std::vector<int32_t> ones(axes->size(), 1);
    const Tensor dy = g.Reshape(g.dy(0), g.ConstInts(ones, "Reshape/shape"));
    return g.Op("Tile", {dy, g.Shape(x)});
  }
  if (const std::optional<StaticReduction> known = Static(g)) {
    std::vector<int32_t> times(known->sizes.size(), 1);
    for (size_t d = 0; d < times.size(); ++d) {
      if (known->reduced[d]) times[d] = known->sizes[d];
    }
    const Tensor dy = g.Reshape(g.dy(0), g.ConstInts(Kept(*known), "Reshape/shape"));
    return g.Op("Tile", {dy, g.ConstInts(times, "Tile/multiples")});
  }
  return g.Op("BroadcastTo", {WithReducedDims(g, g.dy(0)), g.Shape(x)});
}

void SumGradient(GradientContext& g) { g.SetDx(0, SpreadOut(g)); }

void MeanGradient(GradientContext& g) {
  const Tensor dy = SpreadOut(g);
  const PartialShape &in = g.input(0).shape(), &out = g.output(0).shape();
  Tensor count;
  if (in.IsFullyKnown() && out.IsFullyKnown()) {
    const int64_t n = in.num_elements() / std::max<int64_t>(out.num_elements(), 1);
    count = g.ConstLike(static_cast<double>(n), dy);
  } else {
    const Tensor sizes = g.Shape(g.input(0));
    // A scalar axis counts as a vector of one.
    const Tensor axes =
        g.Reshape(PositiveAxes(g, g.Size(sizes)), g.ConstInts({-1}, "Reshape/shape"));
    const Tensor reduced = g.Op("GatherV2", {sizes, axes, g.ConstInt(0, "GatherV2/axis")});
    count = g.Cast(g.Op("Prod", {reduced, g.ConstInts({0})}), RemoveRef(dy.dtype()));
  }
  g.SetDx(0, g.Div(dy, count));
}

// dy goes in equal parts to the elements that are the extremum.
void ExtremumGradient(GradientContext& g) {
  const Tensor x = g.input(0);
  const Tensor y = WithReducedDims(g, g.output(0)), dy = WithReducedDims(g, g.dy(0));
  const Tensor chosen = g.Cast(g.Op("Equal", {y, x}), RemoveRef(dy.dtype()));
  const Tensor sum = g.Sum(chosen, g.input(1), g.Attr<bool>("keep_dims"));
  g.SetDx(0, g.Mul(g.Div(chosen, WithReducedDims(g, sum)), dy));
}

void EuclideanNormGradient(GradientContext& g) {
  const Tensor y = WithReducedDims(g, g.output(0)), dy = WithReducedDims(g, g.dy(0));
  g.SetDx(0, g.Div(g.input(0), g.Div(y, dy)));
}

// A permutation that brings the reduced dimensions to the front, and how many elements these and
// the others have.
struct ReducedFirst {
  Tensor permutation;
  Tensor sizes;  // [reduced, others]
};

ReducedFirst DynamicReducedFirst(GradientContext& g) {
  const Tensor x = g.input(0), rank = g.Rank(x), shape = g.Shape(x);
  const Tensor given = g.Reshape(g.input(1), g.ConstInts({-1}, "Reshape/shape"));
  const Tensor reduced = Mod(g, g.Add(g.Cast(given, kInt32), rank), rank);
  const Tensor all = AllAxes(g, x);
  const Tensor others = g.Op("ListDiff", {all, reduced}, {{"out_idx", kInt32}});
  const Tensor axis = g.ConstInt(0, "GatherV2/axis"), first = g.ConstInts({0});
  const auto count = [&](Tensor axes) {
    return g.Op("Prod", {g.Op("GatherV2", {shape, axes, axis}), first});
  };
  return {ConcatVectors(g, {reduced, others}), StackScalars(g, {count(reduced), count(others)})};
}

ReducedFirst MoveReducedFirst(GradientContext& g) {
  const std::optional<StaticReduction> known = Static(g);
  if (!known) return DynamicReducedFirst(g);
  std::vector<int32_t> order;
  int64_t counts[] = {1, 1};
  for (const bool reduced : {true, false}) {
    for (size_t d = 0; d < known->sizes.size(); ++d) {
      if (known->reduced[d] != reduced) continue;
      order.push_back(static_cast<int32_t>(d));
      counts[reduced ? 0 : 1] *= known->sizes[d];
    }
  }
  return {g.ConstInts(order, "concat"), ConstVector(g, kInt64, {counts[0], counts[1]})};
}

// The product of all others for each element, from the products before and after it: right for
// zeros too.
void ProdGradient(GradientContext& g) {
  const Tensor x = g.input(0), shape = g.Shape(x);
  const Tensor dy = g.Op("BroadcastTo", {WithReducedDims(g, g.dy(0)), shape});
  const ReducedFirst front = MoveReducedFirst(g);
  const Tensor turned = g.Op("Transpose", {x, front.permutation}, {}, "transpose");
  const Tensor columns = g.Reshape(turned, front.sizes);
  const Tensor axis = g.ConstInt(0, "Cumprod/axis");
  const Tensor before = g.Op("Cumprod", {columns, axis}, {{"exclusive", true}});
  const Tensor after = g.Op("Cumprod", {columns, axis}, {{"exclusive", true}, {"reverse", true}});
  const Tensor others = g.Reshape(g.Mul(g.Conj(before), g.Conj(after)), g.Shape(turned));
  const Tensor inverse = g.Op("InvertPermutation", {front.permutation});
  const Tensor dx = g.Mul(dy, g.Op("Transpose", {others, inverse}, {}, "transpose"));
  g.SetDx(0, g.Reshape(dx, shape));
}

void L2LossGradient(GradientContext& g) { g.SetDx(0, g.Mul(g.input(0), g.dy(0))); }

OpDefBuilder&& OverAxes(OpDefBuilder&& op) {
  return std::move(op)
      .Input("input: T")
      .Input("reduction_indices: Tidx")
      .Output("output: T")
      .Attr("keep_dims: bool = false");
}
OpDefBuilder&& OfNumbers(OpDefBuilder&& op) {
  return std::move(op)
      .Apply(OverAxes)
      .Attr("T: numbertype")
      .Attr("Tidx: {int32, int64} = DT_INT32")
      .Shape(shape::Reduction);
}
OpDefBuilder&& OfRealNumbers(OpDefBuilder&& op) {
  return std::move(op)
      .Apply(OverAxes)
      .Attr("T: {realnumbertype, quantizedtype}")
      .Attr("Tidx: {int32, int64} = DT_INT32")
      .Shape(shape::Reduction);
}
OpDefBuilder&& OfBools(OpDefBuilder&& op) {
  return std::move(op)
      .Input("input: bool")
      .Input("reduction_indices: Tidx")
      .Output("output: bool")
      .Attr("keep_dims: bool = false")
      .Attr("Tidx: {int32, int64} = DT_INT32")
      .Shape(shape::Reduction)
      .NoGradient("truth values are not differentiable");
}

}  // namespace

Tensor ReducedShape(GradientContext& g) {
  if (const std::optional<StaticReduction> known = Static(g)) {
    return g.ConstInts(Kept(*known), "Reshape/shape");
  }
  const Tensor sizes = g.Shape(g.input(0));
  const Tensor rank = g.Size(sizes);
  const Tensor all = g.Op(
      "Range", {g.ConstInt(0, "range/start"), rank, g.ConstInt(1, "range/delta")}, {}, "range");
  const Tensor axes = PositiveAxes(g, rank);
  const Tensor ones = g.Op("Fill", {g.Shape(axes), g.ConstInt(1, "Fill/value")});
  return g.Op("DynamicStitch", {all, axes, sizes, ones}, {{"N", 2}});
}

void RegisterReductionsOps(OpRegistry& ops) {
  ops.Add("Sum").Summary("The sum over dimensions.").Apply(OfNumbers).Gradient(SumGradient);
  ops.Add("Mean")
      .Summary("The mean over dimensions; of integers, cut off towards 0.")
      .Apply(OfNumbers)
      .Gradient(MeanGradient);
  ops.Add("Prod").Summary("The product over dimensions.").Apply(OfNumbers).Gradient(ProdGradient);
  ops.Add("EuclideanNorm")
      .Summary("The square root of the sum of |x|^2 over dimensions.")
      .Apply(OfNumbers)
      .Gradient(EuclideanNormGradient);
  ops.Add("Max")
      .Summary("The greatest element over dimensions; NaN if there is one.")
      .Apply(OfRealNumbers)
      .Gradient(ExtremumGradient);
  ops.Add("Min")
      .Summary("The least element over dimensions; NaN if there is one.")
      .Apply(OfRealNumbers)
      .Gradient(ExtremumGradient);
  ops.Add("All").Summary("Whether all elements over dimensions are true.").Apply(OfBools);
  ops.Add("Any").Summary("Whether an element over dimensions is true.").Apply(OfBools);
  ops.Add("L2Loss")
      .Summary("Half the sum of the squares of all elements.")
      .Input("t: T")
      .Output("output: T")
      .Attr("T: {half, bfloat16, float, double}")
      .Shape(shape::Scalar)
      .Gradient(L2LossGradient);
  RegisterScanOps(ops);
  RegisterCountOps(ops);
}

}  // namespace weft
