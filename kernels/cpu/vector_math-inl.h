// SPDX-License-Identifier: Apache-2.0
// Elementary functions of one vector of floats, for files that are compiled once an instruction set
// (Highway).
//
// All are right to within 3 units in the last place (sin, cos: for |x| <= kMaxTrigArgument), in the
// whole range of float with its subnormals, infinities and NaN, and have no branches. Polynomials
// are minimax ones over the reduced intervals. Each lane depends on its own input alone.
#if defined(WEFT_KERNELS_CPU_VECTOR_MATH_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef WEFT_KERNELS_CPU_VECTOR_MATH_INL_H_
#undef WEFT_KERNELS_CPU_VECTOR_MATH_INL_H_
#else
#define WEFT_KERNELS_CPU_VECTOR_MATH_INL_H_
#endif

#include <limits>

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace weft {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class D>
HWY_INLINE hn::Vec<D> C(D d, float value) {
  return hn::Set(d, value);
}

// The polynomial with these coefficients, lowest first, by Horner's rule.
template <class D, class V>
HWY_INLINE V Polynomial(D d, V, float c0) {
  return hn::Set(d, c0);
}
template <class D, class V, typename... Rest>
HWY_INLINE V Polynomial(D d, V x, float c0, Rest... rest) {
  return hn::MulAdd(Polynomial(d, x, rest...), x, hn::Set(d, c0));
}

// 2^n for the integer n of each lane, -126 <= n <= 127.
template <class DI, class VI>
HWY_INLINE auto PowerOfTwo(DI di, VI n) {
  return hn::BitCast(hn::Rebind<float, DI>(), hn::ShiftLeft<23>(hn::Add(n, hn::Set(di, 127))));
}

// y 2^n for whole numbers n, rounded once; n from -152 to 128 for y about 1.
#if HWY_TARGET <= HWY_AVX3
template <class D>
HWY_INLINE hn::Vec512<float> Scaled(D, hn::Vec512<float> y, hn::Vec512<float> n) {
  return hn::Vec512<float>{_mm512_scalef_ps(y.raw, n.raw)};
}
template <class D>
HWY_INLINE hn::Vec256<float> Scaled(D, hn::Vec256<float> y, hn::Vec256<float> n) {
  return hn::Vec256<float>{_mm256_scalef_ps(y.raw, n.raw)};
}
template <class D, size_t kLanes>
HWY_INLINE hn::Vec128<float, kLanes> Scaled(D, hn::Vec128<float, kLanes> y,
                                            hn::Vec128<float, kLanes> n) {
  return hn::Vec128<float, kLanes>{_mm_scalef_ps(y.raw, n.raw)};
}
#else
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Scaled(D, V y, V n) {
  // In two factors: 2^n may be below the normal range or above all of it.
  const hn::RebindToSigned<D> di;
  const auto whole = hn::ConvertTo(di, n);
  const auto half = hn::ShiftRight<1>(whole);
  return hn::Mul(hn::Mul(y, PowerOfTwo(di, half)), PowerOfTwo(di, hn::Sub(whole, half)));
}
#endif

// At most, or at least, the limit; NaN stays NaN. An x86 processor's instructions give the second
// operand if one is NaN.
template <class V>
HWY_INLINE V AtMost(V limit, V x) {
#if HWY_ARCH_X86 && HWY_TARGET < HWY_EMU128
  return hn::Min(limit, x);
#else
  return hn::IfThenElse(hn::Gt(x, limit), limit, x);
#endif
}
template <class V>
HWY_INLINE V AtLeast(V limit, V x) {
#if HWY_ARCH_X86 && HWY_TARGET < HWY_EMU128
  return hn::Max(limit, x);
#else
  return hn::IfThenElse(hn::Lt(x, limit), limit, x);
#endif
}

// x = n log(2) + r, |r| <= log(2) / 2 and a little; then exp(r) = 1 + r + r^2 p.
template <class D>
struct ExpReduction {
  using V = hn::Vec<D>;
  V r, r2p, n;
  HWY_INLINE ExpReduction(D d, V x) {
    n = hn::Round(hn::Mul(x, C(d, 1.44269504f)));
    // log(2) in two parts; the first has few enough bits for the product with n to be exact.
    r = hn::NegMulAdd(n, C(d, 0.693359375f), x);
    r = hn::NegMulAdd(n, C(d, -2.12194440e-4f), r);
    // Off by at most 3.2e-9 of exp(r) and 2.2e-8 of exp(r) - 1.
    r2p = hn::Mul(hn::Mul(r, r), Polynomial(d, r, 0.4999999404f, 0.1666652113f, 0.04166826978f,
                                            0.008368679322f, 0.001382040791f));
  }
};

// For x in [-105, 89], or NaN. Beyond these the result is 0 or infinity, as it is at these limits.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V ExpWithin(D d, V x) {
  const ExpReduction<D> e(d, x);
  return Scaled(d, hn::Add(hn::Add(e.r2p, e.r), C(d, 1.0f)), e.n);
}
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Exp(D d, V x) {
  return ExpWithin(d, AtMost(C(d, 89.0f), AtLeast(C(d, -105.0f), x)));
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V Expm1(D d, V x) {
  const hn::RebindToSigned<D> di;
  const ExpReduction<D> e(d, hn::Clamp(x, C(d, -20.0f), C(d, 89.0f)));
  const V p = hn::Add(e.r2p, e.r);
  // 2^n p + (2^n - 1), halved and doubled so that n = 128 is in range.
  const V half_scale = PowerOfTwo(di, hn::ConvertTo(di, hn::Sub(e.n, C(d, 1.0f))));
  const V y = hn::MulAdd(half_scale, p, hn::Sub(half_scale, C(d, 0.5f)));
  // Small x: itself, with its sign at 0 and without loss among the subnormals.
  const V result = hn::IfThenElse(hn::Lt(hn::Abs(x), C(d, 1e-8f)), x, hn::Add(y, y));
  return hn::IfThenElse(hn::IsNaN(x), x, result);
}

// log(1 + f) for f in [sqrt(1/2) - 1, sqrt(2) - 1], plus n log(2), plus a small `rest`.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V LogReduced(D d, V f, V n, V rest) {
  const V f2 = hn::Mul(f, f);
  const V p =
      Polynomial(d, f, 0.3333331045f, -0.2499998658f, 0.2000222623f, -0.1666925178f, 0.1421866536f,
                 -0.1238433627f, 0.1187291654f, -0.1178985671f, 0.06915551525f);
  V y = hn::MulAdd(n, C(d, -2.12194440e-4f), rest);
  y = hn::MulAdd(hn::Mul(f2, f), p, y);
  y = hn::NegMulAdd(C(d, 0.5f), f2, y);
  return hn::MulAdd(n, C(d, 0.693359375f), hn::Add(f, y));
}

