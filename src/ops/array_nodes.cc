// SPDX-License-Identifier: Apache-2.0
#include "src/ops/array_nodes.h"

#include <numeric>

namespace weft {

Tensor ConstVector(NodeAdder& g, DataType dtype, const std::vector<int64_t>& values,
                   std::string_view name) {
  if (dtype == kInt64) return g.Const(Array::FromVector(values), name);
  return g.Const(Array::FromVector(std::vector<int32_t>(values.begin(), values.end())), name);
}

Tensor ShapeAs(NodeAdder& g, Tensor x, DataType dtype) {
  if (!x.valid() || dtype == kInt32) return g.Shape(x);
  const PartialShape& s = x.shape();
  if (s.IsFullyKnown()) return ConstVector(g, dtype, {s.dims().begin(), s.dims().end()}, "Shape");
  return g.Op("Shape", {x}, {{"out_type", dtype}});
}

Tensor SliceOfVector(NodeAdder& g, Tensor v, std::optional<int32_t> begin,
                     std::optional<int32_t> end) {
  return g.Op("StridedSlice",
              {v, g.ConstInts({begin.value_or(0)}, "strided_slice/stack"),
               g.ConstInts({end.value_or(0)}, "strided_slice/stack_1"),
               g.ConstInts({1}, "strided_slice/stack_2")},
              {{"begin_mask", begin ? 0 : 1}, {"end_mask", end ? 0 : 1}}, "strided_slice");
}

Tensor ElementOfVector(NodeAdder& g, Tensor v, int32_t i) {
  return g.Op(
      "StridedSlice",
      {v, g.ConstInts({i}, "strided_slice/stack"), g.ConstInts({i + 1}, "strided_slice/stack_1"),
       g.ConstInts({1}, "strided_slice/stack_2")},
      {{"shrink_axis_mask", 1}}, "strided_slice");
}

Tensor SliceOfVector(NodeAdder& g, Tensor v, Tensor begin, Tensor end) {
  const DataType dtype = begin.valid() ? begin.dtype() : end.dtype();
  const auto bound = [&](Tensor t, std::string_view name) {
    return t.valid() ? g.Op("Pack", {t}, {}, name) : ConstVector(g, dtype, {0}, name);
  };
  const Tensor first = bound(begin, "strided_slice/stack"),
               last = bound(end, "strided_slice/stack_1");
  return g.Op("StridedSlice", {v, first, last, ConstVector(g, dtype, {1}, "strided_slice/stack_2")},
              {{"begin_mask", begin.valid() ? 0 : 1}, {"end_mask", end.valid() ? 0 : 1}},
              "strided_slice");
}

Tensor ConcatVectors(NodeAdder& g, const std::vector<Tensor>& parts) {
  std::vector<Tensor> inputs = parts;
  inputs.push_back(g.ConstInt(0, "concat/axis"));
  return g.Op("ConcatV2", inputs, {}, "concat");
}

Tensor StackScalars(NodeAdder& g, const std::vector<Tensor>& scalars) {
  return g.Op("Pack", scalars, {}, "stack");
}

Tensor ExpandDims(NodeAdder& g, Tensor x, int32_t dim) {
  return g.Op("ExpandDims", {x, g.ConstInt(dim, "ExpandDims/dim")});
}

Tensor AllAxes(NodeAdder& g, Tensor x) {
  if (x.valid() && x.shape().known_rank()) {
    std::vector<int32_t> axes(static_cast<size_t>(x.shape().rank()));
    std::iota(axes.begin(), axes.end(), 0);
    return g.ConstInts(axes);
  }
  return g.Op("Range", {g.ConstInt(0, "range/start"), g.Rank(x), g.ConstInt(1, "range/delta")}, {},
              "range");
}

}  // namespace weft
