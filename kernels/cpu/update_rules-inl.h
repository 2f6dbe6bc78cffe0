// SPDX-License-Identifier: Apache-2.0
// The formulas of training ops, as templates over the type N of the numbers they compute with: a
// vector of floats (update_numbers-inl.h) or a complex number (update_complex.cc).
//
// x[0] is the variable, x[1..] are its slots, g is the gradient; h are the hyperparameters and
// `option` is the switch of UpdateRun. They follow what TensorFlow's CPU kernels compute, operation
// by operation, for dense variables; where the sparse kernels arrange the same formula otherwise,
// the dense one is taken for both.
#if defined(WEFT_KERNELS_CPU_UPDATE_RULES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef WEFT_KERNELS_CPU_UPDATE_RULES_INL_H_
#undef WEFT_KERNELS_CPU_UPDATE_RULES_INL_H_
#else
#define WEFT_KERNELS_CPU_UPDATE_RULES_INL_H_
#endif

#include "hwy/highway.h"
#include "kernels/cpu/update_rules.h"

HWY_BEFORE_NAMESPACE();
namespace weft {
namespace HWY_NAMESPACE {

// var -= alpha g.
template <class N>
struct GradientDescentRule {
  static constexpr int kVariables = 1;
  N alpha;
  HWY_INLINE HWY_ATTR GradientDescentRule(const N* h, bool) : alpha(h[0]) {}
  HWY_INLINE HWY_ATTR void operator()(N* x, N g) const { x[0] = x[0] - g * alpha; }
};

// The value nearest to v under the penalty rate (l1 |v| + l2 v^2 / 2), before the division by
// 1 + rate l2: the soft threshold of FOBOS (Duchi and Singer, 2009).
template <class N>
HWY_INLINE HWY_ATTR N SoftThreshold(N v, N threshold) {
  return Sign(v) * Max(Abs(v) - threshold, N::Of(0));
}

// v = var - alpha g; var = sign(v) max(|v| - alpha l1, 0) / (1 + alpha l2).
template <class N>
struct ProximalGradientDescentRule {
  static constexpr int kVariables = 1;
  N alpha, threshold, scale;
  bool shrinks;
  HWY_INLINE HWY_ATTR ProximalGradientDescentRule(const N* h, bool)
      : alpha(h[0]),
        threshold(h[0] * h[1]),
        scale(N::Of(1) + h[2] * h[0]),
        shrinks(h[1].FirstLane() > 0) {}
  HWY_INLINE HWY_ATTR void operator()(N* x, N g) const {
    const N v = x[0] - g * alpha;
    x[0] = (shrinks ? SoftThreshold(v, threshold) : v) / scale;
  }
};

// Zeiler, 2012: steps are scaled by the ratio of two moving averages, of squared steps and of
// squared gradients.
template <class N>
struct AdadeltaRule {
  static constexpr int kVariables = 3;
  N rate, rho, rest, epsilon;
  HWY_INLINE HWY_ATTR AdadeltaRule(const N* h, bool)
      : rate(h[0]), rho(h[1]), rest(N::Of(1) - h[1]), epsilon(h[2]) {}
  HWY_INLINE HWY_ATTR void operator()(N* x, N g) const {
    x[1] = x[1] * rho + g * g * rest;
    const N step = Sqrt(x[2] + epsilon) * Rsqrt(x[1] + epsilon) * g;
    x[0] = x[0] - step * rate;
    x[2] = x[2] * rho + step * step * rest;
  }
};

// accum += g^2 if slots are updated; var -= lr g / sqrt(accum) (Duchi, Hazan and Singer, 2011).
template <class N>
struct AdagradRule {
  static constexpr int kVariables = 2;
  N rate;
  bool update_slots;
  HWY_INLINE HWY_ATTR AdagradRule(const N* h, bool option) : rate(h[0]), update_slots(option) {}
  HWY_INLINE HWY_ATTR void operator()(N* x, N g) const {
    if (update_slots) x[1] = x[1] + g * g;
    x[0] = x[0] - g * rate * Rsqrt(x[1]);
  }
};

// The same with sqrt(accum) + epsilon.
template <class N>
struct AdagradV2Rule {
  static constexpr int kVariables = 2;
  N rate, epsilon;
  bool update_slots;
  HWY_INLINE HWY_ATTR AdagradV2Rule(const N* h, bool option)
      : rate(h[0]), epsilon(h[1]), update_slots(option) {}
  HWY_INLINE HWY_ATTR void operator()(N* x, N g) const {
    if (update_slots) x[1] = x[1] + g * g;
    x[0] = x[0] - g * rate / (Sqrt(x[1]) + epsilon);
  }
};

// ProximalGradientDescent at the rate of Adagrad.
template <class N>
struct ProximalAdagradRule {
  static constexpr int kVariables = 2;
  N rate, l1, l2;
  bool shrinks;
  HWY_INLINE HWY_ATTR ProximalAdagradRule(const N* h, bool)
      : rate(h[0]), l1(h[1]), l2(h[2]), shrinks(h[1].FirstLane() > 0) {}
  HWY_INLINE HWY_ATTR void operator()(N* x, N g) const {
    x[1] = x[1] + g * g;
    const N adapted = rate * Rsqrt(x[1]);
    const N v = x[0] - g * adapted;
    x[0] = (shrinks ? SoftThreshold(v, adapted * l1) : v) / (N::Of(1) + l2 * adapted);
  }
};

// Dual averaging: with the sums s of gradients and q of their squares and the step number t,
// var = -lr sign(s) max(|s| - l1 t, 0) / (l2 t lr + sqrt(q)).
template <class N>
struct AdagradDARule {
  static constexpr int kVariables = 3;
  N negative_rate, threshold, penalty;
  bool shrinks;
  HWY_INLINE HWY_ATTR AdagradDARule(const N* h, bool)
      : negative_rate(h[0] * N::Of(-1)),
        threshold(h[3] * h[1]),
        penalty(h[2] * (h[3] * h[0])),
        shrinks(h[1].FirstLane() > 0) {}
  HWY_INLINE HWY_ATTR void operator()(N* x, N g) const {
    x[1] = x[1] + g;
    x[2] = x[2] + g * g;
    const N denominator = penalty + Sqrt(x[2]);
    const N sum = shrinks ? SoftThreshold(x[1], threshold) : x[1];
    x[0] = negative_rate * sum / denominator;
  }
};

// "Ad Click Prediction" (McMahan et al., 2013). With n' = n + g^2 and s = (n'^-p - n^-p) / lr,
// linear += g + 2 shrinkage var - s var; var = (l1 sign(linear) - linear) / (n'^-p / lr + 2 l2)
// where |linear| > l1, else 0. With the option `linear` is kept multiplied by lr.
template <class N, bool kShrinks>
struct FtrlRuleOf {
  static constexpr int kVariables = 3;
  N rate, bound, penalty, shrinkage, exponent;
  bool root, by_rate;
  HWY_INLINE HWY_ATTR FtrlRuleOf(const N* h, bool option)
      : rate(h[0]),
        bound(option ? h[1] * h[0] : h[1]),
        penalty(option ? N::Of(2) * h[2] * h[0] : N::Of(2) * h[2]),
        shrinkage(N::Of(2) * h[3]),
        exponent(N::Of(0) - h[kShrinks ? 4 : 3]),
        root(exponent.FirstLane() == 0.5f),
        by_rate(option) {}
  HWY_INLINE HWY_ATTR N Power(N n) const { return root ? Sqrt(n) : Pow(n, exponent); }
  HWY_INLINE HWY_ATTR void operator()(N* x, N g) const {
    const N n = x[1] + g * g;
    const N power = Power(n);
    const N change = power - Power(x[1]);
    const N pull = kShrinks ? g + shrinkage * x[0] : g;
    x[2] = x[2] + (by_rate ? pull * rate - change * x[0] : pull - change / rate * x[0]);
    const N quotient = (bound * Sign(x[2]) - x[2]) / ((by_rate ? power : power / rate) + penalty);
    x[0] = IfGreater(Abs(x[2]), bound, quotient, N::Of(0));
    x[1] = n;
  }
};
template <class N>
using FtrlRule = FtrlRuleOf<N, false>;
template <class N>
using FtrlV2Rule = FtrlRuleOf<N, true>;

// accum = momentum accum + g; var -= lr accum, or with Nesterov's variant
// var -= lr (g + momentum accum).
template <class N>
struct MomentumRule {
  static constexpr int kVariables = 2;
  N rate, momentum;
  bool nesterov;
  HWY_INLINE HWY_ATTR MomentumRule(const N* h, bool option)
      : rate(h[0]), momentum(h[1]), nesterov(option) {}
  HWY_INLINE HWY_ATTR void operator()(N* x, N g) const {
    x[1] = x[1] * momentum + g;
    x[0] = x[0] - (nesterov ? g * rate + x[1] * momentum * rate : x[1] * rate);
  }
};

// accum = momentum accum - lr g; var += accum, or var += momentum accum - lr g.
template <class N>
struct KerasMomentumRule {
  static constexpr int kVariables = 2;
  N rate, momentum;
  bool nesterov;
  HWY_INLINE HWY_ATTR KerasMomentumRule(const N* h, bool option)
      : rate(h[0]), momentum(h[1]), nesterov(option) {}
  HWY_INLINE HWY_ATTR void operator()(N* x, N g) const {
    const N step = g * rate;
    x[1] = x[1] * momentum - step;
    x[0] = x[0] + (nesterov ? x[1] * momentum - step : x[1]);
  }
};

// Kingma and Ba, 2015, with the bias corrections in alpha:
// alpha = lr sqrt(1 - beta2^t) / (1 - beta1^t); var -= alpha m / (sqrt(v) + epsilon).
// h: beta1^t, beta2^t, lr, beta1, beta2, epsilon.
template <class N>
struct AdamMoments {
  N alpha, rest1, rest2, epsilon;
  HWY_INLINE HWY_ATTR explicit AdamMoments(const N* h)
      : alpha(h[2] * Sqrt(N::Of(1) - h[1]) / (N::Of(1) - h[0])),
        rest1(N::Of(1) - h[3]),
        rest2(N::Of(1) - h[4]),
        epsilon(h[5]) {}
  HWY_INLINE HWY_ATTR void Accumulate(N* x, N g) const {
    x[1] = x[1] + (g - x[1]) * rest1;
    x[2] = x[2] + (g * g - x[2]) * rest2;
  }
};
template <class N>
struct AdamRule {
  static constexpr int kVariables = 3;
  AdamMoments<N> moments;
  N beta1;
  bool nesterov;
  HWY_INLINE HWY_ATTR AdamRule(const N* h, bool option)
      : moments(h), beta1(h[3]), nesterov(option) {}
  HWY_INLINE HWY_ATTR void operator()(N* x, N g) const {
    moments.Accumulate(x, g);
    const N m = nesterov ? g * moments.rest1 + beta1 * x[1] : x[1];
    x[0] = x[0] - m * moments.alpha / (Sqrt(x[2]) + moments.epsilon);
  }
};

// Adam with the largest v seen, x[3], in v's place (Reddi, Kale and Kumar, 2018).
template <class N>
struct AdamWithAmsgradRule {
  static constexpr int kVariables = 4;
  AdamMoments<N> moments;
  HWY_INLINE HWY_ATTR AdamWithAmsgradRule(const N* h, bool) : moments(h) {}
  HWY_INLINE HWY_ATTR void operator()(N* x, N g) const {
    moments.Accumulate(x, g);
    x[3] = Max(x[3], x[2]);
    x[0] = x[0] - x[1] * moments.alpha / (Sqrt(x[3]) + moments.epsilon);
  }
};

// Adam's section 7.1: v = max(beta2 v, |g|); var -= lr / (1 - beta1^t) m / (v + epsilon).
// h: beta1^t, lr, beta1, beta2, epsilon.
template <class N>
struct AdaMaxRule {
  static constexpr int kVariables = 3;
  N alpha, rest1, beta2, epsilon;
  HWY_INLINE HWY_ATTR AdaMaxRule(const N* h, bool)
      : alpha(h[1] / (N::Of(1) - h[0])), rest1(N::Of(1) - h[2]), beta2(h[3]), epsilon(h[4]) {}
  HWY_INLINE HWY_ATTR void operator()(N* x, N g) const {
    x[1] = x[1] + (g - x[1]) * rest1;
    x[2] = Max(beta2 * x[2], Abs(g));
    x[0] = x[0] - alpha * (x[1] / (x[2] + epsilon));
  }
};

// ms += (1 - rho) (g^2 - ms); mom = momentum mom + lr g / sqrt(ms + epsilon); var -= mom.
// h: lr, rho, momentum, epsilon.
template <class N>
struct RMSPropRule {
  static constexpr int kVariables = 3;
  N rate, rest, momentum, epsilon;
  HWY_INLINE HWY_ATTR RMSPropRule(const N* h, bool)
      : rate(h[0]), rest(N::Of(1) - h[1]), momentum(h[2]), epsilon(h[3]) {}
  HWY_INLINE HWY_ATTR void operator()(N* x, N g) const {
    x[1] = x[1] + (g * g - x[1]) * rest;
    x[2] = x[2] * momentum + g * rate / Sqrt(x[1] + epsilon);
    x[0] = x[0] - x[2];
  }
};

// The same with the variance ms - mg^2 in place of ms; x: var, mg, ms, mom.
template <class N>
struct CenteredRMSPropRule {
  static constexpr int kVariables = 4;
  N rate, rest, momentum, epsilon;
  HWY_INLINE HWY_ATTR CenteredRMSPropRule(const N* h, bool)
      : rate(h[0]), rest(N::Of(1) - h[1]), momentum(h[2]), epsilon(h[3]) {}
  HWY_INLINE HWY_ATTR void operator()(N* x, N g) const {
    x[2] = x[2] + (g * g - x[2]) * rest;
    x[1] = x[1] + (g - x[1]) * rest;
    const N variance = x[2] - x[1] * x[1];
    x[3] = x[3] * momentum + g * rate / Sqrt(variance + epsilon);
    x[0] = x[0] - x[3];
  }
};

// m = beta m + (1 - beta) g; a = sign(g) sign(m) (Bello et al., 2017).
// AddSign: var -= lr (alpha + sign_decay a) g.   h: lr, alpha, sign_decay, beta.
template <class N>
struct AddSignRule {
  static constexpr int kVariables = 2;
  N rate, alpha, sign_decay, beta, rest;
  HWY_INLINE HWY_ATTR AddSignRule(const N* h, bool)
      : rate(h[0]), alpha(h[1]), sign_decay(h[2]), beta(h[3]), rest(N::Of(1) - h[3]) {}
  HWY_INLINE HWY_ATTR void operator()(N* x, N g) const {
    x[1] = x[1] * beta + g * rest;
    x[0] = x[0] - rate * (alpha + sign_decay * (Sign(g) * Sign(x[1]))) * g;
  }
};

// PowerSign: var -= lr exp(logbase sign_decay a) g.   h: lr, logbase, sign_decay, beta.
template <class N>
struct PowerSignRule {
  static constexpr int kVariables = 2;
  // exp takes the exponents p, 0 and -p alone.
  N rate, beta, rest, exp_p, exp_minus_p;
  HWY_INLINE HWY_ATTR PowerSignRule(const N* h, bool)
      : rate(h[0]),
        beta(h[3]),
        rest(N::Of(1) - h[3]),
        exp_p(Exp(h[1] * h[2])),
        exp_minus_p(Exp(N::Of(0) - h[1] * h[2])) {}
  HWY_INLINE HWY_ATTR void operator()(N* x, N g) const {
    x[1] = x[1] * beta + g * rest;
    const N a = Sign(g) * Sign(x[1]);
    const N zero = N::Of(0);
    // Not greater, not less: 1, or NaN if a is.
    const N level = IfGreater(zero, a, exp_minus_p, N::Of(1) + a);
    x[0] = x[0] - rate * IfGreater(a, zero, exp_p, level) * g;
  }
};

}  // namespace HWY_NAMESPACE
}  // namespace weft
HWY_AFTER_NAMESPACE();

#endif