// x = m 2^n, m in [sqrt(1/2), sqrt(2)); for normal positive x.
template <class D, class V = hn::Vec<D>>
HWY_INLINE void SplitExponent(D d, V x, V* m, V* n) {
  const hn::RebindToSigned<D> di;
  const auto kSqrtHalfBits = hn::Set(di, 0x3f3504f3);
  const auto bits = hn::Sub(hn::BitCast(di, x), kSqrtHalfBits);
  const auto exponent = hn::ShiftRight<23>(bits);
  *n = hn::ConvertTo(d, exponent);
  *m = hn::BitCast(d, hn::Add(hn::And(bits, hn::Set(di, 0x007fffff)), kSqrtHalfBits));
}

// What log and log1p return for the argument u of the logarithm: y, but for 0, infinity, negative u
// and NaN.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V LogSpecial(D d, V u, V y) {
  const V inf = hn::Inf(d);
  y = hn::IfThenElse(hn::Eq(u, inf), inf, y);
  y = hn::IfThenElse(hn::Eq(u, hn::Zero(d)), hn::Neg(inf), y);
  return hn::IfThenElse(hn::Ge(u, hn::Zero(d)), y, hn::NaN(d));
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V Log(D d, V x) {
  // Subnormals are scaled up first.
  const auto tiny = hn::Lt(x, C(d, std::numeric_limits<float>::min()));
  const V scaled = hn::IfThenElse(tiny, hn::Mul(x, C(d, 0x1p25f)), x);
  V m, n;
  SplitExponent(d, scaled, &m, &n);
  n = hn::Sub(n, hn::IfThenElseZero(tiny, C(d, 25.0f)));
  return LogSpecial(d, x, LogReduced(d, hn::Sub(m, C(d, 1.0f)), n, hn::Zero(d)));
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V Log1p(D d, V x) {
  const V one = C(d, 1.0f);
  const V u = hn::Add(one, x);
  V m, n;
  SplitExponent(d, u, &m, &n);
  const auto near_one = hn::Eq(n, hn::Zero(d));
  // What was lost in 1 + x, as a part of u: taken from the smaller operand.
  const V lost =
      hn::IfThenElse(hn::Lt(one, x), hn::Sub(one, hn::Sub(u, x)), hn::Sub(x, hn::Sub(u, one)));
  const V rest = hn::IfThenElse(near_one, hn::Zero(d), hn::Div(lost, u));
  const V f = hn::IfThenElse(near_one, x, hn::Sub(m, one));
  const V y = LogReduced(d, f, n, rest);
  return LogSpecial(d, u, hn::IfThenElse(hn::Eq(x, hn::Zero(d)), x, y));
}

// From y = exp(-2 |x|), as (1 - y) / (1 + y). Both are made of what y = 2^n (1 + p) is rounded
// from, so that small x keep all their bits.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Tanh(D d, V x) {
  const V one = C(d, 1.0f), a = hn::Neg(hn::Abs(x));
  // Beyond 10 the nearest float is 1.
  const ExpReduction<D> e(d, AtLeast(C(d, -20.0f), hn::Add(a, a)));
  const V scale = Scaled(d, one, e.n), p = hn::Add(e.r2p, e.r);
  const V over = hn::MulAdd(scale, p, hn::Sub(scale, one));
  return hn::CopySign(hn::Div(over, hn::MulAdd(scale, p, hn::Add(scale, one))), x);
}

