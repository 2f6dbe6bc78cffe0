// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <limits>

#include "src/core/status.h"
#include "src/core/strings.h"
#include "src/nn/rnn_layer_cell.h"
#include "src/ops/operators.h"
#include "weft/graph/graph.h"
#include "weft/nn/seq2seq.h"
#include "weft/ops/activation.h"
#include "weft/ops/array.h"
#include "weft/ops/basic.h"
#include "weft/ops/logical.h"
#include "weft/ops/math_unary.h"
#include "weft/ops/matmul.h"
#include "weft/ops/nn.h"
#include "weft/ops/reduction.h"

namespace weft::nn::seq2seq {

using weft::internal::Plus;
using weft::internal::Times;

struct AttentionMechanism::Data {
  bool additive = false;  // Bahdanau's
  int64_t units = 0;
  AttentionOptions options;
  Tensor values, keys;  // [batch, time, depth], [batch, time, units]
  Tensor lengths;       // invalid: all of the memory counts
  bool built = false;
  Variable query_kernel, v, g, b;

  void Build(const Tensor& query) {
    if (built) return;
    const DataType dtype = RemoveRef(query.dtype());
    const VariableScope scope(additive ? "bahdanau_attention" : "luong_attention", {},
                              query.graph());
    if (additive) {
      query_kernel = rnn_cell::Weight("query_layer/kernel", {query.shape().dim(1), units}, dtype);
      v = rnn_cell::Weight("attention_v", {units}, dtype);
      if (options.normalize) {
        const double initial = std::sqrt(1.0 / static_cast<double>(units));
        g = rnn_cell::Weight("attention_g", {}, dtype, ConstantInitializer(Array(initial)));
        b = rnn_cell::Weight("attention_b", {units}, dtype, ZerosInitializer());
      }
    } else if (options.scale) {
      g = rnn_cell::Weight("attention_g", {}, dtype, OnesInitializer());
    }
    built = true;
  }

  Tensor Score(const Tensor& query) const {
    if (!additive) {
      const Tensor row = ExpandDims(query, 1);
      const Tensor scores = MatMul(row, keys, {.transpose_b = true});
      const Tensor flat = Squeeze(scores, {1});
      return options.scale ? Times(g, flat) : flat;
    }
    const Tensor processed = ExpandDims(MatMul(query, query_kernel), 1);
    Tensor sum = Plus(keys, processed);
    if (!options.normalize) return ReduceSum(Times(v, Tanh(sum)), {.axis = {2}});
    const Tensor norm = Rsqrt(ReduceSum(Square(v)));
    const Tensor normed = Times(Times(g, v), norm);
    sum = Plus(sum, b);
    return ReduceSum(Times(normed, Tanh(sum)), {.axis = {2}});
  }

  // Steps that don't count have the score -infinity, so that their share is 0.
  Tensor Masked(const Tensor& scores) const {
    if (!lengths.valid()) return scores;
    const Tensor time = At(ShapeOf(scores), {1});
    const Tensor mask = SequenceMask(lengths, {.maxlen = Input(time)});
    const Tensor none = Fill(ShapeOf(scores), Constant(-std::numeric_limits<double>::infinity(),
                                                       RemoveRef(scores.dtype())));
    return Where(mask, scores, none);
  }
};

namespace {

std::shared_ptr<AttentionMechanism::Data> MakeAttention(bool additive, int64_t units,
                                                        const Input& memory,
                                                        const AttentionOptions& options) {
  const char* const type = additive ? "BahdanauAttention" : "LuongAttention";
  const Tensor given = AsTensor(memory, kInvalidType, "memory");
  const PartialShape& shape = given.shape();
  if (!shape.known_rank() || shape.rank() != 3 || shape.dim(2) < 1) {
    ThrowError(Code::kInvalidArgument,
               StrCat(type, ": memory must be [batch, time, depth] of known depth; '", given.name(),
                      "' is of shape ", shape.ToString()));
  }
  if (units < 1) {
    ThrowError(Code::kInvalidArgument,
               StrCat(type, ": num_units is ", units, ", which must be >= 1"));
  }
  const OpScope scope(options.name, type, given.graph());
  auto data = std::make_shared<AttentionMechanism::Data>();
  data->additive = additive;
  data->units = units;
  data->options = options;
  data->values = given;
  const DataType dtype = RemoveRef(given.dtype());
  if (options.memory_sequence_length) {
    data->lengths = AsTensor(*options.memory_sequence_length, kInt32, "memory_sequence_length");
    const Tensor time = At(ShapeOf(given), {1});
    const Tensor mask = SequenceMask(data->lengths, {.maxlen = Input(time), .dtype = dtype});
    data->values = Times(given, ExpandDims(mask, 2));
  }
  const Variable kernel = rnn_cell::Weight("memory_layer/kernel", {shape.dim(2), units}, dtype);
  // Rows of all steps at once.
  const Tensor rows = Reshape(data->values, {-1, shape.dim(2)});
  const Tensor products = MatMul(rows, kernel);
  const Tensor sizes = ShapeOf(data->values);
  const Tensor batch = At(sizes, {0});
  const Tensor time = At(sizes, {1});
  data->keys = Reshape(products, {batch, time, units});
  data->keys.set_shape(PartialShape({shape.dim(0), shape.dim(1), units}));
  return data;
}

class Attending final : public rnn_cell::LayerCell {
 public:
  Attending(rnn_cell::RNNCell cell, const AttentionMechanism& attention,
            const AttentionWrapperOptions& options)
      : LayerCell(Kind::kRnnCell, "AttentionWrapper", options.name, false),
        cell_(std::move(cell)),
        attention_(attention),
        options_(options) {
    if (options.attention_layer_size && *options.attention_layer_size < 1) {
      ThrowError(Code::kInvalidArgument,
                 StrCat("AttentionWrapper: attention_layer_size is ", *options.attention_layer_size,
                        ", which must be >= 1"));
    }
  }
  RnnStateSize state_size() const override {
    // The number of alignments is known where the memory's length is.
    const int64_t time = attention_.values().shape().dim(1);
    return RnnStateSize::List({cell_.state_size(), rnn_cell::SizeOf(attention_size()),
                               rnn_cell::SizeOf(time < 0 ? 0 : time)});
  }
  std::vector<bool> memories() const override {
    std::vector<bool> all = cell_.impl().memories();
    all.insert(all.end(), 2, false);
    return all;
  }
  int64_t output_size() const override {
    return options_.output_attention ? attention_size() : cell_.output_size();
  }
  RnnState ZeroState(const Input& batch_size, DataType dtype) const override {
    const OpScope scope("", "AttentionWrapperZeroState", {&batch_size});
    const RnnState own = cell_.ZeroState(batch_size, dtype);
    const Tensor attention =
        Zeros(rnn_cell::WithBatch(batch_size, Shape({attention_size()})), dtype);
    attention.set_shape(PartialShape({rnn_cell::StaticSize(batch_size), attention_size()}));
    const Tensor& values = attention_.values();
    const Tensor time = ExpandDims(At(ShapeOf(values), {1}), 0);
    const Tensor batch =
        batch_size.is_tensor()
            ? ExpandDims(batch_size, 0)
            : Constant(Array({static_cast<int32_t>(rnn_cell::StaticSize(batch_size))}));
    const Tensor alignments = Zeros(Concat({batch, time}, 0), dtype);
    alignments.set_shape(PartialShape({rnn_cell::StaticSize(batch_size), values.shape().dim(1)}));
    return RnnState::List({own, attention, alignments});
  }

