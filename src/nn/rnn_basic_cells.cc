// SPDX-License-Identifier: Apache-2.0
// BasicRNNCell, GRUCell, BasicLSTMCell, LSTMCell, MultiRNNCell. Nodes are added one after the
// other, in the order in which Python evaluates the formulas: their names tell.
#include <cmath>

#include "src/core/status.h"
#include "src/nn/rnn_layer_cell.h"
#include "src/ops/operators.h"
#include "weft/ops/activation.h"
#include "weft/ops/array.h"
#include "weft/ops/basic.h"
#include "weft/ops/math_binary.h"
#include "weft/ops/math_unary.h"
#include "weft/ops/nn.h"

namespace weft::nn::rnn_cell {
namespace {

using weft::internal::Minus;
using weft::internal::Plus;
using weft::internal::Times;

void CheckUnits(const char* cell, const char* what, int64_t n) {
  if (n >= 1 && n <= (int64_t{1} << 28)) return;
  ThrowError(Code::kInvalidArgument, StrCat(cell, ": ", what, " is ", n, ", which must be >= 1"));
}

class BasicRnn final : public LayerCell {
 public:
  BasicRnn(int64_t num_units, const BasicRNNCellOptions& o)
      : LayerCell(Kind::kLayerRnnCell, "BasicRNNCell", o.name, o.reuse),
        num_units_(num_units),
        activation_(o.activation) {
    CheckUnits("BasicRNNCell", "num_units", num_units);
  }
  RnnStateSize state_size() const override { return SizeOf(num_units_); }
  int64_t output_size() const override { return num_units_; }

 private:
  void Build(const Tensor& inputs) override {
    const int64_t depth = InputSize(*this, inputs);
    kernel_ = Weight("kernel", {depth + num_units_, num_units_}, InputDtype(inputs));
    bias_ = Weight("bias", {num_units_}, InputDtype(inputs), ZerosInitializer());
  }
  CellResult Call(const Tensor& inputs, const RnnState& state) override {
    const Tensor output = Activate(activation_, LinearOf({inputs, state.leaf()}, kernel_, bias_));
    return {output, output};
  }

  int64_t num_units_;
  Activation activation_;
  Variable kernel_, bias_;
};

class Gru final : public LayerCell {
 public:
  Gru(int64_t num_units, const GRUCellOptions& o)
      : LayerCell(Kind::kLayerRnnCell, "GRUCell", o.name, o.reuse),
        num_units_(num_units),
        options_(o) {
    CheckUnits("GRUCell", "num_units", num_units);
  }
  RnnStateSize state_size() const override { return SizeOf(num_units_); }
  int64_t output_size() const override { return num_units_; }

 private:
  void Build(const Tensor& inputs) override {
    const int64_t rows = InputSize(*this, inputs) + num_units_;
    const DataType dtype = InputDtype(inputs);
    const Initializer& given = options_.bias_initializer;
    const Initializer& weights = options_.kernel_initializer;
    gate_kernel_ = Weight("gates/kernel", {rows, 2 * num_units_}, dtype, weights);
    gate_bias_ = Weight("gates/bias", {2 * num_units_}, dtype,
                        given.valid() ? given : ConstantInitializer(Array(1.0f)));
    candidate_kernel_ = Weight("candidate/kernel", {rows, num_units_}, dtype, weights);
    candidate_bias_ =
        Weight("candidate/bias", {num_units_}, dtype, given.valid() ? given : ZerosInitializer());
  }
  CellResult Call(const Tensor& inputs, const RnnState& state) override {
    const Tensor h = state.leaf();
    const Tensor gates = Sigmoid(LinearOf({inputs, h}, gate_kernel_, gate_bias_));
    const std::vector<Tensor> parts = Split(gates, 2, {.axis = 1});
    const Tensor r = parts[0], u = parts[1];
    const Tensor r_state = Times(r, h);
    const Tensor c = Activate(options_.activation,
                              LinearOf({inputs, r_state}, candidate_kernel_, candidate_bias_));
    const Tensor kept = Times(u, h);
    const Tensor rest = Minus(1, u);
    const Tensor taken = Times(rest, c);
    const Tensor next = Plus(kept, taken);
    return {next, next};
  }

  int64_t num_units_;
  GRUCellOptions options_;
  Variable gate_kernel_, gate_bias_, candidate_kernel_, candidate_bias_;
};

class BasicLstm final : public LayerCell {
 public:
  BasicLstm(int64_t num_units, const BasicLSTMCellOptions& o)
      : LayerCell(Kind::kLayerRnnCell, "BasicLSTMCell", o.name, o.reuse),
        num_units_(num_units),
        options_(o) {
    CheckUnits("BasicLSTMCell", "num_units", num_units);
  }
  RnnStateSize state_size() const override {
    if (!options_.state_is_tuple) return SizeOf(2 * num_units_);
    return RnnStateSize::List({SizeOf(num_units_), SizeOf(num_units_)});
  }
  std::vector<bool> memories() const override {
    return options_.state_is_tuple ? std::vector<bool>{true, false} : std::vector<bool>{false};
  }
  int64_t output_size() const override { return num_units_; }