// 1 / (1 + exp(-x)) with exp(-x) = m / 2^n: 2^n / (2^n + m), in which neither tail is lost.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Sigmoid(D d, V x) {
  // Beyond 30 the nearest float is 1, below -105 it is 0.
  const ExpReduction<D> e(d, hn::Neg(AtMost(C(d, 30.0f), AtLeast(C(d, -105.0f), x))));
  const V m = hn::Add(hn::Add(e.r2p, e.r), C(d, 1.0f));
  const V scale = Scaled(d, C(d, 1.0f), hn::Neg(e.n));
  return hn::Div(scale, hn::Add(scale, m));
}

// log(1 + exp(x)).
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Softplus(D d, V x) {
  const V tail = Log1p(d, Exp(d, hn::Neg(hn::Abs(x))));
  return hn::Add(hn::IfThenElse(hn::Gt(x, hn::Zero(d)), x, hn::Zero(d)), tail);
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V Erf(D d, V x) {
  const V a = hn::Abs(x);
  const V s = hn::Mul(x, x);
  const V small =
      hn::Mul(x, Polynomial(d, s, 1.128379166f, -0.3761262714f, 0.1128360018f, -0.02685444464f,
                            0.005189535449f, -0.0008020842332f, 7.889123246e-5f));
  // -log(1 - erf(a)) for a in [1, 4]; beyond it 1 is the nearest float.
  const V t = hn::Min(a, C(d, 4.0f));
  const V exponent =
      Polynomial(d, t, -0.0001884681727f, 1.129580313f, 0.633216395f, 0.1084221011f,
                 -0.02521034049f, 0.004205284968f, -0.0004414726859f, 2.169761644e-5f);
  const V large = hn::CopySign(hn::Sub(C(d, 1.0f), Exp(d, hn::Neg(exponent))), x);
  return hn::IfThenElse(hn::Lt(a, C(d, 1.0f)), small, hn::IfThenElse(hn::IsNaN(x), x, large));
}

// Sin and Cos are for arguments up to this; callers take the C library's beyond.
inline constexpr float kMaxTrigArgument = 8192.0f;

// The sine of the reduced argument with the quadrant of each lane: sin(x) = +-sin(r) or +-cos(r).
template <class D, class V = hn::Vec<D>>
HWY_INLINE V SinOfQuadrant(D d, V r, hn::Vec<hn::RebindToSigned<D>> quadrant) {
  const hn::RebindToSigned<D> di;
  const V s = hn::Mul(r, r);
  const V sine = hn::MulAdd(
      hn::Mul(r, s),
      Polynomial(d, s, -0.1666666664f, 0.008333329267f, -0.0001983929614f, 2.717939944e-6f), r);
  const V cosine = hn::MulAdd(
      hn::Mul(s, s),
      Polynomial(d, s, 0.04166666662f, -0.00138888836f, 2.479947865e-5f, -2.720679009e-7f),
      hn::NegMulAdd(C(d, 0.5f), s, C(d, 1.0f)));
  const auto odd = hn::MaskFromVec(hn::BitCast(d, hn::Neg(hn::And(quadrant, hn::Set(di, 1)))));
  const V sign = hn::BitCast(d, hn::ShiftLeft<30>(hn::And(quadrant, hn::Set(di, 2))));
  return hn::Xor(hn::IfThenElse(odd, cosine, sine), sign);
}

// x - n pi / 2, with pi / 2 in four parts: products of n with the first three are exact for |x| <=
// kMaxTrigArgument.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V ReduceQuadrant(D d, V x, hn::Vec<hn::RebindToSigned<D>>* n) {
  const V whole = hn::Round(hn::Mul(x, C(d, 0.636619772f)));
  *n = hn::ConvertTo(hn::RebindToSigned<D>(), whole);
  V r = hn::NegMulAdd(whole, C(d, 1.5703125f), x);
  r = hn::NegMulAdd(whole, C(d, 4.83751297e-4f), r);
  r = hn::NegMulAdd(whole, C(d, 7.54953362e-8f), r);
  return hn::NegMulAdd(whole, C(d, 2.56334407e-12f), r);
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V Sin(D d, V x) {
  hn::Vec<hn::RebindToSigned<D>> n;
  const V r = ReduceQuadrant(d, x, &n);
  return hn::IfThenElse(hn::Eq(x, hn::Zero(d)), x, SinOfQuadrant(d, r, n));
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V Cos(D d, V x) {
  hn::Vec<hn::RebindToSigned<D>> n;
  const V r = ReduceQuadrant(d, x, &n);
  return SinOfQuadrant(d, r, hn::Add(n, hn::Set(hn::RebindToSigned<D>(), 1)));
}

}  // namespace HWY_NAMESPACE
}  // namespace weft
HWY_AFTER_NAMESPACE();

#endif
