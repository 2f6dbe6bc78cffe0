// SPDX-License-Identifier: Apache-2.0
// Sequence to sequence networks: attention over an encoder's outputs, and decoding word by word.
//
//   auto memory = nn::DynamicRnn(encoder, source, {.dtype = kFloat32}).outputs;
//   seq2seq::LuongAttention attention(128, memory, {.memory_sequence_length = source_length});
//   seq2seq::AttentionWrapper cell(rnn::BasicLSTMCell(128), attention, {.attention_layer_size =
//   64}); auto logits = project(nn::DynamicRnn(cell, embed(target), {...}).outputs);            //
//   training auto words = seq2seq::GreedyDecode(cell, embed, project, start, {.end_token = 1}).ids;
//   // serving
//
// For a beam search, tile what depends on the source before the attention is made:
// seq2seq::TileBatch(memory, beam_width). Variables are named as those of tf.contrib.seq2seq:
// "memory_layer/kernel", "attention_wrapper/luong_attention/attention_g", ...
// Mistakes throw InvalidArgumentError.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "weft/nn/rnn.h"
#include "weft/nn/rnn_cell.h"

namespace weft::nn::seq2seq {

// Where to look in a memory [batch, time, depth], by a query [batch, units]. A cheap handle.
class AttentionMechanism {
 public:
  AttentionMechanism() = default;
  // The share of each time step, [batch, time]; rows sum to 1. Makes its variables at the first
  // call, in the scope of that call.
  Tensor operator()(const Tensor& query) const;
  // The memory, zeros beyond memory_sequence_length.
  const Tensor& values() const;

  struct Data;  // of the implementation

 protected:
  std::shared_ptr<Data> data_;
};

struct AttentionOptions {
  std::optional<Input> memory_sequence_length = {};  // [batch]: later steps get no share
  bool scale = false;      // Luong: scores times a variable, "attention_g"
  bool normalize = false;  // Bahdanau: weight normalisation (Salimans and Kingma, arXiv:1602.07868)
  std::string name = {};
};
// score = query . (memory W) (Luong et al., arXiv:1508.04025). Queries have num_units columns.
class LuongAttention : public AttentionMechanism {
 public:
  LuongAttention(int64_t num_units, const Input& memory, const AttentionOptions& options = {});
};
// score = v . tanh(query W' + memory W) (Bahdanau et al., arXiv:1409.0473).
class BahdanauAttention : public AttentionMechanism {
 public:
  BahdanauAttention(int64_t num_units, const Input& memory, const AttentionOptions& options = {});
};

struct AttentionWrapperOptions {
  // The attention is a linear layer of this size over the cell's output and the context; without
  // it, the context.
  std::optional<int64_t> attention_layer_size = {};
  bool output_attention = true;  // false: the output is the cell's
  std::string name = {};         // "attention_wrapper"
};
// Feeds the attention of the step before to the cell, with its inputs. The state is (the cell's
// state, attention [batch, n], alignments [batch, time]).
class AttentionWrapper : public rnn_cell::RNNCell {
 public:
  AttentionWrapper(rnn_cell::RNNCell cell, const AttentionMechanism& attention,
                   const AttentionWrapperOptions& options = {});
};

// Each row `multiplier` times, one copy after the other: [batch, ...] -> [batch multiplier, ...].
Tensor TileBatch(const Tensor& t, int64_t multiplier);
RnnState TileBatch(const RnnState& state, int64_t multiplier);

// Word numbers [n] (int32) to inputs of the cell [n, size]; outputs of the cell to logits.
using EmbeddingFn = std::function<Tensor(const Tensor& ids)>;
using OutputFn = std::function<Tensor(const Tensor& outputs)>;

struct GreedyDecodeOptions {
  int64_t end_token = 0;
  RnnState initial_state = {};  // zeros of `dtype`, if none
  DataType dtype = kFloat32;
  int64_t maximum_iterations = 100;  // the most words
  std::string scope = {};            // "decoder"
};
struct GreedyDecodeResult {
  Tensor ids;      // int32 [batch, words]; end tokens after the first one
  Tensor lengths;  // int32 [batch]: words up to and with the end token
  RnnState state;
};
// Takes the likeliest word in each step, and feeds it to the next. `start_tokens`: int32 [batch].
GreedyDecodeResult GreedyDecode(const rnn_cell::RNNCell& cell, const EmbeddingFn& embedding,
                                const OutputFn& output_layer, const Input& start_tokens,
                                const GreedyDecodeOptions& options);

struct BeamSearchOptions {
  int64_t end_token = 0;
  int64_t beam_width = 1;
  RnnState initial_state = {};  // of batch beam_width rows (TileBatch); zeros of `dtype`, if none
  DataType dtype = kFloat32;
  // Scores are log probabilities over ((5 + length) / 6)^weight (Wu et al., arXiv:1609.08144).
  double length_penalty_weight = 0;
  int64_t maximum_iterations = 100;
  std::string scope = {};  // "decoder"
};
struct BeamSearchResult {
  Tensor ids;      // int32 [batch, words, beam_width], the best first
  Tensor scores;   // [batch, beam_width]
  Tensor lengths;  // int32 [batch, beam_width]
};
// Keeps the beam_width likeliest beginnings of sentences. The cell works on batch beam_width rows.
BeamSearchResult BeamSearchDecode(const rnn_cell::RNNCell& cell, const EmbeddingFn& embedding,
                                  const OutputFn& output_layer, const Input& start_tokens,
                                  const BeamSearchOptions& options);

}  // namespace weft::nn::seq2seq
