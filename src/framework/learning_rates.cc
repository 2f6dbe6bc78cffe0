// SPDX-License-Identifier: Apache-2.0
// Learning rates that depend on the step; the nodes are those of tf.compat.v1.train.
#include <numbers>

#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/framework/cond_nodes.h"
#include "src/framework/nodes.h"
#include "src/ops/operators.h"
#include "weft/framework/train/training_util.h"
#include "weft/ops/random.h"

namespace weft::train {
namespace {

using internal::CastTo;
using internal::Minus;
using internal::Op;
using internal::Plus;
using internal::Times;
using internal::Unary;

Tensor Quotient(const Input& a, const Input& b) { return Op("RealDiv", {a, b}, "truediv"); }

// A rate and the scope that it is computed in: Python's literals are float32.
struct Decay {
  Decay(const std::string& name, const char* default_name, const Input& learning_rate,
        const Input& global_step)
      : scope(name, default_name, {&global_step, &learning_rate}),
        initial(AsTensor(learning_rate, learning_rate.dtype() == kFloat64 ? kFloat32 : kInvalidType,
                         "initial_learning_rate")),
        dtype(RemoveRef(initial.dtype())) {}
  Tensor Cast(const Input& x) const { return CastTo(x, dtype); }
  Tensor Literal(double value, const char* name) const { return AsTensor(value, dtype, name); }

