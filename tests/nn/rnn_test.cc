// SPDX-License-Identifier: Apache-2.0
// Cells and networks against plain loops in double.
#include "weft/nn/rnn.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/arrays.h"
#include "weft/nn/rnn_wrappers.h"
#include "weft/weft.h"

namespace weft::nn {
namespace {

namespace rnn = rnn_cell;

constexpr int64_t kBatch = 3, kTime = 4, kInput = 2, kUnits = 5;

double At(const Array& a, int64_t i) { return a.AsDouble(i); }
double Logistic(double x) { return 1 / (1 + std::exp(-x)); }

class RnnTest : public ::testing::Test {
 protected:
  RnnTest() { graph_.set_seed(7); }

  // All variables, by name.
  std::map<std::string, Array> Values(Session& session) {
    std::map<std::string, Array> values;
    for (const Variable& v : GlobalVariables()) values[v.op_name()] = session.Run(v.AsTensor());
    return values;
  }

  static Array Numbers(const Shape& shape, double seed) {
    Array a(kFloat32, shape);
    for (int64_t i = 0; i < a.num_elements(); ++i)
      a.mutable_data<float>()[i] =
          static_cast<float>(std::sin(12.9898 * static_cast<double>(i + 1) + seed));
    return a;
  }
  static Array Inputs() { return Numbers({kBatch, kTime, kInput}, 1); }
  static Tensor X() { return Placeholder(kFloat32, {kBatch, kTime, kInput}, "x"); }

