// SPDX-License-Identifier: Apache-2.0
// The loops of training ops for complex variables, one element at a time, and the table of all
// loops.
#include <complex>

#include "hwy/highway.h"
#include "kernels/cpu/update_rules-inl.h"
#include "kernels/cpu/update_rules.h"

HWY_BEFORE_NAMESPACE();
namespace weft {
namespace HWY_NAMESPACE {

template <typename T>
struct ComplexNumber {
  std::complex<T> v;

  static HWY_INLINE ComplexNumber Of(T x) { return {x}; }
  friend HWY_INLINE ComplexNumber operator+(ComplexNumber a, ComplexNumber b) {
    return {a.v + b.v};
  }
  friend HWY_INLINE ComplexNumber operator-(ComplexNumber a, ComplexNumber b) {
    return {a.v - b.v};
  }
  friend HWY_INLINE ComplexNumber operator*(ComplexNumber a, ComplexNumber b) {
    return {a.v * b.v};
  }
  friend HWY_INLINE ComplexNumber operator/(ComplexNumber a, ComplexNumber b) {
    return {a.v / b.v};
  }
  friend HWY_INLINE ComplexNumber Sqrt(ComplexNumber a) { return {std::sqrt(a.v)}; }
  friend HWY_INLINE ComplexNumber Rsqrt(ComplexNumber a) { return {T(1) / std::sqrt(a.v)}; }
};

template <typename T, template <class> class Rule>
void ComplexRun(const UpdateRun& run) {
  using N = ComplexNumber<T>;
  const N* const h = static_cast<const N*>(run.hyperparameters);
  const Rule<N> rule(h, run.option);
  const N* const gradient = static_cast<const N*>(run.gradient);
  for (int64_t i = 0; i < run.n; ++i) {
    N x[Rule<N>::kVariables];
    for (int k = 0; k < Rule<N>::kVariables; ++k) x[k] = static_cast<const N*>(run.from[k])[i];
    rule(x, gradient[i]);
    for (int k = 0; k < Rule<N>::kVariables; ++k) static_cast<N*>(run.to[k])[i] = x[k];
  }
}

// The others compare numbers, or have no complex form in TensorFlow.
template <typename T>
UpdateLoops ComplexLoops() {
  UpdateLoops loops = {};
  const auto set = [&](UpdateRule rule, UpdateLoop loop) {
    loops[static_cast<size_t>(rule)] = loop;
  };
  set(UpdateRule::kGradientDescent, ComplexRun<T, GradientDescentRule>);
  set(UpdateRule::kAdadelta, ComplexRun<T, AdadeltaRule>);
  set(UpdateRule::kAdagrad, ComplexRun<T, AdagradRule>);
  set(UpdateRule::kAdagradV2, ComplexRun<T, AdagradV2Rule>);
  set(UpdateRule::kMomentum, ComplexRun<T, MomentumRule>);
  set(UpdateRule::kKerasMomentum, ComplexRun<T, KerasMomentumRule>);
  set(UpdateRule::kAdam, ComplexRun<T, AdamRule>);
  set(UpdateRule::kRMSProp, ComplexRun<T, RMSPropRule>);
  set(UpdateRule::kCenteredRMSProp, ComplexRun<T, CenteredRMSPropRule>);
  return loops;
}

}  // namespace HWY_NAMESPACE
}  // namespace weft
HWY_AFTER_NAMESPACE();

namespace weft {

const UpdateLoops& Complex64UpdateLoops() {
  static const UpdateLoops loops = HWY_NAMESPACE::ComplexLoops<float>();
  return loops;
}
const UpdateLoops& Complex128UpdateLoops() {
  static const UpdateLoops loops = HWY_NAMESPACE::ComplexLoops<double>();
  return loops;
}

UpdateLoop FindUpdateLoop(UpdateRule rule, DataType dtype) {
  const auto of = [rule](const UpdateLoops& loops) { return loops[static_cast<size_t>(rule)]; };
  switch (dtype) {
    case kFloat32:
      return of(FloatUpdateLoops());
    case kFloat64:
      return of(DoubleUpdateLoops());
    case kFloat16:
      return of(HalfUpdateLoops());
    case kBfloat16:
      return of(Bfloat16UpdateLoops());
    case kComplex64:
      return of(Complex64UpdateLoops());
    case kComplex128:
      return of(Complex128UpdateLoops());
    default:
      return nullptr;
  }
}

}  // namespace weft
