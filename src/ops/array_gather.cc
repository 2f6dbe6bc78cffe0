// SPDX-License-Identifier: Apache-2.0
// Ops that pick slices by index: Gather, GatherV2, GatherNd.
// kernels: kernels/cpu/array_gather.cc   test: tests/ops/array_gather_test.cc
#include <optional>
#include <string>
#include <vector>

#include "src/core/strings.h"
#include "src/ops/array_nodes.h"
#include "src/ops/sizes.h"
#include "weft/graph/op_def.h"

namespace weft {

// The other files of the family.
void RegisterArrayScatterNdOps(OpRegistry& ops);
void RegisterArrayTransposeOps(OpRegistry& ops);
void RegisterArrayDiagOps(OpRegistry& ops);

namespace {

absl::Status GatherShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(const PartialShape params, c.WithRankAtLeast(c.input(0), 1));
  if (!params.known_rank() || !c.input(1).known_rank()) return absl::OkStatus();
  c.set_output(0, c.input(1).Concatenate(SubShape(params, 1, params.rank())));
  return absl::OkStatus();
}

absl::Status GatherV2Shape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(const PartialShape params, c.WithRankAtLeast(c.input(0), 1));
  WEFT_RETURN_IF_ERROR(c.InputWithRank(2, 0).status());
  const PartialShape& indices = c.input(1);
  int64_t batch_dims = c.Attr<int64_t>("batch_dims");
  if (batch_dims < -kMaxRank || batch_dims > kMaxRank)
    return absl::InvalidArgumentError(StrCat("batch_dims is out of range: ", batch_dims));
  WEFT_RETURN_IF_ERROR(
      c.WithRankAtLeast(indices, static_cast<int>(batch_dims < 0 ? -batch_dims : batch_dims))
          .status());
  const Array* axis_value = c.input_constant(2);
  if (axis_value != nullptr) {
    const int64_t axis = axis_value->AsInt64();
    if (axis < -kMaxRank || axis > kMaxRank)
      return absl::InvalidArgumentError(StrCat("axis is out of range: ", axis));
    WEFT_RETURN_IF_ERROR(
        c.WithRankAtLeast(params, static_cast<int>(axis < 0 ? -axis : axis + 1)).status());
  }
  if (!params.known_rank() || !indices.known_rank()) return absl::OkStatus();
  if (batch_dims < 0) batch_dims += indices.rank();
  const int batch = static_cast<int>(batch_dims);
  WEFT_RETURN_IF_ERROR(c.WithRankAtLeast(params, batch + 1).status());
  if (axis_value == nullptr) {
    c.set_output(0, PartialShape::UnknownOfRank(params.rank() + indices.rank() - 1 - batch));
    return absl::OkStatus();
  }
  const int64_t given = axis_value->AsInt64();
  const int axis = static_cast<int>(given < 0 ? given + params.rank() : given);
  if (axis < batch) {
    return absl::InvalidArgumentError(
        StrCat("batch_dims (", batch, ") must be less than or equal to axis (", axis, ")."));
  }
  PartialShape out =
      SubShape(params, 0, axis).Concatenate(SubShape(indices, batch, indices.rank()));
  // A batch dimension may be known from the indices alone.
  for (int i = 0; i < batch; ++i) {
    WEFT_ASSIGN_OR_RETURN(const int64_t size, c.MergeDim(params.dim(i), indices.dim(i)));
    out.set_dim(i, size);
  }
  c.set_output(0, out.Concatenate(SubShape(params, axis + 1, params.rank())));
  return absl::OkStatus();
}

absl::Status GatherNdShape(ShapeContext& c) {
  const PartialShape& params = c.input(0);
  WEFT_ASSIGN_OR_RETURN(const PartialShape indices, c.WithRankAtLeast(c.input(1), 1));
  if (!params.known_rank() || !indices.known_rank()) return absl::OkStatus();
  const int64_t depth = indices.dim(indices.rank() - 1);
  if (depth < 0) return absl::OkStatus();
  if (depth > params.rank()) {
    return absl::InvalidArgumentError(StrCat(
        "indices.shape[-1] must be <= params.rank, but saw indices shape: ", indices.ToString(),
        " and params shape: ", params.ToString()));
  }
  c.set_output(0, SubShape(indices, 0, indices.rank() - 1)
                      .Concatenate(SubShape(params, static_cast<int>(depth), params.rank())));
  return absl::OkStatus();
}

