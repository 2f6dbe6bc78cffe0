// SPDX-License-Identifier: Apache-2.0
// Cells of recurrent networks (tf.nn.rnn_cell): what is computed in one step.
//
//   namespace rnn = wf::nn::rnn_cell;
//   rnn::MultiRNNCell cell({rnn::BasicLSTMCell(30), rnn::BasicLSTMCell(30)});
//   wf::nn::RnnState state = cell.ZeroState(batch_size, wf::kFloat32);
//   for (int t = 0; t < 10; ++t) {
//     auto step = cell(x[t], state);        // makes the variables at the first call
//     outputs.push_back(step.output);
//     state = step.state;
//   }
//
// weft/nn/rnn.h unrolls cells over sequences. A cell is a cheap handle: copies are the same cell,
// with the same variables. Names of variables and nodes are TensorFlow's, so checkpoints fit:
// "rnn/multi_rnn_cell/cell_0/basic_lstm_cell/kernel". Variables are made in the variable scope of
// the first call; what it tells (initializer, regularizer, partitioner, reuse) counts for them.
//
// Inputs are [batch, input size] of a floating dtype, which the variables take; the input size
// must be known. Mistakes throw InvalidArgumentError. A cell may be used by one thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "weft/core/shape.h"
#include "weft/framework/variable_scope.h"
#include "weft/graph/input.h"
#include "weft/graph/tensor.h"
#include "weft/nn/nest.h"

namespace weft::nn {

// The state of a cell: a tensor [batch, n], or a list of states.
using RnnState = Nest<Tensor>;
// Without the batch: a leaf is the shape of one tensor of the state.
using RnnStateSize = Nest<Shape>;

namespace rnn_cell {

// The state of LSTMs: c [batch, units], and the output h.
struct LSTMStateTuple {
  Tensor c, h;
  LSTMStateTuple(Tensor c_in, Tensor h_in) : c(c_in), h(h_in) {}
  // InvalidArgumentError unless it is a list of two tensors.
  explicit LSTMStateTuple(const RnnState& state);
  operator RnnState() const { return RnnState::List({c, h}); }  // NOLINT: conversions are the point
};

struct CellResult {
  Tensor output;  // [batch, output_size]
  RnnState state;
};

// What a cell does; derive from it for cells of your own.
class CellImpl {
 public:
  virtual ~CellImpl() = default;
  // As Python's class is called: "BasicLSTMCell". The default scope is "basic_lstm_cell".
  virtual std::string class_name() const = 0;
  virtual RnnStateSize state_size() const = 0;
  virtual int64_t output_size() const = 0;
  // Which tensors of the state, flattened, are the memory c of an LSTM: none by default.
  virtual std::vector<bool> memories() const {
    return std::vector<bool>(state_size().Flatten().size(), false);
  }
  // Adds the nodes of a step in the scopes where it is called. `scope` is the variable scope asked
  // for, empty for the cell's own.
  virtual CellResult Step(const Tensor& inputs, const RnnState& state,
                          const std::string& scope) = 0;
  virtual RnnState ZeroState(const Input& batch_size, DataType dtype) const;
};

class RNNCell {
 public:
  RNNCell() = default;  // refers to nothing
  explicit RNNCell(std::shared_ptr<CellImpl> impl) : impl_(std::move(impl)) {}
  bool valid() const { return impl_ != nullptr; }

  // One step. `state` has the structure of state_size(), else InvalidArgumentError.
  CellResult operator()(const Input& inputs, const RnnState& state,
                        const std::string& scope = {}) const;
  RnnStateSize state_size() const { return impl().state_size(); }
  int64_t output_size() const { return impl().output_size(); }
  // Zeros. `batch_size`: a number, or an int32 scalar.
  RnnState ZeroState(const Input& batch_size, DataType dtype) const {
    return impl().ZeroState(batch_size, dtype);
  }
  CellImpl& impl() const;
  friend bool operator==(const RNNCell& a, const RNNCell& b) { return a.impl_ == b.impl_; }

