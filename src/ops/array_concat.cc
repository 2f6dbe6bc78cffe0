// SPDX-License-Identifier: Apache-2.0
// Ops that join and part values along a dimension: Pack, Unpack, Concat, ConcatV2, ParallelConcat,
// ConcatOffset, Split, SplitV. kernels: kernels/cpu/array_concat.cc   test:
// tests/ops/array_concat_test.cc
#include <string>
#include <vector>

#include "src/core/strings.h"
#include "src/ops/array_concat_grad.h"
#include "src/ops/array_nodes.h"
#include "weft/graph/op_def.h"

namespace weft {
namespace {

absl::StatusOr<PartialShape> MergeWithContext(ShapeContext& c, const PartialShape& a,
                                              const PartialShape& b, int i) {
  absl::StatusOr<PartialShape> merged = c.Merge(a, b);
  if (merged.ok()) return merged;
  return absl::Status(
      merged.status().code(),
      StrCat(merged.status().message(), " From merging shape ", i, " with other shapes."));
}

// The "axis" attribute of Pack and Unpack, in [0, rank).
absl::StatusOr<int> PackAxis(ShapeContext& c, int rank) {
  const int64_t axis = c.Attr<int64_t>("axis");
  if (axis < -rank || axis >= rank) {
    return absl::InvalidArgumentError(
        StrCat("Invalid axis: ", axis, "; must be in [", -rank, ",", rank, ")"));
  }
  return static_cast<int>(axis < 0 ? axis + rank : axis);
}

// What the inputs' handles have in common goes to the output.
void MergeHandleData(ShapeContext& c) {
  const std::vector<HandleData>* first = nullptr;
  for (int i = 0; i < c.num_inputs(); ++i) {
    const std::vector<HandleData>* data = c.input_handle_data(i);
    if (data == nullptr || data->empty()) continue;
    if (first == nullptr) {
      first = data;
    } else if ((*first)[0].dtype != (*data)[0].dtype || !((*first)[0].shape == (*data)[0].shape)) {
      return;
    }
  }
  if (first != nullptr) c.set_output_handle_data(0, *first);
}

absl::Status PackShape(ShapeContext& c) {
  PartialShape merged = c.input(c.num_inputs() - 1);
  for (int i = c.num_inputs() - 2; i >= 0; --i) {
    WEFT_ASSIGN_OR_RETURN(merged, MergeWithContext(c, c.input(i), merged, i));
  }
  if (!merged.known_rank()) return absl::OkStatus();
  WEFT_ASSIGN_OR_RETURN(const int axis, PackAxis(c, merged.rank() + 1));
  std::vector<int64_t> sizes(merged.dims().begin(), merged.dims().end());
  sizes.insert(sizes.begin() + axis, c.num_inputs());
  c.set_output(0, PartialShape(sizes));
  MergeHandleData(c);
  return absl::OkStatus();
}

void PackGradient(GradientContext& g) {
  const std::vector<Tensor> dx = g.Ops(
      "Unpack", {g.dy(0)}, {{"num", g.Attr<int64_t>("N")}, {"axis", g.attr("axis")}}, "unstack");
  for (int i = 0; i < g.num_inputs(); ++i) g.SetDx(i, dx[static_cast<size_t>(i)]);
}

absl::Status UnpackShape(ShapeContext& c) {
  const PartialShape& in = c.input(0);
  if (!in.known_rank()) return absl::OkStatus();
  WEFT_ASSIGN_OR_RETURN(const int axis, PackAxis(c, in.rank()));
  if (in.dim(axis) >= 0 && in.dim(axis) != c.num_outputs()) {
    return absl::InvalidArgumentError(
        StrCat("Dimension must be ", c.num_outputs(), " but is ", in.dim(axis)));
  }
  std::vector<int64_t> sizes(in.dims().begin(), in.dims().end());
  sizes.erase(sizes.begin() + axis);
  for (int i = 0; i < c.num_outputs(); ++i) c.set_output(i, PartialShape(sizes));
  return absl::OkStatus();
}

std::vector<Tensor> AllDy(GradientContext& g) {
  std::vector<Tensor> dys;
  for (int i = 0; i < g.num_outputs(); ++i) dys.push_back(g.dy(i));
  return dys;
}

void UnpackGradient(GradientContext& g) {
  g.SetDx(0, g.Op("Pack", AllDy(g), {{"axis", g.attr("axis")}}, "stack"));
}

}  // namespace

absl::Status ConcatShapeOf(ShapeContext& c, int first, int last, int axis_input) {
  WEFT_RETURN_IF_ERROR(c.WithRankAtMost(c.input(axis_input), 1).status());
  int rank = -1;
  for (int i = first; i < last; ++i) {
    if (!c.input(i).known_rank()) continue;
    if (c.input(i).rank() == 0)
      return absl::InvalidArgumentError("Can't concatenate scalars (use tf.stack instead)");
    rank = c.input(i).rank();
    break;
  }
  if (rank < 0) return absl::OkStatus();
  const Array* axis_value = c.input_constant(axis_input);
  if (axis_value == nullptr || axis_value->num_elements() != 1) {
    for (int i = first; i < last; ++i) WEFT_RETURN_IF_ERROR(c.InputWithRank(i, rank).status());
    c.set_output(0, PartialShape::UnknownOfRank(rank));
    return absl::OkStatus();
  }
  const int64_t axis_given = axis_value->AsInt64();
  WEFT_RETURN_IF_ERROR(
      c.WithRankAtLeast(PartialShape::UnknownOfRank(rank),
                        static_cast<int>(std::min<int64_t>(
                            axis_given < 0 ? -axis_given : axis_given + 1, kMaxRank + 1)))
          .status());
  const int axis = static_cast<int>(axis_given < 0 ? axis_given + rank : axis_given);
  int64_t size = 0;
  PartialShape merged;
  for (int i = last - 1; i >= first; --i) {
    PartialShape value = c.input(i);
    WEFT_ASSIGN_OR_RETURN(
        size, shape::AddDims(
                  size, value.known_rank() && axis < value.rank() ? value.dim(axis) : kUnknownDim));
    if (value.known_rank() && axis < value.rank()) value.set_dim(axis, kUnknownDim);
    WEFT_ASSIGN_OR_RETURN(merged, MergeWithContext(c, value, merged, i - first));
  }
  merged.set_dim(axis, size);
  c.set_output(0, std::move(merged));
  return absl::OkStatus();
}

namespace {

absl::Status ConcatShape(ShapeContext& c) { return ConcatShapeOf(c, 1, c.num_inputs(), 0); }
absl::Status ConcatV2Shape(ShapeContext& c) {
  return ConcatShapeOf(c, 0, c.num_inputs() - 1, c.num_inputs() - 1);
}

absl::Status ParallelConcatShape(ShapeContext& c) {
  const PartialShape shape = c.Attr<PartialShape>("shape");
  if (!shape.IsFullyKnown() || shape.rank() == 0) {
    return absl::InvalidArgumentError(
        StrCat("shape attr must be fully defined, got ", shape.ToString()));
  }
  if (shape.dim(0) != c.num_inputs()) {
    return absl::InvalidArgumentError(StrCat("shape attr ", shape.ToString(),
                                             " must have one row for each of the ", c.num_inputs(),
                                             " values"));
  }
  PartialShape row = shape;
  row.set_dim(0, 1);
  for (int i = 0; i < c.num_inputs(); ++i) {
    if (!c.input(i).IsFullyKnown())
      return absl::InvalidArgumentError("All input shapes must be fully defined.");
    if (c.input(i).rank() == 0 || c.input(i).dim(0) != 1)
      return absl::InvalidArgumentError("Size of first dimension must be 1.");
    WEFT_ASSIGN_OR_RETURN(row, MergeWithContext(c, c.input(i), row, i));
  }
  c.set_output(0, shape);
  return absl::OkStatus();
}

absl::Status ConcatOffsetShape(ShapeContext& c) {
  for (int i = 1; i < c.num_inputs(); ++i) c.set_output(i - 1, c.input(i));
  return absl::OkStatus();
}

// The axis of a split, in [0, rank), or -1 if it is not known.
absl::StatusOr<int> SplitAxis(ShapeContext& c, int input, int rank) {
  const Array* value = c.input_constant(input);
  WEFT_RETURN_IF_ERROR(c.WithRankAtMost(c.input(input), 1).status());
  if (value == nullptr || value->num_elements() != 1 || rank < 0) return -1;
  const int64_t axis = value->AsInt64();
  if (axis < -rank || axis >= rank) {
    return absl::InvalidArgumentError(StrCat("Dimension size, given by scalar input ", axis,
                                             " must be in range [", -rank, ", ", rank, ")"));
  }
  return static_cast<int>(axis < 0 ? axis + rank : axis);
}

absl::Status SplitShape(ShapeContext& c) {
  PartialShape out = c.input(1);
  WEFT_ASSIGN_OR_RETURN(const int axis, SplitAxis(c, 0, out.rank()));
  if (!out.known_rank()) return absl::OkStatus();
  if (axis < 0) {
    out = PartialShape::UnknownOfRank(out.rank());
  } else if (out.dim(axis) >= 0) {
    if (out.dim(axis) % c.num_outputs() != 0) {
      return absl::InvalidArgumentError(StrCat(
          "Dimension size must be evenly divisible by ", c.num_outputs(), " but is ", out.dim(axis),
          ". Number of ways to split should evenly divide the split dimension"));
    }
    out.set_dim(axis, out.dim(axis) / c.num_outputs());
  }
  for (int i = 0; i < c.num_outputs(); ++i) c.set_output(i, out);
  return absl::OkStatus();
}

// Parts of these sizes (one may be -1) of a dimension of size `total` (-1: unknown); unknown ones
// are filled in if they follow.
absl::Status CompletePartSizes(int64_t total, std::vector<int64_t>* sizes) {
  int64_t sum = 0;
  int open = -1;
  for (size_t i = 0; i < sizes->size(); ++i) {
    const int64_t size = (*sizes)[i];
    if (size == -1) {
      if (open >= 0) return absl::InvalidArgumentError("size_splits can only have one -1");
      open = static_cast<int>(i);
    } else if (size < 0) {
      return absl::InvalidArgumentError(
          StrCat("Split size at index ", i, " must be >= 0. Got: ", size));
    } else {
      WEFT_ASSIGN_OR_RETURN(sum, shape::AddDims(sum, size));
    }
  }
  if (total < 0) return absl::OkStatus();
  if (open >= 0 ? sum > total : sum != total) {
    return absl::InvalidArgumentError(StrCat("can't split axis of size ", total,
                                             " into pieces of size [", StrJoin(*sizes, ","), "]"));
  }
  if (open >= 0) (*sizes)[static_cast<size_t>(open)] = total - sum;
  return absl::OkStatus();
}

absl::Status SplitVShape(ShapeContext& c) {
  const PartialShape& in = c.input(0);
  if (in.known_rank() && in.rank() == 0) return absl::InvalidArgumentError("Can't split scalars");
  WEFT_ASSIGN_OR_RETURN(const int axis, SplitAxis(c, 2, in.rank()));
  if (!in.known_rank()) return absl::OkStatus();
  const int n = c.num_outputs();
  std::vector<int64_t> sizes(static_cast<size_t>(n), kUnknownDim);
  if (const Array* given = c.input_constant(1); given != nullptr && axis >= 0) {
    if (given->rank() != 1 || given->num_elements() != n) {
      return absl::InvalidArgumentError("Length of size_splits should be equal to num_outputs");
    }
    for (int i = 0; i < n; ++i) sizes[static_cast<size_t>(i)] = given->AsInt64(i);
    WEFT_RETURN_IF_ERROR(CompletePartSizes(in.dim(axis), &sizes));
  }
  for (int i = 0; i < n; ++i) {
    PartialShape out = axis < 0 ? PartialShape::UnknownOfRank(in.rank()) : in;
    if (axis >= 0) out.set_dim(axis, sizes[static_cast<size_t>(i)]);
    c.set_output(i, std::move(out));
  }
  return absl::OkStatus();
}

// The gradient of `value` is the concatenation of the parts' ones.
void JoinParts(GradientContext& g, int value, int axis) {
  std::vector<Tensor> parts = AllDy(g);
  if (parts.size() == 1) return g.SetDx(value, parts[0]);
  parts.push_back(g.input(axis));
  g.SetDx(value, g.Op("ConcatV2", parts, {}, "concat"));
}
void SplitGradient(GradientContext& g) { JoinParts(g, 1, 0); }
void SplitVGradient(GradientContext& g) { JoinParts(g, 0, 2); }

void RegisterJoining(OpRegistry& ops) {
  ops.Add("Pack")
      .Summary("N tensors of one shape along a new dimension `axis`.")
      .Input("values: N * T")
      .Output("output: T")
      .Attr("N: int >= 1")
      .Attr("T: type")
      .Attr("axis: int = 0")
      .Shape(PackShape)
      .Gradient(PackGradient);
  ops.Add("Concat")
      .Summary("The values one after the other along dimension concat_dim.")
      .Input("concat_dim: int32")
      .Input("values: N * T")
      .Output("output: T")
      .Attr("N: int >= 2")
      .Attr("T: type")
      .Shape(ConcatShape)
      .Gradient([](GradientContext& g) { ConcatGradient(g, 1, g.num_inputs(), 0); });
  ops.Add("ConcatV2")
      .Summary("The values one after the other along dimension axis.")
      .Input("values: N * T")
      .Input("axis: Tidx")
      .Output("output: T")
      .Attr("N: int >= 2")
      .Attr("T: type")
      .Attr("Tidx: {int32, int64} = DT_INT32")
      .Shape(ConcatV2Shape)
      .Gradient(
          [](GradientContext& g) { ConcatGradient(g, 0, g.num_inputs() - 1, g.num_inputs() - 1); });
  ops.Add("ParallelConcat")
      .Summary(
          "N tensors with one row each, one after the other; all shapes are known when the graph "
          "is built.")
      .Input("values: N * T")
      .Output("output: T")
      .Attr("N: int >= 1")
      .Attr("T: type")
      .Attr("shape: shape")
      .Shape(ParallelConcatShape);
  ops.Add("ConcatOffset")
      .Summary("Where each value begins in the result of a concatenation, from their shapes.")
      .Input("concat_dim: int32")
      .Input("shape: N * shape_type")
      .Output("offset: N * shape_type")
      .Attr("N: int >= 2")
      .Attr("shape_type: {int32, int64} = DT_INT32")
      .Shape(ConcatOffsetShape)
      .NoGradient("offsets are integers");
}

}  // namespace

void RegisterArrayConcatOps(OpRegistry& ops) {
  RegisterJoining(ops);
  ops.Add("Unpack")
      .Summary("The `num` slices along dimension `axis`, which goes away.")
      .Input("value: T")
      .Output("output: num * T")
      .Attr("num: int >= 0")
      .Attr("T: type")
      .Attr("axis: int = 0")
      .Shape(UnpackShape)
      .Gradient(UnpackGradient);
  ops.Add("Split")
      .Summary("num_split equal parts along dimension split_dim.")
      .Input("split_dim: int32")
      .Input("value: T")
      .Output("output: num_split * T")
      .Attr("num_split: int >= 1")
      .Attr("T: type")
      .Shape(SplitShape)
      .Gradient(SplitGradient);
  ops.Add("SplitV")
      .Summary(
          "Parts of the given sizes along dimension split_dim; one size may be -1: what is left.")
      .Input("value: T")
      .Input("size_splits: Tlen")
      .Input("split_dim: int32")
      .Output("output: num_split * T")
      .Attr("num_split: int >= 1")
      .Attr("T: type")
      .Attr("Tlen: {int8, int32, int64} = DT_INT64")
      .Shape(SplitVShape)
      .Gradient(SplitVGradient);
}

}  // namespace weft
