// SPDX-License-Identifier: Apache-2.0
#include "src/framework/optimizers/update.h"

namespace weft::train {

using internal::OpOf;

MomentumOptimizer::MomentumOptimizer(const Hyperparameter& learning_rate,
                                     const Hyperparameter& momentum, const MomentumOptions& o)
    : Optimizer(o.name, o.use_locking),
      learning_rate_(learning_rate),
      momentum_(momentum),
      use_nesterov_(o.use_nesterov) {}

void MomentumOptimizer::CreateSlots(const std::vector<Variable>& variables) {
  for (const Variable& v : variables) ZerosSlot(v, "momentum", name());
}

void MomentumOptimizer::Prepare() {
  learning_rate_tensor_ = learning_rate_.AsTensor("learning_rate");
  momentum_tensor_ = momentum_.AsTensor("momentum");
}

Operation MomentumOptimizer::ApplyDense(const Tensor& grad, const Variable& v) {
  const Input rate = RateAs(learning_rate_tensor_, v.dtype());
  const Input momentum = RateAs(momentum_tensor_, v.dtype());
  return OpOf(DenseRule("Momentum", v),
              {v.RefOrHandle(), GetSlot(v, "momentum").RefOrHandle(), rate, grad, momentum}, {},
              {{"use_locking", use_locking()}, {"use_nesterov", use_nesterov_}});
}

Operation MomentumOptimizer::ApplySparse(const IndexedSlices& grad, const Variable& v) {
  const Input rate = RateAs(learning_rate_tensor_, v.dtype());
  const Input momentum = RateAs(momentum_tensor_, v.dtype());
  return OpOf(SparseRule("Momentum", v),
              {v.RefOrHandle(), GetSlot(v, "momentum").RefOrHandle(), rate, grad.values,
               grad.indices, momentum},
              {}, {{"use_locking", use_locking()}, {"use_nesterov", use_nesterov_}});
}

}  // namespace weft::train
