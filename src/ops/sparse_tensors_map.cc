// SPDX-License-Identifier: Apache-2.0
// Tensors kept from one run to the next: sparse ones under numbers, any under a session's handles.
// kernels: kernels/cpu/sparse_tensors_map.cc   test: tests/ops/sparse_tensors_map_test.cc
#include "src/graph/node.h"
#include "src/ops/sparse.h"

namespace weft {
namespace {

absl::Status AddSparseShape(ShapeContext& c, bool many) {
  WEFT_RETURN_IF_ERROR(c.InputWithRank(0, 2).status());
  WEFT_RETURN_IF_ERROR(c.InputWithRank(1, 1).status());
  WEFT_RETURN_IF_ERROR(c.InputWithRank(2, 1).status());
  c.set_output(0, many ? PartialShape::Vector(kUnknownDim) : PartialShape::Scalar());
  return absl::OkStatus();
}

absl::Status TakeSparseShape(ShapeContext& c) {
  WEFT_RETURN_IF_ERROR(c.InputWithRank(0, 1).status());
  c.set_output(0, PartialShape::Matrix(kUnknownDim, kUnknownDim));
  c.set_output(1, PartialShape::Vector(kUnknownDim));
  c.set_output(2, PartialShape::Vector(kUnknownDim));
  return absl::OkStatus();
}

absl::Status SessionHandleShape(ShapeContext& c) {
  c.set_output(0, PartialShape::Scalar());
  if (c.node().type() == "GetSessionHandleV2")
    c.set_output_handle_data(0, {{c.input_dtype(0), c.input(0)}});
  return absl::OkStatus();
}

OpDefBuilder&& OfSharedMap(OpDefBuilder&& op) {
  return std::move(op).Attr("container: string = ''").Attr("shared_name: string = ''").Stateful();
}

void RegisterSessionTensorOps(OpRegistry& ops) {
  for (const bool v2 : {false, true}) {
    ops.Add(v2 ? "GetSessionHandleV2" : "GetSessionHandle")
        .Summary("Keeps a value in the session and returns a handle of it.")
        .Input("value: T")
        .Output(v2 ? "handle: resource" : "handle: string")
        .Attr("T: type")
        .Stateful()
        .Shape(SessionHandleShape)
        .NoGradient("a handle is no number");
  }
  ops.Add("GetSessionTensor")
      .Summary("The value that a session keeps under a handle.")
      .Input("handle: string")
      .Output("value: dtype")
      .Attr("dtype: type")
      .Stateful()
      .Shape([](ShapeContext& c) {
        WEFT_RETURN_IF_ERROR(c.InputWithRank(0, 0).status());
        return shape::Unknown(c);
      })
      .NoGradient("the value was computed in another run");
  ops.Add("DeleteSessionTensor")
      .Summary("Lets a session forget the value of a handle.")
      .Input("handle: string")
      .Stateful()
      .Shape([](ShapeContext& c) { return c.InputWithRank(0, 0).status(); })
      .NoGradient("there is no output");
}

}  // namespace

void RegisterSparseTensorsMapOps(OpRegistry& ops) {
  for (const bool many : {false, true}) {
    ops.Add(many ? "AddManySparseToTensorsMap" : "AddSparseToTensorsMap")
        .Summary(many ? "Keeps the rows of a sparse tensor; their numbers are for another run."
                      : "Keeps a sparse tensor; its number is for another run.")
        .Input("sparse_indices: int64")
        .Input("sparse_values: T")
        .Input("sparse_shape: int64")
        .Output(many ? "sparse_handles: int64" : "sparse_handle: int64")
        .Attr("T: type")
        .Apply(OfSharedMap)
        .Shape([many](ShapeContext& c) { return AddSparseShape(c, many); });
  }
  ops.Add("TakeManySparseFromTensorsMap")
      .Summary("Takes sparse tensors out by their numbers and stacks them.")
      .Input("sparse_handles: int64")
      .Output("sparse_indices: int64")
      .Output("sparse_values: dtype")
      .Output("sparse_shape: int64")
      .Attr("dtype: type")
      .Apply(OfSharedMap)
      .Shape(TakeSparseShape);
  RegisterSessionTensorOps(ops);
}

}  // namespace weft
