// SPDX-License-Identifier: Apache-2.0
// Recurrent networks: cells (weft/nn/rnn_cell.h) over sequences (tf.nn.dynamic_rnn and others).
//
//   auto rnn = wf::nn::DynamicRnn(cell, x, {.dtype = wf::kFloat32});   // x [batch, time, input]
//   Tensor last = wf::At(rnn.outputs, {wf::All, -1});
//
// With sequence_length (an int32 or int64 vector [batch]) a sequence ends early: its outputs are
// zeros from there on, and its state stays. Gradients flow through all of these. Nodes and
// variables are named as TensorFlow's, in the variable scope `scope` ("rnn", or
// "bidirectional_rnn"). InvalidArgumentError: no initial state and no dtype, an input size that is
// not known, sequences of different lengths or batches.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "weft/nn/rnn_cell.h"
#include "weft/ops/tensor_array.h"

namespace weft::nn {

struct DynamicRnnOptions {
  std::optional<Input> sequence_length = {};
  RnnState initial_state = {};    // zeros of `dtype`, if none
  DataType dtype = kInvalidType;  // of initial state and outputs
  int parallel_iterations = 32;
  bool swap_memory = false;
  // Inputs and outputs are [time, batch, ...] and not [batch, time, ...]: saves two transpositions.
  bool time_major = false;
  std::string scope = {};
};
struct DynamicRnnResult {
  Tensor outputs;  // [batch, time, output size]
  RnnState state;  // after the last step
};
// Unrolls in a loop, over as many steps as the inputs have when it runs.
DynamicRnnResult DynamicRnn(const rnn_cell::RNNCell& cell, const Input& inputs,
                            const DynamicRnnOptions& options = {});

struct BidirectionalRnnOptions {
  std::optional<Input> sequence_length = {};
  RnnState initial_state_fw = {}, initial_state_bw = {};
  DataType dtype = kInvalidType;
  int parallel_iterations = 32;
  bool swap_memory = false;
  bool time_major = false;
  std::string scope = {};
};
struct BidirectionalDynamicRnnResult {
  Tensor output_fw, output_bw;
  RnnState state_fw, state_bw;
};
// One cell reads forwards, the other one backwards; each output is where its input is.
BidirectionalDynamicRnnResult BidirectionalDynamicRnn(const rnn_cell::RNNCell& cell_fw,
                                                      const rnn_cell::RNNCell& cell_bw,
                                                      const Input& inputs,
                                                      const BidirectionalRnnOptions& options = {});

struct StaticRnnOptions {
  RnnState initial_state = {};
  DataType dtype = kInvalidType;
  std::optional<Input> sequence_length = {};
  std::string scope = {};
};
struct StaticRnnResult {
  std::vector<Tensor> outputs;  // [batch, output size], one a step
  RnnState state;
};
// Unrolls when the graph is built: one input [batch, input size] a step.
StaticRnnResult StaticRnn(const rnn_cell::RNNCell& cell, const std::vector<Input>& inputs,
                          const StaticRnnOptions& options = {});

// Where static_state_saving_rnn keeps states between runs.
class StateSaver {
 public:
  virtual ~StateSaver() = default;
  virtual Tensor State(const std::string& name) = 0;
  virtual Operation SaveState(const std::string& name, const Tensor& value) = 0;
};
struct StateSavingRnnOptions {
  std::optional<Input> sequence_length = {};
  std::string scope = {};
};
// A StaticRnn that begins with the states of these names, one for each tensor of the cell's state,
// and saves them again when the last output, or the state, is computed.
StaticRnnResult StaticStateSavingRnn(const rnn_cell::RNNCell& cell,
                                     const std::vector<Input>& inputs, StateSaver& state_saver,
                                     const Nest<std::string>& state_name,
                                     const StateSavingRnnOptions& options = {});

struct StaticBidirectionalRnnResult {
  std::vector<Tensor> outputs;  // forward and backward output side by side
  RnnState state_fw, state_bw;
};
StaticBidirectionalRnnResult StaticBidirectionalRnn(const rnn_cell::RNNCell& cell_fw,
                                                    const rnn_cell::RNNCell& cell_bw,
                                                    const std::vector<Input>& inputs,
                                                    const BidirectionalRnnOptions& options = {});

// Layers of bidirectional networks, each over the joined outputs of the one before
// (tf.contrib.rnn.stack_bidirectional_rnn, ..._dynamic_rnn). States by layer.
struct StackBidirectionalRnnOptions {
  std::optional<Input> sequence_length = {};
  std::vector<RnnState> initial_states_fw = {}, initial_states_bw = {};
  DataType dtype = kInvalidType;
  int parallel_iterations = 32;
  bool time_major = false;
  std::string scope = {};  // "stack_bidirectional_rnn"
};
struct StackBidirectionalRnnResult {
  std::vector<Tensor> outputs;  // one a step
  std::vector<RnnState> states_fw, states_bw;
};
StackBidirectionalRnnResult StackBidirectionalRnn(const std::vector<rnn_cell::RNNCell>& cells_fw,
                                                  const std::vector<rnn_cell::RNNCell>& cells_bw,
                                                  const std::vector<Input>& inputs,
                                                  const StackBidirectionalRnnOptions& options = {});
struct StackBidirectionalDynamicRnnResult {
  Tensor outputs;  // [batch, time, both output sizes]
  std::vector<RnnState> states_fw, states_bw;
};
StackBidirectionalDynamicRnnResult StackBidirectionalDynamicRnn(
    const std::vector<rnn_cell::RNNCell>& cells_fw, const std::vector<rnn_cell::RNNCell>& cells_bw,
    const Input& inputs, const StackBidirectionalRnnOptions& options = {});

// ---- A loop of one's own ------------------------------------------------------------------------

// What the function of a RawRnn says before the first step, and after each.
struct RawRnnStep {
  Tensor elements_finished;  // bool [batch]: sequences that are over
  Tensor next_input;         // [batch, input size]
  RnnState next_cell_state;  // usually the one that the step gave
  // What the step emits, [batch, ...]; before the first step one example without batch, of static
  // shape; none: the cell's output.
  RnnState emit_output = {};
  RnnState next_loop_state = {};  // anything else that goes round
};
// Before the first step, `cell_output` is invalid, and cell_state and loop_state are none.
using RawRnnFn = std::function<RawRnnStep(const Tensor& time, const Tensor& cell_output,
                                          const RnnState& cell_state, const RnnState& loop_state)>;
struct RawRnnOptions {
  int parallel_iterations = 32;
  bool swap_memory = false;
  std::string scope = {};
};
struct RawRnnResult {
  std::vector<TensorArray> emit;  // one for each tensor that is emitted, an element a step
  RnnState state;
  RnnState loop_state;
};
// Steps until all sequences are finished. Sequences that are emit zeros and keep their state.
RawRnnResult RawRnn(const rnn_cell::RNNCell& cell, const RawRnnFn& loop_fn,
                    const RawRnnOptions& options = {});

}  // namespace weft::nn
