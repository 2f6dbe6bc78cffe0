// SPDX-License-Identifier: Apache-2.0
// The LSTM steps of rnn_gates.h, compiled once an instruction set. Sums, products and functions are
// those of the plain ops, so that a cell of single ops and a fused one give the same bits.
#include <algorithm>
#include <cstring>
#include <limits>

#include "kernels/cpu/rnn_gates.h"

// Each instruction set costs compile time; those left cover the machines of the last fifteen years.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_AVX3_DL)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/lstm_step.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
// After foreach_target.h.
#include "hwy/highway.h"
#include "kernels/cpu/simd_target.h"
#include "kernels/cpu/vector_math-inl.h"
#include "kernels/cpu/vector_part-inl.h"

HWY_BEFORE_NAMESPACE();
namespace weft::cpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using FloatTag = hn::ScalableTag<float>;
using Floats = hn::Vec<FloatTag>;
constexpr FloatTag kTag;

using Part = weft::HWY_NAMESPACE::VectorPart<FloatTag>;

// A whole vector, or the part of one.
template <bool kAll>
HWY_INLINE Floats Get(const float* p, const Part& part) {
  if constexpr (kAll) return hn::LoadU(kTag, p);
  return part.Load(p);
}
template <bool kAll>
HWY_INLINE void Put(Floats v, float* p, const Part& part) {
  if constexpr (kAll) return hn::StoreU(v, kTag, p);
  part.Store(v, p);
}

HWY_INLINE Floats SigmoidOfSum(Floats x) { return weft::HWY_NAMESPACE::Sigmoid(kTag, x); }
HWY_INLINE Floats TanhOfSum(Floats x) { return weft::HWY_NAMESPACE::Tanh(kTag, x); }

// NaN stays NaN.
HWY_INLINE Floats Within(Floats x, Floats limit) {
  using weft::HWY_NAMESPACE::AtLeast, weft::HWY_NAMESPACE::AtMost;
  return AtLeast(hn::Neg(limit), AtMost(limit, x));
}

// The gates and the state of a vector of elements of a row from j on, or of `part` of it.
template <bool kPeephole, bool kAll>
HWY_INLINE void StepPart(const LstmStep& s, int64_t row, int64_t j, const Part& part,
                         Floats limit) {
  const int64_t n = s.cell, at = row * n + j;
  const int64_t c_gate = s.order.c * n + j, f_gate = s.order.f * n + j, o_gate = 3 * n + j;
  const float* const g = s.gates + 4 * row * n;
  const auto sum = [&](int64_t k) HWY_ATTR {
    return hn::Add(Get<kAll>(g + k, part), Get<kAll>(s.bias + k, part));
  };
  const Floats prev = Get<kAll>(s.cs_prev + at, part);
  Floats to_i = sum(j), to_f = hn::Add(sum(f_gate), hn::Set(kTag, s.forget_bias));
  Floats to_o = sum(o_gate);
  if constexpr (kPeephole) {
    to_i = hn::Add(to_i, hn::Mul(prev, Get<kAll>(s.wci + j, part)));
    to_f = hn::Add(to_f, hn::Mul(prev, Get<kAll>(s.wcf + j, part)));
  }
  const Floats in = SigmoidOfSum(to_i), keep = SigmoidOfSum(to_f), fresh = TanhOfSum(sum(c_gate));
  const Floats state = Within(hn::Add(hn::Mul(in, fresh), hn::Mul(keep, prev)), limit);
  if constexpr (kPeephole) to_o = hn::Add(to_o, hn::Mul(state, Get<kAll>(s.wco + j, part)));
  Put<kAll>(in, s.i + at, part);
  Put<kAll>(keep, s.f + at, part);
  Put<kAll>(fresh, s.ci + at, part);
  Put<kAll>(state, s.cs + at, part);
  Put<kAll>(SigmoidOfSum(to_o), s.o + at, part);
}

// What is shown of the state. A pass of its own: nothing in it waits for the gates' functions.
template <bool kAll>
HWY_INLINE void ShowPart(const LstmStep& s, int64_t at, const Part& part) {
  const Floats shown = TanhOfSum(Get<kAll>(s.cs + at, part));
  Put<kAll>(shown, s.co + at, part);
  Put<kAll>(hn::Mul(Get<kAll>(s.o + at, part), shown), s.h + at, part);
}

// dy y (1 - y) and dy (1 - y y), as SigmoidGrad and TanhGrad have them.
HWY_INLINE Floats SigmoidBack(Floats y, Floats dy) {
  return hn::Mul(hn::Mul(dy, y), hn::Sub(hn::Set(kTag, 1.0f), y));
}
HWY_INLINE Floats TanhBack(Floats y, Floats dy) {
  return hn::Mul(dy, hn::NegMulAdd(y, y, hn::Set(kTag, 1.0f)));
}

