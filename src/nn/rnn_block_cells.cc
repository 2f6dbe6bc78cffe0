// SPDX-License-Identifier: Apache-2.0
// Cells of one op a step, and the LSTM with layer normalisation.
#include <cmath>

#include "src/core/status.h"
#include "src/nn/rnn_layer_cell.h"
#include "src/ops/operators.h"
#include "weft/graph/op_builder.h"
#include "weft/ops/activation.h"
#include "weft/ops/array.h"
#include "weft/ops/basic.h"
#include "weft/ops/math_unary.h"
#include "weft/ops/matmul.h"
#include "weft/ops/nn.h"

namespace weft::nn::rnn_cell {
namespace {

using weft::internal::Plus;
using weft::internal::Times;

void CheckUnits(const char* cell, int64_t n) {
  if (n >= 1 && n <= (int64_t{1} << 28)) return;
  ThrowError(Code::kInvalidArgument, StrCat(cell, ": num_units is ", n, ", which must be >= 1"));
}

RnnStateSize PairOf(int64_t n) { return RnnStateSize::List({SizeOf(n), SizeOf(n)}); }

class LstmBlock final : public LayerCell {
 public:
  LstmBlock(int64_t num_units, const LSTMBlockCellOptions& o)
      : LayerCell(Kind::kLayerRnnCell, "LSTMBlockCell", o.name.empty() ? "lstm_cell" : o.name,
                  o.reuse),
        num_units_(num_units),
        options_(o) {
    CheckUnits("LSTMBlockCell", num_units);
  }
  RnnStateSize state_size() const override { return PairOf(num_units_); }
  std::vector<bool> memories() const override { return {true, false}; }
  int64_t output_size() const override { return num_units_; }

 private:
  void Build(const Tensor& inputs) override {
    const int64_t depth = InputSize(*this, inputs);
    const DataType dtype = InputDtype(inputs);
    kernel_ = Weight("kernel", {depth + num_units_, 4 * num_units_}, dtype);
    bias_ = Weight("bias", {4 * num_units_}, dtype, ConstantInitializer(Array(0.0f)));
    if (!options_.use_peephole) return;
    w_i_ = Weight("w_i_diag", {num_units_}, dtype);
    w_f_ = Weight("w_f_diag", {num_units_}, dtype);
    w_o_ = Weight("w_o_diag", {num_units_}, dtype);
  }
  CellResult Call(const Tensor& inputs, const RnnState& state) override {
    const LSTMStateTuple before(state);
    Input w_i = Tensor(), w_f = Tensor(), w_o = Tensor();
    if (options_.use_peephole) {
      w_i = w_i_;
      w_f = w_f_;
      w_o = w_o_;
    } else {
      w_i = Constant(Array::Zeros(InputDtype(inputs), Shape({num_units_})));
      w_f = w_o = w_i;
    }
    const std::vector<Tensor> out =
        OpBuilder("LSTMBlockCell", NameOptions())
            .In(inputs)
            .In(before.c)
            .In(before.h)
            .In(kernel_)
            .In(w_i)
            .In(w_f)
            .In(w_o)
            .In(bias_)
            .Attr("forget_bias", static_cast<float>(options_.forget_bias))
            .Attr("cell_clip", static_cast<float>(options_.cell_clip.value_or(-1)))
            .Attr("use_peephole", options_.use_peephole)
            .Outputs();
    return {out[6], LSTMStateTuple(out[1], out[6])};
  }

  int64_t num_units_;
  LSTMBlockCellOptions options_;
  Variable kernel_, bias_, w_i_, w_f_, w_o_;
};

class GruBlock final : public LayerCell {
 public:
  // The first version's variables are named as the op's inputs.
  GruBlock(bool second, int64_t num_units, const CellOptions& o)
      : LayerCell(Kind::kLayerRnnCell, second ? "GRUBlockCellV2" : "GRUBlockCell",
                  o.name.empty() ? "gru_cell" : o.name, o.reuse),
        second_(second),
        num_units_(num_units) {
    CheckUnits("GRUBlockCell", num_units);
  }
  RnnStateSize state_size() const override { return SizeOf(num_units_); }
  int64_t output_size() const override { return num_units_; }

 private:
  void Build(const Tensor& inputs) override {
    const int64_t rows = InputSize(*this, inputs) + num_units_;
    const DataType dtype = InputDtype(inputs);
    const Initializer ones = ConstantInitializer(Array(1.0f));
    const Initializer zeros = ConstantInitializer(Array(0.0f));
    w_ru_ = Weight(second_ ? "gates/kernel" : "w_ru", {rows, 2 * num_units_}, dtype);
    b_ru_ = Weight(second_ ? "gates/bias" : "b_ru", {2 * num_units_}, dtype, ones);
    w_c_ = Weight(second_ ? "candidate/kernel" : "w_c", {rows, num_units_}, dtype);
    b_c_ = Weight(second_ ? "candidate/bias" : "b_c", {num_units_}, dtype, zeros);
  }
  CellResult Call(const Tensor& inputs, const RnnState& state) override {
    const Tensor h = OpBuilder("GRUBlockCell", NameOptions())
                         .In(inputs)
                         .In(state.leaf())
                         .In(w_ru_)
                         .In(w_c_)
                         .In(b_ru_)
                         .In(b_c_)
                         .Build()
                         .output(3);
    return {h, h};
  }

