// SPDX-License-Identifier: Apache-2.0
// The largest elements of each row, and whether a target is among them.
// kernels: kernels/cpu/nn_topk.cc   test: tests/ops/nn_topk_test.cc
#include "src/core/strings.h"
#include "weft/graph/op_def.h"

namespace weft {
namespace {

// The value of a scalar input that gives a size; -1 if it isn't known yet.
absl::StatusOr<int64_t> ConstantSize(ShapeContext& c, int input) {
  const PartialShape& s = c.input(input);
  if (s.known_rank() && s.rank() != 0)
    return absl::InvalidArgumentError(StrCat("Input must be scalar but has rank ", s.rank()));
  const Array* value = c.input_constant(input);
  if (!value) return kUnknownDim;
  const int64_t size = value->AsInt64();
  if (size >= 0) return size;
  return absl::InvalidArgumentError(StrCat("Dimension size, given by scalar input ", input,
                                           ", must be non-negative but is ", size));
}

absl::Status SetTopKShapes(ShapeContext& c, int64_t k) {
  WEFT_ASSIGN_OR_RETURN(PartialShape s, c.WithRankAtLeast(c.input(0), 1));
  if (!s.known_rank()) return absl::OkStatus();
  const int64_t columns = s.dim(-1);
  if (columns >= 0 && k >= 0 && columns < k) {
    return absl::InvalidArgumentError(
        StrCat("input must have last dimension >= k = ", k, " but is ", columns));
  }
  s.set_dim(-1, k);
  c.set_output(0, s);
  c.set_output(1, std::move(s));
  return absl::OkStatus();
}

absl::Status TopKShape(ShapeContext& c) { return SetTopKShapes(c, c.Attr<int64_t>("k")); }

absl::Status TopKV2Shape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(const int64_t k, ConstantSize(c, 1));
  return SetTopKShapes(c, k);
}

absl::Status NthElementShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(const PartialShape s, c.WithRankAtLeast(c.input(0), 1));
  WEFT_ASSIGN_OR_RETURN(const int64_t n, ConstantSize(c, 1));
  const int64_t columns = s.dim(-1);
  if (columns >= 0 && n >= 0 && columns <= n) {
    return absl::InvalidArgumentError(
        StrCat("Input must have last dimension > n = ", n, " but is ", columns));
  }
  if (s.known_rank())
    c.set_output(0, PartialShape(s.dims().subspan(0, static_cast<size_t>(s.rank() - 1))));
  return absl::OkStatus();
}

absl::Status InTopKShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(const PartialShape predictions, c.InputWithRank(0, 2));
  WEFT_ASSIGN_OR_RETURN(const PartialShape targets, c.InputWithRank(1, 1));
  WEFT_ASSIGN_OR_RETURN(const int64_t batch, c.MergeDim(predictions.dim(0), targets.dim(0)));
  c.set_output(0, PartialShape::Vector(batch));
  return absl::OkStatus();
}

// The last element of the shape vector `sizes`, as int64.
Tensor LastSize(GradientContext& g, Tensor sizes) {
  const Tensor last = g.Sub(g.Size(sizes), g.ConstInt(1, "sub/y"));
  return g.Op("GatherV2", {g.Cast(sizes, kInt64), last, g.ConstInt(0, "GatherV2/axis")});
}

