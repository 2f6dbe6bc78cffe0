// SPDX-License-Identifier: Apache-2.0
// What the rules of training ops compute with, for floats: vectors whose operations are rounded one
// by one, and the loops over runs. For files that are compiled once an instruction set (Highway).
#if defined(WEFT_KERNELS_CPU_UPDATE_NUMBERS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef WEFT_KERNELS_CPU_UPDATE_NUMBERS_INL_H_
#undef WEFT_KERNELS_CPU_UPDATE_NUMBERS_INL_H_
#else
#define WEFT_KERNELS_CPU_UPDATE_NUMBERS_INL_H_
#endif

#include <algorithm>
#include <cmath>
#include <cstring>

#include "hwy/highway.h"
#include "kernels/cpu/update_rules-inl.h"
#include "kernels/cpu/update_rules.h"
#include "kernels/cpu/widen.h"

HWY_BEFORE_NAMESPACE();
namespace weft {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// What every result is rounded to.
struct Exact {
  template <class D, class V>
  static HWY_INLINE HWY_ATTR V Of(D, V v) {
    return v;
  }
};

// To the nearest binary16, the even one of two; kept as float.
struct ToHalf {
  template <class D, class V>
  static HWY_INLINE HWY_ATTR V Of(D d, V v) {
#if HWY_TARGET <= HWY_AVX2  // better targets have lower numbers; these convert in hardware
    return hn::PromoteTo(d, hn::DemoteTo(hn::Rebind<hwy::float16_t, D>(), v));
#else
    const hn::RebindToUnsigned<D> du;
    const V magnitude = hn::Abs(v);
    const auto bits = hn::BitCast(du, magnitude);
    const auto odd = hn::And(hn::ShiftRight<13>(bits), hn::Set(du, 1u));
    const auto up = hn::Add(hn::Add(bits, hn::Set(du, 0xfffu)), odd);
    const V normal = hn::BitCast(d, hn::And(up, hn::Set(du, 0xffffe000u)));
    // Below 2^-14 the steps are 2^-24, as those of float are from 0.5 on.
    const V small = hn::Sub(hn::Add(magnitude, hn::Set(d, 0.5f)), hn::Set(d, 0.5f));
    V r = hn::IfThenElse(hn::Lt(magnitude, hn::Set(d, 0x1p-14f)), small, normal);
    r = hn::IfThenElse(hn::Ge(magnitude, hn::Set(d, 65520.0f)), hn::Inf(d), r);
    return hn::IfThenElse(hn::IsNaN(v), v, hn::CopySign(r, v));
#endif
  }
};

// To the nearest bfloat16, the even one of two; kept as float.
struct ToBfloat16 {
  template <class D, class V>
  static HWY_INLINE HWY_ATTR V Of(D d, V v) {
    const hn::RebindToUnsigned<D> du;
    const auto bits = hn::BitCast(du, v);
    const auto odd = hn::And(hn::ShiftRight<16>(bits), hn::Set(du, 1u));
    const auto up = hn::Add(hn::Add(bits, hn::Set(du, 0x7fffu)), odd);
    const V rounded = hn::BitCast(d, hn::And(up, hn::Set(du, 0xffff0000u)));
    return hn::IfThenElse(hn::IsNaN(v), v, rounded);
  }
};

// HWY_ATTR on every function: those of class templates are made where the pragma of the namespace
// no longer holds, and one that isn't inlined would pass vectors in another way than its callers.
//
// A vector of numbers of type Lane, each a value of the type that Round rounds to.
template <class D, class Round>
struct Number {
  using Lane = hn::TFromD<D>;
  using V = hn::Vec<D>;
  V v;

  static HWY_INLINE HWY_ATTR Number Of(Lane x) { return {hn::Set(D(), x)}; }
  static HWY_INLINE HWY_ATTR Number Load(const Lane* from) { return {hn::LoadU(D(), from)}; }
  HWY_INLINE HWY_ATTR void Store(Lane* to) const { hn::StoreU(v, D(), to); }
  static HWY_INLINE HWY_ATTR int64_t Size() { return static_cast<int64_t>(hn::Lanes(D())); }
  HWY_INLINE HWY_ATTR Lane FirstLane() const { return hn::GetLane(v); }
  static HWY_INLINE HWY_ATTR Number Rounded(V x) { return {Round::Of(D(), x)}; }

