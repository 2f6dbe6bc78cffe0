// SPDX-License-Identifier: Apache-2.0
// Variables by handle: VarHandleOp hands out a resource handle; reading is an op with a place in
// the order of a run. kernels: kernels/cpu/variable.cc, dense_update.cc   test:
// tests/ops/variable_test.cc
#include "src/core/strings.h"
#include "src/graph/node.h"
#include "src/ops/variable_shapes.h"
#include "weft/core/status_macros.h"
#include "weft/graph/op_def.h"

namespace weft {
namespace {

absl::Status VarHandleShape(ShapeContext& c) {
  c.set_output(0, PartialShape::Scalar());
  c.set_output_handle_data(0, {{c.Attr<DataType>("dtype"), c.Attr<PartialShape>("shape")}});
  return absl::OkStatus();
}

absl::Status ReadVariableShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(HandleData variable, VariableBehind(c, 0, "dtype"));
  c.set_output(0, std::move(variable.shape));
  // A variable that holds handles: what they stand for follows the variable's own entry.
  if (const auto* data = c.input_handle_data(0); data != nullptr && data->size() > 1) {
    c.set_output_handle_data(0, {data->begin() + 1, data->end()});
  }
  return absl::OkStatus();
}

absl::Status AssignVariableShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(const HandleData variable, VariableBehind(c, 0, "dtype"));
  return c.Merge(variable.shape, c.input(1)).status();
}

absl::Status VariableShapeShape(ShapeContext& c) {
  const PartialShape variable = VariableShapeOf(c, 0);
  c.set_output(0, PartialShape::Vector(variable.known_rank() ? variable.rank() : kUnknownDim));
  return absl::OkStatus();
}

absl::Status ResourceGatherShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(const HandleData variable, VariableBehind(c, 0, "dtype"));
  const int64_t batch_dims = c.Attr<int64_t>("batch_dims");
  if (batch_dims < 0 || batch_dims >= kMaxRank) {
    return absl::InvalidArgumentError(
        StrCat("batch_dims is negative or too large (", batch_dims, ")"));
  }
  const int batch = static_cast<int>(batch_dims);
  WEFT_ASSIGN_OR_RETURN(const PartialShape params, c.WithRankAtLeast(variable.shape, batch + 1));
  WEFT_ASSIGN_OR_RETURN(const PartialShape indices, c.WithRankAtLeast(c.input(1), batch));
  if (!params.known_rank()) return absl::OkStatus();
  WEFT_ASSIGN_OR_RETURN(const PartialShape inner_indices, DropDims(indices, batch));
  WEFT_ASSIGN_OR_RETURN(const PartialShape inner_params, DropDims(params, batch + 1));
  const PartialShape outer(params.dims().subspan(0, static_cast<size_t>(batch)));
  c.set_output(0, outer.Concatenate(inner_indices).Concatenate(inner_params));
  return absl::OkStatus();
}

absl::Status ResourceGatherNdShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(const HandleData variable, VariableBehind(c, 0, "dtype"));
  const PartialShape& params = variable.shape;
  WEFT_ASSIGN_OR_RETURN(const PartialShape indices, c.WithRankAtLeast(c.input(1), 1));
  const int64_t depth = indices.dim(-1);
  if (!indices.known_rank() || !params.known_rank() || depth == kUnknownDim)
    return absl::OkStatus();
  if (depth > params.rank()) {
    return absl::InvalidArgumentError(StrCat(
        "indices.shape[-1] must be <= params.rank, but saw indices shape: ", indices.ToString(),
        " and params shape: ", params.ToString()));
  }
  WEFT_ASSIGN_OR_RETURN(const PartialShape slice, DropDims(params, static_cast<int>(depth)));
  const PartialShape outer(indices.dims().subspan(0, static_cast<size_t>(indices.rank() - 1)));
  c.set_output(0, outer.Concatenate(slice));
  return absl::OkStatus();
}