// The gradient of the values goes to where they came from; everything else gets 0. Rows are
// addressed in the flattened input: row * columns + index.
void TopKGradient(GradientContext& g) {
  const Tensor sizes = g.Shape(g.input(0)), index_sizes = g.Shape(g.output(1));
  const Tensor k = LastSize(g, index_sizes), columns = LastSize(g, sizes);
  const Tensor minus_one = g.Const(Array(int64_t{-1}), "stack/0");
  const Tensor matrix = g.Op("Pack", {minus_one, k}, {{"N", 2}}, "stack");
  const Tensor indices = g.Cast(g.Reshape(g.output(1), matrix), kInt64);
  const Tensor rows =
      g.Op("GatherV2", {g.Cast(g.Shape(indices), kInt64), g.ConstInt(0, "GatherV2/indices"),
                        g.ConstInt(0, "GatherV2/axis")});
  const Tensor numbers = g.Op(
      "Range",
      {g.Const(Array(int64_t{0}), "range/start"), rows, g.Const(Array(int64_t{1}), "range/delta")},
      {}, "range");
  const Tensor starts = g.Mul(numbers, columns);
  const Tensor column_of_starts = g.Op("ExpandDims", {starts, g.ConstInt(-1, "ExpandDims/dim")});
  const Tensor flat =
      g.Reshape(g.Add(indices, column_of_starts), g.ConstInts({-1, 1}, "Reshape/shape"));
  const Tensor values = g.Reshape(g.dy(0), g.ConstInts({-1}, "Reshape/shape"));
  const Tensor total =
      g.Op("Prod", {g.Cast(sizes, kInt64), g.ConstInts({0}, "Const")}, {{"keep_dims", true}});
  g.SetDx(0, g.Reshape(g.Op("ScatterNd", {flat, values, total}), sizes));
}

// Elements that equal the selected one share its gradient.
void NthElementGradient(GradientContext& g) {
  const auto column = [&](Tensor t) {
    return g.Op("ExpandDims", {t, g.ConstInt(-1, "ExpandDims/dim")});
  };
  const Tensor dy = g.dy(0);
  const Tensor equal = g.Op("Equal", {column(g.output(0)), g.input(0)});
  if (!g.ok()) return;
  const Tensor selected = g.Cast(equal, RemoveRef(dy.dtype()));
  const Tensor count = column(g.Sum(selected, g.ConstInt(-1, "Sum/reduction_indices")));
  g.SetDx(0, g.Mul(g.Div(selected, count), column(dy)));
}

}  // namespace

void RegisterTopKOps(OpRegistry& ops) {
  ops.Add("TopK")
      .Summary("The k largest elements of each row, largest first, and their places.")
      .Input("input: T")
      .Output("values: T")
      .Output("indices: int32")
      .Attr("k: int >= 0")
      .Attr("sorted: bool = true")
      .Attr("T: realnumbertype")
      .Deprecated(7, "Use TopKV2 instead")
      .Shape(TopKShape)
      .Gradient(TopKGradient);
  ops.Add("TopKV2")
      .Summary(
          "The k largest elements of each row, largest first, and their places. Of equal "
          "elements the one with the lower index comes first.")
      .Input("input: T")
      .Input("k: Tk")
      .Output("values: T")
      .Output("indices: index_type")
      .Attr("sorted: bool = true")
      .Attr("T: realnumbertype")
      .Attr("Tk: {int16, int32, int64} = DT_INT32")
      .Attr("index_type: {int16, int32, int64} = DT_INT32")
      .Shape(TopKV2Shape)
      .Gradient(TopKGradient);
  ops.Add("NthElement")
      .Summary(
          "The element of each row that has n smaller ones (or larger ones, if reverse) "
          "before it in sorted order.")
      .Input("input: T")
      .Input("n: int32")
      .Output("values: T")
      .Attr("reverse: bool = false")
      .Attr("T: realnumbertype")
      .Shape(NthElementShape)
      .Gradient(NthElementGradient);
  ops.Add("InTopK")
      .Summary("Whether fewer than k predictions of a row are larger than the one at its target.")
      .Input("predictions: float")
      .Input("targets: T")
      .Output("precision: bool")
      .Attr("k: int")
      .Attr("T: {int32, int64} = DT_INT32")
      .Shape(InTopKShape)
      .NoGradient("the result is a truth value");
  ops.Add("InTopKV2")
      .Summary("Whether fewer than k predictions of a row are larger than the one at its target.")
      .Input("predictions: float")
      .Input("targets: T")
      .Input("k: T")
      .Output("precision: bool")
      .Attr("T: {int32, int64} = DT_INT32")
      .Shape(InTopKShape)
      .NoGradient("the result is a truth value");
}

}  // namespace weft