  OpScope scope;
  Tensor initial;
  DataType dtype;
};

// (1 + cos(pi fraction)) / 2.
Tensor HalfCosine(const Decay& d, const Tensor& fraction) {
  const Tensor angle = Times(d.Literal(std::numbers::pi, "Const"), fraction);
  return Times(0.5, Plus(1.0, Unary("Cos", angle)));
}

}  // namespace

Tensor ExponentialDecay(const Input& learning_rate, const Input& global_step,
                        const Input& decay_steps, const Input& decay_rate,
                        const ExponentialDecayOptions& o) {
  const Decay d(o.name, "ExponentialDecay", learning_rate, global_step);
  const Tensor steps = d.Cast(decay_steps), rate = d.Cast(decay_rate);
  Tensor p = Quotient(d.Cast(global_step), steps);
  if (o.staircase) p = Unary("Floor", p);
  return Op("Mul", {d.initial, Op("Pow", {rate, p})}, d.scope.name());
}

Tensor NaturalExpDecay(const Input& learning_rate, const Input& global_step,
                       const Input& decay_steps, const Input& decay_rate,
                       const ExponentialDecayOptions& o) {
  const GraphScope use(GraphOf({&global_step, &learning_rate, &decay_rate}));
  const Tensor negative =
      OpBuilder("Neg", NameOptions()).In(decay_rate).PreferDtype(kFloat32).Output();
  return ExponentialDecay(learning_rate, global_step, decay_steps, Unary("Exp", negative), o);
}

Tensor InverseTimeDecay(const Input& learning_rate, const Input& global_step,
                        const Input& decay_steps, const Input& decay_rate,
                        const ExponentialDecayOptions& o) {
  const Decay d(o.name, "InverseTimeDecay", learning_rate, global_step);
  const Tensor steps = d.Cast(decay_steps), rate = d.Cast(decay_rate);
  Tensor p = Quotient(d.Cast(global_step), steps);
  if (o.staircase) p = Unary("Floor", p);
  const Tensor one = d.Cast(AsTensor(1, kInt32, "Const"));
  const Tensor grown = Op("Mul", {rate, p});
  return Op("RealDiv", {d.initial, Op("AddV2", {one, grown}, "Add")}, d.scope.name());
}

Tensor PolynomialDecay(const Input& learning_rate, const Input& global_step,
                       const Input& decay_steps, const PolynomialDecayOptions& o) {
  const Decay d(o.name, "PolynomialDecay", learning_rate, global_step);
  const Tensor end = d.Cast(o.end_learning_rate), power = d.Cast(o.power);
  Tensor step = d.Cast(global_step), steps = d.Cast(decay_steps);
  if (o.cycle) {
    const Tensor first = Op("Equal", {step, 0});
    const Input divisor = decay_steps.is_tensor() ? Input(steps) : decay_steps;
    const Tensor periods = Unary("Ceil", Quotient(step, divisor));
    steps = Op("Mul", {steps, Op("SelectV2", {first, 1.0, periods})});
  } else {
    step = Op("Minimum", {step, steps});
  }
  const Tensor p = Quotient(step, steps);
  const Tensor range = Minus(d.initial, end);
  const Tensor scaled = Op("Mul", {range, Op("Pow", {Minus(1.0, p), power})});
  return Op("AddV2", {scaled, end}, d.scope.name());
}

Tensor CosineDecay(const Input& learning_rate, const Input& global_step, const Input& decay_steps,
                   const CosineDecayOptions& o) {
  const Decay d(o.name, "CosineDecay", learning_rate, global_step);
  const Tensor steps = d.Cast(decay_steps);
  const Tensor step = Op("Minimum", {d.Cast(global_step), steps});
  const Tensor scaled = Times(1 - o.alpha, HalfCosine(d, Quotient(step, steps)));
  return Op("Mul", {d.initial, Plus(scaled, o.alpha)});
}

namespace {

// How often the cosine began anew, and where it is in its period, in [0, 1).
struct Restart {
  Tensor count, fraction;
};

// All periods are equally long.
Restart OfEqualPeriods(const internal::CondNodes& cond, const Tensor& completed) {
  Tensor entered;
  const Tensor count = [&] {
    const NameScope scope("Floor");
    entered = cond.Enter(completed, true);
    return Op("Floor", {entered}, scope.name());
  }();
  return {count, Minus(entered, count)};
}

// Period i is t_mul^i times as long: count = floor(log(1 - completed (1 - t_mul)) / log(t_mul)).
Restart OfGrowingPeriods(const internal::CondNodes& cond, const Decay& d, const Tensor& completed,
                         const Tensor& t_mul) {
  const auto one_minus = [&](const Tensor& x) {
    const NameScope scope("sub");
    return Op("Sub", {cond.Constant(1.0, d.dtype, "x", false), x}, scope.name());
  };
  Tensor ratio, done;
  const Tensor excess = [&] {
    const NameScope scope("sub");
    const Tensor one = cond.Constant(1.0, d.dtype, "x", false);
    ratio = cond.Enter(t_mul, false);
    return Op("Sub", {one, ratio}, scope.name());
  }();
  const Tensor product = [&] {
    const NameScope scope("mul");
    done = cond.Enter(completed, false);
    return Op("Mul", {done, excess}, scope.name());
  }();
  const Tensor log = Unary("Log", one_minus(product));
  const Tensor count = Unary("Floor", Quotient(log, Unary("Log", ratio)));
  // The sum of all earlier periods.
  const Tensor numerator = one_minus(Op("Pow", {ratio, count}, "pow"));
  const Tensor sum = Quotient(numerator, one_minus(ratio));
  const Tensor since = Minus(done, sum);
  return {count, Quotient(since, Op("Pow", {ratio, count}, "pow"))};
}

Restart RestartOf(const Decay& d, const Tensor& completed, const Tensor& t_mul) {
  const Tensor equal = Op("Equal", {t_mul, 1.0});
  const NameScope scope("cond");
  const internal::CondNodes cond(equal);
  const Restart yes = OfEqualPeriods(cond, completed);
  const Restart no = OfGrowingPeriods(cond, d, completed, t_mul);
  const Tensor count = internal::CondNodes::Merge(no.count, yes.count);
  return {count, internal::CondNodes::Merge(no.fraction, yes.fraction)};
}

}  // namespace

Tensor CosineDecayRestarts(const Input& learning_rate, const Input& global_step,
                           const Input& first_decay_steps, const CosineDecayRestartsOptions& o) {
  const Decay d(o.name, "SGDRDecay", learning_rate, global_step);
  const Tensor steps = d.Cast(first_decay_steps), alpha = d.Cast(o.alpha);
  const Tensor t_mul = d.Cast(o.t_mul), m_mul = d.Cast(o.m_mul);
  const Restart restart = RestartOf(d, Quotient(d.Cast(global_step), steps), t_mul);
  const Tensor half = Times(0.5, Op("Pow", {m_mul, restart.count}, "pow"));
  const Tensor angle = Times(d.Literal(std::numbers::pi, "Const"), restart.fraction);
  const Tensor cosine = Times(half, Plus(1.0, Unary("Cos", angle)));
  const Tensor decayed = Plus(Times(Minus(1, alpha), cosine), alpha);
  return Op("Mul", {d.initial, decayed}, d.scope.name());
}

Tensor LinearCosineDecay(const Input& learning_rate, const Input& global_step,
                         const Input& decay_steps, const LinearCosineDecayOptions& o) {
  const Decay d(o.name, "LinearCosineDecay", learning_rate, global_step);
  const Tensor steps = d.Cast(decay_steps), periods = d.Cast(o.num_periods);
  const Tensor alpha = d.Cast(o.alpha), beta = d.Cast(o.beta);
  const Tensor step = Op("Minimum", {d.Cast(global_step), steps});
  const Tensor linear = Quotient(Minus(steps, step), steps);
  const Tensor completed = Quotient(step, steps);
  const Tensor cosine = HalfCosine(d, Times(Times(2.0, periods), completed));
  const Tensor decayed = Plus(Times(Plus(alpha, linear), cosine), beta);
  return Op("Mul", {d.initial, decayed}, d.scope.name());
}

Tensor NoisyLinearCosineDecay(const Input& learning_rate, const Input& global_step,
                              const Input& decay_steps, const NoisyLinearCosineDecayOptions& o) {
  const Decay d(o.name, "NoisyLinearCosineDecay", learning_rate, global_step);
  const Tensor steps = d.Cast(decay_steps), variance = d.Cast(o.initial_variance);
  const Tensor variance_decay = d.Cast(o.variance_decay), periods = d.Cast(o.num_periods);
  const Tensor alpha = d.Cast(o.alpha), beta = d.Cast(o.beta);
  const Tensor step = Op("Minimum", {d.Cast(global_step), steps});
  const Tensor linear = Quotient(Minus(steps, step), steps);
  const Tensor fall = Op("Pow", {Plus(1.0, step), variance_decay});
  const Tensor stddev = Unary("Sqrt", Quotient(variance, fall));
  const Tensor noise = RandomNormal(linear.shape().ToShape(), {.stddev = stddev, .dtype = d.dtype});
  const Tensor noisy = Plus(linear, noise);
  const Tensor completed = Quotient(step, steps);
  const Tensor cosine = HalfCosine(d, Times(Times(2.0, periods), completed));
  const Tensor decayed = Plus(Times(Plus(alpha, noisy), cosine), beta);
  return Op("Mul", {d.initial, decayed}, d.scope.name());
}

}  // namespace weft::train