  Graph graph_;
  GraphScope scope_{graph_};
};

// [x, h] kernel + bias in one place.
double Linear(const Array& kernel, const Array& bias, const std::vector<double>& joined,
              int64_t column) {
  const int64_t columns = bias.num_elements();
  double sum = At(bias, column);
  for (size_t k = 0; k < joined.size(); ++k)
    sum += joined[k] * At(kernel, static_cast<int64_t>(k) * columns + column);
  return sum;
}

struct LstmState {
  std::vector<double> c = std::vector<double>(kUnits), h = std::vector<double>(kUnits);
};
// A BasicLSTMCell's step.
LstmState LstmStep(const Array& kernel, const Array& bias, const std::vector<double>& x,
                   const LstmState& before) {
  std::vector<double> joined = x;
  joined.insert(joined.end(), before.h.begin(), before.h.end());
  LstmState after;
  for (int64_t j = 0; j < kUnits; ++j) {
    const size_t at = static_cast<size_t>(j);
    const auto gate = [&](int64_t n) { return Linear(kernel, bias, joined, n * kUnits + j); };
    after.c[at] = Logistic(gate(2) + 1) * before.c[at] + Logistic(gate(0)) * std::tanh(gate(1));
    after.h[at] = Logistic(gate(3)) * std::tanh(after.c[at]);
  }
  return after;
}

std::vector<double> RowOf(const Array& x, int64_t b, int64_t t) {
  std::vector<double> row;
  for (int64_t k = 0; k < kInput; ++k) row.push_back(At(x, (b * kTime + t) * kInput + k));
  return row;
}

TEST_F(RnnTest, DynamicLstmWithLengths) {
  const Tensor x = X();
  const std::vector<int64_t> lengths = {4, 1, 0};
  const DynamicRnnResult r = DynamicRnn(rnn::BasicLSTMCell(kUnits), x,
                                        {.sequence_length = Input(lengths), .dtype = kFloat32});
  EXPECT_EQ(r.outputs.shape(), PartialShape({kBatch, kTime, kUnits}));
  const rnn::LSTMStateTuple last(r.state);
  Session session;
  session.Run(GlobalVariablesInitializer());
  auto values = Values(session);
  const Array &kernel = values.at("rnn/basic_lstm_cell/kernel"),
              &bias = values.at("rnn/basic_lstm_cell/bias");
  const Array inputs = Inputs();
  const std::vector<Array> got =
      session.Run(std::vector<Tensor>{r.outputs, last.c, last.h}, {{x, inputs}});
  for (int64_t b = 0; b < kBatch; ++b) {
    LstmState s;
    for (int64_t t = 0; t < kTime; ++t) {
      const bool runs = t < lengths[static_cast<size_t>(b)];
      if (runs) s = LstmStep(kernel, bias, RowOf(inputs, b, t), s);
      for (int64_t j = 0; j < kUnits; ++j) {
        EXPECT_NEAR(At(got[0], (b * kTime + t) * kUnits + j),
                    runs ? s.h[static_cast<size_t>(j)] : 0, 1e-5);
      }
    }
    for (int64_t j = 0; j < kUnits; ++j) {
      EXPECT_NEAR(At(got[1], b * kUnits + j), s.c[static_cast<size_t>(j)], 1e-5);
      EXPECT_NEAR(At(got[2], b * kUnits + j), s.h[static_cast<size_t>(j)], 1e-5);
    }
  }
}

// All ways of unrolling one cell give the same.
TEST_F(RnnTest, StaticDynamicAndRawAgree) {
  const Tensor x = X();
  const rnn::GRUCell cell(kUnits);
  const Array lengths = I32({4, 2, 3});
  const DynamicRnnResult dynamic =
      DynamicRnn(cell, x, {.sequence_length = Input(lengths), .dtype = kFloat32});
  std::vector<Input> steps;
  for (int t = 0; t < kTime; ++t) steps.emplace_back(weft::At(x, {All, t}));
  const StaticRnnResult unrolled =
      StaticRnn(cell, steps, {.dtype = kFloat32, .sequence_length = Input(lengths)});
  const Tensor by_time = Transpose(x, {1, 0, 2});
  const DynamicRnnResult time_major = DynamicRnn(
      cell, by_time, {.sequence_length = Input(lengths), .dtype = kFloat32, .time_major = true});
  const TensorArray list =
      TensorArray(kFloat32, static_cast<int32_t>(kTime), {.clear_after_read = false})
          .Unstack(by_time);
  const Tensor ends = Constant(lengths);
  const RawRnnResult raw = RawRnn(
      cell, [&](const Tensor& time, const Tensor& output, const RnnState& state, const RnnState&) {
        RawRnnStep step;
        step.elements_finished = GreaterEqual(time, ends);
        const Tensor in_range = Minimum(time, static_cast<int32_t>(kTime - 1));
        step.next_input = list.Read(in_range);
        step.next_cell_state = output.valid() ? state : cell.ZeroState(3, kFloat32);
        return step;
      });
  ASSERT_EQ(raw.emit.size(), 1u);
  EXPECT_EQ(GlobalVariables().size(), 4u);  // one cell
  Session session;
  session.Run(GlobalVariablesInitializer());
  const Tensor stacked = Stack({unrolled.outputs.begin(), unrolled.outputs.end()}, {.axis = 1});
  const std::vector<Array> got = session.Run(
      std::vector<Tensor>{dynamic.outputs, stacked, Transpose(time_major.outputs, {1, 0, 2}),
                          Transpose(raw.emit[0].Stack(), {1, 0, 2}), dynamic.state.leaf(),
                          unrolled.state.leaf(), time_major.state.leaf(), raw.state.leaf()},
      {{x, Inputs()}});
  for (int i : {1, 2, 3})
    EXPECT_TRUE(ArraysNear(got[static_cast<size_t>(i)], got[0], {1e-6, 1e-6})) << i;
  for (int i : {5, 6, 7})
    EXPECT_TRUE(ArraysNear(got[static_cast<size_t>(i)], got[4], {1e-6, 1e-6})) << i;
}

TEST_F(RnnTest, BlockCellsEqualTheirPlainForms) {
  const Tensor x = X();
  const DynamicRnnResult plain =
      DynamicRnn(rnn::BasicLSTMCell(kUnits, {.name = "a"}), x, {.dtype = kFloat32});
  const DynamicRnnResult block =
      DynamicRnn(rnn::LSTMBlockCell(kUnits, {.name = "b"}), x, {.dtype = kFloat32});
  const DynamicRnnResult gru =
      DynamicRnn(rnn::GRUCell(kUnits, {.name = "c"}), x, {.dtype = kFloat32});
  const DynamicRnnResult gru_block =
      DynamicRnn(rnn::GRUBlockCellV2(kUnits, {.name = "d"}), x, {.dtype = kFloat32});
  std::map<std::string, Variable> variables;
  for (const Variable& v : GlobalVariables()) variables[v.op_name()] = v;
  std::vector<Tensor> copies;
  const auto copy = [&](const std::string& from, const std::string& to) {
    copies.push_back(Assign(variables.at("rnn/" + to), variables.at("rnn/" + from)));
  };
  copy("a/kernel", "b/kernel");
  copy("a/bias", "b/bias");
  for (const char* part : {"gates/kernel", "gates/bias", "candidate/kernel", "candidate/bias"})
    copy(std::string("c/") + part, std::string("d/") + part);
  const Tensor of_plain = Gradients({ReduceSum(Square(plain.outputs))}, {x})[0].tensor();
  const Tensor of_block = Gradients({ReduceSum(Square(block.outputs))}, {x})[0].tensor();
  Session session;
  session.Run(GlobalVariablesInitializer());
  session.Run(copies);
  const std::vector<Array> got =
      session.Run(std::vector<Tensor>{plain.outputs, block.outputs, gru.outputs, gru_block.outputs,
                                      of_plain, of_block},
                  {{x, Inputs()}});
  EXPECT_TRUE(ArraysNear(got[1], got[0], {1e-5, 1e-6}));
  EXPECT_TRUE(ArraysNear(got[3], got[2], {1e-5, 1e-6}));
  EXPECT_TRUE(ArraysNear(got[5], got[4], {1e-4, 1e-6}));
}

TEST_F(RnnTest, StatesThatAreOneTensor) {
  const rnn::MultiRNNCell cell({rnn::BasicLSTMCell(3, {.state_is_tuple = false}),
                                rnn::LSTMCell(4, {.num_proj = 2, .state_is_tuple = false})},
                               {.state_is_tuple = false});
  EXPECT_EQ(cell.state_size().leaf(), Shape({12}));
  EXPECT_EQ(cell.output_size(), 2);
  const Tensor x = X();
  const DynamicRnnResult r = DynamicRnn(cell, x, {.dtype = kFloat32});
  EXPECT_EQ(r.state.leaf().shape(), PartialShape({kBatch, 12}));
  Session session;
  session.Run(GlobalVariablesInitializer());
  const Array state = session.Run(r.state.leaf(), {{x, Inputs()}});
  EXPECT_EQ(state.shape(), Shape({kBatch, 12}));
}

// The same units are dropped in all steps.
TEST_F(RnnTest, VariationalDropout) {
  constexpr int64_t kMany = 40;
  const Tensor x = X();
  const rnn::DropoutWrapper cell(
      rnn::BasicRNNCell(kMany),
      {.output_keep_prob = 0.5, .variational_recurrent = true, .dtype = kFloat32, .seed = 3});
  const DynamicRnnResult r = DynamicRnn(cell, x, {.dtype = kFloat32});
  Session session;
  session.Run(GlobalVariablesInitializer());
  const Array y = session.Run(r.outputs, {{x, Inputs()}});
  int64_t dropped = 0;
  for (int64_t j = 0; j < kMany; ++j) {
    const bool zero = At(y, j) == 0;
    if (zero) ++dropped;
    for (int64_t row = 0; row < kBatch * kTime; ++row)
      EXPECT_EQ(At(y, row * kMany + j) == 0, zero) << row << " " << j;
  }
  EXPECT_GT(dropped, 0);
  EXPECT_LT(dropped, kMany);
}

TEST_F(RnnTest, WrappersChangeSizes) {
  const Tensor x = X();
  const rnn::OutputProjectionWrapper out(rnn::InputProjectionWrapper(rnn::GRUCell(kUnits), 7), 3);
  const DynamicRnnResult r = DynamicRnn(out, x, {.dtype = kFloat32});
  EXPECT_EQ(r.outputs.shape(), PartialShape({kBatch, kTime, 3}));
  const DynamicRnnResult attention =
      DynamicRnn(rnn::AttentionCellWrapper(rnn::BasicLSTMCell(kUnits), 2), x,
                 {.dtype = kFloat32, .scope = "attention"});
  EXPECT_EQ(attention.state.size(), 3u);
  const DynamicRnnResult norm =
      DynamicRnn(rnn::LayerNormBasicLSTMCell(kUnits), x, {.dtype = kFloat32, .scope = "norm"});
  Session session;
  session.Run(GlobalVariablesInitializer());
  const std::vector<Array> got =
      session.Run(std::vector<Tensor>{r.outputs, attention.outputs, norm.outputs}, {{x, Inputs()}});
  for (const Array& a : got) {
    for (int64_t i = 0; i < a.num_elements(); ++i) EXPECT_TRUE(std::isfinite(At(a, i)));
  }
}

TEST_F(RnnTest, Errors) {
  const Tensor x = X();
  const rnn::BasicLSTMCell cell(kUnits);
  const auto message = [](const std::function<void()>& build) {
    try {
      build();
    } catch (const InvalidArgumentError& e) {
      return std::string(e.what());
    }
    return std::string("no error");
  };
  using testing::HasSubstr;
  EXPECT_THAT(message([&] { DynamicRnn(cell, x); }), HasSubstr("`dtype` must be specified"));
  EXPECT_THAT(message([&] {
                cell(weft::At(x, {All, 0}), RnnState(x));
              }),
              HasSubstr("the state must be of the structure ([5], [5])"));
  EXPECT_THAT(message([&] {
                DynamicRnn(cell, Placeholder(kFloat32, {2, 3, -1}), {.dtype = kFloat32});
              }),
              HasSubstr("must be accessible via shape inference"));
  EXPECT_THAT(message([&] { StaticRnn(cell, {}, {.dtype = kFloat32}); }), HasSubstr("empty"));
  EXPECT_THAT(message([&] { rnn::MultiRNNCell({}); }), HasSubstr("at least one cell"));
  EXPECT_THAT(message([&] { rnn::DropoutWrapper(cell, {.input_keep_prob = 1.5}); }),
              HasSubstr("input_keep_prob must be between 0 and 1"));
  EXPECT_THAT(message([&] {
                rnn::BasicRNNCell ints(2);
                ints(Placeholder(kInt32, {1, 2}), ints.ZeroState(1, kFloat32));
              }),
              HasSubstr("only supports floating point inputs, but received dtype: int32"));
  // Lengths for another batch fail at once, or when it runs.
  EXPECT_THAT(
      message([&] {
        DynamicRnn(rnn::GRUCell(2), x, {.sequence_length = Input(I32({1, 2})), .dtype = kFloat32});
      }),
      HasSubstr("are 2 and 3"));
  const Tensor lengths = Placeholder(kInt32, {-1});
  const DynamicRnnResult r = DynamicRnn(
      rnn::GRUCell(2), x, {.sequence_length = Input(lengths), .dtype = kFloat32, .scope = "other"});
  Session session;
  session.Run(GlobalVariablesInitializer());
  EXPECT_THROW(session.Run(r.outputs, {{x, Inputs()}, {lengths, I32({1, 2})}}),
               InvalidArgumentError);
}

}  // namespace
}  // namespace weft::nn