// The variable's shape as a tensor: a constant if it is known.
Tensor VariableSizes(NodeAdder& g, Tensor handle) {
  const std::vector<HandleData>* const data = handle.node()->HandlesOf(handle.index());
  if (data && data->front().shape.IsFullyKnown()) {
    const std::span<const int64_t> dims = data->front().shape.dims();
    return g.ConstInts(std::vector<int32_t>(dims.begin(), dims.end()));
  }
  return g.Op("VariableShape", {handle}, {{"out_type", kInt32}});
}

// t[begin:end], or t[begin:] if `end` is 0.
Tensor Elements(NodeAdder& g, Tensor t, int32_t begin, int32_t end) {
  return g.Op(
      "StridedSlice",
      {t, g.ConstInts({begin}, "strided_slice/stack"), g.ConstInts({end}, "strided_slice/stack_1"),
       g.ConstInts({1}, "strided_slice/stack_2")},
      {{"end_mask", end == 0 ? 1 : 0}}, "strided_slice");
}

Tensor Joined(NodeAdder& g, Tensor a, Tensor b) {
  return g.Op("ConcatV2", {a, b, g.ConstInt(0, "concat/axis")}, {}, "concat");
}

// With batch dimensions each index counts inside its own part of the variable: the parts are laid
// end to end and the gradients of each row added up.
void BatchGatherGradient(GradientContext& g, int32_t batch_dims) {
  const Tensor sizes = VariableSizes(g, g.input(0));
  const Tensor axis = g.ConstInts({0}, "Const");
  const Tensor parts = g.Op("Prod", {Elements(g, sizes, 0, batch_dims), axis}, {});
  const Tensor rows = g.Op("Prod", {Elements(g, sizes, batch_dims, batch_dims + 1), axis}, {});
  const Tensor first_rows = g.Op(
      "Range", {g.ConstInt(0, "range/start"), parts, g.ConstInt(1, "range/delta")}, {}, "range");
  const Tensor offsets = g.Reshape(g.Mul(first_rows, rows), g.ConstInts({-1, 1}, "Reshape/shape"));
  const Tensor by_part = g.Op("Pack", {parts, g.ConstInt(-1, "packed/1")}, {}, "packed");
  Tensor indices = g.Reshape(g.input(1), by_part);
  if (!g.ok()) return;
  indices = g.Reshape(g.Add(indices, g.Cast(offsets, g.input(1).dtype())),
                      g.ConstInts({-1}, "Reshape/shape"));
  const Tensor values = g.Reshape(
      g.dy(0), Joined(g, g.ConstInts({-1}, "Const"), Elements(g, sizes, batch_dims + 1, 0)));
  const Tensor sum = g.Op("UnsortedSegmentSum", {values, indices, g.Mul(parts, rows)});
  g.SetDx(0, g.Reshape(sum, sizes));
}

// The rows that were gathered get their gradients; the rest of the variable is not touched.
void ResourceGatherGradient(GradientContext& g) {
  const int64_t batch_dims = g.Attr<int64_t>("batch_dims");
  if (batch_dims > 0) return BatchGatherGradient(g, static_cast<int32_t>(batch_dims));
  const Tensor sizes = VariableSizes(g, g.input(0));
  const Tensor count = g.Op("ExpandDims", {g.Size(g.input(1)), g.ConstInt(0, "ExpandDims/dim")});
  const Tensor values = g.Reshape(g.dy(0), Joined(g, count, Elements(g, sizes, 1, 0)));
  const Tensor indices = g.Reshape(g.input(1), count);
  g.SetDx(0, IndexedSlices{values, indices, sizes});
}

void ResourceGatherNdGradient(GradientContext& g) {
  const Tensor indices = g.input(1);
  const Tensor sizes = g.Op("VariableShape", {g.input(0)}, {{"out_type", indices.dtype()}});
  if (indices.shape().rank() == 2 && indices.shape().dim(1) == 1) {
    const Tensor rows = g.Op("Squeeze", {indices}, {{"squeeze_dims", std::vector<int64_t>{-1}}});
    g.SetDx(0, IndexedSlices{g.dy(0), rows, sizes});
    return;
  }
  g.SetDx(0, g.Op("ScatterNd", {indices, g.dy(0), sizes}));
}

