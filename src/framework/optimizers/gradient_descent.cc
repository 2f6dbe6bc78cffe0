// SPDX-License-Identifier: Apache-2.0
#include "src/framework/optimizers/update.h"

namespace weft::train {

using internal::Op;
using internal::OpOf;

GradientDescentOptimizer::GradientDescentOptimizer(const Hyperparameter& learning_rate,
                                                   const GradientDescentOptions& o)
    : Optimizer(o.name, o.use_locking), learning_rate_(learning_rate) {}

void GradientDescentOptimizer::Prepare() {
  learning_rate_tensor_ = learning_rate_.AsTensor("learning_rate");
}

Operation GradientDescentOptimizer::ApplyDense(const Tensor& grad, const Variable& v) {
  return OpOf(DenseRule("GradientDescent", v),
              {v.RefOrHandle(), RateAs(learning_rate_tensor_, v.dtype()), grad}, {},
              {{"use_locking", use_locking()}});
}

Operation GradientDescentOptimizer::ApplySparse(const IndexedSlices& grad, const Variable& v) {
  if (!v.is_resource()) {
    const Tensor delta = Op("Mul", {grad.values, RateAs(learning_rate_tensor_, v.dtype())}, "mul");
    return OpOf("ScatterSub", {v.ref(), grad.indices, delta}, {}, {{"use_locking", use_locking()}});
  }
  const Tensor negative = Op("Neg", {grad.values});
  const Tensor delta = Op("Mul", {negative, RateAs(learning_rate_tensor_, v.dtype())}, "mul");
  return OpOf("ResourceScatterAdd", {v.handle(), grad.indices, delta}, {}, {{"dtype", v.dtype()}});
}

}  // namespace weft::train
