// SPDX-License-Identifier: Apache-2.0
#include "src/ops/array_concat_grad.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "src/ops/array_nodes.h"

namespace weft {
namespace {

// The operands of a concatenation, for its gradient.
struct Operands {
  std::vector<Tensor> values;
  Tensor axis;    // int32, in [0, rank)
  int first = 0;  // input number of the first value
};

std::vector<Tensor> ShapesOf(NodeAdder& g, const std::vector<Tensor>& values) {
  const bool known = std::all_of(values.begin(), values.end(),
                                 [](Tensor t) { return t.valid() && t.shape().IsFullyKnown(); });
  if (!known) return g.Ops("ShapeN", values);
  std::vector<Tensor> shapes;
  for (Tensor t : values) shapes.push_back(g.Shape(t));
  return shapes;
}

// Many values: one Split. The sizes along the axis are a row of the stacked shapes.
void SplitDense(GradientContext& g, const Operands& o, Tensor dy,
                const std::vector<Tensor>& shapes) {
  const Tensor stacked = g.Op("Pack", shapes, {{"axis", 1}}, "stack");
  const Tensor begin = StackScalars(g, {o.axis, g.ConstInt(0, "Slice/begin/1")});
  const Tensor row = g.Op("Slice", {stacked, begin, g.ConstInts({1, -1}, "Slice/size")});
  const Tensor sizes = g.Op("Squeeze", {row}, {{"squeeze_dims", std::vector<int64_t>{0}}});
  const std::vector<Tensor> parts = g.Ops(
      "SplitV", {dy, sizes, o.axis}, {{"num_split", static_cast<int64_t>(shapes.size())}}, "split");
  for (size_t i = 0; i < parts.size(); ++i) g.SetDx(o.first + static_cast<int>(i), parts[i]);
}

void DenseGradient(GradientContext& g, const Operands& o, Tensor dy) {
  // Beyond this number one Split is faster than many Slices.
  constexpr size_t kMostSlices = 16;
  const std::vector<Tensor> shapes = ShapesOf(g, o.values);
  if (shapes.size() > kMostSlices) return SplitDense(g, o, dy, shapes);
  std::vector<Tensor> inputs = {o.axis};
  inputs.insert(inputs.end(), shapes.begin(), shapes.end());
  const std::vector<Tensor> offsets = g.Ops("ConcatOffset", inputs);
  for (size_t i = 0; i < shapes.size() && i < offsets.size(); ++i) {
    const int input = o.first + static_cast<int>(i);
    if (g.needs_dx(input)) g.SetDx(input, g.Op("Slice", {dy, offsets[i], shapes[i]}));
  }
}

// Slices of rows, concatenated along another dimension than 0: every value gets all rows, cut along
// the axis.
void CutRows(GradientContext& g, const Operands& o, const IndexedSlices& dy, int64_t axis) {
  Tensor begin_on_axis = g.ConstInt(0);
  for (size_t i = 0; i < o.values.size(); ++i) {
    const Tensor shape = g.Shape(o.values[i]);
    const Tensor size_on_axis = ElementOfVector(g, shape, static_cast<int32_t>(axis));
    const Tensor rank = g.Rank(o.values[i]);
    // begin: 0 but for the axis; size: all rows, and the value's other sizes.
    const Tensor before =
        g.Op("Fill", {ConstVector(g, kInt32, {axis}), g.ConstInt(0)}, {}, "zeros");
    const Tensor after = g.Op(
        "Fill",
        {ExpandDims(g, g.Sub(rank, g.ConstInt(static_cast<int32_t>(axis) + 1)), 0), g.ConstInt(0)},
        {}, "zeros");
    const Tensor begin = ConcatVectors(g, {before, ExpandDims(g, begin_on_axis, 0), after});
    const Tensor size =
        ConcatVectors(g, {g.ConstInts({-1}), SliceOfVector(g, shape, 1, std::nullopt)});
    g.SetDx(o.first + static_cast<int>(i),
            IndexedSlices{g.Op("Slice", {dy.values, begin, size}), dy.indices, shape});
    begin_on_axis = g.Add(begin_on_axis, size_on_axis);
  }
}

// Slices of rows, concatenated along dimension 0: a value gets the rows whose indices lie in its
// range.
void PickRows(GradientContext& g, const Operands& o, const IndexedSlices& dy) {
  const DataType dtype = dy.indices.valid() ? dy.indices.dtype() : kInt32;
  Tensor start = g.ConstOf(dtype, 0);
  const Tensor gather_axis = g.ConstInt(0, "GatherV2/axis");
  for (size_t i = 0; i < o.values.size(); ++i) {
    const Tensor shape = g.Shape(o.values[i]);
    const Tensor end = g.Add(start, g.Cast(ElementOfVector(g, shape, 0), dtype));
    const Tensor inside = g.Op(
        "LogicalAnd", {g.Op("GreaterEqual", {dy.indices, start}), g.Op("Less", {dy.indices, end})});
    const Tensor chosen =
        g.Op("Squeeze", {g.Op("Where", {inside})}, {{"squeeze_dims", std::vector<int64_t>{1}}});
    const Tensor indices = g.Sub(g.Op("GatherV2", {dy.indices, chosen, gather_axis}), start);
    const Tensor values = g.Op("GatherV2", {dy.values, chosen, gather_axis});
    g.SetDx(o.first + static_cast<int>(i), IndexedSlices{values, indices, shape});
    start = end;
  }
}

// The axis, if it is a constant; in [0, rank) if the rank is known.
std::optional<int64_t> StaticAxis(Tensor axis, Tensor value) {
  if (!axis.valid() || axis.op().type() != "Const") return std::nullopt;
  const Array* constant = axis.op().attr("value").Get<Array>();
  if (constant == nullptr || constant->num_elements() != 1) return std::nullopt;
  const int64_t given = constant->AsInt64();
  if (given >= 0) return given;
  if (!value.shape().known_rank()) return std::nullopt;
  return given + value.shape().rank();
}

}  // namespace

void ConcatGradient(GradientContext& g, int first, int last, int axis) {
  if (g.dy_raw(0).none()) return;
  if (last - first == 1) return g.SetDx(first, g.dy_raw(0));
  Operands o;
  o.first = first;
  for (int i = first; i < last; ++i) o.values.push_back(g.input(i));
  if (g.dy_raw(0).is_slices()) {
    const std::optional<int64_t> static_axis = StaticAxis(g.input(axis), o.values[0]);
    if (!static_axis) {
      return g.Fail(absl::InvalidArgumentError(
          "Can only compute IndexedSlices gradient with statically-known concat_dim"));
    }
    const IndexedSlices slices = g.dy_raw(0).slices();
    return *static_axis == 0 ? PickRows(g, o, slices) : CutRows(g, o, slices, *static_axis);
  }
  o.axis = Mod(g, g.Cast(g.input(axis), kInt32), g.Rank(o.values[0]));
  DenseGradient(g, o, g.dy(0));
}

}  // namespace weft
