// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/rnn_gates.h"

#include <limits>

#include "kernels/common/fast_math.h"
#include "kernels/cpu/simd.h"

// All loops below write other memory than they read, except where an element is replaced by a
// function of itself: "ivdep" says so, since a dozen pointers are too many to check at run time.

namespace weft::cpu {
namespace {

inline float Clip(float x, float limit) {
  x = x > limit ? limit : x;
  return x < -limit ? -limit : x;
}

template <bool kPeephole>
inline void StepRow(const LstmStep& s, int64_t row, float limit) {
  const int64_t n = s.cell, at = row * n;
  const float* const gi = s.gates + 4 * at;
  const float *const gc = gi + s.order.c * n, *const gf = gi + s.order.f * n,
                     *const go = gi + 3 * n;
  const float* const bi = s.bias;
  const float *const bc = bi + s.order.c * n, *const bf = bi + s.order.f * n,
                     *const bo = bi + 3 * n;
  const float *const prev = s.cs_prev + at, *const wci = s.wci, *const wcf = s.wcf,
                     *const wco = s.wco;
  float *const i = s.i + at, *const cs = s.cs + at, *const f = s.f + at, *const o = s.o + at,
               *const ci = s.ci + at, *const co = s.co + at, *const h = s.h + at;
  const float forget_bias = s.forget_bias;
#pragma GCC ivdep
  for (int64_t j = 0; j < n; ++j) {
    const float p = prev[j];
    float to_i = gi[j] + bi[j];
    float to_f = gf[j] + bf[j] + forget_bias;
    float to_o = go[j] + bo[j];
    if constexpr (kPeephole) {
      to_i += p * wci[j];
      to_f += p * wcf[j];
    }
    const float in = FastSigmoid(to_i), keep = FastSigmoid(to_f), fresh = FastTanh(gc[j] + bc[j]);
    const float state = Clip(in * fresh + keep * p, limit);
    if constexpr (kPeephole) to_o += state * wco[j];
    const float out = FastSigmoid(to_o), shown = FastTanh(state);
    i[j] = in;
    f[j] = keep;
    ci[j] = fresh;
    cs[j] = state;
    co[j] = shown;
    o[j] = out;
    h[j] = out * shown;
  }
}

template <bool kPeephole, bool kNext>
inline void StepGradRow(const LstmStepGrad& s, int64_t row) {
  const int64_t n = s.cell, at = row * n;
  const float *const prev = s.cs_prev + at, *const i = s.i + at, *const f = s.f + at,
                     *const o = s.o + at, *const ci = s.ci + at, *const co = s.co + at;
  const float *const cs_grad = s.cs_grad + at, *const h_grad = s.h_grad + at;
  const float *const cs_next = kNext ? s.cs_next + at : nullptr, *const h_next = kNext
                                                                                     ? s.h_next + at
                                                                                     : nullptr;
  const float *const wci = s.wci, *const wcf = s.wcf, *const wco = s.wco;
  float* const gi = s.dgates + 4 * at;
  float *const gc = gi + s.order.c * n, *const gf = gi + s.order.f * n, *const go = gi + 3 * n;
  float* const back = s.cs_prev_grad + at;
#pragma GCC ivdep
  for (int64_t j = 0; j < n; ++j) {
    float dh = h_grad[j], from_above = cs_grad[j];
    if constexpr (kNext) {
      dh += h_next[j];
      from_above += cs_next[j];
    }
    const float d_o = o[j] * (1.f - o[j]) * dh * co[j];
    float d_cs = (1.f - co[j] * co[j]) * dh * o[j] + from_above;
    if constexpr (kPeephole) d_cs += d_o * wco[j];
    const float d_f = f[j] * (1.f - f[j]) * d_cs * prev[j];
    const float d_i = i[j] * (1.f - i[j]) * d_cs * ci[j];
    float d_prev = d_cs * f[j];
    if constexpr (kPeephole) d_prev += d_i * wci[j] + d_f * wcf[j];
    gi[j] = d_i;
    gc[j] = (1.f - ci[j] * ci[j]) * d_cs * i[j];
    gf[j] = d_f;
    go[j] = d_o;
    back[j] = d_prev;
  }
}

}  // namespace

WEFT_SIMD void LstmStepRows(const LstmStep& s, int64_t begin, int64_t end) {
  const float limit = s.cell_clip > 0.f ? s.cell_clip : std::numeric_limits<float>::infinity();
  if (s.wci != nullptr) {
    for (int64_t row = begin; row < end; ++row) StepRow<true>(s, row, limit);
  } else {
    for (int64_t row = begin; row < end; ++row) StepRow<false>(s, row, limit);
  }
}

WEFT_SIMD void LstmStepGradRows(const LstmStepGrad& s, int64_t begin, int64_t end) {
  const bool peephole = s.wci != nullptr, next = s.h_next != nullptr;
  for (int64_t row = begin; row < end; ++row) {
    if (peephole) {
      next ? StepGradRow<true, true>(s, row) : StepGradRow<true, false>(s, row);
    } else {
      next ? StepGradRow<false, true>(s, row) : StepGradRow<false, false>(s, row);
    }
  }
}

WEFT_SIMD void AddPeepholeGradients(const LstmStepGrad& s, int64_t batch, float* wci_grad,
                                    float* wcf_grad, float* wco_grad) {
  const int64_t n = s.cell;
  for (int64_t row = 0; row < batch; ++row) {
    const float *const prev = s.cs_prev + row * n, *const cs = s.cs + row * n;
    const float* const gi = s.dgates + 4 * row * n;
    const float *const gf = gi + s.order.f * n, *const go = gi + 3 * n;
#pragma GCC ivdep
    for (int64_t j = 0; j < n; ++j) {
      wci_grad[j] += gi[j] * prev[j];
      wcf_grad[j] += gf[j] * prev[j];
      wco_grad[j] += go[j] * cs[j];
    }
  }
}

WEFT_SIMD void AddColumnSums(const float* m, int64_t rows, int64_t columns, float* sums) {
  for (int64_t row = 0; row < rows; ++row) {
    const float* const from = m + row * columns;
#pragma GCC ivdep
    for (int64_t j = 0; j < columns; ++j) sums[j] += from[j];
  }
}

WEFT_SIMD void GruGateRows(const GruStep& s, int64_t begin, int64_t end) {
  const int64_t n = s.cell;
  const float *const br = s.bias_ru, *const bu = s.bias_ru + n;
  for (int64_t row = begin; row < end; ++row) {
    const float *const gr = s.ru + 2 * row * n, *const gu = gr + n;
    const float* const prev = s.h_prev + row * n;
    float *const r = s.r + row * n, *const u = s.u + row * n, *const hr = s.hr + row * n;
#pragma GCC ivdep
    for (int64_t j = 0; j < n; ++j) {
      const float reset = FastSigmoid(gr[j] + br[j]);
      r[j] = reset;
      u[j] = FastSigmoid(gu[j] + bu[j]);
      hr[j] = prev[j] * reset;
    }
  }
}

WEFT_SIMD void GruOutputRows(const GruStep& s, int64_t begin, int64_t end) {
  const int64_t n = s.cell;
  const float* const bias = s.bias_c;
  for (int64_t row = begin; row < end; ++row) {
    const float *const gate = s.gate_c + row * n, *const u = s.u + row * n,
                       *const prev = s.h_prev + row * n;
    float *const c = s.c + row * n, *const h = s.h + row * n;
#pragma GCC ivdep
    for (int64_t j = 0; j < n; ++j) {
      const float fresh = FastTanh(gate[j] + bias[j]);
      c[j] = fresh;
      h[j] = u[j] * prev[j] + (1.f - u[j]) * fresh;
    }
  }
}

WEFT_SIMD void GruGradOutputRows(const GruStepGrad& s, int64_t begin, int64_t end) {
  const int64_t n = s.cell;
  for (int64_t row = begin; row < end; ++row) {
    const int64_t at = row * n;
    const float *const u = s.u + at, *const c = s.c + at, *const dh = s.dh + at,
                       *const prev = s.h_prev + at;
    float *const dc = s.dc + at, *const du = s.dru + 2 * at + n;
#pragma GCC ivdep
    for (int64_t j = 0; j < n; ++j) {
      dc[j] = dh[j] * (1.f - u[j]) * (1.f - c[j] * c[j]);
      du[j] = dh[j] * (prev[j] - c[j]) * u[j] * (1.f - u[j]);
    }
  }
}

WEFT_SIMD void GruGradResetRows(const GruStepGrad& s, int64_t begin, int64_t end) {
  const int64_t n = s.cell;
  for (int64_t row = begin; row < end; ++row) {
    const int64_t at = row * n;
    const float *const r = s.r + at, *const dhr = s.dhr + at, *const prev = s.h_prev + at;
    float* const dr = s.dru + 2 * at;
#pragma GCC ivdep
    for (int64_t j = 0; j < n; ++j) dr[j] = dhr[j] * prev[j] * r[j] * (1.f - r[j]);
  }
}

WEFT_SIMD void GruGradStateRows(const GruStepGrad& s, int64_t begin, int64_t end) {
  const int64_t n = s.cell;
  for (int64_t row = begin; row < end; ++row) {
    const int64_t at = row * n;
    const float *const r = s.r + at, *const u = s.u + at, *const dhr = s.dhr + at,
                       *const dh = s.dh + at;
    float* const back = s.dh_prev + at;
#pragma GCC ivdep
    for (int64_t j = 0; j < n; ++j) back[j] += dhr[j] * r[j] + dh[j] * u[j];
  }
}

}  // namespace weft::cpu