 private:
  std::shared_ptr<CellImpl> impl_;
};

// The name of a cell's scope, and whether it takes variables that are there already.
struct CellOptions {
  std::string name = {};
  bool reuse = false;
};
using Activation = std::function<Tensor(const Tensor&)>;

struct BasicRNNCellOptions {
  Activation activation = {};  // Tanh
  bool reuse = false;
  std::string name = {};
};
// output = state' = activation([input, state] kernel + bias).
class BasicRNNCell : public RNNCell {
 public:
  explicit BasicRNNCell(int64_t num_units, const BasicRNNCellOptions& options = {});
};

struct GRUCellOptions {
  Activation activation = {};  // Tanh
  bool reuse = false;
  Initializer kernel_initializer = {};
  Initializer bias_initializer = {};  // 1 for the gates, 0 for the candidate
  std::string name = {};
};
// [r, u] = sigmoid([x, h] w + b); c = activation([x, r h] w' + b'); h' = u h + (1 - u) c (Cho et
// al., arXiv:1406.1078).
class GRUCell : public RNNCell {
 public:
  explicit GRUCell(int64_t num_units, const GRUCellOptions& options = {});
};

struct BasicLSTMCellOptions {
  double forget_bias = 1;
  // False: the state is one tensor [batch, 2 units], c then h.
  bool state_is_tuple = true;
  Activation activation = {};  // Tanh
  bool reuse = false;
  std::string name = {};
};
// i, j, f, o = [x, h] kernel + bias; c' = sigmoid(f + forget_bias) c + sigmoid(i) activation(j);
// h' = sigmoid(o) activation(c') (Zaremba et al., arXiv:1409.2329).
class BasicLSTMCell : public RNNCell {
 public:
  explicit BasicLSTMCell(int64_t num_units, const BasicLSTMCellOptions& options = {});
};

struct LSTMCellOptions {
  bool use_peepholes = false;            // gates see the state: w_f_diag, w_i_diag, w_o_diag
  std::optional<double> cell_clip = {};  // c' is kept within +-cell_clip
  Initializer initializer = {};          // of all weights but biases
  std::optional<int64_t> num_proj = {};  // outputs of this size, by a linear layer without bias
  std::optional<double> proj_clip = {};  // keeps those within +-proj_clip
  double forget_bias = 1;
  bool state_is_tuple = true;
  Activation activation = {};  // Tanh
  bool reuse = false;
  std::string name = {};
};
// An LSTM with peepholes and projection (Sak et al., Interspeech 2014).
class LSTMCell : public RNNCell {
 public:
  explicit LSTMCell(int64_t num_units, const LSTMCellOptions& options = {});
};

struct LSTMBlockCellOptions {
  double forget_bias = 1;
  std::optional<double> cell_clip = {};  // none
  bool use_peephole = false;
  bool reuse = false;
  std::string name = {};  // "lstm_cell"
};
// As BasicLSTMCell, computed by one op: faster, and with the same variables "kernel" and "bias".
class LSTMBlockCell : public RNNCell {
 public:
  explicit LSTMBlockCell(int64_t num_units, const LSTMBlockCellOptions& options = {});
};
// As GRUCell, computed by one op, with the same variables. float32.
class GRUBlockCellV2 : public RNNCell {
 public:
  explicit GRUBlockCellV2(int64_t num_units, const CellOptions& options = {});
};
// The same with the names of older checkpoints: "gru_cell/w_ru", "b_ru", "w_c", "b_c".
class GRUBlockCell : public RNNCell {
 public:
  explicit GRUBlockCell(int64_t num_units, const CellOptions& options = {});
};

struct LayerNormBasicLSTMCellOptions {
  double forget_bias = 1;
  Activation activation = {};  // Tanh
  bool layer_norm = true;
  double norm_gain = 1, norm_shift = 0;  // initial values of gamma and beta
  Input dropout_keep_prob = 1.f;         // of the new input (Semeniuta et al., arXiv:1603.05118)
  std::optional<int64_t> dropout_prob_seed = {};
  bool reuse = false;
};
// A BasicLSTMCell whose gates and state are normalised over the units (Ba et al.,
// arXiv:1607.06450) and have dropout that keeps memory.
class LayerNormBasicLSTMCell : public RNNCell {
 public:
  explicit LayerNormBasicLSTMCell(int64_t num_units,
                                  const LayerNormBasicLSTMCellOptions& options = {});
};

struct MultiRNNCellOptions {
  // False: the state is one tensor, the states of all cells side by side.
  bool state_is_tuple = true;
};
// Each cell takes the outputs of the one before.
class MultiRNNCell : public RNNCell {
 public:
  explicit MultiRNNCell(std::vector<RNNCell> cells, const MultiRNNCellOptions& options = {});
};

}  // namespace rnn_cell
}  // namespace weft::nn