  bool second_;
  int64_t num_units_;
  Variable w_ru_, b_ru_, w_c_, b_c_;
};

class LayerNormLstm final : public LayerCell {
 public:
  LayerNormLstm(int64_t num_units, const LayerNormBasicLSTMCellOptions& o)
      : LayerCell(Kind::kRnnCell, "LayerNormBasicLSTMCell", "", o.reuse),
        num_units_(num_units),
        options_(o) {
    CheckUnits("LayerNormBasicLSTMCell", num_units);
  }
  RnnStateSize state_size() const override { return PairOf(num_units_); }
  std::vector<bool> memories() const override { return {true, false}; }
  int64_t output_size() const override { return num_units_; }

 private:
  struct Norm {
    Variable gamma, beta;
  };
  enum Part { kInput, kTransform, kForget, kOutput, kState, kNumParts };
  static constexpr const char* kScopes[kNumParts] = {"input", "transform", "forget", "output",
                                                     "state"};

  void Build(const Tensor& inputs) override {
    const int64_t depth = InputSize(*this, inputs);
    const DataType dtype = InputDtype(inputs);
    kernel_ = Weight("kernel", {depth + num_units_, 4 * num_units_}, dtype);
    if (!options_.layer_norm) {
      bias_ = Weight("bias", {4 * num_units_}, dtype);
      return;
    }
    const Initializer gain = ConstantInitializer(Array(options_.norm_gain));
    const Initializer shift = ConstantInitializer(Array(options_.norm_shift));
    for (int part = 0; part < kNumParts; ++part) {
      const VariableScope scope(kScopes[part], {}, inputs.graph());
      norms_[part].gamma = Weight("gamma", {num_units_}, dtype, gain);
      norms_[part].beta = Weight("beta", {num_units_}, dtype, shift);
    }
  }

  // Over the units of each row, to mean 0 and variance 1, then times gamma plus beta.
  Tensor Normalized(const Tensor& x, Part part) const {
    if (!options_.layer_norm) return x;
    const NameScope scope(kScopes[part], x.graph());
    const MomentsResult moments = Moments(x, {1}, {.keep_dims = true});
    return BatchNormalization(x, moments.mean, moments.variance, norms_[part].beta,
                              norms_[part].gamma, 1e-12);
  }

  CellResult Call(const Tensor& inputs, const RnnState& state) override {
    const LSTMStateTuple before(state);
    const Tensor joined = LinearOf({inputs, before.h}, kernel_, bias_);
    const std::vector<Tensor> gates = Split(joined, 4, {.axis = 1});
    const Tensor i = Normalized(gates[0], kInput), j = Normalized(gates[1], kTransform);
    const Tensor f = Normalized(gates[2], kForget), o = Normalized(gates[3], kOutput);
    Tensor fresh = Activate(options_.activation, j);
    const Input& keep_prob = options_.dropout_keep_prob;
    if (keep_prob.is_tensor() || keep_prob.array().AsDouble() < 1)
      fresh = Dropout(fresh, keep_prob, {.seed = options_.dropout_prob_seed});
    const Tensor keep = Sigmoid(Plus(f, options_.forget_bias));
    const Tensor kept = Times(before.c, keep);
    const Tensor in = Sigmoid(i);
    const Tensor taken = Times(in, fresh);
    const Tensor c = Normalized(Plus(kept, taken), kState);
    const Tensor shown = Activate(options_.activation, c);
    const Tensor out = Sigmoid(o);
    const Tensor h = Times(shown, out);
    return {h, LSTMStateTuple(c, h)};
  }

  int64_t num_units_;
  LayerNormBasicLSTMCellOptions options_;
  Variable kernel_, bias_;
  Norm norms_[kNumParts];
};

}  // namespace

LSTMBlockCell::LSTMBlockCell(int64_t num_units, const LSTMBlockCellOptions& options)
    : RNNCell(MakeCell<LstmBlock>(num_units, options)) {}
GRUBlockCellV2::GRUBlockCellV2(int64_t num_units, const CellOptions& options)
    : RNNCell(MakeCell<GruBlock>(true, num_units, options)) {}
GRUBlockCell::GRUBlockCell(int64_t num_units, const CellOptions& options)
    : RNNCell(MakeCell<GruBlock>(false, num_units, options)) {}
LayerNormBasicLSTMCell::LayerNormBasicLSTMCell(int64_t num_units,
                                               const LayerNormBasicLSTMCellOptions& options)
    : RNNCell(MakeCell<LayerNormLstm>(num_units, options)) {}

}  // namespace weft::nn::rnn_cell
