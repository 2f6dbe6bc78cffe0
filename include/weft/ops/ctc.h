// SPDX-License-Identifier: Apache-2.0
// Connectionist temporal classification: sequences of labels from longer sequences of inputs,
// whose alignment is not known (Graves et al., ICML 2006).
//
//   auto loss = wf::ReduceMean(wf::nn::CtcLoss({indices, values, shape}, logits, lengths));
//   auto [decoded, log_probability] = wf::nn::CtcGreedyDecoder(logits, lengths);
//
// Inputs are unnormalised log probabilities [time, batch, classes], float or double; the last class
// is the blank. Sequence b has the first sequence_length[b] steps (int32).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "weft/graph/input.h"
#include "weft/graph/tensor.h"

namespace weft::nn {

// Labels of all sequences as a sparse tensor: rows (sequence, position) in order, and the labels.
struct CtcLabels {
  Tensor indices;  // int64 [n, 2]
  Tensor values;   // [n]
  Tensor shape;    // int64 [2]
};

struct CtcLossOptions {
  bool preprocess_collapse_repeated = false;       // of repeated labels, only one counts
  bool ctc_merge_repeated = true;                  // a label that lasts is one; false: is that many
  bool ignore_longer_outputs_than_inputs = false;  // their loss is 0; else an error
  bool time_major = true;                          // false: inputs are [batch, time, classes]
};
// -log p(labels | inputs) of each sequence. labels.values: int32. half and bfloat16 are computed as
// float. Differentiable once. Run-time InvalidArgumentErrors: a sequence without labels or with
// more labels than steps, labels out of range or out of order.
Tensor CtcLoss(const CtcLabels& labels, const Input& inputs, const Input& sequence_length,
               const CtcLossOptions& options = {});

struct CtcGreedyDecoderOptions {
  bool merge_repeated = true;
  int64_t blank_index = -1;  // from the end, if negative
};
struct CtcDecoded {
  std::vector<CtcLabels> decoded;  // the likeliest first; labels are int64
  Tensor log_probability;          // [batch, paths]
};
// The likeliest class of each step.
CtcDecoded CtcGreedyDecoder(const Input& inputs, const Input& sequence_length,
                            const CtcGreedyDecoderOptions& options = {});

struct CtcBeamSearchDecoderOptions {
  int64_t beam_width = 100;
  int64_t top_paths = 1;  // at most beam_width
  bool merge_repeated = true;
};
// The likeliest sequences of labels among the prefixes that a beam keeps.
CtcDecoded CtcBeamSearchDecoder(const Input& inputs, const Input& sequence_length,
                                const CtcBeamSearchDecoderOptions& options = {});

}  // namespace weft::nn
