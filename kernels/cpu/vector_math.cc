// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/vector_math.h"

#include <cmath>
#include <cstring>

// Each instruction set costs compile time; those left cover the machines of the last fifteen years.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_AVX3_DL)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/vector_math.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
// After foreach_target.h.
#include "hwy/highway.h"
#include "kernels/cpu/simd_target.h"
#include "kernels/cpu/vector_math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace weft {
namespace HWY_NAMESPACE {

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;
constexpr D d;

// y[i] = f(x[i]...) for operands of n floats. The tail is computed by the same code in a padded
// vector.
template <class F, class... P>
HWY_INLINE void Map(F f, float* y, int64_t n, P... x) {
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) hn::StoreU(f(hn::LoadU(d, x + i)...), d, y + i);
  if (i >= n) return;
  HWY_ALIGN float tail[hn::MaxLanes(d)];
  const size_t bytes = static_cast<size_t>(n - i) * sizeof(float);
  const auto load = [&](const float* p) HWY_ATTR {
    hn::Store(hn::Zero(d), d, tail);
    std::memcpy(tail, p + i, bytes);
    return hn::Load(d, tail);
  };
  hn::Store(f(load(x)...), d, tail);
  std::memcpy(y + i, tail, bytes);
}

template <class F>
void Loop(const float* x, float* y, int64_t n) {
  Map([](V v) HWY_ATTR { return F::Of(v); }, y, n, x);
}
template <class F>
void Loop2(const float* a, const float* b, float* y, int64_t n) {
  Map([](V u, V v) HWY_ATTR { return F::Of(u, v); }, y, n, a, b);
}

HWY_INLINE V Set(float value) { return hn::Set(d, value); }
HWY_INLINE V Zero() { return hn::Zero(d); }

// Of x and 0 the larger, NaN if x is: hwy::Max may return either operand then.
HWY_INLINE V AtLeastZero(V x) { return hn::IfThenElse(hn::Lt(x, Zero()), Zero(), x); }

// 1 where the mask is set: gradients are multiplied by it and not selected, so that an infinite or
// NaN dy is not hidden.
template <class M>
HWY_INLINE V OneWhere(M mask) {
  return hn::IfThenElseZero(mask, Set(1.0f));
}

struct AbsFn {
  static HWY_INLINE V Of(V x) { return hn::Abs(x); }
};
struct NegFn {
  static HWY_INLINE V Of(V x) { return hn::Neg(x); }
};
struct SquareFn {
  static HWY_INLINE V Of(V x) { return hn::Mul(x, x); }
};
struct ReciprocalFn {
  static HWY_INLINE V Of(V x) { return hn::Div(Set(1.0f), x); }
};
struct SqrtFn {
  static HWY_INLINE V Of(V x) { return hn::Sqrt(x); }
};
struct RsqrtFn {
  static HWY_INLINE V Of(V x) { return hn::Div(Set(1.0f), hn::Sqrt(x)); }
};
struct SignFn {
  static HWY_INLINE V Of(V x) {
    const V one = hn::CopySign(Set(1.0f), x);
    return hn::IfThenElse(hn::Gt(hn::Abs(x), Zero()), one, hn::IfThenElse(hn::IsNaN(x), x, Zero()));
  }
};
struct FloorFn {
  static HWY_INLINE V Of(V x) { return hn::Floor(x); }
};
struct CeilFn {
  static HWY_INLINE V Of(V x) { return hn::Ceil(x); }
};
struct RoundFn {
  static HWY_INLINE V Of(V x) { return hn::Round(x); }
};
struct ExpFn {
  static HWY_INLINE V Of(V x) { return Exp(d, x); }
};
struct Expm1Fn {
  static HWY_INLINE V Of(V x) { return Expm1(d, x); }
};
struct LogFn {
  static HWY_INLINE V Of(V x) { return Log(d, x); }
};
struct Log1pFn {
  static HWY_INLINE V Of(V x) { return Log1p(d, x); }
};
struct TanhFn {
  static HWY_INLINE V Of(V x) { return Tanh(d, x); }
};
struct ErfFn {
  static HWY_INLINE V Of(V x) { return Erf(d, x); }
};
struct SigmoidFn {
  static HWY_INLINE V Of(V x) { return Sigmoid(d, x); }
};
struct SoftplusFn {
  static HWY_INLINE V Of(V x) { return Softplus(d, x); }
};