// Indices in a type that every op takes.
Tensor PlainIndices(GradientContext& g) {
  const Tensor indices = g.input(1);
  return indices.dtype() == kInt16 ? g.Cast(indices, kInt32) : indices;
}

// Rows of params at `indices`: as slices, so that an optimizer can update those rows alone.
void RowsGradient(GradientContext& g, Tensor params_shape) {
  const Tensor size = ExpandDims(g, g.Size(g.input(1)), 0);
  const Tensor values_shape =
      ConcatVectors(g, {size, SliceOfVector(g, params_shape, 1, std::nullopt)});
  const Tensor values = g.Reshape(g.dy(0), values_shape);
  g.SetDx(0, IndexedSlices{values, g.Reshape(PlainIndices(g), size), params_shape});
}

void GatherGradient(GradientContext& g) { RowsGradient(g, g.Shape(g.input(0))); }

std::optional<int64_t> ConstantAxis(Tensor axis) {
  if (!axis.valid() || axis.op().type() != "Const") return std::nullopt;
  const Array* value = axis.op().attr("value").Get<Array>();
  return value == nullptr ? std::nullopt : std::optional<int64_t>(value->AsInt64());
}

Tensor RangeOf(NodeAdder& g, Tensor begin, Tensor end) {
  return g.Op("Range", {begin, end, g.ConstInt(1, "range/delta")}, {}, "range");
}

// A general axis. params is [batch, outer, n, inner] with `batch` of batch_dims dimensions, and dy
// [batch, outer, (indices), inner]. The gathered dimension is moved before `outer`, rows of equal
// index are summed (indices of different batches are kept apart), and it is moved back.
class AxisGradient {
 public:
  AxisGradient(GradientContext& g, int batch_dims)
      : g_(g), batch_dims_(batch_dims), indices_(PlainIndices(g)) {
    shape_ = g.Shape(g.input(0));
    axis_ = Mod(g, g.Cast(g.input(2), kInt32), g.Rank(g.input(0)));
    one_ = g.ConstInt(1);
  }

  void Run() {
    const Tensor axis_end = g_.Add(axis_, one_);
    const Tensor outer = SliceOfVector(g_, shape_, Tensor(), axis_);
    const Tensor inner = SliceOfVector(g_, shape_, axis_end, Tensor());
    // The number of indices of one batch. (Not left to Reshape to infer: there may be no elements.)
    const Tensor count =
        ProductOf(SliceOfVector(g_, g_.Shape(indices_), batch_dims_, std::nullopt));
    const Tensor values_shape = ConcatVectors(g_, {outer, ExpandDims(g_, count, 0), inner});
    const Tensor values = g_.Reshape(g_.dy(0), values_shape);

    const Tensor batch = g_.ConstInt(batch_dims_), rank = g_.Size(values_shape);
    const Tensor batch_axes = RangeOf(g_, g_.ConstInt(0), batch),
                 outer_axes = RangeOf(g_, batch, axis_), inner_axes = RangeOf(g_, axis_end, rank);
    const Tensor to_front =
        ConcatVectors(g_, {batch_axes, ExpandDims(g_, axis_, 0), outer_axes, inner_axes});
    const Tensor moved_shape =
        g_.Op("GatherV2", {shape_, to_front, g_.ConstInt(0, "GatherV2/axis")});
    const Tensor sums =
        SumRows(g_.Op("Transpose", {values, to_front}, {}, "transpose"), count, moved_shape);
    const Tensor back = ConcatVectors(
        g_, {batch_axes, g_.Add(outer_axes, one_), g_.ConstInts({batch_dims_}), inner_axes});
    g_.SetDx(0, g_.Op("Transpose", {sums, back}, {}, "transpose"));
  }

 private:
  Tensor ProductOf(Tensor v) {
    return g_.Op("Prod", {v, g_.ConstInts({0}, "Prod/reduction_indices")}, {{"keep_dims", false}});
  }

