// SPDX-License-Identifier: Apache-2.0
#include "src/framework/optimizers/update.h"
#include "src/ops/operators.h"
#include "weft/framework/train/contrib_optimizers.h"
#include "weft/ops/control.h"

namespace weft::train {

using internal::Op;
using internal::OpOf;

AdaMaxOptimizer::AdaMaxOptimizer(const Hyperparameter& learning_rate, const AdaMaxOptions& o)
    : AdamOptimizer(learning_rate, {o.beta1, o.beta2, o.epsilon, o.use_locking, o.name}) {}

Operation AdaMaxOptimizer::ApplyDense(const Tensor& grad, const Variable& v) {
  const Rates r = RatesFor(v);
  return OpOf(DenseRule("AdaMax", v),
              {v.RefOrHandle(), GetSlot(v, "m").RefOrHandle(), GetSlot(v, "v").RefOrHandle(),
               r.beta1_power, r.learning_rate, r.beta1, r.beta2, r.epsilon, grad},
              {}, {{"use_locking", use_locking()}});
}

// Every row is read before any is written.
Operation AdaMaxOptimizer::ApplySparse(const IndexedSlices& grad, const Variable& v) {
  using internal::Minus, internal::Plus, internal::Times, internal::Unary;
  const Rates r = RatesFor(v);
  const Tensor g = grad.values;
  const auto write = [&](const char* op, const Variable& to, const Tensor& rows) {
    const ControlDependencies after({rows.op()});
    return ScatterRows(op, to, grad.indices, rows, use_locking());
  };
  const Variable m = GetSlot(v, "m"), norm = GetSlot(v, "v");
  const Tensor m_old = Times(GatherRows(m, grad.indices), r.beta1);
  const Tensor m_rows = Plus(m_old, Times(g, Minus(1, r.beta1)));
  const Change m_change = write("ScatterUpdate", m, m_rows);

  const Tensor norm_old = Times(GatherRows(norm, grad.indices), r.beta2);
  const Tensor norm_rows = Op("Maximum", {norm_old, Unary("Abs", g)});
  const Change norm_change = write("ScatterUpdate", norm, norm_rows);

  const Tensor negative = Unary("Neg", r.learning_rate);
  const Tensor rate = Op("RealDiv", {negative, Minus(1, r.beta1_power)}, "truediv");
  const Tensor ratio = Op("RealDiv", {m_rows, Plus(norm_rows, r.epsilon)}, "truediv");
  const Change update = write("ScatterAdd", v, Times(rate, ratio));
  return Group({update.op, m_change.op, norm_change.op});
}

}  // namespace weft::train