struct SinhFn {
  // With e = exp(|x|) - 1: (e + e / (e + 1)) / 2. Beyond 88 in halves, as exp would overflow too
  // early.
  static HWY_INLINE V Of(V x) {
    const V a = hn::Abs(x);
    const V e = Expm1(d, a);
    const V small = hn::Mul(Set(0.5f), hn::Add(e, hn::Div(e, hn::Add(e, Set(1.0f)))));
    const V root = Exp(d, hn::Mul(Set(0.5f), a));
    const V large = hn::Mul(hn::Mul(Set(0.5f), root), root);
    return hn::CopySign(hn::IfThenElse(hn::Gt(a, Set(80.0f)), large, small), x);
  }
};
struct CoshFn {
  static HWY_INLINE V Of(V x) {
    const V root = Exp(d, hn::Mul(Set(0.5f), hn::Abs(x)));
    const V e = Exp(d, hn::Abs(x));
    const V large = hn::Mul(hn::Mul(Set(0.5f), root), root);
    const V small = hn::Mul(Set(0.5f), hn::Add(e, hn::Div(Set(1.0f), e)));
    return hn::IfThenElse(hn::Gt(hn::Abs(x), Set(80.0f)), large, small);
  }
};

// Sine and cosine of large arguments (and infinities and NaN) are the C library's.
template <float (*Scalar)(float), class F>
void TrigLoop(const float* x, float* y, int64_t n) {
  constexpr int64_t kBlock = 256;
  float kept[kBlock];  // y may be x
  for (int64_t begin = 0; begin < n; begin += kBlock) {
    const int64_t size = HWY_MIN(kBlock, n - begin);
    bool large = false;
    for (int64_t i = 0; i < size; ++i) large |= !(std::fabs(x[begin + i]) <= kMaxTrigArgument);
    if (large) std::memcpy(kept, x + begin, static_cast<size_t>(size) * sizeof(float));
    Loop<F>(x + begin, y + begin, size);
    for (int64_t i = 0; large && i < size; ++i) {
      if (!(std::fabs(kept[i]) <= kMaxTrigArgument)) y[begin + i] = Scalar(kept[i]);
    }
  }
}
struct SinFn {
  static HWY_INLINE V Of(V x) { return Sin(d, x); }
};
struct CosFn {
  static HWY_INLINE V Of(V x) { return Cos(d, x); }
};

constexpr float kSeluScale = 1.05070098735548049342f;
constexpr float kSeluScaleAlpha = 1.75809934084737685994f;

struct ReluFn {
  static HWY_INLINE V Of(V x) { return AtLeastZero(x); }
};
struct Relu6Fn {
  static HWY_INLINE V Of(V x) {
    return hn::IfThenElse(hn::Gt(x, Set(6.0f)), Set(6.0f), AtLeastZero(x));
  }
};
struct EluFn {
  static HWY_INLINE V Of(V x) { return hn::IfThenElse(hn::Lt(x, Zero()), Expm1(d, x), x); }
};
struct SeluFn {
  static HWY_INLINE V Of(V x) {
    return hn::IfThenElse(hn::Lt(x, Zero()), hn::Mul(Set(kSeluScaleAlpha), Expm1(d, x)),
                          hn::Mul(Set(kSeluScale), x));
  }
};
struct SoftsignFn {
  static HWY_INLINE V Of(V x) { return hn::Div(x, hn::Add(Set(1.0f), hn::Abs(x))); }
};
void LeakyReluLoop(const float* x, float alpha, float* y, int64_t n) {
  const V slope = Set(alpha);
  Map([slope](V v) HWY_ATTR { return hn::IfThenElse(hn::Gt(v, Zero()), v, hn::Mul(v, slope)); }, y,
      n, x);
}