 private:
  int64_t attention_size() const {
    return options_.attention_layer_size.value_or(attention_.values().shape().dim(2));
  }
  void Build(const Tensor&) override {}
  rnn_cell::CellResult Call(const Tensor& inputs, const RnnState& state) override {
    const Tensor x = Concat({inputs, state[1].leaf()}, 1);
    rnn_cell::CellResult step = cell_(x, state[0]);
    const Tensor alignments = attention_(step.output);
    const Tensor weights = ExpandDims(alignments, 1);
    const Tensor context = Squeeze(MatMul(weights, attention_.values()), {1});
    Tensor attention = context;
    if (options_.attention_layer_size) {
      const Tensor joined = Concat({step.output, context}, 1);
      if (!kernel_.valid()) {
        kernel_ = rnn_cell::Weight(
            "attention_layer/kernel",
            {cell_.output_size() + attention_.values().shape().dim(2), attention_size()},
            rnn_cell::InputDtype(inputs));
      }
      attention = MatMul(joined, kernel_);
    }
    const Tensor output = options_.output_attention ? attention : step.output;
    return {output, RnnState::List({step.state, attention, alignments})};
  }

  rnn_cell::RNNCell cell_;
  AttentionMechanism attention_;
  AttentionWrapperOptions options_;
  Variable kernel_;
};

}  // namespace

Tensor AttentionMechanism::operator()(const Tensor& query) const {
  if (!data_) ThrowError(Code::kInvalidArgument, "this AttentionMechanism refers to none");
  const PartialShape& shape = query.shape();
  if (!shape.known_rank() || shape.rank() != 2 || shape.dim(1) < 1 ||
      (!data_->additive && shape.dim(1) != data_->units)) {
    ThrowError(Code::kInvalidArgument,
               StrCat("an attention of ", data_->units, " units can't take the query '",
                      query.name(), "' of shape ", shape.ToString(),
                      data_->additive ? "" : "; its columns must be as many as the units"));
  }
  data_->Build(query);
  return Softmax(data_->Masked(data_->Score(query)));
}

const Tensor& AttentionMechanism::values() const {
  if (!data_) ThrowError(Code::kInvalidArgument, "this AttentionMechanism refers to none");
  return data_->values;
}

LuongAttention::LuongAttention(int64_t num_units, const Input& memory,
                               const AttentionOptions& options) {
  data_ = MakeAttention(false, num_units, memory, options);
}
BahdanauAttention::BahdanauAttention(int64_t num_units, const Input& memory,
                                     const AttentionOptions& options) {
  data_ = MakeAttention(true, num_units, memory, options);
}

AttentionWrapper::AttentionWrapper(rnn_cell::RNNCell cell, const AttentionMechanism& attention,
                                   const AttentionWrapperOptions& options)
    : RNNCell(rnn_cell::MakeCell<Attending>(std::move(cell), attention, options)) {}

}  // namespace weft::nn::seq2seq
