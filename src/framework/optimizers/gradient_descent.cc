// SPDX-License-Identifier: Apache-2.0
#include "src/framework/nodes.h"
#include "weft/framework/train/optimizer.h"

namespace weft::train {

using internal::Op;
using internal::OpOf;

GradientDescentOptimizer::GradientDescentOptimizer(const Input& learning_rate,
                                                   const OptimizerOptions& options)
    : Optimizer(options.name.empty() ? "GradientDescent" : options.name, options.use_locking),
      learning_rate_(learning_rate) {}

void GradientDescentOptimizer::Prepare() {
  learning_rate_tensor_ = AsTensor(learning_rate_, kFloat32, "learning_rate");
}

namespace {
// The rate in the variable's dtype.
Tensor As(const Tensor& t, DataType dtype) {
  return t.dtype() == dtype ? t : Op("Cast", {t}, {}, {{"DstT", dtype}});
}
}  // namespace

Operation GradientDescentOptimizer::ApplyDense(const Tensor& grad, const Variable& v) {
  return OpOf(v.is_resource() ? "ResourceApplyGradientDescent" : "ApplyGradientDescent",
              {v.RefOrHandle(), As(learning_rate_tensor_, v.dtype()), grad}, {},
              {{"use_locking", use_locking()}});
}

Operation GradientDescentOptimizer::ApplySparse(const IndexedSlices& grad, const Variable& v) {
  const Tensor rate = As(learning_rate_tensor_, v.dtype());
  if (v.is_resource()) {
    const Tensor delta = Op("Mul", {Op("Neg", {grad.values}), rate}, "mul");
    return OpOf("ResourceScatterAdd", {v.handle(), grad.indices, delta}, {},
                {{"dtype", v.dtype()}});
  }
  return OpOf("ScatterSub", {v.ref(), grad.indices, Op("Mul", {grad.values, rate}, "mul")}, {},
              {{"use_locking", use_locking()}});
}

}  // namespace weft::train
