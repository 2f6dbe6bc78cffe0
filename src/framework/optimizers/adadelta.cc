// SPDX-License-Identifier: Apache-2.0
#include "src/framework/optimizers/update.h"

namespace weft::train {

using internal::OpOf;

AdadeltaOptimizer::AdadeltaOptimizer(const Hyperparameter& learning_rate, const AdadeltaOptions& o)
    : Optimizer(o.name, o.use_locking),
      learning_rate_(learning_rate),
      rho_(o.rho),
      epsilon_(o.epsilon) {}

void AdadeltaOptimizer::CreateSlots(const std::vector<Variable>& variables) {
  for (const Variable& v : variables) {
    ZerosSlot(v, "accum", name());
    ZerosSlot(v, "accum_update", name());
  }
}

void AdadeltaOptimizer::Prepare() {
  learning_rate_tensor_ = learning_rate_.AsTensor("lr");
  rho_tensor_ = rho_.AsTensor("rho");
  epsilon_tensor_ = epsilon_.AsTensor("epsilon");
}

Operation AdadeltaOptimizer::ApplyDense(const Tensor& grad, const Variable& v) {
  const DataType dtype = v.dtype();
  const Input rate = RateAs(learning_rate_tensor_, dtype), rho = RateAs(rho_tensor_, dtype);
  const Input epsilon = RateAs(epsilon_tensor_, dtype);
  return OpOf(DenseRule("Adadelta", v),
              {v.RefOrHandle(), GetSlot(v, "accum").RefOrHandle(),
               GetSlot(v, "accum_update").RefOrHandle(), rate, rho, epsilon, grad},
              {}, {{"use_locking", use_locking()}});
}

Operation AdadeltaOptimizer::ApplySparse(const IndexedSlices& grad, const Variable& v) {
  const DataType dtype = v.dtype();
  const Input rate = RateAs(learning_rate_tensor_, dtype), rho = RateAs(rho_tensor_, dtype);
  const Input epsilon = RateAs(epsilon_tensor_, dtype);
  return OpOf(
      SparseRule("Adadelta", v),
      {v.RefOrHandle(), GetSlot(v, "accum").RefOrHandle(), GetSlot(v, "accum_update").RefOrHandle(),
       rate, rho, epsilon, grad.values, grad.indices},
      {}, {{"use_locking", use_locking()}});
}

}  // namespace weft::train
