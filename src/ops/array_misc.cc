// SPDX-License-Identifier: Apache-2.0
// Sets of values and places: unique elements, differences of lists, where a condition holds.
// kernels: kernels/cpu/array_misc.cc   test: tests/ops/array_misc_test.cc
#include "weft/ops/array_misc.h"
#include "weft/graph/op_builder.h"
#include "weft/graph/op_def.h"

#include "src/core/strings.h"

namespace weft {

void RegisterSearchOps(OpRegistry& ops);

namespace {

absl::Status UniqueShape(ShapeContext& c) {
  WEFT_RETURN_IF_ERROR(c.InputWithRank(0, 1).status());
  c.set_output(0, PartialShape::Vector(kUnknownDim));
  c.set_output(1, c.input(0));
  return absl::OkStatus();
}

absl::Status UniqueWithCountsShape(ShapeContext& c) {
  c.set_output(0, PartialShape::Vector(kUnknownDim));
  c.set_output(1, c.input(0));
  c.set_output(2, PartialShape::Vector(kUnknownDim));
  return absl::OkStatus();
}

// The number of slices along the axis, which may be absent for a vector.
absl::StatusOr<int64_t> SliceCount(ShapeContext& c) {
  const PartialShape& x = c.input(0);
  const Array* axis = c.input_constant(1);
  if (!axis || !x.known_rank()) return kUnknownDim;
  if (axis->num_elements() == 0) {
    if (x.rank() != 1) return absl::InvalidArgumentError("x expects a 1D vector.");
    return x.dim(0);
  }
  if (axis->num_elements() != 1)
    return absl::InvalidArgumentError(
        "axis does not support input tensors larger than 1 elements.");
  const int64_t a = axis->AsInt64();
  if (a < -x.rank() || a >= x.rank()) {
    return absl::InvalidArgumentError(
        StrCat("axis expects to be in the range [", -x.rank(), ", ", x.rank(), "), got ", a));
  }
  return x.dim(static_cast<int>(a < 0 ? a + x.rank() : a));
}

absl::Status UniqueAlongAxisShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(const int64_t slices, SliceCount(c));
  if (c.input(0).known_rank()) c.set_output(0, PartialShape::UnknownOfRank(c.input(0).rank()));
  c.set_output(1, PartialShape::Vector(slices));
  if (c.num_outputs() > 2) c.set_output(2, PartialShape::Vector(kUnknownDim));
  return absl::OkStatus();
}

absl::Status ListDiffShape(ShapeContext& c) {
  WEFT_RETURN_IF_ERROR(c.InputWithRank(0, 1).status());
  WEFT_RETURN_IF_ERROR(c.InputWithRank(1, 1).status());
  c.set_output(0, PartialShape::Vector(kUnknownDim));
  c.set_output(1, PartialShape::Vector(kUnknownDim));
  return absl::OkStatus();
}

absl::Status WhereShape(ShapeContext& c) {
  c.set_output(0, PartialShape::Matrix(kUnknownDim,
                                       c.input(0).known_rank() ? c.input(0).rank() : kUnknownDim));
  return absl::OkStatus();
}

void RegisterUniqueOps(OpRegistry& ops) {
  const auto outputs = [](OpDefBuilder&& op) -> OpDefBuilder&& {
    return std::move(op).Output("y: T").Output("idx: out_idx");
  };
  const auto attrs = [](OpDefBuilder&& op) -> OpDefBuilder&& {
    return std::move(op).Attr("T: type").Attr("out_idx: {int32, int64} = DT_INT32");
  };
  const auto axis_attrs = [](OpDefBuilder&& op) -> OpDefBuilder&& {
    return std::move(op)
        .Attr("T: type")
        .Attr("Taxis: {int32, int64} = DT_INT64")
        .Attr("out_idx: {int32, int64} = DT_INT32");
  };
  ops.Add("Unique")
      .Summary(
          "The distinct elements of a vector in the order of their first occurrence, and which "
          "of them each element is.")
      .Input("x: T")
      .Apply(outputs)
      .Apply(attrs)
      .Shape(UniqueShape);
  ops.Add("UniqueV2")
      .Summary("As Unique, of the slices along an axis.")
      .Input("x: T")
      .Input("axis: Taxis")
      .Apply(outputs)
      .Apply(axis_attrs)
      .Shape(UniqueAlongAxisShape);
  ops.Add("UniqueWithCounts")
      .Summary("As Unique, and how often each distinct element occurs.")
      .Input("x: T")
      .Apply(outputs)
      .Output("count: out_idx")
      .Apply(attrs)
      .Shape(UniqueWithCountsShape);
  ops.Add("UniqueWithCountsV2")
      .Summary("As UniqueV2, and how often each distinct slice occurs.")
      .Input("x: T")
      .Input("axis: Taxis")
      .Apply(outputs)
      .Output("count: out_idx")
      .Apply(axis_attrs)
      .Shape(UniqueAlongAxisShape);
}

}  // namespace

void RegisterArrayMiscOps(OpRegistry& ops) {
  RegisterUniqueOps(ops);
  ops.Add("ListDiff")
      .Summary("The elements of x that are not in y, in their order, and their places in x.")
      .Input("x: T")
      .Input("y: T")
      .Output("out: T")
      .Output("idx: out_idx")
      .Attr("T: type")
      .Attr("out_idx: {int32, int64} = DT_INT32")
      .Shape(ListDiffShape);
  ops.Add("Where")
      .Summary("The indices of all elements that are not 0, a row for each, in row-major order.")
      .Input("input: T")
      .Attr("T: {numbertype, bool} = DT_BOOL")
      .Output("index: int64")
      .Shape(WhereShape)
      .NoGradient("the result is indices");
  RegisterSearchOps(ops);
}

// ---- the public functions ----

UniqueResult Unique(const Input& x, const UniqueOptions& options) {
  const Operation op =
      OpBuilder("Unique", options.name).In(x).Attr("out_idx", options.out_idx).Build();
  return {.y = op.output(0), .idx = op.output(1)};
}

UniqueCountsResult UniqueWithCounts(const Input& x, const UniqueOptions& options) {
  const Operation op =
      OpBuilder("UniqueWithCounts", options.name).In(x).Attr("out_idx", options.out_idx).Build();
  return {.y = op.output(0), .idx = op.output(1), .count = op.output(2)};
}

ListDiffResult SetDiff1d(const Input& x, const Input& y, const UniqueOptions& options) {
  const Operation op =
      OpBuilder("ListDiff", options.name).In(x).In(y).Attr("out_idx", options.out_idx).Build();
  return {.out = op.output(0), .idx = op.output(1)};
}

Tensor WhereIndices(const Input& condition, const NameOptions& options) {
  return OpBuilder("Where", options).In(condition).Output();
}

}  // namespace weft