// -dy y^2.
struct ReciprocalGradFn {
  static HWY_INLINE V Of(V y, V dy) { return hn::Mul(hn::Neg(dy), hn::Mul(y, y)); }
};
// dy / (2 y).
struct SqrtGradFn {
  static HWY_INLINE V Of(V y, V dy) { return hn::Div(hn::Mul(Set(0.5f), dy), y); }
};
// -dy y^3 / 2.
struct RsqrtGradFn {
  static HWY_INLINE V Of(V y, V dy) {
    return hn::Mul(hn::Mul(Set(-0.5f), dy), hn::Mul(hn::Mul(y, y), y));
  }
};
struct SigmoidGradFn {
  static HWY_INLINE V Of(V y, V dy) { return hn::Mul(hn::Mul(dy, y), hn::Sub(Set(1.0f), y)); }
};
struct TanhGradFn {
  static HWY_INLINE V Of(V y, V dy) { return hn::Mul(dy, hn::NegMulAdd(y, y, Set(1.0f))); }
};
struct ReluGradFn {
  static HWY_INLINE V Of(V dy, V x) { return hn::Mul(dy, OneWhere(hn::Gt(x, Zero()))); }
};
struct Relu6GradFn {
  static HWY_INLINE V Of(V dy, V x) {
    return hn::Mul(dy, OneWhere(hn::And(hn::Gt(x, Zero()), hn::Lt(x, Set(6.0f)))));
  }
};
struct EluGradFn {
  static HWY_INLINE V Of(V dy, V y) {
    return hn::IfThenElse(hn::Lt(y, Zero()), hn::Mul(hn::Add(y, Set(1.0f)), dy), dy);
  }
};
struct SeluGradFn {
  static HWY_INLINE V Of(V dy, V y) {
    return hn::Mul(
        dy, hn::IfThenElse(hn::Lt(y, Zero()), hn::Add(y, Set(kSeluScaleAlpha)), Set(kSeluScale)));
  }
};
struct SoftplusGradFn {
  static HWY_INLINE V Of(V dy, V x) { return hn::Mul(dy, Sigmoid(d, x)); }
};
struct SoftsignGradFn {
  static HWY_INLINE V Of(V dy, V x) {
    const V t = hn::Add(Set(1.0f), hn::Abs(x));
    return hn::Div(dy, hn::Mul(t, t));
  }
};
void LeakyReluGradLoop(const float* dy, const float* x, float alpha, float* dx, int64_t n) {
  const V slope = Set(alpha);
  Map([slope](V u, V v)
          HWY_ATTR { return hn::IfThenElse(hn::Gt(v, Zero()), u, hn::Mul(u, slope)); },
      dx, n, dy, x);
}

void HalfToFloat(const half* x, float* y, int64_t n) {
  int64_t i = 0;
#if HWY_TARGET <= HWY_AVX2  // better targets have lower numbers; these convert in hardware
  const hn::Rebind<hwy::float16_t, D> dh;
  for (const int64_t lanes = hn::Lanes(d); i + lanes <= n; i += lanes) {
    const auto narrow = hn::LoadU(dh, reinterpret_cast<const hwy::float16_t*>(x + i));
    hn::StoreU(hn::PromoteTo(d, narrow), d, y + i);
  }
#endif
  for (; i < n; ++i) y[i] = x[i];
}

void FloatToHalf(const float* x, half* y, int64_t n) {
  int64_t i = 0;
#if HWY_TARGET <= HWY_AVX2
  const hn::Rebind<hwy::float16_t, D> dh;
  for (const int64_t lanes = hn::Lanes(d); i + lanes <= n; i += lanes) {
    const auto narrow = hn::DemoteTo(dh, hn::LoadU(d, x + i));
    hn::StoreU(narrow, dh, reinterpret_cast<hwy::float16_t*>(y + i));
  }
#endif
  for (; i < n; ++i) y[i] = half(x[i]);
}

void Bfloat16ToFloat(const bfloat16* x, float* y, int64_t n) {
  const hn::RebindToUnsigned<D> du;
  const hn::Rebind<uint16_t, D> dh;
  int64_t i = 0;
  for (const int64_t lanes = hn::Lanes(d); i + lanes <= n; i += lanes) {
    const auto bits = hn::PromoteTo(du, hn::LoadU(dh, reinterpret_cast<const uint16_t*>(x + i)));
    hn::StoreU(hn::BitCast(d, hn::ShiftLeft<16>(bits)), d, y + i);
  }
  for (; i < n; ++i) y[i] = x[i];
}

