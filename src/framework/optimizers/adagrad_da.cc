// SPDX-License-Identifier: Apache-2.0
#include "src/core/status.h"
#include "src/framework/optimizers/update.h"
#include "src/graph/literal.h"
#include "weft/ops/basic.h"

namespace weft::train {

using internal::CastTo;
using internal::Op;
using internal::OpOf;

AdagradDAOptimizer::AdagradDAOptimizer(const Hyperparameter& learning_rate,
                                       const Hyperparameter& global_step, const AdagradDAOptions& o)
    : Optimizer(o.name, o.use_locking),
      learning_rate_(learning_rate),
      global_step_(global_step),
      options_(o) {
  CheckPositive("initial_gradient_squared_accumulator_value",
                o.initial_gradient_squared_accumulator_value);
}

void AdagradDAOptimizer::CreateSlots(const std::vector<Variable>& variables) {
  for (const Variable& v : variables) {
    if (GetSlot(v, "gradient_squared_accumulator").valid()) continue;
    const auto full = [&](double value) {
      return Constant(ConvertLiteral(Array(value), v.dtype(), "Const", "value"),
                      v.shape().ToShape());
    };
    Tensor sum, squared;
    {
      const ColocateWith colocate(v.op());
      sum = full(0);
      squared = full(options_.initial_gradient_squared_accumulator_value);
    }
    SlotWithValue(v, sum, "gradient_accumulator", name());
    SlotWithValue(v, squared, "gradient_squared_accumulator", name());
  }
}

void AdagradDAOptimizer::Prepare() {
  learning_rate_tensor_ = learning_rate_.AsTensor("learning_rate");
  const ColocateWith colocate(learning_rate_tensor_.op());
  next_step_ = Op("AddV2", {Op("Identity", {global_step_.Get()}), 1}, "add");
}

std::vector<Input> AdagradDAOptimizer::Rates(const Variable& v) {
  const auto step = [&] {
    const DeviceScope device(v.device(), v.graph());
    return Op("Identity", {next_step_});
  }();
  const Input rate = RateAs(learning_rate_tensor_, v.dtype());
  const Tensor l1 = CastTo(options_.l1_regularization_strength.Get(), v.dtype());
  const Tensor l2 = CastTo(options_.l2_regularization_strength.Get(), v.dtype());
  return {rate, l1, l2, step};
}

Operation AdagradDAOptimizer::ApplyDense(const Tensor& grad, const Variable& v) {
  const std::vector<Input> state = {v.RefOrHandle(),
                                    GetSlot(v, "gradient_accumulator").RefOrHandle(),
                                    GetSlot(v, "gradient_squared_accumulator").RefOrHandle(), grad};
  return OpOf(DenseRule("AdagradDA", v), Joined(state, Rates(v)), {},
              {{"use_locking", use_locking()}});
}

Operation AdagradDAOptimizer::ApplySparse(const IndexedSlices& grad, const Variable& v) {
  const std::vector<Input> state = {
      v.RefOrHandle(), GetSlot(v, "gradient_accumulator").RefOrHandle(),
      GetSlot(v, "gradient_squared_accumulator").RefOrHandle(), grad.values, grad.indices};
  return OpOf(SparseRule("AdagradDA", v), Joined(state, Rates(v)), {},
              {{"use_locking", use_locking()}});
}

}  // namespace weft::train