  // values: [batch, count, rest]; the result has shape `shape`, [batch, n, rest].
  Tensor SumRows(Tensor values, Tensor count, Tensor shape) {
    const Tensor n = ElementOfVector(g_, shape, batch_dims_);
    if (batch_dims_ == 0) {
      return g_.Op("UnsortedSegmentSum",
                   {values, g_.Reshape(indices_, ExpandDims(g_, count, 0)), n});
    }
    const Tensor rest = SliceOfVector(g_, shape, batch_dims_ + 1, std::nullopt);
    const Tensor batches = ProductOf(SliceOfVector(g_, shape, std::nullopt, batch_dims_));
    const Tensor rows = ExpandDims(g_, g_.Mul(batches, count), 0);
    const Tensor flat_values = g_.Reshape(values, ConcatVectors(g_, {rows, rest}));
    const Tensor flat_indices = g_.Reshape(BatchedIndices(batches, count, n), rows);
    return g_.Reshape(g_.Op("UnsortedSegmentSum", {flat_values, flat_indices, g_.Mul(n, batches)}),
                      shape);
  }

  // Index i of batch b as i + b * n.
  Tensor BatchedIndices(Tensor batches, Tensor count, Tensor n) {
    const Tensor by_batch = g_.Reshape(indices_, StackScalars(g_, {batches, count}));
    const Tensor firsts = g_.Mul(RangeOf(g_, g_.ConstInt(0), batches), n);
    return g_.Add(by_batch, ExpandDims(g_, g_.Cast(firsts, indices_.dtype()), 1));
  }

  GradientContext& g_;
  int32_t batch_dims_;
  Tensor indices_, shape_, axis_, one_;
};

void GatherV2Gradient(GradientContext& g) {
  int64_t batch_dims = g.Attr<int64_t>("batch_dims");
  if (ConstantAxis(g.input(2)) == 0) {
    return RowsGradient(g, g.Cast(ShapeAs(g, g.input(0), kInt64), kInt32));
  }
  if (batch_dims < 0) {
    const PartialShape& indices = g.input(1).shape();
    if (!indices.known_rank()) {
      return g.Fail(absl::InvalidArgumentError(
          StrCat("the gradient of GatherV2 with batch_dims ", batch_dims,
                 " needs indices of known rank; give batch_dims from the front instead")));
    }
    batch_dims += indices.rank();
  }
  AxisGradient(g, static_cast<int>(batch_dims)).Run();
}

void GatherNdGradient(GradientContext& g) {
  const Tensor params = g.input(0), indices = g.input(1);
  const DataType dtype = indices.dtype() == kInt64 ? kInt64 : kInt32;
  const Tensor params_shape = ShapeAs(g, params, dtype);
  const PartialShape& s = indices.shape();
  if (s.known_rank() && s.rank() == 2 && s.dim(1) == 1) {
    const Tensor rows = g.Op("Squeeze", {indices}, {{"squeeze_dims", std::vector<int64_t>{-1}}});
    return g.SetDx(0, IndexedSlices{g.dy(0), rows, params_shape});
  }
  g.SetDx(0, g.Op("ScatterNd", {g.Cast(indices, dtype), g.dy(0), params_shape}));
}

}  // namespace

void RegisterArrayGatherOps(OpRegistry& ops) {
  ops.Add("Gather")
      .Summary("The rows of params that the indices name.")
      .Input("params: Tparams")
      .Input("indices: Tindices")
      .Output("output: Tparams")
      .Attr("validate_indices: bool = true")
      .Attr("Tparams: type")
      .Attr("Tindices: {int32, int64}")
      .Shape(GatherShape)
      .Gradient(GatherGradient);
  ops.Add("GatherV2")
      .Summary(
          "The slices of params along dimension `axis` that the indices name; the first batch_dims "
          "dimensions go together.")
      .Input("params: Tparams")
      .Input("indices: Tindices")
      .Input("axis: Taxis")
      .Output("output: Tparams")
      .Attr("batch_dims: int = 0")
      .Attr("Tparams: type")
      .Attr("Tindices: {int16, int32, int64}")
      .Attr("Taxis: {int32, int64}")
      .Shape(GatherV2Shape)
      .Gradient(GatherV2Gradient);
  ops.Add("GatherNd")
      .Summary(
          "The slices of params at tuples of indices: the last dimension of `indices` is one "
          "tuple.")
      .Input("params: Tparams")
      .Input("indices: Tindices")
      .Output("output: Tparams")
      .Attr("Tparams: type")
      .Attr("Tindices: {int16, int32, int64}")
      .Shape(GatherNdShape)
      .Gradient(GatherNdGradient);
  RegisterArrayScatterNdOps(ops);
  RegisterArrayTransposeOps(ops);
  RegisterArrayDiagOps(ops);
}

}  // namespace weft
