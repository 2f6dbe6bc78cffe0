// SPDX-License-Identifier: Apache-2.0
// Gradient accumulators. The ops of dense accumulators come in two forms: with a reference to the
// accumulator's name, and with a resource handle ("Resource..."); sparse ones are references.
// kernels: kernels/cpu/accumulator.cc   test: tests/ops/accumulator_test.cc
#include "src/core/strings.h"
#include "src/graph/node.h"
#include "weft/graph/op_def.h"

namespace weft {
namespace {

struct AccumulatorVersion {
  const char* prefix;
  const char* handle;  // type of the handle
};
constexpr AccumulatorVersion kAccumulatorVersions[] = {{"", "Ref(string)"},
                                                       {"Resource", "resource"}};

OpDefBuilder&& Common(OpDefBuilder&& op, const AccumulatorVersion& v) {
  // The reference forms that read and write are not marked in TensorFlow's schema; references keep
  // them apart.
  if (*v.prefix != '\0') return std::move(op).Stateful();
  return std::move(op);
}

// TensorFlow gives the handle the shape of the two names that a reference stands for, also where it
// is a resource.
absl::Status HandleShape(ShapeContext& c) {
  c.set_output(0, PartialShape::Vector(2));
  return absl::OkStatus();
}

// Input 1 (a step, a number of gradients) is a scalar. What an accumulator holds is known to the
// accumulator alone.
absl::Status ScalarGiven(ShapeContext& c) {
  WEFT_RETURN_IF_ERROR(c.InputWithRank(1, 0).status());
  return shape::Unknown(c);
}

OpDefBuilder&& AccumulatorAttrs(OpDefBuilder&& op, const char* handle) {
  return std::move(op)
      .Output(StrCat("handle: ", handle))
      .Attr("dtype: numbertype")
      .Attr("shape: shape")
      .Attr("container: string = ''")
      .Attr("shared_name: string = ''")
      .Attr("reduction_type: {'MEAN', 'SUM'} = 'MEAN'")
      .Stateful()
      .Shape(HandleShape)
      .NoGradient("an accumulator is no number");
}

void RegisterDense(OpRegistry& ops, const AccumulatorVersion& v) {
  const auto common = [&v](OpDefBuilder&& op) -> OpDefBuilder&& {
    return Common(std::move(op), v);
  };
  const std::string handle = StrCat("handle: ", v.handle);
  ops.Add(StrCat(v.prefix, "ConditionalAccumulator"))
      .Summary("Adds up the gradients of a step until enough of them have come.")
      .Apply([&v](OpDefBuilder&& op) -> OpDefBuilder&& {
        return AccumulatorAttrs(std::move(op), v.handle);
      });
  ops.Add(StrCat(v.prefix, "AccumulatorNumAccumulated"))
      .Summary("The number of gradients that an accumulator holds.")
      .Input(handle)
      .Output("num_accumulated: int32")
      .Shape(shape::Scalar)
      .NoGradient("a number of gradients is an integer")
      .Apply(common);
  ops.Add(StrCat(v.prefix, "AccumulatorSetGlobalStep"))
      .Summary("Sets an accumulator's step; it drops gradients of earlier ones.")
      .Input(handle)
      .Input("new_global_step: int64")
      .Shape(ScalarGiven)
      .NoGradient("there is no output")
      .Apply(common);
  ops.Add(StrCat(v.prefix, "AccumulatorApplyGradient"))
      .Summary("Adds a gradient to an accumulator, or drops it if its step is over.")
      .Input(handle)
      .Input("local_step: int64")
      .Input("gradient: dtype")
      .Attr("dtype: numbertype")
      .Shape(ScalarGiven)
      .NoGradient("there is no output")
      .Apply(common);
  ops.Add(StrCat(v.prefix, "AccumulatorTakeGradient"))
      .Summary("Takes the mean (or sum) of the gradients; waits until there are so many.")
      .Input(handle)
      .Input("num_required: int32")
      .Output("average: dtype")
      .Attr("dtype: numbertype")
      .Shape(ScalarGiven)
      .NoGradient("what is in an accumulator was computed in another run")
      .Apply(common);
}

void RegisterSparse(OpRegistry& ops) {
  ops.Add("SparseConditionalAccumulator")
      .Summary("Adds up sparse gradients of a step, row by row, until enough of them have come.")
      .Apply([](OpDefBuilder&& op) -> OpDefBuilder&& {
        return AccumulatorAttrs(std::move(op), "Ref(string)");
      });
  ops.Add("SparseAccumulatorApplyGradient")
      .Summary("Adds a sparse gradient to an accumulator, or drops it if its step is over.")
      .Input("handle: Ref(string)")
      .Input("local_step: int64")
      .Input("gradient_indices: int64")
      .Input("gradient_values: dtype")
      .Input("gradient_shape: int64")
      .Attr("dtype: numbertype")
      .Attr("has_known_shape: bool")
      .Shape(ScalarGiven)
      .NoGradient("there is no output");
  ops.Add("SparseAccumulatorTakeGradient")
      .Summary("Takes the mean (or sum) of sparse gradients; waits until there are so many.")
      .Input("handle: Ref(string)")
      .Input("num_required: int32")
      .Output("indices: int64")
      .Output("values: dtype")
      .Output("shape: int64")
      .Attr("dtype: numbertype")
      .Shape(ScalarGiven)
      .NoGradient("what is in an accumulator was computed in another run");
}

}  // namespace

void RegisterAccumulatorOps(OpRegistry& ops) {
  for (const AccumulatorVersion& v : kAccumulatorVersions) RegisterDense(ops, v);
  RegisterSparse(ops);
}

}  // namespace weft
