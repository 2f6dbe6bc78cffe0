// SPDX-License-Identifier: Apache-2.0
// Variables by reference: VariableV2 hands out a reference, and the ops here read or change what it
// refers to. kernels: kernels/cpu/state.cc, dense_update.cc   test: tests/ops/state_test.cc
#include "src/core/strings.h"
#include "src/ops/variable_shapes.h"
#include "weft/core/status_macros.h"
#include "weft/graph/op_def.h"

namespace weft {
namespace {

// A scalar shape of the old op stands for "not known": its GraphDefs could not tell the two apart.
absl::Status LegacyVariableShape(ShapeContext& c) {
  const PartialShape shape = c.Attr<PartialShape>("shape");
  c.set_output(0, shape.rank() <= 0 ? PartialShape::Unknown() : shape);
  return absl::OkStatus();
}

absl::Status AssignShape(ShapeContext& c) {
  if (!c.Attr<bool>("validate_shape")) {
    c.set_output(0, c.input(1));
    return absl::OkStatus();
  }
  return shape::MergeOfInputs(c);
}

absl::Status ScalarInputShape(ShapeContext& c) {
  WEFT_ASSIGN_OR_RETURN(PartialShape scalar, c.InputWithRank(0, 0));
  c.set_output(0, std::move(scalar));
  return absl::OkStatus();
}

absl::Status ResourceCountUpToShape(ShapeContext& c) {
  const std::vector<HandleData>* data = c.input_handle_data(0);
  if (data == nullptr) return absl::InvalidArgumentError("Handle has no shape/type information.");
  WEFT_ASSIGN_OR_RETURN(const HandleData variable, VariableBehind(c, 0, "T"));
  WEFT_ASSIGN_OR_RETURN(PartialShape scalar, c.WithRank(variable.shape, 0));
  c.set_output(0, std::move(scalar));
  return absl::OkStatus();
}

OpDefBuilder&& VariableSchema(OpDefBuilder&& op) {
  return std::move(op)
      .Output("ref: Ref(dtype)")
      .Attr("shape: shape")
      .Attr("dtype: type")
      .Attr("container: string = ''")
      .Attr("shared_name: string = ''")
      .Stateful();
}

OpDefBuilder&& AssignUpdateSchema(OpDefBuilder&& op) {
  return std::move(op)
      .Input("ref: Ref(T)")
      .Input("value: T")
      .Output("output_ref: Ref(T)")
      .Attr("T: numbertype")
      .Attr("use_locking: bool = false")
      .Shape(shape::MergeOfInputs)
      .NoGradient(kChangesVariable);
}

}  // namespace

void RegisterStateOps(OpRegistry& ops) {
  ops.Add("VariableV2")
      .Summary("A tensor that lives as long as the session; its output is a reference to it.")
      .Apply(VariableSchema)
      .Shape(shape::FromAttr);
  ops.Add("Variable")
      .Summary("VariableV2 of older graphs: a scalar shape means an unknown one.")
      .Apply(VariableSchema)
      .Shape(LegacyVariableShape);
  ops.Add("TemporaryVariable")
      .Summary(
          "A tensor that may be changed and lives until DestroyTemporaryVariable, at most for one "
          "run.")
      .Output("ref: Ref(dtype)")
      .Attr("shape: shape")
      .Attr("dtype: type")
      .Attr("var_name: string = ''")
      .Stateful()
      .Shape(shape::FromAttr);
  ops.Add("DestroyTemporaryVariable")
      .Summary(
          "Ends a temporary variable and returns its last value. All that changes it must have run "
          "before.")
      .Input("ref: Ref(T)")
      .Output("value: T")
      .Attr("T: type")
      .Attr("var_name: string")
      .Shape(shape::SameAsInput);
  ops.Add("IsVariableInitialized")
      .Summary("Whether a variable has a value.")
      .Input("ref: Ref(dtype)")
      .Output("is_initialized: bool")
      .Attr("dtype: type")
      .AllowsUninitializedInput()
      .Shape(shape::Scalar);
  ops.Add("Assign")
      .Summary("ref = value. Returns the reference.")
      .Input("ref: Ref(T)")
      .Input("value: T")
      .Output("output_ref: Ref(T)")
      .Attr("T: type")
      .Attr("validate_shape: bool = true")
      .Attr("use_locking: bool = true")
      .AllowsUninitializedInput()
      .Shape(AssignShape)
      .NoGradient(kChangesVariable);
  ops.Add("AssignAdd").Summary("ref += value. Returns the reference.").Apply(AssignUpdateSchema);
  ops.Add("AssignSub").Summary("ref -= value. Returns the reference.").Apply(AssignUpdateSchema);
  ops.Add("CountUpTo")
      .Summary(
          "Adds 1 to a scalar and returns what it was before; OutOfRange once that would reach the "
          "limit.")
      .Input("ref: Ref(T)")
      .Output("output: T")
      .Attr("limit: int")
      .Attr("T: {int32, int64}")
      .Shape(ScalarInputShape);
  ops.Add("ResourceCountUpTo")
      .Summary("CountUpTo of a variable given by its handle.")
      .Input("resource: resource")
      .Output("output: T")
      .Attr("limit: int")
      .Attr("T: {int32, int64}")
      .Stateful()
      .Shape(ResourceCountUpToShape);
}

}  // namespace weft