template <bool kPeephole, bool kNext, bool kAll>
HWY_INLINE void GradPart(const LstmStepGrad& s, int64_t row, int64_t j, const Part& part) {
  const int64_t n = s.cell, at = row * n + j;
  const auto get = [&](const float* p) HWY_ATTR { return Get<kAll>(p, part); };
  Floats dh = get(s.h_grad + at), from_above = get(s.cs_grad + at);
  if constexpr (kNext) {
    dh = hn::Add(dh, get(s.h_next + at));
    from_above = hn::Add(from_above, get(s.cs_next + at));
  }
  const Floats o = get(s.o + at), co = get(s.co + at), f = get(s.f + at), i = get(s.i + at);
  const Floats ci = get(s.ci + at);
  const Floats d_o = SigmoidBack(o, hn::Mul(dh, co));
  Floats d_cs = hn::Add(TanhBack(co, hn::Mul(dh, o)), from_above);
  if constexpr (kPeephole) d_cs = hn::Add(d_cs, hn::Mul(d_o, get(s.wco + j)));
  const Floats d_f = SigmoidBack(f, hn::Mul(d_cs, get(s.cs_prev + at)));
  const Floats d_i = SigmoidBack(i, hn::Mul(d_cs, ci));
  const Floats d_ci = TanhBack(ci, hn::Mul(d_cs, i));
  Floats d_prev = hn::Mul(d_cs, f);
  if constexpr (kPeephole) {
    d_prev = hn::Add(d_prev, hn::Mul(d_i, get(s.wci + j)));
    d_prev = hn::Add(d_prev, hn::Mul(d_f, get(s.wcf + j)));
  }
  float* const g = s.dgates + 4 * row * n + j;
  Put<kAll>(d_i, g, part);
  Put<kAll>(d_ci, g + s.order.c * n, part);
  Put<kAll>(d_f, g + s.order.f * n, part);
  Put<kAll>(d_o, g + 3 * n, part);
  Put<kAll>(d_prev, s.cs_prev_grad + at, part);
}

// Calls f.template operator()<kAll>(row, j, part) for the vectors of each row.
template <class F>
HWY_INLINE void ForEachPart(int64_t begin, int64_t end, int64_t cell, F f) {
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(kTag)), whole = cell / lanes * lanes;
  const Part rest(kTag, static_cast<size_t>(cell - whole));
  for (int64_t row = begin; row < end; ++row) {
    for (int64_t j = 0; j < whole; j += lanes) f.template operator()<true>(row, j, rest);
    if (whole < cell) f.template operator()<false>(row, whole, rest);
  }
}

template <bool kPeephole>
HWY_INLINE void StepRows(const LstmStep& s, int64_t begin, int64_t end) {
  const Floats limit =
      hn::Set(kTag, s.cell_clip > 0.f ? s.cell_clip : std::numeric_limits<float>::infinity());
  // So many rows that the second pass finds what the first one wrote in the first cache.
  constexpr int64_t kElements = 1024;
  const int64_t block = std::max<int64_t>(kElements / std::max<int64_t>(s.cell, 1), 1);
  for (int64_t row = begin; row < end; row += block) {
    const int64_t last = std::min(row + block, end);
    ForEachPart(row, last, s.cell, [&]<bool kAll>(int64_t r, int64_t j, const Part& part) HWY_ATTR {
      StepPart<kPeephole, kAll>(s, r, j, part, limit);
    });
    // Rows of these lie one behind the other: one long row.
    ForEachPart(0, 1, (last - row) * s.cell,
                [&]<bool kAll>(int64_t, int64_t j, const Part& part)
                    HWY_ATTR { ShowPart<kAll>(s, row * s.cell + j, part); });
  }
}
template <bool kPeephole, bool kNext>
HWY_INLINE void GradRows(const LstmStepGrad& s, int64_t begin, int64_t end) {
  ForEachPart(begin, end, s.cell,
              [&]<bool kAll>(int64_t row, int64_t j, const Part& part)
                  HWY_ATTR { GradPart<kPeephole, kNext, kAll>(s, row, j, part); });
}

HWY_NOINLINE void RunStepRows(const LstmStep& s, int64_t begin, int64_t end) {
  s.wci != nullptr ? StepRows<true>(s, begin, end) : StepRows<false>(s, begin, end);
}
HWY_NOINLINE void RunGradRows(const LstmStepGrad& s, int64_t begin, int64_t end) {
  if (s.wci != nullptr) {
    s.h_next != nullptr ? GradRows<true, true>(s, begin, end)
                        : GradRows<true, false>(s, begin, end);
  } else {
    s.h_next != nullptr ? GradRows<false, true>(s, begin, end)
                        : GradRows<false, false>(s, begin, end);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace weft::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace weft::cpu {

void LstmStepRows(const LstmStep& s, int64_t begin, int64_t end) {
  static const auto run = WEFT_CHOOSE_SIMD(RunStepRows);
  run(s, begin, end);
}
void LstmStepGradRows(const LstmStepGrad& s, int64_t begin, int64_t end) {
  static const auto run = WEFT_CHOOSE_SIMD(RunGradRows);
  run(s, begin, end);
}

}  // namespace weft::cpu
#endif  // HWY_ONCE