void FloatToBfloat16(const float* x, bfloat16* y, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    const uint32_t bits = std::bit_cast<uint32_t>(x[i]);
    const uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
    const uint32_t nan = (bits >> 16) | 0x40u;
    y[i].bits = static_cast<uint16_t>((bits & 0x7fffffffu) > 0x7f800000u ? nan : rounded);
  }
}

void ExpMinusSumLoop(const float* x, float alpha, float* y, int64_t n, float* sums) {
  constexpr int kAll = VectorMath::kSumLanes, kLanes = static_cast<int>(hn::MaxLanes(d));
  static_assert(kAll % kLanes == 0);
  V parts[kAll / kLanes];
  for (int k = 0; k < kAll / kLanes; ++k) parts[k] = hn::LoadU(d, sums + k * kLanes);
  const V shift = Set(alpha);
  int64_t i = 0;
  for (; i + kAll <= n; i += kAll) {
    for (int k = 0; k < kAll / kLanes; ++k) {
      const V e = Exp(d, hn::Sub(hn::LoadU(d, x + i + k * kLanes), shift));
      hn::StoreU(e, d, y + i + k * kLanes);
      parts[k] = hn::Add(parts[k], e);
    }
  }
  for (int k = 0; k < kAll / kLanes; ++k) hn::StoreU(parts[k], d, sums + k * kLanes);
  Map([shift](V v) HWY_ATTR { return Exp(d, hn::Sub(v, shift)); }, y + i, n - i, x + i);
  for (int j = 0; i < n; ++i, ++j) sums[j] += y[i];
}

const VectorMath* Table() {
  static constexpr VectorMath kTable = {
      .abs = Loop<AbsFn>,
      .neg = Loop<NegFn>,
      .square = Loop<SquareFn>,
      .reciprocal = Loop<ReciprocalFn>,
      .sqrt = Loop<SqrtFn>,
      .rsqrt = Loop<RsqrtFn>,
      .sign = Loop<SignFn>,
      .floor = Loop<FloorFn>,
      .ceil = Loop<CeilFn>,
      .round = Loop<RoundFn>,
      .exp = Loop<ExpFn>,
      .expm1 = Loop<Expm1Fn>,
      .log = Loop<LogFn>,
      .log1p = Loop<Log1pFn>,
      .exp_minus_sum = ExpMinusSumLoop,
      .sin = TrigLoop<::sinf, SinFn>,
      .cos = TrigLoop<::cosf, CosFn>,
      .sinh = Loop<SinhFn>,
      .cosh = Loop<CoshFn>,
      .tanh = Loop<TanhFn>,
      .erf = Loop<ErfFn>,
      .sigmoid = Loop<SigmoidFn>,
      .relu = Loop<ReluFn>,
      .relu6 = Loop<Relu6Fn>,
      .elu = Loop<EluFn>,
      .selu = Loop<SeluFn>,
      .softplus = Loop<SoftplusFn>,
      .softsign = Loop<SoftsignFn>,
      .leaky_relu = LeakyReluLoop,
      .reciprocal_grad = Loop2<ReciprocalGradFn>,
      .sqrt_grad = Loop2<SqrtGradFn>,
      .rsqrt_grad = Loop2<RsqrtGradFn>,
      .sigmoid_grad = Loop2<SigmoidGradFn>,
      .tanh_grad = Loop2<TanhGradFn>,
      .relu_grad = Loop2<ReluGradFn>,
      .relu6_grad = Loop2<Relu6GradFn>,
      .elu_grad = Loop2<EluGradFn>,
      .selu_grad = Loop2<SeluGradFn>,
      .softplus_grad = Loop2<SoftplusGradFn>,
      .softsign_grad = Loop2<SoftsignGradFn>,
      .leaky_relu_grad = LeakyReluGradLoop,
      .half_to_float = HalfToFloat,
      .float_to_half = FloatToHalf,
      .bfloat16_to_float = Bfloat16ToFloat,
      .float_to_bfloat16 = FloatToBfloat16,
  };
  return &kTable;
}

}  // namespace HWY_NAMESPACE
}  // namespace weft
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace weft {

const VectorMath& Vec() {
  static const VectorMath& table = *WEFT_CHOOSE_SIMD(Table)();
  return table;
}

}  // namespace weft
#endif
