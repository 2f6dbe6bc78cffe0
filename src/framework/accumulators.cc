// SPDX-License-Identifier: Apache-2.0
#include "weft/framework/accumulators.h"

#include <utility>

#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/framework/nodes.h"

namespace weft {
namespace {

using internal::CastTo;

Tensor AccumulatorNode(const char* op, const char* default_name, DataType dtype,
                       const AccumulatorOptions& options) {
  return OpBuilder(op, options.name, default_name)
      .Attr("dtype", dtype)
      .Attr("shape", options.shape)
      .Attr("shared_name", options.shared_name)
      .Attr("reduction_type", options.reduction_type)
      .Output();
}

// A step as int64: a node of the literal, and another of its cast.
Tensor StepOf(const Input& step) {
  const Tensor t = AsTensor(step);
  if (RemoveRef(t.dtype()) == kInt64) return t;
  return OpBuilder("Cast", {}).In(t).Attr("DstT", kInt64).Output();
}

void CheckDtype(DataType got, DataType want, const std::string& accumulator) {
  if (got == want) return;
  ThrowError(Code::kInvalidArgument,
             StrCat("accumulator '", accumulator, "' is of ", DTypeName(want), "; got a ",
                    DTypeName(got), " gradient"));
}

}  // namespace

ConditionalAccumulatorBase::ConditionalAccumulatorBase(Tensor accumulator, DataType dtype,
                                                       PartialShape shape)
    : accumulator_(accumulator), dtype_(dtype), shape_(std::move(shape)) {}

const std::string& ConditionalAccumulatorBase::name() const { return accumulator_.op().name(); }

std::string ConditionalAccumulatorBase::OpName(const char* op) const {
  return StrCat(accumulator_.dtype() == kResource ? "Resource" : "", op);
}

Tensor ConditionalAccumulatorBase::NumAccumulated(const NameOptions& name) const {
  const GraphScope use(accumulator_.graph());
  return OpBuilder(OpName("AccumulatorNumAccumulated"), name,
                   StrCat(weft::internal::LastPart(this->name()), "_NumAccumulated"))
      .In(accumulator_)
      .Output();
}

Operation ConditionalAccumulatorBase::SetGlobalStep(const Input& new_global_step,
                                                    const NameOptions& name) const {
  const GraphScope use(accumulator_.graph());
  const Tensor step = StepOf(new_global_step);
  return OpBuilder(OpName("AccumulatorSetGlobalStep"), name).In(accumulator_).In(step).Build();
}

ConditionalAccumulator::ConditionalAccumulator(DataType dtype, const AccumulatorOptions& options)
    : ConditionalAccumulator(AccumulatorNode("ResourceConditionalAccumulator",
                                             "conditional_accumulator", dtype, options),
                             dtype, options.shape) {}

ConditionalAccumulator::ConditionalAccumulator(Tensor accumulator, DataType dtype,
                                               PartialShape shape)
    : ConditionalAccumulatorBase(accumulator, dtype, std::move(shape)) {}

Operation ConditionalAccumulator::ApplyGrad(const Input& grad, const Input& local_step,
                                            const NameOptions& name) const {
  const GraphScope use(accumulator_ref().graph());
  const Tensor gradient = AsTensor(grad, dtype());
  CheckDtype(RemoveRef(gradient.dtype()), dtype(), this->name());
  if (!gradient.shape().IsCompatibleWith(shape()))
    ThrowError(
        Code::kInvalidArgument,
        StrCat("Shapes ", gradient.shape().ToPythonString(), " and ", shape().ToPythonString(),
               " are incompatible: a gradient for accumulator '", this->name(), "'"));
  const Tensor step = StepOf(local_step);
  return OpBuilder(OpName("AccumulatorApplyGradient"), name)
      .In(accumulator_ref())
      .In(step)
      .In(gradient)
      .Build();
}

Tensor ConditionalAccumulator::TakeGrad(const Input& num_required, const NameOptions& name) const {
  const GraphScope use(accumulator_ref().graph());
  const Tensor taken = OpBuilder(OpName("AccumulatorTakeGradient"), name)
                           .In(accumulator_ref())
                           .In(num_required)
                           .Attr("dtype", dtype())
                           .Output();
  taken.set_shape(shape());
  return taken;
}

SparseConditionalAccumulator::SparseConditionalAccumulator(DataType dtype,
                                                           const AccumulatorOptions& options)
    : SparseConditionalAccumulator(
          AccumulatorNode("SparseConditionalAccumulator", "sparse_conditional_accumulator", dtype,
                          options),
          dtype, options.shape) {}

SparseConditionalAccumulator::SparseConditionalAccumulator(Tensor accumulator, DataType dtype,
                                                           PartialShape shape)
    : ConditionalAccumulatorBase(accumulator, dtype, std::move(shape)) {}

Operation SparseConditionalAccumulator::ApplyGrad(const Input& grad_indices,
                                                  const Input& grad_values, const Input& grad_shape,
                                                  const Input& local_step,
                                                  const NameOptions& name) const {
  if (!grad_values.weak()) CheckDtype(grad_values.dtype(), dtype(), this->name());
  const bool has_known_shape = grad_shape.is_tensor() || grad_shape.array().valid();
  const GraphScope use(accumulator_ref().graph());
  const Tensor step = StepOf(local_step);
  const Tensor indices = CastTo(grad_indices, kInt64);
  // Python's empty list is one of floats.
  const Tensor shape =
      CastTo(has_known_shape ? grad_shape : Input(Array::Zeros(kFloat32, Shape({0}))), kInt64);
  return OpBuilder("SparseAccumulatorApplyGradient", name)
      .In(accumulator_ref())
      .In(step)
      .In(indices)
      .In(grad_values)
      .In(shape)
      .Attr("dtype", dtype())
      .Attr("has_known_shape", has_known_shape)
      .Build();
}

Operation SparseConditionalAccumulator::ApplyIndexedSlicesGrad(const IndexedSlices& grad,
                                                               const Input& local_step,
                                                               const NameOptions& name) const {
  return ApplyGrad(grad.indices, grad.values, grad.dense_shape, local_step, name);
}

SparseConditionalAccumulator::Taken SparseConditionalAccumulator::TakeGrad(
    const Input& num_required, const NameOptions& name) const {
  const GraphScope use(accumulator_ref().graph());
  const std::vector<Tensor> taken = OpBuilder("SparseAccumulatorTakeGradient", name)
                                        .In(accumulator_ref())
                                        .In(num_required)
                                        .Attr("dtype", dtype())
                                        .Outputs();
  return {taken[0], taken[1], taken[2]};
}

IndexedSlices SparseConditionalAccumulator::TakeIndexedSlicesGrad(const Input& num_required,
                                                                  const NameOptions& name) const {
  const Taken taken = TakeGrad(num_required, name);
  return {.values = taken.values, .indices = taken.indices, .dense_shape = taken.shape};
}

}  // namespace weft
