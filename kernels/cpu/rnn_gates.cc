// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/rnn_gates.h"

#include "kernels/common/fast_math.h"
#include "kernels/cpu/simd.h"

// All loops below write other memory than they read, except where an element is replaced by a
// function of itself: "ivdep" says so, since a dozen pointers are too many to check at run time.

namespace weft::cpu {

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
