// SPDX-License-Identifier: Apache-2.0
// The element-wise parts of LSTM and GRU cells: all gates of a row in one vectorised pass.
//
// Matrices are row-major, [batch, cell] unless said otherwise. A pass works on rows [begin, end),
// so that callers may split the batch anywhere; rows don't depend on one another.
#pragma once

#include <cstdint>

namespace weft::cpu {

// In which order the four gates of an LSTM stand in a row of weights: input gate, new input (c),
// forget gate, output gate. Multiples of the cell size.
struct GateOrder {
  int64_t c = 1;
  int64_t f = 2;
};
inline constexpr GateOrder kIcfo = {1, 2};  // LSTMBlockCell, BlockLSTM
inline constexpr GateOrder kIfco = {2, 1};  // BlockLSTMV2

// One step of an LSTM (Hochreiter and Schmidhuber 1997; Gers et al. 2000), with peepholes if the
// weights wci, wcf, wco [cell] are given:
//   i = sigmoid(gates_i + bias_i + wci cs_prev)    ci = tanh(gates_c + bias_c)
//   f = sigmoid(gates_f + bias_f + forget_bias + wcf cs_prev)
//   cs = i ci + f cs_prev, within +-cell_clip if that is > 0    co = tanh(cs)
//   o = sigmoid(gates_o + bias_o + wco cs)         h = o co
struct LstmStep {
  int64_t cell = 0;
  GateOrder order;
  const float* gates = nullptr;  // [batch, 4 cell]: [x, h_prev] w
  const float* bias = nullptr;   // [4 cell]
  const float* cs_prev = nullptr;
  const float *wci = nullptr, *wcf = nullptr, *wco = nullptr;
  float forget_bias = 0, cell_clip = 0;
  float *i = nullptr, *cs = nullptr, *f = nullptr, *o = nullptr, *ci = nullptr, *co = nullptr,
        *h = nullptr;
};
void LstmStepRows(const LstmStep& s, int64_t begin, int64_t end);

// The step backwards: gradients of the gates before their functions, and of cs_prev. The clipping
// counts as the identity, as in TensorFlow.
struct LstmStepGrad {
  int64_t cell = 0;
  GateOrder order;
  const float *cs_prev = nullptr, *cs = nullptr;
  const float *i = nullptr, *f = nullptr, *o = nullptr, *ci = nullptr, *co = nullptr;
  const float *wci = nullptr, *wcf = nullptr, *wco = nullptr;  // null without peepholes
  const float *cs_grad = nullptr, *h_grad = nullptr;
  // What the next step passes back, in addition; null: nothing.
  const float *cs_next = nullptr, *h_next = nullptr;
  float* dgates = nullptr;        // [batch, 4 cell]
  float* cs_prev_grad = nullptr;  // may be cs_next
};
void LstmStepGradRows(const LstmStepGrad& s, int64_t begin, int64_t end);

// Adds the gradients of the peepholes' weights [cell], from the gates' ones, over all of the batch.
void AddPeepholeGradients(const LstmStepGrad& s, int64_t batch, float* wci_grad, float* wcf_grad,
                          float* wco_grad);

// sums[j] += the sum of column j of m [rows, columns], from the first row to the last.
void AddColumnSums(const float* m, int64_t rows, int64_t columns, float* sums);

// One step of a GRU (Cho et al. 2014), in the two passes between its products:
//   r, u = sigmoid(ru + bias_ru)    hr = h_prev r
//   c = tanh(gate_c + bias_c)       h = u h_prev + (1 - u) c
struct GruStep {
  int64_t cell = 0;
  const float *ru = nullptr, *bias_ru = nullptr;     // [batch, 2 cell], [2 cell]
  const float *gate_c = nullptr, *bias_c = nullptr;  // [batch, cell], [cell]
  const float* h_prev = nullptr;
  float *r = nullptr, *u = nullptr, *hr = nullptr, *c = nullptr, *h = nullptr;
};
void GruGateRows(const GruStep& s, int64_t begin, int64_t end);
void GruOutputRows(const GruStep& s, int64_t begin, int64_t end);

// The step backwards, in three passes around its products:
//   dc = dh (1 - u) (1 - c^2)    du = dh (h_prev - c) u (1 - u)
//   dr = dhr h_prev r (1 - r)
//   dh_prev += dhr r + dh u
struct GruStepGrad {
  int64_t cell = 0;
  const float *h_prev = nullptr, *r = nullptr, *u = nullptr, *c = nullptr, *dh = nullptr;
  const float* dhr = nullptr;
  float* dc = nullptr;
  float* dru = nullptr;  // [batch, 2 cell]
  float* dh_prev = nullptr;
};
void GruGradOutputRows(const GruStepGrad& s, int64_t begin, int64_t end);
void GruGradResetRows(const GruStepGrad& s, int64_t begin, int64_t end);
void GruGradStateRows(const GruStepGrad& s, int64_t begin, int64_t end);

}  // namespace weft::cpu
