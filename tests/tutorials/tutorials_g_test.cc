// SPDX-License-Identifier: Apache-2.0
// G: recurrent networks, as the text's programs use them.
#include <gtest/gtest.h>

#include <cmath>

#include "examples/lstm/sine.h"
#include "weft/nn/rnn_wrappers.h"

namespace weft::examples {
namespace {

namespace rnn = nn::rnn_cell;

class TutorialsG : public ::testing::Test {
 protected:
  Graph graph_;
  GraphScope scope_{graph_};
};

// G1: a cell unrolled by hand; its variables are made once, and the state is a pair.
TEST_F(TutorialsG, UnrolledByHand) {
  graph_.set_seed(1);
  const rnn::BasicLSTMCell lstm(4);
  nn::RnnState state = lstm.ZeroState(2, kFloat32);
  EXPECT_EQ(state.size(), 2u);
  const Tensor x = Placeholder(kFloat32, {2, 3, 5}, "x");
  Tensor loss = Constant(0.0f);
  {
    VariableScope scope("net");
    for (int t = 0; t < 3; ++t) {
      if (t > 0) scope.ReuseVariables();
      const rnn::CellResult step = lstm(At(x, {All, t}), state);
      state = step.state;
      loss = loss + ReduceSum(step.output);
    }
  }
  std::vector<std::string> names;
  for (const Variable& v : GlobalVariables()) names.push_back(v.name());
  EXPECT_EQ(names, (std::vector<std::string>{"net/basic_lstm_cell/kernel:0",
                                             "net/basic_lstm_cell/bias:0"}));
  const rnn::LSTMStateTuple last(state);
  EXPECT_EQ(last.c.shape(), PartialShape({2, 4}));
  Session session;
  session.Run(GlobalVariablesInitializer());
  const Array ones = Array::Full(Shape({2, 3, 5}), Array(1.0f));
  const std::vector<Array> got =
      session.Run(std::vector<Tensor>{last.c, last.h, loss}, {{x, ones}});
  // Both rows saw the same; h = sigmoid(o) tanh(c) is smaller than tanh(c).
  EXPECT_EQ(got[1].AsDouble(0), got[1].AsDouble(4));
  for (int i = 0; i < 8; ++i)
    EXPECT_LT(std::fabs(got[1].AsDouble(i)), std::fabs(std::tanh(got[0].AsDouble(i))));
}

// G2: layers with dropout, and both directions.
TEST_F(TutorialsG, LayersDropoutAndBothDirections) {
  const Tensor x = Placeholder(kFloat32, {3, 4, 2}, "x");
  const Tensor keep = PlaceholderWithDefault(1.0f, PartialShape::Scalar(), "keep");
  const auto cell = [&] {
    return rnn::DropoutWrapper(rnn::BasicLSTMCell(5),
                               {.input_keep_prob = keep, .output_keep_prob = keep});
  };
  const nn::DynamicRnnResult deep =
      nn::DynamicRnn(rnn::MultiRNNCell({cell(), cell()}), x, {.dtype = kFloat32});
  const nn::BidirectionalDynamicRnnResult both =
      nn::BidirectionalDynamicRnn(rnn::GRUCell(3), rnn::GRUCell(3), x, {.dtype = kFloat32});
  const nn::StaticBidirectionalRnnResult unrolled = nn::StaticBidirectionalRnn(
      rnn::GRUCell(3), rnn::GRUCell(3), {At(x, {All, 0}), At(x, {All, 1})},
      {.dtype = kFloat32, .scope = "unrolled"});
  EXPECT_EQ(deep.outputs.shape(), PartialShape({3, 4, 5}));
  EXPECT_EQ(both.output_bw.shape(), PartialShape({3, 4, 3}));
  EXPECT_EQ(unrolled.outputs[0].shape(), PartialShape({3, 6}));
  std::vector<std::string> names;
  for (const Variable& v : GlobalVariables()) names.push_back(v.op_name());
  EXPECT_EQ(names[0], "rnn/multi_rnn_cell/cell_0/basic_lstm_cell/kernel");
  EXPECT_EQ(names[2], "rnn/multi_rnn_cell/cell_1/basic_lstm_cell/kernel");
  EXPECT_EQ(names[4], "bidirectional_rnn/fw/gru_cell/gates/kernel");
  Session session;
  session.Run(GlobalVariablesInitializer());
  const Array ones = Array::Full(Shape({3, 4, 2}), Array(1.0f));
  // Without dropout all rows are equal, as their inputs are; with it, not.
  const auto rows_are_equal = [](const Array& a) {
    for (int64_t i = 20; i < a.num_elements(); ++i)
      if (a.AsDouble(i) != a.AsDouble(i - 20)) return false;
    return true;
  };
  EXPECT_TRUE(rows_are_equal(session.Run(deep.outputs, {{x, ones}})));
  EXPECT_FALSE(rows_are_equal(session.Run(deep.outputs, {{x, ones}, {keep, Array(0.5f)}})));
  // What the backward cell says last of equal inputs is what the forward cell of its weights would
  // say first: the state after all steps.
  const std::vector<Array> backward =
      session.Run(std::vector<Tensor>{both.output_bw, both.state_bw.leaf()}, {{x, ones}});
  for (int i = 0; i < 3; ++i) EXPECT_EQ(backward[0].AsDouble(i), backward[1].AsDouble(i));
}

// G3, its first steps: the losses that TensorFlow 2.15.1 gives with the same seeds
// (interop/programs/c_sin_lstm.json).
TEST_F(TutorialsG, SineFirstLosses) {
  const double want[] = {0.6018410921096802,   0.29886654019355774, 0.13484470546245575,
                         0.030652817338705063, 0.01604338176548481, 0.04969661682844162,
                         0.11226306110620499,  0.07925044000148773, 0.025935739278793335,
                         0.002402201062068343};
  graph_.set_seed(1);
  const SineModel model = BuildSineModel();
  const SineData training = SineTrainingData();
  ASSERT_EQ(training.size(), 10000);
  Session session;
  session.Run(GlobalVariablesInitializer());
  EXPECT_NEAR(Evaluate(session, model, SineTestData()).rmse, 0.7513052821159363, 1e-4);
  const Callable step = session.MakeCallable({model.loss}, {model.x, model.y}, {model.train});
  for (int64_t s = 0; s < 10; ++s) {
    const SineData batch = TrainingBatch(training, s, 32);
    const float loss = step({batch.x, batch.y})[0].scalar<float>();
    EXPECT_NEAR(loss, want[s], 1e-4 * want[s]) << "at step " << s;
  }
}

// Cells of one op learn as the others do.
TEST_F(TutorialsG, SineWithBlockCells) {
  graph_.set_seed(1);
  const SineModel model = BuildSineModel({.block_cells = true});
  const SineData training = SineTrainingData(), test = SineTestData();
  Session session;
  session.Run(GlobalVariablesInitializer());
  const Callable step = session.MakeCallable({model.loss}, {model.x, model.y}, {model.train});
  for (int64_t s = 0; s < 1000; ++s) {
    const SineData batch = TrainingBatch(training, s, 32);
    step({batch.x, batch.y});
  }
  EXPECT_LT(Evaluate(session, model, test).rmse, 0.05);
}

}  // namespace
}  // namespace weft::examples
