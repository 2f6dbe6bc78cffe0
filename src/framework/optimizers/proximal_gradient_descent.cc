// SPDX-License-Identifier: Apache-2.0
#include "src/framework/optimizers/update.h"

namespace weft::train {

using internal::OpOf;

ProximalGradientDescentOptimizer::ProximalGradientDescentOptimizer(
    const Hyperparameter& learning_rate, const ProximalGradientDescentOptions& o)
    : Optimizer(o.name, o.use_locking),
      learning_rate_(learning_rate),
      l1_(o.l1_regularization_strength),
      l2_(o.l2_regularization_strength) {}

void ProximalGradientDescentOptimizer::Prepare() {
  learning_rate_tensor_ = learning_rate_.AsTensor("learning_rate");
  l1_tensor_ = l1_.AsTensor("l1_regularization_strength");
  l2_tensor_ = l2_.AsTensor("l2_regularization_strength");
}

Operation ProximalGradientDescentOptimizer::ApplyDense(const Tensor& grad, const Variable& v) {
  const Input rate = RateAs(learning_rate_tensor_, v.dtype());
  const Input l1 = RateAs(l1_tensor_, v.dtype()), l2 = RateAs(l2_tensor_, v.dtype());
  return OpOf(DenseRule("ProximalGradientDescent", v), {v.RefOrHandle(), rate, l1, l2, grad}, {},
              {{"use_locking", use_locking()}});
}

Operation ProximalGradientDescentOptimizer::ApplySparse(const IndexedSlices& grad,
                                                        const Variable& v) {
  const Input rate = RateAs(learning_rate_tensor_, v.dtype());
  const Input l1 = RateAs(l1_tensor_, v.dtype()), l2 = RateAs(l2_tensor_, v.dtype());
  return OpOf(SparseRule("ProximalGradientDescent", v),
              {v.RefOrHandle(), rate, l1, l2, grad.values, grad.indices}, {},
              {{"use_locking", use_locking()}});
}

}  // namespace weft::train
