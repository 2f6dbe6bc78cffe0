// SPDX-License-Identifier: Apache-2.0
// kernels: kernels/cpu/isotonic.cc   test: tests/ops/isotonic_test.cc
#include "weft/graph/op_def.h"

namespace weft {
namespace {

absl::Status IsotonicShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(const PartialShape in, c.InputWithRank(0, 2));
  c.set_output(0, in);
  c.set_output(1, in);
  return absl::OkStatus();
}

// Each segment is a mean, so each of its elements gets the mean of the segment's gradients.
// Segments are numbered from 0 in each row: there are as many as columns at most.
void IsotonicGradient(GradientContext& g) {
  const Tensor dy = g.dy(0), segments = g.output(1), flat = g.ConstInts({-1});
  const Tensor sizes = g.Op("Shape", {dy});
  const Tensor size = g.Op("Size", {dy});
  const auto at = [&](int i) {
    return g.Op("StridedSlice", {sizes, g.ConstInts({i}), g.ConstInts({i + 1}), g.ConstInts({1})},
                {{"shrink_axis_mask", int64_t{1}}}, "strided_slice");
  };
  const Tensor zero = g.ConstInt(0), rows = at(0), columns = at(1);
  const Tensor firsts = g.Mul(g.Op("Range", {zero, rows, g.ConstInt(1)}, {}, "range"), columns);
  const Tensor ids = g.Reshape(g.Add(segments, g.Op("ExpandDims", {firsts, g.ConstInt(1)})), flat);
  const Tensor gradients = g.Reshape(dy, flat);
  const Tensor sums = g.Op("UnsortedSegmentSum", {gradients, ids, size});
  const Tensor counts = g.Op("UnsortedSegmentSum", {g.OnesLike(gradients), ids, size});
  const Tensor means =
      g.Div(g.Op("GatherV2", {sums, ids, zero}), g.Op("GatherV2", {counts, ids, zero}));
  g.SetDx(0, g.Cast(g.Reshape(means, sizes), g.input(0).dtype()));
}

}  // namespace

void RegisterIsotonicOps(OpRegistry& ops) {
  ops.Add("IsotonicRegression")
      .Summary("The nearest row (least squares) that never rises, and where it is constant.")
      .Input("input: T")
      .Output("output: output_dtype")
      .Output("segments: int32")
      .Attr("T: realnumbertype")
      .Attr("output_dtype: {half, bfloat16, float, double} = DT_FLOAT")
      .Shape(IsotonicShape)
      .Gradient(IsotonicGradient);
}

}  // namespace weft
