// SPDX-License-Identifier: Apache-2.0
// Sums of many operands, clipping, the cross product, and the shapes of broadcasting.
// kernels: kernels/cpu/math_many.cc   test: tests/ops/math_binary_test.cc
#include "src/ops/math_binary.h"

namespace weft {
namespace {

void SumGradient(GradientContext& g) {
  for (int i = 0; i < g.num_inputs(); ++i) g.SetDx(i, g.dy_raw(0));
}

void ClipGradient(GradientContext& g) {
  const Tensor x = g.input(0), low = g.input(1), high = g.input(2);
  const Tensor zeros = g.ZerosLike(g.dy(0));
  const Tensor below = g.Op("Less", {x, low}), above = g.Op("Greater", {x, high});
  const Tensor clipped = g.Op("LogicalOr", {below, above});
  g.SetDx(0, g.Op("Select", {clipped, zeros, g.dy(0)}));
  g.SetBroadcastDx(1, g.Op("Select", {below, g.dy(0), zeros}), 0, Tensor());
  g.SetBroadcastDx(2, g.Op("Select", {above, g.dy(0), zeros}), 0, Tensor());
}

void CrossGradient(GradientContext& g) {
  g.SetDx(0, g.Op("Cross", {g.input(1), g.dy(0)}));
  g.SetDx(1, g.Op("Cross", {g.dy(0), g.input(0)}));
}

absl::Status CrossShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(PartialShape a, c.WithRankAtLeast(c.input(0), 1));
  WEFT_ASSIGN_OR_RETURN(PartialShape b, c.WithRankAtLeast(c.input(1), 1));
  WEFT_ASSIGN_OR_RETURN(PartialShape both, c.Merge(a, b));
  if (both.known_rank()) {
    WEFT_ASSIGN_OR_RETURN(const int64_t last, c.MergeDim(both.dim(-1), 3));
    both.set_dim(-1, last);
  }
  c.set_output(0, both);
  return absl::OkStatus();
}

// Variants that are added hold tensors of one shape.
absl::Status SumShape(ShapeContext& c) {
  WEFT_RETURN_IF_ERROR(shape::MergeOfInputs(c));
  if (c.input_dtype(0) != kVariant) return absl::OkStatus();
  const std::vector<HandleData>* first = c.input_handle_data(0);
  if (first == nullptr) return absl::OkStatus();
  std::vector<HandleData> merged = *first;
  for (int i = 1; i < c.num_inputs(); ++i) {
    const std::vector<HandleData>* next = c.input_handle_data(i);
    if (next == nullptr || next->size() != merged.size()) return absl::OkStatus();
    for (size_t k = 0; k < merged.size(); ++k) {
      if (merged[k].dtype != (*next)[k].dtype) return absl::OkStatus();
      WEFT_ASSIGN_OR_RETURN(merged[k].shape, c.Merge(merged[k].shape, (*next)[k].shape));
    }
  }
  c.set_output_handle_data(0, std::move(merged));
  return absl::OkStatus();
}

absl::Status BroadcastArgsShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(const PartialShape a, c.InputWithRank(0, 1));
  WEFT_ASSIGN_OR_RETURN(const PartialShape b, c.InputWithRank(1, 1));
  const int64_t x = a.dim(0), y = b.dim(0);
  c.set_output(0, PartialShape::Vector(x < 0 || y < 0 ? kUnknownDim : std::max(x, y)));
  return absl::OkStatus();
}

absl::Status GradientArgsShape(ShapeContext& c) {
  WEFT_RETURN_IF_ERROR(c.InputWithRank(0, 1).status());
  WEFT_RETURN_IF_ERROR(c.InputWithRank(1, 1).status());
  c.set_output(0, PartialShape::Vector(kUnknownDim));
  c.set_output(1, PartialShape::Vector(kUnknownDim));
  return absl::OkStatus();
}

}  // namespace

void RegisterManyOperandOps(OpRegistry& ops) {
  ops.Add("AddN")
      .Summary("The sum of all inputs, which have one shape.")
      .Input("inputs: N * T")
      .Output("sum: T")
      .Attr("N: int >= 1")
      .Attr("T: {numbertype, variant}")
      .Aggregate()
      .Commutative()
      .Shape(SumShape)
      .Gradient(SumGradient);
  ops.Add("AccumulateNV2")
      .Summary(
          "The sum of all inputs, which have one shape; each may be freed when it has been added.")
      .Input("inputs: N * T")
      .Output("sum: T")
      .Attr("N: int >= 1")
      .Attr("T: numbertype")
      .Attr("shape: shape")
      .Aggregate()
      .Commutative()
      .Shape(shape::FromAttr)
      .Gradient(SumGradient);
  ops.Add("ClipByValue")
      .Summary(
          "t limited to [clip_value_min, clip_value_max]; the limits are scalars or of t's shape.")
      .Input("t: T")
      .Input("clip_value_min: T")
      .Input("clip_value_max: T")
      .Output("output: T")
      .Attr("T: numbertype")
      .Shape(shape::SameAsInput)
      .Gradient(ClipGradient);
  ops.Add("Cross")
      .Summary("The cross product of the 3-vectors in the last dimension.")
      .Input("a: T")
      .Input("b: T")
      .Output("product: T")
      .Attr("T: realnumbertype")
      .Shape(CrossShape)
      .Gradient(CrossGradient);
  ops.Add("ApproximateEqual")
      .Summary("|x - y| < tolerance, element by element.")
      .Input("x: T")
      .Input("y: T")
      .Output("z: bool")
      .Commutative()
      .Attr("T: numbertype")
      .Attr("tolerance: float = 0.00001")
      .Shape([](ShapeContext& c) {
        WEFT_ASSIGN_OR_RETURN(PartialShape merged, c.Merge(c.input(0), c.input(1)));
        c.set_output(0, merged);
        return absl::OkStatus();
      })
      .NoGradient("the result is not a number");
  ops.Add("BroadcastArgs")
      .Summary("The shape of two shapes broadcast together.")
      .Input("s0: T")
      .Input("s1: T")
      .Output("r0: T")
      .Attr("T: {int32, int64} = DT_INT32")
      .Shape(BroadcastArgsShape)
      .NoGradient("shapes are not differentiable");
  ops.Add("BroadcastGradientArgs")
      .Summary("The axes to sum a gradient over, for each of two operands that were broadcast.")
      .Input("s0: T")
      .Input("s1: T")
      .Output("r0: T")
      .Output("r1: T")
      .Attr("T: {int32, int64} = DT_INT32")
      .Shape(GradientArgsShape)
      .NoGradient("shapes are not differentiable");
}

}  // namespace weft
