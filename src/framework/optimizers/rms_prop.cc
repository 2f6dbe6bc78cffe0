// SPDX-License-Identifier: Apache-2.0
#include "src/framework/optimizers/update.h"
#include "weft/framework/variable_scope.h"
#include "weft/ops/basic.h"

namespace weft::train {

using internal::OpOf;

RMSPropOptimizer::RMSPropOptimizer(const Hyperparameter& learning_rate, const RMSPropOptions& o)
    : Optimizer(o.name, o.use_locking),
      learning_rate_(learning_rate),
      decay_(o.decay),
      momentum_(o.momentum),
      epsilon_(o.epsilon),
      centered_(o.centered) {}

void RMSPropOptimizer::CreateSlots(const std::vector<Variable>& variables) {
  for (const Variable& v : variables) {
    if (v.shape().IsFullyKnown())
      SlotWithInitializer(v, OnesInitializer(), "rms", name());
    else if (!GetSlot(v, "rms").valid())
      SlotWithValue(v, OnesLike(v), "rms", name());
    if (centered_) ZerosSlot(v, "mg", name());
    ZerosSlot(v, "momentum", name());
  }
}

void RMSPropOptimizer::Prepare() {
  learning_rate_tensor_ = learning_rate_.AsTensor("learning_rate");
  decay_tensor_ = decay_.AsTensor("decay");
  momentum_tensor_ = momentum_.AsTensor("momentum");
  epsilon_tensor_ = epsilon_.AsTensor("epsilon");
}

std::vector<Input> RMSPropOptimizer::Arguments(const Variable& v) const {
  std::vector<Input> arguments = {v.RefOrHandle()};
  if (centered_) arguments.push_back(GetSlot(v, "mg").RefOrHandle());
  arguments.push_back(GetSlot(v, "rms").RefOrHandle());
  arguments.push_back(GetSlot(v, "momentum").RefOrHandle());
  for (const Tensor& rate :
       {learning_rate_tensor_, decay_tensor_, momentum_tensor_, epsilon_tensor_})
    arguments.push_back(RateAs(rate, v.dtype()));
  return arguments;
}

Operation RMSPropOptimizer::ApplyDense(const Tensor& grad, const Variable& v) {
  return OpOf(DenseRule(centered_ ? "CenteredRMSProp" : "RMSProp", v), Joined(Arguments(v), {grad}),
              {}, {{"use_locking", use_locking()}});
}

Operation RMSPropOptimizer::ApplySparse(const IndexedSlices& grad, const Variable& v) {
  return OpOf(SparseRule(centered_ ? "CenteredRMSProp" : "RMSProp", v),
              Joined(Arguments(v), {grad.values, grad.indices}), {},
              {{"use_locking", use_locking()}});
}

}  // namespace weft::train