  friend HWY_INLINE HWY_ATTR Number operator+(Number a, Number b) {
    return Rounded(hn::Add(a.v, b.v));
  }
  friend HWY_INLINE HWY_ATTR Number operator-(Number a, Number b) {
    return Rounded(hn::Sub(a.v, b.v));
  }
  friend HWY_INLINE HWY_ATTR Number operator*(Number a, Number b) {
    return Rounded(hn::Mul(a.v, b.v));
  }
  friend HWY_INLINE HWY_ATTR Number operator/(Number a, Number b) {
    return Rounded(hn::Div(a.v, b.v));
  }
  friend HWY_INLINE HWY_ATTR Number Sqrt(Number a) { return Rounded(hn::Sqrt(a.v)); }
  friend HWY_INLINE HWY_ATTR Number Rsqrt(Number a) {
    return Rounded(hn::Div(hn::Set(D(), Lane{1}), hn::Sqrt(a.v)));
  }
  friend HWY_INLINE HWY_ATTR Number Abs(Number a) { return {hn::Abs(a.v)}; }
  friend HWY_INLINE HWY_ATTR Number Max(Number a, Number b) { return {hn::Max(a.v, b.v)}; }
  // -1, 0 or 1; NaN of NaN.
  friend HWY_INLINE HWY_ATTR Number Sign(Number a) {
    const D d;
    const V one = hn::CopySign(hn::Set(d, Lane{1}), a.v);
    const V other = hn::IfThenElse(hn::IsNaN(a.v), a.v, hn::Zero(d));
    return {hn::IfThenElse(hn::Gt(hn::Abs(a.v), hn::Zero(d)), one, other)};
  }
  friend HWY_INLINE HWY_ATTR Number IfGreater(Number a, Number b, Number yes, Number no) {
    return {hn::IfThenElse(hn::Gt(a.v, b.v), yes.v, no.v)};
  }
  // The C library's, lane by lane: no rule needs them often.
  friend HWY_INLINE HWY_ATTR Number Pow(Number a, Number b) {
    HWY_ALIGN Lane base[hn::MaxLanes(D())];
    HWY_ALIGN Lane exponent[hn::MaxLanes(D())];
    hn::Store(a.v, D(), base);
    hn::Store(b.v, D(), exponent);
    for (int64_t i = 0; i < Size(); ++i) base[i] = std::pow(base[i], exponent[i]);
    return Rounded(hn::Load(D(), base));
  }
  friend HWY_INLINE HWY_ATTR Number Exp(Number a) {
    HWY_ALIGN Lane x[hn::MaxLanes(D())];
    hn::Store(a.v, D(), x);
    for (int64_t i = 0; i < Size(); ++i) x[i] = std::exp(x[i]);
    return Rounded(hn::Load(D(), x));
  }
};

// Applies the rule to whole vectors of elements [i, run.n); returns where it stopped.
template <class N, template <class> class Rule>
HWY_INLINE HWY_ATTR int64_t Advance(const UpdateRun& run, int64_t i) {
  using Lane = typename N::Lane;
  constexpr int kVariables = Rule<N>::kVariables;
  if (i + N::Size() > run.n) return i;
  const Lane* const values = static_cast<const Lane*>(run.hyperparameters);
  N h[kMaxHyperparameters];
#pragma GCC unroll 6
  for (int k = 0; k < kMaxHyperparameters; ++k) h[k] = N::Of(values[k]);
  const Rule<N> rule(h, run.option);
  const Lane* from[kVariables];
  Lane* to[kVariables];
#pragma GCC unroll 4
  for (int k = 0; k < kVariables; ++k) {
    from[k] = static_cast<const Lane*>(run.from[k]);
    to[k] = static_cast<Lane*>(run.to[k]);
  }
  const Lane* const gradient = static_cast<const Lane*>(run.gradient);
  for (; i + N::Size() <= run.n; i += N::Size()) {
    N x[kVariables];
#pragma GCC unroll 4
    for (int k = 0; k < kVariables; ++k) x[k] = N::Load(from[k] + i);
    rule(x, N::Load(gradient + i));
#pragma GCC unroll 4
    for (int k = 0; k < kVariables; ++k) x[k].Store(to[k] + i);
  }
  return i;
}

// Of float and double: whole vectors, then the rest one by one.
template <class T>
struct WideLoop {
  template <template <class> class Rule>
  static void Run(const UpdateRun& run) {
    const int64_t i = Advance<Number<hn::ScalableTag<T>, Exact>, Rule>(run, 0);
    Advance<Number<hn::CappedTag<T, 1>, Exact>, Rule>(run, i);
  }
};

// Of 16-bit floats: as floats, in pieces that stay in the first-level cache.
template <class T, class Round>
struct NarrowLoop {
  static constexpr int64_t kPiece = 512;  // a multiple of every vector's size

  template <template <class> class Rule>
  static void Run(const UpdateRun& run) {
    using N = Number<hn::ScalableTag<float>, Round>;
    constexpr int kVariables = Rule<N>::kVariables;
    // Beyond the end of the last piece lie numbers that are computed in vain.
    HWY_ALIGN float wide[kVariables + 1][kPiece] = {};
    UpdateRun piece = run;
    for (int k = 0; k < kVariables; ++k) piece.from[k] = piece.to[k] = wide[k];
    piece.gradient = wide[kVariables];
    for (int64_t begin = 0; begin < run.n; begin += kPiece) {
      const int64_t n = std::min(kPiece, run.n - begin);
      for (int k = 0; k < kVariables; ++k)
        WidenRun(static_cast<const T*>(run.from[k]) + begin, wide[k], n);
      WidenRun(static_cast<const T*>(run.gradient) + begin, wide[kVariables], n);
      piece.n = (n + N::Size() - 1) / N::Size() * N::Size();
      Advance<N, Rule>(piece, 0);
      for (int k = 0; k < kVariables; ++k)
        NarrowRun(wide[k], static_cast<T*>(run.to[k]) + begin, n);
    }
  }
};

// The loops of every rule, in the order of UpdateRule.
template <class Loop>
constexpr UpdateLoops LoopsOf() {
  return {
      Loop::template Run<GradientDescentRule>, Loop::template Run<ProximalGradientDescentRule>,
      Loop::template Run<AdadeltaRule>,        Loop::template Run<AdagradRule>,
      Loop::template Run<AdagradV2Rule>,       Loop::template Run<ProximalAdagradRule>,
      Loop::template Run<AdagradDARule>,       Loop::template Run<FtrlRule>,
      Loop::template Run<FtrlV2Rule>,          Loop::template Run<MomentumRule>,
      Loop::template Run<KerasMomentumRule>,   Loop::template Run<AdamRule>,
      Loop::template Run<AdamWithAmsgradRule>, Loop::template Run<AdaMaxRule>,
      Loop::template Run<RMSPropRule>,         Loop::template Run<CenteredRMSPropRule>,
      Loop::template Run<AddSignRule>,         Loop::template Run<PowerSignRule>,
  };
}

}  // namespace HWY_NAMESPACE
}  // namespace weft
HWY_AFTER_NAMESPACE();

#endif
