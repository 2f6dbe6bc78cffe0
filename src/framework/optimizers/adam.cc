// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "src/framework/optimizers/update.h"
#include "src/ops/operators.h"
#include "weft/ops/control.h"

namespace weft::train {

using internal::Op;
using internal::OpOf;

AdamOptimizer::AdamOptimizer(const Hyperparameter& learning_rate, const AdamOptions& o)
    : Optimizer(o.name, o.use_locking),
      learning_rate_(learning_rate),
      beta1_(o.beta1),
      beta2_(o.beta2),
      epsilon_(o.epsilon) {}

void AdamOptimizer::CreateSlots(const std::vector<Variable>& variables) {
  // One place for the powers, whatever order the variables come in.
  const Variable first =
      *std::min_element(variables.begin(), variables.end(),
                        [](const Variable& a, const Variable& b) { return a.name() < b.name(); });
  CreateNonSlotVariable(beta1_, "beta1_power", first);
  CreateNonSlotVariable(beta2_, "beta2_power", first);
  for (const Variable& v : variables) {
    ZerosSlot(v, "m", name());
    ZerosSlot(v, "v", name());
  }
}

void AdamOptimizer::Prepare() {
  learning_rate_tensor_ = learning_rate_.AsTensor("learning_rate");
  beta1_tensor_ = beta1_.AsTensor("beta1");
  beta2_tensor_ = beta2_.AsTensor("beta2");
  epsilon_tensor_ = epsilon_.AsTensor("epsilon");
}

AdamOptimizer::Rates AdamOptimizer::RatesFor(const Variable& v) const {
  const DataType dtype = v.dtype();
  return {RateAs(NonSlotVariable("beta1_power", v.graph()), dtype),
          RateAs(NonSlotVariable("beta2_power", v.graph()), dtype),
          RateAs(learning_rate_tensor_, dtype),
          RateAs(beta1_tensor_, dtype),
          RateAs(beta2_tensor_, dtype),
          RateAs(epsilon_tensor_, dtype)};
}

Operation AdamOptimizer::ApplyDense(const Tensor& grad, const Variable& v) {
  const Rates r = RatesFor(v);
  return OpOf(DenseRule("Adam", v),
              {v.RefOrHandle(), GetSlot(v, "m").RefOrHandle(), GetSlot(v, "v").RefOrHandle(),
               r.beta1_power, r.beta2_power, r.learning_rate, r.beta1, r.beta2, r.epsilon, grad},
              {}, {{"use_locking", use_locking()}});
}

// The slots decay everywhere, then rows are added to them.
Operation AdamOptimizer::ApplySparse(const IndexedSlices& grad, const Variable& v) {
  using internal::Minus, internal::Plus, internal::Times, internal::Unary;
  const Rates r = RatesFor(v);
  const Tensor g = grad.values;
  // lr * sqrt(1 - beta2^t) / (1 - beta1^t)
  const Tensor unbiased = Times(r.learning_rate, Unary("Sqrt", Minus(1, r.beta2_power)));
  const Tensor rate = Op("RealDiv", {unbiased, Minus(1, r.beta1_power)}, "truediv");

  const auto decay_and_add = [&](const char* slot, const Input& beta, const Tensor& rows) {
    const Variable s = GetSlot(v, slot);
    const Change decayed = AssignTo(s, s * beta.tensor(), use_locking());
    const ControlDependencies after({decayed.op});
    return ScatterRows("ScatterAdd", s, grad.indices, rows, use_locking());
  };
  const Tensor m_rows = Times(g, Minus(1, r.beta1));
  const Change m = decay_and_add("m", r.beta1, m_rows);
  const Tensor squares = Times(g, g);
  const Tensor v_rows = Times(squares, Minus(1, r.beta2));
  const Change second = decay_and_add("v", r.beta2, v_rows);

  const Tensor root = Unary("Sqrt", second.value);
  const Tensor numerator = Times(rate, m.value);
  const Tensor step = Op("RealDiv", {numerator, Plus(root, r.epsilon)}, "truediv");
  const Change update = SubtractFrom(v, step, use_locking());
  return Group({update.op, m.op, second.op});
}

Operation AdamOptimizer::Finish(const std::vector<Operation>& updates, const std::string& name) {
  const Graph graph = updates[0].graph();
  const Variable beta1_power = NonSlotVariable("beta1_power", graph);
  const Variable beta2_power = NonSlotVariable("beta2_power", graph);
  std::vector<Operation> all = updates;
  {
    const ControlDependencies after(updates, graph);
    const ColocateWith colocate(beta1_power.op());
    all.push_back(AssignTo(beta1_power, beta1_power * beta1_tensor_, use_locking()).op);
    all.push_back(AssignTo(beta2_power, beta2_power * beta2_tensor_, use_locking()).op);
  }
  return Group(all, name);
}

}  // namespace weft::train