OpDefBuilder&& AssignSchema(OpDefBuilder&& op) {
  return std::move(op)
      .Input("resource: resource")
      .Input("value: dtype")
      .Attr("dtype: type")
      .Stateful()
      .Shape(AssignVariableShape);
}

void RegisterGathers(OpRegistry& ops) {
  ops.Add("ResourceGather")
      .Summary("Rows of a variable: output[..., i, ...] = variable[indices[..., i], ...].")
      .Input("resource: resource")
      .Input("indices: Tindices")
      .Output("output: dtype")
      .Attr("batch_dims: int = 0")
      .Attr("validate_indices: bool = true")
      .Attr("dtype: type")
      .Attr("Tindices: {int32, int64}")
      .Stateful()
      .Shape(ResourceGatherShape)
      .Gradient(ResourceGatherGradient);
  ops.Add("ResourceGatherNd")
      .Summary("Slices of a variable, each named by the indices of its first dimensions.")
      .Input("resource: resource")
      .Input("indices: Tindices")
      .Output("output: dtype")
      .Attr("dtype: type")
      .Attr("Tindices: {int32, int64}")
      .Stateful()
      .Shape(ResourceGatherNdShape)
      .Gradient(ResourceGatherNdGradient);
}

}  // namespace

void RegisterVariableOps(OpRegistry& ops) {
  ops.Add("VarHandleOp")
      .Summary("A handle to the variable of this container and name.")
      .Output("resource: resource")
      .Attr("container: string = ''")
      .Attr("shared_name: string = ''")
      .Attr("debug_name: string = ''")
      .Attr("dtype: type")
      .Attr("shape: shape")
      .Attr("allowed_devices: list(string) = []")
      .Stateful()
      .Shape(VarHandleShape);
  ops.Add("ReadVariableOp")
      .Summary("The value that a variable has when the op runs.")
      .Input("resource: resource")
      .Output("value: dtype")
      .Attr("dtype: type")
      .Stateful()
      .Shape(ReadVariableShape)
      .Gradient([](GradientContext& g) { g.SetDx(0, g.dy_raw(0)); });
  ops.Add("AssignVariableOp")
      .Summary("variable = value. Makes the variable if it doesn't exist yet.")
      .Apply(AssignSchema)
      .Attr("validate_shape: bool = false");
  ops.Add("AssignAddVariableOp").Summary("variable += value.").Apply(AssignSchema);
  ops.Add("AssignSubVariableOp").Summary("variable -= value.").Apply(AssignSchema);
  ops.Add("VarIsInitializedOp")
      .Summary("Whether a variable has a value.")
      .Input("resource: resource")
      .Output("is_initialized: bool")
      .Stateful()
      .Shape(shape::Scalar)
      .NoGradient("the result is a bool");
  ops.Add("VariableShape")
      .Summary("The shape of a variable's value.")
      .Input("input: resource")
      .Output("output: out_type")
      .Attr("out_type: {int32, int64} = DT_INT32")
      .Stateful()
      .Shape(VariableShapeShape)
      .NoGradient("sizes are integers");
  ops.Add("DestroyResourceOp")
      .Summary("Deletes what a handle stands for; using it afterwards is a NotFound error.")
      .Input("resource: resource")
      .Attr("ignore_lookup_error: bool = true")
      .Stateful()
      .Shape(shape::NoOutputs);
  ops.Add("DisableCopyOnRead")
      .Summary("A note to the runtime of TensorFlow, which this one needs not: reads never copy.")
      .Input("resource: resource")
      .Stateful()
      .Shape(shape::NoOutputs);
  RegisterGathers(ops);
}

}  // namespace weft
