// SPDX-License-Identifier: Apache-2.0
// Nodes and names of recurrent networks against TensorFlow's: tests/support/make_rnn_golden.py.
#include "gtest/gtest.h"
#include "tests/support/graph_golden.h"
#include "weft/nn/rnn.h"
#include "weft/nn/rnn_wrappers.h"
#include "weft/weft.h"

namespace weft::nn {
namespace {

namespace rnn = rnn_cell;

Tensor X(const PartialShape& shape = {2, 3, 4}) { return Placeholder(kFloat32, shape, "x"); }
Tensor Lengths() { return Constant(Array({2, 3}), "lengths"); }
std::vector<Input> Steps() {
  const Tensor first = X({2, 4});
  const Tensor second = X({2, 4});
  return {first, second};
}

TEST(RnnGraphs, Dynamic) {
  GoldenGraphs golden("tests/nn/data/rnn.golden");
  golden.Expect("basic", [] { DynamicRnn(rnn::BasicRNNCell(5), X(), {.dtype = kFloat32}); });
  golden.Expect("gru_unknown_batch", [] {
    DynamicRnn(rnn::GRUCell(5), X({-1, 3, 4}), {.dtype = kFloat32});
  });
  golden.Expect("lstm_lengths", [] {
    const rnn::BasicLSTMCell cell(5);
    const Tensor x = X();
    DynamicRnn(cell, x, {.sequence_length = Input(Lengths()), .dtype = kFloat32});
  });
  golden.Expect("lstm_time_major", [] {
    DynamicRnn(rnn::BasicLSTMCell(5, {.state_is_tuple = false}), X(),
               {.dtype = kFloat32, .time_major = true});
  });
  golden.Expect("lstm_full", [] {
    DynamicRnn(rnn::LSTMCell(
                   5, {.use_peepholes = true, .cell_clip = 2.0, .num_proj = 3, .proj_clip = 1.0}),
               X(), {.dtype = kFloat32});
  });
  golden.Expect("multi", [] {
    DynamicRnn(rnn::MultiRNNCell({rnn::BasicLSTMCell(5), rnn::GRUCell(3)}), X(),
               {.dtype = kFloat32});
  });
  golden.Expect("wrappers", [] {
    const rnn::DropoutWrapper dropping(
        rnn::GRUCell(4), {.input_keep_prob = 0.5, .output_keep_prob = 0.8, .seed = 7});
    DynamicRnn(rnn::ResidualWrapper(dropping), X(), {.dtype = kFloat32});
  });
  golden.Expect("variational", [] {
    const rnn::DropoutWrapper cell(rnn::BasicLSTMCell(5), {.input_keep_prob = 0.5,
                                                           .output_keep_prob = 0.6,
                                                           .state_keep_prob = 0.7,
                                                           .variational_recurrent = true,
                                                           .input_size = 4,
                                                           .dtype = kFloat32,
                                                           .seed = 7});
    DynamicRnn(cell, X(), {.dtype = kFloat32});
  });
  golden.Expect("bidirectional", [] {
    const Tensor x = X();
    BidirectionalDynamicRnn(rnn::GRUCell(5), rnn::GRUCell(5), x,
                            {.sequence_length = Input(Lengths()), .dtype = kFloat32});
  });
}

TEST(RnnGraphs, Static) {
  GoldenGraphs golden("tests/nn/data/rnn.golden");
  golden.Expect("static", [] {
    StaticRnn(rnn::MultiRNNCell({rnn::BasicLSTMCell(5)}), Steps(), {.dtype = kFloat32});
  });
  golden.Expect("static_lengths", [] {
    const std::vector<Input> steps = Steps();
    StaticRnn(rnn::GRUCell(5), steps, {.dtype = kFloat32, .sequence_length = Input(Lengths())});
  });
  golden.Expect("static_bidirectional", [] {
    StaticBidirectionalRnn(rnn::GRUCell(5), rnn::GRUCell(5), Steps(), {.dtype = kFloat32});
  });
}

}  // namespace
}  // namespace weft::nn