 private:
  void Build(const Tensor& inputs) override {
    const int64_t depth = InputSize(*this, inputs);
    kernel_ = Weight("kernel", {depth + num_units_, 4 * num_units_}, InputDtype(inputs));
    bias_ = Weight("bias", {4 * num_units_}, InputDtype(inputs), ZerosInitializer());
  }
  CellResult Call(const Tensor& inputs, const RnnState& state) override {
    const Tensor one = Constant(Array(int32_t{1}));
    Tensor c, h;
    if (options_.state_is_tuple) {
      const LSTMStateTuple pair(state);
      c = pair.c;
      h = pair.h;
    } else {
      const std::vector<Tensor> halves = Split(state.leaf(), 2, {.axis = one});
      c = halves[0];
      h = halves[1];
    }
    const std::vector<Tensor> gates =
        Split(LinearOf({inputs, h}, kernel_, bias_), 4, {.axis = one});
    const Tensor bias = Constant(options_.forget_bias, RemoveRef(gates[2].dtype()));
    const Tensor keep = Sigmoid(Add(gates[2], bias));
    const Tensor kept = Multiply(c, keep);
    const Tensor in = Sigmoid(gates[0]);
    const Tensor fresh = Activate(options_.activation, gates[1]);
    const Tensor taken = Multiply(in, fresh);
    const Tensor new_c = Add(kept, taken);
    const Tensor shown = Activate(options_.activation, new_c);
    const Tensor out = Sigmoid(gates[3]);
    const Tensor new_h = Multiply(shown, out);
    if (options_.state_is_tuple) return {new_h, LSTMStateTuple(new_c, new_h)};
    return {new_h, Concat({new_c, new_h}, 1)};
  }

  int64_t num_units_;
  BasicLSTMCellOptions options_;
  Variable kernel_, bias_;
};

class Lstm final : public LayerCell {
 public:
  Lstm(int64_t num_units, const LSTMCellOptions& o)
      : LayerCell(Kind::kLayerRnnCell, "LSTMCell", o.name, o.reuse),
        num_units_(num_units),
        options_(o) {
    CheckUnits("LSTMCell", "num_units", num_units);
    if (o.num_proj) CheckUnits("LSTMCell", "num_proj", *o.num_proj);
  }
  RnnStateSize state_size() const override {
    if (!options_.state_is_tuple) return SizeOf(num_units_ + output_size());
    return RnnStateSize::List({SizeOf(num_units_), SizeOf(output_size())});
  }
  std::vector<bool> memories() const override {
    return options_.state_is_tuple ? std::vector<bool>{true, false} : std::vector<bool>{false};
  }
  int64_t output_size() const override { return options_.num_proj.value_or(num_units_); }

 private:
  void Build(const Tensor& inputs) override {
    const int64_t depth = InputSize(*this, inputs);
    const DataType dtype = InputDtype(inputs);
    const Initializer& weights = options_.initializer;
    kernel_ = Weight("kernel", {depth + output_size(), 4 * num_units_}, dtype, weights);
    bias_ = Weight("bias", {4 * num_units_}, dtype, ZerosInitializer());
    if (options_.use_peepholes) {
      w_f_ = Weight("w_f_diag", {num_units_}, dtype, weights);
      w_i_ = Weight("w_i_diag", {num_units_}, dtype, weights);
      w_o_ = Weight("w_o_diag", {num_units_}, dtype, weights);
    }
    if (options_.num_proj)
      projection_ = Weight("projection/kernel", {num_units_, output_size()}, dtype, weights);
  }

  // x, plus w c where gates see the state.
  Tensor Seeing(const Tensor& x, const Variable& w, const Tensor& c) const {
    return options_.use_peepholes ? Plus(x, Times(w, c)) : x;
  }
  static Tensor Clipped(const Tensor& x, const std::optional<double>& limit) {
    return limit ? ClipByValue(x, -*limit, *limit) : x;
  }

