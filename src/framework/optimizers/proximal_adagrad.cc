// SPDX-License-Identifier: Apache-2.0
#include "src/framework/optimizers/update.h"
#include "src/graph/literal.h"
#include "weft/ops/basic.h"

namespace weft::train {

using internal::OpOf;

ProximalAdagradOptimizer::ProximalAdagradOptimizer(const Hyperparameter& learning_rate,
                                                   const ProximalAdagradOptions& o)
    : Optimizer(o.name, o.use_locking),
      initial_accumulator_value_(o.initial_accumulator_value),
      learning_rate_(learning_rate),
      l1_(o.l1_regularization_strength),
      l2_(o.l2_regularization_strength) {
  CheckPositive("initial_accumulator_value", o.initial_accumulator_value);
}

void ProximalAdagradOptimizer::CreateSlots(const std::vector<Variable>& variables) {
  for (const Variable& v : variables) {
    if (GetSlot(v, "accumulator").valid()) continue;
    Tensor value;
    {
      const ColocateWith colocate(v.op());
      value =
          Constant(ConvertLiteral(Array(initial_accumulator_value_), v.dtype(), "Const", "value"),
                   v.shape().ToShape());
    }
    SlotWithValue(v, value, "accumulator", name());
  }
}

void ProximalAdagradOptimizer::Prepare() {
  learning_rate_tensor_ = learning_rate_.AsTensor("learning_rate");
  l1_tensor_ = l1_.AsTensor("l1_regularization_strength");
  l2_tensor_ = l2_.AsTensor("l2_regularization_strength");
}

Operation ProximalAdagradOptimizer::ApplyDense(const Tensor& grad, const Variable& v) {
  const Input rate = RateAs(learning_rate_tensor_, v.dtype());
  const Input l1 = RateAs(l1_tensor_, v.dtype()), l2 = RateAs(l2_tensor_, v.dtype());
  return OpOf(DenseRule("ProximalAdagrad", v),
              {v.RefOrHandle(), GetSlot(v, "accumulator").RefOrHandle(), rate, l1, l2, grad}, {},
              {{"use_locking", use_locking()}});
}

Operation ProximalAdagradOptimizer::ApplySparse(const IndexedSlices& grad, const Variable& v) {
  const Input rate = RateAs(learning_rate_tensor_, v.dtype());
  const Input l1 = RateAs(l1_tensor_, v.dtype()), l2 = RateAs(l2_tensor_, v.dtype());
  return OpOf(SparseRule("ProximalAdagrad", v),
              {v.RefOrHandle(), GetSlot(v, "accumulator").RefOrHandle(), rate, l1, l2, grad.values,
               grad.indices},
              {}, {{"use_locking", use_locking()}});
}

}  // namespace weft::train
