// SPDX-License-Identifier: Apache-2.0
// AddSign and PowerSign, and the decays of their signs.
#include <cmath>
#include <numbers>

#include "src/core/status.h"
#include "src/framework/optimizers/update.h"
#include "src/ops/operators.h"
#include "weft/framework/train/contrib_optimizers.h"
#include "weft/ops/control.h"

namespace weft::train {

using internal::CastTo;
using internal::Minus;
using internal::Op;
using internal::OpOf;
using internal::Plus;
using internal::Times;
using internal::Unary;

// ---- what both have in common -------------------------------------------------------------------

SignOptimizer::SignOptimizer(const Hyperparameter& learning_rate, const Hyperparameter& beta,
                             SignDecay decay, std::string name, bool use_locking)
    : Optimizer(std::move(name), use_locking),
      learning_rate_(learning_rate),
      beta_(beta),
      decay_(std::move(decay)) {}

Operation SignOptimizer::ApplyGradients(const std::vector<GradAndVar>& grads_and_vars,
                                        const ApplyGradientsOptions& o) {
  if (decay_) decay_tensor_ = decay_(o.global_step);
  return Optimizer::ApplyGradients(grads_and_vars, o);
}

void SignOptimizer::CreateSlots(const std::vector<Variable>& variables) {
  for (const Variable& v : variables) ZerosSlot(v, "m", name());
}

void SignOptimizer::Prepare() {
  learning_rate_tensor_ = learning_rate_.AsTensor("learning_rate");
  beta_tensor_ = beta_.AsTensor("beta");
  if (!decay_) decay_tensor_ = AsTensor(1.0f, kFloat32, "sign_decay");
}

Operation SignOptimizer::ApplySparse(const IndexedSlices& grad, const Variable& v) {
  const Tensor g = grad.values;
  const Input rate = RateAs(learning_rate_tensor_, v.dtype());
  const Input beta = RateAs(beta_tensor_, v.dtype());
  const Variable m = GetSlot(v, "m");
  const Change decayed = AssignTo(m, m * beta.tensor(), use_locking());
  const Change mean = [&] {
    const Tensor rows = Times(g, Minus(1, beta));
    const ControlDependencies after({decayed.op});
    return ScatterRows("ScatterAdd", m, grad.indices, rows, use_locking());
  }();
  const Tensor sign_m = Unary("Sign", Op("GatherV2", {mean.value, grad.indices, 0}));
  const Tensor signs = Times(sign_m, Unary("Sign", g));
  const Tensor factor = Factor(signs, RateAs(decay_tensor_, v.dtype()).tensor(), v);
  const Change update =
      ScatterRows("ScatterSub", v, grad.indices, Times(Times(rate, factor), g), use_locking());
  return Group({update.op, mean.op});
}

// ---- AddSign ------------------------------------------------------------------------------------

AddSignOptimizer::AddSignOptimizer(const Hyperparameter& learning_rate, const AddSignOptions& o)
    : SignOptimizer(learning_rate, o.beta, o.sign_decay_fn, o.name, o.use_locking),
      alpha_(o.alpha) {}

void AddSignOptimizer::Prepare() {
  SignOptimizer::Prepare();
  alpha_tensor_ = alpha_.AsTensor("alpha");
}

Operation AddSignOptimizer::ApplyDense(const Tensor& grad, const Variable& v) {
  const DataType dtype = v.dtype();
  const Input rate = RateAs(learning_rate_tensor_, dtype), alpha = RateAs(alpha_tensor_, dtype);
  const Input decay = RateAs(decay_tensor_, dtype), beta = RateAs(beta_tensor_, dtype);
  return OpOf(DenseRule("AddSign", v),
              {v.RefOrHandle(), GetSlot(v, "m").RefOrHandle(), rate, alpha, decay, beta, grad}, {},
              {{"use_locking", use_locking()}});
}

Tensor AddSignOptimizer::Factor(const Tensor& signs, const Tensor& decay, const Variable& v) {
  return Plus(RateAs(alpha_tensor_, v.dtype()), Times(decay, signs));
}

// ---- PowerSign ----------------------------------------------------------------------------------

PowerSignOptimizer::PowerSignOptimizer(const Hyperparameter& learning_rate,
                                       const PowerSignOptions& o)
    : SignOptimizer(learning_rate, o.beta, o.sign_decay_fn, o.name, o.use_locking),
      log_base_(std::log(o.base)) {
  CheckPositive("base", o.base);
}

void PowerSignOptimizer::Prepare() {
  SignOptimizer::Prepare();
  log_base_tensor_ = AsTensor(log_base_, kFloat32, "logbase");
}

Operation PowerSignOptimizer::ApplyDense(const Tensor& grad, const Variable& v) {
  const DataType dtype = v.dtype();
  const Input rate = RateAs(learning_rate_tensor_, dtype);
  const Input log_base = RateAs(log_base_tensor_, dtype);
  const Input decay = RateAs(decay_tensor_, dtype), beta = RateAs(beta_tensor_, dtype);
  return OpOf(DenseRule("PowerSign", v),
              {v.RefOrHandle(), GetSlot(v, "m").RefOrHandle(), rate, log_base, decay, beta, grad},
              {}, {{"use_locking", use_locking()}});
}

Tensor PowerSignOptimizer::Factor(const Tensor& signs, const Tensor& decay, const Variable& v) {
  const Tensor exponent = Times(RateAs(log_base_tensor_, v.dtype()), decay);
  return Unary("Exp", Times(exponent, signs));
}

// ---- decays -------------------------------------------------------------------------------------

namespace {

// min(step, decay_steps) as a float.
Tensor StepUpTo(const Variable& global_step, int64_t decay_steps, const char* what) {
  if (!global_step.valid())
    ThrowError(Code::kInvalidArgument, StrCat("global_step is required for ", what, "."));
  const Tensor limit = AsTensor(Array(decay_steps), kInvalidType, "decay_steps");
  const Tensor step = CastTo(global_step, kInt64);
  return CastTo(Op("Minimum", {step, limit}), kFloat32, "ToFloat");
}

// (1 + cos(pi fraction)) / 2, or 0 where `position` reached the end.
Tensor HalfCosine(const Tensor& fraction, const Tensor& position,
                  const std::optional<double>& zero_after) {
  const Tensor angle = Times(AsTensor(std::numbers::pi, kFloat32, "Const"), fraction);
  const Tensor decayed = Times(0.5, Plus(1.0, Unary("Cos", angle)));
  if (!zero_after) return decayed;
  const Tensor over = Op("GreaterEqual", {position, *zero_after});
  return Op("Select", {over, Unary("ZerosLike", decayed), decayed});
}

}  // namespace

SignDecay LinearSignDecay(int64_t decay_steps) {
  CheckPositive("decay_steps", static_cast<double>(decay_steps));
  return [=](const Variable& global_step) {
    const GraphScope use(global_step.valid() ? global_step.graph() : Graph::Default());
    const auto steps = static_cast<double>(decay_steps);
    const Tensor left = Minus(steps, StepUpTo(global_step, decay_steps, "linear_decay"));
    return Op("Maximum", {0.0, Op("RealDiv", {left, steps}, "truediv")});
  };
}

SignDecay CosineSignDecay(int64_t decay_steps, const SignDecayOptions& o) {
  CheckPositive("decay_steps", static_cast<double>(decay_steps));
  return [=](const Variable& global_step) {
    const GraphScope use(global_step.valid() ? global_step.graph() : Graph::Default());
    const Tensor step = StepUpTo(global_step, decay_steps, "cosine_decay");
    const Tensor done = Op("RealDiv", {step, static_cast<double>(decay_steps)}, "truediv");
    const Tensor periods = Times(o.num_periods, done);
    return HalfCosine(Times(2.0, periods), periods, o.zero_after);
  };
}

SignDecay RestartSignDecay(int64_t decay_steps, const SignDecayOptions& o) {
  CheckPositive("decay_steps", static_cast<double>(decay_steps));
  return [=](const Variable& global_step) {
    const GraphScope use(global_step.valid() ? global_step.graph() : Graph::Default());
    const auto steps = static_cast<double>(decay_steps);
    const Tensor periods =
        Times(o.num_periods, StepUpTo(global_step, decay_steps, "restart_decay"));
    const Tensor fraction =
        Op("RealDiv", {Op("FloorMod", {periods, steps}, "mod"), steps}, "truediv");
    return HalfCosine(fraction, Op("RealDiv", {periods, steps}, "truediv"), o.zero_after);
  };
}

}  // namespace weft::train
