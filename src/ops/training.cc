// SPDX-License-Identifier: Apache-2.0
// Optimizer steps: each changes a variable, and the slots that go with it, in one op.
// kernels: kernels/cpu/training.cc   test: tests/ops/training_test.cc
#include <string>

#include "src/ops/register.h"
#include "src/ops/variable_shapes.h"
#include "weft/core/status_macros.h"

namespace weft {
namespace {

// Merges the shapes of the variable and its slots (inputs [0, states)) with that of the dense
// gradient, input `gradient`; all inputs between them are scalars. An output, if there is one, is
// the variable.
absl::Status DenseStepShape(ShapeContext& c, int states, int gradient) {
  PartialShape shape = VariableShapeOf(c, 0);
  for (int i = 1; i < states; ++i) {
    WEFT_ASSIGN_OR_RETURN(shape, c.Merge(shape, VariableShapeOf(c, i)));
  }
  for (int i = states; i < gradient; ++i) WEFT_RETURN_IF_ERROR(c.InputWithRank(i, 0).status());
  WEFT_ASSIGN_OR_RETURN(shape, c.Merge(shape, c.input(gradient)));
  if (c.num_outputs() > 0) c.set_output(0, shape);
  return absl::OkStatus();
}

absl::Status GradientDescentShape(ShapeContext& c) {
  return DenseStepShape(c, /*states=*/1, /*gradient=*/2);
}

}  // namespace

void RegisterTrainingOps(OpRegistry& ops) {
  ops.Add("ApplyGradientDescent")
      .Summary("var -= alpha * delta.")
      .Input("var: Ref(T)")
      .Input("alpha: T")
      .Input("delta: T")
      .Output("out: Ref(T)")
      .Attr("T: numbertype")
      .Attr("use_locking: bool = false")
      .Shape(GradientDescentShape);
  ops.Add("ResourceApplyGradientDescent")
      .Summary("ApplyGradientDescent of a variable given by its handle.")
      .Input("var: resource")
      .Input("alpha: T")
      .Input("delta: T")
      .Attr("T: numbertype")
      .Attr("use_locking: bool = false")
      .Stateful()
      .Shape(GradientDescentShape);
}

}  // namespace weft