  CellResult Call(const Tensor& inputs, const RnnState& state) override {
    Tensor c, m;
    if (options_.state_is_tuple) {
      const LSTMStateTuple pair(state);
      c = pair.c;
      m = pair.h;
    } else {
      c = Columns(state.leaf(), 0, num_units_);
      m = Columns(state.leaf(), num_units_, output_size());
    }
    const std::vector<Tensor> gates = Split(LinearOf({inputs, m}, kernel_, bias_), 4, {.axis = 1});
    const Tensor keep = Sigmoid(Seeing(Plus(gates[2], options_.forget_bias), w_f_, c));
    const Tensor kept = Times(keep, c);
    const Tensor in = Sigmoid(Seeing(gates[0], w_i_, c));
    const Tensor fresh = Activate(options_.activation, gates[1]);
    const Tensor taken = Times(in, fresh);
    const Tensor new_c = Clipped(Plus(kept, taken), options_.cell_clip);
    const Tensor out = Sigmoid(Seeing(gates[3], w_o_, new_c));
    const Tensor shown = Activate(options_.activation, new_c);
    Tensor new_m = Times(out, shown);
    if (options_.num_proj) {
      new_m = LinearOf({new_m}, projection_, Variable());
      new_m = Clipped(new_m, options_.proj_clip);
    }
    if (options_.state_is_tuple) return {new_m, LSTMStateTuple(new_c, new_m)};
    return {new_m, Concat({new_c, new_m}, 1)};
  }

  int64_t num_units_;
  LSTMCellOptions options_;
  Variable kernel_, bias_, w_f_, w_i_, w_o_, projection_;
};

class Multi final : public LayerCell {
 public:
  Multi(std::vector<RNNCell> cells, const MultiRNNCellOptions& o)
      : LayerCell(Kind::kRnnCell, "MultiRNNCell", "", false),
        cells_(std::move(cells)),
        state_is_tuple_(o.state_is_tuple) {
    if (cells_.empty()) {
      ThrowError(Code::kInvalidArgument, "Must specify at least one cell for MultiRNNCell.");
    }
    for (const RNNCell& cell : cells_) {
      if (!state_is_tuple_ && cell.state_size().is_list()) {
        ThrowError(Code::kInvalidArgument,
                   "MultiRNNCell: Some cells return tuples of states, but the flag state_is_tuple "
                   "is not set.");
      }
    }
  }
  RnnStateSize state_size() const override {
    std::vector<RnnStateSize> sizes;
    for (const RNNCell& cell : cells_) sizes.push_back(cell.state_size());
    RnnStateSize all = RnnStateSize::List(std::move(sizes));
    return state_is_tuple_ ? all : SizeOf(TotalSize(all));
  }
  std::vector<bool> memories() const override {
    if (!state_is_tuple_) return {false};
    std::vector<bool> all;
    for (const RNNCell& cell : cells_) {
      const std::vector<bool> part = cell.impl().memories();
      all.insert(all.end(), part.begin(), part.end());
    }
    return all;
  }
  int64_t output_size() const override { return cells_.back().output_size(); }

  RnnState ZeroState(const Input& batch_size, DataType dtype) const override {
    const OpScope scope("", "MultiRNNCellZeroState", {&batch_size});
    if (!state_is_tuple_) return CellImpl::ZeroState(batch_size, dtype);
    std::vector<RnnState> states;
    for (const RNNCell& cell : cells_) states.push_back(cell.ZeroState(batch_size, dtype));
    return RnnState::List(std::move(states));
  }

 private:
  void Build(const Tensor&) override {}
  CellResult Call(const Tensor& inputs, const RnnState& state) override {
    Tensor current = inputs;
    std::vector<RnnState> states;
    int64_t column = 0;
    for (size_t i = 0; i < cells_.size(); ++i) {
      const VariableScope scope(StrCat("cell_", i), {}, inputs.graph());
      RnnState own;
      if (state_is_tuple_) {
        own = state[i];
      } else {
        const int64_t size = TotalSize(cells_[i].state_size());
        own = Columns(state.leaf(), column, size);
        column += size;
      }
      CellResult result = cells_[i](current, own);
      current = result.output;
      states.push_back(std::move(result.state));
    }
    if (state_is_tuple_) return {current, RnnState::List(std::move(states))};
    std::vector<Input> joined;
    for (const RnnState& s : states) joined.emplace_back(s.leaf());
    return {current, Concat(joined, 1)};
  }

  std::vector<RNNCell> cells_;
  bool state_is_tuple_;
};

}  // namespace

BasicRNNCell::BasicRNNCell(int64_t num_units, const BasicRNNCellOptions& options)
    : RNNCell(MakeCell<BasicRnn>(num_units, options)) {}
GRUCell::GRUCell(int64_t num_units, const GRUCellOptions& options)
    : RNNCell(MakeCell<Gru>(num_units, options)) {}
BasicLSTMCell::BasicLSTMCell(int64_t num_units, const BasicLSTMCellOptions& options)
    : RNNCell(MakeCell<BasicLstm>(num_units, options)) {}
LSTMCell::LSTMCell(int64_t num_units, const LSTMCellOptions& options)
    : RNNCell(MakeCell<Lstm>(num_units, options)) {}
MultiRNNCell::MultiRNNCell(std::vector<RNNCell> cells, const MultiRNNCellOptions& options)
    : RNNCell(MakeCell<Multi>(std::move(cells), options)) {}

}  // namespace weft::nn::rnn_cell
