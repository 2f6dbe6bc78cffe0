// SPDX-License-Identifier: Apache-2.0
// AttentionCellWrapper: attention over the outputs of the last steps.
#include "src/core/status.h"
#include "src/nn/rnn_layer_cell.h"
#include "src/ops/operators.h"
#include "weft/nn/rnn_wrappers.h"
#include "weft/ops/activation.h"
#include "weft/ops/array.h"
#include "weft/ops/convolution.h"
#include "weft/ops/nn.h"
#include "weft/ops/reduction.h"

namespace weft::nn::rnn_cell {
namespace {

using weft::internal::Plus;
using weft::internal::Times;

class Attention final : public LayerCell {
 public:
  Attention(RNNCell cell, int64_t length, const AttentionCellWrapperOptions& o)
      : LayerCell(Kind::kRnnCell, "AttentionCellWrapper", "", o.reuse),
        cell_(std::move(cell)),
        length_(length),
        size_(o.attn_size > 0 ? o.attn_size : cell_.output_size()),
        vec_size_(o.attn_vec_size > 0 ? o.attn_vec_size : cell_.output_size()),
        input_size_(o.input_size),
        state_is_tuple_(o.state_is_tuple) {
    if (length <= 0 || length > (int64_t{1} << 28)) {
      ThrowError(Code::kInvalidArgument,
                 StrCat("attn_length should be greater than zero, got ", length));
    }
    if (!state_is_tuple_ && cell_.state_size().is_list()) {
      ThrowError(Code::kInvalidArgument,
                 "AttentionCellWrapper: Cell returns tuple of states, but the flag state_is_tuple "
                 "is not set.");
    }
  }
  RnnStateSize state_size() const override {
    RnnStateSize all =
        RnnStateSize::List({cell_.state_size(), SizeOf(size_), SizeOf(size_ * length_)});
    return state_is_tuple_ ? all : SizeOf(TotalSize(all));
  }
  std::vector<bool> memories() const override {
    if (!state_is_tuple_) return {false};
    std::vector<bool> all = cell_.impl().memories();
    all.insert(all.end(), 2, false);
    return all;
  }
  int64_t output_size() const override { return size_; }

 private:
  struct Linear {
    Variable kernel, bias;
    Tensor operator()(const std::vector<Input>& args, int64_t size) {
      if (!kernel.valid()) {
        int64_t rows = 0;
        for (const Input& a : args) rows += a.shape().dim(1);
        kernel = Weight("kernel", {rows, size}, DtypeOf(args));
        bias = Weight("bias", {size}, DtypeOf(args), ZerosInitializer());
      }
      return LinearOf(args, kernel, bias);
    }
    static DataType DtypeOf(const std::vector<Input>& args) { return args[0].dtype(); }
  };

  void Build(const Tensor& inputs) override {
    depth_ = input_size_ > 0 ? input_size_ : InputSize(*this, inputs);
  }

  CellResult Call(const Tensor& inputs, const RnnState& state) override {
    InputSize(*this, inputs);
    RnnState own;
    Tensor attention, outputs;
    if (state_is_tuple_) {
      own = state[0];
      attention = state[1].leaf();
      outputs = state[2].leaf();
    } else {
      const int64_t n = TotalSize(cell_.state_size());
      own = Columns(state.leaf(), 0, n);
      attention = Columns(state.leaf(), n, size_);
      outputs = Columns(state.leaf(), n + size_, size_ * length_);
    }
    outputs = Reshape(outputs, {-1, length_, size_});
    const Tensor x = in_({inputs, attention}, depth_);
    const CellResult step = cell_(x, own);
    const std::vector<Tensor> parts = step.state.Flatten();
    const Tensor query = parts.size() == 1 && step.state.is_leaf()
                             ? parts[0]
                             : Concat(std::vector<Input>(parts.begin(), parts.end()), 1);
    const auto [next_attention, rest] = Attend(query, outputs);
    Tensor output;
    {
      const VariableScope scope("attn_output_projection", {}, inputs.graph());
      output = out_({step.output, next_attention}, size_);
    }
    const Tensor row = ExpandDims(output, 1);
    const Tensor all = Concat({rest, row}, 1);
    const Tensor flat = Reshape(all, {-1, length_ * size_});
    if (state_is_tuple_) return {output, RnnState::List({step.state, next_attention, flat})};
    return {output, Concat({step.state.leaf(), next_attention, flat}, 1)};
  }

  // What is attended to, and the outputs without the oldest.
  std::pair<Tensor, Tensor> Attend(const Tensor& query, const Tensor& outputs) {
    const VariableScope scope("attention", {}, query.graph());
    if (!w_.valid()) {
      const DataType dtype = InputDtype(query);
      w_ = Weight("attn_w", {1, 1, size_, vec_size_}, dtype);
      v_ = Weight("attn_v", {vec_size_}, dtype);
    }
    const Tensor hidden = Reshape(outputs, {-1, length_, 1, size_});
    const Tensor features = Conv2D(hidden, w_, {1, 1, 1, 1}, "SAME");
    const Tensor y = Reshape(query_({query}, vec_size_), {-1, 1, 1, vec_size_});
    const Tensor seen = Tanh(Plus(features, y));
    const Tensor scores = ReduceSum(Times(v_, seen), {.axis = {2, 3}});
    const Tensor weights = Reshape(Softmax(scores), {-1, length_, 1, 1});
    const Tensor sum = ReduceSum(Times(weights, hidden), {.axis = {1, 2}});
    const Tensor attention = Reshape(sum, {-1, size_});
    const Tensor rest = Slice(outputs, {0, 1, 0}, {-1, -1, -1});
    return {attention, rest};
  }

  RNNCell cell_;
  int64_t length_, size_, vec_size_, input_size_, depth_ = 0;
  bool state_is_tuple_;
  Linear in_, out_, query_;
  Variable w_, v_;
};

}  // namespace

AttentionCellWrapper::AttentionCellWrapper(RNNCell cell, int64_t attn_length,
                                           const AttentionCellWrapperOptions& options)
    : RNNCell(MakeCell<Attention>(std::move(cell), attn_length, options)) {}

}  // namespace weft::nn::rnn_cell
