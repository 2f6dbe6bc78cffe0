// SPDX-License-Identifier: Apache-2.0
#include "src/framework/optimizers/update.h"
#include "weft/framework/variable_scope.h"
#include "weft/ops/array.h"

namespace weft::train {

using internal::CastTo;
using internal::Op;
using internal::OpOf;

AdagradOptimizer::AdagradOptimizer(const Hyperparameter& learning_rate, const AdagradOptions& o)
    : Optimizer(o.name, o.use_locking),
      learning_rate_(learning_rate),
      initial_accumulator_value_(o.initial_accumulator_value) {
  CheckPositive("initial_accumulator_value", o.initial_accumulator_value);
}

void AdagradOptimizer::CreateSlots(const std::vector<Variable>& variables) {
  for (const Variable& v : variables) {
    if (v.shape().IsFullyKnown()) {
      SlotWithInitializer(v, ConstantInitializer(Array(initial_accumulator_value_)), "accumulator",
                          name());
      continue;
    }
    const auto like_variable = [&] {
      const Tensor shape = Op("Shape", {v});
      return CastTo(Op("Fill", {shape, static_cast<float>(initial_accumulator_value_)}), v.dtype());
    };
    SlotWithFunction(v, like_variable, "accumulator", name());
  }
}

void AdagradOptimizer::Prepare() {
  learning_rate_tensor_ = learning_rate_.AsTensor("learning_rate");
}

Operation AdagradOptimizer::ApplyDense(const Tensor& grad, const Variable& v) {
  return OpOf(DenseRule("Adagrad", v),
              {v.RefOrHandle(), GetSlot(v, "accumulator").RefOrHandle(),
               RateAs(learning_rate_tensor_, v.dtype()), grad},
              {}, {{"use_locking", use_locking()}});
}

Operation AdagradOptimizer::ApplySparse(const IndexedSlices& grad, const Variable& v) {
  return OpOf(SparseRule("Adagrad", v),
              {v.RefOrHandle(), GetSlot(v, "accumulator").RefOrHandle(),
               RateAs(learning_rate_tensor_, v.dtype()), grad.values, grad.indices},
              {}, {{"use_locking", use_locking()}});
}

}  // namespace weft::train
